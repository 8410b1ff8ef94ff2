/* Every verdict has its words, and what is known stands in its remedy and in its commands. */
#include "probes/verdict_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define REGION "cn-north-1"

static const struct verdict_context nothing_known = {.nets = NULL};
static const struct verdict_places nowhere;

static const struct endpoint_spec ecs = {.key = "ecs",
    .hostname = "ecs." REGION ".amazonaws.com.cn",
    .service_name = "com.amazonaws." REGION ".ecs",
    .port = 8443};
static const struct endpoint_spec ecr = {.key = "ecr.api",
    .hostname = "api.ecr." REGION ".amazonaws.com.cn",
    .service_name = "cn.com.amazonaws." REGION ".ecr.api",
    .port = 443};
static const struct endpoint_spec s3 = {.key = "s3",
    .hostname = "bucket.s3." REGION ".amazonaws.com.cn",
    .service_name = "com.amazonaws." REGION ".s3",
    .port = 443,
    .expected = EXPECTED_GATEWAY};
static const struct endpoint_spec dynamodb = {.key = "dynamodb",
    .hostname = "",
    .service_name = "com.amazonaws." REGION ".dynamodb",
    .port = 443,
    .expected = EXPECTED_ANY};
static const struct endpoint_spec own = {
    .key = "registry", .hostname = "2001:db8::1", .service_name = "", .port = 443};
static const struct endpoint_spec unknown = {.hostname = "", .service_name = ""};

/* A VPC with n IPv4 CIDRs and one of IPv6. */
static struct vpc_nets
make_nets(size_t n)
{
    struct vpc_nets nets = {.n_cidrs = n + 1};

    for (size_t i = 0; i < n; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "10.%zu.0.0/16", i);
        assert_int_equal(cidr_parse(text, &nets.cidrs[i]), 0);
    }
    assert_int_equal(cidr_parse("2001:db8::/56", &nets.cidrs[n]), 0);
    return nets;
}

static bool
needs_nothing(enum verdict_code code)
{
    return code == VERDICT_NONE || code == VERDICT_OK;
}

/* "{X}": a field of a template that was left. */
static bool
has_field(const char *text)
{
    for (const char *p = strchr(text, '{'); p != NULL; p = strchr(p + 1, '{')) {
        if (p[1] != '\0' && p[2] == '}') {
            return true;
        }
    }
    return false;
}

/* Every line is one command: not empty, not too long, without blanks at its ends. */
static void
check_lines(const char *name, const char *lines)
{
    for (const char *line = lines; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        if (len == 0 || len >= COMMAND_SIZE || line[0] == ' ' || line[len - 1] == ' ' ||
            line[len - 1] == '\t') {
            print_error("%s: bad line \"%.*s\"\n", name, (int)len, line);
            fail();
        }
        line += len;
        if (*line == '\n') {
            line++;
            assert_int_not_equal(*line, '\0'); /* no separator at the end */
        }
    }
}

static unsigned
count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part)) {
        n++;
    }
    return n;
}

static void
check_code(
    enum verdict_code code, const struct endpoint_spec *spec, const struct verdict_context *known)
{
    char remedy[REMEDY_SIZE] = "";
    char commands[COMMANDS_SIZE] = "";
    struct text remedy_text = TEXT(remedy);
    struct text commands_text = TEXT(commands);

    verdict_remedy(&remedy_text, spec, code, known);
    verdict_commands(&commands_text, spec, code, NULL, known);
    assert_int_equal(remedy[0] == '\0', needs_nothing(code));
    assert_int_equal(commands[0] == '\0', needs_nothing(code));
    assert_false(has_field(remedy));
    assert_false(has_field(commands));
    assert_true(remedy_text.len + 1 < sizeof(remedy));                /* not cut */
    assert_true(commands_text.len + COMMAND_SIZE < sizeof(commands)); /* no line left out */
    assert_null(strstr(commands, "=,"));                              /* nothing empty */
    assert_null(strstr(commands, "  "));
    check_lines(verdict_str(code), commands);
}

