/* The real probes, prober and states over a made-up network, under a clock turned by hand: hours
 * of a host's life in milliseconds, and every time exact. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"

#include "daemon/log.h"
#include "daemon/prober.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define RUNS_MAX 32768
#define CHANGES_MAX 256

/* A healthy run: a millisecond each for DNS, TCP and TLS. */
#define RUN_MS 3

#define THREE "alpha", "beta", "gamma", NULL

/* Connecting gives up before FastInterval= is over. */
#define STEADY                                                                                     \
    "Interval=60s\nFastInterval=5s\nRise=2\nFall=3\n"                                              \
    "DnsTimeout=2s\nConnectTimeout=3s\nTlsTimeout=3s\n"
#define STEADY_INTERVAL_MS MINUTE_MS
#define STEADY_FAST_MS 5000
#define STEADY_CONNECT_MS 3000
#define STEADY_STALE_MS (3 * STEADY_INTERVAL_MS + 10000)

struct run {
    int64_t at_ms;
    char key[ENDPOINT_KEY_SIZE];
    enum verdict_code code;
    enum endpoint_state state; /* the settled one, after the run */
};

struct change {
    int64_t at_ms;
    char key[ENDPOINT_KEY_SIZE];
    struct transition change;
};

struct flow {
    struct loop *loop;
    struct conf *conf;
    struct prober *prober;
    size_t n_fds; /* open before the test */
    size_t n_runs;
    size_t n_changes;
    struct run runs[RUNS_MAX];
    struct change changes[CHANGES_MAX];
};

/* What is recorded */

static void
on_change(const struct endpoint *e, const struct transition *change, void *arg)
{
    struct flow *f = arg;
    struct change *c = &f->changes[f->n_changes++];

    assert_true(f->n_changes < CHANGES_MAX);
    *c = (struct change){.at_ms = loop_now_ms(f->loop), .change = *change};
    assert_true(str_copy(c->key, sizeof(c->key), e->spec.key));
    assert_int_equal(e->state, change->state);
    assert_int_equal(e->verdict, change->verdict);
}

static void
on_run(const struct endpoint *e, void *arg)
{
    struct flow *f = arg;
    struct run *run = &f->runs[f->n_runs++];

    assert_true(f->n_runs < RUNS_MAX);
    *run = (struct run){.at_ms = loop_now_ms(f->loop), .code = e->last_run.code, .state = e->state};
    assert_true(str_copy(run->key, sizeof(run->key), e->spec.key));
}

static void
forget(struct flow *f)
{
    f->n_runs = 0;
    f->n_changes = 0;
}

/* Run i of the endpoint, counted from the last forget; NULL: there is none. */
static const struct run *
find_run(const struct flow *f, const char *key, size_t i)
{
    for (size_t k = 0; k < f->n_runs; k++) {
        if (streq(f->runs[k].key, key) && i-- == 0) {
            return &f->runs[k];
        }
    }
    return NULL;
}

static size_t
count_runs(const struct flow *f, const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n_runs; i++) {
        n += streq(f->runs[i].key, key);
    }
    return n;
}

static const struct run *
run_of(const struct flow *f, const char *key, size_t i)
{
    const struct run *run = find_run(f, key, i);

    if (run == NULL) {
        fail_msg("%s has no run %zu", key, i);
        abort();
    }
    return run;
}

/* Let time pass until the endpoint has had n runs since the last forget. */
static void
until_runs(struct flow *f, const char *key, size_t n, int64_t limit_ms)
{
    size_t seen = 0; /* of f->runs */

    for (;; limit_ms--) {
        if (f->n_runs > seen && count_runs(f, key) >= n) {
            return;
        }
        seen = f->n_runs;
        if (limit_ms == 0) {
            fail_msg("%s had %zu runs, expected %zu", key, count_runs(f, key), n);
        }
        fake_loop_advance(f->loop, 1);
    }
}

