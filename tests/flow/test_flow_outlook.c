/* What lies around the endpoints, over time: the second opinion, the egress control, the causes of
 * the host, an endpoint that depends on another. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"
#include "harness.h"

#define CONTROL "52.92.0.1"
#define WITH_CONTROL STEADY "EgressControl=control.test\n"
#define TEN_MINUTES_MS (10 * MINUTE_MS)

static struct report
report_of(const struct flow *f)
{
    struct report report;

    prober_report(f->prober, (struct moment){0}, &report);
    return report;
}

static void
becomes_public(const char *hostname, const char *addrs, bool silent)
{
    resolves_to(hostname, addrs);
    if (silent) {
        fake_tcp_set(addrs, ADDR_OUTCOME_OK, -1);
    }
}

/* DNS says public, where nobody answers; the second opinion says otherwise. */
static void
open_bypassed(struct flow *f)
{
    open_healthy(f, STEADY);
    fake_dns_set_second("alpha.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, "10.0.0.11");
    fake_dns_set_second("alpha.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_NODATA, 1, NULL);
    becomes_public("alpha.test", "52.1.1.1", true);
}

/* Asked for when DNS says public, at most once an interval however often the endpoint is probed,
 * and again when the public answer is still there. */
static void
a_second_opinion_is_asked_once_an_interval(void **state)
{
    struct flow *f = *state;

    open_bypassed(f);
    until_runs(f, "alpha", 3, 2 * STEADY_INTERVAL_MS); /* a fast interval apart */
    assert_int_equal(fake_dns_n_second(), 2);          /* A and AAAA */
    expect_run(run_of(f, "alpha", 0), VERDICT_RESOLVER_BYPASS, STATE_OK);
    expect_run(run_of(f, "alpha", 2), VERDICT_RESOLVER_BYPASS, STATE_FAILED);
    assert_non_null(strstr(endpoint_of(f, "alpha")->summary, "169.254.169.253 answers 10.0.0.11"));

    fake_loop_advance(f->loop, HOUR_MS);
    assert_in_range(fake_dns_n_second(), 2 * 59, 2 * 62);
    resolves_to("alpha.test", "10.0.0.11");
    until_runs(f, "alpha", count_runs(f, "alpha") + 2, 3 * STEADY_INTERVAL_MS);
    assert_int_equal(endpoint_of(f, "alpha")->state, STATE_OK);
    assert_null(endpoint_of(f, "alpha")->evidence.second_opinion);
}

/* Another server than the one that was asked: what that one said is not its word. */
static void
a_second_opinion_is_of_its_server(void **state)
{
    struct flow *f = *state;

    open_bypassed(f);
    until_runs(f, "alpha", 2, 2 * STEADY_INTERVAL_MS); /* undecided: the next one comes soon */
    assert_int_equal(fake_dns_n_second(), 2);
    fake_dns_set_second_server("10.0.0.3");
    fake_dns_set_second("alpha.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, "52.1.1.1");
    until_runs(f, "alpha", 3, 2 * STEADY_FAST_MS);
    assert_int_equal(fake_dns_n_second(), 4);
    expect_run(run_of(f, "alpha", 1), VERDICT_RESOLVER_BYPASS, STATE_OK);
    expect_run(run_of(f, "alpha", 2), VERDICT_ENDPOINT_MISSING, STATE_FAILED);
}

/* Private answers need none, nor do names of /etc/hosts or paths that may be public. */
static void
nobody_asks_without_need(void **state)
{
    struct flow *f = *state;

    fake_dns_set_second("alpha.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_OK, 1, "10.0.0.11");
    open_healthy(f, STEADY);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(fake_dns_n_second(), 0);
}

/* The run waits for the second opinion, and no longer than that takes. */
static void
a_silent_second_opinion_costs_its_time(void **state)
{
    static const char *const keys[] = {"delta", NULL};
    struct flow *f = *state;
    int64_t start_ms = loop_now_ms(f->loop);

    fake_dns_set_second("delta.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    fake_dns_set_second("delta.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    becomes_public("delta.test", "52.1.1.1", false);
    open_flow(f, STEADY, true, keys);
    fake_loop_advance(f->loop, MINUTE_MS);
    assert_int_equal(f->n_runs, 1);
    expect_run(run_of(f, "delta", 0), VERDICT_PUBLIC_PATH, STATE_DEGRADED);
    assert_int_equal(run_of(f, "delta", 0)->at_ms, start_ms + 1 + 2000);
}

static struct conf *
load_gateway(const char *probe)
{
    static const char *const keys[] = {"alpha", "beta", NULL};
    struct conf *conf = load(probe, keys);

    conf->endpoints[conf->n_endpoints - 1].expected = EXPECTED_GATEWAY;
    conf->endpoints[conf->n_endpoints - 1].expected_set = true;
    return conf;
}

static void
open_gateway(struct flow *f)
{
    resolves_to("beta.test", "52.1.1.1"); /* plays S3 */
    resolves_to("control.test", CONTROL);
    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, -1);
    f->conf = load_gateway(WITH_CONTROL);
    f->prober = make_prober(f, f->conf, false);
    prober_start(f->prober);
}

/* The control is silent: what answers goes through a gateway endpoint. Ten minutes later it is
 * not, and nobody can tell any more. */
static void
the_control_tells_the_path(void **state)
{
    struct flow *f = *state;

    open_gateway(f);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(endpoint_of(f, "beta")->state, STATE_OK);
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_UNKNOWN);
    assert_int_equal(report_of(f).internet, INTERNET_UNKNOWN);
    fake_loop_advance(f->loop, STEADY_CONNECT_MS);
    assert_int_equal(report_of(f).internet, INTERNET_CLOSED);
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_GATEWAY);
    assert_non_null(strstr(endpoint_of(f, "beta")->summary, "inferred"));
    assert_int_equal(endpoint_of(f, "alpha")->path, PATH_INTERFACE);

    fake_loop_advance(f->loop, TEN_MINUTES_MS / 2); /* other runs, the same conclusion */
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_GATEWAY);
    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, 1);
    fake_loop_advance(f->loop, TEN_MINUTES_MS / 2 + 100);
    assert_int_equal(report_of(f).internet, INTERNET_OPEN);
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_UNKNOWN);
    assert_int_equal(endpoint_of(f, "beta")->state, STATE_OK); /* never a state */
    assert_null(strstr(endpoint_of(f, "beta")->summary, "inferred"));
    assert_int_equal(f->n_changes, 2);
}

