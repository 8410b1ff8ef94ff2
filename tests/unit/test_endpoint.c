/* Rise and fall: rows of runs, a letter each, and the state after each of them. */
#include "daemon/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct vpc_nets nets = {.known = {true, true}};
static const struct verdict_context context = {.nets = &nets};
static const struct endpoint_policy policy = {
    .rise = 2, .fall = 3, .stale_ms = 100000, .verdict = {.fall = 3}};

static struct endpoint_spec
spec_of(const char *key, bool required)
{
    struct endpoint_spec spec = {.hostname = "ecs.eu-west-1.amazonaws.com",
        .service_name = "",
        .port = 443,
        .required = required};

    (void)str_copy(spec.key, sizeof(spec.key), key);
    return spec;
}

static void
add_addr(struct probe_result *result, const char *text, enum addr_class addr_class,
    enum addr_outcome outcome, bool connected)
{
    struct addr_result *addrs =
        realloc(result->addrs, (result->n_addrs + 1) * sizeof(*result->addrs));

    assert_non_null(addrs);
    result->addrs = addrs;
    addrs += result->n_addrs++;
    memset(addrs, 0, sizeof(*addrs));
    assert_int_equal(addr_parse(text, &addrs->addr), 0);
    addrs->addr_class = addr_class;
    addrs->outcome = outcome;
    addrs->judged = true;
    addrs->connect_us = connected ? 1000 : -1;
    addrs->phase = connected ? PROBE_PHASE_TLS : PROBE_PHASE_CONNECT;
    addrs->tls_us = outcome == ADDR_OUTCOME_OK ? 1000 : -1;
    result->dns[0].outcome = DNS_OUTCOME_OK;
}

/* o all well, 1 one of three dead, 2 another one dead, b blocked, t silent in TLS, p public path,
 * d no answer from DNS, n no resources, s as 1 while our own loop was late. */
static struct probe_result
result_of(char letter)
{
    struct probe_result result;

    probe_result_init(&result);
    if (letter == 's') {
        result.spoiled = true;
        letter = '1';
    }
    switch (letter) {
    case 'd':
        result.dns[0].outcome = DNS_OUTCOME_TIMEOUT;
        break;
    case 'p':
        add_addr(&result, "52.1.1.1", ADDR_CLASS_PUBLIC, ADDR_OUTCOME_OK, true);
        break;
    case 'b':
        add_addr(&result, "10.0.1.1", ADDR_CLASS_VPC, ADDR_OUTCOME_TIMEOUT, false);
        break;
    case 't':
        add_addr(&result, "10.0.1.1", ADDR_CLASS_VPC, ADDR_OUTCOME_TIMEOUT, true);
        break;
    case 'n':
        add_addr(&result, "10.0.1.1", ADDR_CLASS_VPC, ADDR_OUTCOME_RESOURCES, false);
        break;
    default:
        for (char i = '1'; i <= '3'; i++) {
            char text[] = "10.0.0.1";

            text[5] = i;
            add_addr(&result, text, ADDR_CLASS_VPC,
                i == letter ? ADDR_OUTCOME_TIMEOUT : ADDR_OUTCOME_OK, i != letter);
        }
        break;
    }
    return result;
}

static char
letter_of(enum endpoint_state state)
{
    return endpoint_state_str(state)[0]; /* u, o, d, f */
}

static const struct {
    const char *name;
    const char *runs;
    const char *states;
    enum verdict_code verdict; /* at the end */
} rows[] = {
    {"a first ok decides at once", "o", "o", VERDICT_OK},
    {"a first degraded run decides at once", "p", "d", VERDICT_PUBLIC_PATH},
    {"a first failure needs fall", "bbb", "uuf", VERDICT_BLOCKED},
    {"a failure, then ok", "bbo", "uuo", VERDICT_OK},
    {"two failures are forgiven", "obbo", "oooo", VERDICT_OK},
    {"three in a row are not", "obbb", "ooof", VERDICT_BLOCKED},
    {"the streak must be whole", "obbobb", "oooooo", VERDICT_OK},
    {"the mildest of the worse", "obpb", "oood", VERDICT_PUBLIC_PATH},
    {"and on to the worse", "obpbbb",
        "ooodd"
        "f",
        VERDICT_BLOCKED},
    {"rise needs two", "bbboo", "uuffo", VERDICT_OK},
    {"one ok is not enough", "bbbob", "uufff", VERDICT_BLOCKED},
    {"the worst of the better", "bbbop", "uuffd", VERDICT_PUBLIC_PATH},
    {"another verdict needs fall", "bbbtt", "uufff", VERDICT_BLOCKED},
    {"and gets it", "bbbttt", "uuffff", VERDICT_TLS_TIMEOUT},
    {"no statement changes nothing", "obbnb", "oooof", VERDICT_BLOCKED},
    {"a dead address counts after fall failures of its own", "o111", "oood",
        VERDICT_PARTLY_BLOCKED},
    {"different addresses failing in turn are noise", "o121212", "ooooooo", VERDICT_OK},
    {"DNS failing in between does not forget an address", "o1d11", "ooood", VERDICT_PARTLY_BLOCKED},
    {"our slowness does not count against an address", "o11s", "oooo", VERDICT_OK},
    {"nor for it", "o11s1", "ooood", VERDICT_PARTLY_BLOCKED},
    {"nor does it settle anything", "o111ss",
        "ooodd"
        "d",
        VERDICT_PARTLY_BLOCKED},
    {"a dead address that recovers", "o111oo",
        "ooodd"
        "o",
        VERDICT_OK},
};

