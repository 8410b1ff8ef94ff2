/* probes/verdict_notes: what else a reader is told, a row each, and how much of it at most. */
#include "probes/phrases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1790000000
#define DAY 86400

static const struct vpc_nets no_nets;
static const struct client_view no_client;
static const struct endpoint_spec spec = {
    .key = "ecs", .hostname = "ecs.example", .service_name = "", .port = 443};

struct row_addr {
    enum addr_outcome outcome;
    bool not_judged, again;
    int32_t retransmits;
    int32_t days; /* until its certificate ends; 0: none */
};

#define AT(n)                                                                                      \
    {                                                                                              \
        .family = ADDR_FAMILY_IPV4, .bytes = { 10, 0, 1, n }                                       \
    }

static const struct row {
    const char *name;
    struct dns_result dns[FAMILY_N];
    struct row_addr addrs[3];
    enum dns_outcome second_opinion;
    struct verdict verdict;
    struct client_view client;
    bool no_warning, no_clock;
    const char *expected[3];
} rows[] = {
    {"nothing to say", {{.outcome = DNS_OUTCOME_OK}, {.outcome = DNS_OUTCOME_NODATA}},
        {{ADDR_OUTCOME_OK}}},
    {"hosts file", {{.outcome = DNS_OUTCOME_OK, .source = DNS_SOURCE_HOSTS_FILE}},
        .expected = {"addresses come from /etc/hosts, not from DNS"}},
    {"hosts file, IPv6", {[1] = {.outcome = DNS_OUTCOME_OK, .source = DNS_SOURCE_HOSTS_FILE}},
        .expected = {"addresses come from /etc/hosts, not from DNS"}},
    {"hosts file, both: told once",
        {{.outcome = DNS_OUTCOME_OK, .source = DNS_SOURCE_HOSTS_FILE},
            {.outcome = DNS_OUTCOME_OK, .source = DNS_SOURCE_HOSTS_FILE}},
        .expected = {"addresses come from /etc/hosts, not from DNS"}},
    {"more than are probed",
        {{.outcome = DNS_OUTCOME_OK, .n_found = PROBE_ADDRS_MAX},
            {.outcome = DNS_OUTCOME_OK, .n_found = 40}},
        .expected = {"40 AAAA records, only the first 16 are probed"}},
    {"AAAA fails", {{.outcome = DNS_OUTCOME_OK}, {.outcome = DNS_OUTCOME_TIMEOUT}},
        .expected =
            {"the AAAA query fails (timeout): clients that ask for both families wait for it"}},
    {"A does not exist", {{.outcome = DNS_OUTCOME_NXDOMAIN}, {.outcome = DNS_OUTCOME_OK}},
        .expected =
            {"the A query fails (nxdomain): clients that ask for both families wait for it"}},
    {"both fail: that is the verdict",
        {{.outcome = DNS_OUTCOME_TIMEOUT}, {.outcome = DNS_OUTCOME_TIMEOUT}}},
    {"we could not ask: no statement",
        {{.outcome = DNS_OUTCOME_OK}, {.outcome = DNS_OUTCOME_RESOURCES}}},
    {"passed over",
        {{.outcome = DNS_OUTCOME_OK,
            .n_attempts = 3,
            .attempts = {{AT(2), DNS_OUTCOME_TIMEOUT}, {AT(3), DNS_OUTCOME_SERVFAIL},
                {AT(4), DNS_OUTCOME_OK}}}},
        .expected = {"name server 10.0.1.2 was passed over for the A record: timeout",
            "name server 10.0.1.3 was passed over for the A record: servfail"}},
    {"second opinion", .second_opinion = DNS_OUTCOME_NXDOMAIN,
        .verdict = {.code = VERDICT_NAME_NOT_FOUND, .state = STATE_FAILED},
        .expected = {"the Amazon resolver 10.0.1.2 answers nxdomain"}},
    {"second opinion, in the summary already", .second_opinion = DNS_OUTCOME_OK,
        .verdict = {.code = VERDICT_RESOLVER_BYPASS, .state = STATE_FAILED}},
    {"the same, and the way is open", .second_opinion = DNS_OUTCOME_OK,
        .verdict = {.code = VERDICT_RESOLVER_BYPASS_OPEN, .state = STATE_DEGRADED}},
    {"packets are lost",
        .addrs = {{ADDR_OUTCOME_OK, .retransmits = 2}, {ADDR_OUTCOME_OK},
            {ADDR_OUTCOME_TIMEOUT, .retransmits = 3}},
        .verdict = {.state = STATE_DEGRADED},
        .expected = {"5 segments sent again to 2 addresses: packets are lost"}},
    {"engine", .addrs = {{ADDR_OUTCOME_OK, .again = true}, {ADDR_OUTCOME_RESET, .again = true}},
        .verdict = {.state = STATE_DEGRADED},
        .expected = {"TlsEngine=lean cannot do what 1 addresses ask for: each is connected to "
                     "again, with the default engine"}},
    {"not counted yet", .addrs = {{ADDR_OUTCOME_OK}, {ADDR_OUTCOME_RESET}},
        .expected = {"in the newest run, not counted yet: 10.0.1.11: connection reset during the "
                     "TLS handshake"}},
    {"not judged", .addrs = {{ADDR_OUTCOME_NO_ROUTE, .not_judged = true}},
        .expected = {"not judged: addresses of a family this host has no address of"}},
    {"certificate, the soonest",
        .addrs = {{ADDR_OUTCOME_OK, .days = 9}, {ADDR_OUTCOME_OK, .days = 7},
            {ADDR_OUTCOME_OK, .days = 8}},
        .expected = {"its certificate ends 2026-09-28 14:13 UTC"}},
    {"certificate, time enough", .addrs = {{ADDR_OUTCOME_OK, .days = 15}}},
    {"certificate, that of one that fails", .addrs = {{ADDR_OUTCOME_EXPIRED, .days = 1}},
        .verdict = {.state = STATE_FAILED}},
    {"certificate, no warning wanted", .addrs = {{ADDR_OUTCOME_OK, .days = 7}}, .no_warning = true},
    {"certificate, no clock", .addrs = {{ADDR_OUTCOME_OK, .days = 7}}, .no_clock = true},
    {"client", .client = {"the ECS agent", "10.0.0.131:3128", "backend.example"},
        .expected = {"the ECS agent goes through proxy 10.0.0.131:3128, this probe does not; to "
                     "take the endpoint off the proxy, append to its NO_PROXY: ,ecs.example",
            "the ECS agent is told to use backend.example (ECS_BACKEND_HOST) instead"}},
};

