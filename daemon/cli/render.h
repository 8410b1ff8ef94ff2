/* The status as a person reads it: host, causes, table, what to change. Works on the JSON, so that
 * `status` and `check` look the same; every text of it is made safe for a terminal. */
#ifndef VPCE_DAEMON_CLI_RENDER_H
#define VPCE_DAEMON_CLI_RENDER_H

#include "daemon/cli/paint.h"

/* status: any JSON; what is missing or of another type is shown as "-". */
void render_status(FILE *out, const json_t *status, const struct render_options *options);

#endif
