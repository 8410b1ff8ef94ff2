/* The real probes, prober and states over a made-up network, under a clock turned by hand: hours
 * of a host's life in milliseconds, and every time exact. What the flow tests share. */
#ifndef VPCE_TESTS_FLOW_HARNESS_H
#define VPCE_TESTS_FLOW_HARNESS_H

#include "daemon/prober.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

/* What is recorded */

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
    size_t n_no_trust;
    size_t n_runs;
    size_t n_changes;
    struct run runs[RUNS_MAX];
    struct change changes[CHANGES_MAX];
};

void forget(struct flow *f);

/* Counted from the last forget. run_of fails the test when there is no run i. */
size_t count_runs(const struct flow *f, const char *key);
const struct run *run_of(const struct flow *f, const char *key, size_t i);

/* Let time pass until the endpoint has had n runs since the last forget. */
void until_runs(struct flow *f, const char *key, size_t n, int64_t limit_ms);

const struct endpoint *endpoint_of(const struct flow *f, const char *key);

void expect_change(const struct flow *f, size_t i, const char *key, enum endpoint_state from,
    enum endpoint_state to, enum verdict_code verdict);
void expect_run(const struct run *run, enum verdict_code code, enum endpoint_state state);

/* The world: alpha, beta and gamma have three addresses each (10.0.0.11 to .13 and so on), delta
 * has 10.0.3.11. */

/* Settings: lines of [Probe], and these endpoints, each called KEY.test. Caller frees. */
struct conf *load(const char *probe, const char *const *keys);
struct prober *make_prober(struct flow *f, const struct conf *conf, bool once);

/* Name -> addresses in the VPC, IPv4 only. */
void resolves_to(const char *hostname, const char *addrs);

void open_flow(struct flow *f, const char *probe, bool once, const char *const *keys);
void open_healthy(struct flow *f, const char *probe); /* THREE, well for a moment, forgotten */
void silence_alpha(void);
void close_prober(struct flow *f); /* and nothing of it is left; may be called twice */

size_t count_fds(void);

/* Of each test; *state is a struct flow. */
int setup(void **state);
int teardown(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
