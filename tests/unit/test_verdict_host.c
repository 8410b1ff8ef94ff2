/* Several endpoints' evidence -> the causes of the host.
 *
 * A row gives each endpoint as a line of words: its key ("-" before it: not required); the path
 * expected (i, g, a); its settled state (o, d, f, u); then what its newest run saw:
 *   ADDRESS=OUTCOME  ok, syn (silent), rst, expired, early, wrong, or an untrusted issuer's name
 *   dns=OUTCOME      both queries; 2nd=ADDRESS  the Amazon resolver's answer
 *   date=SECONDS     this host's clock minus the Date of its HTTP answer
 *   code=VERDICT     of the run, where a rule looks at it ("open": resolver-bypass, with a way)
 *   asked=N          name servers that were asked (1)
 *   of=ADDRESS       whose answer it is
 *   -ADDRESS=OUTCOME not judged; +ADDRESS=OUTCOME without a certificate, for want of memory */
#include "probes/verdict_host.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENDPOINTS_MAX 8
#define ADDRS_MAX 8

static struct vpc_nets nets;
static const struct verdict_context context = {.nets = &nets, .wall_s = 1700000000};

static const struct row {
    const char *name;
    const char *endpoints[ENDPOINTS_MAX];
    const char *causes; /* "clock-skew(ecs,s3) …", in order; "": none */
    const char *says;   /* part of the first summary */
    enum internet internet;
} rows[] = {
    {"all well", {"ecs i o 10.0.1.1=ok 10.0.2.1=ok", "s3 g o 52.1.1.1=ok"}, ""},
    {"nothing known yet", {"ecs i u", "s3 g u"}, ""},

    {"the resolver is silent",
        {"ecs i f dns=timeout", "ecr.api i f dns=timeout", "s3 g f dns=timeout"},
        "resolver-down(ecs,ecr.api,s3)", "DNS fails for all 3 names (10.0.0.2: timeout)"},
    {"it refuses", {"ecs i f dns=refused", "s3 g f dns=refused"}, "resolver-down(ecs,s3)"},
    {"the Amazon resolver would answer", {"ecs i f dns=timeout 2nd=10.0.1.1", "s3 g f dns=timeout"},
        "resolver-down(ecs,s3)", "169.254.169.253 answers 10.0.1.1"},
    {"not settled yet", {"ecs i o dns=timeout", "s3 g o dns=timeout"}, ""},
    {"one name is enough to clear it", {"ecs i f dns=timeout", "s3 g o 52.1.1.1=ok"}, ""},
    {"they fail differently", {"ecs i f dns=timeout", "s3 g f dns=servfail"}, ""},
    {"names that do not exist are an answer", {"ecs i f dns=nxdomain", "s3 g f dns=nxdomain"}, ""},
    {"only one name is required", {"ecs i f dns=timeout", "-s3 g f dns=timeout"}, ""},

    {"an address for a name asks nobody",
        {"ecs i f dns=timeout", "s3 g f dns=timeout", "own a f asked=0 10.0.0.9=syn"},
        "resolver-down(ecs,s3)"},
    {"the way out is blocked, for those that are judged",
        {"ecs i f -10.0.1.1=syn", "s3 g f 52.1.1.1=syn"}, ""},
    {"one without an address does not matter",
        {"ecs i f 10.0.1.1=syn", "s3 g f 52.1.1.1=syn", "logs i f dns=nxdomain"},
        "host-egress-blocked(ecs,s3)"},
    {"the way out is blocked", {"ecs i f 10.0.1.1=syn 10.0.2.1=syn", "s3 g f 52.1.1.1=syn"},
        "host-egress-blocked(ecs,s3)", "no address of 2 endpoints answers (ecs, s3)"},
    {"an endpoint that is not required connects",
        {"ecs i f 10.0.1.1=syn", "ecr.api i f 10.0.1.2=syn", "-logs i o 10.0.1.3=ok"}, ""},
    {"connected, but not in TLS", {"ecs i f 10.0.1.1=syn", "s3 g f 52.1.1.1=expired"}, ""},
    {"the Internet is open", {"ecs i f 10.0.1.1=syn", "s3 g f 52.1.1.1=syn"}, "",
        .internet = INTERNET_OPEN},
    {"RST is no silence", {"ecs i f 10.0.1.1=rst", "s3 g f 52.1.1.1=rst"}, ""},
    {"one endpoint alone", {"ecs i f 10.0.1.1=syn"}, ""},

    {"every chain has expired", {"ecs i f 10.0.1.1=expired", "s3 g f 52.1.1.1=expired"},
        "clock-skew(ecs,s3)", "certificates of 2 endpoints are all expired"},
    {"every chain is too young", {"ecs i f 10.0.1.1=early", "s3 g f 52.1.1.1=early"},
        "clock-skew(ecs,s3)", "this host's clock says 2023-11-14"},
    {"one chain is good", {"ecs i f 10.0.1.1=expired", "s3 g o 52.1.1.1=ok"}, ""},
    {"in both directions", {"ecs i f 10.0.1.1=expired", "s3 g f 52.1.1.1=early"}, ""},
    {"the Date says so", {"ecs i o 10.0.1.1=ok date=-95", "s3 g o 52.1.1.1=ok"}, "clock-skew(ecs)",
        "95 s behind"},
    {"the Date is near", {"ecs i o 10.0.1.1=ok date=60"}, ""},
    {"two Dates disagree", {"ecs i o 10.0.1.1=ok date=90", "s3 g o 52.1.1.1=ok date=1"}, ""},
    {"two Dates disagree, and one is exact",
        {"ecs i o 10.0.1.1=ok date=90", "s3 g o 52.1.1.1=ok date=0"}, ""},
    {"two Dates, in two directions", {"ecs i o 10.0.1.1=ok date=90", "s3 g o 52.1.1.1=ok date=-90"},
        ""},
    {"two Dates say the same", {"ecs i o 10.0.1.1=ok date=90", "s3 g o 52.1.1.1=ok date=91"},
        "clock-skew(ecs,s3)", "91 s ahead of"},
    {"chains without memory say nothing",
        {"ecs i f +10.0.1.1=expired 10.0.2.1=expired", "s3 g f 52.1.1.1=expired",
            "logs i f +10.0.1.3=expired"},
        "clock-skew(ecs,s3)", "certificates of 2 endpoints are all expired"},
    {"Date and chains are one cause", {"ecs i f 10.0.1.1=ok date=86400", "s3 g f 52.1.1.1=expired"},
        "clock-skew(ecs)"},

    {"an issuer nobody knows, for want of memory",
        {"ecs i f +10.0.1.1=CorpCA", "ecr.api i f +10.0.1.2=CorpCA", "s3 g o 52.1.1.1=ok"}, ""},
    {"an issuer where nothing is judged",
        {"ecs i f -10.0.1.1=CorpCA", "ecr.api i f -10.0.1.2=CorpCA", "s3 g o 52.1.1.1=ok"}, ""},
    {"one issuer for many",
        {"ecs i f 10.0.1.1=CorpCA", "ecr.api i f 10.0.1.2=CorpCA", "s3 g o 52.1.1.1=ok"},
        "tls-interception(ecs,ecr.api)", "\"CN=CorpCA\""},
    {"one issuer for one", {"ecs i f 10.0.1.1=CorpCA", "s3 g f 52.1.1.1=OtherCA"}, ""},
    {"the common issuer counts",
        {"ecs i f 10.0.1.1=Other", "ecr.api i f 10.0.1.2=CorpCA", "s3 g f 52.1.1.1=CorpCA"},
        "tls-interception(ecr.api,s3)"},

    {"a new subnet",
        {"ecs i f 52.1.1.1=syn", "ecr.api i f 52.1.1.2=syn",
            "s3 g f 52.1.1.3=syn code=gateway-missing"},
        "no-private-dns(ecs,ecr.api,s3)", "no way to the Internet", .internet = INTERNET_CLOSED},
    {"all public behind a NAT",
        {"ecs i d 52.1.1.1=ok", "ecr.api i d 52.1.1.2=ok", "s3 g o 52.1.1.3=ok"},
        "no-private-dns(ecs,ecr.api)", "2 of 2 connect through a NAT"},
    {"one of them is private",
        {"ecs i f 52.1.1.1=syn", "ecr.api i f 52.1.1.2=syn", "ecr.dkr i o 10.0.1.1=ok"}, ""},
    {"one alone is its own verdict", {"ecr.dkr i f 52.1.1.1=syn", "s3 g o 52.1.1.3=ok"}, ""},
    {"endpoints of the user's own have any path",
        {"ecs i f 52.1.1.1=syn", "ecr.api i f 52.1.1.2=syn", "own a o 52.1.1.3=ok",
            "-logs i f 52.1.1.4=syn"},
        "no-private-dns(ecs,ecr.api)", "none of them can be reached"},
    {"the Amazon resolver has a private one",
        {"ecs i f 52.1.1.1=syn 2nd=10.0.1.1", "ecr.api i f 52.1.1.2=syn"}, ""},
    {"its class is not known", {"ecs i f 53.0.0.1=syn", "ecr.api i f 53.0.0.2=syn"}, ""},

    {"the name server bypasses",
        {"ecs i f 52.1.1.1=syn 2nd=10.0.1.1 code=resolver-bypass",
            "ecr.api i f 52.1.1.2=syn 2nd=10.0.1.2 code=resolver-bypass"},
        "resolver-bypass(ecs,ecr.api)", "does not forward"},

    {"it bypasses, and the public way is open",
        {"ecs i d 52.1.1.1=ok 2nd=10.0.1.1 code=open of=10.0.0.7",
            "ecr.api i d 52.1.1.2=ok 2nd=10.0.1.2 code=open"},
        "resolver-bypass(ecs,ecr.api)", "name server 10.0.0.7 does not forward"},

    {"one subnet is dead",
        {"ecs i d 10.0.1.1=syn 10.0.2.1=ok", "ecr.api i d 10.0.1.2=syn 10.0.2.2=ok"},
        "subnet-unreachable(ecs,ecr.api)", "subnet 10.0.1.0/24 (az1)"},
    {"one subnet is dead, where it is judged",
        {"ecs i d 10.0.1.1=syn 10.0.2.1=ok", "ecr.api i d -10.0.1.2=syn 10.0.2.2=ok",
            "s3 g o 52.1.1.1=ok"},
        ""},
    {"only public ones answer",
        {"ecs i f 10.0.1.1=syn", "ecr.api i f 10.0.1.2=syn", "-s3 g o 52.1.1.1=ok"}, ""},
    {"one endpoint there is alive",
        {"ecs i d 10.0.1.1=syn 10.0.2.1=ok", "ecr.api i o 10.0.1.2=ok 10.0.2.2=ok"}, ""},
    {"no subnet but this one",
        {"ecs i f 10.0.1.1=syn", "ecr.api i f 10.0.1.2=syn", "s3 g o 52.1.1.1=ok"}, ""},
    {"the subnet is not known",
        {"ecs i d 10.0.9.1=syn 10.0.2.1=ok", "ecr.api i d 10.0.9.2=syn 10.0.2.2=ok"}, ""},

    {"two causes at once",
        {"ecs i f 10.0.1.1=CorpCA 10.0.2.1=syn", "ecr.api i f 10.0.1.2=CorpCA 10.0.2.2=syn"},
        "tls-interception(ecs,ecr.api) subnet-unreachable(ecs,ecr.api)"},
};

