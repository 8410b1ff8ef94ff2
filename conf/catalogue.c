/* The tables behind catalogue.h, and the rules that turn their patterns into names.
 * A new service or partition is a new entry here and in tests/unit/test_catalogue.c. */
#include "conf/catalogue.h"

#include "daemon/util.h"

#include <assert.h>
#include <errno.h>

enum {
    AWS = 1U << 0,
    AWS_CN = 1U << 1,
    AWS_US_GOV = 1U << 2,
    AWS_ISO = 1U << 3,
    AWS_ISO_B = 1U << 4,
    AWS_ISO_E = 1U << 5,
    AWS_ISO_F = 1U << 6,
    AWS_EUSC = 1U << 7,
    ALL_ISO = AWS_ISO | AWS_ISO_B | AWS_ISO_E | AWS_ISO_F,
};

/* dnsSuffix, dualStackDnsSuffix and regionRegex as in the SDKs' partitions.json. */
static const struct partition partitions[] = {
    {
        .name = "aws",
        .dns_suffix = "amazonaws.com",
        .dualstack_suffix = "api.aws",
        .service_prefix = "com.amazonaws",
        .region_prefixes = "us|eu|ap|sa|ca|me|af|il|mx",
        .bit = AWS,
        .regions = {"us-west-2", "us-east-2"},
    },
    {
        .name = "aws-cn",
        .dns_suffix = "amazonaws.com.cn",
        .dualstack_suffix = "api.amazonwebservices.com.cn",
        .service_prefix = "cn.com.amazonaws",
        .region_prefixes = "cn",
        .bit = AWS_CN,
        .regions = {"cn-north-1", "cn-northwest-1"},
    },
    {
        .name = "aws-us-gov",
        .dns_suffix = "amazonaws.com",
        .dualstack_suffix = "api.aws",
        .service_prefix = "com.amazonaws",
        .region_prefixes = "us-gov",
        .bit = AWS_US_GOV,
        .regions = {"us-gov-west-1", "us-gov-east-1"},
    },
    {
        .name = "aws-iso",
        .dns_suffix = "c2s.ic.gov",
        .dualstack_suffix = "api.aws.ic.gov",
        .service_prefix = "gov.ic.c2s",
        .region_prefixes = "us-iso",
        .bit = AWS_ISO,
        .regions = {"us-iso-east-1", "us-iso-west-1"},
    },
    {
        .name = "aws-iso-b",
        .dns_suffix = "sc2s.sgov.gov",
        .dualstack_suffix = "api.aws.scloud",
        .service_prefix = "gov.sgov.sc2s",
        .region_prefixes = "us-isob",
        .bit = AWS_ISO_B,
    },
    {
        .name = "aws-iso-e",
        .dns_suffix = "cloud.adc-e.uk",
        .dualstack_suffix = "api.cloud-aws.adc-e.uk",
        .service_prefix = "uk.adc-e.cloud",
        .region_prefixes = "eu-isoe",
        .bit = AWS_ISO_E,
    },
    {
        .name = "aws-iso-f",
        .dns_suffix = "csp.hci.ic.gov",
        .dualstack_suffix = "api.aws.hci.ic.gov",
        .service_prefix = "gov.ic.hci.csp",
        .region_prefixes = "us-isof",
        .bit = AWS_ISO_F,
        .regions = {"us-isof-south-1", "us-isof-east-1"},
    },
    {
        .name = "aws-eusc",
        .dns_suffix = "amazonaws.eu",
        .dualstack_suffix = "api.amazonwebservices.eu",
        .service_prefix = "eu.amazonaws",
        .region_prefixes = "eusc-de",
        .bit = AWS_EUSC,
    },
};

enum {
    EC2 = 1U << LAUNCH_TYPE_EC2,
    FARGATE = 1U << LAUNCH_TYPE_FARGATE,
    FARGATE_1_3 = 1U << LAUNCH_TYPE_FARGATE_1_3,
    ALL_TYPES = EC2 | FARGATE | FARGATE_1_3,
};

/* The usual three names of a service. */
#define NAMED(name)                                                                                \
    .host = name ".{R}.{S}", .host_fips = name "-fips.{R}.{S}", .host_dualstack = name ".{R}.{D}"

