/* conf/plan and conf/host: from settings to what is probed. */
#include "conf/plan.h"
#include "daemon/util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* One line a spec: key host port required expected service-name. */
static void
print_plan(const struct plan *plan, struct text *text)
{
    static const char *const expected[EXPECTED_PATH_N] = {"interface", "gateway", "any"};

    for (size_t i = 0; i < plan->n; i++) {
        const struct endpoint_spec *spec = &plan->specs[i];

        assert_true(text_add(text, "%s %s %u %s %s %s\n", spec->key,
            spec->hostname[0] == '\0' ? "-" : spec->hostname, spec->port,
            spec->required ? "yes" : "no", expected[spec->expected],
            spec->service_name[0] == '\0' ? "-" : spec->service_name));
    }
}

/* A host name as a section has it. */
#define NAME(text) ((char[]){text})

/* Settings as conf_load would give them, with these endpoint sections. */
static struct conf
conf_of(const char *region, const char *account_id, struct conf_endpoint *endpoints, size_t n)
{
    struct conf conf = {.endpoints = endpoints, .n_endpoints = n};

    (void)str_copy(conf.region, sizeof(conf.region), region);
    (void)str_copy(conf.account_id, sizeof(conf.account_id), account_id);
    return conf;
}

static void
expect_plan(const struct conf *conf, bool all, const char *expected)
{
    char got[8192] = "";
    struct text text = TEXT(got);
    struct plan plan;
    struct host host;

    host_from_conf(conf, &host);
    assert_int_equal(plan_build(conf, &host, all, &plan), 0);
    print_plan(&plan, &text);
    plan_reset(&plan);
    assert_null(plan.specs);
    assert_int_equal(plan.n, 0);
    plan_reset(&plan);
    assert_string_equal(got, expected);
}

#define R "eu-central-1"
#define SUFFIX ".eu-central-1.amazonaws.com"
#define ECS                                                                                        \
    "ecs ecs" SUFFIX " 443 yes interface com.amazonaws." R ".ecs\n"                                \
    "ecs-agent ecs-a" SUFFIX " 443 yes interface com.amazonaws." R ".ecs-agent\n"                  \
    "ecs-telemetry ecs-t" SUFFIX " 443 yes interface com.amazonaws." R ".ecs-telemetry\n"
#define ECR_API "ecr.api api.ecr" SUFFIX " 443 yes interface com.amazonaws." R ".ecr.api\n"
#define ECR_DKR                                                                                    \
    "ecr.dkr 123456789012.dkr.ecr" SUFFIX " 443 yes interface com.amazonaws." R ".ecr.dkr\n"
#define S3_HOST "prod-" R "-starport-layer-bucket.s3" SUFFIX
#define S3 "s3 " S3_HOST " 443 yes gateway com.amazonaws." R ".s3\n"
#define LOGS "logs logs" SUFFIX " 443 no interface com.amazonaws." R ".logs\n"

static void
launch_types(void **state)
{
    struct conf conf = conf_of(R, "123456789012", NULL, 0);

    (void)state;
    expect_plan(&conf, false, ECS ECR_API ECR_DKR S3 LOGS);
    conf.launch_type = LAUNCH_TYPE_FARGATE;
    expect_plan(&conf, false, ECR_API ECR_DKR S3 LOGS);
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    expect_plan(&conf, false, ECR_DKR S3 LOGS);
}

static void
missing_facts(void **state)
{
    struct conf conf = conf_of("", "", NULL, 0);

    (void)state;
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    expect_plan(&conf, false,
        "ecr.dkr - 443 yes interface -\ns3 - 443 yes gateway -\nlogs - 443 no interface -\n");
    conf = conf_of(R, "", NULL, 0);
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    expect_plan(&conf, false, "ecr.dkr - 443 yes interface com.amazonaws." R ".ecr.dkr\n" S3 LOGS);
}

#define AUTOSCALING                                                                                \
    "autoscaling autoscaling" SUFFIX " 443 no interface com.amazonaws." R ".autoscaling\n"

/* The way to EC2 Auto Scaling is probed when there is something to tell it, unless that is off. */
static void
dealings_with_auto_scaling(void **state)
{
    struct conf_endpoint off = {.key = "autoscaling", .enabled = CONF_CHOICE_NO};
    struct conf conf = conf_of(R, "123456789012", NULL, 0);

    (void)state;
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    conf.lifecycle.enabled = true;
    expect_plan(&conf, false, ECR_DKR S3 LOGS AUTOSCALING);
    conf.lifecycle.enabled = false;
    conf.health.set_instance_health = true;
    expect_plan(&conf, false, ECR_DKR S3 LOGS AUTOSCALING);
    conf.endpoints = &off;
    conf.n_endpoints = 1;
    expect_plan(&conf, false, ECR_DKR S3 LOGS);
}

