/* vpce-probed: command line of the daemon. */
#include "daemon/daemon.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static const char help[] =
    "Usage: vpce-probed [OPTION]...\n"
    "Watch the AWS endpoints an ECS host needs, and say which are reachable and why not.\n"
    "Runs in the foreground; SIGHUP reloads, SIGUSR1 probes everything now, SIGTERM ends.\n"
    "\n"
    "  --config FILE    read FILE, and conf.d/*.conf beside it\n"
    "                   (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --socket PATH    serve the status on PATH when systemd passed no socket\n"
    "  --check-config   only check the configuration; exit 78 when it is wrong\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

int
main(int argc, char **argv)
{
    enum {
        OPTION_CONFIG = 256,
        OPTION_SOCKET,
        OPTION_CHECK_CONFIG,
        OPTION_VERSION,
        OPTION_HELP,
    };
    static const struct option options[] = {{"config", required_argument, NULL, OPTION_CONFIG},
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
        {"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0}};
    struct daemon_options settings = {NULL, NULL};
    bool check_config = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            settings.conf_file = optarg;
            break;
        case OPTION_SOCKET:
            settings.socket = optarg;
            break;
        case OPTION_CHECK_CONFIG:
            check_config = true;
            break;
        case OPTION_VERSION:
            (void)puts("vpce-probed " VPCE_VERSION);
            return EXIT_SUCCESS;
        case OPTION_HELP:
            (void)fputs(help, stdout);
            return EXIT_SUCCESS;
        default:
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "vpce-probed: unexpected argument: %s\n", argv[optind]);
        return EX_USAGE;
    }
    return check_config ? daemon_check_config(settings.conf_file) : daemon_run(&settings);
}