static void
test_every_code(void **state)
{
    const struct endpoint_spec *specs[] = {&ecs, &s3, &dynamodb, &own, &unknown};
    const struct vpc_nets nets = make_nets(VPC_CIDRS_MAX - 1);
    const struct verdict_context known = {.nets = &nets, .region = REGION};

    (void)state;
    for (size_t i = VERDICT_NONE; i < VERDICT_CODE_N; i++) {
        enum verdict_code code = (enum verdict_code)i;

        assert_string_not_equal(verdict_meaning(code), "");
        assert_string_not_equal(verdict_evidence(code), "");
        assert_null(strchr(verdict_meaning(code), '{'));
        assert_null(strchr(verdict_evidence(code), '{'));
        assert_string_not_equal(verdict_str(code), "unknown");
        for (size_t k = 0; k < ARRAY_SIZE(specs); k++) {
            check_code(code, specs[k], &known);
            check_code(code, specs[k], &nothing_known);
        }
    }
}

static void
test_parse(void **state)
{
    enum verdict_code code = VERDICT_BLOCKED;

    (void)state;
    for (size_t i = VERDICT_NONE; i < VERDICT_CODE_N; i++) {
        assert_true(verdict_parse(verdict_str((enum verdict_code)i), &code));
        assert_string_equal(verdict_str(code), verdict_str((enum verdict_code)i));
    }
    code = VERDICT_BLOCKED;
    assert_false(verdict_parse("", &code));
    assert_false(verdict_parse("unknown", &code));
    assert_false(verdict_parse("block", &code));
    assert_int_equal(code, VERDICT_BLOCKED);
}

/* What a text must have, and must not have. */
static const struct row {
    const char *name;
    enum verdict_code code;
    const struct endpoint_spec *spec;
    bool known; /* Region and CIDRs */
    const char *has[4];
    const char *has_not[3];
} rows[] = {
    {"blocked", VERDICT_BLOCKED, &ecs, true,
        {"--region " REGION " ", "Name=service-name,Values=com.amazonaws." REGION ".ecs ",
            "authorize-security-group-ingress --region " REGION
            " --group-id <endpoint-sg-id> --protocol tcp --port 8443 --cidr 10.0.0.0/16\n",
            "FromPort=8443,ToPort=8443,Ipv6Ranges=[{CidrIpv6=2001:db8::/56}]'\n"},
        {"<region>", "<vpc-cidr>", "<vpc-ipv6-cidr>"}},
    {"blocked, nothing known", VERDICT_BLOCKED, &unknown, false,
        {"--region <region> ", "Values=<service-name> ", "--port <port> --cidr <vpc-cidr>\n"},
        {"Ipv6Ranges"}},
    {"split, no IPv6 CIDR known", VERDICT_FAMILY_SPLIT, &ecs, false,
        {"--cidr <vpc-cidr>\n", "{CidrIpv6=<vpc-ipv6-cidr>}"}},
    {"missing, interface", VERDICT_ENDPOINT_MISSING, &ecs, true,
        {"--vpc-endpoint-type Interface --service-name com.amazonaws." REGION ".ecs --subnet-ids "
         "<subnet-id> --security-group-ids <endpoint-sg-id> --private-dns-enabled\n",
            "modify-vpc-endpoint", "--attribute enableDnsHostnames\n", "systemctl restart ecs"},
        {"Gateway", "route-table"}},
    {"missing, of no agent", VERDICT_ENDPOINT_MISSING, &ecr, true,
        {"--service-name cn.com.amazonaws." REGION ".ecr.api "}, {"systemctl"}},
    {"missing, DynamoDB", VERDICT_ENDPOINT_MISSING, &dynamodb, true,
        {"--vpc-endpoint-type Gateway --service-name com.amazonaws." REGION
         ".dynamodb --route-table-ids <rtb-id>"},
        {"Interface", "private-dns-enabled"}},
    {"missing, none of AWS's", VERDICT_ENDPOINT_MISSING, &own, true,
        {"--service-name <service-name> "}},
    {"gateway", VERDICT_GATEWAY_MISSING, &s3, true,
        {"--add-route-table-ids <rtb-id>", "--vpc-endpoint-type Gateway ",
            "Name=prefix-list-name,Values=com.amazonaws." REGION ".s3\n",
            "PrefixListIds=[{PrefixListId=<pl-id>}]'"},
        {"Interface", "--private-dns-enabled"}},
    {"ecs is public", VERDICT_DEPENDS_ON_ECS, &ecr, true,
        {"--service-name com.amazonaws." REGION ".ecs "}, {"ecr"}},
    {"DNS silent", VERDICT_DNS_TIMEOUT, &ecs, true,
        {"--attribute enableDnsSupport\n", "--protocol udp --port 53 --cidr <own-dns-server>/32\n",
            "--protocol tcp --port 53 --cidr <own-dns-server>/32"}},
    {"no address", VERDICT_NO_ADDRESS, &ecs, true,
        {"--add-subnet-ids", "--ip-address-type dualstack"}},
    {"no address, gateway", VERDICT_NO_ADDRESS, &s3, true, {"dig "},
        {"subnet", "--ip-address-type"}},
    {"IPv6 literal", VERDICT_TLS_FAILED, &own, true, {"-connect [2001:db8::1]:443 "}},
    {"no host name", VERDICT_TLS_FAILED, &unknown, false, {"-connect <host-name>:<port> "}},
};

