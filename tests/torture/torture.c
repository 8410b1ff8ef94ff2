/* Torture: in one life of the daemon (start, probes of real servers, a reader of its status, its
 * metrics and its events, reload, more probes, stop) one call after the other fails once: an
 * allocation, a system call, a call into a library. Whatever fails, the daemon must not crash, hang
 * or leak, must blame no network for it, and must be well again, in the same process, without help;
 * while it starts it may give up, with a message.
 *
 *   torture                a sample for every day: each way in which our own code comes to a call,
 *                          and some calls of the libraries; which, the printed seed decides
 *   torture --all          every call
 *   torture --at CLASS N   one: CLASS is ours or library; its log is shown
 *
 *   --seed N   --jobs N    --burst N: so many calls in a row
 *   --library N            so many calls of the libraries, more or less
 */
#include "daemon/util.h"
#include "life.h"
#include "servers.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 16
#define LIBRARY_SAMPLE 60
#define EXIT_SKIP 77

static const char settings_text[] = "[Host]\nRegion=eu-central-1\nAccountId=123456789012\n"
                                    "Imds=http://10.99.0.254\n"
                                    "[Probe]\nInterval=200ms\nFastInterval=100ms\nRise=1\nFall=1\n"
                                    "DnsTimeout=1s\nConnectTimeout=1s\nTlsTimeout=1s\n"
                                    "SecondOpinion=10.99.0.53\nEgressControl=control.test\n"
                                    "CaFile=%s/ca.pem\n"
                                    "[Endpoint ecs]\nHttp=yes\n"
                                    "[Endpoint ecr.api]\n"
                                    "[Endpoint ecr.dkr]\nEnabled=no\n"
                                    "[Endpoint ecs-agent]\nEnabled=no\n"
                                    "[Endpoint ecs-telemetry]\nEnabled=no\n"
                                    "[Endpoint s3]\nEnabled=no\n"
                                    "[Endpoint logs]\nEnabled=no\n";

struct plan {
    struct life_options life;
    unsigned seed;
    unsigned jobs;
    unsigned n_library; /* calls of the libraries that are drawn */
    bool all;           /* calls of ours, and not just each way */
    struct trial *trials;
    size_t n_trials;
};

/* Shared by all jobs. */
struct tally {
    size_t next; /* trial */
    size_t n_failed;
    size_t n_missed; /* the call did not come in this life */
    size_t n_refused;
};

static int64_t
now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void *
share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
    return memory;
}

static void
do_job(const struct plan *plan, unsigned job, struct tally *tally)
{
    struct fail_state *state = share(sizeof(*state));
    size_t i;
    int notify_fd = life_open_notify(plan->life.dir, job);

    while ((i = __atomic_fetch_add(&tally->next, 1, __ATOMIC_RELAXED)) < plan->n_trials) {
        if (!life_run(&plan->life, job, notify_fd, &plan->trials[i], state)) {
            (void)__atomic_fetch_add(&tally->n_failed, 1, __ATOMIC_RELAXED);
        }
        if (state->hits == 0) {
            (void)__atomic_fetch_add(&tally->n_missed, 1, __ATOMIC_RELAXED);
        }
    }
    (void)close(notify_fd);
    (void)munmap(state, sizeof(*state));
}

static void
print_points(const struct fail_state *state)
{
    for (unsigned caller = 0; caller < FAIL_CALLER_N; caller++) {
        unsigned n_all = 0;

        for (unsigned function = 0; strcmp(fail_function_str(function), "unknown") != 0;
             function++) {
            unsigned n = 0;

            for (size_t class = 0; class < FAIL_CLASS_N; class ++) {
                for (size_t i = 0; i < state->counts[class] && i < FAIL_POINTS_MAX; i++) {
                    const struct fail_point *point = &state->points[class][i];

                    n += point->caller == caller && point->function == function;
                }
            }
            if (n > 0) {
                (void)printf("%s%s %u", n_all == 0 ? "" : ", ", fail_function_str(function), n);
            }
            n_all += n;
        }
        if (n_all > 0) {
            (void)printf("  <- %s: %u\n", fail_caller_str((enum fail_caller)caller), n_all);
        }
    }
}