/* Storage of one endpoint of a row. */
struct stage {
    struct endpoint_spec spec;
    char service_name[SERVICE_NAME_SIZE];
    struct probe_result result;
    struct addr_result addrs[ADDRS_MAX];
};

static enum addr_class
class_of(const struct addr *addr)
{
    return addr->bytes[0] == 53 ? ADDR_CLASS_UNKNOWN : classify_addr(addr, &nets);
}

static void
set_outcome(struct addr_result *addr, const char *word)
{
    static const struct {
        const char *word;
        enum addr_outcome outcome;
        bool connects, has_cert;
    } outcomes[] = {{"ok", ADDR_OUTCOME_OK, true, true},
        {"syn", ADDR_OUTCOME_TIMEOUT, false, false}, {"rst", ADDR_OUTCOME_REFUSED, false, false},
        {"expired", ADDR_OUTCOME_EXPIRED, true, true},
        {"early", ADDR_OUTCOME_NOT_YET_VALID, true, true},
        {"wrong", ADDR_OUTCOME_WRONG_NAME, true, true}, {NULL, ADDR_OUTCOME_UNTRUSTED, true, true}};
    char issuer[64];
    size_t i = 0;

    while (outcomes[i].word != NULL && !streq(outcomes[i].word, word)) {
        i++;
    }
    addr->outcome = outcomes[i].outcome;
    addr->connect_us = outcomes[i].connects ? 500 : -1;
    addr->judged = true;
    (void)snprintf(issuer, sizeof(issuer), "CN=%s", word);
    if (outcomes[i].has_cert) {
        addr->cert = cert_new("CN=x", issuer, NULL, 0);
        assert_non_null(addr->cert);
    }
}

