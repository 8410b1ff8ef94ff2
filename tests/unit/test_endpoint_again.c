/* daemon/endpoint: a run that is judged again when what is around it has changed, a state that was
 * taken up from before a restart, counts at their bounds. Rise and fall: test_endpoint.c. */
#include "daemon/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct vpc_nets nets = {.known = {true, true}};
static const struct verdict_context context = {.nets = &nets};
static const struct endpoint_policy policy = {
    .rise = 2, .fall = 3, .stale_ms = 100000, .verdict = {.fall = 3}};
static const struct surroundings plain;
static const struct surroundings ecs_is_public = {.ecs_is_public = true};
static const struct surroundings proxied = {.uses_proxy = true};
static const struct surroundings closed = {.internet_closed = true};

static void
init(struct endpoint *e, const char *key, enum expected_path expected)
{
    struct endpoint_spec spec = {.hostname = "host.example",
        .service_name = "",
        .port = 443,
        .required = true,
        .expected = expected};

    (void)str_copy(spec.key, sizeof(spec.key), key);
    endpoint_init(e, &spec, (struct moment){0});
}

/* A run with one address of the class. */
static struct probe_result
result_of(const char *text, enum addr_class addr_class, enum addr_outcome outcome)
{
    struct probe_result result;

    probe_result_init(&result);
    result.started_ms = 1;
    result.finished_ms = 2;
    result.dns[0].outcome = DNS_OUTCOME_OK;
    result.addrs = calloc(1, sizeof(*result.addrs));
    assert_non_null(result.addrs);
    result.n_addrs = 1;
    result.addrs[0] = (struct addr_result){.addr_class = addr_class,
        .outcome = outcome,
        .judged = true,
        .connect_us = outcome == ADDR_OUTCOME_OK ? 500 : -1,
        .tls_us = -1,
        .phase = outcome == ADDR_OUTCOME_OK ? PROBE_PHASE_DONE : PROBE_PHASE_CONNECT};
    assert_int_equal(addr_parse(text, &result.addrs[0].addr), 0);
    return result;
}

static bool
apply(struct endpoint *e, struct probe_result result, const struct surroundings *around)
{
    struct transition change;
    bool changed = endpoint_apply(
        e, &result, around, &policy, &context, (struct moment){.mono_ms = 1000}, &change);

    probe_result_reset(&result);
    return changed;
}

static bool
rejudge(struct endpoint *e, const struct surroundings *around, struct transition *ret)
{
    return endpoint_rejudge(e, around, &policy, &context, (struct moment){.mono_ms = 2000}, ret);
}

#define WELL result_of("10.0.1.1", ADDR_CLASS_VPC, ADDR_OUTCOME_OK)
#define DEAD result_of("10.0.1.1", ADDR_CLASS_VPC, ADDR_OUTCOME_TIMEOUT)

static void
nothing_to_judge(void **state)
{
    struct endpoint e;
    struct transition change;
    struct probe_result nothing;

    (void)state;
    init(&e, "ecs-agent", EXPECTED_INTERFACE);
    assert_false(rejudge(&e, &ecs_is_public, &change));
    probe_result_init(&nothing);
    assert_false(apply(&e, nothing, &plain)); /* was not asked: no statement */
    assert_int_equal(e.run_failures[VERDICT_NONE], 1);
    assert_int_equal(e.n_history, 0);
    e.evidence.finished_ms = 2; /* expired: the evidence is there, and does not count */
    assert_false(rejudge(&e, &ecs_is_public, &change));
    endpoint_done(&e);
}