/* A number below n, from a seed that moves (xorshift). */
static uint32_t
draw(unsigned *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return (uint32_t)(*seed % n);
}

/* Each way of our code once: one of the calls that came along it, drawn. */
static void
plan_own_sample(struct plan *plan, const struct fail_state *state, unsigned *seed)
{
    const struct fail_point *points = state->points[FAIL_CLASS_OURS];
    uint32_t n_points = state->counts[FAIL_CLASS_OURS];

    for (uint32_t i = 0; i < n_points; i++) {
        uint32_t chosen = i;
        uint32_t n_alike = 0;
        bool is_first = true;

        for (uint32_t k = 0; k < n_points; k++) {
            if (points[k].way != points[i].way || points[k].function != points[i].function) {
                continue;
            }
            is_first &= k >= i;
            if (draw(seed, ++n_alike) == 0) {
                chosen = k;
            }
        }
        if (is_first) {
            plan->trials[plan->n_trials++] = (struct trial){FAIL_CLASS_OURS, chosen + 1};
        }
    }
}

static void
make_plan(struct plan *plan, const struct fail_state *state)
{
    uint32_t n_own = state->counts[FAIL_CLASS_OURS];
    uint32_t n_library = state->counts[FAIL_CLASS_LIBRARY];
    uint32_t stride = n_library / plan->n_library + 1;
    unsigned seed = plan->seed;

    plan->trials = calloc(n_own + n_library, sizeof(*plan->trials));
    if (plan->trials == NULL) {
        exit(EXIT_FAILURE);
    }
    if (plan->all) {
        for (uint32_t i = 1; i <= n_own; i++) {
            plan->trials[plan->n_trials++] = (struct trial){FAIL_CLASS_OURS, i};
        }
    } else {
        plan_own_sample(plan, state, &seed);
    }
    for (uint32_t i = 1 + draw(&seed, stride); i <= n_library; i += stride) {
        plan->trials[plan->n_trials++] = (struct trial){FAIL_CLASS_LIBRARY, i};
    }
}

/* A life in which nothing fails shows what could. */
static bool
record(struct plan *plan)
{
    struct fail_state *state = share(sizeof(*state));
    const struct trial none = {FAIL_CLASS_OURS, 0};
    int notify_fd = life_open_notify(plan->life.dir, JOBS_MAX);
    bool good;

    state->recording = true;
    good = life_run(&plan->life, JOBS_MAX, notify_fd, &none, state);
    (void)close(notify_fd);
    (void)printf("calls that can fail: %u of ours, %u of the libraries\n",
        state->counts[FAIL_CLASS_OURS], state->counts[FAIL_CLASS_LIBRARY]);
    print_points(state);
    make_plan(plan, state);
    (void)munmap(state, sizeof(*state));
    return good;
}

static int
run_all(struct plan *plan)
{
    struct tally *tally = share(sizeof(*tally));
    int64_t started_ms = now_ms();
    unsigned n_broken = 0;

    if (plan->n_trials == 0 && !record(plan)) {
        return EXIT_FAILURE;
    }
    (void)printf("%zu lives, seed %u\n", plan->n_trials, plan->seed);
    (void)fflush(stdout);
    for (unsigned job = 0; job < plan->jobs; job++) {
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            do_job(plan, job, tally);
            _exit(EXIT_SUCCESS);
        }
    }
    for (unsigned job = 0; job < plan->jobs; job++) {
        int status = 0;

        (void)wait(&status);
        n_broken += status != 0;
    }
    (void)printf("%zu lives, %zu not well, in %zu the call did not come; %lld ms\n", plan->n_trials,
        tally->n_failed, tally->n_missed, (long long)(now_ms() - started_ms));
    return tally->n_failed == 0 && n_broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
