/* daemon/aws/host_merge: what the host is, by its configuration and by IMDS. */
#include "daemon/aws/host_merge.h"

#include "tests/unit/imds_fixture.h"

static void
print_host(const struct host *host, struct text *t)
{
    (void)text_add(t,
        "%s(%s) %s(%s) %s(%s) %s(%s) %s %s %s(%s) %s %s(%s); cidrs(%s)%s%s:", host->region,
        host_source_str(host->region_source), host->account_id,
        host_source_str(host->account_id_source), host->instance_id,
        host_source_str(host->instance_id_source), host->availability_zone,
        host_source_str(host->availability_zone_source), host->availability_zone_id, host->vpc_id,
        host->partition != NULL ? host->partition->name : "?",
        host_source_str(host->partition_source), host->dns_suffix, host->asg_name,
        host_source_str(host->asg_name_source), host_source_str(host->vpc_cidrs_source),
        host->nets.known[0] ? " all4" : "", host->nets.known[1] ? " all6" : "");
    add_cidrs(t, host->nets.cidrs, host->nets.n_cidrs);
    (void)text_add(t, "; subnets");
    for (size_t i = 0; i < host->nets.n_subnets; i++) {
        add_cidrs(t, &host->nets.subnets[i].cidr, 1);
        (void)text_add(t, "=%s", host->nets.subnets[i].az_id);
    }
}

static void
expect_host(const struct conf *conf, const struct imds_facts *facts, const char *expected)
{
    char got[4096] = "";
    struct text t = TEXT(got);
    struct host host;

    host_merge(conf, facts, &host);
    print_host(&host, &t);
    assert_string_equal(got, expected);
}

static void
merges_without_imds(void **state)
{
    struct conf conf = {.region = "eu-west-1"};

    (void)state;
    expect_host(&conf, NULL,
        "eu-west-1(config) (none) (none) (none)   aws(derived) amazonaws.com (none); "
        "cidrs(none):; subnets");
}

static void
merges_all_facts(void **state)
{
    struct conf conf = {.region = ""};
    struct imds_facts facts;

    (void)state;
    put_all(&facts);
    imds_facts_finish(&facts, NULL);
    expect_host(&conf, &facts,
        "ap-northeast-1(imds) 123456789012(imds) i-0abcdef1234567890(imds) ap-northeast-1a(imds) "
        "apne1-az4 vpc-0123456789abcdef0 aws(imds) amazonaws.com web servers/blue(imds); "
        "cidrs(imds) all4 all6: 10.0.0.0/16 10.1.0.0/16; subnets 10.0.11.0/24=apne1-az4");
}

static void
configuration_overrides(void **state)
{
    struct conf conf = {.region = "ap-northeast-1", .account_id = "999999999999"};
    struct imds_facts facts;

    (void)state;
    put_all(&facts);
    put(&facts, IMDS_PATH_VPC_IPV6, 0, "fd00::/16");
    imds_facts_finish(&facts, NULL);
    (void)str_copy(conf.lifecycle.group, sizeof(conf.lifecycle.group), "mine");
    assert_int_equal(cidr_parse("192.168.0.0/16", &conf.nets.cidrs[conf.nets.n_cidrs++]), 0);
    conf.nets.known[0] = true;
    assert_int_equal(cidr_parse("10.0.11.0/24", &conf.nets.subnets[0].cidr), 0);
    (void)str_copy(conf.nets.subnets[0].az_id, AZ_ID_SIZE, "mine-az1");
    conf.nets.n_subnets = 1;
    expect_host(&conf, &facts,
        "ap-northeast-1(config) 999999999999(config) i-0abcdef1234567890(imds) "
        "ap-northeast-1a(imds) apne1-az4 vpc-0123456789abcdef0 aws(imds) amazonaws.com "
        "mine(config); cidrs(config) all4 all6: 192.168.0.0/16 fd00::/16; "
        "subnets 10.0.11.0/24=mine-az1");
}

/* Which partition and domain names are made with. */
static const struct {
    const char *region_conf;
    const char *region;
    const char *partition;
    const char *domain;
    const char *expected;
} partition_cases[] = {
    {"", "eu-west-1", "aws", "amazonaws.com", "aws(imds) amazonaws.com"},
    {"", "eu-west-1", "", "", "aws(derived) amazonaws.com"},
    {"", "cn-north-1", "aws-cn", "", "aws-cn(imds) amazonaws.com.cn"},
    {"", "xx-new-1", "aws-us-gov", "new.example", "aws-us-gov(imds) new.example"},
    {"", "xx-new-1", "aws-new", "new.example", "?(none) new.example"},
    {"", "eu-west-1", "aws-new", "new.example", "aws(derived) new.example"},
    {"", "xx-new-1", "", "", "?(none) "},
    {"", "", "aws", "amazonaws.com", "aws(imds) amazonaws.com"},
    {"eu-west-1", "", "", "", "aws(derived) amazonaws.com"},
    {"eu-west-1", "eu-west-1", "aws", "own.example", "aws(imds) own.example"},
    {"cn-north-1", "eu-west-1", "aws", "amazonaws.com", "aws-cn(derived) amazonaws.com.cn"},
};

static void
imds_beats_the_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(partition_cases); i++) {
        struct imds_facts facts = {0};
        struct conf conf = {.region = ""};
        struct host host;
        char got[256] = "";
        struct text t = TEXT(got);

        (void)str_copy(conf.region, sizeof(conf.region), partition_cases[i].region_conf);
        (void)str_copy(facts.region, sizeof(facts.region), partition_cases[i].region);
        (void)str_copy(facts.partition, sizeof(facts.partition), partition_cases[i].partition);
        (void)str_copy(facts.domain, sizeof(facts.domain), partition_cases[i].domain);
        host_merge(&conf, &facts, &host);
        (void)text_add(&t, "%s(%s) %s", host.partition != NULL ? host.partition->name : "?",
            host_source_str(host.partition_source), host.dns_suffix);
        assert_string_equal(got, partition_cases[i].expected);
    }
}

/* 64 of one family leave no room for the other: then its list is not complete. */
static void
merge_is_bounded(void **state)
{
    const char *form[2] = {"10.", ".0.0/16"};
    struct conf conf = {.region = ""};
    struct imds_facts facts;
    struct host host;
    char text[2048];

    (void)state;
    put_all(&facts);
    facts.n_vpc_cidrs[0] = 0;
    put(&facts, IMDS_PATH_VPC_IPV4, 0, many(text, sizeof(text), form, VPC_CIDRS_MAX));
    put(&facts, IMDS_PATH_VPC_IPV6, 0, "fd00::/16");
    imds_facts_finish(&facts, NULL);
    for (size_t i = 0; i < SUBNETS_MAX; i++) {
        assert_int_equal(cidr_parse("10.77.0.0/24", &conf.nets.subnets[i].cidr), 0);
    }
    conf.nets.n_subnets = SUBNETS_MAX;
    host_merge(&conf, &facts, &host);
    assert_int_equal(host.nets.n_cidrs, VPC_CIDRS_MAX);
    assert_true(host.nets.known[0]);
    assert_false(host.nets.known[1]);
    assert_int_equal(host.nets.n_subnets, SUBNETS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_without_imds),
        cmocka_unit_test(merges_all_facts),
        cmocka_unit_test(configuration_overrides),
        cmocka_unit_test(imds_beats_the_pattern),
        cmocka_unit_test(merge_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