/* Once when something changed; and again when asked, though it is looking already. */
static void
the_control_looks_when_something_changed(void **state)
{
    struct flow *f = *state;

    open_gateway(f);
    fake_loop_advance(f->loop, 100 + STEADY_CONNECT_MS);
    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, 1);
    fake_loop_advance(f->loop, 2 * MINUTE_MS);
    assert_int_equal(report_of(f).internet, INTERNET_CLOSED); /* nobody looked */
    silence_alpha();
    until_runs(f, "alpha", count_runs(f, "alpha") + 4, 3 * STEADY_INTERVAL_MS);
    assert_int_equal(endpoint_of(f, "alpha")->state, STATE_FAILED);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(report_of(f).internet, INTERNET_OPEN);

    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, -1);
    prober_probe_all(f->prober);
    fake_loop_advance(f->loop, 1000);
    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, 1); /* for connections from now on */
    prober_probe_all(f->prober);
    fake_loop_advance(f->loop, STEADY_CONNECT_MS + 100);
    assert_int_equal(report_of(f).internet, INTERNET_OPEN);
}

static void
silence_all(void)
{
    static const char *const addrs[] = {"10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.1.11",
        "10.0.1.12", "10.0.1.13", "10.0.2.11", "10.0.2.12", "10.0.2.13"};

    for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
        fake_tcp_set(addrs[i], ADDR_OUTCOME_OK, -1);
    }
}

/* One cause for all that is dead; told once it is settled, gone with it. */
static void
a_cause_comes_and_goes(void **state)
{
    struct flow *f = *state;
    struct report report;

    open_healthy(f, STEADY);
    assert_int_equal(report_of(f).causes->n, 0);
    silence_all();
    until_runs(f, "alpha", 2, 2 * STEADY_INTERVAL_MS);
    assert_int_equal(report_of(f).causes->n, 0); /* nothing is settled yet */
    until_runs(f, "alpha", 3, 2 * STEADY_INTERVAL_MS);
    fake_loop_advance(f->loop, STEADY_FAST_MS);
    report = report_of(f);
    assert_int_equal(report.causes->n, 1);
    assert_int_equal(report.causes->list[0].code, VERDICT_HOST_EGRESS_BLOCKED);
    assert_true(causes_fold(report.causes, 0, 0) && causes_fold(report.causes, 0, 2));
    fake_tcp_reset();
    fake_loop_advance(f->loop, 2 * STEADY_INTERVAL_MS);
    assert_int_equal(report_of(f).causes->n, 0);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
}

/* Alpha fails while the others' newest runs are from before: no cause is made of old evidence. */
static void
old_evidence_makes_no_cause(void **state)
{
    struct flow *f = *state;

    open_healthy(f, STEADY);
    silence_alpha();
    until_runs(f, "alpha", 1, 2 * STEADY_INTERVAL_MS);
    silence_all(); /* beta and gamma ran with alpha, and will again on the grid */
    for (int i = 0; i < 240; i++) {
        struct report report = report_of(f);

        if (report.causes->n > 0) {
            assert_true(causes_fold(report.causes, 0, 1) && causes_fold(report.causes, 0, 2));
        }
        fake_loop_advance(f->loop, 500);
    }
    assert_int_equal(report_of(f).causes->n, 1);
}

/* `load` switches all services off, and what it adds comes last: one section for each key. */
static void
enable(struct conf *conf, const char *key)
{
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (streq(conf->endpoints[i].key, key)) {
            conf->endpoints[i].enabled = CONF_CHOICE_DEFAULT;
        }
    }
}

