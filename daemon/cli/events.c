/* `vpce-probe events`: follow the daemon's event stream, a line for each change; come back when it
 * is restarted. */
#include "daemon/cli/cli.h"
#include "daemon/cli/client.h"
#include "daemon/cli/console.h"
#include "daemon/cli/paint.h"
#include "daemon/report_json.h"
#include "daemon/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000
#define RECONNECT_PAUSE_S 1
#define EVENT_NAME_SIZE 16
#define WORD_SIZE 64

static const char help[] =
    "Usage: vpce-probe events [OPTION]...\n"
    "Follow the changes of states and verdicts, a line each, until interrupted. Begins with\n"
    "the host's present state, and comes back when the daemon is restarted.\n"
    "\n"
    "  --json           JSON lines\n"
    "  --console        for a serial console: the host's one-line verdict when it\n"
    "                   changes, at most six lines in ten minutes\n"
    "  --color WHEN     auto (default), always or never\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

struct follower {
    const struct cli_options *options;
    const char *socket;
    struct console console;      /* with --console */
    int64_t wake_ms;             /* monotonic; with --console, when to look */
    char event[EVENT_NAME_SIZE]; /* of the event being read; "": none yet */
    bool connected;              /* an event has come: it is our daemon */
    bool refused;                /* it answers, but not with a stream */
    bool broken;                 /* our own output */
};

/* "2026-01-15T12:00:00" of "2026-01-15T12:00:00.000Z" */
static void
time_of(const json_t *data, const char *key, char ret[static WORD_SIZE])
{
    paint_text_of(data, key, ret, WORD_SIZE);
    ret[strcspn(ret, ".")] = '\0';
}

static void
print_event(const struct follower *f, const json_t *data)
{
    const struct render_options render = {.width = cli_width(), .color = f->options->color};
    char at[WORD_SIZE];
    char who[WORD_SIZE] = "host";
    char state[WORD_SIZE];
    char verdict[WORD_SIZE] = "";
    char summary[PAINT_LINE_SIZE];

    time_of(data, "at", at);
    paint_text_of(data, "state", state, sizeof(state));
    paint_text_of(data, "summary", summary, sizeof(summary));
    if (streq(f->event, "verdict")) {
        paint_text_of(data, "endpoint", who, sizeof(who));
        paint_text_of(data, "verdict", verdict, sizeof(verdict));
    }
    (void)printf("%s %-14s ", at, who);
    paint_put(stdout, &render, tone_of_state(state), state);
    (void)printf("%s%s: %s\n", verdict[0] != '\0' ? " " : "", verdict, summary);
}

static void
print_json_line(const struct follower *f, json_t *data)
{
    char *text;

    (void)json_object_set_new(data, "event", json_string(f->event));
    text = report_json_text(data, false);
    if (text != NULL) {
        (void)puts(text);
    }
    free(text);
}

/* At most this long from now. */
static void
look_in(struct follower *f, int64_t wait_ms)
{
    int64_t at_ms = monotonic_ms() + wait_ms;

    f->wake_ms = at_ms < f->wake_ms ? at_ms : f->wake_ms;
}

static void
print_console(struct follower *f, const json_t *status)
{
    uint64_t n_passed = console_told(&f->console, monotonic_ms());
    char at[WORD_SIZE];

    time_of(status, "generated_at", at);
    (void)printf("vpce-probe: %s %s", at, f->console.told);
    if (n_passed > 0) {
        (void)printf(" (and %" PRIu64 " changes before)", n_passed);
    }
    (void)putchar('\n');
    f->broken = fflush(stdout) != 0 || ferror(stdout);
}

/* Events only tell that there is something to see. */
static void
look(struct follower *f)
{
    char error[CLI_ERROR_SIZE];
    char state[WORD_SIZE];
    char summary[PAINT_LINE_SIZE];
    char line[CONSOLE_LINE_SIZE] = "";
    struct text text = TEXT(line);
    json_t *status = NULL;
    int64_t wait_ms = -1;

    f->wake_ms = CLIENT_NEVER;
    if (cli_fetch_status(f->socket, CONNECT_TIMEOUT_MS, &status, error) < 0) {
        look_in(f, INT64_C(1000) * RECONNECT_PAUSE_S);
        return;
    }
    paint_text_of(status, "state", state, sizeof(state));
    paint_text_of(status, "summary", summary, sizeof(summary));
    (void)text_add(&text, "%s: %s", state, summary);
    if (console_look(&f->console, line, !streq(state, "unknown"), monotonic_ms(), &wait_ms)) {
        print_console(f, status);
    } else if (wait_ms >= 0) {
        look_in(f, wait_ms);
    }
    json_decref(status);
}

static void
on_data(struct follower *f, const char *text)
{
    json_t *data = json_loads(text, 0, NULL);

    if (json_is_object(data)) {
        f->connected = true;
        if (f->options->console) {
            look_in(f, CONSOLE_SETTLE_MS);
        } else if (f->options->json) {
            print_json_line(f, data);
        } else {
            print_event(f, data);
        }
        f->broken = fflush(stdout) != 0 || ferror(stdout);
    }
    json_decref(data);
}

static bool
on_line(char *line, void *arg)
{
    static const char status[] = "HTTP/1.";
    static const char event[] = "event: ";
    static const char data[] = "data: ";
    struct follower *f = arg;

    if (line == NULL) {
        look(f);
        return !f->broken;
    }
    if (strncmp(line, status, strlen(status)) == 0 && strstr(line, " 200 ") == NULL) {
        f->refused = true;
        return false;
    }
    if (strncmp(line, event, strlen(event)) == 0) {
        (void)str_copy(f->event, sizeof(f->event), line + strlen(event));
    } else if (strncmp(line, data, strlen(data)) == 0 && f->event[0] != '\0') {
        on_data(f, line + strlen(data));
    }
    return !f->broken;
}

/* One connection, until it ends. Returns the exit status when there is no use in another. */
static int
follow(struct follower *f)
{
    int r = client_stream(f->socket, "/v1/events", CONNECT_TIMEOUT_MS, &f->wake_ms, on_line, f);

    if (f->broken) {
        return EXIT_FAILURE;
    }
    if (!f->connected && f->refused) {
        (void)fprintf(stderr,
            "vpce-probe: %s gives no event stream (too many of them, or it is "
            "not vpce-probed)\n",
            f->socket);
        return CLI_EXIT_UNKNOWN;
    }
    if (!f->connected && r < 0) {
        (void)fprintf(stderr,
            "vpce-probe: no answer from the daemon at %s: %s\n"
            "Start it with: systemctl start vpce-probe\n",
            f->socket, strerror(-r));
        return CLI_EXIT_UNKNOWN;
    }
    return -1;
}

int
cli_events(int argc, char **argv)
{
    const struct timespec pause = {.tv_sec = RECONNECT_PAUSE_S};
    struct cli_options options;
    char socket[CLI_PATH_SIZE];
    struct follower follower = {.options = &options, .socket = socket, .wake_ms = CLIENT_NEVER};
    int r = cli_parse(argc, argv, help, CLI_TAKES_CONSOLE, &options);

    if (r >= 0) {
        return r;
    }
    cli_find_socket(&options, socket);
    console_init(&follower.console);
    while ((r = follow(&follower)) < 0) {
        follower.refused = false;
        (void)nanosleep(&pause, NULL);
    }
    return r;
}