static void
set_dns(struct probe_result *result, const char *word)
{
    for (enum dns_outcome o = DNS_OUTCOME_NONE; o <= DNS_OUTCOME_RESOURCES; o++) {
        for (size_t f = 0; streq(dns_outcome_str(o), word) && f < FAMILY_N; f++) {
            result->dns[f].outcome = o;
            result->dns[f].attempts[0].outcome = o;
        }
    }
    assert_int_not_equal(result->dns[0].outcome, DNS_OUTCOME_NONE);
}

static void
set_word(struct stage *stage, struct host_evidence *e, char *word)
{
    char *value = strchr(word, '=');

    assert_non_null(value);
    *value++ = '\0';
    if (streq(word, "dns")) {
        set_dns(&stage->result, value);
    } else if (streq(word, "2nd")) {
        struct second_opinion *second = probe_result_add_second_opinion(&stage->result);

        assert_non_null(second);
        second->outcome = DNS_OUTCOME_OK;
        second->n_addrs = 1;
        assert_int_equal(addr_parse("169.254.169.253", &second->server), 0);
        assert_int_equal(addr_parse(value, &second->addrs[0]), 0);
        second->is_private = addr_class_is_private(class_of(&second->addrs[0]));
    } else if (streq(word, "date")) {
        stage->addrs[0].http.has_date = true;
        stage->addrs[0].http.clock_skew_ms = strtoll(value, NULL, 10) * 1000;
    } else if (streq(word, "asked")) {
        for (size_t f = 0; f < FAMILY_N; f++) {
            stage->result.dns[f].n_attempts = (uint8_t)(value[0] - '0');
        }
    } else if (streq(word, "of")) {
        assert_int_equal(addr_parse(value, &stage->result.dns[0].server), 0);
    } else if (streq(word, "code") && streq(value, "open")) {
        e->code = VERDICT_RESOLVER_BYPASS_OPEN;
    } else if (streq(word, "code")) {
        while (!streq(verdict_str(e->code), value)) {
            e->code++;
        }
    } else {
        struct addr_result *addr = &stage->addrs[stage->result.n_addrs++];

        assert_int_equal(addr_parse(word + strspn(word, "-+"), &addr->addr), 0);
        addr->addr_class = class_of(&addr->addr);
        set_outcome(addr, value);
        addr->judged = word[0] != '-';
        if (word[0] == '+') {
            cert_unref(TAKE(addr->cert));
        }
    }
}

