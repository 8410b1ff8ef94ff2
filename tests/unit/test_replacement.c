/* When an instance is reported unhealthy, and of which faults. */
#include "daemon/aws/replacement.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIN 60000
#define AFTER (10 * MIN)
#define ONCE UINT32_MAX /* of the dice: the longest spread, After= once more */

/* ---- whose fault ---- */

enum dns_servers {
    NO_SERVER,
    STUB,       /* 127.0.0.53 */
    STUB6,      /* ::1 */
    VPC,        /* 10.0.0.2 */
    STUB_OR_VPC /* both were asked */
};

struct evidence {
    enum verdict_code code;
    enum dns_servers servers;
    enum dns_outcome dns;
    enum dns_outcome second_opinion;
    enum addr_outcome addrs[3];
    bool optional;
};

#define NO_ROUTE                                                                                   \
    {                                                                                              \
        .addrs = { ADDR_OUTCOME_NO_ROUTE, ADDR_OUTCOME_NO_ROUTE }                                  \
    }
#define STARVED                                                                                    \
    {                                                                                              \
        .code = VERDICT_NO_RESOURCES                                                               \
    }
#define DEAD_STUB                                                                                  \
    {                                                                                              \
        .servers = STUB, .dns = DNS_OUTCOME_TIMEOUT, .second_opinion = DNS_OUTCOME_OK              \
    }

static const struct {
    const char *name;
    struct evidence evidence[3];
    size_t n;
    enum own_fault fault;
} faults[] = {
    {"nothing required", {{.optional = true}}, 1, OWN_FAULT_NONE},
    {"well", {{.addrs = {ADDR_OUTCOME_OK}}}, 1, OWN_FAULT_NONE},
    {"no route at all", {NO_ROUTE, NO_ROUTE}, 2, OWN_FAULT_NO_ROUTE},
    {"no route to one", {NO_ROUTE, {.addrs = {ADDR_OUTCOME_OK}}}, 2, OWN_FAULT_NONE},
    {"no route to one address", {{.addrs = {ADDR_OUTCOME_NO_ROUTE, ADDR_OUTCOME_TIMEOUT}}}, 1,
        OWN_FAULT_NONE},
    {"no address at all", {{.addrs = {ADDR_OUTCOME_NONE}}}, 1, OWN_FAULT_NONE},
    {"an optional one answers", {NO_ROUTE, {.addrs = {ADDR_OUTCOME_OK}, .optional = true}}, 2,
        OWN_FAULT_NO_ROUTE},
    {"a security group", {{.addrs = {ADDR_OUTCOME_TIMEOUT}}}, 1, OWN_FAULT_NONE},
    {"a router says so", {{.addrs = {ADDR_OUTCOME_UNREACHABLE}}}, 1, OWN_FAULT_NONE},
    {"refused", {{.addrs = {ADDR_OUTCOME_REFUSED}}}, 1, OWN_FAULT_NONE},
    {"TLS", {{.addrs = {ADDR_OUTCOME_UNTRUSTED}}}, 1, OWN_FAULT_NONE},
    {"no resources", {STARVED, STARVED}, 2, OWN_FAULT_RESOURCES},
    {"no resources for one", {STARVED, {.addrs = {ADDR_OUTCOME_OK}}}, 2, OWN_FAULT_NONE},
    {"two faults", {STARVED, NO_ROUTE}, 2, OWN_FAULT_NONE},
    {"dead stub", {DEAD_STUB, DEAD_STUB}, 2, OWN_FAULT_RESOLVER},
    {"dead stub, IPv6",
        {{.servers = STUB6, .dns = DNS_OUTCOME_UNREACHABLE, .second_opinion = DNS_OUTCOME_OK}}, 1,
        OWN_FAULT_RESOLVER},
    {"dead stub, and the Amazon resolver is too",
        {{.servers = STUB, .dns = DNS_OUTCOME_TIMEOUT, .second_opinion = DNS_OUTCOME_TIMEOUT}}, 1,
        OWN_FAULT_NONE},
    {"dead stub, nobody else asked", {{.servers = STUB, .dns = DNS_OUTCOME_TIMEOUT}}, 1,
        OWN_FAULT_NONE},
    {"dead stub, one without a second opinion",
        {DEAD_STUB, {.servers = STUB, .dns = DNS_OUTCOME_TIMEOUT}}, 2, OWN_FAULT_RESOLVER},
    {"dead stub, one that the Amazon resolver does not know",
        {DEAD_STUB,
            {.servers = STUB, .dns = DNS_OUTCOME_TIMEOUT, .second_opinion = DNS_OUTCOME_NXDOMAIN}},
        2, OWN_FAULT_NONE},
    {"a stub that says SERVFAIL",
        {{.servers = STUB, .dns = DNS_OUTCOME_SERVFAIL, .second_opinion = DNS_OUTCOME_OK}}, 1,
        OWN_FAULT_NONE},
    {"the VPC's DNS",
        {{.servers = VPC, .dns = DNS_OUTCOME_TIMEOUT, .second_opinion = DNS_OUTCOME_OK}}, 1,
        OWN_FAULT_NONE},
    {"a stub and the VPC's",
        {{.servers = STUB_OR_VPC, .dns = DNS_OUTCOME_TIMEOUT, .second_opinion = DNS_OUTCOME_OK}}, 1,
        OWN_FAULT_NONE},
};

