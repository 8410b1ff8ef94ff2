/* One endpoint's evidence -> its verdict, a row each. */
#include "probes/verdict_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct vpc_nets nets = {.known = {true, true}};
static const struct verdict_context context = {.nets = &nets};

/* An address in short: class, outcome, how far it got, failures in a row. */
struct row_addr {
    const char *text;
    enum addr_class addr_class;
    enum addr_outcome outcome;
    bool connected;
    uint16_t failures;
    bool not_judged;
    bool in_http; /* the handshake was done */
    int32_t out_of_order;
    bool syn_lost;
};

#define IFACE(n) "10.0." n ".10", ADDR_CLASS_VPC
#define PUBLIC_ADDR "52.119.224.10", ADDR_CLASS_PUBLIC
#define SIX(n) "fd00:" n "::10", ADDR_CLASS_PRIVATE
#define OK ADDR_OUTCOME_OK, true, 0
#define SILENT ADDR_OUTCOME_TIMEOUT, false, 3
#define SILENT_ONCE ADDR_OUTCOME_TIMEOUT, false, 1

static const struct row {
    const char *name;
    enum expected_path expected;
    enum dns_outcome dns[FAMILY_N]; /* used when there are no addresses */
    struct row_addr addrs[4];
    enum verdict_code code;
    enum network_path path;
    bool hosts_file, spoiled;
    const char *second_opinion; /* an address the Amazon resolver gives; "": NXDOMAIN; NULL: not
                                   asked */
    struct surroundings around;
    const char *key;  /* NULL: "ecs" */
    const char *says; /* part of the summary; NULL: anything */
} rows[] = {
    {"ok", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}, {IFACE("2"), OK}}, VERDICT_OK,
        PATH_INTERFACE, .says = "2 of 2 addresses work"},
    {"a SYN was lost: its timer is no latency", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK, .syn_lost = true}}, VERDICT_OK, PATH_INTERFACE,
        .says = "1 of 1 address works, TLS 4.0 ms"},
    {"hub VPC", EXPECTED_INTERFACE, {0}, {{"172.16.0.1", ADDR_CLASS_PRIVATE, OK}}, VERDICT_OK,
        PATH_INTERFACE},
    {"S3 connects", EXPECTED_GATEWAY, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_OK, PATH_UNKNOWN},
    {"any, public", EXPECTED_ANY, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_OK, PATH_UNKNOWN},
    {"public path", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_PUBLIC_PATH, PATH_PUBLIC,
        .says = "52.119.224.10"},
    {"class unknown never leads to public", EXPECTED_INTERFACE, {0},
        {{"52.1.1.1", ADDR_CLASS_UNKNOWN, OK}}, VERDICT_OK, PATH_UNKNOWN},
    {"class unknown, silent", EXPECTED_INTERFACE, {0}, {{"52.1.1.1", ADDR_CLASS_UNKNOWN, SILENT}},
        VERDICT_BLOCKED, PATH_UNKNOWN},
    {"blocked", EXPECTED_INTERFACE, {0}, {{IFACE("1"), SILENT}, {IFACE("2"), SILENT}},
        VERDICT_BLOCKED, PATH_INTERFACE, .says = "10.0.1.10, 10.0.2.10: no answer to SYN"},
    {"endpoint missing", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, SILENT}}, VERDICT_ENDPOINT_MISSING,
        PATH_PUBLIC},
    {"gateway missing", EXPECTED_GATEWAY, {0}, {{PUBLIC_ADDR, SILENT}}, VERDICT_GATEWAY_MISSING,
        PATH_UNKNOWN},
    {"S3 interface endpoint blocked", EXPECTED_GATEWAY, {0}, {{IFACE("1"), SILENT}},
        VERDICT_BLOCKED, PATH_INTERFACE},
    {"one of three", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {IFACE("2"), SILENT}, {IFACE("3"), OK}}, VERDICT_PARTLY_BLOCKED,
        PATH_INTERFACE, .says = "10.0.2.10: no answer"},
    {"one of three, once", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {IFACE("2"), SILENT_ONCE}, {IFACE("3"), OK}}, VERDICT_OK,
        PATH_INTERFACE},
    {"one bad certificate of two", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {IFACE("2"), ADDR_OUTCOME_UNTRUSTED, true, 3}}, VERDICT_PARTLY_BLOCKED,
        PATH_INTERFACE},
    {"IPv6 dead", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}, {SIX("1"), SILENT}},
        VERDICT_FAMILY_SPLIT, PATH_INTERFACE,
        .says = "1 of 2 addresses work, connect 0.5 ms, TLS 4.0 ms, none of IPv6; fd00:1::10: no "},
    {"IPv4 dead", EXPECTED_INTERFACE, {0}, {{IFACE("1"), SILENT}, {SIX("1"), OK}},
        VERDICT_FAMILY_SPLIT, PATH_INTERFACE, .says = ", none of IPv4; 10.0.1.10: no "},
    {"IPv6 dead, but not judged", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {SIX("1"), ADDR_OUTCOME_NO_ROUTE, false, 3, .not_judged = true}},
        VERDICT_OK, PATH_INTERFACE},
    {"refused", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_REFUSED, false, 1}},
        VERDICT_REFUSED, PATH_INTERFACE,
        .says = "0 of 1 address works; 10.0.1.10: connection refused (RST)"},
    {"ICMP", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_UNREACHABLE, false, 1}},
        VERDICT_UNROUTABLE, PATH_INTERFACE},
    {"no route", EXPECTED_GATEWAY, {0}, {{PUBLIC_ADDR, ADDR_OUTCOME_NO_ROUTE, false, 1}},
        VERDICT_UNROUTABLE, PATH_UNKNOWN},
    {"the commoner failure speaks", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_REFUSED, false, 3}, {IFACE("2"), SILENT}, {IFACE("3"), SILENT}},
        VERDICT_BLOCKED, PATH_INTERFACE},
    {"silent TLS", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_TIMEOUT, true, 1}},
        VERDICT_TLS_TIMEOUT, PATH_INTERFACE},
    {"reset in TLS", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_RESET, true, 1}},
        VERDICT_TLS_FAILED, PATH_INTERFACE},
    {"alert", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_ALERT, true, 1}},
        VERDICT_TLS_FAILED, PATH_INTERFACE},
    {"untrusted", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_UNTRUSTED, true, 1}},
        VERDICT_TLS_UNTRUSTED, PATH_INTERFACE},
    {"wrong name", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_WRONG_NAME, true, 1}},
        VERDICT_TLS_WRONG_NAME, PATH_INTERFACE},
    {"expired", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_EXPIRED, true, 1}},
        VERDICT_TLS_EXPIRED, PATH_INTERFACE},
    {"not yet valid", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_NOT_YET_VALID, true, 1}},
        VERDICT_TLS_NOT_YET_VALID, PATH_INTERFACE},
    {"reset on the request", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_RESET, true, 1, .in_http = true}}, VERDICT_HTTP_FAILED,
        PATH_INTERFACE, .says = "reset after the HTTP request"},
    {"a portal answers", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_NOT_AWS, true, 1, .in_http = true}}, VERDICT_HTTP_FAILED,
        PATH_INTERFACE, .says = "a proxy or portal"},
    {"closed in TLS", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_CLOSED, true, 1}},
        VERDICT_TLS_FAILED, PATH_INTERFACE, .says = "closed"},
    {"not TLS", EXPECTED_INTERFACE, {0}, {{IFACE("1"), ADDR_OUTCOME_PROTOCOL, true, 1}},
        VERDICT_TLS_FAILED, PATH_INTERFACE},
    {"loopback", EXPECTED_INTERFACE, {0}, {{"127.0.0.1", ADDR_CLASS_SPECIAL, OK}},
        VERDICT_UNEXPECTED_ADDRESS, PATH_UNKNOWN},
    {"loopback by the hosts file, and it works", EXPECTED_INTERFACE, {0},
        {{"127.0.0.1", ADDR_CLASS_SPECIAL, OK}}, VERDICT_OK, PATH_UNKNOWN, .hosts_file = true},
    {"out of descriptors", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {IFACE("2"), ADDR_OUTCOME_RESOURCES, false, 0}}, VERDICT_NO_RESOURCES,
        PATH_INTERFACE},
    {"our own loop was late", EXPECTED_INTERFACE, {0}, {{IFACE("1"), SILENT}}, VERDICT_NO_RESOURCES,
        PATH_INTERFACE, .spoiled = true},
    {"late, but all well", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}}, VERDICT_OK, PATH_INTERFACE,
        .spoiled = true},
    {"late, and an address failed", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), OK}, {IFACE("2"), SILENT_ONCE}}, VERDICT_NO_RESOURCES, PATH_INTERFACE,
        .spoiled = true},
    {"NXDOMAIN", EXPECTED_INTERFACE, {DNS_OUTCOME_NXDOMAIN, DNS_OUTCOME_NXDOMAIN}, {{0}},
        VERDICT_NAME_NOT_FOUND, PATH_UNKNOWN},
    {"NXDOMAIN beside silence", EXPECTED_INTERFACE, {DNS_OUTCOME_TIMEOUT, DNS_OUTCOME_NXDOMAIN},
        {{0}}, VERDICT_NAME_NOT_FOUND, PATH_UNKNOWN},
    {"no records", EXPECTED_INTERFACE, {DNS_OUTCOME_NODATA, DNS_OUTCOME_NODATA}, {{0}},
        VERDICT_NO_ADDRESS, PATH_UNKNOWN, .says = "has neither A nor AAAA records (nodata)"},
    {"no AAAA, A not asked", EXPECTED_INTERFACE, {DNS_OUTCOME_NONE, DNS_OUTCOME_NODATA}, {{0}},
        VERDICT_NO_ADDRESS, PATH_UNKNOWN,
        .says = "has no AAAA record, and only IPv6 is probed (nodata)"},
    {"no A, AAAA not asked", EXPECTED_GATEWAY, {DNS_OUTCOME_NODATA, DNS_OUTCOME_NONE}, {{0}},
        VERDICT_NO_ADDRESS, PATH_UNKNOWN, .says = "has no A record, and only IPv4 is probed ("},
    {"no AAAA, A silent", EXPECTED_INTERFACE, {DNS_OUTCOME_TIMEOUT, DNS_OUTCOME_NODATA}, {{0}},
        VERDICT_DNS_TIMEOUT, PATH_UNKNOWN},
    {"SERVFAIL", EXPECTED_INTERFACE, {DNS_OUTCOME_SERVFAIL, DNS_OUTCOME_TIMEOUT}, {{0}},
        VERDICT_DNS_FAILED, PATH_UNKNOWN},
    {"nobody listens", EXPECTED_INTERFACE, {DNS_OUTCOME_UNREACHABLE, DNS_OUTCOME_UNREACHABLE},
        {{0}}, VERDICT_DNS_FAILED, PATH_UNKNOWN},
    {"REFUSED", EXPECTED_INTERFACE, {DNS_OUTCOME_REFUSED, DNS_OUTCOME_REFUSED}, {{0}},
        VERDICT_DNS_FAILED, PATH_UNKNOWN},
    {"garbage", EXPECTED_INTERFACE, {DNS_OUTCOME_MALFORMED, DNS_OUTCOME_MALFORMED}, {{0}},
        VERDICT_DNS_FAILED, PATH_UNKNOWN},
    {"the name server bypasses the Amazon resolver", EXPECTED_INTERFACE, {0},
        {{PUBLIC_ADDR, SILENT}}, VERDICT_RESOLVER_BYPASS, PATH_PUBLIC,
        .second_opinion = "10.0.1.10", .says = "169.254.169.253 answers 10.0.1.10"},
    {"it does, and the public way is open", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, OK}},
        VERDICT_RESOLVER_BYPASS_OPEN, PATH_PUBLIC, .second_opinion = "10.0.1.10"},
    {"it knows of no such name", EXPECTED_INTERFACE, {DNS_OUTCOME_NXDOMAIN, DNS_OUTCOME_NXDOMAIN},
        {{0}}, VERDICT_RESOLVER_BYPASS, PATH_UNKNOWN, .second_opinion = "10.0.1.10",
        .says = "nxdomain"},
    {"it is silent: that is the verdict", EXPECTED_INTERFACE,
        {DNS_OUTCOME_TIMEOUT, DNS_OUTCOME_TIMEOUT}, {{0}}, VERDICT_DNS_TIMEOUT, PATH_UNKNOWN,
        .second_opinion = "10.0.1.10"},
    {"both say public", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, SILENT}}, VERDICT_ENDPOINT_MISSING,
        PATH_PUBLIC, .second_opinion = "52.119.224.10"},
    {"neither knows the name", EXPECTED_INTERFACE, {DNS_OUTCOME_NXDOMAIN, DNS_OUTCOME_NXDOMAIN},
        {{0}}, VERDICT_NAME_NOT_FOUND, PATH_UNKNOWN, .second_opinion = ""},
    {"S3 with the Internet closed", EXPECTED_GATEWAY, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_OK,
        PATH_GATEWAY, .around = {.internet_closed = true}, .says = "inferred"},
    {"S3 silent with the Internet closed", EXPECTED_GATEWAY, {0}, {{PUBLIC_ADDR, SILENT}},
        VERDICT_GATEWAY_MISSING, PATH_UNKNOWN, .around = {.internet_closed = true}},
    {"S3 through an interface endpoint", EXPECTED_GATEWAY, {0}, {{IFACE("1"), OK}}, VERDICT_OK,
        PATH_INTERFACE, .around = {.internet_closed = true}},
    {"ecs is public", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}}, VERDICT_DEPENDS_ON_ECS,
        PATH_INTERFACE, .key = "ecs-agent", .around = {.ecs_is_public = true}},
    {"ecs is public, telemetry", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}},
        VERDICT_DEPENDS_ON_ECS, PATH_INTERFACE, .key = "ecs-telemetry",
        .around = {.ecs_is_public = true}},
    {"ecs is public, which is nothing to ecr", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}},
        VERDICT_OK, PATH_INTERFACE, .key = "ecr.api", .around = {.ecs_is_public = true}},
    {"ecs is public, and the agent's endpoint blocked", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), SILENT}}, VERDICT_BLOCKED, PATH_INTERFACE, .key = "ecs-agent",
        .around = {.ecs_is_public = true}},
    {"a proxy, the direct path blocked", EXPECTED_INTERFACE, {0}, {{IFACE("1"), SILENT}},
        VERDICT_VIA_PROXY, PATH_INTERFACE, .around = {.uses_proxy = true},
        .says = "no answer to SYN"},
    {"a proxy, no DNS", EXPECTED_INTERFACE, {DNS_OUTCOME_TIMEOUT, DNS_OUTCOME_TIMEOUT}, {{0}},
        VERDICT_VIA_PROXY, PATH_UNKNOWN, .around = {.uses_proxy = true}},
    {"a proxy, the direct path fine", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}}, VERDICT_OK,
        PATH_INTERFACE, .around = {.uses_proxy = true}},
    {"a proxy, and we are out of descriptors", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_RESOURCES, false, 0}}, VERDICT_NO_RESOURCES, PATH_INTERFACE,
        .around = {.uses_proxy = true}},
    {"large packets lost", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_TIMEOUT, true, 1, .out_of_order = 1},
            {IFACE("2"), ADDR_OUTCOME_TIMEOUT, true, 1}},
        VERDICT_TLS_BLACKHOLE, PATH_INTERFACE, .says = "path MTU 1500"},
    {"mostly silence in TLS", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_TIMEOUT, true, 1, .out_of_order = 1},
            {IFACE("2"), ADDR_OUTCOME_TIMEOUT, true, 1},
            {IFACE("3"), ADDR_OUTCOME_TIMEOUT, true, 1}},
        VERDICT_TLS_TIMEOUT, PATH_INTERFACE},
    {"nothing was asked", EXPECTED_INTERFACE, {0}, {{0}}, VERDICT_NONE, PATH_UNKNOWN,
        .says = "not probed yet"},
    {"an outcome of no name", EXPECTED_INTERFACE, {(enum dns_outcome)99}, {{0}}, VERDICT_NONE,
        PATH_UNKNOWN},
    {"loopback by the hosts file, and it fails", EXPECTED_INTERFACE, {0},
        {{"127.0.0.1", ADDR_CLASS_SPECIAL, ADDR_OUTCOME_REFUSED, false, 3}},
        VERDICT_UNEXPECTED_ADDRESS, PATH_UNKNOWN, .hosts_file = true},
    {"one of S3's, which have no memory", EXPECTED_GATEWAY, {0},
        {{PUBLIC_ADDR, OK}, {"52.119.224.11", ADDR_CLASS_PUBLIC, ADDR_OUTCOME_TIMEOUT, false, 0}},
        VERDICT_PARTLY_BLOCKED, PATH_UNKNOWN},
    {"some public, and the Amazon resolver knows private ones", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), SILENT}, {PUBLIC_ADDR, SILENT}}, VERDICT_BLOCKED, PATH_PUBLIC,
        .second_opinion = "10.0.1.10"},
    {"the same, and one works", EXPECTED_INTERFACE, {0}, {{IFACE("1"), OK}, {PUBLIC_ADDR, SILENT}},
        VERDICT_PUBLIC_PATH, PATH_PUBLIC, .second_opinion = "10.0.1.10"},
    {"those of a family this host has not do not speak", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_TIMEOUT, true, 1, .out_of_order = 1},
            {SIX("1"), ADDR_OUTCOME_TIMEOUT, true, 3, .not_judged = true},
            {SIX("2"), ADDR_OUTCOME_TIMEOUT, true, 3, .not_judged = true}},
        VERDICT_TLS_BLACKHOLE, PATH_INTERFACE},
    {"silence to SYN does not speak of TLS", EXPECTED_INTERFACE, {0},
        {{IFACE("1"), ADDR_OUTCOME_TIMEOUT, true, 1, .out_of_order = 1}, {IFACE("2"), SILENT},
            {IFACE("3"), ADDR_OUTCOME_RESET, true, 1}},
        VERDICT_TLS_BLACKHOLE, PATH_INTERFACE},
    {"S3 private and public, all silent", EXPECTED_GATEWAY, {0},
        {{IFACE("1"), SILENT}, {PUBLIC_ADDR, SILENT}}, VERDICT_BLOCKED, PATH_UNKNOWN},
    {"S3 public, not all of it", EXPECTED_GATEWAY, {0}, {{IFACE("1"), OK}, {PUBLIC_ADDR, OK}},
        VERDICT_OK, PATH_UNKNOWN, .around = {.internet_closed = true}},
    {"DNS out of resources", EXPECTED_INTERFACE, {DNS_OUTCOME_RESOURCES, DNS_OUTCOME_NODATA}, {{0}},
        VERDICT_NO_RESOURCES, PATH_UNKNOWN},
};