static struct host_evidence
parse(const char *line, struct stage *stage)
{
    static const char states[] = "uodf";
    char buf[256];
    char *rest = NULL;
    bool optional = line[0] == '-';
    struct host_evidence e = {.spec = &stage->spec, .code = VERDICT_NONE};

    memset(stage, 0, sizeof(*stage));
    (void)str_copy(buf, sizeof(buf), line + optional);
    (void)str_copy(stage->spec.key, sizeof(stage->spec.key), strtok_r(buf, " ", &rest));
    (void)snprintf(
        stage->service_name, sizeof(stage->service_name), "com.amazonaws.r.%s", stage->spec.key);
    stage->spec.hostname = "";
    stage->spec.service_name = stage->service_name;
    const char *expected = strtok_r(NULL, " ", &rest);
    const char *settled = strtok_r(NULL, " ", &rest);

    stage->spec.required = !optional;
    stage->spec.expected = expected[0] == 'i'   ? EXPECTED_INTERFACE
                           : expected[0] == 'g' ? EXPECTED_GATEWAY
                                                : EXPECTED_ANY;
    e.settled = (enum endpoint_state)(strchr(states, settled[0]) - states);
    stage->result.addrs = stage->addrs;
    for (size_t f = 0; f < FAMILY_N; f++) {
        stage->result.dns[f].n_attempts = 1;
        assert_int_equal(addr_parse("10.0.0.2", &stage->result.dns[f].attempts[0].server), 0);
    }
    for (char *word = strtok_r(NULL, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        e.result = &stage->result;
        set_word(stage, &e, word);
    }
    if (stage->result.n_addrs > 0) {
        stage->result.dns[0].outcome = DNS_OUTCOME_OK;
    }
    return e;
}

static void
add_causes(struct text *t, const struct host_view *view, const struct host_causes *causes,
    const uint8_t *folded)
{
    for (size_t c = 0; c < causes->n; c++) {
        const char *comma = "";

        (void)text_add(t, "%s%s(", c == 0 ? "" : " ", verdict_str(causes->causes[c].code));
        for (size_t i = 0; i < view->n; i++) {
            if ((folded[i] >> c & 1U) != 0) {
                (void)text_add(t, "%s%s", comma, view->endpoints[i].spec->key);
                comma = ",";
            }
        }
        (void)text_add(t, ")");
    }
}

static void
release(struct stage *stage)
{
    free(TAKE(stage->result.second_opinion));
    for (size_t i = 0; i < stage->result.n_addrs; i++) {
        cert_unref(stage->addrs[i].cert);
    }
}

static void
test_row(const struct row *row)
{
    struct stage stages[ENDPOINTS_MAX];
    struct host_evidence evidence[ENDPOINTS_MAX];
    struct host_view view = {.endpoints = evidence, .internet = row->internet, .context = &context};
    struct host_causes causes;
    uint8_t folded[ENDPOINTS_MAX];
    char got[256] = "";
    char summary[SUMMARY_SIZE] = "";
    char remedy[2 * REMEDY_SIZE] = "";
    struct text t = TEXT(got);

    for (; view.n < ENDPOINTS_MAX && row->endpoints[view.n] != NULL; view.n++) {
        evidence[view.n] = parse(row->endpoints[view.n], &stages[view.n]);
    }
    verdict_of_host(&view, &causes, folded);
    add_causes(&t, &view, &causes, folded);
    for (size_t c = causes.n; c-- > 0;) { /* the first one's words stay */
        struct text words = TEXT(summary);
        struct text what = TEXT(remedy);

        host_cause_summary(&words, &view, &causes, c, folded);
        host_cause_remedy(&what, &view, &causes, c, folded);
        assert_string_not_equal(summary, "");
        assert_string_not_equal(remedy, "");
    }
    if (!streq(got, row->causes) || (row->says != NULL && strstr(summary, row->says) == NULL)) {
        print_error("%s: got \"%s\" \"%s\", expected \"%s\" \"%s\"\n", row->name, got, summary,
            row->causes, row->says != NULL ? row->says : "");
        fail();
    }
    for (size_t i = 0; i < view.n; i++) {
        release(&stages[i]);
    }
}

static void
test_causes(void **state)
{
    (void)state;
    nets = (struct vpc_nets){.n_cidrs = 1, .known = {true, true}, .n_subnets = 2};
    assert_int_equal(cidr_parse("10.0.0.0/16", &nets.cidrs[0]), 0);
    assert_int_equal(cidr_parse("10.0.1.0/24", &nets.subnets[0].cidr), 0);
    assert_int_equal(cidr_parse("10.0.2.0/24", &nets.subnets[1].cidr), 0);
    (void)str_copy(nets.subnets[0].az_id, sizeof(nets.subnets[0].az_id), "az1");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_row(&rows[i]);
    }
}