/* The agent's endpoints are well, but nobody will use them while ecs itself is public. */
static void
the_agent_depends_on_ecs(void **state)
{
    static const char *const keys[] = {"ecs", "ecs-agent", "beta", NULL};
    struct flow *f = *state;

    resolves_to("ecs.test", "10.0.0.11");
    resolves_to("ecs-agent.test", "10.0.0.12");
    f->conf = load(STEADY, keys);
    enable(f->conf, "ecs");
    enable(f->conf, "ecs-agent");
    f->prober = make_prober(f, f->conf, false);
    prober_start(f->prober);
    fake_loop_advance(f->loop, 100);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
    forget(f);
    resolves_to("ecs.test", "52.1.1.1");
    fake_loop_advance(f->loop, 5 * STEADY_INTERVAL_MS);
    assert_int_equal(endpoint_of(f, "ecs")->verdict, VERDICT_PUBLIC_PATH);
    assert_int_equal(endpoint_of(f, "ecs-agent")->verdict, VERDICT_DEPENDS_ON_ECS);
    assert_int_equal(endpoint_of(f, "beta")->verdict, VERDICT_OK);
    resolves_to("ecs.test", "10.0.0.11");
    fake_loop_advance(f->loop, 5 * STEADY_INTERVAL_MS);
    assert_int_equal(endpoint_of(f, "ecs-agent")->verdict, VERDICT_OK);
    assert_int_equal(prober_host_state(f->prober), HOST_STATE_HEALTHY);
}

/* One run each: ecs takes longer to fail than its agent's endpoint to answer. */
static void
one_check_sees_that_the_agent_depends(void **state)
{
    static const char *const keys[] = {"ecs", "ecs-agent", NULL};
    struct flow *f = *state;

    becomes_public("ecs.test", "52.1.1.1", true);
    resolves_to("ecs-agent.test", "10.0.0.12");
    f->conf = load(STEADY, keys);
    enable(f->conf, "ecs");
    enable(f->conf, "ecs-agent");
    f->prober = make_prober(f, f->conf, true);
    prober_start(f->prober);
    fake_loop_advance(f->loop, MINUTE_MS);
    assert_int_equal(endpoint_of(f, "ecs")->verdict, VERDICT_ENDPOINT_MISSING);
    assert_int_equal(endpoint_of(f, "ecs-agent")->verdict, VERDICT_DEPENDS_ON_ECS);
    assert_non_null(strstr(endpoint_of(f, "ecs-agent")->summary, "ecs endpoint is public"));
}

/* A silent: that is the verdict, whatever IPv6 this host does not have would say. */
static void
a_family_we_lack_does_not_hide_dns(void **state)
{
    static const char *const keys[] = {"delta", NULL};
    struct flow *f = *state;

    fake_dns_set("delta.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    fake_dns_set("delta.test", ADDR_FAMILY_IPV6, DNS_OUTCOME_OK, 1, "fd00::5");
    fake_tcp_set("fd00::5", ADDR_OUTCOME_NO_ROUTE, 0);
    open_flow(f, STEADY, true, keys);
    fake_loop_advance(f->loop, MINUTE_MS);
    expect_run(run_of(f, "delta", 0), VERDICT_DNS_TIMEOUT, STATE_FAILED);
}

/* A long interval: the path is known as long as the control's finding is. */
static void
a_long_interval_keeps_the_path(void **state)
{
    struct flow *f = *state;

    resolves_to("beta.test", "52.1.1.1");
    resolves_to("control.test", CONTROL);
    fake_tcp_set(CONTROL, ADDR_OUTCOME_OK, -1);
    f->conf = load_gateway("Interval=20min\nEgressControl=control.test\n");
    f->prober = make_prober(f, f->conf, false);
    prober_start(f->prober);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_GATEWAY);
    fake_dns_set("control.test", ADDR_FAMILY_IPV4, DNS_OUTCOME_TIMEOUT, 2000, NULL);
    fake_loop_advance(f->loop, TEN_MINUTES_MS); /* one look finds nothing out */
    resolves_to("control.test", CONTROL);
    fake_loop_advance(f->loop, HOUR_MS);
    assert_int_equal(endpoint_of(f, "beta")->path, PATH_GATEWAY);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_second_opinion_is_asked_once_an_interval),
        TEST(a_second_opinion_is_of_its_server),
        TEST(nobody_asks_without_need),
        TEST(a_silent_second_opinion_costs_its_time),
        TEST(the_control_tells_the_path),
        TEST(the_control_looks_when_something_changed),
        TEST(a_cause_comes_and_goes),
        TEST(old_evidence_makes_no_cause),
        TEST(the_agent_depends_on_ecs),
        TEST(one_check_sees_that_the_agent_depends),
        TEST(a_family_we_lack_does_not_hide_dns),
        TEST(a_long_interval_keeps_the_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
