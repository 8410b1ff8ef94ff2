/* See life.h. */
#include "life.h"

#include "daemon/daemon.h"
#include "daemon/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LIFE_MS 60000 /* longer is hung; much more than any takes */
#define LOOK_MS 5
#define REPLY_MAX 1048576
#define FDS_MAX 512
#define EXIT_SANITIZER 99
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
#define EXIT_FDS_LEFT 98 /* of a daemon that has closed not all it opened */

/* One life of a daemon. */
struct life {
    const struct life_options *options;
    struct fail_state *fail;
    char path[3][96]; /* by enum life_path */
    int notify_fd;
    int events_fd;
    pid_t pid; /* 0: has ended */
    int status;
    int64_t until_ms;
    unsigned n_ready;
    char error[512]; /* "": none */
};

enum life_path {
    LIFE_PATH_STATUS,
    LIFE_PATH_NOTIFY,
    LIFE_PATH_LOG,
};

const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "exitcode=" STRING(EXIT_SANITIZER) ":allocator_may_return_null=1:detect_leaks=1";
}

static int64_t
now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* The first complaint counts. Returns false, for a caller to return. */
__attribute__((format(printf, 2, 3))) static bool
complain(struct life *life, const char *format, ...)
{
    va_list args;

    if (life->error[0] == '\0') {
        va_start(args, format);
        (void)vsnprintf(life->error, sizeof(life->error), format, args);
        va_end(args);
    }
    return false;
}

/* ---- the daemon, as systemd and a reader see it ---- */

/* Without the sockets to systemd and the journal: the process keeps them. */
static bool
is_counted(int fd)
{
    int domain = 0;
    int type = 0;
    socklen_t len = sizeof(int);

    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
    (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
    return fcntl(fd, F_GETFD) >= 0 && (domain != AF_UNIX || type != SOCK_DGRAM);
}

static unsigned
count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < FDS_MAX; fd++) {
        n += is_counted(fd);
    }
    return n;
}

static void
be_the_daemon(struct life *life)
{
    char conf[96];
    const struct daemon_options options = {conf, life->path[LIFE_PATH_STATUS]};
    int fd = open(life->path[LIFE_PATH_LOG], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(conf, sizeof(conf), "%s/vpce-probe.conf", life->options->dir);
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
    (void)close(life->notify_fd);
    (void)setenv("NOTIFY_SOCKET", life->path[LIFE_PATH_NOTIFY], 1);
    unsigned n_fds = count_fds();

    fail_use(life->fail);
    int r = daemon_run(&options);
    fail_use(NULL);
    if (count_fds() != n_fds) {
        (void)fprintf(stderr, "%u descriptors became %u\n", n_fds, count_fds());
        exit(EXIT_FDS_LEFT);
    }
    exit(r);
}

static int
open_unix(int type, const char *path, bool listening)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    CLEANUP(cleanup_fd) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    (void)str_copy(sa.sun_path, sizeof(sa.sun_path), path);
    if (fd < 0 || (listening ? bind(fd, (struct sockaddr *)&sa, sizeof(sa))
                             : connect(fd, (struct sockaddr *)&sa, sizeof(sa))) < 0) {
        return -1;
    }
    return take_fd(&fd);
}

