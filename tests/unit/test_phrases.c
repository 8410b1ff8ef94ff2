/* probes/phrases and probes/verdict_text: what stands in a summary, from evidence of every kind. */
#include "probes/phrases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOON 1798718400 /* 2026-12-31 12:00 UTC */

static const struct vpc_nets no_nets;
static const struct verdict_context context = {.nets = &no_nets};

/* What one address did, and the words for it. */
static const struct row {
    const char *name;
    enum probe_phase phase;
    enum addr_outcome outcome;
    const char *error;
    bool has_cert;
    struct tcp_facts tcp;
    const char *expected;
} rows[] = {
    {"SYN", PROBE_PHASE_CONNECT, ADDR_OUTCOME_TIMEOUT, .expected = "no answer to SYN"},
    {"RST", PROBE_PHASE_CONNECT, ADDR_OUTCOME_REFUSED, .expected = "connection refused (RST)"},
    {"ICMP", PROBE_PHASE_CONNECT, ADDR_OUTCOME_UNREACHABLE, .expected = "ICMP says unreachable"},
    {"no route", PROBE_PHASE_CONNECT, ADDR_OUTCOME_NO_ROUTE,
        .expected = "this host has no route to it"},
    {"no descriptors", PROBE_PHASE_CONNECT, ADDR_OUTCOME_RESOURCES, .expected = "no-resources"},
    {"no descriptors, as the kernel says", PROBE_PHASE_CONNECT, ADDR_OUTCOME_RESOURCES,
        "Too many open files", .expected = "Too many open files"},
    {"silence", PROBE_PHASE_TLS, ADDR_OUTCOME_TIMEOUT,
        .expected = "connected, then no answer to the TLS ClientHello"},
    {"silence, sent again", PROBE_PHASE_TLS, ADDR_OUTCOME_TIMEOUT, .tcp = {.retransmits = 4},
        .expected = "connected, then no answer to the TLS ClientHello (sent again 4 times)"},
    {"large ones lost", PROBE_PHASE_TLS, ADDR_OUTCOME_TIMEOUT,
        .tcp = {.out_of_order = 1, .path_mtu = 9001},
        .expected =
            "connected, then the first part of the server's answer never came (path MTU 9001)"},
    {"large ones lost, MTU unknown", PROBE_PHASE_TLS, ADDR_OUTCOME_TIMEOUT,
        .tcp = {.out_of_order = 1, .path_mtu = -1},
        .expected = "connected, then the first part of the server's answer never came"},
    {"reset", PROBE_PHASE_TLS, ADDR_OUTCOME_RESET,
        .expected = "connection reset during the TLS handshake"},
    {"closed", PROBE_PHASE_TLS, ADDR_OUTCOME_CLOSED,
        .expected = "connection closed during the TLS handshake"},
    {"alert", PROBE_PHASE_TLS, ADDR_OUTCOME_ALERT, "handshake failure",
        .expected = "TLS alert (handshake failure)"},
    {"alert, no words", PROBE_PHASE_TLS, ADDR_OUTCOME_ALERT, .expected = "TLS alert"},
    {"not TLS", PROBE_PHASE_TLS, ADDR_OUTCOME_PROTOCOL, "wrong version number",
        .expected = "TLS handshake failed (wrong version number)"},
    {"untrusted", PROBE_PHASE_TLS, ADDR_OUTCOME_UNTRUSTED, "self-signed certificate", true,
        .expected = "certificate of issuer \"CN=Corp\" not trusted (self-signed certificate)"},
    {"untrusted, no memory", PROBE_PHASE_TLS, ADDR_OUTCOME_UNTRUSTED,
        .expected = "certificate of issuer \"?\" not trusted"},
    {"wrong name", PROBE_PHASE_TLS, ADDR_OUTCOME_WRONG_NAME, "hostname mismatch", true,
        .expected = "certificate for a.example, b.example"},
    {"wrong name, no memory", PROBE_PHASE_TLS, ADDR_OUTCOME_WRONG_NAME,
        .expected = "certificate for other names"},
    {"expired", PROBE_PHASE_TLS, ADDR_OUTCOME_EXPIRED, "certificate has expired", true,
        .expected = "certificate expired 2026-12-31 12:00 UTC"},
    {"expired, no memory", PROBE_PHASE_TLS, ADDR_OUTCOME_EXPIRED,
        .expected = "certificate expired"},
    {"not yet valid", PROBE_PHASE_TLS, ADDR_OUTCOME_NOT_YET_VALID, NULL, true,
        .expected = "certificate valid only from 2026-12-30 12:00 UTC"},
    {"not yet valid, no memory", PROBE_PHASE_TLS, ADDR_OUTCOME_NOT_YET_VALID,
        .expected = "certificate not valid yet"},
    {"HTTP silence", PROBE_PHASE_HTTP, ADDR_OUTCOME_TIMEOUT,
        .expected = "TLS stands, then no answer to the HTTP request"},
    {"HTTP reset", PROBE_PHASE_HTTP, ADDR_OUTCOME_RESET,
        .expected = "connection reset after the HTTP request"},
    {"HTTP closed", PROBE_PHASE_HTTP, ADDR_OUTCOME_CLOSED,
        .expected = "connection closed after the HTTP request"},
    {"not HTTP", PROBE_PHASE_HTTP, ADDR_OUTCOME_PROTOCOL,
        .expected = "what answers does not speak HTTP"},
    {"portal", PROBE_PHASE_HTTP, ADDR_OUTCOME_NOT_AWS,
        .expected = "HTTP status 302, but without a request id of AWS: a proxy or portal"},
    {"HTTP alert", PROBE_PHASE_HTTP, ADDR_OUTCOME_ALERT, "unexpected message",
        .expected = "the HTTP request failed (unexpected message)"},
    {"HTTP, no words", PROBE_PHASE_HTTP, ADDR_OUTCOME_UNREACHABLE,
        .expected = "the HTTP request failed (unreachable)"},
};

