/* daemon/aws/imds_facts and host_merge: texts of IMDS, good and hostile, and what the host is then.
 */
#include "daemon/aws/host_merge.h"
#include "daemon/aws/imds_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAC_1 "02:00:00:00:00:01"
#define MAC_2 "02:00:00:00:00:02"
#define HTML "<html><head><title>503</title></head></html>"
#define DIGITS_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define DIGITS_256 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64

#define DOCUMENT                                                                                   \
    "{\"accountId\": \"123456789012\", \"instanceId\": \"i-0abcdef1234567890\",\n"                 \
    " \"region\": \"ap-northeast-1\", \"availabilityZone\": \"ap-northeast-1a\",\n"                \
    " \"kernelId\": null, \"version\": \"2017-09-30\"}"

static void
put(struct imds_facts *facts, enum imds_path path, size_t interface, const char *text)
{
    imds_facts_put(facts, path, interface, IMDS_ANSWER_GOOD, text, strlen(text));
}

static void
mark(struct imds_facts *facts, enum imds_path path, size_t interface, enum imds_answer answer)
{
    imds_facts_put(facts, path, interface, answer, NULL, 0);
}

/* What an instance with one interface says. */
static void
put_all(struct imds_facts *facts)
{
    *facts = (struct imds_facts){0};
    put(facts, IMDS_PATH_DOCUMENT, 0, DOCUMENT);
    put(facts, IMDS_PATH_REGION, 0, "ap-northeast-1");
    put(facts, IMDS_PATH_ZONE, 0, "ap-northeast-1a");
    put(facts, IMDS_PATH_ZONE_ID, 0, "apne1-az4");
    put(facts, IMDS_PATH_PARTITION, 0, "aws");
    put(facts, IMDS_PATH_DOMAIN, 0, "amazonaws.com");
    put(facts, IMDS_PATH_GROUP, 0, "web servers/blue");
    put(facts, IMDS_PATH_LIFECYCLE_STATE, 0, "InService");
    put(facts, IMDS_PATH_MAC, 0, MAC_1);
    put(facts, IMDS_PATH_MACS, 0, MAC_1 "/");
    imds_facts_settle(facts);
    put(facts, IMDS_PATH_VPC_ID, 0, "vpc-0123456789abcdef0");
    put(facts, IMDS_PATH_SUBNET_ID, 0, "subnet-0123456789abcdef0");
    put(facts, IMDS_PATH_SUBNET_IPV4, 0, "10.0.11.0/24");
    mark(facts, IMDS_PATH_SUBNET_IPV6, 0, IMDS_ANSWER_ABSENT);
    put(facts, IMDS_PATH_VPC_IPV4, 0, "10.0.0.0/16\n10.1.0.0/16");
    mark(facts, IMDS_PATH_VPC_IPV6, 0, IMDS_ANSWER_ABSENT);
}

static void
add_cidrs(struct text *t, const struct cidr *cidrs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char buf[CIDR_TEXT_SIZE];

        (void)text_add(t, " %s", cidr_format(&cidrs[i], buf));
    }
}

static void
expect_nets(const struct imds_facts *facts, const char *expected)
{
    char got[4096] = "";
    struct text t = TEXT(got);

    for (size_t f = 0; f < FAMILY_N; f++) {
        (void)text_add(
            &t, "%s%s", f == 0 ? "" : "; ", facts->vpc_cidrs_known[f] ? "all:" : "some:");
        add_cidrs(&t, facts->vpc_cidrs[f], facts->n_vpc_cidrs[f]);
        (void)text_add(&t, ", subnet");
        add_cidrs(&t, facts->subnet_cidrs[f], facts->n_subnet_cidrs[f]);
    }
    assert_string_equal(got, expected);
}

static void
expect_complaint(const struct imds_facts *facts, const char *expected)
{
    char got[1024] = "";
    struct text t = TEXT(got);

    imds_facts_complain(facts, &t);
    assert_string_equal(got, expected);
}

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