static void
test_rise_and_fall(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct endpoint_spec spec = spec_of("ecs", true);
        struct moment now = {.mono_ms = 1000};
        char got[32] = "";
        struct endpoint e;

        endpoint_init(&e, &spec, now);
        for (size_t k = 0; rows[i].runs[k] != '\0'; k++) {
            struct probe_result result = result_of(rows[i].runs[k]);
            enum endpoint_state before = e.state;
            struct transition change;

            now.mono_ms += 1000;
            bool changed = endpoint_apply(
                &e, &result, &(struct surroundings){0}, &policy, &context, now, &change);

            probe_result_reset(&result);
            got[k] = letter_of(e.state);
            if (before != e.state) {
                assert_true(changed);
                assert_int_equal(change.old_state, before);
                assert_int_equal(e.since.mono_ms, now.mono_ms);
            }
        }
        if (strcmp(got, rows[i].states) != 0 || e.verdict != rows[i].verdict) {
            print_error("%s: got %s %s, expected %s %s\n", rows[i].name, got,
                verdict_str(e.verdict), rows[i].states, verdict_str(rows[i].verdict));
            fail();
        }
        endpoint_done(&e);
    }
}

static void
apply(struct endpoint *e, char letter, int64_t mono_ms)
{
    struct probe_result result = result_of(letter);
    struct transition change;

    (void)endpoint_apply(e, &result, &(struct surroundings){0}, &policy, &context,
        (struct moment){.mono_ms = mono_ms}, &change);
    probe_result_reset(&result);
}

static void
test_expiry(void **state)
{
    const struct endpoint_spec spec = spec_of("ecs", true);
    struct endpoint e;
    struct transition change;

    (void)state;
    endpoint_init(&e, &spec, (struct moment){0});
    apply(&e, 'o', 1000);
    apply(&e, 'n', 100000);
    assert_false(endpoint_expire(&e, &policy, (struct moment){.mono_ms = 101000}, &change));
    assert_true(endpoint_expire(&e, &policy, (struct moment){.mono_ms = 101001}, &change));
    assert_int_equal(e.state, STATE_UNKNOWN);
    assert_int_equal(change.lasted_ms, 100001);
    apply(&e, 'o', 102000);
    assert_int_equal(e.state, STATE_OK);
    endpoint_done(&e);
}

static void
test_undecided(void **state)
{
    const struct endpoint_spec spec = spec_of("ecs", true);
    struct endpoint e;

    (void)state;
    endpoint_init(&e, &spec, (struct moment){0});
    assert_true(endpoint_is_undecided(&e, &policy));
    apply(&e, 'o', 1000);
    assert_false(endpoint_is_undecided(&e, &policy));
    apply(&e, '1', 2000); /* an address that failed once */
    assert_true(endpoint_is_undecided(&e, &policy));
    apply(&e, '1', 3000);
    apply(&e, '1', 4000);
    assert_int_equal(e.state, STATE_DEGRADED);
    assert_false(endpoint_is_undecided(&e, &policy));
    apply(&e, 'b', 5000);
    assert_true(endpoint_is_undecided(&e, &policy));
    endpoint_done(&e);
}