/* The run that decided at once decides anew, as often as there is cause to. */
static void
decides_anew(void **state)
{
    struct endpoint e;
    struct transition change;

    (void)state;
    init(&e, "ecs-agent", EXPECTED_INTERFACE);
    assert_true(apply(&e, WELL, &plain));
    assert_false(rejudge(&e, &plain, &change));
    assert_true(rejudge(&e, &ecs_is_public, &change));
    assert_int_equal(change.old_verdict, VERDICT_OK);
    assert_int_equal(change.verdict, VERDICT_DEPENDS_ON_ECS);
    assert_int_equal(e.state, STATE_DEGRADED);
    assert_non_null(strstr(e.summary, "the ecs endpoint is public"));
    assert_true(rejudge(&e, &plain, &change));
    assert_int_equal(e.state, STATE_OK);
    endpoint_done(&e);
}

/* But not to a failure: that needs `fall`. */
static void
a_failure_needs_more(void **state)
{
    struct endpoint e;
    struct transition change;

    (void)state;
    init(&e, "ecs-agent", EXPECTED_INTERFACE);
    assert_true(apply(&e, DEAD, &proxied));
    assert_int_equal(e.verdict, VERDICT_VIA_PROXY);
    assert_false(rejudge(&e, &plain, &change));
    assert_int_equal(e.history[0], VERDICT_BLOCKED);
    assert_int_equal(e.state, STATE_DEGRADED);
    endpoint_done(&e);
    /* and the other way round: what was too little for a failure is enough to be degraded */
    init(&e, "ecs-agent", EXPECTED_INTERFACE);
    assert_false(apply(&e, DEAD, &plain));
    assert_int_equal(e.state, STATE_UNKNOWN);
    assert_true(rejudge(&e, &proxied, &change));
    assert_int_equal(e.state, STATE_DEGRADED);
    endpoint_done(&e);
}

static void
one_of_many_runs(void **state)
{
    struct endpoint e;
    struct transition change;

    (void)state;
    init(&e, "ecs-agent", EXPECTED_INTERFACE);
    (void)apply(&e, WELL, &plain);
    (void)apply(&e, WELL, &plain);
    assert_false(rejudge(&e, &ecs_is_public, &change));
    assert_int_equal(e.history[0], VERDICT_DEPENDS_ON_ECS);
    assert_int_equal(e.history[1], VERDICT_OK);
    assert_int_equal(e.state, STATE_OK);
    endpoint_done(&e);
}

/* What is inferred of the path follows, where the newest run stands for the state. */
static void
path_follows(void **state)
{
    struct endpoint e;

    (void)state;
    init(&e, "s3", EXPECTED_GATEWAY);
    endpoint_infer_path(&e, &closed, &context);
    assert_int_equal(e.path, PATH_UNKNOWN);
    (void)apply(&e, result_of("52.1.1.1", ADDR_CLASS_PUBLIC, ADDR_OUTCOME_OK), &plain);
    endpoint_infer_path(&e, &plain, &context);
    assert_int_equal(e.path, PATH_UNKNOWN);
    endpoint_infer_path(&e, &closed, &context);
    assert_int_equal(e.path, PATH_GATEWAY);
    assert_non_null(strstr(e.summary, "gateway endpoint"));
    e.verdict = VERDICT_GATEWAY_MISSING; /* settled on other runs than the newest */
    endpoint_infer_path(&e, &plain, &context);
    assert_int_equal(e.path, PATH_GATEWAY);
    e.n_history = 0;
    endpoint_infer_path(&e, &plain, &context);
    assert_int_equal(e.path, PATH_GATEWAY);
    endpoint_done(&e);
}

/* Taken up from before a restart: a state without a run of its own. */
static void
taken_up(void **state)
{
    struct endpoint e;

    (void)state;
    init(&e, "ecs", EXPECTED_INTERFACE);
    e.state = STATE_OK;
    e.verdict = VERDICT_OK;
    assert_true(endpoint_is_undecided(&e, &policy));
    e.n_history = 1;
    e.history[0] = VERDICT_OK;
    assert_false(endpoint_is_undecided(&e, &policy));
    e.history[0] = VERDICT_BLOCKED;
    assert_true(endpoint_is_undecided(&e, &policy));
    endpoint_done(&e);
}

