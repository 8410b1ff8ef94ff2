/* `vpce-probe wait`: until every required endpoint is ready. The daemon may come later, and may be
 * restarted meanwhile. */
#include "conf/conf.h"
#include "daemon/cli/cli.h"
#include "daemon/status_view.h"
#include "daemon/util.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#define POLL_MS 500

/* The last question comes when the time is over, and a daemon that is there answers it at once. */
#define LAST_ANSWER_MS 100

#define WAIT_READY 0
#define WAIT_TIMED_OUT 1
#define WAIT_ERROR 2

static const char help[] =
    "Usage: vpce-probe wait [OPTION]...\n"
    "Wait until every required endpoint is ready: it has a settled verdict and is ok or\n"
    "degraded (ok alone with Ready=healthy in [Lifecycle]). Waits for the daemon to appear,\n"
    "too. Exit status: 0 ready, 1 timed out, 2 error.\n"
    "\n"
    "  --timeout TIME   give up after this long, such as 5min (default: never)\n"
    "  --for ENDPOINT   only for this one; may be given again\n"
    "  -q               say nothing\n"
    "  --socket PATH    the status socket (default: Socket= of the configuration,\n"
    "                   /run/vpce-probe/status.sock)\n"
    "  --config FILE    the configuration (default /etc/vpce-probe/vpce-probe.conf)\n"
    "  --version        print the version and exit\n"
    "  --help           print this help and exit\n";

enum readiness {
    READINESS_NO_DAEMON,
    READINESS_NOT_YET,
    READINESS_READY,
    READINESS_NO_SUCH_ENDPOINT,
};

static bool
is_ready(const json_t *endpoint, bool only_healthy)
{
    const char *state = json_string_value(json_object_get(endpoint, "state"));

    return state != NULL && (streq(state, "ok") || (!only_healthy && streq(state, "degraded")));
}

static enum readiness
readiness_of_named(const json_t *status, const struct cli_options *options, bool only_healthy)
{
    for (size_t i = 0; i < options->n_names; i++) {
        const json_t *endpoint = status_endpoint(status, options->names[i]);

        if (endpoint == NULL) {
            (void)fprintf(
                stderr, "vpce-probe wait: the daemon probes no \"%s\"\n", options->names[i]);
            return READINESS_NO_SUCH_ENDPOINT;
        }
        if (!is_ready(endpoint, only_healthy)) {
            return READINESS_NOT_YET;
        }
    }
    return READINESS_READY;
}

static enum readiness
readiness_of(const json_t *status, const struct cli_options *options, bool only_healthy)
{
    const json_t *endpoints = json_object_get(status, "endpoints");

    if (options->n_names > 0) {
        return readiness_of_named(status, options, only_healthy);
    }
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);

        if (json_is_true(json_object_get(endpoint, "required")) &&
            !is_ready(endpoint, only_healthy)) {
            return READINESS_NOT_YET;
        }
    }
    return json_is_array(endpoints) ? READINESS_READY : READINESS_NOT_YET;
}

/* What is waited for, in words: the host, or the endpoints that were named. */
static void
describe(const json_t *status, const struct cli_options *options, struct text *t)
{
    const char *summary = json_string_value(json_object_get(status, "summary"));

    if (options->n_names == 0 && summary != NULL) {
        (void)text_add_printable(t, summary, strlen(summary));
        (void)text_add(t, "\n");
    }
    for (size_t i = 0; i < options->n_names; i++) {
        const json_t *endpoint = status_endpoint(status, options->names[i]);
        const char *state = json_string_value(json_object_get(endpoint, "state"));

        summary = json_string_value(json_object_get(endpoint, "summary"));
        if (state != NULL && summary != NULL) {
            (void)text_add(t, "%s ", options->names[i]);
            (void)text_add_printable(t, state, strlen(state));
            (void)text_add(t, ": ");
            (void)text_add_printable(t, summary, strlen(summary));
            (void)text_add(t, "\n");
        }
    }
}

/* What the daemon says now; its summary, or why it cannot be asked, for the reader. */
static enum readiness
ask(const char *socket, int64_t left_ms, const struct cli_options *options, bool only_healthy,
    char summary[static CLI_ERROR_SIZE])
{
    int64_t timeout_ms = left_ms < LAST_ANSWER_MS ? LAST_ANSWER_MS : left_ms;
    struct text t = {.buf = summary, .size = CLI_ERROR_SIZE};
    json_t *status = NULL;
    enum readiness readiness;

    timeout_ms = timeout_ms < CLI_TIMEOUT_MS ? timeout_ms : CLI_TIMEOUT_MS;
    if (cli_fetch_status(socket, (int)timeout_ms, &status, summary) < 0) {
        return READINESS_NO_DAEMON;
    }
    readiness = readiness_of(status, options, only_healthy);
    summary[0] = '\0';
    describe(status, options, &t);
    json_decref(status);
    return readiness;
}

static void
pause_ms(int64_t ms)
{
    const struct timespec ts = {
        .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

    (void)nanosleep(&ts, NULL);
}

static int
wait_until_ready(const char *socket, const struct cli_options *options, bool only_healthy)
{
    int64_t deadline_ms =
        options->timeout_ms > 0 ? monotonic_ms() + options->timeout_ms : INT64_MAX;
    char summary[CLI_ERROR_SIZE];

    for (;;) {
        enum readiness readiness =
            ask(socket, deadline_ms - monotonic_ms(), options, only_healthy, summary);
        int64_t left_ms = deadline_ms - monotonic_ms();

        if (readiness == READINESS_READY) {
            (void)fputs(options->quiet ? "" : summary, stdout);
            return WAIT_READY;
        }
        if (readiness == READINESS_NO_SUCH_ENDPOINT) {
            return WAIT_ERROR;
        }
        if (left_ms <= 0) {
            (void)fputs(options->quiet ? "" : "vpce-probe wait: timed out\n", stderr);
            (void)fputs(options->quiet ? "" : summary, stderr);
            return WAIT_TIMED_OUT;
        }
        pause_ms(left_ms < POLL_MS ? left_ms : POLL_MS);
    }
}

int
cli_wait(int argc, char **argv)
{
    struct cli_options options;
    struct conf_errors errors = {0};
    struct conf *conf = NULL;
    char socket[CLI_PATH_SIZE];
    int r = cli_parse(argc, argv, help, CLI_TAKES_WAIT, &options);

    if (r >= 0) {
        return r == EX_OK || r == EX_USAGE ? r : WAIT_ERROR;
    }
    /* a broken configuration is told by cli_find_socket, and the defaults count */
    bool only_healthy =
        conf_load(options.conf_file, &conf, &errors) == 0 && conf->lifecycle.ready_when_healthy;

    conf_errors_reset(&errors);
    conf_free(conf);
    cli_find_socket(&options, socket);
    return wait_until_ready(socket, &options, only_healthy);
}
