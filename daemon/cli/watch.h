/* `vpce-probe status --watch`: the status on a second screen, drawn again when it changes. */
#ifndef VPCE_DAEMON_CLI_WATCH_H
#define VPCE_DAEMON_CLI_WATCH_H

#include "daemon/cli/cli.h"

/* Until q or a signal, or an end of the output. Returns the exit status of the last status. */
int watch_status(const char *socket, const struct cli_options *options);

#endif