static void
add_server(struct dns_result *dns, const char *text, enum dns_outcome outcome)
{
    struct dns_attempt *attempt = &dns->attempts[dns->n_attempts++];

    assert_int_equal(addr_parse(text, &attempt->server), 0);
    attempt->outcome = outcome;
}

static void
fill(struct endpoint *e, const struct evidence *evidence, struct addr_result *addrs)
{
    struct dns_result *dns = &e->evidence.dns[0];

    e->spec.required = !evidence->optional;
    e->last_run.code = evidence->code;
    assert_non_null(probe_result_add_second_opinion(&e->evidence));
    e->evidence.second_opinion->outcome = evidence->second_opinion;
    dns->outcome = evidence->dns;
    if (evidence->servers == STUB || evidence->servers == STUB_OR_VPC) {
        add_server(dns, "127.0.0.53", evidence->dns);
    }
    if (evidence->servers == STUB6) {
        add_server(dns, "::1", evidence->dns);
    }
    if (evidence->servers == VPC || evidence->servers == STUB_OR_VPC) {
        add_server(dns, "10.0.0.2", evidence->dns);
    }
    e->evidence.addrs = addrs;
    for (size_t i = 0; i < ARRAY_SIZE(evidence->addrs); i++) {
        if (evidence->addrs[i] != ADDR_OUTCOME_NONE) {
            addrs[e->evidence.n_addrs++] =
                (struct addr_result){.judged = true, .outcome = evidence->addrs[i]};
        }
    }
}

static void
test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        struct endpoint endpoints[3] = {0};
        struct addr_result addrs[3][3] = {0};
        enum own_fault got;

        for (size_t k = 0; k < faults[i].n; k++) {
            fill(&endpoints[k], &faults[i].evidence[k], addrs[k]);
        }
        got = own_fault_of(endpoints, faults[i].n);
        for (size_t k = 0; k < faults[i].n; k++) {
            free(TAKE(endpoints[k].evidence.second_opinion));
        }
        if (got != faults[i].fault) {
            fail_msg("%s: got %s", faults[i].name, own_fault_str(got));
        }
        for (size_t k = 0; k < faults[i].n; k++) {
            free(endpoints[k].evidence.second_opinion);
        }
    }
}

/* ---- when ---- */

struct phase {
    int64_t for_ms; /* 0: the end */
    enum host_state state;
    enum own_fault fault;
};

#define HEALTHY(m)                                                                                 \
    {                                                                                              \
        (m) * MIN, HOST_STATE_HEALTHY, OWN_FAULT_NONE                                              \
    }
#define DEGRADED(m)                                                                                \
    {                                                                                              \
        (m) * MIN, HOST_STATE_DEGRADED, OWN_FAULT_NONE                                             \
    }
#define SHARED(m)                                                                                  \
    {                                                                                              \
        (m) * MIN, HOST_STATE_UNHEALTHY, OWN_FAULT_NONE                                            \
    }
#define OWN(m)                                                                                     \
    {                                                                                              \
        (m) * MIN, HOST_STATE_UNHEALTHY, OWN_FAULT_RESOLVER                                        \
    }
#define OTHER(m)                                                                                   \
    {                                                                                              \
        (m) * MIN, HOST_STATE_UNHEALTHY, OWN_FAULT_NO_ROUTE                                        \
    }
#define UNKNOWN(m)                                                                                 \
    {                                                                                              \
        (m) * MIN, HOST_STATE_UNKNOWN, OWN_FAULT_RESOURCES                                         \
    }