static const struct endpoint *
endpoint_of(const struct flow *f, const char *key)
{
    struct report report;

    prober_report(f->prober, (struct moment){0}, &report);
    for (size_t i = 0; i < report.n_endpoints; i++) {
        if (streq(report.endpoints[i].spec.key, key)) {
            return &report.endpoints[i];
        }
    }
    fail_msg("no endpoint %s", key);
    abort();
}

static void
expect_change(const struct flow *f, size_t i, const char *key, enum endpoint_state from,
    enum endpoint_state to, enum verdict_code verdict)
{
    const struct change *c = &f->changes[i];

    assert_true(i < f->n_changes);
    assert_string_equal(c->key, key);
    assert_string_equal(endpoint_state_str(c->change.old_state), endpoint_state_str(from));
    assert_string_equal(endpoint_state_str(c->change.state), endpoint_state_str(to));
    assert_string_equal(verdict_str(c->change.verdict), verdict_str(verdict));
}

static void
expect_run(const struct run *run, enum verdict_code code, enum endpoint_state state)
{
    assert_string_equal(verdict_str(run->code), verdict_str(code));
    assert_string_equal(endpoint_state_str(run->state), endpoint_state_str(state));
}

/* The world */

static struct conf *
load(const char *probe, const char *const *keys)
{
    char path[] = "/tmp/vpce-flow-XXXXXX";
    struct conf_errors errors = {0};
    struct conf *conf = NULL;
    const struct service *service = NULL;
    int fd = mkstemp(path);
    FILE *stream;
    int r;

    assert_true(fd >= 0);
    stream = fdopen(fd, "w");
    assert_non_null(stream);
    (void)fprintf(stream, "[Host]\nVpcCidrs=10.0.0.0/16\n[Probe]\n%s", probe);
    while ((service = catalogue_next(service)) != NULL) {
        (void)fprintf(stream, "[Endpoint %s]\nEnabled=no\n", service->key);
    }
    for (; *keys != NULL; keys++) {
        (void)fprintf(stream, "[Endpoint %s]\nHost=%s.test\n", *keys, *keys);
    }
    assert_int_equal(fclose(stream), 0);
    r = conf_load(path, &conf, &errors);
    (void)unlink(path);
    conf_errors_print(&errors, stderr);
    conf_errors_reset(&errors);
    assert_int_equal(r, 0);
    return conf;
}

static struct prober *
make_prober(struct flow *f, const struct conf *conf, bool once)
{
    struct prober_callbacks callbacks = {on_change, on_run, f};
    char error[PROBER_ERROR_SIZE];
    struct prober *prober = NULL;

    assert_int_equal(prober_new(f->loop, conf, once, &callbacks, &prober, error), 0);
    return prober;
}

/* Name -> addresses in the VPC, IPv4 only. */
static void
resolves_to(const char *hostname, const char *addrs)
{
    fake_dns_set(hostname, ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, addrs);
    fake_dns_set(hostname, ADDR_FAMILY_IPV6, DNS_OUTCOME_NODATA, 1, NULL);
}

static void
open_flow(struct flow *f, const char *probe, bool once, const char *const *keys)
{
    f->conf = load(probe, keys);
    f->prober = make_prober(f, f->conf, once);
    prober_start(f->prober);
}

/* Three endpoints that have been well for a moment. */
static void
open_healthy(struct flow *f, const char *probe)
{
    static const char *const keys[] = {THREE};

    open_flow(f, probe, false, keys);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(f->n_runs, 3);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
    forget(f);
}

static void
silence_alpha(void)
{
    fake_tcp_set("10.0.0.11", ADDR_OUTCOME_OK, -1);
    fake_tcp_set("10.0.0.12", ADDR_OUTCOME_OK, -1);
    fake_tcp_set("10.0.0.13", ADDR_OUTCOME_OK, -1);
}

static void
close_prober(struct flow *f)
{
    prober_free(TAKE(f->prober));
    conf_free(TAKE(f->conf));
    assert_int_equal(fake_dns_n_pending(), 0);
    assert_int_equal(fake_loop_n_objects(f->loop), 0);
    assert_int_equal(fake_loop_n_watchers(f->loop), 0);
}

