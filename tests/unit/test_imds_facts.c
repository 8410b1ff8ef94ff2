/* daemon/aws/imds_facts: texts and documents of IMDS, good and hostile, and the facts in them. */
#include "tests/unit/imds_fixture.h"

static void
takes_all_facts(void **state)
{
    struct imds_facts facts;

    (void)state;
    put_all(&facts);
    imds_facts_finish(&facts, NULL);
    assert_string_equal(facts.region, "ap-northeast-1");
    assert_string_equal(facts.zone, "ap-northeast-1a");
    assert_string_equal(facts.zone_id, "apne1-az4");
    assert_string_equal(facts.account_id, "123456789012");
    assert_string_equal(facts.instance_id, "i-0abcdef1234567890");
    assert_string_equal(facts.partition, "aws");
    assert_string_equal(facts.domain, "amazonaws.com");
    assert_string_equal(facts.group, "web servers/blue");
    assert_string_equal(facts.lifecycle_state, "InService");
    assert_string_equal(facts.vpc_id, "vpc-0123456789abcdef0");
    assert_string_equal(facts.subnet_id, "subnet-0123456789abcdef0");
    assert_true(facts.has_own);
    expect_nets(&facts, "all: 10.0.0.0/16 10.1.0.0/16, subnet 10.0.11.0/24; all:, subnet");
    expect_complaint(&facts, "");
}

/* Texts that are one fact: the fact, or NULL when it is none. */
static const struct {
    enum imds_path path;
    const char *text;
    const char *fact;
} text_cases[] = {
    {IMDS_PATH_REGION, "us-gov-west-1", "us-gov-west-1"},
    {IMDS_PATH_REGION, "eu-central-1\n", "eu-central-1"},
    {IMDS_PATH_REGION, "eu-central-1\r\n", "eu-central-1"},
    {IMDS_PATH_REGION, "", NULL},
    {IMDS_PATH_REGION, "\n", NULL},
    {IMDS_PATH_REGION, HTML, NULL},
    {IMDS_PATH_REGION, "eu-central-1 ", NULL},
    {IMDS_PATH_REGION, "eu-central-1\nus-east-1", NULL},
    {IMDS_PATH_REGION, "EU-CENTRAL-1", NULL},
    {IMDS_PATH_REGION, "eu-central-1.evil.example", NULL},
    {IMDS_PATH_REGION, "-eu", NULL},
    {IMDS_PATH_REGION, "eu-", NULL},
    {IMDS_PATH_REGION, "1eu", NULL},
    {IMDS_PATH_REGION, "eu\033[2J", NULL},
    {IMDS_PATH_REGION, "a2345678901234567890123456789012", "a2345678901234567890123456789012"},
    {IMDS_PATH_REGION, "a23456789012345678901234567890123", NULL},
    {IMDS_PATH_REGION, "a" DIGITS_256, NULL},
    {IMDS_PATH_ZONE, "us-west-2-lax-1a", "us-west-2-lax-1a"},
    {IMDS_PATH_ZONE, HTML, NULL},
    {IMDS_PATH_ZONE_ID, "usw2-lax1-az1", "usw2-lax1-az1"},
    {IMDS_PATH_ZONE_ID, "apne1_az4", NULL},
    {IMDS_PATH_ZONE_ID, "apne1-az4-apne1-az4-apne1", NULL},
    {IMDS_PATH_PARTITION, "aws-iso-b", "aws-iso-b"},
    {IMDS_PATH_PARTITION, "aws iso", NULL},
    {IMDS_PATH_DOMAIN, "amazonaws.com.cn", "amazonaws.com.cn"},
    {IMDS_PATH_DOMAIN, "c2s.ic.gov", "c2s.ic.gov"},
    {IMDS_PATH_DOMAIN, "amazonaws", NULL},
    {IMDS_PATH_DOMAIN, "amazonaws.com.", NULL},
    {IMDS_PATH_DOMAIN, ".amazonaws.com", NULL},
    {IMDS_PATH_DOMAIN, "amazonaws..com", NULL},
    {IMDS_PATH_DOMAIN, "10.0.0.1", NULL},
    {IMDS_PATH_DOMAIN, "fd00::1", NULL},
    {IMDS_PATH_DOMAIN, "amazon aws.com", NULL},
    {IMDS_PATH_DOMAIN, HTML, NULL},
    {IMDS_PATH_DOMAIN, "a." DIGITS_64, NULL},
    {IMDS_PATH_GROUP, "blue", "blue"},
    {IMDS_PATH_GROUP, "a b:/+=._-@\\ \303\244", "a b:/+=._-@\\ \303\244"},
    {IMDS_PATH_GROUP, HTML, NULL},
    {IMDS_PATH_GROUP, "a\tb", NULL},
    {IMDS_PATH_GROUP, "a\nb", NULL},
    {IMDS_PATH_GROUP, "a\033[31m", NULL},
    {IMDS_PATH_GROUP, "a\xff", NULL},
    {IMDS_PATH_GROUP, DIGITS_256, NULL},
    {IMDS_PATH_LIFECYCLE_STATE, "Warmed:Hibernated", "Warmed:Hibernated"},
    {IMDS_PATH_LIFECYCLE_STATE, "In Service", NULL},
    {IMDS_PATH_LIFECYCLE_STATE, HTML, NULL},
    {IMDS_PATH_MAC, MAC_1, MAC_1},
    {IMDS_PATH_MAC, "0a:ff:ed:cb:a9:87", "0a:ff:ed:cb:a9:87"},
    {IMDS_PATH_MAC, MAC_1 "/", NULL},
    {IMDS_PATH_MAC, "02:00:00:00:00", NULL},
    {IMDS_PATH_MAC, "02-00-00-00-00-01", NULL},
    {IMDS_PATH_MAC, "../../../../../..", NULL},
    {IMDS_PATH_MAC, "02:00:00:00:00:0", NULL},
    {IMDS_PATH_VPC_ID, "vpc-12345678", "vpc-12345678"},
    {IMDS_PATH_VPC_ID, "vpc-123456789", NULL},
    {IMDS_PATH_VPC_ID, "vpc-0123456789abcdefg", NULL},
    {IMDS_PATH_VPC_ID, "vpc-", NULL},
    {IMDS_PATH_VPC_ID, "subnet-12345678", NULL},
    {IMDS_PATH_SUBNET_ID, "subnet-12345678", "subnet-12345678"},
    {IMDS_PATH_SUBNET_ID, "subnet-$(reboot)", NULL},
};

