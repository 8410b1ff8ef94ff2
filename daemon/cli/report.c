/* `vpce-probe report`: the page of daemon/report_html.h as a file. What is now comes from the
 * daemon or, without one, from a check in this process; what was before from the journal, with the
 * rights of who asks. */
#include "daemon/cli/cli.h"
#include "daemon/cli/save.h"
#include "daemon/report_html.h"
#include "daemon/timeline.h"
#include "daemon/util.h"
#include "systemd/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define EXIT_ERROR 2
#define LINE_TIME_S INT64_C(86400) /* that the time line shows */
#define NAME_SIZE 64
#define JOURNAL_NOTE_SIZE 256

static const char help[] =
    "Usage: vpce-probe report [OPTION]...\n"
    "Write one HTML page that needs nothing else, to attach to a ticket: state, causes, a\n"
    "picture of the paths, endpoints, what to change, and what changed in the last 24\n"
    "hours, as far as you may read the system's journal. Asks the daemon; without one\n"
    "everything is probed once, as by \"vpce-probe check\".\n"
    "Exit status: 0 the page is written, whatever it says; 2 it is not; 64; 78.\n"
    "\n"
    "  --output FILE    where to; an existing file is replaced, \"-\" is standard output.\n"
    "                   Default: standard output when that is no terminal, else\n"
    "                   vpce-probe-report-DATE.html (UTC) here, and its name is printed\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

struct recent {
    json_t *timeline;
    int64_t since_us;
};

static int
on_record(const struct outage_record *record, void *arg)
{
    struct recent *recent = arg;

    return record->at_us >= recent->since_us ? timeline_add(recent->timeline, record) : 0;
}

static void
note_error(json_t *timeline, int error)
{
    char note[JOURNAL_NOTE_SIZE];

    switch (error) {
    case -EACCES:
        timeline_set_note(timeline,
            "The system's journal may not be read by who made this page: root may, and the members "
            "of the group systemd-journal.");
        break;
    case -ENOENT:
        timeline_set_note(timeline, "This host has no journal, which would tell what changed.");
        break;
    default:
        (void)snprintf(note, sizeof(note), "The journal cannot be read: %s.", strerror(-error));
        timeline_set_note(timeline, note);
        break;
    }
}

static int
read_journal(struct history *history, struct recent *recent)
{
    bool complete = false;
    int r = history_read(history, on_record, recent, &complete);

    if (r == 0 && !complete) {
        timeline_set_note(recent->timeline,
            "Some of the journal cannot be read (damaged, or not for who made this page); there "
            "may be gaps.");
    }
    return r;
}

/* Of the last day. NULL without memory. */
static json_t *
read_timeline(void)
{
    int64_t now_us = (int64_t)time(NULL) * 1000000;
    int64_t from_us = now_us;
    struct recent recent = {.timeline = timeline_new(), .since_us = now_us - LINE_TIME_S * 1000000};
    struct history *history = NULL;
    int r;

    if (recent.timeline == NULL) {
        return NULL;
    }
    r = history_open(now_us, &history, &from_us);
    if (r == 0) {
        timeline_set_from(recent.timeline, from_us > recent.since_us ? from_us : recent.since_us);
        r = read_journal(history, &recent);
        history_close(history);
    }
    if (r < 0) {
        note_error(recent.timeline, r);
    }
    return recent.timeline;
}

/* EX_OK and *ret, or the exit status. */
static int
find_status(const struct cli_options *options, json_t **ret)
{
    char socket[CLI_PATH_SIZE];
    char error[CLI_ERROR_SIZE];

    cli_find_socket(options, socket);
    if (cli_fetch_status(socket, CLI_TIMEOUT_MS, ret, error) == 0) {
        return EX_OK;
    }
    (void)fprintf(stderr, "vpce-probe report: no daemon answers at %s, probing once\n", socket);
    int r = cli_check_status(options, ret);

    return r == EX_OK || r == EX_CONFIG ? r : EXIT_ERROR;
}

static int
write_stdout(const char *page)
{
    if (fputs(page, stdout) < 0 || fflush(stdout) != 0) {
        (void)fputs("vpce-probe report: cannot write the output\n", stderr);
        return EXIT_ERROR;
    }
    return EX_OK;
}

static int
write_file(const char *path, const char *page)
{
    int r = save_file(path, page, strlen(page));

    if (r < 0) {
        (void)fprintf(stderr, "vpce-probe report: cannot write %s: %s\n", path,
            r == -ELOOP    ? "it is a symbolic link"
            : r == -EEXIST ? "it is no regular file (\"-\" is standard output)"
                           : strerror(-r));
        return EXIT_ERROR;
    }
    return EX_OK;
}

static int
write_page(const char *page, const char *output)
{
    char name[NAME_SIZE];
    time_t now = time(NULL);
    struct tm tm;
    int r;

    if (output == NULL ? isatty(STDOUT_FILENO) == 0 : streq(output, "-")) {
        return write_stdout(page);
    }
    if (output != NULL) {
        return write_file(output, page);
    }
    (void)gmtime_r(&now, &tm);
    (void)strftime(name, sizeof(name), "vpce-probe-report-%Y%m%dT%H%M%SZ.html", &tm);
    r = write_file(name, page);
    if (r == EX_OK) {
        (void)puts(name);
    }
    return r;
}

int
cli_report(int argc, char **argv)
{
    struct cli_options options;
    json_t *status = NULL;
    json_t *timeline;
    char *page;
    int r = cli_parse(argc, argv, help, CLI_TAKES_OUTPUT, &options);

    if (r >= 0) {
        return r;
    }
    if (options.json) {
        (void)fputs("report: it is HTML; for JSON there is vpce-probe status --json\n", stderr);
        return EX_USAGE;
    }
    r = find_status(&options, &status);
    if (r != EX_OK) {
        return r;
    }
    timeline = read_timeline();
    page = report_html(status, timeline, HTML_MODE_FILE);
    if (page == NULL) {
        (void)fputs("vpce-probe report: no memory\n", stderr);
        r = EXIT_ERROR;
    } else {
        r = write_page(page, options.output);
    }
    free(page);
    json_decref(timeline);
    json_decref(status);
    return r;
}