static size_t
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) { // NOLINT(concurrency-mt-unsafe)
        n++;
    }
    assert_int_equal(closedir(dir), 0);
    return n;
}

static int
setup(void **state)
{
    struct flow *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return -1;
    }
    f->n_fds = count_fds();
    f->loop = loop_new();
    fake_dns_reset();
    fake_tcp_reset();
    resolves_to("alpha.test", "10.0.0.11 10.0.0.12 10.0.0.13");
    resolves_to("beta.test", "10.0.1.11 10.0.1.12 10.0.1.13");
    resolves_to("gamma.test", "10.0.2.11 10.0.2.12 10.0.2.13");
    resolves_to("delta.test", "10.0.3.11");
    *state = f;
    return f->loop != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
    struct flow *f = *state;

    close_prober(f);
    assert_int_equal(count_fds(), f->n_fds);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* Tests */

static void
all_are_healthy_from_the_first_run(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;
    struct report report;
    char summary[REPORT_SUMMARY_SIZE];
    int64_t start_ms = loop_now_ms(f->loop);

    open_flow(f, STEADY, false, keys);
    assert_int_equal(f->n_runs, 0); /* nothing happens inside prober_start */
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNKNOWN);
    fake_loop_advance(f->loop, RUN_MS);
    assert_int_equal(f->n_runs, 3);
    assert_int_equal(f->n_changes, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->runs[i].at_ms, start_ms + RUN_MS);
        expect_run(&f->runs[i], VERDICT_OK, STATE_OK);
        expect_change(f, i, keys[i], STATE_UNKNOWN, STATE_OK, VERDICT_OK);
        assert_int_equal(endpoint_of(f, keys[i])->path, PATH_INTERFACE);
        assert_int_equal(endpoint_of(f, keys[i])->evidence.n_addrs, 3);
        assert_int_equal(endpoint_of(f, keys[i])->evidence.addrs[0].connect_us, 1000);
        assert_int_equal(endpoint_of(f, keys[i])->evidence.addrs[0].tls_us, 1000);
    }
    prober_report(f->prober, (struct moment){0}, &report);
    assert_int_equal(report.state, HOST_STATE_HEALTHY);
    report_summary(&report, summary);
    assert_string_equal(summary, "all 3 required endpoints are reachable");
    for (size_t i = 0; i < 3; i++) { /* one grid for all */
        int64_t wait_ms = report.due_ms[i] - start_ms - RUN_MS;

        assert_int_equal(report.due_ms[i], report.due_ms[0]);
        assert_true(wait_ms >= STEADY_INTERVAL_MS / 2 && wait_ms < STEADY_INTERVAL_MS * 3 / 2);
    }
}

/* Three runs FastInterval= apart, each of a DNS answer and a silent connect; told once. */
static void
silence_is_a_failure_after_fall_runs(void **state)
{
    struct flow *f = *state;
    int64_t first_ms;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 1, 2 * STEADY_INTERVAL_MS);
    first_ms = run_of(f, "alpha", 0)->at_ms;
    fake_loop_advance(f->loop, 2 * (STEADY_FAST_MS + 1 + STEADY_CONNECT_MS));
    assert_int_equal(count_runs(f, "alpha"), 3);
    expect_run(run_of(f, "alpha", 0), VERDICT_BLOCKED, STATE_OK);
    expect_run(run_of(f, "alpha", 1), VERDICT_BLOCKED, STATE_OK);
    expect_run(run_of(f, "alpha", 2), VERDICT_BLOCKED, STATE_FAILED);
    assert_int_equal(
        run_of(f, "alpha", 1)->at_ms, first_ms + STEADY_FAST_MS + 1 + STEADY_CONNECT_MS);
    assert_int_equal(
        run_of(f, "alpha", 2)->at_ms, first_ms + 2 * (STEADY_FAST_MS + 1 + STEADY_CONNECT_MS));
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_OK, STATE_FAILED, VERDICT_BLOCKED);
    assert_int_equal(f->changes[0].at_ms, run_of(f, "alpha", 2)->at_ms);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNHEALTHY);
    assert_non_null(strstr(endpoint_of(f, "alpha")->summary, "10.0.0.12"));

    forget(f); /* settled: back to the grid, and quiet */
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 0);
    assert_in_range(count_runs(f, "alpha"), 59, 61);
    assert_in_range(count_runs(f, "beta"), 59, 61);
}

