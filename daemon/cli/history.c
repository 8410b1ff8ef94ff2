/* `vpce-probe history`: the daemon's records in the journal, added up to outages. */
#include "daemon/cli/history.h"

#include "conf/timepoint.h"
#include "daemon/cli/cli.h"
#include "daemon/report_json.h"
#include "daemon/util.h"
#include "systemd/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#define EXIT_ERROR 2

static const char help[] =
    "Usage: vpce-probe history [OPTION]...\n"
    "List the outages that the systemd journal has records of, the newest last: when an\n"
    "endpoint was degraded or failed, until when, how long, and why. Needs no daemon.\n"
    "Records of " HISTORY_UNIT " alone count. All times are UTC.\n"
    "Exit status: 0; 2 when there is no journal or it may not be read; 64.\n"
    "\n"
    "  --since WHEN     leave out what ended before: a date (\"2026-11-20\",\n"
    "                   \"2026-11-20 10:00\", \"2026-11-20 10:00:30\", all UTC), a time as\n"
    "                   in RFC 3339 (\"2026-11-20T19:00:30+09:00\"), or a time span before\n"
    "                   now (\"2d\", \"12h\", \"1h 30min\")\n"
    "  --json           as JSON\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

static int64_t
wall_us(void)
{
    struct timespec now = {.tv_sec = 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* EX_OK and *ret_us, or a usage error that has been told. */
static int
parse_since(const char *text, int64_t now_us, int64_t *ret_us)
{
    int r = text != NULL ? timepoint_parse(text, now_us, ret_us) : 0;

    if (r == -ERANGE) {
        (void)fprintf(stderr,
            "history: --since: \"%s\" is too long ago; give a year at most, or a date from 1970\n",
            text);
    } else if (r < 0) {
        (void)fprintf(stderr,
            "history: --since: \"%s\" is no time; give a date such as \"2026-11-20 10:00\" or a "
            "time span such as 2d\n",
            text);
    } else if (*ret_us > now_us) {
        (void)fprintf(stderr, "history: --since: \"%s\" has not come yet (dates are UTC)\n", text);
        r = -ERANGE;
    }
    return r < 0 ? EX_USAGE : EX_OK;
}

static int
tell_error(int error)
{
    switch (error) {
    case -EACCES:
        (void)fputs("vpce-probe history: you may not read the system's journal; root may, and the "
                    "members of the group systemd-journal: usermod -aG systemd-journal USER, and "
                    "log in again\n",
            stderr);
        break;
    case -ENOENT:
        (void)fputs("vpce-probe history: there is no journal: neither /var/log/journal nor "
                    "/run/log/journal has files of this machine (is systemd-journald running, and "
                    "not with Storage=none?)\n",
            stderr);
        break;
    default:
        (void)fprintf(
            stderr, "vpce-probe history: cannot read the journal: %s\n", strerror(-error));
        break;
    }
    return EXIT_ERROR;
}

/* What the list may lack. */
static void
tell_gaps(const struct history_facts *facts)
{
    const struct outages_result *result = &facts->result;

    if (!facts->complete) {
        (void)fputs("vpce-probe history: some of the journal cannot be read (damaged, or not for "
                    "you: group systemd-journal); the list may have gaps\n",
            stderr);
    }
    if (result->n_cut > 0) {
        (void)fprintf(stderr,
            "vpce-probe history: the newest %d outages; %" PRIu64 " older ones are left out\n",
            OUTAGES_MAX, result->n_cut);
    }
    if (result->n_ignored > 0) {
        (void)fprintf(stderr,
            "vpce-probe history: %" PRIu64
            " records are left out: they make no sense to this version\n",
            result->n_ignored);
    }
}

static int
print(const struct history_facts *facts, const struct cli_options *options)
{
    const struct render_options render = {.width = cli_width(), .color = options->color};
    CLEANUP(cleanup_free) char *text = NULL;
    json_t *history = history_json(facts);
    bool printed = history != NULL;

    if (printed && options->json) {
        text = report_json_text(history, true);
        printed = text != NULL && puts(text) >= 0;
    } else if (printed) {
        history_render(stdout, history, &render);
    }
    json_decref(history);
    if (!printed || fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("vpce-probe history: cannot write the output\n", stderr);
        return EXIT_ERROR;
    }
    tell_gaps(facts);
    return EX_OK;
}

static int
on_record(const struct outage_record *record, void *arg)
{
    return outages_add(arg, record);
}

static int
read_and_print(
    struct history *history, struct history_facts *facts, const struct cli_options *options)
{
    struct outages *outages = outages_new(facts->from_us, facts->since_us);
    int r = outages != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        r = history_read(history, on_record, outages, &facts->complete);
    }
    if (r == 0) {
        r = outages_finish(outages, facts->now_us, monotonic_ms() * 1000, &facts->result);
    }
    r = r < 0 ? tell_error(r) : print(facts, options);
    outages_free(outages);
    return r;
}

int
cli_history(int argc, char **argv)
{
    struct cli_options options;
    struct history_facts facts = {.now_us = wall_us(), .since_us = -1};
    struct history *history = NULL;
    int r = cli_parse(argc, argv, help, CLI_TAKES_SINCE, &options);

    if (r >= 0) {
        return r;
    }
    r = parse_since(options.since, facts.now_us, &facts.since_us);
    if (r != EX_OK) {
        return r;
    }
    r = history_open(facts.now_us, &history, &facts.from_us);
    if (r < 0) {
        return tell_error(r);
    }
    r = read_and_print(history, &facts, &options);
    history_close(history);
    return r;
}
