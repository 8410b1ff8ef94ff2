/* daemon/report_json: facts that are absent, which address speaks for the endpoint, times, and what
 * is shown of EC2 Auto Scaling, in metrics, too. The whole shape is held to its schema by the
 * scenarios. */
#include "daemon/report_json.h"

#include "daemon/lifecycle_view.h"
#include "daemon/metrics.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* An endpoint of which this was seen, all of it the caller's; caller drops the reference. */
static json_t *
json_of(const struct endpoint *seen)
{
    const struct endpoint_spec spec = {
        .key = "ecs", .hostname = "ecs.test", .service_name = "", .port = 443};
    const struct host host = {0};
    const struct vpc_nets nets = {0};
    struct endpoint e = *seen;
    static const struct clients no_clients;
    static const struct causes no_causes;
    struct report report = {.host = &host,
        .endpoints = &e,
        .n_endpoints = 1,
        .clients = &no_clients,
        .causes = &no_causes,
        .context = {.nets = &nets}};
    json_t *json;
    json_t *endpoint;

    e.spec = spec;
    json = report_json(&report);
    assert_non_null(json);
    endpoint = json_incref(json_array_get(json_object_get(json, "endpoints"), 0));
    json_decref(json);
    return endpoint;
}

/* An endpoint with these addresses; caller drops the reference. */
static json_t *
endpoint_json(struct addr_result *addrs, size_t n)
{
    const struct endpoint e = {.evidence = {.addrs = addrs, .n_addrs = n}};

    return json_of(&e);
}

/* The member "http" of an endpoint with these addresses, as text; caller frees. */
static char *
http_text(struct addr_result *addrs, size_t n)
{
    json_t *endpoint = endpoint_json(addrs, n);
    char *text = json_dumps(json_object_get(endpoint, "http"), JSON_COMPACT | JSON_ENCODE_ANY);

    assert_non_null(text);
    json_decref(endpoint);
    return text;
}

#define MEMBERS(status, request_id, skew)                                                          \
    "{\"status\":" status ",\"request_id\":" request_id ",\"clock_skew_ms\":" skew "}"