/* One name in every style. */
#define NAMED_ALWAYS(name) .host = (name), .host_fips = (name), .host_dualstack = (name)

#define STARPORT "prod-{R}-starport-layer-bucket." /* where ECR keeps image layers */

static const struct service services[] = {
    {
        .key = "ecs",
        NAMED("ecs"),
        .purpose = "the ECS agent to register the instance and to find its other endpoints",
        .required = EC2,
    },
    /* ECS itself hands these two names out, in its answer to DiscoverPollEndpoint; no FIPS or
     * dual-stack form of them is documented. */
    {
        .key = "ecs-agent",
        NAMED_ALWAYS("ecs-a.{R}.{S}"),
        .purpose = "the ECS agent to be told which tasks to run",
        .required = EC2,
    },
    {
        .key = "ecs-telemetry",
        NAMED_ALWAYS("ecs-t.{R}.{S}"),
        .purpose = "the ECS agent to report metrics and health",
        .required = EC2,
    },
    {
        .key = "ecr.api",
        .host = "api.ecr.{R}.{S}",
        .host_fips = "api.ecr-fips.{R}.{S}",
        .host_dualstack = "ecr.{R}.{D}",
        .purpose = "the authorization token that image pulls need",
        .own_prefix = AWS_CN | ALL_ISO | AWS_EUSC,
        .required = EC2 | FARGATE,
    },
    {
        .key = "ecr.dkr",
        .host = "{A}.dkr.ecr.{R}.{S}",
        .host_fips = "{A}.dkr.ecr-fips.{R}.{S}",
        .host_dualstack = "{A}.dkr-ecr.{R}.{O}",
        .purpose = "image manifests, the first step of every image pull",
        .own_prefix = AWS_CN | ALL_ISO | AWS_EUSC,
        .required = ALL_TYPES,
    },
    {
        .key = "s3",
        .host = STARPORT "s3.{R}.{S}",
        .host_fips = STARPORT "s3-fips.{R}.{S}",
        .host_dualstack = STARPORT "s3.dualstack.{R}.{S}",
        .purpose = "image layers, which Amazon ECR keeps in S3",
        .own_prefix_interface = AWS_CN,
        .required = ALL_TYPES,
        .expected = EXPECTED_GATEWAY,
    },
    {
        .key = "logs",
        NAMED("logs"),
        .purpose = "tasks that use the awslogs log driver",
        .probed = ALL_TYPES,
    },
    {
        .key = "ssm",
        NAMED("ssm"),
        .purpose = "secrets from Parameter Store, and Session Manager",
    },
    {
        .key = "ssmmessages",
        NAMED("ssmmessages"),
        .purpose = "ECS Exec and Session Manager sessions",
    },
    {
        .key = "ec2messages",
        NAMED("ec2messages"),
        .purpose = "Systems Manager commands of older agents",
    },
    {
        .key = "secretsmanager",
        .host = "secretsmanager.{R}.{S}",
        .host_fips = "secretsmanager-fips.{R}.{S}",
        .host_dualstack = "secretsmanager.{R}.{S}", /* the one name has both families */
        .purpose = "secrets and private registry credentials of tasks",
    },
    {
        .key = "kms",
        NAMED("kms"),
        .purpose = "decrypting secrets and encrypted images",
    },
    {
        .key = "sts",
        NAMED("sts"),
        .purpose = "temporary credentials of other IAM roles",
        .own_prefix = AWS_CN,
    },
    {
        .key = "monitoring",
        NAMED("monitoring"),
        .purpose = "CloudWatch metrics",
        .own_prefix = AWS_CN,
    },
    {
        .key = "xray",
        NAMED("xray"),
        .purpose = "AWS X-Ray traces",
        .own_prefix = AWS_CN,
    },
    {
        .key = "sqs",
        NAMED("sqs"),
        .purpose = "Amazon SQS queues",
        .own_prefix = AWS_CN | ALL_ISO,
    },
    {
        .key = "sns",
        NAMED("sns"),
        .purpose = "Amazon SNS topics",
    },
    {
        .key = "events",
        NAMED("events"),
        .purpose = "Amazon EventBridge events",
    },
    {
        .key = "autoscaling",
        NAMED("autoscaling"),
        .purpose = "lifecycle signals to EC2 Auto Scaling",
        .own_prefix = AWS_CN | ALL_ISO,
    },
    {
        .key = "ec2",
        NAMED("ec2"),
        .purpose = "calls of the EC2 API",
        .own_prefix = AWS_CN | ALL_ISO,
    },
    {
        .key = "elasticfilesystem",
        .host = "elasticfilesystem.{R}.{S}",
        .host_fips = "elasticfilesystem-fips.{R}.{S}",
        .host_dualstack = "efs.{R}.{D}",
        .purpose = "calls of the Amazon EFS API",
        .own_prefix = AWS_CN,
    },
    {
        .key = "fsx",
        NAMED("fsx"),
        .purpose = "calls of the Amazon FSx API",
    },
    {
        .key = "guardduty-data",
        NAMED("guardduty-data"),
        .purpose = "findings of the GuardDuty runtime agent",
    },
    {
        .key = "elasticloadbalancing",
        NAMED("elasticloadbalancing"),
        .purpose = "calls of the Elastic Load Balancing API",
    },
    {
        .key = "servicediscovery",
        NAMED("servicediscovery"),
        .purpose = "calls of the AWS Cloud Map API",
    },
    {
        .key = "codedeploy",
        NAMED("codedeploy"),
        .purpose = "deployments by AWS CodeDeploy",
    },
    {
        .key = "dynamodb",
        NAMED("dynamodb"),
        .purpose = "Amazon DynamoDB tables",
        .expected = EXPECTED_ANY, /* it has gateway and interface endpoints */
    },
    {
        .key = "application-autoscaling",
        NAMED("application-autoscaling"),
        .purpose = "calls of the Application Auto Scaling API",
    },
    {
        .key = "appmesh",
        NAMED("appmesh"),
        .purpose = "calls of the AWS App Mesh API",
    },
    {
        .key = "guardduty",
        NAMED("guardduty"),
        .purpose = "calls of the Amazon GuardDuty API",
    },
    {
        .key = "kinesis-firehose",
        NAMED("firehose"),
        .purpose = "logs that FireLens sends to Amazon Data Firehose",
    },
};

