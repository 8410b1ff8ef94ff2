/* conf/catalogue: partitions, host names, service names, the required sets. The reference for
 * Regions and services that SDKs know is tests/names_botocore.py; here is what they do not know,
 * and one of everything. */
#include "conf/catalogue.h"
#include "daemon/util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *region;
    const char *partition; /* NULL: of none */
} region_cases[] = {
    {"us-east-1", "aws"},
    {"eu-central-2", "aws"},
    {"ap-southeast-7", "aws"},
    {"ap-northeast-1", "aws"},
    {"sa-east-1", "aws"},
    {"ca-west-1", "aws"},
    {"me-central-1", "aws"},
    {"af-south-1", "aws"},
    {"il-central-1", "aws"},
    {"mx-central-1", "aws"},
    {"us-new_place-12", "aws"},
    {"cn-north-1", "aws-cn"},
    {"cn-northwest-1", "aws-cn"},
    {"us-gov-west-1", "aws-us-gov"},
    {"us-gov-east-1", "aws-us-gov"},
    {"us-iso-east-1", "aws-iso"},
    {"us-iso-west-1", "aws-iso"},
    {"us-isob-east-1", "aws-iso-b"},
    {"eu-isoe-west-1", "aws-iso-e"},
    {"us-isof-south-1", "aws-iso-f"},
    {"us-isof-east-1", "aws-iso-f"},
    {"eusc-de-east-1", "aws-eusc"},
    {"", NULL},
    {"xx-nowhere-1", NULL},
    {"us-east", NULL},
    {"us-east-", NULL},
    {"us-east-1a", NULL},
    {"us-east-1 ", NULL},
    {" us-east-1", NULL},
    {"xus-east-1", NULL},
    {"us-east-1\n", NULL},
    {"us--1", NULL},
    {"us-east-west-1", NULL},
    {"eusc-fr-east-1", NULL},
    {"us-gov-1", "aws"}, /* as the SDKs' pattern has it */
    {"cn-1", NULL},
    {"EU-central-1", NULL},
    {"aws-global", NULL},
};