static struct addr
make_addr(unsigned last)
{
    return (struct addr){.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 1, (uint8_t)last}};
}

static struct cert *
make_cert(size_t n)
{
    static const char *const names[] = {
        "a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"};
    struct cert *cert = cert_new("CN=leaf", "CN=Corp", names, n);

    assert_non_null(cert);
    cert->not_before = NOON - 86400;
    cert->not_after = NOON;
    return cert;
}

static void
each_failure(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char error[64] = "";
        char got[SUMMARY_SIZE] = "";
        char expected[SUMMARY_SIZE];
        struct text text = TEXT(got);
        struct addr_result addr = {.addr = make_addr(10),
            .judged = true,
            .phase = rows[i].phase,
            .outcome = rows[i].outcome,
            .tcp = rows[i].tcp,
            .http = {.status = 302},
            .connect_us = rows[i].phase == PROBE_PHASE_CONNECT ? -1 : 500};
        struct probe_result result = {.n_addrs = 1, .addrs = &addr};

        if (rows[i].error != NULL) {
            (void)str_copy(error, sizeof(error), rows[i].error);
            addr.error = error;
        }
        addr.cert = rows[i].has_cert ? make_cert(2) : NULL;
        (void)snprintf(expected, sizeof(expected), "10.0.1.10: %s", rows[i].expected);
        phrase_failures(&text, &result, &context);
        if (!streq(got, expected)) {
            print_error("%s: got \"%s\", expected \"%s\"\n", rows[i].name, got, expected);
            failures++;
        }
        cert_unref(addr.cert);
    }
    assert_int_equal(failures, 0);
}

/* A certificate without names has a subject; of many names, six are told. */
static void
names_of_a_certificate(void **state)
{
    static const char *const expected[] = {"10.0.1.10: certificate for CN=leaf",
        "10.0.1.10: certificate for a.example, b.example, c.example, d.example, e.example, "
        "f.example",
        "10.0.1.10: certificate for a.example, b.example, c.example, d.example, e.example, "
        "f.example and 1 more"};
    static const size_t n[] = {0, 6, 7};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
        char got[SUMMARY_SIZE] = "";
        struct text text = TEXT(got);
        struct addr_result addr = {.addr = make_addr(10),
            .judged = true,
            .phase = PROBE_PHASE_TLS,
            .outcome = ADDR_OUTCOME_WRONG_NAME,
            .cert = make_cert(n[i])};
        struct probe_result result = {.n_addrs = 1, .addrs = &addr};

        phrase_failures(&text, &result, &context);
        assert_string_equal(got, expected[i]);
        cert_unref(addr.cert);
    }
}

#define MANY 9

