/* daemon/aws/imds_forms and imds_items: what is of AWS's form, and what is asked for in which
 * round; and when two sets of facts are the same. */
#include "daemon/aws/imds_facts.h"
#include "daemon/aws/imds_forms.h"
#include "daemon/aws/imds_items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    bool (*is_good)(const char *s);
    const char *text;
    bool good;
} forms[] = {
    {imds_is_code, "ap-northeast-1a", true},
    {imds_is_code, "a", true},
    {imds_is_code, "", false},
    {imds_is_code, "1a", false},
    {imds_is_code, "{a", false},
    {imds_is_code, "-a", false},
    {imds_is_code, "Ap-northeast-1", false},
    {imds_is_code, "ap-", false},
    {imds_is_code, "ap/1", false},
    {imds_is_code, "ap:1", false},
    {imds_is_code, "ap`", false},
    {imds_is_code, "ap{", false},
    {imds_is_code, "ap 1", false},
    {imds_is_instance_id, "i-0abcdef1234567890", true},
    {imds_is_instance_id, "i-01234567", true},
    {imds_is_instance_id, "i-0123456", false},
    {imds_is_instance_id, "i-012345678", false},
    {imds_is_instance_id, "i-0abcdef12345678901", false},
    {imds_is_instance_id, "i-0123456g", false},
    {imds_is_instance_id, "i-0123456G", false},
    {imds_is_instance_id, "i-0123456/", false},
    {imds_is_instance_id, "i-01234567 ", false},
    {imds_is_instance_id, "vpc-01234567", false},
    {imds_is_vpc_id, "vpc-01234567", true},
    {imds_is_vpc_id, "vpc-", false},
    {imds_is_subnet_id, "subnet-01234567", true},
    {imds_is_account_id, "123456789012", true},
    {imds_is_account_id, "12345678901", false},
    {imds_is_account_id, "1234567890123", false},
    {imds_is_account_id, "12345678901a", false},
    {imds_is_account_id, "123456789012a", false},
    {imds_is_account_id, "", false},
    {imds_is_domain, "amazonaws.com.cn", true},
    {imds_is_domain, "amazonaws", false},
    {imds_is_domain, "10.0.0.1", false},
    {imds_is_domain, "a b.c", false},
    {imds_is_domain, "", false},
    {imds_is_mac, "02:00:0a:ff:00:01", true},
    {imds_is_mac, "02:00:0A:ff:00:01", false},
    {imds_is_mac, "02:00:0/:ff:00:01", false},
    {imds_is_mac, "02:00:0g:ff:00:01", false},
    {imds_is_mac, "02-00-0a-ff-00-01", false},
    {imds_is_mac, "02:00:0a:ff:00", false},
    {imds_is_mac, "02:00:0a:ff:00:01/", false},
    {imds_is_mac, "", false},
    {imds_is_group, "blue/green, 'z\xc3\xbc'", true},
    {imds_is_group, "<html>", false},
    {imds_is_group, "a\nb", false},
    {imds_is_group, "a\xc3", false},
    {imds_is_lifecycle_state, "Warmed:Pending:Wait", true},
    {imds_is_lifecycle_state, "InService1", false},
    {imds_is_lifecycle_state, "In Service", false},
    {imds_is_lifecycle_state, "In[", false},
    {imds_is_lifecycle_state, "In`", false},
    {imds_is_lifecycle_state, "In@", false},
    {imds_is_lifecycle_state, "In{", false},
    {imds_is_lifecycle_state, "In;", false},
};