remove_files(const struct plan *plan)
{
    static const char *const names[] = {"ca.pem", "vpce-probe.conf", "resolv.conf", "hosts"};
    char path[128];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", plan->life.dir, names[i]);
        (void)unlink(path);
    }
    for (unsigned job = 0; job <= JOBS_MAX; job++) {
        (void)snprintf(path, sizeof(path), "%s/notify.%u", plan->life.dir, job);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/log.%u", plan->life.dir, job);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/status.%u", plan->life.dir, job);
        (void)unlink(path);
    }
    (void)rmdir(plan->life.dir);
}

static int
run_in_namespace(struct plan *plan)
{
    char path[128];
    int r = servers_enter_namespace(plan->life.dir);
    pid_t servers;
    FILE *file;

    if (r < 0) {
        (void)printf("no namespaces here: %s: skipped\n", strerror(-r));
        return EXIT_SKIP;
    }
    (void)snprintf(path, sizeof(path), "%s/vpce-probe.conf", plan->life.dir);
    file = fopen(path, "we");
    if (file == NULL || fprintf(file, settings_text, plan->life.dir) < 0 || fclose(file) != 0) {
        perror(path);
        return EXIT_FAILURE;
    }
    (void)snprintf(path, sizeof(path), "%s/ca.pem", plan->life.dir);
    servers = servers_start(path);
    r = run_all(plan);
    (void)kill(servers, SIGKILL);
    (void)waitpid(servers, NULL, 0);
    return r;
}

static unsigned
number_of(const char *text)
{
    uint64_t value;

    if (text == NULL || parse_uint(text, 1, UINT32_MAX, &value) < 0) {
        (void)fprintf(stderr, "torture: not a number: %s\n", text != NULL ? text : "nothing");
        exit(EX_USAGE);
    }
    return (unsigned)value;
}

static void
read_options(int argc, char **argv, struct plan *plan)
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},
        {"at", required_argument, NULL, '@'}, {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'}, {"library", required_argument, NULL, 'l'},
        {"burst", required_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            plan->all = true;
            plan->n_library = FAIL_POINTS_MAX * FAIL_CLASS_N;
            break;
        case '@':
            plan->life.show = true;
            plan->trials = calloc(1, sizeof(*plan->trials));
            plan->n_trials = 1;
            plan->trials[0] =
                (struct trial){strcmp(optarg, "ours") == 0 ? FAIL_CLASS_OURS : FAIL_CLASS_LIBRARY,
                    number_of(argv[optind++])};
            break;
        case 'l':
            plan->n_library = number_of(optarg);
            break;
        case 's':
            plan->seed = number_of(optarg);
            break;
        case 'j':
            plan->jobs = number_of(optarg) < JOBS_MAX ? number_of(optarg) : JOBS_MAX;
            break;
        case 'b':
            plan->life.burst = number_of(optarg);
            break;
        default:
            exit(EX_USAGE);
        }
    }
}

/* Interrupted, it ends what it has begun; all its processes die with their parents. */
static int
wait_or_end(pid_t pid)
{
    int status = 0;
    int number;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    while (sigwait(&set, &number) == 0 && number != SIGCHLD) {
        (void)kill(pid, SIGKILL);
    }
    (void)waitpid(pid, &status, 0);
    return status;
}

/* Blocked until somebody waits for them. */
static void
mask_signals(int how)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(how, &set, NULL);
}

int
main(int argc, char **argv)
{
    struct plan plan = {.life = {.dir = "/tmp/vpce-torture-XXXXXX", .burst = 1},
        .seed = (unsigned)time(NULL),
        .n_library = LIBRARY_SAMPLE,
        .jobs = 4};
    int status;
    pid_t pid;

    read_options(argc, argv, &plan);
    if (mkdtemp(plan.life.dir) == NULL) {
        perror(plan.life.dir);
        return EXIT_FAILURE;
    }
    mask_signals(SIG_BLOCK);
    pid = fork(); /* so that somebody is left to clean up, whatever happens */
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        mask_signals(SIG_UNBLOCK);
        status = run_in_namespace(&plan);
        free(plan.trials);
        exit(status);
    }
    status = wait_or_end(pid);
    remove_files(&plan);
    free(plan.trials);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