/* Which of the saved ones is whose, in whatever order they are asked for. */
static void
test_find(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const struct {
        const char *key;
        const char *hostname;
        uint16_t port;
        int expected; /* index; -1: none */
        size_t next;
    } finds[] = {
        {"a", "host", 443, 0, 1},
        {"b", "host", 443, 1, 2},
        {"d", "host", 443, 3, 4},
        {"e", "host", 443, -1, 4},
        {"c", "host", 443, 2, 3},
        {"d", "another", 443, -1, 3},
        {"d", "host", 8443, -1, 3},
        {"a", "host", 443, 0, 1},
    };
    struct endpoint endpoints[ARRAY_SIZE(keys)];
    struct endpoint_spec spec = {.hostname = "host", .service_name = "", .port = 443};
    size_t next = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        (void)str_copy(spec.key, sizeof(spec.key), keys[i]);
        endpoint_init(&endpoints[i], &spec, (struct moment){0});
    }
    for (size_t i = 0; i < ARRAY_SIZE(finds); i++) {
        struct endpoint *found;

        (void)str_copy(spec.key, sizeof(spec.key), finds[i].key);
        spec.hostname = finds[i].hostname;
        spec.port = finds[i].port;
        found = endpoint_find(endpoints, ARRAY_SIZE(keys), &spec, &next);
        assert_int_equal(found == NULL ? -1 : found - endpoints, finds[i].expected);
        assert_int_equal(next, finds[i].next);
    }
    assert_null(endpoint_find(NULL, 0, &spec, &next));
}

/* What one knew moves; each keeps its own names, and nothing is held twice. */
static void
test_take_over(void **state)
{
    const struct endpoint_spec old_spec = spec_of("ecs", false);
    const struct endpoint_spec spec = spec_of("ecs", true);
    struct endpoint old;
    struct endpoint e;

    (void)state;
    endpoint_init(&old, &old_spec, (struct moment){.mono_ms = 1000});
    apply(&old, 'o', 2000);
    endpoint_init(&e, &spec, (struct moment){.mono_ms = 3000});
    endpoint_take_over(&e, &old);
    assert_int_equal(e.state, STATE_OK);
    assert_int_equal(e.since.mono_ms, 2000);
    assert_true(e.spec.required);
    assert_int_equal(e.evidence.n_addrs, 3);
    assert_string_equal(old.spec.key, "");
    assert_int_equal(old.state, STATE_UNKNOWN);
    assert_int_equal(old.evidence.n_addrs, 0);
    assert_null(old.summary);
    endpoint_done(&old);
    endpoint_done(&e);
}

/* Settled on an older run than the newest: no words of the verdict before. */
static void
test_summary_is_of_the_verdict(void **state)
{
    const struct endpoint_spec spec = spec_of("ecs", true);
    struct endpoint e;

    (void)state;
    endpoint_init(&e, &spec, (struct moment){0});
    for (int i = 0; "bbbpo"[i] != '\0'; i++) {
        apply(&e, "bbbpo"[i], 1000 * (i + 1));
    }
    assert_int_equal(e.verdict, VERDICT_PUBLIC_PATH);
    assert_string_equal(e.summary, verdict_meaning(VERDICT_PUBLIC_PATH));
    assert_int_equal(e.path, PATH_UNKNOWN);
    endpoint_done(&e);
}

static void
test_host(void **state)
{
    static const struct {
        const char *name;
        enum endpoint_state states[3]; /* the third is not required */
        enum host_state expected;
        bool ready, ready_when_healthy;
    } hosts[] = {
        {"all ok", {STATE_OK, STATE_OK, STATE_OK}, HOST_STATE_HEALTHY, true, true},
        {"optional failed", {STATE_OK, STATE_OK, STATE_FAILED}, HOST_STATE_HEALTHY, true, true},
        {"degraded", {STATE_OK, STATE_DEGRADED, STATE_OK}, HOST_STATE_DEGRADED, true, false},
        {"unknown before degraded", {STATE_UNKNOWN, STATE_DEGRADED, STATE_OK}, HOST_STATE_UNKNOWN,
            false, false},
        {"failed before unknown", {STATE_UNKNOWN, STATE_FAILED, STATE_OK}, HOST_STATE_UNHEALTHY,
            false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        struct endpoint endpoints[3] = {0};

        for (size_t k = 0; k < 3; k++) {
            endpoints[k].spec.required = k < 2;
            endpoints[k].state = hosts[i].states[k];
        }
        print_message("%s\n", hosts[i].name);
        assert_int_equal(host_state_of(endpoints, 3), hosts[i].expected);
        assert_int_equal(host_is_ready(endpoints, 3, false), hosts[i].ready);
        assert_int_equal(host_is_ready(endpoints, 3, true), hosts[i].ready_when_healthy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rise_and_fall),
        cmocka_unit_test(test_expiry), cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_find), cmocka_unit_test(test_take_over),
        cmocka_unit_test(test_summary_is_of_the_verdict), cmocka_unit_test(test_host)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