/* Alike in what they did: one group. Not judged, or working: none. */
static void
groups(void **state)
{
    struct addr_result addrs[MANY];
    struct probe_result result = {.n_addrs = MANY, .addrs = addrs};
    char got[SUMMARY_SIZE] = "";
    struct text text = TEXT(got);

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        addrs[i] = (struct addr_result){.addr = make_addr(i),
            .judged = true,
            .connect_us = -1,
            .addr_class = ADDR_CLASS_VPC,
            .phase = PROBE_PHASE_CONNECT,
            .outcome = ADDR_OUTCOME_TIMEOUT};
    }
    phrase_failures(&text, &result, &context);
    assert_string_equal(got, "10.0.1.0, 10.0.1.1, 10.0.1.2, 10.0.1.3, 10.0.1.4, 10.0.1.5 and 3 "
                             "more: no answer to SYN");
    text = TEXT(got);
    phrase_addrs_of_class(&text, &result, ADDR_CLASS_VPC, &context);
    assert_string_equal(
        got, "10.0.1.0, 10.0.1.1, 10.0.1.2, 10.0.1.3, 10.0.1.4, 10.0.1.5 and 3 more");
    for (unsigned i = 3; i < MANY; i++) {
        addrs[i].outcome = ADDR_OUTCOME_OK;
        addrs[i].addr_class = ADDR_CLASS_PUBLIC;
    }
    addrs[1].outcome = ADDR_OUTCOME_RESET;
    addrs[1].connect_us = 1;
    addrs[1].phase = PROBE_PHASE_TLS;
    addrs[2].judged = false;
    addrs[3].outcome = ADDR_OUTCOME_TIMEOUT; /* as the first, but later */
    addrs[3].connect_us = 1;
    addrs[3].phase = PROBE_PHASE_TLS;
    text = TEXT(got);
    phrase_failures(&text, &result, &context);
    assert_string_equal(got, "10.0.1.0: no answer to SYN; 10.0.1.1: connection reset during the "
                             "TLS handshake; 10.0.1.3: connected, then no answer to the TLS "
                             "ClientHello");
    text = TEXT(got);
    phrase_addrs_of_class(&text, &result, ADDR_CLASS_VPC, &context);
    assert_string_equal(got, "10.0.1.0, 10.0.1.1, 10.0.1.2");
}

/* The slowest of those that work. */
static void
working(void **state)
{
    struct addr_result addrs[] = {
        {.judged = true, .outcome = ADDR_OUTCOME_OK, .connect_us = 250, .tls_us = 120000},
        {.judged = true, .outcome = ADDR_OUTCOME_OK, .connect_us = 1300, .tls_us = 4000},
        {.judged = true, .outcome = ADDR_OUTCOME_OK, .connect_us = 300, .tls_us = -1},
        {.judged = true, .outcome = ADDR_OUTCOME_TIMEOUT, .connect_us = 90000, .tls_us = -1},
        {.judged = false, .outcome = ADDR_OUTCOME_OK, .connect_us = 90000, .tls_us = 900000},
    };
    struct probe_result result = {.n_addrs = ARRAY_SIZE(addrs), .addrs = addrs};
    char got[SUMMARY_SIZE] = "";
    struct text text = TEXT(got);

    (void)state;
    phrase_working(&text, &result);
    assert_string_equal(got, "3 of 4 addresses work, connect 1.3 ms, TLS 120 ms");
    result = (struct probe_result){.n_addrs = 0};
    text = TEXT(got);
    phrase_working(&text, &result);
    assert_string_equal(got, "0 of 0 addresses work");
}

/* The Availability Zone, where its subnet is known. */
static void
zones(void **state)
{
    struct vpc_nets nets = {.n_subnets = 2};
    const struct addr addr = make_addr(10);
    const struct addr other = {.family = ADDR_FAMILY_IPV4, .bytes = {10, 0, 2, 10}};
    char got[128] = "";
    struct text text = TEXT(got);

    (void)state;
    assert_int_equal(cidr_parse("10.0.1.0/24", &nets.subnets[0].cidr), 0);
    assert_int_equal(cidr_parse("10.0.2.0/24", &nets.subnets[1].cidr), 0);
    (void)str_copy(nets.subnets[0].az_id, sizeof(nets.subnets[0].az_id), "apne1-az4");
    phrase_addr(&text, &addr, &nets);
    (void)text_add(&text, "; ");
    phrase_addr(&text, &other, &nets);
    assert_string_equal(got, "10.0.1.10 (apne1-az4); 10.0.2.10");
}

static void
dates(void **state)
{
    char got[64] = "";
    struct text text = TEXT(got);

    (void)state;
    phrase_date(&text, NOON);
    (void)text_add(&text, "; ");
    phrase_date(&text, INT64_MAX); /* a year that does not fit an int */
    assert_string_equal(got, "2026-12-31 12:00 UTC; an impossible date");
}

static void
name_servers(void **state)
{
    struct probe_result result = {.dns = {{.outcome = DNS_OUTCOME_SERVFAIL, .n_attempts = 2}}};
    char got[128] = "";
    struct text text = TEXT(got);

    (void)state;
    result.dns[0].attempts[0] = (struct dns_attempt){make_addr(2), DNS_OUTCOME_TIMEOUT};
    result.dns[0].attempts[1] = (struct dns_attempt){make_addr(3), DNS_OUTCOME_SERVFAIL};
    phrase_dns_attempts(&text, &result);
    assert_string_equal(got, "10.0.1.2: timeout, 10.0.1.3: servfail");
    result.dns[0].n_attempts = 0;
    text = TEXT(got);
    phrase_dns_attempts(&text, &result);
    assert_string_equal(got, "servfail");
}

