/* `vpce-probe status`: ask the daemon and print what it says. */
#include "conf/conf.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/client.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STATUS_TIMEOUT_MS 10000

static const char help[] =
    "Usage: vpce-probe status [OPTION]...\n"
    "Show what the daemon knows now: the host's state, each endpoint, what to change.\n"
    "Exit status: 0 healthy, 1 degraded, 2 unhealthy, 3 unknown or no daemon.\n"
    "\n"
    "  --json           as JSON\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

/* A broken configuration must not hide the status of a daemon that still runs with its old
 * settings: its errors are printed, and the default socket is asked. */
static void
find_socket(const struct cli_options *options, char ret[static CONF_PATH_SIZE])
{
    struct conf_errors errors = {0};
    struct conf *conf = NULL;

    if (options->socket != NULL) {
        (void)str_copy(ret, CONF_PATH_SIZE, options->socket);
        return;
    }
    if (conf_load(options->conf_file, &conf, &errors) < 0) {
        conf_errors_print(&errors, stderr);
    }
    (void)str_copy(ret, CONF_PATH_SIZE, conf != NULL ? conf->socket : CONF_DEFAULT_SOCKET);
    conf_errors_reset(&errors);
    conf_free(conf);
}

static int
say_unreachable(const char *socket, int error)
{
    (void)fprintf(stderr,
        "vpce-probe: no answer from the daemon at %s: %s\n"
        "Start it with: systemctl start vpce-probe\n"
        "Or probe once without it: vpce-probe check\n",
        socket, strerror(error));
    return CLI_EXIT_UNKNOWN;
}

int
cli_status(int argc, char **argv)
{
    struct cli_options options;
    struct client_response response = {0};
    char socket[CONF_PATH_SIZE];
    json_t *status;
    int r = cli_parse(argc, argv, help, false, &options);

    if (r >= 0) {
        return r;
    }
    find_socket(&options, socket);
    r = client_get(socket, "/v1/status", STATUS_TIMEOUT_MS, &response);
    if (r < 0) {
        return say_unreachable(socket, -r);
    }
    status = response.status == 200 ? json_loadb(response.body, response.len, 0, NULL) : NULL;
    free(response.body);
    if (!json_is_object(status)) {
        json_decref(status);
        (void)fprintf(stderr, "vpce-probe: %s does not answer like vpce-probed (HTTP %d)\n", socket,
            response.status);
        return CLI_EXIT_UNKNOWN;
    }
    r = cli_print_status(status, &options);
    json_decref(status);
    return r;
}