static void
texts(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (forms[i].is_good(forms[i].text) != forms[i].good) {
            print_error("row %zu, \"%s\": not %d\n", i, forms[i].text, forms[i].good);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
blocks(void **state)
{
    static const struct {
        const char *text;
        enum addr_family family;
        bool good;
    } cidrs[] = {
        {"10.0.0.0/16", ADDR_FAMILY_IPV4, true},
        {"10.0.0.0/16", ADDR_FAMILY_IPV6, false},
        {"10.0.0.0/8", ADDR_FAMILY_IPV4, true},
        {"10.0.0.0/7", ADDR_FAMILY_IPV4, false},
        {"0.0.0.0/8", ADDR_FAMILY_IPV4, false},
        {"127.0.0.0/8", ADDR_FAMILY_IPV4, false},
        {"169.254.0.0/16", ADDR_FAMILY_IPV4, false},
        {"169.253.0.0/16", ADDR_FAMILY_IPV4, true},
        {"168.254.0.0/16", ADDR_FAMILY_IPV4, true},
        {"223.0.0.0/8", ADDR_FAMILY_IPV4, true},
        {"224.0.0.0/8", ADDR_FAMILY_IPV4, false},
        {"2600:1f18::/56", ADDR_FAMILY_IPV6, true},
        {"2600::/16", ADDR_FAMILY_IPV6, true},
        {"2600::/15", ADDR_FAMILY_IPV6, false},
        {"fd00:ec2::/32", ADDR_FAMILY_IPV6, true},
        {"fc00::/16", ADDR_FAMILY_IPV6, true},
        {"fe80::/64", ADDR_FAMILY_IPV6, false},
        {"ff00::/16", ADDR_FAMILY_IPV6, false},
        {"::/64", ADDR_FAMILY_IPV6, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cidrs); i++) {
        struct cidr cidr;

        assert_int_equal(cidr_parse(cidrs[i].text, &cidr), 0);
        assert_int_equal(imds_is_vpc_cidr(&cidr, cidrs[i].family), cidrs[i].good);
    }
}

/* The paths of the host; one of them alone; two of each interface, and those of the host's own. */
static void
rounds(void **state)
{
    struct imds_items items;
    struct imds_facts facts = {.n_interfaces = 2};

    (void)state;
    imds_items_reset(&items);
    assert_int_equal(items.n, IMDS_PATH_HOST_N);
    assert_int_equal(imds_items_todo(&items), 0);
    imds_items_reset_to(&items, IMDS_PATH_LIFECYCLE_STATE);
    assert_int_equal(items.n, 1);
    assert_int_equal(items.items[0].path, IMDS_PATH_LIFECYCLE_STATE);
    assert_false(imds_items_done(&items));
    items.items[0].state = IMDS_ITEM_ASKED;
    assert_int_equal(imds_items_todo(&items), -1);
    assert_false(imds_items_done(&items));
    items.items[0].state = IMDS_ITEM_DONE;
    assert_true(imds_items_done(&items));
    imds_items_add_interfaces(&items, &facts);
    assert_int_equal(items.n, 1 + 2 * 2);
    facts.has_own = true;
    facts.n_interfaces = 1;
    imds_items_reset_to(&items, IMDS_PATH_MAC);
    imds_items_add_interfaces(&items, &facts);
    assert_int_equal(items.n, 1 + 2 + (IMDS_PATH_N - IMDS_PATH_VPC_ID));
}

static void
parse_into(struct cidr *cidrs, size_t *n, const char *text)
{
    assert_int_equal(cidr_parse(text, &cidrs[(*n)++]), 0);
}

static struct imds_facts
some_facts(void)
{
    struct imds_facts facts = {.region = "eu-west-1", .vpc_cidrs_known = {true, false}};

    parse_into(facts.vpc_cidrs[0], &facts.n_vpc_cidrs[0], "10.0.0.0/16");
    parse_into(facts.vpc_cidrs[0], &facts.n_vpc_cidrs[0], "10.1.0.0/16");
    parse_into(facts.subnet_cidrs[0], &facts.n_subnet_cidrs[0], "10.0.1.0/24");
    return facts;
}

static void
same_facts(void **state)
{
    const struct imds_facts a = some_facts();
    struct imds_facts others[] = {a, a, a, a, a, a};
    struct imds_facts b = a;

    (void)state;
    b.vpc_cidrs[0][0] = a.vpc_cidrs[0][1];
    b.vpc_cidrs[0][1] = a.vpc_cidrs[0][0];
    b.interfaces_cut = true;
    assert_true(imds_facts_equal(&a, &b)); /* their order is IMDS's own */
    (void)str_copy(others[0].region, REGION_SIZE, "eu-west-2");
    others[1].vpc_cidrs_known[1] = true;
    parse_into(others[2].vpc_cidrs[0], &others[2].n_vpc_cidrs[0], "10.2.0.0/16");
    others[3].n_vpc_cidrs[0] = 1;
    parse_into(others[3].vpc_cidrs[0], &others[3].n_vpc_cidrs[0], "10.2.0.0/16");
    others[4].n_subnet_cidrs[0] = 0;
    parse_into(others[4].subnet_cidrs[0], &others[4].n_subnet_cidrs[0], "10.0.2.0/24");
    parse_into(others[5].subnet_cidrs[1], &others[5].n_subnet_cidrs[1], "2600:1f18::/64");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_false(imds_facts_equal(&a, &others[i]));
    }
}

/* A path of no name, and all that can be complained of at once. */
static void
complaints(void **state)
{
    struct imds_facts facts = {.interfaces_cut = true, .cidrs_cut = true};
    char got[512] = "";
    struct text t = TEXT(got);

    (void)state;
    imds_facts_complain(&facts, &t);
    assert_string_equal(got, "more than 16 interfaces, the others are not looked at; more CIDRs "
                             "than the 64 that are kept");
    imds_facts_put(&facts, IMDS_PATH_REGION, 0, IMDS_ANSWER_GOOD, "EU", 2);
    imds_facts_put(&facts, IMDS_PATH_DOCUMENT, 0, IMDS_ANSWER_GOOD,
        "{\"region\":7,\"accountId\":null}", strlen("{\"region\":7,\"accountId\":null}"));
    facts.interfaces_cut = false;
    t = TEXT(got);
    imds_facts_complain(&facts, &t);
    assert_string_equal(got, "makes no sense: /latest/dynamic/instance-identity/document, "
                             "placement/region; more CIDRs than the 64 that are kept");
    /* without the host's own interface there is one that must be it, unless there are more */
    facts = (struct imds_facts){.n_interfaces = 1};
    imds_facts_settle(&facts);
    assert_true(facts.has_own);
    facts.interfaces_cut = true;
    imds_facts_settle(&facts);
    assert_false(facts.has_own);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(blocks),
        cmocka_unit_test(rounds),
        cmocka_unit_test(same_facts),
        cmocka_unit_test(complaints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