static enum probe_phase
phase_of(const struct row_addr *addr)
{
    if (addr->outcome == ADDR_OUTCOME_OK) {
        return PROBE_PHASE_DONE;
    }
    if (addr->in_http) {
        return PROBE_PHASE_HTTP;
    }
    return addr->connected ? PROBE_PHASE_TLS : PROBE_PHASE_CONNECT;
}

static void
set_second_opinion(struct second_opinion *ret, const char *text)
{
    assert_non_null(ret);
    assert_int_equal(addr_parse("169.254.169.253", &ret->server), 0);
    ret->outcome = text[0] == '\0' ? DNS_OUTCOME_NXDOMAIN : DNS_OUTCOME_OK;
    if (text[0] != '\0') {
        assert_int_equal(addr_parse(text, &ret->addrs[ret->n_addrs++]), 0);
        ret->is_private = addr_class_is_private(classify_addr(&ret->addrs[0], &nets));
    }
}

static struct probe_result
result_of(const struct row *row)
{
    struct probe_result result;

    probe_result_init(&result);
    result.spoiled = row->spoiled;
    result.addrs = calloc(ARRAY_SIZE(row->addrs), sizeof(*result.addrs));
    assert_non_null(result.addrs);
    result.dns[0].outcome = row->dns[0];
    result.dns[1].outcome = row->dns[1];
    result.dns[0].source = row->hosts_file ? DNS_SOURCE_HOSTS_FILE : DNS_SOURCE_NAMESERVER;
    if (row->second_opinion != NULL) {
        set_second_opinion(probe_result_add_second_opinion(&result), row->second_opinion);
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->addrs) && row->addrs[i].text != NULL; i++) {
        struct addr_result *addr = &result.addrs[result.n_addrs++];

        assert_int_equal(addr_parse(row->addrs[i].text, &addr->addr), 0);
        addr->addr_class = row->addrs[i].addr_class;
        addr->outcome = row->addrs[i].outcome;
        addr->connect_us = row->addrs[i].connected ? 500 : -1;
        addr->tls_us = row->addrs[i].in_http || addr->outcome == ADDR_OUTCOME_OK ? 4000 : -1;
        addr->phase = phase_of(&row->addrs[i]);
        addr->syn_lost = row->addrs[i].syn_lost;
        addr->tcp =
            (struct tcp_facts){.out_of_order = row->addrs[i].out_of_order, .path_mtu = 1500};
        addr->failures = row->addrs[i].failures;
        addr->judged = !row->addrs[i].not_judged;
        result.dns[FAMILY_INDEX(addr->addr.family)].outcome = DNS_OUTCOME_OK;
    }
    return result;
}