/* Lists of VPC CIDRs of the only interface. */
static const struct {
    const char *ipv4;
    const char *ipv6; /* NULL: 404 */
    const char *expected;
} cidr_cases[] = {
    {"10.0.0.0/16", NULL, "all: 10.0.0.0/16, subnet; all:, subnet"},
    {"10.0.0.0/16\n", "2600:1f14:abc::/56\nfd00::/16\n",
        "all: 10.0.0.0/16, subnet; all: 2600:1f14:abc::/56 fd00::/16, subnet"},
    {"10.0.0.0/16\r\n10.1.0.0/16\r\n", NULL, "all: 10.0.0.0/16 10.1.0.0/16, subnet; all:, subnet"},
    {"10.0.0.0/16\n10.0.0.0/16", NULL, "all: 10.0.0.0/16, subnet; all:, subnet"},
    {"52.0.0.0/8", "2600::/16", "all: 52.0.0.0/8, subnet; all: 2600::/16, subnet"},
    {"52.0.0.0/7", "2600::/15", "some:, subnet; some:, subnet"},
    {"0.0.0.0/0", "::/0", "some:, subnet; some:, subnet"},
    {"0.0.0.0/0\n10.0.0.0/16", "::/0\nfd00::/16",
        "some: 10.0.0.0/16, subnet; some: fd00::/16, subnet"},
    {"0.0.0.0/8\n127.0.0.0/8\n169.254.0.0/16\n224.0.0.0/8\n240.0.0.0/8",
        "fe80::/64\nff00::/16\n64:ff9b::/96\n::ffff:0:0/96", "some:, subnet; some:, subnet"},
    {"fd00::/16", "10.0.0.0/16", "some:, subnet; some:, subnet"},
    {"10.0.0.1/16", "", "some:, subnet; some:, subnet"},
    {"10.0.0.0/16\n\n10.1.0.0/16", NULL, "some: 10.0.0.0/16 10.1.0.0/16, subnet; all:, subnet"},
    {HTML, HTML, "some:, subnet; some:, subnet"},
    {"10.0.0.0/16 10.1.0.0/16", NULL, "some:, subnet; all:, subnet"},
    {DIGITS_256 DIGITS_256 "\n10.0.0.0/16", NULL, "some: 10.0.0.0/16, subnet; all:, subnet"},
};

static void
reads_vpc_cidrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cidr_cases); i++) {
        struct imds_facts facts = {0};

        put(&facts, IMDS_PATH_MACS, 0, MAC_1 "/\n");
        imds_facts_settle(&facts);
        put(&facts, IMDS_PATH_VPC_IPV4, 0, cidr_cases[i].ipv4);
        if (cidr_cases[i].ipv6 == NULL) {
            mark(&facts, IMDS_PATH_VPC_IPV6, 0, IMDS_ANSWER_ABSENT);
        } else {
            put(&facts, IMDS_PATH_VPC_IPV6, 0, cidr_cases[i].ipv6);
        }
        imds_facts_finish(&facts, NULL);
        expect_nets(&facts, cidr_cases[i].expected);
    }
}

static void
no_ipv4_is_no_answer(void **state)
{
    struct imds_facts facts = {0};

    (void)state;
    put(&facts, IMDS_PATH_MACS, 0, MAC_1 "/");
    imds_facts_settle(&facts);
    mark(&facts, IMDS_PATH_VPC_IPV4, 0, IMDS_ANSWER_ABSENT);
    imds_facts_finish(&facts, NULL); /* and IPv6 was not asked for at all */
    expect_nets(&facts, "some:, subnet; some:, subnet");
}

