/* A status as one line for Nagios and its like (Nagios Plugins Development Guidelines): state word,
 * summary, performance data. */
#ifndef VPCE_DAEMON_CLI_NAGIOS_H
#define VPCE_DAEMON_CLI_NAGIOS_H

#include "daemon/cli/cli.h"
#include <stdio.h>

void nagios_print(FILE *out, const json_t *status);

#endif