static struct cert *
make_cert(int32_t days)
{
    struct cert *cert = cert_new("CN=leaf", "CN=Amazon", NULL, 0);

    assert_non_null(cert);
    cert->not_after = NOW + days * (int64_t)DAY;
    return cert;
}

static void
fill(const struct row *row, struct probe_result *result)
{
    for (size_t f = 0; f < FAMILY_N; f++) {
        result->dns[f] = row->dns[f];
    }
    if (row->second_opinion != DNS_OUTCOME_NONE) {
        struct second_opinion *second = probe_result_add_second_opinion(result);

        assert_non_null(second);
        second->outcome = row->second_opinion;
        second->server = (struct addr)AT(2);
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->addrs) && row->addrs[i].outcome != 0; i++) {
        const struct row_addr *addr = &row->addrs[i];

        result->addrs[result->n_addrs++] = (struct addr_result){.addr = AT((uint8_t)(10 + i)),
            .judged = !addr->not_judged,
            .outcome = addr->outcome,
            .tls_again = addr->again,
            .phase = addr->outcome == ADDR_OUTCOME_OK ? PROBE_PHASE_DONE : PROBE_PHASE_TLS,
            .connect_us = addr->outcome == ADDR_OUTCOME_NO_ROUTE ? -1 : 500,
            .tcp = {.retransmits = addr->retransmits},
            .cert = addr->days != 0 ? make_cert(addr->days) : NULL};
    }
}

static bool
check_row(const struct row *row)
{
    struct addr_result addrs[ARRAY_SIZE(row->addrs)];
    struct probe_result result = {.addrs = addrs};
    struct verdict verdict = row->verdict;
    struct verdict_notes notes;
    const struct verdict_context context = {.nets = &no_nets,
        .wall_s = row->no_clock ? 0 : NOW,
        .certificate_warning_s = row->no_warning ? 0 : 14 * DAY};
    size_t n = 0;
    bool good = true;

    fill(row, &result);
    verdict.state = verdict.state == STATE_UNKNOWN ? STATE_OK : verdict.state;
    verdict_notes_of(&spec, &result, &verdict, &row->client, &context, &notes);
    while (n < ARRAY_SIZE(row->expected) && row->expected[n] != NULL) {
        n++;
    }
    good = notes.n == n;
    for (size_t i = 0; good && i < n; i++) {
        good = streq(notes.lines[i], row->expected[i]);
    }
    for (size_t i = 0; !good && i < notes.n; i++) {
        print_error("%s: got \"%s\"\n", row->name, notes.lines[i]);
    }
    if (!good) {
        print_error(
            "%s: expected %zu lines: \"%s\" …\n", row->name, n, n > 0 ? row->expected[0] : "");
    }
    for (size_t i = 0; i < result.n_addrs; i++) {
        cert_unref(addrs[i].cert);
    }
    free(result.second_opinion);
    return good;
}

static void
each_note(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        failures += !check_row(&rows[i]);
    }
    assert_int_equal(failures, 0);
}

/* All of them at once are more than there is room for. */
static void
no_more_than_fit(void **state)
{
    struct addr_result addr = {.addr = AT(10),
        .outcome = ADDR_OUTCOME_RESET,
        .connect_us = 500,
        .phase = PROBE_PHASE_TLS,
        .judged = true,
        .tcp = {.retransmits = 1}};
    struct second_opinion second = {.outcome = DNS_OUTCOME_TIMEOUT};
    struct probe_result result = {.n_addrs = 1, .addrs = &addr, .second_opinion = &second};
    const struct verdict verdict = {.state = STATE_OK};
    const struct verdict_context context = {.nets = &no_nets};
    struct verdict_notes notes;

    (void)state;
    for (size_t f = 0; f < FAMILY_N; f++) {
        result.dns[f] = (struct dns_result){.outcome = DNS_OUTCOME_OK,
            .n_found = 20,
            .source = DNS_SOURCE_HOSTS_FILE,
            .n_attempts = NAMESERVERS_MAX};
    }
    verdict_notes_of(&spec, &result, &verdict, &no_client, &context, &notes);
    assert_int_equal(notes.n, NOTES_MAX);
    assert_string_equal(notes.lines[0], "addresses come from /etc/hosts, not from DNS");
    for (size_t i = 0; i < notes.n; i++) {
        assert_string_not_equal(notes.lines[i], "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_note),
        cmocka_unit_test(no_more_than_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