static void
http(void **state)
{
    static const struct {
        const char *name;
        struct addr_result addrs[2];
        const char *expected;
    } rows[] = {
        {"no answer", {{.judged = true}, {.judged = true}}, "null"},
        {"all of it",
            {{.judged = true,
                .http =
                    {.status = 404, .request_id = "a\"b", .has_date = true, .clock_skew_ms = -5}}},
            MEMBERS("404", "\"a\\\"b\"", "-5")},
        {"no id, no date", {{.judged = true, .http = {.status = 200, .clock_skew_ms = 7}}},
            MEMBERS("200", "null", "null")},
        {"the second answered", {{.judged = true}, {.judged = true, .http = {.status = 401}}},
            MEMBERS("401", "null", "null")},
        {"the first does not count",
            {{.http = {.status = 200}}, {.judged = true, .http = {.status = 401}}},
            MEMBERS("401", "null", "null")},
        {"nobody counts", {{.http = {.status = 200}}, {.http = {.status = 401}}}, "null"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct addr_result addrs[2];
        char *text;

        memcpy(addrs, rows[i].addrs, sizeof(addrs));
        text = http_text(addrs, ARRAY_SIZE(addrs));
        if (!streq(text, rows[i].expected)) {
            fail_msg("%s: got %s, expected %s", rows[i].name, text, rows[i].expected);
        }
        free(text);
    }
}

/* Before anything is settled: what was seen so far, and "this host" only where this host it was. */
static void
unsettled(void **state)
{
    static const struct {
        const char *name;
        uint64_t runs;
        size_t n_history;
        int64_t finished_ms; /* of the evidence; 0: of another life of the daemon */
        const char *expected;
    } rows[] = {
        {"never probed", 0, 0, 0, "not probed yet"},
        {"spoilt", 2, 0, 0, "No statement: this host itself ran out of something."},
        {"failed once", 1, 1, 20,
            "not settled yet: no DNS server answers for ecs.test (10.0.0.2: timeout)"},
        {"failed once, then spoilt", 2, 1, 20,
            "not settled yet: no DNS server answers for ecs.test (10.0.0.2: timeout)"},
        {"restored, and spoilt", 1, 1, 0, "No statement: this host itself ran out of something."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct endpoint seen = {.runs = rows[i].runs,
            .n_history = rows[i].n_history,
            .history = {VERDICT_DNS_TIMEOUT},
            .evidence = {.finished_ms = rows[i].finished_ms,
                .dns = {{.outcome = DNS_OUTCOME_TIMEOUT,
                    .n_attempts = 1,
                    .attempts = {{.server = {.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 0, 2}},
                        .outcome = DNS_OUTCOME_TIMEOUT}}}}}};
        json_t *endpoint = json_of(&seen);
        const char *got = json_string_value(json_object_get(endpoint, "summary"));

        if (!streq(got, rows[i].expected)) {
            fail_msg("%s: got %s, expected %s", rows[i].name, got, rows[i].expected);
        }
        json_decref(endpoint);
    }
}

/* Whose word a handshake is: told where the lean engine has a part in it. */
static void
engines(void **state)
{
    static const struct {
        struct addr_result addr;
        const char *expected; /* NULL: nothing */
        size_t n_notes;
    } rows[] = {
        {{.outcome = ADDR_OUTCOME_OK, .tls_engine = TLS_ENGINE_DEFAULT}, NULL, 0},
        {{.outcome = ADDR_OUTCOME_OK, .tls_engine = TLS_ENGINE_LEAN}, "lean", 0},
        {{.outcome = ADDR_OUTCOME_OK, .tls_engine = TLS_ENGINE_DEFAULT, .tls_again = true},
            "default", 1},
        {{.outcome = ADDR_OUTCOME_EXPIRED, .tls_engine = TLS_ENGINE_DEFAULT, .tls_again = true},
            "default", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct addr_result addr = rows[i].addr;
        json_t *endpoint;
        const json_t *tls;
        const char *engine;

        addr.judged = true;
        addr.addr = (struct addr){.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 0, 1}};
        addr.cert = cert_new("CN=test", "CN=test CA", NULL, 0);
        assert_non_null(addr.cert);
        endpoint = endpoint_json(&addr, 1);
        tls = json_object_get(json_array_get(json_object_get(endpoint, "addresses"), 0), "tls");
        assert_true(json_is_object(tls));
        engine = json_string_value(json_object_get(tls, "engine"));
        assert_string_equal(
            engine != NULL ? engine : "none", rows[i].expected != NULL ? rows[i].expected : "none");
        assert_int_equal(json_array_size(json_object_get(endpoint, "notes")), rows[i].n_notes);
        json_decref(endpoint);
        cert_unref(addr.cert);
    }
}

/* What is told of one moment does not waver with the millisecond in which it is asked for. */
static void
moments(void **state)
{
    static const struct {
        const char *name;
        struct moment now;
        struct moment moment;
        int64_t expected_ms;
        int64_t slept_ms;
    } rows[] = {
        {"as it was read", {5000, 105000}, {1000, 101000}, 101000},
        {"read just before a millisecond was full", {5000, 105001}, {1000, 101000}, 101000},
        {"or just after", {5001, 105000}, {1000, 101000}, 101000},
        {"the clock was set forward", {5000, 905000}, {1000, 101000}, 901000},
        {"the clock was set back", {5000, 15000}, {1000, 101000}, 11000},
        {"the host has slept since", {5000, 905000}, {1000, 101000}, 101000, 800000},
        {"it slept before", {5000, 105000}, {1000, 101000}, 101000, 800000},
        {"it slept, and the clock was set forward", {5000, 1005000}, {1000, 101000}, 1001000,
            800000},
        {"it slept, and the clock was set back", {5000, 15000}, {1000, 101000}, 11000, 800000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct report report = {.now = rows[i].now, .slept_ms = rows[i].slept_ms};
        int64_t got_ms = report_moment_ms(&report, &rows[i].moment);

        if (got_ms != rows[i].expected_ms) {
            fail_msg("%s: got %lld", rows[i].name, (long long)got_ms);
        }
    }
}

/* The member "lifecycle", and the lines of its metrics, as text; caller frees both. */
static void
lifecycle_texts(const struct lifecycle_view *view, char **ret_json, char **ret_metrics)
{
    static const struct host host;
    static const struct vpc_nets nets;
    static const struct clients no_clients;
    static const struct causes no_causes;
    static const struct process_facts no_facts = {-1, -1, -1, -1};
    const struct report report = {.host = &host,
        .clients = &no_clients,
        .causes = &no_causes,
        .context = {.nets = &nets},
        .lifecycle = view};
    json_t *json = report_json(&report);
    char *metrics = metrics_text(&report, &no_facts);
    const char *lines;

    assert_non_null(json);
    assert_non_null(metrics);
    *ret_json = json_dumps(json_object_get(json, "lifecycle"), JSON_COMPACT | JSON_ENCODE_ANY);
    lines = strstr(metrics, "# HELP vpce_probe_lifecycle");
    *ret_metrics = strdup(lines != NULL ? lines : "");
    assert_non_null(*ret_json);
    assert_non_null(*ret_metrics);
    json_decref(json);
    free(metrics);
}

#define ACTIONS "vpce_probe_lifecycle_actions_total"
#define ACTIONS_HEAD                                                                               \
    "# HELP " ACTIONS " Calls of EC2 Auto Scaling, by what was asked for and what came of it.\n"   \
    "# TYPE " ACTIONS " counter\n"

static void
lifecycle(void **state)
{
    static const struct {
        const char *name;
        struct lifecycle_view view;
        const char *json;
        const char *metrics;
    } rows[] = {
        {"nothing yet", {0}, "{\"target\":null,\"last_action\":null,\"last_result\":null}", ""},
        {"in no group, one call",
            {.last_action = "describe",
                .last_result = "ok",
                .n_counts = 1,
                .counts = {{"describe", "ok", 1}}},
            "{\"target\":null,\"last_action\":\"describe\",\"last_result\":\"ok\"}",
            ACTIONS_HEAD ACTIONS "{action=\"describe\",result=\"ok\"} 1\n"},
        {"let go at the second attempt",
            {.target = "InService",
                .last_action = "continue",
                .last_result = "ok",
                .n_counts = 3,
                .counts = {{"describe", "ok", 2}, {"continue", "ok", 1},
                    {"continue", "denied", UINT64_MAX}}},
            "{\"target\":\"InService\",\"last_action\":\"continue\",\"last_result\":\"ok\"}",
            ACTIONS_HEAD ACTIONS "{action=\"describe\",result=\"ok\"} 2\n" ACTIONS
                                 "{action=\"continue\",result=\"ok\"} 1\n" ACTIONS
                                 "{action=\"continue\",result=\"denied\"} "
                                 "18446744073709551615\n"},
    };
    char *json;
    char *metrics;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        lifecycle_texts(&rows[i].view, &json, &metrics);
        if (!streq(json, rows[i].json) || !streq(metrics, rows[i].metrics)) {
            fail_msg("%s: got %s and %s", rows[i].name, json, metrics);
        }
        free(json);
        free(metrics);
    }
    lifecycle_texts(NULL, &json, &metrics);
    assert_string_equal(json, "null");
    assert_string_equal(metrics, "");
    free(json);
    free(metrics);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(http),
        cmocka_unit_test(unsettled),
        cmocka_unit_test(engines),
        cmocka_unit_test(lifecycle),
        cmocka_unit_test(moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