static void
test_verdicts(void **state)
{
    const struct verdict_policy policy = {.fall = 3};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint_spec spec = {.hostname = "ecs.eu-west-1.amazonaws.com",
            .service_name = "",
            .port = 443,
            .expected = rows[i].expected};
        struct probe_result result = result_of(&rows[i]);
        struct verdict verdict;
        char summary[SUMMARY_SIZE] = "";
        struct text text = TEXT(summary);

        (void)str_copy(spec.key, sizeof(spec.key), rows[i].key != NULL ? rows[i].key : "ecs");
        verdict_of_run(&spec, &result, &rows[i].around, &policy, &verdict);
        assert_int_equal(verdict_path(&spec, &result, &rows[i].around), verdict.path);
        assert_int_equal(verdict.state, verdict_state(verdict.code, &policy));
        verdict_summary(&text, &spec, &result, &verdict, &context);
        if (verdict.code != rows[i].code || verdict.path != rows[i].path || summary[0] == '\0' ||
            (rows[i].says != NULL && strstr(summary, rows[i].says) == NULL)) {
            print_error("%s: got %s path %s \"%s\", expected %s path %s \"%s\"\n", rows[i].name,
                verdict_str(verdict.code), network_path_str(verdict.path), summary,
                verdict_str(rows[i].code), network_path_str(rows[i].path),
                rows[i].says != NULL ? rows[i].says : "");
            fail();
        }
        probe_result_reset(&result);
    }
}

