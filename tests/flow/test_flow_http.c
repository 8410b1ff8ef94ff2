/* How far a run goes: TCP only, a handshake, or a request and its answer. */
#include "fake_dns.h"
#include "fake_loop.h"
#include "fake_tcp.h"
#include "harness.h"

#include "probes/http_head.h"
#include "probes/probe.h"
#include "probes/tls.h"

#define HTTP STEADY "Http=yes\n"
#define HTTP_RUN_MS (RUN_MS + 1)

#define AWS "x-amzn-RequestId: 1-2\r\n"

static const char *const delta[] = {"delta", NULL};

static const struct addr_result *
result_of(const struct flow *f, const char *key)
{
    return &endpoint_of(f, key)->evidence.addrs[0];
}

static void
a_request_follows_the_handshake(void **state)
{
    struct flow *f = *state;
    int64_t start_ms = loop_now_ms(f->loop);
    const struct addr_result *addr;

    fake_http_set(
        "10.0.3.11", (struct fake_answer){.text = "HTTP/1.1 404 Not Found\r\n" AWS
                                                  "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n{}",
                         .delay_ms = 1});
    open_flow(f, HTTP, true, delta);
    fake_loop_advance(f->loop, HTTP_RUN_MS);
    assert_int_equal(f->n_runs, 1);
    assert_int_equal(f->runs[0].at_ms, start_ms + HTTP_RUN_MS);
    expect_run(&f->runs[0], VERDICT_OK, STATE_OK);
    assert_string_equal(fake_http_request(),
        "GET / HTTP/1.1\r\nHost: delta.test\r\nUser-Agent: vpce-probe/" VPCE_VERSION
        "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    addr = result_of(f, "delta");
    assert_int_equal(addr->phase, PROBE_PHASE_DONE);
    assert_int_equal(addr->tls_us, 1000); /* the handshake alone */
    assert_int_equal(addr->http.status, 404);
    assert_string_equal(addr->http.request_id, "1-2");
    assert_true(addr->http.has_date);
    assert_true(addr->http.clock_skew_ms > 0); /* it is later than 1970 */
    assert_null(addr->error);
}

static void
without_http_no_request(void **state)
{
    struct flow *f = *state;

    fake_http_set("10.0.3.11", (struct fake_answer){.text = "", .delay_ms = -1});
    open_flow(f, STEADY, true, delta);
    fake_loop_advance(f->loop, RUN_MS);
    assert_int_equal(f->n_runs, 1);
    expect_run(&f->runs[0], VERDICT_OK, STATE_OK);
    assert_int_equal(result_of(f, "delta")->http.status, 0);
}

/* What the address answers, and what that is. Run times are from the start of a run. */
static void
answers_become_outcomes(void **state)
{
    static const struct {
        const char *name;
        struct fake_answer answer;
        enum addr_outcome outcome;
        int64_t run_ms;
        unsigned status;
    } cases[] = {
        {"slow, but there", {"HTTP/1.1 200 OK\r\n" AWS "\r\n", 2999}, ADDR_OUTCOME_OK, 3002, 200},
        {"late", {"HTTP/1.1 200 OK\r\n" AWS "\r\n", 3001}, ADDR_OUTCOME_TIMEOUT, 3003, 0},
        {"silence", {"", -1}, ADDR_OUTCOME_TIMEOUT, 3003, 0},
        {"a byte each millisecond", {FAKE_ANSWER, 1, 1}, ADDR_OUTCOME_OK,
            RUN_MS + (int64_t)sizeof(FAKE_ANSWER) - 1, 404},
        {"one deadline for all bytes", {FAKE_ANSWER, 1000, 1}, ADDR_OUTCOME_TIMEOUT, 3003, 0},
        {"half a head, then silence", {"HTTP/1.1 200 OK\r\n" AWS, 1}, ADDR_OUTCOME_TIMEOUT, 3003,
            0},
        {"half a head, then FIN", {"HTTP/1.1 200 OK\r\n" AWS, 1, 0, ADDR_OUTCOME_CLOSED},
            ADDR_OUTCOME_CLOSED, 5, 0},
        {"FIN", {"", 1, 0, ADDR_OUTCOME_CLOSED}, ADDR_OUTCOME_CLOSED, 4, 0},
        {"RST", {"", 1, 0, ADDR_OUTCOME_RESET}, ADDR_OUTCOME_RESET, 4, 0},
        {"a head, then FIN", {FAKE_ANSWER, 1, 0, ADDR_OUTCOME_CLOSED}, ADDR_OUTCOME_OK, 4, 404},
        {"a portal", {"HTTP/1.1 200 OK\r\n\r\n", 1}, ADDR_OUTCOME_NOT_AWS, 4, 200},
        {"a 1xx first", {"HTTP/1.1 100 Continue\r\n\r\n" FAKE_ANSWER, 1}, ADDR_OUTCOME_OK, 4, 404},
        {"garbage", {"SSH-2.0-OpenSSH_9.2\r\n", 1}, ADDR_OUTCOME_PROTOCOL, 4, 0},
        {"a line without colon", {"HTTP/1.1 200 OK\r\nnginx\r\n", 1}, ADDR_OUTCOME_PROTOCOL, 4, 0},
    };
    struct flow *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t start_ms = loop_now_ms(f->loop);
        const struct addr_result *addr;
        bool good = cases[i].outcome == ADDR_OUTCOME_OK;

        fake_http_set("10.0.3.11", cases[i].answer);
        open_flow(f, HTTP, true, delta);
        fake_loop_advance(f->loop, MINUTE_MS);
        assert_int_equal(f->n_runs, 1);
        addr = result_of(f, "delta");
        print_message("%s: %s\n", cases[i].name, addr_outcome_str(addr->outcome));
        assert_int_equal(addr->outcome, cases[i].outcome);
        assert_int_equal(addr->phase, good ? PROBE_PHASE_DONE : PROBE_PHASE_HTTP);
        assert_int_equal(addr->http.status, cases[i].status);
        assert_true(addr->tls_us >= 0);
        assert_int_equal(addr->error != NULL, addr->outcome == ADDR_OUTCOME_PROTOCOL);
        assert_int_equal(f->runs[0].at_ms - start_ms, cases[i].run_ms);
        assert_int_equal(f->runs[0].code, good ? VERDICT_OK : VERDICT_HTTP_FAILED);
        close_prober(f);
        forget(f);
    }
}

