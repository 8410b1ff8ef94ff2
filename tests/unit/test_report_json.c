/* daemon/report_json: facts that are absent, which address speaks for the endpoint, and times. The
 * whole shape is held to its schema by the scenarios. */
#include "daemon/report_json.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* An endpoint with these addresses; caller drops the reference. */
static json_t *
endpoint_json(struct addr_result *addrs, size_t n)
{
    const struct endpoint_spec spec = {.key = "ecs", .hostname = "ecs.test", .port = 443};
    const struct host host = {0};
    const struct vpc_nets nets = {0};
    struct endpoint e;
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

    endpoint_init(&e, &spec, (struct moment){0});
    e.evidence.addrs = addrs;
    e.evidence.n_addrs = n;
    json = report_json(&report);
    assert_non_null(json);
    endpoint = json_incref(json_array_get(json_object_get(json, "endpoints"), 0));
    json_decref(json);
    e.evidence.addrs = NULL; /* the caller's */
    e.evidence.n_addrs = 0;
    endpoint_done(&e);
    return endpoint;
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
    } rows[] = {
        {"as it was read", {5000, 105000}, {1000, 101000}, 101000},
        {"read just before a millisecond was full", {5000, 105001}, {1000, 101000}, 101000},
        {"or just after", {5001, 105000}, {1000, 101000}, 101000},
        {"the clock was set forward", {5000, 905000}, {1000, 101000}, 901000},
        {"the clock was set back", {5000, 15000}, {1000, 101000}, 11000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct report report = {.now = rows[i].now};
        int64_t got_ms = report_moment_ms(&report, &rows[i].moment);

        if (got_ms != rows[i].expected_ms) {
            fail_msg("%s: got %lld", rows[i].name, (long long)got_ms);
        }
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(http),
        cmocka_unit_test(engines),
        cmocka_unit_test(moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
