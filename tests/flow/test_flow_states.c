/* States over time: when runs happen, when a change is settled, what a reload keeps. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"
#include "harness.h"

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
    assert_int_equal(endpoint_run_failures(endpoint_of(f, "alpha"), VERDICT_BLOCKED), 2);
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

int
main(void)
{
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
        TEST(lack_of_resources_is_no_statement),
        TEST(lag_spoils_failures_only),
        TEST(a_day_without_events_is_quiet),
        TEST(a_reload_keeps_states),
        TEST(a_reload_to_nothing_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