static void
recovery_takes_rise_runs(void **state)
{
    struct flow *f = *state;
    int64_t failed_ms;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 3, 3 * STEADY_INTERVAL_MS);
    failed_ms = loop_now_ms(f->loop);
    forget(f);
    fake_tcp_reset();
    until_runs(f, "alpha", 2, 3 * STEADY_INTERVAL_MS);
    expect_run(run_of(f, "alpha", 0), VERDICT_OK, STATE_FAILED);
    expect_run(run_of(f, "alpha", 1), VERDICT_OK, STATE_OK);
    assert_int_equal(
        run_of(f, "alpha", 1)->at_ms - run_of(f, "alpha", 0)->at_ms, STEADY_FAST_MS + RUN_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_FAILED, STATE_OK, VERDICT_OK);
    assert_int_equal(f->changes[0].change.lasted_ms, loop_now_ms(f->loop) - failed_ms);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
}

static void
a_lost_run_changes_nothing(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 2, 2 * STEADY_INTERVAL_MS); /* one less than Fall= */
    fake_tcp_reset();
    fake_loop_advance(f->loop, HOUR_MS);
    expect_run(run_of(f, "alpha", 1), VERDICT_BLOCKED, STATE_OK);
    expect_run(run_of(f, "alpha", 2), VERDICT_OK, STATE_OK);
    assert_int_equal(f->n_changes, 0);
    assert_int_equal(endpoint_of(f, "alpha")->run_failures[VERDICT_BLOCKED], 2);
}

static void
one_dead_address_is_named(void **state)
{
    struct flow *f = *state;
    const struct endpoint *alpha;

    open_healthy(f, STEADY);
    fake_tcp_set("10.0.0.12", ADDR_OUTCOME_OK, -1);
    until_runs(f, "alpha", 3, 3 * STEADY_INTERVAL_MS);
    expect_run(run_of(f, "alpha", 0), VERDICT_OK, STATE_OK);
    expect_run(run_of(f, "alpha", 1), VERDICT_OK, STATE_OK);
    expect_run(run_of(f, "alpha", 2), VERDICT_PARTLY_BLOCKED, STATE_DEGRADED);
    assert_int_equal(run_of(f, "alpha", 2)->at_ms - run_of(f, "alpha", 1)->at_ms,
        STEADY_FAST_MS + 1 + STEADY_CONNECT_MS);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_OK, STATE_DEGRADED, VERDICT_PARTLY_BLOCKED);
    alpha = endpoint_of(f, "alpha");
    assert_non_null(strstr(alpha->summary, "10.0.0.12"));
    assert_null(strstr(alpha->summary, "10.0.0.13"));
    assert_int_equal(alpha->n_memory, 1);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_DEGRADED);
    assert_in_range(count_runs(f, "alpha"), 61, 64); /* decided: no fast runs any more */

    forget(f);
    fake_tcp_reset();
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_DEGRADED, STATE_OK, VERDICT_OK);
    assert_int_equal(endpoint_of(f, "alpha")->n_memory, 0);
}

/* An address that fails every other run never counts. */
static void
a_lossy_address_does_not_flap(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    for (size_t i = 0; i < 100; i++) {
        fake_tcp_set("10.0.0.12", ADDR_OUTCOME_OK, i % 2 == 0 ? -1 : 1);
        until_runs(f, "alpha", i + 1, 2 * STEADY_INTERVAL_MS);
    }
    assert_int_equal(f->n_changes, 0);
}