static bool
check_row(const struct row *row, const char *commands)
{
    bool good = true;

    for (size_t i = 0; i < ARRAY_SIZE(row->has) && row->has[i] != NULL; i++) {
        if (strstr(commands, row->has[i]) == NULL) {
            print_error("%s: no \"%s\" in:\n%s\n", row->name, row->has[i], commands);
            good = false;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->has_not) && row->has_not[i] != NULL; i++) {
        if (strstr(commands, row->has_not[i]) != NULL) {
            print_error("%s: \"%s\" in:\n%s\n", row->name, row->has_not[i], commands);
            good = false;
        }
    }
    return good;
}

static void
test_facts(void **state)
{
    const struct vpc_nets nets = make_nets(2);
    const struct verdict_context known = {.nets = &nets, .region = REGION};
    bool good = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char commands[COMMANDS_SIZE] = "";
        struct text text = TEXT(commands);

        verdict_commands(
            &text, rows[i].spec, rows[i].code, NULL, rows[i].known ? &known : &nothing_known);
        good &= check_row(&rows[i], commands);
    }
    assert_true(good);
}

/* Private DNS of S3 is for on-premises clients only, unless told otherwise. */
static void
test_s3_interface(void **state)
{
    struct endpoint_spec spec = s3;
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    (void)state;
    spec.expected = EXPECTED_INTERFACE;
    verdict_commands(&text, &spec, VERDICT_PUBLIC_PATH, NULL, &nothing_known);
    assert_int_equal(count(commands, "--private-dns-enabled --dns-options "
                                     "PrivateDnsOnlyForInboundResolverEndpoint=false\n"),
        1); /* of modify; create is the last line */
    assert_non_null(strstr(commands, "-type Interface"));
}

static void
test_remedy_facts(void **state)
{
    const struct vpc_nets nets = make_nets(2);
    const struct verdict_context known = {.nets = &nets, .region = REGION};
    char remedy[REMEDY_SIZE] = "";
    struct text text = TEXT(remedy);

    (void)state;
    verdict_remedy(&text, &ecs, VERDICT_BLOCKED, &known);
    assert_non_null(strstr(remedy, "10.0.0.0/16, 10.1.0.0/16, 2001:db8::/56"));
    assert_non_null(strstr(remedy, "TCP 8443"));
    text = TEXT(remedy);
    verdict_remedy(&text, &own, VERDICT_BLOCKED, &nothing_known);
    assert_non_null(strstr(remedy, "endpoint registry;"));
    text = TEXT(remedy);
    verdict_remedy(&text, &unknown, VERDICT_BLOCKED, &nothing_known);
    assert_non_null(strstr(remedy, "(VPC CIDRs <vpc-cidr>)"));
    assert_non_null(strstr(remedy, "endpoint <service-name>;"));
}