static void
regions(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(region_cases); i++) {
        const struct partition *partition = partition_of_region(region_cases[i].region);
        const char *got = partition == NULL ? "none" : partition->name;
        const char *expected =
            region_cases[i].partition == NULL ? "none" : region_cases[i].partition;

        if (!streq(got, expected)) {
            print_error("\"%s\": got %s, expected %s\n", region_cases[i].region, got, expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* A name in every partition, in every style. */
static const struct {
    const char *key;
    enum name_style style;
    const char *region;
    const char *hostname;
} name_cases[] = {
    {"ecs", NAME_STYLE_DEFAULT, "eu-central-1", "ecs.eu-central-1.amazonaws.com"},
    {"ecs", NAME_STYLE_FIPS, "us-east-1", "ecs-fips.us-east-1.amazonaws.com"},
    {"ecs", NAME_STYLE_DUALSTACK, "us-east-1", "ecs.us-east-1.api.aws"},
    {"ecs-agent", NAME_STYLE_DEFAULT, "us-east-1", "ecs-a.us-east-1.amazonaws.com"},
    {"ecs-agent", NAME_STYLE_FIPS, "us-east-1", "ecs-a.us-east-1.amazonaws.com"},
    {"ecs-agent", NAME_STYLE_DUALSTACK, "us-east-1", "ecs-a.us-east-1.amazonaws.com"},
    {"ecs-telemetry", NAME_STYLE_DEFAULT, "us-east-1", "ecs-t.us-east-1.amazonaws.com"},
    {"ecs-telemetry", NAME_STYLE_FIPS, "us-gov-west-1", "ecs-t.us-gov-west-1.amazonaws.com"},
    {"ecs-telemetry", NAME_STYLE_DUALSTACK, "us-east-1", "ecs-t.us-east-1.amazonaws.com"},
    {"ecr.api", NAME_STYLE_DEFAULT, "us-east-1", "api.ecr.us-east-1.amazonaws.com"},
    {"ecr.api", NAME_STYLE_FIPS, "us-east-1", "api.ecr-fips.us-east-1.amazonaws.com"},
    {"ecr.api", NAME_STYLE_DUALSTACK, "us-east-1", "ecr.us-east-1.api.aws"},
    {"ecr.dkr", NAME_STYLE_DEFAULT, "us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com"},
    {"ecr.dkr", NAME_STYLE_FIPS, "us-east-1", "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com"},
    {"ecr.dkr", NAME_STYLE_DUALSTACK, "us-east-1", "123456789012.dkr-ecr.us-east-1.on.aws"},
    {"ecr.dkr", NAME_STYLE_DUALSTACK, "cn-north-1",
        "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn"},
    {"s3", NAME_STYLE_DEFAULT, "us-east-1",
        "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com"},
    {"s3", NAME_STYLE_FIPS, "us-east-1",
        "prod-us-east-1-starport-layer-bucket.s3-fips.us-east-1.amazonaws.com"},
    {"s3", NAME_STYLE_DUALSTACK, "us-east-1",
        "prod-us-east-1-starport-layer-bucket.s3.dualstack.us-east-1.amazonaws.com"},
    {"s3", NAME_STYLE_DUALSTACK, "cn-north-1",
        "prod-cn-north-1-starport-layer-bucket.s3.dualstack.cn-north-1.amazonaws.com.cn"},
    {"secretsmanager", NAME_STYLE_DEFAULT, "us-east-1", "secretsmanager.us-east-1.amazonaws.com"},
    {"secretsmanager", NAME_STYLE_FIPS, "us-east-1", "secretsmanager-fips.us-east-1.amazonaws.com"},
    {"secretsmanager", NAME_STYLE_DUALSTACK, "us-east-1", "secretsmanager.us-east-1.amazonaws.com"},
    {"elasticfilesystem", NAME_STYLE_DEFAULT, "us-east-1",
        "elasticfilesystem.us-east-1.amazonaws.com"},
    {"elasticfilesystem", NAME_STYLE_FIPS, "us-east-1",
        "elasticfilesystem-fips.us-east-1.amazonaws.com"},
    {"elasticfilesystem", NAME_STYLE_DUALSTACK, "us-east-1", "efs.us-east-1.api.aws"},
    {"kinesis-firehose", NAME_STYLE_DEFAULT, "us-east-1", "firehose.us-east-1.amazonaws.com"},
    {"kinesis-firehose", NAME_STYLE_FIPS, "us-east-1", "firehose-fips.us-east-1.amazonaws.com"},
    {"kinesis-firehose", NAME_STYLE_DUALSTACK, "us-east-1", "firehose.us-east-1.api.aws"},
    {"logs", NAME_STYLE_DUALSTACK, "cn-north-1", "logs.cn-north-1.api.amazonwebservices.com.cn"},
    {"logs", NAME_STYLE_DUALSTACK, "us-gov-west-1", "logs.us-gov-west-1.api.aws"},
    {"logs", NAME_STYLE_DUALSTACK, "us-iso-east-1", "logs.us-iso-east-1.api.aws.ic.gov"},
    {"logs", NAME_STYLE_DUALSTACK, "us-isob-east-1", "logs.us-isob-east-1.api.aws.scloud"},
    {"logs", NAME_STYLE_DUALSTACK, "eu-isoe-west-1", "logs.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
    {"logs", NAME_STYLE_DUALSTACK, "us-isof-south-1", "logs.us-isof-south-1.api.aws.hci.ic.gov"},
    {"logs", NAME_STYLE_DUALSTACK, "eusc-de-east-1",
        "logs.eusc-de-east-1.api.amazonwebservices.eu"},
    /* Partitions that came later than many SDKs in use. */
    {"ecs", NAME_STYLE_DEFAULT, "eu-isoe-west-1", "ecs.eu-isoe-west-1.cloud.adc-e.uk"},
    {"ecr.api", NAME_STYLE_DEFAULT, "eu-isoe-west-1", "api.ecr.eu-isoe-west-1.cloud.adc-e.uk"},
    {"ecr.dkr", NAME_STYLE_DEFAULT, "eu-isoe-west-1",
        "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk"},
    {"ecs", NAME_STYLE_DEFAULT, "us-isof-south-1", "ecs.us-isof-south-1.csp.hci.ic.gov"},
    {"ecr.api", NAME_STYLE_DEFAULT, "us-isof-south-1", "api.ecr.us-isof-south-1.csp.hci.ic.gov"},
    {"ecr.dkr", NAME_STYLE_DEFAULT, "us-isof-south-1",
        "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov"},
    {"ecs", NAME_STYLE_DEFAULT, "eusc-de-east-1", "ecs.eusc-de-east-1.amazonaws.eu"},
    {"ecs-agent", NAME_STYLE_DEFAULT, "eusc-de-east-1", "ecs-a.eusc-de-east-1.amazonaws.eu"},
    {"ecr.api", NAME_STYLE_DEFAULT, "eusc-de-east-1", "api.ecr.eusc-de-east-1.amazonaws.eu"},
    {"ecr.dkr", NAME_STYLE_DEFAULT, "eusc-de-east-1",
        "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu"},
    {"s3", NAME_STYLE_DEFAULT, "eusc-de-east-1",
        "prod-eusc-de-east-1-starport-layer-bucket.s3.eusc-de-east-1.amazonaws.eu"},
    {"logs", NAME_STYLE_DEFAULT, "eusc-de-east-1", "logs.eusc-de-east-1.amazonaws.eu"},
    {"logs", NAME_STYLE_DEFAULT, "us-iso-east-1", "logs.us-iso-east-1.c2s.ic.gov"},
    {"logs", NAME_STYLE_DEFAULT, "us-isob-east-1", "logs.us-isob-east-1.sc2s.sgov.gov"},
};

static struct name_parts
parts_of(const char *region)
{
    const struct partition *partition = partition_of_region(region);

    return (struct name_parts){
        .region = region,
        .account_id = "123456789012",
        .dns_suffix = partition == NULL ? "" : partition->dns_suffix,
        .partition = partition,
    };
}

static void
host_names(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(name_cases); i++) {
        struct name_parts parts = parts_of(name_cases[i].region);
        char got[HOSTNAME_SIZE] = "nothing";
        int r =
            hostname_format(catalogue_find(name_cases[i].key), name_cases[i].style, &parts, got);

        if (r != 0 || !streq(got, name_cases[i].hostname)) {
            print_error("%s %s %s: got %d %s, expected %s\n", name_cases[i].key,
                name_style_str(name_cases[i].style), name_cases[i].region, r, got,
                name_cases[i].hostname);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Every name of the table in every partition and style can be made and is a host name. */
static void
all_names_are_valid(void **state)
{
    const char *const of_partitions[] = {"us-east-1", "cn-north-1", "us-gov-west-1",
        "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1"};
    const struct service *service = NULL;

    (void)state;
    while ((service = catalogue_next(service)) != NULL) {
        for (unsigned style = 0; style < NAME_STYLE_N; style++) {
            for (size_t i = 0; i < ARRAY_SIZE(of_partitions); i++) {
                struct name_parts parts = parts_of(of_partitions[i]);
                char name[HOSTNAME_SIZE];

                assert_int_equal(hostname_format(service, (enum name_style)style, &parts, name), 0);
                assert_true(hostname_is_valid(name));
            }
        }
    }
}

static void
missing_parts(void **state)
{
    const struct service *registry = catalogue_find("ecr.dkr");
    const struct service *logs = catalogue_find("logs");
    struct name_parts parts = parts_of("us-east-1");
    char name[HOSTNAME_SIZE] = "untouched";
    char service_name[SERVICE_NAME_SIZE] = "untouched";

    (void)state;
    parts.account_id = "";
    assert_int_equal(hostname_format(registry, NAME_STYLE_DEFAULT, &parts, name), -ENODATA);
    assert_string_equal(name, "untouched");
    assert_int_equal(hostname_format(logs, NAME_STYLE_DEFAULT, &parts, name), 0);
    parts.region = "";
    assert_int_equal(hostname_format(logs, NAME_STYLE_DEFAULT, &parts, name), -ENODATA);
    assert_int_equal(service_name_format(logs, EXPECTED_INTERFACE, &parts, service_name), -ENODATA);
    parts.region = "us-east-1";
    parts.partition = NULL; /* a suffix from the instance metadata, of a partition not known here */
    parts.dns_suffix = "example.test";
    assert_int_equal(hostname_format(logs, NAME_STYLE_DEFAULT, &parts, name), 0);
    assert_string_equal(name, "logs.us-east-1.example.test");
    assert_int_equal(hostname_format(logs, NAME_STYLE_DUALSTACK, &parts, name), -ENODATA);
    assert_int_equal(service_name_format(logs, EXPECTED_INTERFACE, &parts, service_name), -ENODATA);
    assert_string_equal(service_name, "untouched");
}

/* A style of no name, and a partition of which nothing is known. */
static void
unknown_styles(void **state)
{
    const struct service *logs = catalogue_find("logs");
    struct name_parts parts = parts_of("us-east-1");
    char name[HOSTNAME_SIZE];

    (void)state;
    assert_int_equal(hostname_format(logs, (enum name_style)NAME_STYLE_N, &parts, name), 0);
    assert_string_equal(name, "logs.us-east-1.amazonaws.com"); /* as the default */
    parts.partition = NULL;
    for (const struct service *s = catalogue_next(NULL); s != NULL; s = catalogue_next(s)) {
        int expected =
            strstr(s->host_dualstack, "{D}") != NULL || strstr(s->host_dualstack, "{O}") != NULL
                ? -ENODATA
                : 0;

        assert_int_equal(hostname_format(s, NAME_STYLE_DUALSTACK, &parts, name), expected);
    }
}

/* However long a Region's name is, what does not fit is an error, wherever the end comes. */
static void
names_at_the_bound(void **state)
{
    char region[HOSTNAME_SIZE];

    (void)state;
    for (size_t len = 1; len < sizeof(region); len++) {
        struct name_parts parts = parts_of("us-east-1");
        char name[HOSTNAME_SIZE];

        memset(region, 'x', len);
        region[len] = '\0';
        parts.region = region;
        int r = hostname_format(catalogue_find("ecs"), NAME_STYLE_DEFAULT, &parts, name);

        if (r == 0) {
            assert_int_equal(strlen(name), strlen("ecs..amazonaws.com") + len);
        } else {
            assert_int_equal(r, -ENAMETOOLONG);
            assert_true(strlen("ecs..amazonaws.com") + len >= HOSTNAME_SIZE);
        }
    }
}

static void
too_long_names(void **state)
{
    char region[300];
    struct name_parts parts = parts_of("us-east-1");
    char name[HOSTNAME_SIZE] = "untouched";
    char service_name[SERVICE_NAME_SIZE] = "untouched";

    (void)state;
    memset(region, 'x', sizeof(region) - 1);
    region[sizeof(region) - 1] = '\0';
    parts.region = region;
    assert_int_equal(
        hostname_format(catalogue_find("ecs"), NAME_STYLE_DEFAULT, &parts, name), -ENAMETOOLONG);
    assert_int_equal(
        service_name_format(catalogue_find("ecs"), EXPECTED_INTERFACE, &parts, service_name),
        -ENAMETOOLONG);
    assert_string_equal(name, "untouched");
    assert_string_equal(service_name, "untouched");
}

static const struct {
    const char *key;
    enum expected_path expected;
    const char *region;
    const char *service_name;
} service_name_cases[] = {
    {"ecs", EXPECTED_INTERFACE, "us-east-1", "com.amazonaws.us-east-1.ecs"},
    {"ecr.dkr", EXPECTED_INTERFACE, "us-gov-west-1", "com.amazonaws.us-gov-west-1.ecr.dkr"},
    {"kinesis-firehose", EXPECTED_INTERFACE, "us-east-1",
        "com.amazonaws.us-east-1.kinesis-firehose"},
    {"guardduty-data", EXPECTED_INTERFACE, "us-east-1", "com.amazonaws.us-east-1.guardduty-data"},
    {"s3", EXPECTED_GATEWAY, "us-east-1", "com.amazonaws.us-east-1.s3"},
    {"s3", EXPECTED_GATEWAY, "cn-north-1", "com.amazonaws.cn-north-1.s3"},
    {"s3", EXPECTED_ANY, "cn-north-1", "com.amazonaws.cn-north-1.s3"},
    {"s3", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.s3"},
    {"ecr.api", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.ecr.api"},
    {"ecr.dkr", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.ecr.dkr"},
    {"autoscaling", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.autoscaling"},
    {"ec2", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.ec2"},
    {"sts", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.sts"},
    {"sqs", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.sqs"},
    {"monitoring", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.monitoring"},
    {"xray", EXPECTED_INTERFACE, "cn-north-1", "cn.com.amazonaws.cn-north-1.xray"},
    {"elasticfilesystem", EXPECTED_INTERFACE, "cn-north-1",
        "cn.com.amazonaws.cn-north-1.elasticfilesystem"},
    {"ecs", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.ecs"},
    {"ecs-agent", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.ecs-agent"},
    {"ecs-telemetry", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.ecs-telemetry"},
    {"logs", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.logs"},
    {"ssm", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.ssm"},
    {"ssmmessages", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.ssmmessages"},
    {"kms", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.kms"},
    {"secretsmanager", EXPECTED_INTERFACE, "cn-north-1", "com.amazonaws.cn-north-1.secretsmanager"},
    {"ecr.api", EXPECTED_INTERFACE, "us-iso-east-1", "gov.ic.c2s.us-iso-east-1.ecr.api"},
    {"sqs", EXPECTED_INTERFACE, "us-iso-east-1", "gov.ic.c2s.us-iso-east-1.sqs"},
    {"logs", EXPECTED_INTERFACE, "us-iso-east-1", "com.amazonaws.us-iso-east-1.logs"},
    {"sts", EXPECTED_INTERFACE, "us-iso-east-1", "com.amazonaws.us-iso-east-1.sts"},
    {"ec2", EXPECTED_INTERFACE, "us-isob-east-1", "gov.sgov.sc2s.us-isob-east-1.ec2"},
    {"autoscaling", EXPECTED_INTERFACE, "eu-isoe-west-1",
        "uk.adc-e.cloud.eu-isoe-west-1.autoscaling"},
    {"ecr.dkr", EXPECTED_INTERFACE, "us-isof-south-1", "gov.ic.hci.csp.us-isof-south-1.ecr.dkr"},
    {"ecr.dkr", EXPECTED_INTERFACE, "eusc-de-east-1", "eu.amazonaws.eusc-de-east-1.ecr.dkr"},
    {"ecs", EXPECTED_INTERFACE, "eusc-de-east-1", "com.amazonaws.eusc-de-east-1.ecs"},
    {"ec2", EXPECTED_INTERFACE, "eusc-de-east-1", "com.amazonaws.eusc-de-east-1.ec2"},
};

static void
service_names(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(service_name_cases); i++) {
        struct name_parts parts = parts_of(service_name_cases[i].region);
        char got[SERVICE_NAME_SIZE] = "nothing";
        int r = service_name_format(
            catalogue_find(service_name_cases[i].key), service_name_cases[i].expected, &parts, got);

        if (r != 0 || !streq(got, service_name_cases[i].service_name)) {
            print_error("%s %s: got %d %s, expected %s\n", service_name_cases[i].key,
                service_name_cases[i].region, r, got, service_name_cases[i].service_name);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* The whole table: which launch types require or probe a service, and the way it is reached. */
static const struct {
    const char *key;
    const char *sets; /* ec2, fargate, fargate-1.3: r required, p probed, - neither */
    enum expected_path expected;
} set_cases[] = {
    {"ecs", "r--", EXPECTED_INTERFACE},
    {"ecs-agent", "r--", EXPECTED_INTERFACE},
    {"ecs-telemetry", "r--", EXPECTED_INTERFACE},
    {"ecr.api", "rr-", EXPECTED_INTERFACE},
    {"ecr.dkr", "rrr", EXPECTED_INTERFACE},
    {"s3", "rrr", EXPECTED_GATEWAY},
    {"logs", "ppp", EXPECTED_INTERFACE},
    {"ssm", "---", EXPECTED_INTERFACE},
    {"ssmmessages", "---", EXPECTED_INTERFACE},
    {"ec2messages", "---", EXPECTED_INTERFACE},
    {"secretsmanager", "---", EXPECTED_INTERFACE},
    {"kms", "---", EXPECTED_INTERFACE},
    {"sts", "---", EXPECTED_INTERFACE},
    {"monitoring", "---", EXPECTED_INTERFACE},
    {"xray", "---", EXPECTED_INTERFACE},
    {"sqs", "---", EXPECTED_INTERFACE},
    {"sns", "---", EXPECTED_INTERFACE},
    {"events", "---", EXPECTED_INTERFACE},
    {"autoscaling", "---", EXPECTED_INTERFACE},
    {"ec2", "---", EXPECTED_INTERFACE},
    {"elasticfilesystem", "---", EXPECTED_INTERFACE},
    {"fsx", "---", EXPECTED_INTERFACE},
    {"guardduty-data", "---", EXPECTED_INTERFACE},
    {"elasticloadbalancing", "---", EXPECTED_INTERFACE},
    {"servicediscovery", "---", EXPECTED_INTERFACE},
    {"codedeploy", "---", EXPECTED_INTERFACE},
    {"dynamodb", "---", EXPECTED_ANY},
    {"application-autoscaling", "---", EXPECTED_INTERFACE},
    {"appmesh", "---", EXPECTED_INTERFACE},
    {"guardduty", "---", EXPECTED_INTERFACE},
    {"kinesis-firehose", "---", EXPECTED_INTERFACE},
};

static void
sets(void **state)
{
    const struct service *service = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
        char got[LAUNCH_TYPE_N + 1] = "---";

        service = catalogue_next(service);
        assert_non_null(service);
        assert_string_equal(service->key, set_cases[i].key);
        assert_ptr_equal(catalogue_find(set_cases[i].key), service);
        for (unsigned type = 0; type < LAUNCH_TYPE_N; type++) {
            if (service->required & 1U << type) {
                got[type] = 'r';
            } else if (service->probed & 1U << type) {
                got[type] = 'p';
            }
        }
        assert_string_equal(got, set_cases[i].sets);
        assert_int_equal(service->expected, set_cases[i].expected);
        assert_true(service->purpose != NULL && *service->purpose != '\0');
        assert_true(strlen(service->key) < ENDPOINT_KEY_SIZE);
    }
    assert_null(catalogue_next(service));
    assert_null(catalogue_find(""));
    assert_null(catalogue_find("ECS"));
    assert_null(catalogue_find("ecr"));
}

static void
partitions(void **state)
{
    const char *const names[] = {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e",
        "aws-iso-f", "aws-eusc"};
    const struct partition *partition = NULL;
    unsigned bits = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        partition = partition_next(partition);
        assert_non_null(partition);
        assert_string_equal(partition->name, names[i]);
        assert_ptr_equal(partition_find(names[i]), partition);
        assert_int_equal(bits & partition->bit, 0);
        assert_int_equal(strncmp(partition->dualstack_suffix, "api.", 4), 0);
        assert_true(strlen(partition->dns_suffix) < DNS_SUFFIX_SIZE);
        bits |= partition->bit;
    }
    assert_null(partition_next(partition));
    assert_null(partition_find("aws-moon"));
}

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *name;
    bool valid;
} valid_cases[] = {
    {"localhost", true},
    {"api.ecr.eu-central-1.amazonaws.com", true},
    {"EXAMPLE.com", true},
    {"1.example.com", true},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com", true},
    {"my_bucket.s3.amazonaws.com", true},
    {"_srv.example", true},
    {"xn--bcher-kva.example", true},
    {"a", true},
    {"10.0.0.1", true},
    {"::1", true},
    {"fd00:ec2::254", true},
    {LABEL_63 ".example", true},
    {LABEL_63 "." LABEL_63 "." LABEL_63 "."
              "b2345678901234567890123456789012345678901234567890123456789"
              "01",
        true}, /* 253 characters */
    {LABEL_63 "." LABEL_63 "." LABEL_63 "."
              "b2345678901234567890123456789012345678901234567890123456789"
              "012",
        false}, /* 254 */
    {LABEL_63 "4.example", false},
    {"", false},
    {".", false},
    {".example", false},
    {"example.", false},
    {"a..b", false},
    {"-a.example", false},
    {"a-.example", false},
    {"a b", false},
    {"a/b", false},
    {"a:443", false},
    {"https://example.com", false},
    {"[::1]", false},
    {"*.dkr.ecr.us-east-1.amazonaws.com", false},
    {"b\xc3\xbc"
     "cher.example",
        false},
    {"a\n", false},
    {"10.0.0.256", false},
    {"10.0.0", false},
    {"12345", false},
    {"1.2.3.4.5", false},
    {"a.123", false},
    {"fe80::1%eth0", false},
};

static void
valid_host_names(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(valid_cases); i++) {
        bool valid = hostname_is_valid(valid_cases[i].name);

        if (valid != valid_cases[i].valid) {
            print_error(
                "\"%s\": got %d, expected %d\n", valid_cases[i].name, valid, valid_cases[i].valid);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
words(void **state)
{
    (void)state;
    assert_string_equal(launch_type_str(LAUNCH_TYPE_EC2), "ec2");
    assert_string_equal(launch_type_str(LAUNCH_TYPE_FARGATE), "fargate");
    assert_string_equal(launch_type_str(LAUNCH_TYPE_FARGATE_1_3), "fargate-1.3");
    assert_string_equal(name_style_str(NAME_STYLE_DEFAULT), "default");
    assert_string_equal(name_style_str(NAME_STYLE_FIPS), "fips");
    assert_string_equal(name_style_str(NAME_STYLE_DUALSTACK), "dualstack");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions),
        cmocka_unit_test(host_names),
        cmocka_unit_test(all_names_are_valid),
        cmocka_unit_test(missing_parts),
        cmocka_unit_test(unknown_styles),
        cmocka_unit_test(names_at_the_bound),
        cmocka_unit_test(too_long_names),
        cmocka_unit_test(service_names),
        cmocka_unit_test(sets),
        cmocka_unit_test(partitions),
        cmocka_unit_test(valid_host_names),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