const char *
launch_type_str(enum launch_type type)
{
    switch (type) {
    case LAUNCH_TYPE_EC2:
        return "ec2";
    case LAUNCH_TYPE_FARGATE:
        return "fargate";
    case LAUNCH_TYPE_FARGATE_1_3:
        return "fargate-1.3";
    }
    return "unknown";
}

const char *
name_style_str(enum name_style style)
{
    switch (style) {
    case NAME_STYLE_DEFAULT:
        return "default";
    case NAME_STYLE_FIPS:
        return "fips";
    case NAME_STYLE_DUALSTACK:
        return "dualstack";
    }
    return "unknown";
}

const struct service *
catalogue_find(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        if (streq(services[i].key, key)) {
            return &services[i];
        }
    }
    return NULL;
}

const struct service *
catalogue_next(const struct service *previous)
{
    const struct service *next = previous == NULL ? services : previous + 1;

    return next < services + ARRAY_SIZE(services) ? next : NULL;
}

const struct partition *
partition_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(partitions); i++) {
        if (streq(partitions[i].name, name)) {
            return &partitions[i];
        }
    }
    return NULL;
}

const struct partition *
partition_next(const struct partition *previous)
{
    const struct partition *next = previous == NULL ? partitions : previous + 1;

    return next < partitions + ARRAY_SIZE(partitions) ? next : NULL;
}

/* WORD-NUMBER, the word as \w+ of the SDKs' partitions.json, to the end. */
static bool
is_rest_of_region(const char *s)
{
    size_t word = strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t number = s[word] == '-' ? strspn(s + word + 1, "0123456789") : 0;

    return word > 0 && number > 0 && s[word + 1 + number] == '\0';
}

/* By hand: regcomp(3) needs memory, and without it a Region would be of no partition. */
static bool
region_matches(const char *region, const char *prefixes)
{
    for (const char *p = prefixes; *p != '\0';) {
        size_t len = strcspn(p, "|");

        if (strncmp(region, p, len) == 0 && region[len] == '-' &&
            is_rest_of_region(region + len + 1)) {
            return true;
        }
        p += p[len] == '|' ? len + 1 : len;
    }
    return false;
}