/* What a remedy must have, and must not have. */
static const struct row remedies[] = {
    {"no address", VERDICT_NO_ADDRESS, &ecs, true,
        {"at least one subnet", "must be dualstack", "AddressFamily=any"}, {"Names="}},
    {"no address, gateway", VERDICT_NO_ADDRESS, &s3, true, {"Names=dualstack", "bucket.s3."},
        {"subnet", "address type"}},
    {"silent DNS", VERDICT_DNS_TIMEOUT, &ecs, true,
        {"enableDnsSupport", "network ACLs do not filter it", "UDP and TCP port 53"}},
    {"large packets lost", VERDICT_TLS_BLACKHOLE, &ecs, true,
        {"1500 in place of 9001", "1400 in place of 1500", "fragmentation needed"}},
};

static void
test_remedies(void **state)
{
    const struct verdict_context known = {.region = REGION};
    bool good = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
        char remedy[REMEDY_SIZE] = "";
        struct text text = TEXT(remedy);

        verdict_remedy(&text, remedies[i].spec, remedies[i].code, &known);
        good &= check_row(&remedies[i], remedy);
    }
    assert_true(good);
}

static size_t
offset_of(const char *text, const char *part)
{
    const char *p = strstr(text, part);

    assert_non_null(p);
    return (size_t)(p - text);
}

/* Checks first, then what makes private DNS possible, then a line for each endpoint: S3's first. */
static void
test_no_private_dns(void **state)
{
    const struct endpoint_spec *const specs[] = {&ecs, &own, &ecr, &own, &s3};
    const struct vpc_nets nets = make_nets(1);
    const struct verdict_context known = {.nets = &nets, .region = REGION};
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    (void)state;
    verdict_cause_commands(
        &text, VERDICT_NO_PRIVATE_DNS, specs, ARRAY_SIZE(specs), &nowhere, &known);
    check_lines("no-private-dns", commands);
    assert_true(offset_of(commands, "describe-vpc-endpoints") <
                offset_of(commands, "--attribute enableDnsSupport"));
    assert_true(
        offset_of(commands, "--enable-dns-hostnames") < offset_of(commands, "modify-vpc-endpoint"));
    assert_true(offset_of(commands, "modify-vpc-endpoint") < offset_of(commands, "Gateway"));
    assert_true(offset_of(commands, "Gateway") < offset_of(commands, "Interface"));
    assert_true(offset_of(commands, REGION ".ecs ") < offset_of(commands, REGION ".ecr.api "));
    assert_true(offset_of(commands, "Interface") < offset_of(commands, "systemctl restart ecs"));
    assert_int_equal(
        count(commands, "create-vpc-endpoint"), 4); /* those without a name share one */
    assert_int_equal(count(commands, "<service-name>"), 1);
}

/* Nothing at all folded under it, and far more than there is room for. */
static void
test_cause_bounds(void **state)
{
    const struct endpoint_spec *many[200];
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    (void)state;
    for (size_t i = VERDICT_NO_PRIVATE_DNS; i < VERDICT_CODE_N; i++) {
        text = TEXT(commands);
        commands[0] = '\0';
        verdict_cause_commands(&text, (enum verdict_code)i, NULL, 0, &nowhere, &nothing_known);
        assert_string_not_equal(commands, "");
        check_lines(verdict_str((enum verdict_code)i), commands);
    }
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = &ecr;
    }
    text = TEXT(commands);
    verdict_cause_commands(
        &text, VERDICT_NO_PRIVATE_DNS, many, ARRAY_SIZE(many), &nowhere, &nothing_known);
    check_lines("bounds", commands);
    assert_true(text.len < sizeof(commands));
    assert_string_equal(commands + text.len - strlen("--private-dns-enabled"),
        "--private-dns-enabled"); /* no half line at the end */
}

static unsigned
count_commands(const struct endpoint_spec *spec, enum verdict_code code)
{
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    verdict_commands(&text, spec, code, NULL, &nothing_known);
    return count(commands, "\n");
}