/* A section enables and requires, changes, or takes away. */
static void
sections(void **state)
{
    struct conf_endpoint endpoints[] = {
        {.key = "zeta", .hostname = NAME("zeta.example"), .port = 8443},
        {.key = "sts"},
        {.key = "ecr.dkr", .enabled = CONF_CHOICE_NO},
        {.key = "logs", .required = CONF_CHOICE_NO, .port = 443},
        {.key = "alpha",
            .hostname = NAME("10.0.0.9"),
            .required = CONF_CHOICE_NO,
            .expected_set = true,
            .expected = EXPECTED_ANY},
        {.key = "gone", .enabled = CONF_CHOICE_NO},
        {.key = "s3",
            .hostname = NAME("bucket.example"),
            .expected_set = true,
            .expected = EXPECTED_INTERFACE},
    };
    struct conf conf = conf_of("cn-north-1", "123456789012", endpoints, ARRAY_SIZE(endpoints));

    (void)state;
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    expect_plan(&conf, false,
        "s3 bucket.example 443 yes interface cn.com.amazonaws.cn-north-1.s3\n"
        "logs logs.cn-north-1.amazonaws.com.cn 443 no interface com.amazonaws.cn-north-1.logs\n"
        "sts sts.cn-north-1.amazonaws.com.cn 443 yes interface cn.com.amazonaws.cn-north-1.sts\n"
        "zeta zeta.example 8443 yes interface -\n"
        "alpha 10.0.0.9 443 no any -\n");
}

static void
required_again(void **state)
{
    struct conf_endpoint endpoints[] = {
        {.key = "logs", .required = CONF_CHOICE_YES, .enabled = CONF_CHOICE_YES},
        {.key = "s3", .required = CONF_CHOICE_NO},
        {.key = "ecr.dkr", .enabled = CONF_CHOICE_YES},
    };
    struct conf conf = conf_of(R, "123456789012", endpoints, ARRAY_SIZE(endpoints));

    (void)state;
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    expect_plan(&conf, false,
        ECR_DKR "s3 " S3_HOST " 443 no gateway com.amazonaws." R ".s3\n"
                "logs logs" SUFFIX " 443 yes interface com.amazonaws." R ".logs\n");
}

/* Http= of a section beats that of [Probe], for services and names of one's own alike. */
static void
depths(void **state)
{
    struct conf_endpoint endpoints[] = {
        {.key = "own", .hostname = NAME("own.example")},
        {.key = "own-yes", .hostname = NAME("own.example"), .http = CONF_CHOICE_YES},
        {.key = "own-no", .hostname = NAME("own.example"), .http = CONF_CHOICE_NO},
        {.key = "ecs"},
        {.key = "sts", .http = CONF_CHOICE_YES},
        {.key = "kms", .http = CONF_CHOICE_NO},
    };
    struct conf conf = conf_of(R, "123456789012", endpoints, ARRAY_SIZE(endpoints));

    (void)state;
    for (int http = 0; http < 2; http++) {
        struct host host;
        struct plan plan;
        size_t n_http = 0;

        conf.http = http;
        host_from_conf(&conf, &host);
        assert_int_equal(plan_build(&conf, &host, false, &plan), 0);
        for (size_t i = 0; i < plan.n; i++) {
            const char *key = plan.specs[i].key;
            bool no = streq(key, "own-no") || streq(key, "kms");
            bool yes = streq(key, "own-yes") || streq(key, "sts") || (http && !no);

            assert_int_equal(plan.specs[i].depth, yes ? PROBE_DEPTH_HTTP : PROBE_DEPTH_TLS);
            n_http += yes;
        }
        assert_int_equal(n_http, http ? plan.n - 2 : 2);
        plan_reset(&plan);
    }
}

static void
name_styles(void **state)
{
    struct conf conf = conf_of("us-east-1", "123456789012", NULL, 0);

    (void)state;
    conf.launch_type = LAUNCH_TYPE_FARGATE_1_3;
    conf.names = NAME_STYLE_FIPS;
    expect_plan(&conf, false,
        "ecr.dkr 123456789012.dkr.ecr-fips.us-east-1.amazonaws.com 443 yes interface "
        "com.amazonaws.us-east-1.ecr.dkr\n"
        "s3 prod-us-east-1-starport-layer-bucket.s3-fips.us-east-1.amazonaws.com 443 yes gateway "
        "com.amazonaws.us-east-1.s3\n"
        "logs logs-fips.us-east-1.amazonaws.com 443 no interface com.amazonaws.us-east-1.logs\n");
}

/* Everything there is, in the order of the catalogue; what is not probed is not required. */
static void
all_services(void **state)
{
    struct conf_endpoint endpoints[] = {
        {.key = "own", .hostname = NAME("own.example")},
        {.key = "ecs", .enabled = CONF_CHOICE_NO},
    };
    struct conf conf = conf_of(R, "123456789012", endpoints, ARRAY_SIZE(endpoints));
    const struct service *service = NULL;
    struct plan plan;
    struct host host;
    size_t i = 0;

    (void)state;
    host_from_conf(&conf, &host);
    assert_int_equal(plan_build(&conf, &host, true, &plan), 0);
    while ((service = catalogue_next(service)) != NULL) {
        bool required = (service->required & 1U << LAUNCH_TYPE_EC2) != 0;

        assert_true(i < plan.n);
        assert_string_equal(plan.specs[i].key, service->key);
        assert_int_equal(plan.specs[i].required, required && !streq(service->key, "ecs"));
        assert_true(hostname_is_valid(plan.specs[i].hostname));
        i++;
    }
    assert_int_equal(plan.n, i + 1);
    assert_string_equal(plan.specs[i].key, "own");
    assert_true(plan.specs[i].required);
    plan_reset(&plan);
}

