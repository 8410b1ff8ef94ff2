/* Torture: in one life of the daemon (start, probes of real servers, a reader of its status, its
 * metrics and its events, reload, more probes, stop) one call after the other fails once: an
 * allocation, a system call, a call into a library. Whatever fails, the daemon must not crash, hang
 * or leak, must blame no network for it, and must be well again, in the same process, without help;
 * while it starts it may give up, with a message.
 *
 *   torture                a sample for every day; which, the printed seed decides
 *   torture --all          the first and the last call at every place (fail.h)
 *   torture --fine --all   likewise, with a place for each way through the libraries
 *   torture --at PLACE N   the Nth call at one place, as printed; its log is shown
 *   torture --list         the places, each with its calls in one life
 *
 *   --seed N   --jobs N    --lives N: so many at most    --seconds N: then none begins any more
 *   --caller WORD: of one library, or ours, as it is printed
 *   --times N: --at, in so many lives                    --burst N: so many calls in a row fail
 */
#include "daemon/util.h"
#include "life.h"
#include "servers.h"

#include <getopt.h>
#include <inttypes.h>
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
#define SAMPLE 300
#define RECORDINGS 2
#define TRIES 3
#define PROGRESS 100
#define EXIT_SKIP 77

static const char settings_text[] = "[Host]\nRegion=eu-central-1\nAccountId=123456789012\n"
                                    "Imds=http://10.99.0.254\n"
                                    "[Probe]\nInterval=100ms\nFastInterval=100ms\nRise=1\nFall=1\n"
                                    "DnsTimeout=4s\nConnectTimeout=4s\nTlsTimeout=4s\n"
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
    unsigned n_lives;        /* at most that many are drawn */
    int64_t span_ms;         /* after that none begins any more; 0: no limit */
    bool all;                /* instead of a sample */
    bool list;               /* the places, and nothing else */
    uint64_t at;             /* place; 0: none is chosen */
    uint32_t at_nth;         /* its call */
    uint32_t at_times;       /* lives that it is tried in */
    const char *caller;      /* only places that it calls from; NULL: anybody */
    struct fail_site *sites; /* as recorded, each with the calls that every life has */
    size_t n_sites;
    struct trial *trials;
    size_t n_trials;
};

/* Shared by all jobs. */
struct tally {
    size_t next; /* trial */
    size_t n_lived;
    size_t n_failed;
    size_t n_again;  /* lives, as the call had not come */
    size_t n_missed; /* never came */
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

/* In a process of its own, as the first life there: what libraries make once and keep (jansson a
 * seed, libc a time zone) every life has to make. */
static bool
live_once(const struct plan *plan, unsigned job, int notify_fd, const struct trial *trial,
    struct fail_state *state)
{
    int status = -1;
    pid_t pid;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool good = life_run(&plan->life, job, notify_fd, trial, state);

        (void)fflush(stdout);
        _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* What a life does depends a little on what came first: a place that it did not come to, or not so
 * often, gets more of them. */
static void
try_one(const struct plan *plan, unsigned job, int notify_fd, struct trial trial,
    struct fail_state *state, struct tally *tally)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (!live_once(plan, job, notify_fd, &trial, state)) {
            (void)__atomic_fetch_add(&tally->n_failed, 1, __ATOMIC_RELAXED);
            return;
        }
        if (state->hits > 0) {
            return;
        }
        (void)__atomic_fetch_add(&tally->n_again, 1, __ATOMIC_RELAXED);
        trial.nth = state->seen > 0 ? state->seen : 1;
    }
    (void)__atomic_fetch_add(&tally->n_missed, 1, __ATOMIC_RELAXED);
    (void)printf("missed --at %016" PRIx64
                 " %u, which came %u times in the last of %d lives, %u in "
                 "the recorded ones: %s\n",
        trial.site->hash, trial.nth, state->seen, TRIES, trial.site->n_calls, trial.site->where);
    (void)fflush(stdout);
}

static void
do_job(const struct plan *plan, unsigned job, int64_t until_ms, struct tally *tally)
{
    struct fail_state *state = share(sizeof(*state));
    size_t i;
    int notify_fd = life_open_notify(plan->life.dir, job);

    while ((until_ms == 0 || now_ms() < until_ms) &&
           (i = __atomic_fetch_add(&tally->next, 1, __ATOMIC_RELAXED)) < plan->n_trials) {
        size_t n = __atomic_add_fetch(&tally->n_lived, 1, __ATOMIC_RELAXED);

        if (n % PROGRESS == 0) {
            (void)printf("%zu of %zu\n", n, plan->n_trials);
        }
        try_one(plan, job, notify_fd, plan->trials[i], state, tally);
    }
    (void)close(notify_fd);
    (void)munmap(state, sizeof(*state));
}