static const struct {
    const char *name;
    struct phase phases[6];
    uint32_t dice;
    unsigned denied;  /* calls that fail before one is accepted */
    const char *said; /* "minutes what" */
} courses[] = {
    {"healthy", {HEALTHY(100)}, 0, 0, ""},
    {"own fault", {HEALTHY(20), OWN(60)}, 0, 0, "30 report"},
    {"own fault, spread", {HEALTHY(20), OWN(60)}, ONCE, 0, "40 report"},
    {"own fault that heals in time", {HEALTHY(20), OWN(9), HEALTHY(60)}, 0, 0, ""},
    {"own fault, healed in the spread", {HEALTHY(20), OWN(15), HEALTHY(60)}, ONCE, 0, ""},
    {"starved", {HEALTHY(20), UNKNOWN(60)}, 0, 0, "30 report"},
    {"shared fault", {HEALTHY(20), SHARED(60)}, 0, 0, "30 refuse"},
    {"shared fault, each outage once", {HEALTHY(20), SHARED(60), HEALTHY(1), SHARED(60)}, 0, 0,
        "30 refuse, 91 refuse"},
    {"shared fault that becomes an own one", {HEALTHY(20), SHARED(60), OWN(60)}, 0, 0,
        "30 refuse, 90 report"},
    {"another own fault begins anew", {HEALTHY(20), OWN(8), OTHER(60)}, 0, 0, "38 report"},
    {"never healthy in this boot", {OWN(60)}, 0, 0, "10 refuse"},
    {"healthy for too short", {HEALTHY(9), OWN(60)}, 0, 0, "19 refuse"},
    {"healthy with a break", {HEALTHY(6), DEGRADED(1), HEALTHY(6), OWN(60)}, 0, 0, "23 refuse"},
    {"degraded is not ill", {HEALTHY(20), DEGRADED(600)}, 0, 0, ""},
    {"once in a boot", {HEALTHY(20), OWN(60), HEALTHY(60), OWN(60)}, 0, 0, "30 report"},
    {"denied twice", {HEALTHY(20), OWN(60)}, 0, 2, "30 report, 31 report, 32 report"},
};

struct course {
    struct replacement r;
    unsigned denied;
    char said[256];
    struct text text;
};

static void
live(struct course *course, const struct replacement_facts *facts, uint32_t dice)
{
    struct replacement_decision decision = replacement_step(&course->r, AFTER, facts, dice);
    bool reports = decision.what == REPLACEMENT_DO_REPORT;

    if (decision.what == REPLACEMENT_DO_NOTHING) {
        assert_true(decision.wake_ms > facts->now_ms);
        return;
    }
    (void)text_add(&course->text, "%s%lld %s", course->text.len > 0 ? ", " : "",
        (long long)(facts->now_ms / MIN - 1), reports ? "report" : "refuse");
    if (reports) {
        replacement_answer(&course->r, course->denied == 0, facts->now_ms);
        course->denied -= course->denied > 0;
    }
}

/* Looked at every ten seconds; the first minute of the boot has passed. */
static void
test_courses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(courses); i++) {
        struct course course = {.denied = courses[i].denied};
        int64_t now_ms = MIN;

        course.text = TEXT(course.said);
        for (size_t p = 0; p < ARRAY_SIZE(courses[i].phases); p++) {
            const struct phase *phase = &courses[i].phases[p];

            for (int64_t end_ms = now_ms + phase->for_ms; now_ms < end_ms; now_ms += MIN / 6) {
                const struct replacement_facts facts = {now_ms, phase->state, phase->fault};

                live(&course, &facts, courses[i].dice);
            }
        }
        if (!streq(course.said, courses[i].said)) {
            fail_msg(
                "%s:\nsaid:     %s\nexpected: %s", courses[i].name, course.said, courses[i].said);
        }
    }
}

/* Evidence that is not on the lists above. */
static void
test_other_evidence(void **state)
{
    struct endpoint e = {.spec = {.required = true}};
    struct addr_result addrs[2] = {{.judged = true, .outcome = ADDR_OUTCOME_NO_ROUTE},
        {.judged = false, .outcome = ADDR_OUTCOME_TIMEOUT}};
    struct second_opinion second = {.outcome = DNS_OUTCOME_OK};
    struct replacement r = {0};

    (void)state;
    e.evidence.addrs = addrs;
    e.evidence.n_addrs = 2; /* of a family that this host does not have */
    assert_int_equal(own_fault_of(&e, 1), OWN_FAULT_NO_ROUTE);
    addrs[0].judged = false;
    assert_int_equal(own_fault_of(&e, 1), OWN_FAULT_NONE);
    e.evidence.n_addrs = 0;
    add_server(&e.evidence.dns[0], "fd00:ec2::253", DNS_OUTCOME_TIMEOUT);
    e.evidence.dns[0].outcome = DNS_OUTCOME_TIMEOUT;
    e.evidence.second_opinion = &second;
    assert_int_equal(own_fault_of(&e, 1), OWN_FAULT_NONE);
    replacement_answer(&r, true, 1000);
    replacement_answer(&r, false, 2000); /* an answer that comes late takes nothing back */
    assert_true(r.done);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_courses),
        cmocka_unit_test(test_other_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