static void
test_public_path_may_fail(void **state)
{
    const struct verdict_policy strict = {.public_path_fails = true, .fall = 1};
    const struct verdict_policy mild = {.fall = 1};

    (void)state;
    assert_int_equal(verdict_state(VERDICT_PUBLIC_PATH, &strict), STATE_FAILED);
    assert_int_equal(verdict_state(VERDICT_PUBLIC_PATH, &mild), STATE_DEGRADED);
    assert_int_equal(verdict_state(VERDICT_RESOLVER_BYPASS_OPEN, &strict), STATE_FAILED);
}

/* Where a public path is a failure, it stays one though the host's clients use a proxy: what they
 * resolve is public all the same. */
static void
test_public_path_fails_behind_a_proxy(void **state)
{
    static const struct row public_rows[] = {
        {"public", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_PUBLIC_PATH, PATH_PUBLIC},
        {"bypass", EXPECTED_INTERFACE, {0}, {{PUBLIC_ADDR, OK}}, VERDICT_RESOLVER_BYPASS_OPEN,
            PATH_PUBLIC, .second_opinion = "10.0.1.10"},
    };
    const struct verdict_policy strict = {.public_path_fails = true, .fall = 1};
    const struct surroundings around = {.uses_proxy = true};
    const struct endpoint_spec spec = {
        .hostname = "ecs.eu-west-1.amazonaws.com", .service_name = ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(public_rows); i++) {
        struct probe_result result = result_of(&public_rows[i]);
        struct verdict verdict;

        verdict_of_run(&spec, &result, &around, &strict, &verdict);
        assert_int_equal(verdict.code, public_rows[i].code);
        assert_int_equal(verdict.state, STATE_FAILED);
        probe_result_reset(&result);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_public_path_may_fail),
        cmocka_unit_test(test_public_path_fails_behind_a_proxy)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