/* The longest names there are make no line too long. */
static void
test_long_names(void **state)
{
    char hostname[HOSTNAME_SIZE] = "";
    char service_name[SERVICE_NAME_SIZE] = "";
    struct endpoint_spec spec = ecs;

    (void)state;
    memset(hostname, 'h', sizeof(hostname) - 1);
    memset(service_name, 's', sizeof(service_name) - 1);
    spec.hostname = hostname;
    spec.service_name = service_name;
    for (size_t i = VERDICT_NONE; i < VERDICT_CODE_N; i++) {
        enum verdict_code code = (enum verdict_code)i;

        check_code(code, &spec, &nothing_known);
        assert_int_equal(count_commands(&spec, code), count_commands(&ecs, code));
    }
}

/* The commands look where the failure was seen: at the first address and the first name server that
 * fail, of those that are judged. */
static void
test_places(void **state)
{
    struct addr_result addrs[] = {
        {.outcome = ADDR_OUTCOME_OK, .judged = true},
        {.outcome = ADDR_OUTCOME_TIMEOUT, .judged = false},
        {.outcome = ADDR_OUTCOME_RESOURCES, .judged = true},
        {.outcome = ADDR_OUTCOME_NONE, .judged = true},
        {.outcome = ADDR_OUTCOME_TIMEOUT, .judged = true},
        {.outcome = ADDR_OUTCOME_TIMEOUT, .judged = true},
    };
    struct probe_result result = {.addrs = addrs, .n_addrs = 0};
    struct dns_result *dns = &result.dns[1];
    struct cidr subnet;
    struct verdict_places places;
    char commands[COMMANDS_SIZE] = "";
    struct text text = TEXT(commands);

    (void)state;
    places = verdict_places_of(NULL);
    assert_true(places.address == NULL && places.server == NULL && places.subnet == NULL);
    for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "10.0.%zu.9", i);
        assert_int_equal(addr_parse(name, &addrs[i].addr), 0);
    }
    places = verdict_places_of(&result);
    assert_true(places.address == NULL && places.server == NULL);
    result.n_addrs = ARRAY_SIZE(addrs);
    dns->n_attempts = 2;
    dns->attempts[0].outcome = DNS_OUTCOME_NXDOMAIN;
    dns->attempts[1].outcome = DNS_OUTCOME_TIMEOUT;
    assert_int_equal(addr_parse("10.0.0.2", &dns->attempts[0].server), 0);
    assert_int_equal(addr_parse("fd00:ec2::253", &dns->attempts[1].server), 0);

    verdict_commands(&text, &ecr, VERDICT_PARTLY_BLOCKED, &result, &nothing_known);
    assert_non_null(strstr(commands, "ip route get 10.0.4.9\n"));
    assert_non_null(strstr(commands, "Name=addresses.private-ip-address,Values=10.0.4.9 "));
    assert_null(strstr(commands, "<address>"));

    text = TEXT(commands);
    verdict_commands(&text, &ecr, VERDICT_DNS_TIMEOUT, &result, &nothing_known);
    assert_non_null(strstr(commands, "dig @fd00:ec2::253 api.ecr." REGION));
    assert_non_null(strstr(commands, "\nip route get fd00:ec2::253\n"));

    assert_int_equal(cidr_parse("10.0.2.0/24", &subnet), 0);
    places = (struct verdict_places){.subnet = &subnet};
    text = TEXT(commands);
    verdict_cause_commands(&text, VERDICT_SUBNET_UNREACHABLE, NULL, 0, &places, &nothing_known);
    assert_non_null(strstr(commands, " Name=cidr-block,Values=10.0.2.0/24\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_code),
        cmocka_unit_test(test_parse), cmocka_unit_test(test_facts),
        cmocka_unit_test(test_s3_interface), cmocka_unit_test(test_remedy_facts),
        cmocka_unit_test(test_remedies), cmocka_unit_test(test_no_private_dns),
        cmocka_unit_test(test_cause_bounds), cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_places)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