/* Listings: which interfaces, the own one first. */
static const struct {
    const char *mac; /* NULL: not answered */
    const char *macs;
    const char *expected;
    bool has_own;
    enum imds_answer answer;
} listing_cases[] = {
    {MAC_1, MAC_1 "/", MAC_1, true, IMDS_ANSWER_GOOD},
    {MAC_1, MAC_1 "/\n" MAC_2 "/", MAC_1 " " MAC_2, true, IMDS_ANSWER_GOOD},
    {MAC_2, MAC_1 "/\n" MAC_2 "/", MAC_2 " " MAC_1, true, IMDS_ANSWER_GOOD},
    {MAC_1, MAC_1 "\n" MAC_1 "/", MAC_1, true, IMDS_ANSWER_GOOD},
    {NULL, MAC_1 "/", MAC_1, true, IMDS_ANSWER_GOOD},
    {NULL, MAC_1 "/\n" MAC_2 "/", MAC_1 " " MAC_2, false, IMDS_ANSWER_GOOD},
    {MAC_2, MAC_1 "/", MAC_2 " " MAC_1, true, IMDS_ANSWER_GOOD},
    {MAC_1, "", MAC_1, true, IMDS_ANSWER_BAD},
    {MAC_1, HTML, MAC_1, true, IMDS_ANSWER_BAD},
    {MAC_1, "../../iam/\n" MAC_2 "/", MAC_1 " " MAC_2, true, IMDS_ANSWER_BAD},
    {NULL, "/", "", false, IMDS_ANSWER_BAD},
    {NULL, "\n\n", "", false, IMDS_ANSWER_BAD},
    {NULL, MAC_1 "//", "", false, IMDS_ANSWER_BAD},
};

static void
reads_listings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(listing_cases); i++) {
        struct imds_facts facts = {0};
        char got[512] = "";
        struct text t = TEXT(got);

        if (listing_cases[i].mac != NULL) {
            put(&facts, IMDS_PATH_MAC, 0, listing_cases[i].mac);
        }
        put(&facts, IMDS_PATH_MACS, 0, listing_cases[i].macs);
        imds_facts_settle(&facts);
        for (size_t k = 0; k < facts.n_interfaces; k++) {
            (void)text_add(&t, "%s%s", k > 0 ? " " : "", facts.interfaces[k].mac);
        }
        assert_string_equal(got, listing_cases[i].expected);
        assert_int_equal(facts.has_own, listing_cases[i].has_own);
        assert_int_equal(facts.answers[IMDS_PATH_MACS], listing_cases[i].answer);
    }
}

/* n lines, printed with their number. */
static const char *
many(char *buf, size_t size, const char *form[2], int n)
{
    struct text t = {.buf = buf, .size = size};

    buf[0] = '\0';
    for (int i = 0; i < n; i++) {
        (void)text_add(&t, "%s%d%s\n", form[0], i, form[1]);
    }
    return buf;
}

static void
bounds_interfaces(void **state)
{
    struct imds_facts facts = {0};
    char macs[2048] = "";
    struct text t = TEXT(macs);

    (void)state;
    for (int i = 0; i < 40; i++) {
        (void)text_add(&t, "02:00:00:00:00:%02x/\n", (unsigned)i);
    }
    put(&facts, IMDS_PATH_MAC, 0, "02:00:00:00:00:1f");
    put(&facts, IMDS_PATH_MACS, 0, macs);
    imds_facts_settle(&facts);
    assert_int_equal(facts.n_interfaces, IMDS_INTERFACES_MAX);
    assert_string_equal(facts.interfaces[0].mac, "02:00:00:00:00:1f");
    for (size_t i = 0; i < facts.n_interfaces; i++) {
        put(&facts, IMDS_PATH_VPC_IPV4, i, "10.0.0.0/16");
        mark(&facts, IMDS_PATH_VPC_IPV6, i, IMDS_ANSWER_ABSENT);
    }
    imds_facts_finish(&facts, NULL);
    expect_nets(&facts, "some: 10.0.0.0/16, subnet; some:, subnet");
    expect_complaint(&facts, "more than 16 interfaces, the others are not looked at");
}

