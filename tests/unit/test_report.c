/* daemon/report and daemon/causes: the host in one sentence, times, and which evidence the causes
 * are computed from. */
#include "daemon/report.h"

#include "daemon/metrics.h"
#include "daemon/report_json.h"
#include "daemon/util.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N 8
#define NOW 1000

static void
times(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"}, {INT64_C(1768478400007), "2026-01-15T12:00:00.007Z"},
        {-1, "1969-12-31T23:59:59.999Z"}, {-1000, "1969-12-31T23:59:59.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "1970-01-01T00:00:00.192Z"},
        {INT64_MAX, "1970-01-01T00:00:00.807Z"}, /* no date at all */
    };
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char got[RFC3339_SIZE];

        if (!streq(rfc3339_format(rows[i].wall_ms, got), rows[i].text)) {
            print_error("%" PRId64 ": got %s, expected %s\n", rows[i].wall_ms, got, rows[i].text);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* N endpoints, all required but the last one. */
static void
make_endpoints(struct endpoint *endpoints)
{
    for (unsigned i = 0; i < N; i++) {
        struct endpoint_spec spec = {
            .hostname = "e.example", .service_name = "", .port = 443, .required = i + 1 < N};

        (void)snprintf(spec.key, sizeof(spec.key), "e%u", i);
        endpoint_init(&endpoints[i], &spec, (struct moment){0});
    }
}

static void
summaries(void **state)
{
    static const struct {
        enum host_state state;
        enum endpoint_state of_all;
        size_t n_causes;
        const char *expected;
    } rows[] = {
        {HOST_STATE_HEALTHY, STATE_OK, 0, "all 7 required endpoints are reachable"},
        {HOST_STATE_DEGRADED, STATE_DEGRADED, 0,
            "7 of 7 required endpoints degraded: e0, e1, e2, e3, e4, "
            "e5 and 1 more"},
        {HOST_STATE_UNKNOWN, STATE_UNKNOWN, 0,
            "7 of 7 required endpoints not known yet: e0, e1, e2, e3, "
            "e4, e5 and 1 more"},
        {HOST_STATE_UNHEALTHY, STATE_FAILED, 2,
            "7 of 7 required endpoints failed: e0, e1, e2, e3, e4, "
            "e5 and 1 more; cause: resolver-down, clock-skew"},
        {HOST_STATE_UNHEALTHY, STATE_OK, 0, "0 of 7 required endpoints failed"},
        {(enum host_state)99, STATE_OK, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint endpoints[N];
        struct causes causes = {.n = rows[i].n_causes,
            .list = {{.code = VERDICT_RESOLVER_DOWN}, {.code = VERDICT_CLOCK_SKEW}}};
        const struct report report = {
            .state = rows[i].state, .endpoints = endpoints, .n_endpoints = N, .causes = &causes};
        char got[REPORT_SUMMARY_SIZE] = "";

        make_endpoints(endpoints);
        for (size_t k = 0; k < N; k++) {
            endpoints[k].state = rows[i].of_all;
        }
        report_summary(&report, got);
        assert_string_equal(got, rows[i].expected);
    }
}

/* ---- causes ---- */

/* Two required endpoints, both of them silent at their private addresses; one that is not. */
struct world {
    struct endpoint endpoints[3];
    struct addr_result addrs[3];
    struct vpc_nets nets;
    struct causes causes;
};

static void
make_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    for (unsigned i = 0; i < 3; i++) {
        struct endpoint_spec spec = {
            .hostname = "e.example", .service_name = "", .port = 443, .required = i < 2};
        struct endpoint *e = &w->endpoints[i];

        (void)snprintf(spec.key, sizeof(spec.key), "e%u", i);
        endpoint_init(e, &spec, (struct moment){0});
        e->state = STATE_FAILED;
        e->n_history = 1;
        e->history[0] = VERDICT_BLOCKED;
        e->evidence.started_ms = NOW - 20;
        e->evidence.finished_ms = NOW - 10;
        w->addrs[i] = (struct addr_result){.judged = true,
            .addr_class = ADDR_CLASS_VPC,
            .outcome = ADDR_OUTCOME_TIMEOUT,
            .connect_us = -1,
            .phase = PROBE_PHASE_CONNECT,
            .addr = {.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 1, (uint8_t)i}}};
        e->evidence.addrs = &w->addrs[i];
        e->evidence.n_addrs = 1;
    }
}

static void
update(struct world *w, size_t n, int64_t now_ms)
{
    const struct verdict_context context = {.nets = &w->nets};

    causes_update(&w->causes, w->endpoints, n, INTERNET_UNKNOWN, &context, now_ms);
}

static void
causes_are_found(void **state)
{
    struct world w;

    (void)state;
    make_world(&w);
    update(&w, 0, NOW);
    assert_int_equal(w.causes.n, 0);
    update(&w, 3, NOW);
    assert_int_equal(w.causes.n, 1);
    assert_int_equal(w.causes.list[0].code, VERDICT_HOST_EGRESS_BLOCKED);
    assert_string_not_equal(w.causes.list[0].summary, "");
    assert_non_null(w.causes.list[0].commands);
    assert_true(causes_fold(&w.causes, 0, 0));
    assert_true(causes_fold(&w.causes, 0, 1));
    assert_false(causes_fold(&w.causes, 0, 2)); /* not required */
    assert_false(causes_fold(&w.causes, 1, 0));
    assert_false(causes_fold(&w.causes, 0, 3)); /* there are three */
    causes_reset(&w.causes);
    assert_false(causes_fold(&w.causes, 0, 0));
}

/* Evidence from before the failure does not count; new is waited for, but not for ever. */
static void
newer_evidence_is_waited_for(void **state)
{
    struct world w;

    (void)state;
    make_world(&w);
    causes_expect(&w.causes, NOW, 500);
    update(&w, 3, NOW);
    assert_int_equal(w.causes.n, 0);
    w.endpoints[0].evidence.started_ms = NOW;
    w.endpoints[1].evidence.started_ms = NOW + 1;
    update(&w, 3, NOW + 10); /* that of the third is not required */
    assert_int_equal(w.causes.n, 1);
    causes_expect(&w.causes, NOW + 100, 500);
    update(&w, 3, NOW + 599);
    assert_int_equal(w.causes.n, 1); /* as it was */
    update(&w, 3, NOW + 600);
    assert_int_equal(w.causes.n, 0);
    causes_reset(&w.causes);
}

/* Who cannot be asked is not waited for; a state without a run of its own tells nothing. */
static void
those_without_evidence(void **state)
{
    struct world w;

    (void)state;
    make_world(&w);
    causes_expect(&w.causes, NOW - 20, 500);
    w.endpoints[1].spec.hostname = "";
    w.endpoints[1].n_history = 0;
    update(&w, 3, NOW);
    assert_int_equal(w.causes.n, 0); /* one alone is no cause */
    w.endpoints[1].spec.hostname = "e.example";
    update(&w, 3, NOW);
    assert_int_equal(w.causes.n, 0); /* waits */
    w.endpoints[1].n_history = 1;
    w.endpoints[1].evidence.finished_ms = 0; /* taken up from before a restart */
    update(&w, 3, NOW + 1000);
    assert_int_equal(w.causes.n, 0);
    w.endpoints[1].evidence.finished_ms = NOW;
    update(&w, 3, NOW + 1000);
    assert_int_equal(w.causes.n, 1);
    causes_reset(&w.causes);
}

/* ---- JSON ---- */

static void
second_opinion(void **state)
{
    struct world w;
    const struct host host = {.region = ""};
    const struct clients clients = {0};
    const int64_t due_ms[3] = {NOW, NOW, NOW};
    struct report report = {.now = {.mono_ms = NOW, .wall_ms = NOW},
        .host = &host,
        .endpoints = w.endpoints,
        .n_endpoints = 3,
        .clients = &clients,
        .causes = &w.causes,
        .context = {.nets = &w.nets}};
    struct second_opinion second = {.outcome = DNS_OUTCOME_OK,
        .n_addrs = 1,
        .server = {.family = ADDR_FAMILY_IPV4, .bytes = {169, 254, 169, 253}},
        .addrs = {{.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 1, 10}}}};
    json_t *json;
    char *text;

    (void)state;
    make_world(&w);
    w.endpoints[0].evidence.second_opinion = &second;
    w.causes.n = 1;
    w.causes.list[0].code = VERDICT_HOST_EGRESS_BLOCKED; /* without memory for its commands */
    json = report_json(&report);
    assert_non_null(json);
    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"second_opinion\":{\"addresses\":[\"10.0.1.10\"],\"outcome\":"
                                 "\"ok\",\"server\":\"169.254.169.253\"}"));
    assert_non_null(strstr(text, "\"commands\":[]"));
    free(text);
    json_decref(json);
    w.endpoints[1].spec.hostname = ""; /* nothing is planned for it */
    report.due_ms = due_ms;
    json = report_json(&report);
    assert_non_null(json);
    json_decref(json);
}

/* Whatever a key is, it cannot end its label (the text format 0.0.4 of Prometheus). */
static void
labels(void **state)
{
    static const struct process_facts no_facts = {-1, -1, -1, -1};
    struct world w;
    const struct host host = {.region = ""};
    const struct clients clients = {0};
    const struct report report = {.host = &host,
        .endpoints = w.endpoints,
        .n_endpoints = 3,
        .clients = &clients,
        .causes = &w.causes,
        .context = {.nets = &w.nets}};
    char *text;

    (void)state;
    make_world(&w);
    (void)str_copy(w.endpoints[0].spec.key, ENDPOINT_KEY_SIZE, "a\"b\\c\nd");
    text = metrics_text(&report, &no_facts);
    assert_non_null(text);
    assert_non_null(strstr(text, "{endpoint=\"a\\\"b\\\\c\\nd\""));
    assert_null(strstr(text, "c\nd"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(summaries),
        cmocka_unit_test(causes_are_found),
        cmocka_unit_test(newer_evidence_is_waited_for),
        cmocka_unit_test(those_without_evidence),
        cmocka_unit_test(second_opinion),
        cmocka_unit_test(labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