static void
second_opinions(void **state)
{
    struct second_opinion opinion = {
        .outcome = DNS_OUTCOME_OK, .server = make_addr(2), .n_addrs = 8};
    char got[256] = "";
    struct text text = TEXT(got);

    (void)state;
    for (unsigned i = 0; i < opinion.n_addrs; i++) {
        opinion.addrs[i] = make_addr(10 + i);
    }
    phrase_second_opinion(&text, &opinion);
    assert_string_equal(got,
        "the Amazon resolver 10.0.1.2 answers 10.0.1.10, 10.0.1.11, 10.0.1.12, "
        "10.0.1.13, 10.0.1.14, 10.0.1.15 and 2 more");
    opinion.n_addrs = 0;
    opinion.outcome = DNS_OUTCOME_TIMEOUT;
    text = TEXT(got);
    phrase_second_opinion(&text, &opinion);
    assert_string_equal(got, "the Amazon resolver 10.0.1.2 answers timeout");
}

/* What a host name needs that is not known: the account id only where it stands in the name. */
static void
names_not_known(void **state)
{
    static const struct {
        const char *key, *region, *expected;
    } names[] = {
        {"ecs", NULL, "Region not known yet (no answer from IMDS?): set Region="},
        {"ecs", "", "Region not known yet (no answer from IMDS?): set Region="},
        {"ecr.dkr", "",
            "Region not known yet (no answer from IMDS?): set Region=, and AccountId= if that is "
            "not known either"},
        {"ecr.dkr", "eu-west-1",
            "account id not known yet (no answer from IMDS?): set AccountId=, or Host= where "
            "Region eu-west-1 has names of its own"},
        {"ecs", "xx-moon-1", "no host name is known for it in Region xx-moon-1: set Host="},
    };
    const struct probe_result result = {.n_addrs = 0};
    const struct verdict verdict = {.code = VERDICT_NONE};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct endpoint_spec spec = {.hostname = "", .service_name = ""};
        const struct verdict_context known = {.nets = &no_nets, .region = names[i].region};
        char got[SUMMARY_SIZE] = "";
        struct text text = TEXT(got);

        (void)str_copy(spec.key, sizeof(spec.key), names[i].key);
        verdict_summary(&text, &spec, &result, &verdict, &known);
        assert_string_equal(got, names[i].expected);
    }
}

/* Summaries that are not of addresses. */
static void
summaries(void **state)
{
    const struct endpoint_spec spec = {
        .key = "ecr.dkr", .hostname = "ecs.example", .service_name = ""};
    struct probe_result result = {.n_addrs = 0};
    struct verdict verdict = {.code = VERDICT_NONE};
    char got[SUMMARY_SIZE] = "";
    struct text text = TEXT(got);
    struct second_opinion second;

    (void)state;
    verdict_summary(&text, &spec, &result, &verdict, &context);
    assert_string_equal(got, "not probed yet");
    verdict.code = VERDICT_RESOLVER_BYPASS;
    result.dns[0] = (struct dns_result){.outcome = DNS_OUTCOME_NXDOMAIN, .server = make_addr(2)};
    second = (struct second_opinion){.server = make_addr(3), .outcome = DNS_OUTCOME_TIMEOUT};
    result.second_opinion = &second;
    text = TEXT(got);
    verdict_summary(&text, &spec, &result, &verdict, &context);
    assert_string_equal(got, "name server 10.0.1.2 answers nxdomain for ecs.example; the Amazon "
                             "resolver 10.0.1.3 answers timeout");
    for (enum verdict_code code = VERDICT_NONE; code < VERDICT_CODE_N; code++) {
        verdict.code = code;
        got[0] = '\0';
        text = TEXT(got);
        verdict_summary(&text, &spec, &result, &verdict, &context);
        assert_string_not_equal(got, "");
    }
    verdict.code = VERDICT_CODE_N;
    got[0] = '\0';
    text = TEXT(got);
    verdict_summary(&text, &spec, &result, &verdict, &context);
    assert_string_equal(got, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure),
        cmocka_unit_test(names_of_a_certificate),
        cmocka_unit_test(groups),
        cmocka_unit_test(working),
        cmocka_unit_test(zones),
        cmocka_unit_test(dates),
        cmocka_unit_test(name_servers),
        cmocka_unit_test(second_opinions),
        cmocka_unit_test(names_not_known),
        cmocka_unit_test(summaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