/* The first run that fails takes longer than FastInterval=, so nobody's newest run is young. */
static void
a_first_failure_runs_all_others(void **state)
{
    struct flow *f = *state;
    int64_t failed_ms;

    open_healthy(f, "Interval=60s\nFastInterval=2s\nConnectTimeout=4s\n");
    silence_alpha();
    until_runs(f, "alpha", 1, 2 * MINUTE_MS);
    failed_ms = run_of(f, "alpha", 0)->at_ms;
    assert_int_equal(run_of(f, "beta", 0)->at_ms, failed_ms - 4001 + RUN_MS);
    assert_int_equal(count_runs(f, "beta"), 1);
    fake_loop_advance(f->loop, RUN_MS);
    assert_int_equal(run_of(f, "beta", 1)->at_ms, failed_ms + RUN_MS);
    assert_int_equal(run_of(f, "gamma", 1)->at_ms, failed_ms + RUN_MS);
    until_runs(f, "alpha", 2, MINUTE_MS); /* a second failure does not */
    fake_loop_advance(f->loop, 10);
    assert_int_equal(count_runs(f, "beta"), 2);
    assert_int_equal(count_runs(f, "gamma"), 2);
    assert_int_equal(run_of(f, "alpha", 1)->at_ms, failed_ms + 2000 + 4001);
}

/* Others that have just run are left alone. */
static void
a_first_failure_spares_young_runs(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 1, 2 * STEADY_INTERVAL_MS);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(count_runs(f, "beta"), 1);
    assert_int_equal(count_runs(f, "gamma"), 1);
}

static void
dns_silence_is_a_failure_of_dns(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    fake_dns_set("beta.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    fake_dns_set("beta.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    until_runs(f, "beta", 3, 3 * STEADY_INTERVAL_MS);
    expect_run(run_of(f, "beta", 1), VERDICT_DNS_TIMEOUT, STATE_OK);
    expect_run(run_of(f, "beta", 2), VERDICT_DNS_TIMEOUT, STATE_FAILED);
    assert_int_equal(
        run_of(f, "beta", 2)->at_ms - run_of(f, "beta", 1)->at_ms, STEADY_FAST_MS + 2000);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "beta", STATE_OK, STATE_FAILED, VERDICT_DNS_TIMEOUT);

    forget(f);
    resolves_to("beta.test", "10.0.1.11");
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "beta", STATE_FAILED, STATE_OK, VERDICT_OK);
}

/* A family that is not answered does not hold up, nor spoil, the other. */
static void
one_family_is_enough(void **state)
{
    struct flow *f = *state;
    unsigned n_opened;

    open_healthy(f, STEADY);
    fake_dns_set("beta.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    until_runs(f, "alpha", 1, 2 * STEADY_INTERVAL_MS);
    n_opened = fake_tcp_n_opened();
    assert_int_equal(n_opened, 18); /* beta's, too, are connected by now */
    assert_int_equal(count_runs(f, "beta"), 0);
    fake_loop_advance(f->loop, HOUR_MS);
    expect_run(run_of(f, "beta", 0), VERDICT_OK, STATE_OK);
    assert_int_equal(f->n_changes, 0);
}

static void
an_address_of_a_family_we_lack_does_not_count(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    fake_dns_set("alpha.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_OK, 1, "fd00::11 fd00::12");
    fake_tcp_set("fd00::11", ADDR_OUTCOME_NO_ROUTE, 0);
    fake_tcp_set("fd00::12", ADDR_OUTCOME_NO_ROUTE, 0);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 0);
    assert_int_equal(endpoint_of(f, "alpha")->evidence.n_addrs, 5);

    fake_tcp_set_host(true, true);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_OK, STATE_DEGRADED, VERDICT_FAMILY_SPLIT);
}

static void
once_is_one_run_each(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;
    struct report report;

    fake_tcp_set("10.0.1.12", ADDR_OUTCOME_REFUSED, 1);
    silence_alpha();
    open_flow(f, STEADY, true, keys);
    fake_loop_advance(f->loop, 24 * HOUR_MS);
    assert_int_equal(f->n_runs, 3);
    assert_int_equal(f->n_changes, 3);
    expect_run(run_of(f, "alpha", 0), VERDICT_BLOCKED, STATE_FAILED);
    expect_run(run_of(f, "beta", 0), VERDICT_PARTLY_BLOCKED, STATE_DEGRADED);
    expect_run(run_of(f, "gamma", 0), VERDICT_OK, STATE_OK);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNHEALTHY);
    prober_report(f->prober, (struct moment){0}, &report);
    assert_null(report.due_ms);
}

