/* daemon/aws/imds_facts: lists of interfaces and CIDRs, good and hostile, and how many are kept. */
#include "tests/unit/imds_fixture.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_vpc_cidrs),
        cmocka_unit_test(no_ipv4_is_no_answer),
        cmocka_unit_test(reads_listings),
        cmocka_unit_test(bounds_interfaces),
        cmocka_unit_test(bounds_cidrs),
        cmocka_unit_test(joins_the_cidrs_of_interfaces),
        cmocka_unit_test(order_of_cidrs_is_no_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
