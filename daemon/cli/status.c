/* `vpce-probe status`: ask the daemon and print what it says. */
#include "conf/conf.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/client.h"
#include "daemon/cli/watch.h"
#include "daemon/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_LINE_SIZE 1024

static const char help[] =
    "Usage: vpce-probe status [OPTION]...\n"
    "Show what the daemon knows now: the host's state, each endpoint, what to change.\n"
    "Exit status: 0 healthy, 1 degraded, 2 unhealthy, 3 unknown or no daemon.\n"
    "\n"
    "  --json           as JSON\n"
    "  --metrics        as Prometheus metrics\n"
    "  --nagios         one line with performance data, for a Nagios plugin\n"
    "  --watch          go on, and draw it again when it changes; q ends it\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

void
cli_find_socket(const struct cli_options *options, char ret[static CLI_PATH_SIZE])
{
    struct conf_errors errors = {0};
    char socket[CONF_SOCKET_SIZE];

    if (options->socket != NULL) {
        (void)str_copy(ret, CLI_PATH_SIZE, options->socket);
        return;
    }
    if (conf_load_socket(options->conf_file, socket, &errors) < 0) {
        conf_errors_print(&errors, stderr);
    }
    (void)str_copy(ret, CLI_PATH_SIZE, socket);
    conf_errors_reset(&errors);
}

int
cli_fetch_status(
    const char *socket, int timeout_ms, json_t **ret, char error[static CLI_ERROR_SIZE])
{
    struct client_response response = {0};
    json_t *status;
    int r = client_get(socket, "/v1/status", timeout_ms, &response);

    if (r < 0) {
        (void)snprintf(error, CLI_ERROR_SIZE,
            "vpce-probe: no answer from the daemon at %s: %s\n"
            "Start it with: systemctl start vpce-probe\n"
            "Or probe once without it: vpce-probe check\n",
            socket, strerror(-r));
        return r;
    }
    status = response.status == 200 ? json_loadb(response.body, response.len, 0, NULL) : NULL;
    free(response.body);
    if (!json_is_object(status)) {
        json_decref(status);
        (void)snprintf(error, CLI_ERROR_SIZE,
            "vpce-probe: %s does not answer like vpce-probed (HTTP %d)\n", socket, response.status);
        return -EPROTO;
    }
    *ret = status;
    return 0;
}

/* As it is; to a terminal without what would move its cursor. */
static void
put_page(const char *page, size_t len)
{
    const char *end = page + len;

    if (!isatty(STDOUT_FILENO)) {
        (void)fwrite(page, 1, len, stdout);
        return;
    }
    while (page < end) {
        const char *newline = memchr(page, '\n', (size_t)(end - page));
        size_t line_len = (size_t)((newline != NULL ? newline : end) - page);
        char line[PAGE_LINE_SIZE] = "";
        struct text t = TEXT(line);

        (void)text_add_printable(&t, page, line_len);
        (void)puts(line);
        page += line_len + 1;
    }
}

/* The daemon's own page. */
static int
print_metrics(const char *socket)
{
    struct client_response response = {0};
    int r = client_get(socket, "/metrics", CLI_TIMEOUT_MS, &response);

    if (r < 0 || response.status != 200) {
        (void)fprintf(stderr, "vpce-probe: no metrics from the daemon at %s: %s\n", socket,
            r < 0 ? strerror(-r) : "it does not answer like vpce-probed");
        free(response.body);
        return CLI_EXIT_UNKNOWN;
    }
    put_page(response.body, response.len);
    free(response.body);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "vpce-probe: cannot write the output\n");
        return CLI_EXIT_UNKNOWN;
    }
    return 0;
}

int
cli_status(int argc, char **argv)
{
    struct cli_options options;
    char socket[CLI_PATH_SIZE];
    char error[CLI_ERROR_SIZE];
    json_t *status = NULL;
    int r = cli_parse(argc, argv, help, CLI_TAKES_FORMATS | CLI_TAKES_WATCH, &options);

    if (r >= 0) {
        return r;
    }
    cli_find_socket(&options, socket);
    if (options.watch) {
        return watch_status(socket, &options);
    }
    if (cli_fetch_status(socket, CLI_TIMEOUT_MS, &status, error) < 0) {
        if (options.nagios) {
            /* a line is all it may be */
            const char *why = strchr(error, ' ') + 1; /* behind "vpce-probe:" */

            (void)printf("VPCE-PROBE UNKNOWN: %.*s\n", (int)strcspn(why, "\n"), why);
        } else {
            (void)fputs(error, stderr);
        }
        return CLI_EXIT_UNKNOWN;
    }
    if (options.metrics) {
        int failed = print_metrics(socket);

        r = failed != 0 ? failed
                        : cli_exit_status(json_string_value(json_object_get(status, "state")));
    } else {
        r = cli_print_status(status, &options);
    }
    json_decref(status);
    return r;
}