static void
print_sites(const struct plan *plan)
{
    size_t n_calls = 0;

    for (size_t i = 0; plan->list && i < plan->n_sites; i++) {
        const struct fail_site *site = &plan->sites[i];

        (void)printf("%016" PRIx64 " %u: %s\n", site->hash, site->n_calls, site->where);
    }
    for (unsigned caller = 0; caller < FAIL_CALLER_N; caller++) {
        unsigned n_all = 0;

        for (unsigned function = 0; strcmp(fail_function_str(function), "unknown") != 0;
             function++) {
            unsigned n = 0;

            for (size_t i = 0; i < plan->n_sites; i++) {
                bool is_it = plan->sites[i].caller == caller && plan->sites[i].function == function;

                n += is_it;
                n_calls += is_it ? plan->sites[i].n_calls : 0;
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
    (void)printf("%zu places, %zu calls\n", plan->n_sites, n_calls);
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

static void
add_trial(struct plan *plan, const struct fail_site *site, uint32_t nth)
{
    plan->trials[plan->n_trials++] = (struct trial){site, nth};
}

/* The first call of each place, and its last. */
static void
make_plan(struct plan *plan)
{
    unsigned seed = plan->seed;

    plan->trials = calloc(2 * plan->n_sites + plan->at_times + 1, sizeof(*plan->trials));
    if (plan->trials == NULL) {
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < plan->n_sites; i++) {
        const struct fail_site *site = &plan->sites[i];

        if (plan->at != 0) {
            for (uint32_t k = 0; k < plan->at_times && site->hash == plan->at; k++) {
                add_trial(plan, site, plan->at_nth);
            }
            continue;
        }
        if (plan->caller != NULL &&
            strcmp(plan->caller, fail_caller_str((enum fail_caller)site->caller)) != 0) {
            continue;
        }
        add_trial(plan, site, 1);
        if (site->n_calls > 1) {
            add_trial(plan, site, site->n_calls);
        }
    }
    for (size_t i = plan->n_trials; i > 1; i--) { /* shuffled (Fisher and Yates) */
        size_t k = draw(&seed, i);
        struct trial trial = plan->trials[i - 1];

        plan->trials[i - 1] = plan->trials[k];
        plan->trials[k] = trial;
    }
    (void)printf("%zu lives would be all\n", plan->n_trials);
    if (!plan->all && plan->n_trials > plan->n_lives) {
        plan->n_trials = plan->n_lives;
    }
}

/* The places of one more life. Of a place that others had too, the fewest calls count. */
static void
merge(struct plan *plan, const struct fail_state *state)
{
    for (size_t i = 0; i < FAIL_SITES_MAX; i++) {
        const struct fail_site *site = &state->sites[i];
        size_t k = 0;

        if (site->n_calls == 0) {
            continue;
        }
        while (k < plan->n_sites && plan->sites[k].hash != site->hash) {
            k++;
        }
        if (k == plan->n_sites) {
            plan->sites[plan->n_sites++] = *site;
        } else if (site->n_calls < plan->sites[k].n_calls) {
            plan->sites[k].n_calls = site->n_calls;
        }
    }
}

/* Lives in which nothing fails show what could. */
static bool
record(struct plan *plan)
{
    const struct trial none = {NULL, 0};
    int notify_fd = life_open_notify(plan->life.dir, JOBS_MAX);
    bool good = true;

    plan->sites = share(RECORDINGS * FAIL_SITES_MAX * sizeof(*plan->sites));
    for (unsigned i = 0; i < RECORDINGS && good; i++) {
        struct fail_state *state = share(sizeof(*state));

        good = live_once(plan, JOBS_MAX, notify_fd, &none, state);
        merge(plan, state);
        (void)munmap(state, sizeof(*state));
    }
    (void)close(notify_fd);
    print_sites(plan);
    make_plan(plan);
    return good;
}

static int
run_all(struct plan *plan)
{
    struct tally *tally = share(sizeof(*tally));
    int64_t started_ms = now_ms();
    unsigned n_broken = 0;

    if (!record(plan) || plan->n_trials == 0) {
        return EXIT_FAILURE;
    }
    if (plan->list) {
        return EXIT_SUCCESS;
    }
    (void)printf("%zu lives, seed %u\n", plan->n_trials, plan->seed);
    (void)fflush(stdout);
    for (unsigned job = 0; job < plan->jobs; job++) {
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            do_job(plan, job, plan->span_ms > 0 ? started_ms + plan->span_ms : 0, tally);
            _exit(EXIT_SUCCESS);
        }
    }
    for (unsigned job = 0; job < plan->jobs; job++) {
        int status = 0;

        (void)wait(&status);
        n_broken += status != 0;
    }
    (void)printf(
        "%zu of %zu calls failed, %zu of them not well; %zu never came, %zu lives again to "
        "meet them; %lld s\n",
        tally->n_lived - tally->n_missed, plan->n_trials, tally->n_failed, tally->n_missed,
        tally->n_again, (long long)(now_ms() - started_ms) / 1000);
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

static uint64_t
place_of(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 16);

    if (*end != '\0' || value == 0) {
        (void)fprintf(stderr, "torture: not a place: %s\n", text);
        exit(EX_USAGE);
    }
    return value;
}

static void
read_options(int argc, char **argv, struct plan *plan)
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},
        {"at", required_argument, NULL, '@'}, {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'}, {"lives", required_argument, NULL, 'l'},
        {"seconds", required_argument, NULL, 't'}, {"burst", required_argument, NULL, 'b'},
        {"fine", no_argument, NULL, 'f'}, {"list", no_argument, NULL, 'p'},
        {"caller", required_argument, NULL, 'c'}, {"times", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            plan->all = true;
            break;
        case 'p':
            plan->list = true;
            break;
        case 'f':
            plan->life.fine = true;
            break;
        case '@':
            plan->at = place_of(optarg);
            plan->at_nth = number_of(argv[optind++]);
            break;
        case 'c':
            plan->caller = optarg;
            break;
        case 'n':
            plan->at_times = number_of(optarg);
            break;
        case 'l':
            plan->n_lives = number_of(optarg);
            break;
        case 't':
            plan->span_ms = (int64_t)number_of(optarg) * 1000;
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
        .n_lives = SAMPLE,
        .at_times = 1,
        .jobs = 4};
    int status;
    pid_t pid;

    (void)setenv("MALLOC_PERTURB_", "165", 1); /* OpenSSL's pieces one by one: tls_memory.h */
    read_options(argc, argv, &plan);
    plan.life.show = plan.at != 0 && plan.at_times == 1;
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
