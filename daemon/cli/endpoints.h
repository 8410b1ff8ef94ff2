/* `vpce-probe endpoints`: what would be probed on a host. Reads the configuration,
 * touches no network. */
#ifndef VPCE_DAEMON_CLI_ENDPOINTS_H
#define VPCE_DAEMON_CLI_ENDPOINTS_H

/* argv[0] is the verb. Returns the exit status: 0, 2 (output or memory failed), 64 (EX_USAGE) or
 * 78 (EX_CONFIG). */
int cli_endpoints(int argc, char **argv);

#endif