/* The first use: what to create, the free and most needed first. */
static void
test_what_to_create(void **state)
{
    static const struct row row = {.endpoints = {"ecs i f 52.1.1.1=syn", "ecr.api i f 52.1.1.2=syn",
                                       "s3 g f 52.1.1.3=syn code=gateway-missing"}};
    struct stage stages[3];
    struct host_evidence evidence[3];
    struct host_view view = {.endpoints = evidence, .n = 3, .context = &context};
    struct host_causes causes;
    uint8_t folded[3];
    char remedy[2 * REMEDY_SIZE] = "";
    struct text t = TEXT(remedy);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        evidence[i] = parse(row.endpoints[i], &stages[i]);
    }
    verdict_of_host(&view, &causes, folded);
    assert_int_equal(causes.n, 1);
    host_cause_remedy(&t, &view, &causes, 0, folded);
    assert_non_null(strstr(remedy, "create in this order: the gateway endpoint com.amazonaws.r.s3; "
                                   "the interface endpoints, with private DNS enabled: "
                                   "com.amazonaws.r.ecs, com.amazonaws.r.ecr.api."));
    for (size_t i = 0; i < 3; i++) {
        release(&stages[i]);
    }
}

/* More endpoints than are listed. */
#define MANY 40

static void
test_many(void **state)
{
    struct stage *stages = calloc(MANY, sizeof(*stages));
    struct host_evidence evidence[MANY];
    struct host_view view = {.endpoints = evidence, .n = MANY, .context = &context};
    struct host_causes causes;
    uint8_t folded[MANY];
    char summary[SUMMARY_SIZE] = "";
    struct text t = TEXT(summary);

    (void)state;
    assert_non_null(stages);
    for (unsigned i = 0; i < MANY; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "e%u i f 10.0.1.%u=syn", i, i + 1);
        evidence[i] = parse(line, &stages[i]);
    }
    verdict_of_host(&view, &causes, folded);
    assert_int_equal(causes.n, 1);
    host_cause_summary(&t, &view, &causes, 0, folded);
    assert_non_null(strstr(summary, "40 endpoints answers (e0, e1, "));
    assert_non_null(strstr(summary, ", e15 and 24 more)"));
    causes.causes[0].code = VERDICT_CODE_N; /* no cause of ours */
    summary[0] = '\0';
    t = TEXT(summary);
    host_cause_summary(&t, &view, &causes, 0, folded);
    assert_string_equal(summary, verdict_meaning(VERDICT_NONE));
    free(stages);
}