static void
host_facts(void **state)
{
    struct conf conf = conf_of("eusc-de-east-1", "", NULL, 0);
    struct host host;

    (void)state;
    assert_int_equal(cidr_parse("10.0.0.0/16", &conf.nets.cidrs[0]), 0);
    conf.nets.n_cidrs = 1;
    conf.nets.known[0] = true;
    conf.launch_type = LAUNCH_TYPE_FARGATE;
    host_from_conf(&conf, &host);
    assert_string_equal(host.region, "eusc-de-east-1");
    assert_string_equal(host.dns_suffix, "amazonaws.eu");
    assert_string_equal(host.partition->name, "aws-eusc");
    assert_string_equal(host.account_id, "");
    assert_string_equal(host.instance_id, "");
    assert_int_equal(host.launch_type, LAUNCH_TYPE_FARGATE);
    assert_int_equal(host.nets.n_cidrs, 1);
    assert_true(host.nets.known[0] && !host.nets.known[1]);
    assert_int_equal(host.region_source, HOST_SOURCE_CONFIG);
    assert_int_equal(host.account_id_source, HOST_SOURCE_NONE);
    assert_int_equal(host.partition_source, HOST_SOURCE_DERIVED);
    assert_int_equal(host.vpc_cidrs_source, HOST_SOURCE_CONFIG);
}

static void
nothing_known(void **state)
{
    struct conf conf = conf_of("", "", NULL, 0);
    struct host host;

    (void)state;
    host_from_conf(&conf, &host);
    assert_null(host.partition);
    assert_string_equal(host.dns_suffix, "");
    assert_int_equal(host.region_source, HOST_SOURCE_NONE);
    assert_int_equal(host.partition_source, HOST_SOURCE_NONE);
    assert_int_equal(host.vpc_cidrs_source, HOST_SOURCE_NONE);
}

/* The egress control: S3 of another Region of the partition, a host of the user's, or none. */
static void
egress_control(void **state)
{
    static const struct {
        const char *region;
        enum conf_egress egress;
        const char *host; /* NULL: none */
    } rows[] = {
        {"eu-west-1", CONF_EGRESS_AUTO, "s3.us-west-2.amazonaws.com"},
        {"us-west-2", CONF_EGRESS_AUTO, "s3.us-east-2.amazonaws.com"},
        {"cn-north-1", CONF_EGRESS_AUTO, "s3.cn-northwest-1.amazonaws.com.cn"},
        {"eusc-de-east-1", CONF_EGRESS_AUTO, NULL}, /* the partition has one Region */
        {"of-nowhere-1", CONF_EGRESS_AUTO, NULL},
        {"", CONF_EGRESS_AUTO, NULL},
        {"eu-west-1", CONF_EGRESS_OFF, NULL},
        {"", CONF_EGRESS_HOST, "www.example.com"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct conf conf = conf_of(rows[i].region, "", NULL, 0);
        struct host host;
        char got[HOSTNAME_SIZE] = "";

        conf.egress = rows[i].egress;
        (void)str_copy(conf.egress_host, sizeof(conf.egress_host), "www.example.com");
        host_from_conf(&conf, &host);
        assert_int_equal(plan_egress_control(&conf, &host, got), rows[i].host != NULL);
        if (rows[i].host != NULL) {
            assert_string_equal(got, rows[i].host);
        }
    }
    struct conf conf = conf_of("eu-west-1", "", NULL, 0);
    struct host host;
    char got[HOSTNAME_SIZE] = "";

    host_from_conf(&conf, &host);
    host.region[0] = '\0'; /* the instance metadata tells a partition, and no Region */
    assert_false(plan_egress_control(&conf, &host, got));
}

static void
source_words(void **state)
{
    (void)state;
    assert_string_equal(host_source_str(HOST_SOURCE_NONE), "none");
    assert_string_equal(host_source_str(HOST_SOURCE_CONFIG), "config");
    assert_string_equal(host_source_str(HOST_SOURCE_IMDS), "imds");
    assert_string_equal(host_source_str(HOST_SOURCE_DERIVED), "derived");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launch_types),
        cmocka_unit_test(missing_facts),
        cmocka_unit_test(sections),
        cmocka_unit_test(dealings_with_auto_scaling),
        cmocka_unit_test(required_again),
        cmocka_unit_test(depths),
        cmocka_unit_test(name_styles),
        cmocka_unit_test(all_services),
        cmocka_unit_test(host_facts),
        cmocka_unit_test(nothing_known),
        cmocka_unit_test(egress_control),
        cmocka_unit_test(source_words),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