/* A head may be as long as the limit, not longer. */
static void
a_long_head(void **state)
{
    static char text[HTTP_HEAD_MAX + 2];
    static const char start[] = "HTTP/1.1 200 OK\r\nx-amzn-RequestId: ";
    struct flow *f = *state;

    for (size_t too_long = 0; too_long < 2; too_long++) {
        size_t len = HTTP_HEAD_MAX + too_long;

        memset(text, 'a', len);
        memcpy(text, start, sizeof(start) - 1);
        memcpy(text + len - 4, "\r\n\r\n", sizeof("\r\n\r\n"));
        fake_http_set(
            "10.0.3.11", (struct fake_answer){.text = text, .delay_ms = 1, .piece_len = 1000});
        open_flow(f, HTTP, true, delta);
        fake_loop_advance(f->loop, MINUTE_MS);
        assert_int_equal(
            result_of(f, "delta")->outcome, too_long ? ADDR_OUTCOME_PROTOCOL : ADDR_OUTCOME_OK);
        close_prober(f);
        forget(f);
    }
}

/* One address of three behind a portal: named, and not the end of the endpoint. */
static void
one_address_is_a_portal(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;

    fake_http_set(
        "10.0.0.12", (struct fake_answer){.text = "HTTP/1.1 302 Found\r\n\r\n", .delay_ms = 1});
    open_flow(f, HTTP, true, keys);
    fake_loop_advance(f->loop, MINUTE_MS);
    assert_int_equal(run_of(f, "alpha", 0)->state, STATE_DEGRADED);
    assert_non_null(strstr(endpoint_of(f, "alpha")->summary, "10.0.0.12"));
    expect_run(run_of(f, "beta", 0), VERDICT_OK, STATE_OK);
}