/* A dead subnet each: more causes than are told. */
static void
test_no_more_causes_than_fit(void **state)
{
    struct stage *stages = calloc(SUBNETS_MAX, sizeof(*stages));
    struct host_evidence evidence[SUBNETS_MAX];
    struct host_view view = {.endpoints = evidence, .context = &context};
    struct host_causes causes;
    uint8_t folded[SUBNETS_MAX];
    struct vpc_nets saved = nets;

    (void)state;
    assert_non_null(stages);
    nets.n_subnets = HOST_CAUSES_MAX + 2;
    assert_true(nets.n_subnets + 2 <= SUBNETS_MAX);
    for (unsigned i = 0; i < nets.n_subnets; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "10.0.%u.0/24", i);
        assert_int_equal(cidr_parse(text, &nets.subnets[i].cidr), 0);
    }
    for (unsigned k = 0; k < 2; k++) { /* two endpoints, an address of each in every subnet */
        char line[256] = "";
        struct text t = TEXT(line);

        (void)text_add(&t, "e%u i f 10.0.200.%u=ok", k, k + 1);
        evidence[k] = parse(line, &stages[k]);
        stages[k].result.addrs = calloc(nets.n_subnets + 1, sizeof(*stages[k].result.addrs));
        assert_non_null(stages[k].result.addrs);
        stages[k].result.addrs[0] = stages[k].addrs[0];
        for (unsigned i = 0; i < nets.n_subnets; i++) {
            struct addr_result *addr = &stages[k].result.addrs[stages[k].result.n_addrs++];

            addr->addr = (struct addr){
                .family = ADDR_FAMILY_IPV4, .bytes = {10, 0, (uint8_t)i, (uint8_t)(k + 1)}};
            addr->addr_class = ADDR_CLASS_VPC;
            set_outcome(addr, "syn");
        }
    }
    view.n = 2;
    verdict_of_host(&view, &causes, folded);
    assert_int_equal(causes.n, HOST_CAUSES_MAX);
    assert_int_equal(folded[0], 0xff);
    for (unsigned k = 0; k < 2; k++) {
        cert_unref(stages[k].addrs[0].cert);
        free(stages[k].result.addrs);
    }
    free(stages);
    nets = saved;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_causes),
        cmocka_unit_test(test_what_to_create), cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_more_causes_than_fit)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