static void
look_at_notifications(struct life *life)
{
    char message[4096];
    ssize_t n;

    while ((n = recv(life->notify_fd, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
        message[n] = '\0';
        life->n_ready += strncmp(message, "READY=1", 7) == 0;
    }
}

/* Lets a moment pass. false: the daemon has ended, or has taken too long. */
static bool
look(struct life *life, const char *at)
{
    pause_ms(LOOK_MS);
    look_at_notifications(life);
    if (life->pid != 0 && waitpid(life->pid, &life->status, WNOHANG) == life->pid) {
        life->pid = 0;
    }
    if (life->pid == 0) {
        return complain(life, "ended with status 0x%x while: %s", (unsigned)life->status, at);
    }
    return now_ms() < life->until_ms || complain(life, "hung while: %s", at);
}

static bool
send_request(int fd, const char *path)
{
    char request[128];
    int len = snprintf(
        request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path);

    return send(fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* The body of an answer 200, which the caller frees; else NULL. */
static char *
get(struct life *life, const char *path)
{
    CLEANUP(cleanup_fd) int fd = open_unix(SOCK_STREAM, life->path[LIFE_PATH_STATUS], false);
    CLEANUP(cleanup_free) char *text = calloc(1, REPLY_MAX);
    const struct timeval patience = {.tv_sec = 5};
    size_t len = 0;
    ssize_t n;
    const char *body;

    if (fd < 0 || text == NULL || !send_request(fd, path)) {
        return NULL;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (len < REPLY_MAX - 1 && (n = recv(fd, text + len, REPLY_MAX - 1 - len, 0)) > 0) {
        len += (size_t)n;
    }
    body = strstr(text, "\r\n\r\n");
    return body != NULL && strncmp(text, "HTTP/1.1 200 ", 13) == 0 ? strdup(body + 4) : NULL;
}

/* As get, until it is answered: the call that fails may be one of this answer. */
static char *
get_soon(struct life *life, const char *path)
{
    char *body;

    while ((body = get(life, path)) == NULL) {
        if (!look(life, path)) {
            return NULL;
        }
    }
    return body;
}

/* The present state comes as the first event. */
static bool
open_events(struct life *life)
{
    char text[4096];
    size_t len = 0;
    ssize_t n;

    cleanup_fd(&life->events_fd);
    life->events_fd = open_unix(SOCK_STREAM, life->path[LIFE_PATH_STATUS], false);
    if (life->events_fd < 0 || !send_request(life->events_fd, "/v1/events")) {
        return false;
    }
    for (;;) {
        n = recv(life->events_fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN) || len == sizeof(text) - 1) {
            return false;
        }
        len += n > 0 ? (size_t)n : 0;
        text[len] = '\0';
        if (strstr(text, "event: state\n") != NULL) {
            return true;
        }
        if (!look(life, "waiting for the first event")) {
            return false;
        }
    }
}

static bool
open_events_soon(struct life *life)
{
    while (!open_events(life)) {
        if (!look(life, "/v1/events")) {
            return false;
        }
    }
    return true;
}

/* ---- what it must say ---- */

/* The fewest runs of an endpoint; -1: one is not ok. */
static json_int_t
runs_when_well(const json_t *status)
{
    json_int_t min = -1;
    size_t i;
    const json_t *e;

    json_array_foreach(json_object_get(status, "endpoints"), i, e)
    {
        const char *verdict =
            json_string_value(json_object_get(json_object_get(e, "last_run"), "verdict"));
        json_int_t runs = json_integer_value(json_object_get(e, "runs"));

        if (verdict == NULL || strcmp(verdict, "ok") != 0) {
            return -1;
        }
        min = min < 0 || runs < min ? runs : min;
    }
    return min;
}

/* All it can know is known: the Internet's side, and what the metadata service told. */
static bool
is_informed(const json_t *status)
{
    const char *internet =
        json_string_value(json_object_get(json_object_get(status, "egress"), "internet"));
    const json_t *cidrs = json_object_get(json_object_get(status, "host"), "vpc_cidrs");
    const char *state = json_string_value(json_object_get(status, "state"));

    return internet != NULL && strcmp(internet, "open") == 0 && json_array_size(cidrs) == 1 &&
           state != NULL && strcmp(state, "healthy") == 0;
}

/* Until every endpoint has had more runs than that, the newest of them ok. Returns how many, or -1.
 */
static json_int_t
wait_for_runs(struct life *life, json_int_t more_than, bool informed, const char *at)
{
    do {
        CLEANUP(cleanup_free) char *text = get(life, "/v1/status");
        json_t *status = text != NULL ? json_loads(text, 0, NULL) : NULL;
        size_t n = json_array_size(json_object_get(status, "endpoints"));
        json_int_t runs = runs_when_well(status);
        bool good = runs > more_than && (!informed || is_informed(status));

        json_decref(status);
        if (text != NULL && n != LIFE_ENDPOINTS_N) {
            (void)complain(life, "%zu endpoints while: %s", n, at);
            return -1;
        }
        if (good) {
            return runs;
        }
    } while (look(life, at));
    return -1;
}

static char *
read_log(const struct life *life)
{
    char *text = NULL;
    size_t len;

    return read_file(life->path[LIFE_PATH_LOG], REPLY_MAX, &text, &len) == 0 ? text : NULL;
}

static bool
log_has(const struct life *life, const char *what)
{
    CLEANUP(cleanup_free) char *text = read_log(life);

    return text != NULL && strstr(text, what) != NULL;
}

/* No run blamed the network for what failed here. */
static bool
check_metrics(struct life *life)
{
    static const char family[] = "vpce_probe_run_failures_total{";
    CLEANUP(cleanup_free) char *text = get_soon(life, "/metrics");

    for (char *line = text; line != NULL && (line = strstr(line, family)) != NULL;) {
        char *end = line + strcspn(line, "\n");
        bool next = *end != '\0';

        *end = '\0';
        if (strstr(line, "verdict=\"no-resources\"") == NULL) {
            return complain(life, "blames the network: %s", line);
        }
        line = next ? end + 1 : NULL;
    }
    return text != NULL;
}

static unsigned
n_logged(const struct life *life)
{
    CLEANUP(cleanup_free) char *text = read_log(life);
    unsigned n = 0;

    for (const char *at = text; at != NULL && (at = strstr(at, "\nconfiguration re")) != NULL;
         at++) {
        n++;
    }
    return n;
}

/* Told by READY=1, which may itself be what fails, or by the log. */
static bool
reload(struct life *life)
{
    unsigned before = life->n_ready;
    unsigned n_before = n_logged(life);

    (void)kill(life->pid, SIGHUP);
    while (life->n_ready == before && !(life->fail->hits > 0 && n_logged(life) > n_before)) {
        if (!look(life, "reload")) {
            return false;
        }
    }
    return true;
}

/* ---- one life ---- */

/* Functions of libraries that leak what they had made when they fail. Each only where the daemon
 * then ends anyway. */
static const char *const known_leaks[] = {
    /* OpenSSL 3.0: its default context, half built; a process has one, and does not try again */
    "OSSL_LIB_CTX_get0_global_default",
};

/* What failed was called by one of them, and LeakSanitizer has nothing worse to tell. */
static bool
is_known_leak(const struct life *life)
{
    bool known = false;

    for (size_t i = 0; i < ARRAY_SIZE(known_leaks); i++) {
        known |= strstr(life->fail->where, known_leaks[i]) != NULL;
    }
    return known && life->n_ready == 0 && WIFEXITED(life->status) &&
           WEXITSTATUS(life->status) == EXIT_SANITIZER && log_has(life, "cannot start: ") &&
           log_has(life, "ERROR: LeakSanitizer") && !log_has(life, "ERROR: AddressSanitizer") &&
           !log_has(life, "runtime error:");
}

/* It has given up: only while it started, with a word and a bad status. */
static void
check_refusal(struct life *life)
{
    CLEANUP(cleanup_free) char *text = read_log(life);
    int code = WIFEXITED(life->status) ? WEXITSTATUS(life->status) : -1;

    life->error[0] = '\0';
    if (life->fail->hits == 0) {
        (void)complain(life, "did not start though nothing had failed");
    } else if (code != EXIT_FAILURE && code != EX_CONFIG && !is_known_leak(life)) {
        (void)complain(life, "start ended with status 0x%x", (unsigned)life->status);
    } else if (text == NULL || *text == '\0') {
        (void)complain(life, "gave up without a word");
    }
}

/* READY=1 itself may be what got lost: systemd's time limit, not ours to cure. */
static bool
wait_for_start(struct life *life)
{
    while (life->n_ready == 0 && !(life->fail->hits > 0 && log_has(life, "started, probing"))) {
        if (!look(life, "start")) {
            if (life->pid == 0) {
                check_refusal(life);
            }
            return false;
        }
    }
    return true;
}

static bool
stop(struct life *life)
{
    (void)kill(life->pid, SIGTERM);
    while (life->pid != 0 && look(life, "stop")) {
    }
    if (life->pid == 0) {
        life->error[0] = '\0';
    }
    return life->pid == 0 &&
           ((WIFEXITED(life->status) && WEXITSTATUS(life->status) == EXIT_SUCCESS) ||
               complain(life, "stopped with status 0x%x", (unsigned)life->status));
}

static void
live(struct life *life)
{
    json_int_t runs;

    if (!wait_for_start(life) || !open_events_soon(life)) {
        return;
    }
    free(get_soon(life, "/v1/status"));
    free(get_soon(life, "/metrics"));
    runs = wait_for_runs(life, 0, false, "the first cycle");
    if (runs < 0 || !reload(life)) {
        return;
    }
    runs = wait_for_runs(life, runs + 1, false, "the cycle after the reload");
    if (runs < 0) {
        return;
    }
    if (life->fail->recording || life->fail->hits > 0) {
        bool was_refused = log_has(life, "configuration refused");

        life->fail->armed = false; /* what comes now must be well */
        if (was_refused && (!reload(life) || !log_has(life, "configuration reloaded"))) {
            (void)complain(life, "does not reload any more");
            return;
        }
        if (wait_for_runs(life, runs + 1, true, "the last cycle") < 0 || !open_events_soon(life) ||
            !check_metrics(life)) {
            return;
        }
    }
    if (life->fail->hits == 0) {
        life->fail->armed = true; /* in the stop, or never */
    }
    (void)stop(life);
}

static void
end_life(struct life *life)
{
    cleanup_fd(&life->events_fd);
    if (life->pid != 0) {
        (void)kill(life->pid, SIGKILL);
        (void)waitpid(life->pid, NULL, 0);
    }
    if ((log_has(life, "Sanitizer") || log_has(life, "runtime error:")) && !is_known_leak(life)) {
        (void)complain(life, "a sanitizer complains");
    }
    (void)unlink(life->path[LIFE_PATH_STATUS]);
}

static void
report_life(const struct life *life, const struct trial *trial)
{
    CLEANUP(cleanup_free) char *text = read_log(life);

    (void)printf("%s --at %016" PRIx64 " %u: %s\n  failed: %s\n",
        life->error[0] != '\0' ? "FAILED" : "ok", trial->site != NULL ? trial->site->hash : 0,
        trial->nth, life->error[0] != '\0' ? life->error : "well", life->fail->where);
    (void)printf("---- log\n%s----\n", text != NULL ? text : "");
    (void)fflush(stdout);
}

int
life_open_notify(const char *dir, unsigned job)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/notify.%u", dir, job);
    return open_unix(SOCK_DGRAM, path, true);
}

bool
life_run(const struct life_options *options, unsigned job, int notify_fd, const struct trial *trial,
    struct fail_state *state)
{
    static const char *const names[] = {"status", "notify", "log"};
    struct life life = {
        .options = options, .fail = state, .notify_fd = notify_fd, .events_fd = -1, .until_ms = 0};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(life.path[i], sizeof(life.path[i]), "%s/%s.%u", options->dir, names[i], job);
    }
    state->recording = trial->site == NULL;
    if (trial->site != NULL) {
        state->target.hash = trial->site->hash;
        state->target.quick = trial->site->quick;
    }
    state->nth = trial->nth;
    state->burst = options->burst;
    state->fine = options->fine;
    state->armed = true;
    state->seen = 0;
    state->hits = 0;
    state->where[0] = '\0';
    look_at_notifications(&life); /* of the life before */
    life.n_ready = 0;
    life.until_ms = now_ms() + LIFE_MS;
    (void)fflush(stdout);
    life.pid = fork();
    if (life.pid == 0) {
        be_the_daemon(&life);
    }
    live(&life);
    end_life(&life);
    if (options->show || life.error[0] != '\0') {
        report_life(&life, trial);
    }
    return life.error[0] == '\0';
}
