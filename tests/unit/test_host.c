/* Which changes of a host's facts call for new names or new classes. */
#include "conf/host.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct host
a_host(void)
{
    struct host host = {.region = "eu-west-1",
        .account_id = "123456789012",
        .dns_suffix = "amazonaws.com",
        .nets = {.n_cidrs = 1, .known = {true, false}, .n_subnets = 1}};

    assert_int_equal(cidr_parse("10.0.0.0/16", &host.nets.cidrs[0]), 0);
    assert_int_equal(cidr_parse("10.0.1.0/24", &host.nets.subnets[0].cidr), 0);
    (void)str_copy(host.nets.subnets[0].az_id, AZ_ID_SIZE, "euw1-az1");
    return host;
}

static void
other_facts_do_not_matter(void **state)
{
    struct host a = a_host();
    struct host b = a_host();

    (void)state;
    assert_true(host_probes_alike(&a, &b));
    (void)str_copy(b.lifecycle_state, sizeof(b.lifecycle_state), "InService");
    (void)str_copy(b.instance_id, sizeof(b.instance_id), "i-1");
    b.region_source = HOST_SOURCE_IMDS;
    assert_true(host_probes_alike(&a, &b));
}

static void
names_and_classes_do(void **state)
{
    struct host a = a_host();
    struct host hosts[] = {a, a, a, a, a, a, a, a, a, a, a, a};

    (void)state;
    (void)str_copy(hosts[0].region, REGION_SIZE, "eu-west-2");
    (void)str_copy(hosts[1].account_id, ACCOUNT_ID_SIZE, "");
    (void)str_copy(hosts[2].dns_suffix, DNS_SUFFIX_SIZE, "amazonaws.com.cn");
    assert_int_equal(cidr_parse("10.1.0.0/16", &hosts[3].nets.cidrs[0]), 0);
    hosts[4].nets.known[1] = true;
    (void)str_copy(hosts[5].nets.subnets[0].az_id, AZ_ID_SIZE, "euw1-az2");
    hosts[6].nets.n_subnets = 0;
    hosts[7].nets.n_cidrs = 0;
    assert_int_equal(cidr_parse("10.0.0.0/17", &hosts[8].nets.cidrs[0]), 0);
    assert_int_equal(cidr_parse("10.0.2.0/24", &hosts[9].nets.subnets[0].cidr), 0);
    hosts[10].launch_type = LAUNCH_TYPE_FARGATE;
    hosts[11].partition = partition_find("aws");
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        assert_false(host_probes_alike(&a, &hosts[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_facts_do_not_matter), cmocka_unit_test(names_and_classes_do)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