/* What all addresses of an endpoint do, and what it is called. */
static void
outcomes_become_verdicts(void **state)
{
    static const char *const keys[] = {"delta", NULL};
    static const struct {
        enum addr_outcome connect;
        int64_t connect_ms;
        enum addr_outcome tls;
        int64_t tls_ms;
        enum verdict_code code;
        int64_t run_ms;
    } cases[] = {
        {ADDR_OUTCOME_OK, 20, ADDR_OUTCOME_OK, 30, VERDICT_OK, 51},
        {ADDR_OUTCOME_OK, 2999, ADDR_OUTCOME_OK, 2999, VERDICT_OK, 5999},
        {ADDR_OUTCOME_OK, 3001, ADDR_OUTCOME_OK, 1, VERDICT_BLOCKED, 3001},
        {ADDR_OUTCOME_OK, -1, ADDR_OUTCOME_OK, 1, VERDICT_BLOCKED, 3001},
        {ADDR_OUTCOME_REFUSED, 5, ADDR_OUTCOME_OK, 1, VERDICT_REFUSED, 6},
        {ADDR_OUTCOME_NO_ROUTE, 0, ADDR_OUTCOME_OK, 1, VERDICT_UNROUTABLE, 1},
        {ADDR_OUTCOME_UNREACHABLE, 7, ADDR_OUTCOME_OK, 1, VERDICT_UNROUTABLE, 8},
        {ADDR_OUTCOME_RESOURCES, 0, ADDR_OUTCOME_OK, 1, VERDICT_NO_RESOURCES, 1},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_OK, -1, VERDICT_TLS_TIMEOUT, 3002},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_UNTRUSTED, 1, VERDICT_TLS_UNTRUSTED, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_WRONG_NAME, 1, VERDICT_TLS_WRONG_NAME, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_EXPIRED, 1, VERDICT_TLS_EXPIRED, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_RESET, 1, VERDICT_TLS_FAILED, 3},
    };
    struct flow *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t start_ms = loop_now_ms(f->loop);

        fake_tcp_set("10.0.3.11", cases[i].connect, cases[i].connect_ms);
        fake_tls_set("10.0.3.11", cases[i].tls, cases[i].tls_ms);
        open_flow(f, STEADY, true, keys);
        fake_loop_advance(f->loop, MINUTE_MS);
        assert_int_equal(f->n_runs, 1);
        assert_string_equal(verdict_str(f->runs[0].code), verdict_str(cases[i].code));
        assert_int_equal(f->runs[0].at_ms - start_ms, cases[i].run_ms);
        assert_int_equal(f->n_changes, cases[i].code == VERDICT_NO_RESOURCES ? 0 : 1);
        close_prober(f);
        forget(f);
    }
}

/* Runs that this host itself spoils change nothing, until nothing was heard for too long. */
static void
lack_of_resources_is_no_statement(void **state)
{
    struct flow *f = *state;
    int64_t heard_ms;
    size_t n;

    open_healthy(f, STEADY);
    until_runs(f, "alpha", 1, 2 * STEADY_INTERVAL_MS);
    heard_ms = run_of(f, "alpha", 0)->at_ms;
    forget(f);
    fake_tcp_set("10.0.0.12", ADDR_OUTCOME_RESOURCES, 0);
    fake_loop_advance(f->loop, STEADY_STALE_MS);
    n = count_runs(f, "alpha");
    assert_in_range(n, 3, 4);
    for (size_t i = 0; i < n; i++) {
        expect_run(run_of(f, "alpha", i), VERDICT_NO_RESOURCES, STATE_OK);
    }
    assert_int_equal(f->n_changes, 0);
    fake_loop_advance(f->loop, STEADY_INTERVAL_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_OK, STATE_UNKNOWN, VERDICT_NO_RESOURCES);
    assert_true(f->changes[0].at_ms > heard_ms + STEADY_STALE_MS);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNKNOWN);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);

    forget(f);
    fake_tcp_reset();
    fake_loop_advance(f->loop, STEADY_FAST_MS + RUN_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_UNKNOWN, STATE_OK, VERDICT_OK);
}