static const char *
fact_of(const struct imds_facts *facts, enum imds_path path)
{
    const char *const all[IMDS_PATH_N] = {
        [IMDS_PATH_REGION] = facts->region,
        [IMDS_PATH_ZONE] = facts->zone,
        [IMDS_PATH_ZONE_ID] = facts->zone_id,
        [IMDS_PATH_PARTITION] = facts->partition,
        [IMDS_PATH_DOMAIN] = facts->domain,
        [IMDS_PATH_GROUP] = facts->group,
        [IMDS_PATH_LIFECYCLE_STATE] = facts->lifecycle_state,
        [IMDS_PATH_MAC] = facts->mac,
        [IMDS_PATH_VPC_ID] = facts->vpc_id,
        [IMDS_PATH_SUBNET_ID] = facts->subnet_id,
    };

    return all[path];
}

static void
takes_only_texts_of_the_form(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(text_cases); i++) {
        struct imds_facts facts = {0};
        enum imds_path path = text_cases[i].path;
        const char *expected = text_cases[i].fact != NULL ? text_cases[i].fact : "";
        enum imds_answer answer = text_cases[i].fact != NULL ? IMDS_ANSWER_GOOD : IMDS_ANSWER_BAD;

        put(&facts, path, 0, text_cases[i].text);
        if (!streq(fact_of(&facts, path), expected) || facts.answers[path] != answer) {
            print_error("path %d, \"%s\": got \"%s\", expected \"%s\"\n", (int)path,
                text_cases[i].text, fact_of(&facts, path), expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
a_nul_makes_no_fact(void **state)
{
    struct imds_facts facts = {0};

    (void)state;
    imds_facts_put(&facts, IMDS_PATH_REGION, 0, IMDS_ANSWER_GOOD, "eu-central-1\0x",
        sizeof("eu-central-1\0x") - 1);
    imds_facts_put(
        &facts, IMDS_PATH_MACS, 0, IMDS_ANSWER_GOOD, MAC_1 "\0/", sizeof(MAC_1 "\0/") - 1);
    imds_facts_put(&facts, IMDS_PATH_DOCUMENT, 0, IMDS_ANSWER_GOOD, DOCUMENT, sizeof(DOCUMENT));
    assert_string_equal(facts.region, "");
    assert_string_equal(facts.account_id, "");
    assert_int_equal(facts.n_interfaces, 0);
    expect_complaint(&facts,
        "makes no sense: /latest/dynamic/instance-identity/document, placement/region, "
        "network/interfaces/macs/");
}

static const struct {
    const char *text;
    bool good;
    const char *account_id;
    const char *region;
} document_cases[] = {
    {DOCUMENT, true, "123456789012", "ap-northeast-1"},
    {"{}", true, "", ""},
    {"{\"accountId\": null}", true, "", ""},
    {"{\"accountId\": \"123456789012\"}\n", true, "123456789012", ""},
    {"", false, "", ""},
    {HTML, false, "", ""},
    {"{", false, "", ""},
    {"[]", false, "", ""},
    {"\"123456789012\"", false, "", ""},
    {DOCUMENT DOCUMENT, false, "", ""},
    {"{\"accountId\": 123456789012}", false, "", ""},
    {"{\"accountId\": \"12345678901\"}", false, "", ""},
    {"{\"accountId\": \"1234567890123\"}", false, "", ""},
    {"{\"accountId\": \"12345678901x\"}", false, "", ""},
    {"{\"accountId\": [\"123456789012\"]}", false, "", ""},
    {"{\"accountId\": \"123456789012\", \"region\": \"<b>\"}", false, "123456789012", ""},
    {"{\"accountId\": \"123456789012\", \"accountId\": \"210987654321\"}", false, "", ""},
    {"{\"region\": \"eu\\u0000central\"}", false, "", ""},
    {"{\"instanceId\": \"i-xyz\"}", false, "", ""},
    {"{\"region\": \"eu-west-1\", \"x\": \"\xff\"}", false, "", ""},
};

static void
reads_documents(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(document_cases); i++) {
        struct imds_facts facts = {0};

        put(&facts, IMDS_PATH_DOCUMENT, 0, document_cases[i].text);
        imds_facts_finish(&facts, NULL);
        if ((facts.answers[IMDS_PATH_DOCUMENT] == IMDS_ANSWER_GOOD) != document_cases[i].good ||
            !streq(facts.account_id, document_cases[i].account_id) ||
            !streq(facts.region, document_cases[i].region)) {
            print_error(
                "%s: got \"%s\", \"%s\"\n", document_cases[i].text, facts.account_id, facts.region);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
survives_deep_documents(void **state)
{
    struct imds_facts facts = {0};
    char deep[65536];

    (void)state;
    memset(deep, '[', sizeof(deep));
    imds_facts_put(&facts, IMDS_PATH_DOCUMENT, 0, IMDS_ANSWER_GOOD, deep, sizeof(deep));
    assert_int_equal(facts.answers[IMDS_PATH_DOCUMENT], IMDS_ANSWER_BAD);
}

static void
keeps_what_is_not_answered(void **state)
{
    struct imds_facts old;
    struct imds_facts facts = {0};

    (void)state;
    put_all(&old);
    imds_facts_finish(&old, NULL);
    put(&facts, IMDS_PATH_REGION, 0, HTML);
    put(&facts, IMDS_PATH_DOCUMENT, 0, HTML);
    put(&facts, IMDS_PATH_MAC, 0, MAC_1);
    put(&facts, IMDS_PATH_MACS, 0, MAC_1 "/");
    imds_facts_settle(&facts);
    put(&facts, IMDS_PATH_VPC_IPV4, 0, "0.0.0.0/0\n10.9.0.0/16");
    imds_facts_finish(&facts, &old);
    assert_true(imds_facts_equal(&facts, &old));
    expect_complaint(&facts,
        "makes no sense: /latest/dynamic/instance-identity/document, placement/region, "
        "vpc-ipv4-cidr-blocks");
}

static void
keeps_nothing_that_is_absent(void **state)
{
    struct imds_facts old;
    struct imds_facts facts;

    (void)state;
    put_all(&old);
    imds_facts_finish(&old, NULL);
    put_all(&facts);
    facts.answers[IMDS_PATH_GROUP] = IMDS_ANSWER_ABSENT;
    facts.group[0] = '\0';
    facts.answers[IMDS_PATH_SUBNET_IPV4] = IMDS_ANSWER_ABSENT;
    facts.n_subnet_cidrs[0] = 0;
    imds_facts_finish(&facts, &old);
    assert_string_equal(facts.group, "");
    expect_nets(&facts, "all: 10.0.0.0/16 10.1.0.0/16, subnet; all:, subnet");
    assert_false(imds_facts_equal(&facts, &old));
}

static void
formats_paths(void **state)
{
    char path[IMDS_PATH_SIZE];

    (void)state;
    imds_path_format(IMDS_PATH_ZONE_ID, NULL, path);
    assert_string_equal(path, "/latest/meta-data/placement/availability-zone-id");
    imds_path_format(IMDS_PATH_VPC_IPV6, MAC_1, path);
    assert_string_equal(
        path, "/latest/meta-data/network/interfaces/macs/" MAC_1 "/vpc-ipv6-cidr-blocks");
    for (enum imds_path p = 0; p < IMDS_PATH_N; p++) {
        imds_path_format(p, MAC_1, path);
        assert_true(strlen(path) < IMDS_PATH_SIZE - 1);
        assert_true(strncmp(path, "/latest/", 8) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_facts),
        cmocka_unit_test(takes_only_texts_of_the_form),
        cmocka_unit_test(a_nul_makes_no_fact),
        cmocka_unit_test(reads_documents),
        cmocka_unit_test(survives_deep_documents),
        cmocka_unit_test(keeps_what_is_not_answered),
        cmocka_unit_test(keeps_nothing_that_is_absent),
        cmocka_unit_test(formats_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
