/* Options and exit statuses that verbs share. See cli.h. */
#include "conf/timespan.h"
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
    OPTION_NAGIOS,
    OPTION_METRICS,
    OPTION_WATCH,
    OPTION_CONSOLE,
    OPTION_TIMEOUT,
    OPTION_FOR,
    OPTION_SINCE,
    OPTION_OUTPUT,
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
set_color(const char *when, struct cli_options *ret)
{
    if (streq(when, "auto")) {
        ret->color = wants_color();
    } else if (streq(when, "always")) {
        ret->color = true;
    } else if (streq(when, "never")) {
        ret->color = false;
    } else {
        (void)fprintf(
            stderr, "%s: --color takes auto, always or never, not \"%s\"\n", ret->who, when);
        return false;
    }
    return true;
}

static bool
set_timeout(const char *text, struct cli_options *ret)
{
    int64_t ms;

    if (timespan_parse(text, &ms) < 0 || ms <= 0) {
        (void)fprintf(
            stderr, "%s: --timeout takes a time span such as 5min, not \"%s\"\n", ret->who, text);
        return false;
    }
    ret->timeout_ms = ms;
    return true;
}

static bool
add_name(const char *name, struct cli_options *ret)
{
    if (ret->n_names == CLI_NAMES_MAX) {
        (void)fprintf(stderr, "%s: --for is given more than %d times\n", ret->who, CLI_NAMES_MAX);
        return false;
    }
    ret->names[ret->n_names++] = name;
    return true;
}

/* An option that only some verbs take. Returns -1 to go on, or the exit status. */
static int
set_special_option(int option, struct cli_options *ret)
{
    switch (option) {
    case '4':
        ret->only_ipv4 = true;
        return -1;
    case '6':
        ret->only_ipv6 = true;
        return -1;
    case 'q':
        ret->quiet = true;
        return -1;
    case OPTION_NAGIOS:
        ret->nagios = true;
        return -1;
    case OPTION_METRICS:
        ret->metrics = true;
        return -1;
    case OPTION_WATCH:
        ret->watch = true;
        return -1;
    case OPTION_CONSOLE:
        ret->console = true;
        return -1;
    case OPTION_TIMEOUT:
        return set_timeout(optarg, ret) ? -1 : EX_USAGE;
    case OPTION_SINCE:
        ret->since = optarg;
        return -1;
    case OPTION_OUTPUT:
        ret->output = optarg;
        return -1;
    case OPTION_FOR:
        return add_name(optarg, ret) ? -1 : EX_USAGE;
    default:
        return EX_USAGE;
    }
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
        return set_color(optarg, ret) ? -1 : EX_USAGE;
    case OPTION_VERSION:
        (void)puts("vpce-probe " VPCE_VERSION);
        return EXIT_SUCCESS;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return EXIT_SUCCESS;
    default:
        return set_special_option(option, ret);
    }
}

/* Every long option and what a verb must take to have it. */
static const struct {
    struct option option;
    unsigned takes;
} known[] = {
    {{"config", required_argument, NULL, OPTION_CONFIG}, 0},
    {{"socket", required_argument, NULL, OPTION_SOCKET}, 0},
    {{"json", no_argument, NULL, OPTION_JSON}, 0},
    {{"color", required_argument, NULL, OPTION_COLOR}, 0},
    {{"version", no_argument, NULL, OPTION_VERSION}, 0},
    {{"help", no_argument, NULL, OPTION_HELP}, 0},
    {{"nagios", no_argument, NULL, OPTION_NAGIOS}, CLI_TAKES_FORMATS},
    {{"metrics", no_argument, NULL, OPTION_METRICS}, CLI_TAKES_FORMATS},
    {{"watch", no_argument, NULL, OPTION_WATCH}, CLI_TAKES_WATCH},
    {{"console", no_argument, NULL, OPTION_CONSOLE}, CLI_TAKES_CONSOLE},
    {{"timeout", required_argument, NULL, OPTION_TIMEOUT}, CLI_TAKES_WAIT},
    {{"for", required_argument, NULL, OPTION_FOR}, CLI_TAKES_WAIT},
    {{"since", required_argument, NULL, OPTION_SINCE}, CLI_TAKES_SINCE},
    {{"output", required_argument, NULL, OPTION_OUTPUT}, CLI_TAKES_OUTPUT},
};

/* Options alone; getopt leaves the operands at the end, from argv[optind]. */
static int
parse_options(int argc, char **argv, const char *help, unsigned takes, struct cli_options *ret)
{
    struct option options[ARRAY_SIZE(known) + 1] = {{0}};
    const char *letters = (takes & CLI_TAKES_FAMILIES) != 0 ? "46"
                          : (takes & CLI_TAKES_WAIT) != 0   ? "q"
                                                            : "";
    size_t n = 0;
    int option;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if ((known[i].takes & ~takes) == 0) {
            options[n++] = known[i].option;
        }
    }
    *ret = (struct cli_options){.color = wants_color()};
    (void)snprintf(ret->who, sizeof(ret->who), "vpce-probe %s", argv[0]);
    argv[0] = ret->who; /* getopt tells it, too */
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
cli_parse(int argc, char **argv, const char *help, unsigned takes, struct cli_options *ret)
{
    int status = parse_options(argc, argv, help, takes, ret);

    if (status < 0) {
        status = refuse_operands(argv, argc);
    }
    if (status < 0 && ret->only_ipv4 && ret->only_ipv6) {
        (void)fprintf(stderr, "%s: -4 and -6 exclude each other\n", argv[0]);
        return EX_USAGE;
    }
    if (status < 0 && ret->json + ret->nagios + ret->metrics > 1) {
        (void)fprintf(stderr, "%s: --json, --nagios and --metrics exclude each other\n", argv[0]);
        return EX_USAGE;
    }
    if (status < 0 && ret->console && ret->json) {
        (void)fprintf(stderr, "%s: --console and --json exclude each other\n", argv[0]);
        return EX_USAGE;
    }
    if (status < 0 && ret->watch && (ret->json || ret->nagios || ret->metrics)) {
        (void)fprintf(stderr, "%s: --watch draws a table: no other format with it\n", argv[0]);
        return EX_USAGE;
    }
    return status;
}

int
cli_parse_operand(
    int argc, char **argv, const char *help, struct cli_options *ret, const char **ret_operand)
{
    int status = parse_options(argc, argv, help, 0, ret);
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