/* While our own loop is late, silence says nothing; a handshake does. */
static void
lag_spoils_failures_only(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    fake_loop_set_lag(f->loop, 1001); /* more than half of the shortest timeout */
    silence_alpha();
    fake_loop_advance(f->loop, 2 * STEADY_INTERVAL_MS);
    assert_int_equal(f->n_changes, 0);
    expect_run(run_of(f, "alpha", 0), VERDICT_NO_RESOURCES, STATE_OK);
    expect_run(run_of(f, "beta", 0), VERDICT_OK, STATE_OK);
    assert_int_equal(endpoint_of(f, "alpha")->n_memory, 0);

    forget(f);
    fake_loop_set_lag(f->loop, 1000);
    fake_loop_advance(f->loop, 2 * STEADY_INTERVAL_MS);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "alpha", STATE_OK, STATE_FAILED, VERDICT_BLOCKED);
}

static void
a_day_without_events_is_quiet(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;

    open_healthy(f, "Interval=30s\n");
    fake_loop_advance(f->loop, 24 * HOUR_MS);
    assert_int_equal(f->n_changes, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(count_runs(f, keys[i]), 2878, 2880);
        assert_int_equal(endpoint_of(f, keys[i])->changes, 1);
    }
    for (size_t i = 3; i < f->n_runs; i++) { /* one burst each interval */
        assert_int_equal(f->runs[i].at_ms - f->runs[i - 3].at_ms, 30000);
    }
    assert_int_equal(fake_tcp_n_opened(), 3 * (f->n_runs + 3));
}

static void
reload(struct flow *f, const char *const *keys)
{
    struct conf *conf = load(STEADY, keys);
    struct prober *prober = make_prober(f, conf, false);

    prober_adopt(prober, f->prober);
    prober_free(f->prober);
    conf_free(f->conf);
    f->prober = prober;
    f->conf = conf;
}

/* gamma goes, delta comes, the others stay what they are; runs under way are forgotten. */
static void
a_reload_keeps_states(void **state)
{
    static const char *const keys[] = {"delta", "beta", "alpha", NULL};
    struct flow *f = *state;
    struct endpoint alpha;
    struct endpoint beta;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 4, 5 * STEADY_INTERVAL_MS);
    fake_loop_advance(f->loop, 7000);
    until_runs(f, "beta", count_runs(f, "beta") + 1, 2 * STEADY_INTERVAL_MS);
    alpha = *endpoint_of(f, "alpha"); /* whose run is under way */
    beta = *endpoint_of(f, "beta");
    assert_int_equal(alpha.state, STATE_FAILED);
    forget(f);

    reload(f, keys);
    assert_int_equal(prober_n(f->prober), 3);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNHEALTHY);
    assert_memory_equal(&endpoint_of(f, "alpha")->since, &alpha.since, sizeof(alpha.since));
    assert_ptr_equal(endpoint_of(f, "alpha")->summary, alpha.summary);
    assert_int_equal(endpoint_of(f, "alpha")->n_memory, 3);
    assert_int_equal(endpoint_of(f, "beta")->state, STATE_OK);
    assert_memory_equal(&endpoint_of(f, "beta")->since, &beta.since, sizeof(beta.since));
    assert_int_equal(endpoint_of(f, "delta")->state, STATE_UNKNOWN);
    prober_start(f->prober);
    fake_loop_advance(f->loop, 1 + STEADY_CONNECT_MS);
    assert_int_equal(f->n_runs, 3); /* one each: nothing of the old ones is left */
    expect_run(run_of(f, "alpha", 0), VERDICT_BLOCKED, STATE_FAILED);
    assert_int_equal(endpoint_of(f, "alpha")->runs, alpha.runs + 1);
    assert_int_equal(endpoint_of(f, "alpha")->n_history, alpha.n_history + 1);
    assert_int_equal(endpoint_of(f, "beta")->runs, beta.runs + 1);
    assert_int_equal(f->n_changes, 1);
    expect_change(f, 0, "delta", STATE_UNKNOWN, STATE_OK, VERDICT_OK);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_changes, 1);
}