static void
bounds_cidrs(void **state)
{
    const char *form[2] = {"10.", ".0.0/16"};
    struct imds_facts facts = {0};
    char text[8192];

    (void)state;
    put(&facts, IMDS_PATH_MACS, 0, MAC_1 "/\n" MAC_2 "/");
    imds_facts_settle(&facts);
    put(&facts, IMDS_PATH_VPC_IPV4, 0, many(text, sizeof(text), form, 200));
    put(&facts, IMDS_PATH_VPC_IPV4, 1, "10.200.0.0/16");
    put(&facts, IMDS_PATH_SUBNET_IPV4, 0, many(text, sizeof(text), form, 200));
    imds_facts_finish(&facts, NULL);
    assert_int_equal(facts.n_vpc_cidrs[0], VPC_CIDRS_MAX);
    assert_int_equal(facts.n_subnet_cidrs[0], IMDS_SUBNET_CIDRS_MAX);
    assert_false(facts.vpc_cidrs_known[0]);
    expect_complaint(&facts, "more CIDRs than the 64 that are kept");
}

static void
joins_the_cidrs_of_interfaces(void **state)
{
    struct imds_facts facts = {0};

    (void)state;
    put(&facts, IMDS_PATH_MACS, 0, MAC_1 "/\n" MAC_2 "/");
    imds_facts_settle(&facts);
    put(&facts, IMDS_PATH_VPC_IPV4, 0, "10.0.0.0/16\n10.1.0.0/16");
    put(&facts, IMDS_PATH_VPC_IPV4, 1, "10.1.0.0/16\n172.16.0.0/16");
    put(&facts, IMDS_PATH_VPC_IPV6, 0, "fd00::/16");
    mark(&facts, IMDS_PATH_VPC_IPV6, 1, IMDS_ANSWER_ABSENT);
    imds_facts_finish(&facts, NULL);
    expect_nets(
        &facts, "all: 10.0.0.0/16 10.1.0.0/16 172.16.0.0/16, subnet; all: fd00::/16, subnet");
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
order_of_cidrs_is_no_difference(void **state)
{
    struct imds_facts a;
    struct imds_facts b;
    struct cidr swapped;

    (void)state;
    put_all(&a);
    imds_facts_finish(&a, NULL);
    b = a;
    swapped = b.vpc_cidrs[0][0];
    b.vpc_cidrs[0][0] = b.vpc_cidrs[0][1];
    b.vpc_cidrs[0][1] = swapped;
    assert_true(imds_facts_equal(&a, &b));
    b.vpc_cidrs[0][1].prefix_len = 17;
    assert_false(imds_facts_equal(&a, &b));
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

/* ---- host_merge ---- */

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
        cmocka_unit_test(takes_all_facts),
        cmocka_unit_test(takes_only_texts_of_the_form),
        cmocka_unit_test(a_nul_makes_no_fact),
        cmocka_unit_test(reads_documents),
        cmocka_unit_test(survives_deep_documents),
        cmocka_unit_test(reads_vpc_cidrs),
        cmocka_unit_test(no_ipv4_is_no_answer),
        cmocka_unit_test(reads_listings),
        cmocka_unit_test(bounds_interfaces),
        cmocka_unit_test(bounds_cidrs),
        cmocka_unit_test(joins_the_cidrs_of_interfaces),
        cmocka_unit_test(keeps_what_is_not_answered),
        cmocka_unit_test(keeps_nothing_that_is_absent),
        cmocka_unit_test(order_of_cidrs_is_no_difference),
        cmocka_unit_test(formats_paths),
        cmocka_unit_test(merges_without_imds),
        cmocka_unit_test(merges_all_facts),
        cmocka_unit_test(configuration_overrides),
        cmocka_unit_test(imds_beats_the_pattern),
        cmocka_unit_test(merge_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
