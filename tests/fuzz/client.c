/* What answers in the place of the daemon, through the verbs of vpce-probe that ask it. A thread is
 * the server. The first byte of the input is the verb. */
#include "daemon/cli/cli.h"
#include "daemon/util.h"
#include "fuzz.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 10

static struct fuzz_input
    answer; /* under the lock: the client may give up before the server looks */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int listener;
static jmp_buf before_pause;
static bool may_pause;

/* In place of libc's: `events` pauses before it connects once more, which it need not. */
int
nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)time;
    (void)left;
    if (may_pause) {
        longjmp(before_pause, 1); // NOLINT(cert-err52-cpp): nothing is held at that point
    }
    return 0;
}

static void *
serve(void *arg)
{
    char request[4096];

    for (;;) {
        CLEANUP(cleanup_fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0) {
            (void)pthread_mutex_lock(&lock);
            if (answer.left > 0) {
                (void)send(fd, answer.at, answer.left, MSG_NOSIGNAL);
            }
            (void)pthread_mutex_unlock(&lock);
        }
    }
    return arg;
}

static void
set_answer(struct fuzz_input input)
{
    (void)pthread_mutex_lock(&lock);
    answer = input;
    (void)pthread_mutex_unlock(&lock);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    pthread_t thread;

    (void)argc;
    (void)argv;
    fuzz_write("empty.conf", "", 0);
    (void)str_copy(sa.sun_path, sizeof(sa.sun_path), fuzz_path("socket"));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(bind(listener, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    FUZZ_CHECK(listen(listener, 8) == 0);
    FUZZ_CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
    stdout = fopen("/dev/null", "we"); /* libFuzzer writes to descriptor 2 */
    stderr = fopen("/dev/null", "we");
    FUZZ_CHECK(stdout != NULL && stderr != NULL);
    return 0;
}

static const struct verb {
    int (*run)(int argc, char **argv);
    const char *args[ARGS_MAX]; /* the verb first */
    int max;                    /* the highest exit status */
} verbs[] = {
    {cli_status, {"status"}, CLI_EXIT_UNKNOWN},
    {cli_status, {"status", "--json"}, CLI_EXIT_UNKNOWN},
    {cli_status, {"status", "--nagios"}, CLI_EXIT_UNKNOWN},
    {cli_status, {"status", "--metrics"}, CLI_EXIT_UNKNOWN},
    {cli_wait, {"wait", "--timeout", "1ms"}, 2},
    {cli_wait, {"wait", "--timeout", "1ms", "--for", "ecs"}, 2},
    {cli_events, {"events"}, CLI_EXIT_UNKNOWN},
    {cli_events, {"events", "--json"}, CLI_EXIT_UNKNOWN},
    {cli_explain, {"explain", "ecs"}, 64},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const struct verb *verb = &verbs[fuzz_number(&input, 1) % ARRAY_SIZE(verbs)];
    char args[ARGS_MAX][128];
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 0;

    while (verb->args[argc] != NULL) {
        (void)str_copy(args[argc], sizeof(args[argc]), verb->args[argc]);
        argc++;
    }
    (void)str_copy(args[argc++], sizeof(args[0]), "--config");
    (void)str_copy(args[argc++], sizeof(args[0]), fuzz_path("empty.conf"));
    (void)str_copy(args[argc++], sizeof(args[0]), "--socket");
    (void)str_copy(args[argc++], sizeof(args[0]), fuzz_path("socket"));
    for (int i = 0; i < argc; i++) {
        argv[i] = args[i];
    }
    set_answer(input);
    may_pause = verb->run == cli_events;
    if (setjmp(before_pause) == 0) { // NOLINT(cert-err52-cpp)
        int r = verb->run(argc, argv);

        FUZZ_CHECK(r >= 0 && r <= verb->max);
    }
    set_answer((struct fuzz_input){NULL, 0});
    return 0;
}