/* No endpoint at all is fine as well. */
static void
a_reload_to_nothing_and_back(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const keys[] = {THREE};
    struct flow *f = *state;

    open_healthy(f, STEADY);
    reload(f, none);
    prober_start(f->prober);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(f->n_runs, 0);
    assert_int_equal(prober_n(f->prober), 0);
    reload(f, keys);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_UNKNOWN);
    prober_start(f->prober);
    fake_loop_advance(f->loop, RUN_MS);
    assert_int_equal(f->n_changes, 3);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
}

/* One connection at a time: everyone waits for the one before, everyone gets a verdict. */
static void
one_place_serves_all(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;
    int64_t start_ms = loop_now_ms(f->loop);

    silence_alpha();
    open_flow(f, STEADY "Parallel=1\n", true, keys);
    fake_loop_advance(f->loop, MINUTE_MS);
    assert_int_equal(f->n_runs, 3);
    expect_run(run_of(f, "alpha", 0), VERDICT_BLOCKED, STATE_FAILED);
    expect_run(run_of(f, "beta", 0), VERDICT_OK, STATE_OK);
    expect_run(run_of(f, "gamma", 0), VERDICT_OK, STATE_OK);
    assert_int_equal(run_of(f, "alpha", 0)->at_ms, start_ms + 1 + 3 * STEADY_CONNECT_MS);
    assert_int_equal(
        run_of(f, "beta", 0)->at_ms, run_of(f, "alpha", 0)->at_ms + 1 + 3 * (RUN_MS - 1));
}

/* Freed before, in and after every phase of a run, at every millisecond of it. */
static void
it_may_be_freed_at_any_time(void **state)
{
    static const char *const keys[] = {THREE};
    static const char *const settings[] = {STEADY, STEADY "Parallel=1\n", STEADY "Parallel=4\n"};
    struct flow *f = *state;

    fake_tcp_set("10.0.0.12", ADDR_OUTCOME_OK, -1);
    fake_tcp_set("10.0.1.11", ADDR_OUTCOME_REFUSED, 2);
    fake_tls_set("10.0.2.11", ADDR_OUTCOME_UNTRUSTED, 3);
    fake_dns_set("gamma.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_TIMEOUT, 8, NULL);
    for (size_t s = 0; s < ARRAY_SIZE(settings); s++) {
        for (int64_t ms = -1; ms < 30; ms++) {
            open_flow(f, settings[s], false, keys);
            if (ms >= 0) {
                fake_loop_advance(f->loop, ms);
            }
            close_prober(f);
            assert_int_equal(count_fds(), f->n_fds);
            fake_loop_advance(f->loop, MINUTE_MS); /* nothing is left that could fire */
        }
    }
}

static void
ignore_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    (void)line;
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(all_are_healthy_from_the_first_run),
        TEST(silence_is_a_failure_after_fall_runs),
        TEST(recovery_takes_rise_runs),
        TEST(a_lost_run_changes_nothing),
        TEST(one_dead_address_is_named),
        TEST(a_lossy_address_does_not_flap),
        TEST(a_first_failure_runs_all_others),
        TEST(a_first_failure_spares_young_runs),
        TEST(dns_silence_is_a_failure_of_dns),
        TEST(one_family_is_enough),
        TEST(an_address_of_a_family_we_lack_does_not_count),
        TEST(once_is_one_run_each),
        TEST(outcomes_become_verdicts),
        TEST(lack_of_resources_is_no_statement),
        TEST(lag_spoils_failures_only),
        TEST(a_day_without_events_is_quiet),
        TEST(a_reload_keeps_states),
        TEST(a_reload_to_nothing_and_back),
        TEST(one_place_serves_all),
        TEST(it_may_be_freed_at_any_time),
    };

    log_set_sink(ignore_line);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