/* Addresses that do not speak for it leave it decided. */
static void
undecided_by_an_address(void **state)
{
    static const struct {
        enum addr_class addr_class;
        bool judged;
        uint16_t failures;
        bool undecided;
    } rows[] = {
        {ADDR_CLASS_VPC, true, 1, true},
        {ADDR_CLASS_PRIVATE, true, 2, true},
        {ADDR_CLASS_VPC, true, 3, false},
        {ADDR_CLASS_VPC, true, 0, false},
        {ADDR_CLASS_VPC, false, 1, false},
        {ADDR_CLASS_PUBLIC, true, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint e;

        init(&e, "ecs", EXPECTED_INTERFACE);
        (void)apply(&e, WELL, &plain);
        e.evidence.addrs[0].addr_class = rows[i].addr_class;
        e.evidence.addrs[0].judged = rows[i].judged;
        e.evidence.addrs[0].failures = rows[i].failures;
        assert_int_equal(endpoint_is_undecided(&e, &policy), rows[i].undecided);
        endpoint_done(&e);
    }
}

/* An address that fails for ever; and what is remembered while DNS fails. */
static void
failures_are_kept(void **state)
{
    struct endpoint e;
    struct probe_result result;

    (void)state;
    init(&e, "ecs", EXPECTED_INTERFACE);
    (void)apply(&e, DEAD, &plain);
    assert_int_equal(e.n_memory, 1);
    e.memory[0].failures = UINT16_MAX;
    (void)apply(&e, DEAD, &plain);
    assert_int_equal(e.memory[0].failures, UINT16_MAX);
    result = DEAD; /* the answer came, and then the query failed: counted once */
    result.dns[0].outcome = DNS_OUTCOME_TIMEOUT;
    (void)apply(&e, result, &plain);
    assert_int_equal(e.n_memory, 1);
    result = result_of("10.0.1.2", ADDR_CLASS_VPC, ADDR_OUTCOME_TIMEOUT);
    result.dns[0].outcome = DNS_OUTCOME_SERVFAIL;
    (void)apply(&e, result, &plain);
    assert_int_equal(e.n_memory, 2);
    result = result_of("fd00::1", ADDR_CLASS_PRIVATE, ADDR_OUTCOME_OK);
    result.dns[0].outcome = DNS_OUTCOME_NODATA; /* DNS has them no longer */
    (void)apply(&e, result, &plain);
    assert_int_equal(e.n_memory, 0);
    endpoint_done(&e);
}

static void
changed_addresses(void **state)
{
    struct endpoint e;
    struct probe_result result = result_of("10.0.1.2", ADDR_CLASS_VPC, ADDR_OUTCOME_OK);
    struct probe_result public = result_of("52.1.1.1", ADDR_CLASS_PUBLIC, ADDR_OUTCOME_OK);
    char got[128] = "";
    struct text t = TEXT(got);

    (void)state;
    init(&e, "ecs", EXPECTED_INTERFACE);
    assert_false(endpoint_addr_changes(&e, &result, &t));
    (void)apply(&e, WELL, &plain);
    assert_true(endpoint_addr_changes(&e, &result, &t));
    assert_string_equal(got, "new addresses 10.0.1.2; gone 10.0.1.1");
    t = TEXT(got);
    assert_true(endpoint_addr_changes(&e, &public, &t));
    assert_string_equal(got, "addresses gone: 10.0.1.1");
    probe_result_reset(&public);
    assert_false(endpoint_addr_changes(&e, &public, &t));
    probe_result_reset(&result);
    endpoint_done(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_judge),
        cmocka_unit_test(decides_anew),
        cmocka_unit_test(a_failure_needs_more),
        cmocka_unit_test(one_of_many_runs),
        cmocka_unit_test(path_follows),
        cmocka_unit_test(taken_up),
        cmocka_unit_test(undecided_by_an_address),
        cmocka_unit_test(failures_are_kept),
        cmocka_unit_test(changed_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
