/* Options and exit statuses that verbs share. See cli.h. */
#include "daemon/cli/cli.h"
#include "daemon/util.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    OPTION_CONFIG = 256,
    OPTION_SOCKET,
    OPTION_JSON,
    OPTION_COLOR,
    OPTION_VERSION,
    OPTION_HELP,
};

int
cli_exit_status(const char *state)
{
    if (state == NULL) {
        return CLI_EXIT_UNKNOWN;
    }
    if (streq(state, "healthy")) {
        return CLI_EXIT_HEALTHY;
    }
    if (streq(state, "degraded")) {
        return CLI_EXIT_DEGRADED;
    }
    return streq(state, "unhealthy") ? CLI_EXIT_UNHEALTHY : CLI_EXIT_UNKNOWN;
}

/* https://no-color.org: set and not empty means no colour. */
static bool
wants_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || !streq(term, "dumb"));
}

static bool
set_color(const char *when, bool *ret)
{
    if (streq(when, "auto")) {
        *ret = wants_color();
    } else if (streq(when, "always")) {
        *ret = true;
    } else if (streq(when, "never")) {
        *ret = false;
    } else {
        (void)fprintf(stderr, "--color takes auto, always or never, not \"%s\"\n", when);
        return false;
    }
    return true;
}

/* One option into *ret. Returns -1 to go on, or the exit status. */
static int
set_option(int option, const char *help, struct cli_options *ret)
{
    switch (option) {
    case OPTION_CONFIG:
        ret->conf_file = optarg;
        return -1;
    case OPTION_SOCKET:
        ret->socket = optarg;
        return -1;
    case OPTION_JSON:
        ret->json = true;
        return -1;
    case OPTION_COLOR:
        return set_color(optarg, &ret->color) ? -1 : EX_USAGE;
    case '4':
        ret->only_ipv4 = true;
        return -1;
    case '6':
        ret->only_ipv6 = true;
        return -1;
    case OPTION_VERSION:
        (void)puts("vpce-probe " VPCE_VERSION);
        return EXIT_SUCCESS;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return EXIT_SUCCESS;
    default:
        return EX_USAGE;
    }
}

/* Options alone; getopt leaves the operands at the end, from argv[optind]. */
static int
parse_options(int argc, char **argv, const char *help, const char *letters, struct cli_options *ret)
{
    static const struct option options[] = {{"config", required_argument, NULL, OPTION_CONFIG},
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"json", no_argument, NULL, OPTION_JSON}, {"color", required_argument, NULL, OPTION_COLOR},
        {"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0}};
    int option;

    *ret = (struct cli_options){.color = wants_color()};
    optind = 1;
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        int status = set_option(option, help, ret);

        if (status >= 0) {
            return status;
        }
    }
    return -1;
}

static int
refuse_operands(char **argv, int argc)
{
    if (optind < argc) {
        (void)fprintf(stderr, "%s: unexpected argument: %s\n", argv[0], argv[optind]);
        return EX_USAGE;
    }
    return -1;
}

int
cli_parse(int argc, char **argv, const char *help, bool families, struct cli_options *ret)
{
    int status = parse_options(argc, argv, help, families ? "46" : "", ret);

    if (status < 0) {
        status = refuse_operands(argv, argc);
    }
    if (status < 0 && ret->only_ipv4 && ret->only_ipv6) {
        (void)fprintf(stderr, "%s: -4 and -6 exclude each other\n", argv[0]);
        return EX_USAGE;
    }
    return status;
}

int
cli_parse_operand(
    int argc, char **argv, const char *help, struct cli_options *ret, const char **ret_operand)
{
    int status = parse_options(argc, argv, help, "", ret);
    const char *operand = NULL;

    if (status >= 0) {
        return status;
    }
    if (optind < argc) {
        operand = argv[optind++];
    }
    status = refuse_operands(argv, argc);
    if (status < 0) {
        *ret_operand = operand;
    }
    return status;
}
