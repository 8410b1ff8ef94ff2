/* The XML of EC2 Auto Scaling's answers ("Query API" of API version 2011-01-01): expat lives here.
 * Pure. The bytes are of anybody: a document type declaration ends the reading (so there are no
 * entities but XML's own), depth and texts are bounded, and texts hold no control characters. */
#ifndef VPCE_DAEMON_AWS_AUTOSCALING_XML_H
#define VPCE_DAEMON_AWS_AUTOSCALING_XML_H

#include "daemon/aws/autoscaling.h"

#define AUTOSCALING_ROOT_SIZE 64

/* Name of the root element into ret_root ("ErrorResponse", "SetInstanceHealthResponse"; a longer
 * one is cut), and into *ret what of its texts is there; of the instances only that with this id.
 *
 * 0; -EINVAL: not a whole, well-formed document, or more of it than we take; -ENOMEM. On failure
 * *ret and ret_root may be half written. */
int autoscaling_xml_read(const char *body, size_t len, const char *instance_id,
    char ret_root[static AUTOSCALING_ROOT_SIZE], struct autoscaling_answer *ret);

#endif