const struct partition *
partition_of_region(const char *region)
{
    for (size_t i = 0; i < ARRAY_SIZE(partitions); i++) {
        if (region_matches(region, partitions[i].region_prefixes)) {
            return &partitions[i];
        }
    }
    return NULL;
}

static const char *
pattern_of(const struct service *service, enum name_style style)
{
    switch (style) {
    case NAME_STYLE_DEFAULT:
        return service->host;
    case NAME_STYLE_FIPS:
        return service->host_fips;
    case NAME_STYLE_DUALSTACK:
        return service->host_dualstack;
    }
    return service->host;
}

/* Appends what a placeholder stands for. */
static int
add_part(struct text *name, char placeholder, const struct name_parts *parts)
{
    const char *dualstack = parts->partition == NULL ? "" : parts->partition->dualstack_suffix;
    const char *prefix = "";
    const char *part = "";

    switch (placeholder) {
    case 'R':
        part = parts->region;
        break;
    case 'S':
        part = parts->dns_suffix;
        break;
    case 'A':
        part = parts->account_id;
        break;
    case 'D':
        part = dualstack;
        break;
    case 'O':
        prefix = "on.";
        part = *dualstack == '\0' ? "" : dualstack + strlen("api.");
        break;
    default:
        assert(false); /* the table of services has a placeholder nobody knows */
    }
    if (*part == '\0') {
        return -ENODATA;
    }
    return text_add(name, "%s%s", prefix, part) ? 0 : -ENAMETOOLONG;
}

int
hostname_format(const struct service *service, enum name_style style,
    const struct name_parts *parts, char ret[static HOSTNAME_SIZE])
{
    char buf[HOSTNAME_SIZE] = "";
    struct text name = TEXT(buf);

    for (const char *p = pattern_of(service, style); *p != '\0'; p++) {
        int r;

        if (*p == '{') {
            r = add_part(&name, p[1], parts);
            p += strlen("R}");
        } else {
            r = text_add(&name, "%c", *p) ? 0 : -ENAMETOOLONG;
        }
        if (r < 0) {
            return r;
        }
    }
    (void)str_copy(ret, HOSTNAME_SIZE, buf);
    return 0;
}

int
service_name_format(const struct service *service, enum expected_path expected,
    const struct name_parts *parts, char ret[static SERVICE_NAME_SIZE])
{
    unsigned own = service->own_prefix;
    char buf[SERVICE_NAME_SIZE] = "";
    struct text name = TEXT(buf);
    const char *prefix = "com.amazonaws";

    if (parts->partition == NULL || *parts->region == '\0') {
        return -ENODATA;
    }
    if (expected == EXPECTED_INTERFACE) {
        own |= service->own_prefix_interface;
    }
    if ((own & parts->partition->bit) != 0) {
        prefix = parts->partition->service_prefix;
    }
    if (!text_add(&name, "%s.%s.%s", prefix, parts->region, service->key)) {
        return -ENAMETOOLONG;
    }
    (void)str_copy(ret, SERVICE_NAME_SIZE, buf);
    return 0;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

/* Length of the label at s, 0 when it is not one. */
static size_t
label_length(const char *s)
{
    size_t len = 0;

    while (is_label_char(s[len])) {
        len++;
    }
    return len > 63 || len == 0 || s[0] == '-' || s[len - 1] == '-' ? 0 : len;
}

static bool
all_digits(const char *s)
{
    while (is_digit(*s)) {
        s++;
    }
    return *s == '\0';
}

bool
hostname_is_valid(const char *name)
{
    struct addr addr;

    if (addr_parse(name, &addr) == 0) {
        return true;
    }
    if (strlen(name) >= HOSTNAME_SIZE) {
        return false;
    }
    for (const char *label = name;;) {
        size_t len = label_length(label);

        if (len == 0 || (label[len] != '.' && label[len] != '\0')) {
            return false;
        }
        if (label[len] == '\0') {
            /* No top-level domain is a number (RFC 3696 2): this is a mistyped address. */
            return !all_digits(label);
        }
        label += len + 1;
    }
}
