/* vpce-probe: a table of verbs. */
#include "daemon/cli/cli.h"
#include "daemon/cli/endpoints.h"
#include "daemon/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} verbs[] = {
    {"status", cli_status, "what the daemon knows now: states, causes, what to change"},
    {"check", cli_check, "probe every endpoint once, without the daemon"},
    {"wait", cli_wait, "until every required endpoint is ready"},
    {"events", cli_events, "follow the changes of states and verdicts"},
    {"history", cli_history, "outages: from when to when, of what, and why; from the journal"},
    {"report", cli_report, "one HTML page for a ticket: picture, table, time line, remedies"},
    {"explain", cli_explain, "a verdict or an endpoint: cause, remedy, commands that repair it"},
    {"endpoints", cli_endpoints, "what would be probed, without the network"},
};

static void
print_help(FILE *out)
{
    (void)fputs("Usage: vpce-probe VERB [OPTION]...\n"
                "Which AWS endpoints an ECS host can reach, and why not.\n\n",
        out);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        (void)fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs("\n\"vpce-probe VERB --help\" tells a verb's options.\n", out);
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EX_USAGE;
    }
    if (streq(argv[1], "--help")) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (streq(argv[1], "--version")) {
        (void)puts("vpce-probe " VPCE_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (streq(argv[1], verbs[i].name)) {
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "vpce-probe: no verb \"%s\"; see vpce-probe --help\n", argv[1]);
    return EX_USAGE;
}
