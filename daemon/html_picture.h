/* The picture of the report page, as inline SVG: the host on the left with its name servers, and
 * lines to every address, which stand together as they do in the network: by Availability Zone, by
 * subnet, behind the S3 gateway, on the Internet. Pure but for the stream and the heap. */
#ifndef VPCE_DAEMON_HTML_PICTURE_H
#define VPCE_DAEMON_HTML_PICTURE_H

#include <jansson.h>
#include <stdio.h>

/* status: as report_json makes it, or anybody who pretends to. What is too much for a picture is
 * counted ("and 7 more"); what is wrong is drawn first then. Returns 0 or -ENOMEM. */
int html_picture(FILE *out, const json_t *status);

#endif