/* Freed at every millisecond of a run with a request. */
static void
it_may_be_freed_with_a_request_out(void **state)
{
    static const char *const keys[] = {THREE};
    struct flow *f = *state;

    fake_http_set(
        "10.0.0.11", (struct fake_answer){.text = FAKE_ANSWER, .delay_ms = 1, .piece_len = 8});
    fake_http_set("10.0.1.11", (struct fake_answer){.text = "", .delay_ms = -1});
    fake_http_set("10.0.2.11", (struct fake_answer){"HTTP", 2, 0, ADDR_OUTCOME_RESET});
    for (int64_t ms = 0; ms < 20; ms++) {
        open_flow(f, HTTP, false, keys);
        fake_loop_advance(f->loop, ms);
        close_prober(f);
        assert_int_equal(count_fds(), f->n_fds);
        fake_loop_advance(f->loop, MINUTE_MS); /* nothing is left that could fire */
    }
}

static void
keep_result(struct probe_result *result, void *arg)
{
    probe_result_move(arg, result);
}

/* TCP only: a connection is all that is asked for. */
static void
connect_is_enough(void **state)
{
    static const struct vpc_nets nothing_known;
    static const struct {
        enum addr_outcome outcome;
        int64_t delay_ms;
        enum probe_phase phase;
    } cases[] = {
        {ADDR_OUTCOME_OK, 1, PROBE_PHASE_DONE},
        {ADDR_OUTCOME_REFUSED, 1, PROBE_PHASE_CONNECT},
        {ADDR_OUTCOME_TIMEOUT, -1, PROBE_PHASE_CONNECT},
    };
    const struct endpoint_spec spec = {.key = "delta",
        .hostname = "delta.test",
        .service_name = "",
        .port = 443,
        .depth = PROBE_DEPTH_CONNECT};
    struct flow *f = *state;
    struct probe_env env = {
        .loop = f->loop, .options = {.family_enabled = {true, true}, .connect_timeout_ms = 100}};
    struct probe_result result;
    struct probe *probe;

    assert_int_equal(dns_new(f->loop, &(struct dns_options){0}, &env.dns), 0);
    assert_int_equal(tls_ctx_new("", TLS_ENGINE_DEFAULT, &env.tls_ctx), 0);
    env.slots = slots_new(f->loop, 10);
    probe_result_init(&result);
    probe = probe_new(&env, &nothing_known, keep_result, &result);
    fake_tls_set("10.0.3.11", ADDR_OUTCOME_UNTRUSTED, 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_tcp_set("10.0.3.11", cases[i].outcome, cases[i].delay_ms);
        assert_int_equal(probe_start(probe, &spec, NULL), 0);
        fake_loop_advance(f->loop, 1000);
        assert_int_equal(result.n_addrs, 1);
        assert_int_equal(result.addrs[0].outcome, cases[i].outcome);
        assert_int_equal(result.addrs[0].phase, cases[i].phase);
        assert_int_equal(
            result.addrs[0].connect_us, cases[i].outcome == ADDR_OUTCOME_OK ? 1000 : -1);
        assert_int_equal(result.addrs[0].tls_us, -1);
        assert_null(result.addrs[0].cert);
    }
    probe_result_reset(&result);
    probe_free(probe);
    slots_free(env.slots);
    tls_ctx_free(env.tls_ctx);
    dns_free(env.dns);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_request_follows_the_handshake),
        TEST(without_http_no_request),
        TEST(answers_become_outcomes),
        TEST(a_long_head),
        TEST(one_address_is_a_portal),
        TEST(it_may_be_freed_with_a_request_out),
        TEST(connect_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
