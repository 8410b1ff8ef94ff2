/* Single runs: what each address does and what it is called, limits, and being freed in between. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"
#include "harness.h"

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

/* Where this host was too slow to say anything, it is asked again, and that counts. */
static void
once_repeats_what_it_spoilt(void **state)
{
    static const char *const keys[] = {"alpha", NULL};
    struct flow *f = *state;

    fake_loop_set_lag(f->loop, 1001);
    silence_alpha();
    open_flow(f, STEADY, true, keys);
    fake_loop_advance(f->loop, 3002); /* a connection's time, and what led to it */
    assert_int_equal(endpoint_of(f, "alpha")->runs, 1);
    assert_int_equal(f->n_runs, 0);
    fake_loop_set_lag(f->loop, 0);
    fake_loop_advance(f->loop, MINUTE_MS);
    assert_int_equal(endpoint_of(f, "alpha")->runs, 2);
    assert_int_equal(f->n_runs, 1);
    expect_run(run_of(f, "alpha", 0), VERDICT_BLOCKED, STATE_FAILED);
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
        {ADDR_OUTCOME_RESOURCES, 0, ADDR_OUTCOME_OK, 1, VERDICT_NO_RESOURCES, 1003}, /* 3 times */
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_OK, -1, VERDICT_TLS_TIMEOUT, 3002},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_UNTRUSTED, 1, VERDICT_TLS_UNTRUSTED, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_WRONG_NAME, 1, VERDICT_TLS_WRONG_NAME, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_EXPIRED, 1, VERDICT_TLS_EXPIRED, 3},
        {ADDR_OUTCOME_OK, 1, ADDR_OUTCOME_RESET, 1, VERDICT_TLS_FAILED, 3},
    };
    struct flow *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t start_ms = loop_now_ms(f->loop);
        const struct probe_result *result;

        fake_tcp_set("10.0.3.11", cases[i].connect, cases[i].connect_ms);
        fake_tls_set("10.0.3.11", cases[i].tls, cases[i].tls_ms);
        open_flow(f, STEADY, true, keys);
        fake_loop_advance(f->loop, MINUTE_MS);
        assert_int_equal(f->n_runs, 1);
        assert_string_equal(verdict_str(f->runs[0].code), verdict_str(cases[i].code));
        assert_int_equal(f->runs[0].at_ms - start_ms, cases[i].run_ms);
        assert_int_equal(f->n_changes, cases[i].code == VERDICT_NO_RESOURCES ? 0 : 1);
        result = &endpoint_of(f, "delta")->evidence;
        if (result->n_addrs > 0) { /* a ClientHello that never left is no fact */
            assert_int_equal(result->addrs[0].tls_engine != TLS_ENGINE_NONE,
                result->addrs[0].phase >= PROBE_PHASE_TLS);
        }
        close_prober(f);
        forget(f);
    }
}

/* The lean engine's word counts only when it is a good one; else the default engine's does. */
static void
a_lean_failure_is_no_statement(void **state)
{
    static const char *const keys[] = {"delta", NULL};
    static const struct {
        enum addr_outcome lean;
        enum addr_outcome tls;
        int64_t tls_ms;
        enum verdict_code code;
        enum tls_engine engine;
        unsigned n_opened;
        int64_t run_ms;
    } cases[] = {
        {ADDR_OUTCOME_OK, ADDR_OUTCOME_UNTRUSTED, 1, VERDICT_OK, TLS_ENGINE_LEAN, 1, 3},
        {ADDR_OUTCOME_UNTRUSTED, ADDR_OUTCOME_OK, 1, VERDICT_OK, TLS_ENGINE_DEFAULT, 2, 5},
        {ADDR_OUTCOME_ALERT, ADDR_OUTCOME_EXPIRED, 1, VERDICT_TLS_EXPIRED, TLS_ENGINE_DEFAULT, 2,
            5},
        {ADDR_OUTCOME_CLOSED, ADDR_OUTCOME_WRONG_NAME, 1, VERDICT_TLS_WRONG_NAME,
            TLS_ENGINE_DEFAULT, 2, 5},
        {ADDR_OUTCOME_PROTOCOL, ADDR_OUTCOME_OK, 2000, VERDICT_OK, TLS_ENGINE_DEFAULT, 2, 4003},
        {ADDR_OUTCOME_UNTRUSTED, ADDR_OUTCOME_OK, -1, VERDICT_TLS_TIMEOUT, TLS_ENGINE_LEAN, 1,
            3002},
    };
    struct flow *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t start_ms = loop_now_ms(f->loop);
        unsigned n_opened = fake_tcp_n_opened();
        const struct addr_result *addr;

        fake_tls_set("10.0.3.11", cases[i].tls, cases[i].tls_ms);
        fake_tls_set_lean("10.0.3.11", cases[i].lean);
        open_flow(f, STEADY "TlsEngine=lean\nParallel=1\n", true, keys);
        fake_loop_advance(f->loop, MINUTE_MS);
        assert_int_equal(f->n_runs, 1);
        assert_string_equal(verdict_str(f->runs[0].code), verdict_str(cases[i].code));
        assert_int_equal(f->runs[0].at_ms - start_ms, cases[i].run_ms);
        assert_int_equal(fake_tcp_n_opened() - n_opened, cases[i].n_opened);
        addr = &endpoint_of(f, "delta")->evidence.addrs[0];
        assert_string_equal(tls_engine_str(addr->tls_engine), tls_engine_str(cases[i].engine));
        assert_int_equal(addr->tls_again, cases[i].n_opened == 2);
        assert_null(addr->error);
        close_prober(f);
        forget(f);
    }
}

/* What cannot be made before its time is made in time. */
static void
a_hello_too_early_for_memory(void **state)
{
    struct flow *f = *state;

    fake_tls_starve(false, true);
    open_healthy(f, STEADY);
    fake_tls_starve(false, false);
}

/* Once: the questions are out, or there are none, and there is no trust store. */
static void
once_without_a_trust_store(void **state)
{
    static const char *const some[] = {THREE};
    static const char *const none[] = {NULL};
    static const char *const *const keys[] = {some, none};
    struct flow *f = *state;

    fake_tls_starve(true, false);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        f->n_no_trust = 0;
        open_flow(f, STEADY, true, keys[i]);
        fake_loop_advance(f->loop, 0);
        assert_int_equal(f->n_no_trust, 1);
        assert_int_equal(f->n_runs, 0);
        close_prober(f);
    }
    fake_tls_starve(false, false);
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

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(once_is_one_run_each),
        TEST(once_repeats_what_it_spoilt),
        TEST(outcomes_become_verdicts),
        TEST(a_lean_failure_is_no_statement),
        TEST(a_hello_too_early_for_memory),
        TEST(once_without_a_trust_store),
        TEST(one_family_is_enough),
        TEST(an_address_of_a_family_we_lack_does_not_count),
        TEST(one_place_serves_all),
        TEST(it_may_be_freed_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
