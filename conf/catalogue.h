/* What AWS calls things: one table of the services an ECS host may need, one of the partitions,
 * and the rules that make host names and VPC endpoint service names of them. Pure.
 *
 * Sources: "Amazon ECS interface VPC endpoints", "Amazon ECR interface VPC endpoints",
 * "AWS services that integrate with AWS PrivateLink", "AWS service endpoints" in the AWS
 * documentation; partitions as in the SDKs' partitions.json. */
#ifndef VPCE_CONF_CATALOGUE_H
#define VPCE_CONF_CATALOGUE_H

#include "probes/spec.h"

#define REGION_SIZE 33
#define ACCOUNT_ID_SIZE 13 /* 12 digits */
#define DNS_SUFFIX_SIZE 64

enum launch_type {
    LAUNCH_TYPE_EC2,
    LAUNCH_TYPE_FARGATE,     /* platform version 1.4.0 and later */
    LAUNCH_TYPE_FARGATE_1_3, /* platform version 1.3.0 and earlier */
};
#define LAUNCH_TYPE_N (LAUNCH_TYPE_FARGATE_1_3 + 1)

/* Which of the names of a service the host's clients use. */
enum name_style {
    NAME_STYLE_DEFAULT,
    NAME_STYLE_FIPS,
    NAME_STYLE_DUALSTACK,
};
#define NAME_STYLE_N (NAME_STYLE_DUALSTACK + 1)

const char *launch_type_str(enum launch_type type); /* "ec2", "fargate", "fargate-1.3" */
const char *name_style_str(enum name_style style);  /* "default", "fips", "dualstack" */

struct partition {
    const char *name;             /* "aws-cn" */
    const char *dns_suffix;       /* "amazonaws.com.cn" */
    const char *dualstack_suffix; /* "api.amazonwebservices.com.cn"; begins with "api." */
    const char *service_prefix;  /* "cn.com.amazonaws", for services whose own_prefix has the bit */
    const char *region_prefixes; /* of its Regions PREFIX-WORD-NUMBER, "a|b" */
    unsigned bit;                /* of struct service.own_prefix */
    const char *regions[2];      /* two of its Regions; NULL: it has one only */
};

/* Host patterns hold {R} Region, {S} DNS suffix, {D} dual-stack suffix, {O} the same with "on." in
 * place of "api.", {A} account id. */
struct service {
    const char *key;  /* "ecr.dkr"; also the last part of the service name */
    const char *host; /* pattern */
    const char *host_fips;
    const char *host_dualstack;
    const char *purpose;           /* what the host needs it for, as in "needed for %s" */
    unsigned own_prefix;           /* partitions (bits) that use their own service name prefix */
    unsigned own_prefix_interface; /* the same, for its interface endpoint only (S3) */
    unsigned required;             /* launch types, 1U << enum launch_type */
    unsigned probed;               /* launch types that probe it unasked, not required */
    enum expected_path expected;
};

/* NULL when there is none. */
const struct service *catalogue_find(const char *key);
const struct service *catalogue_next(const struct service *previous); /* NULL: the first */
const struct partition *partition_find(const char *name);
const struct partition *partition_next(const struct partition *previous);
const struct partition *partition_of_region(const char *region);

/* What the names are made of. */
struct name_parts {
    const char *region;     /* "" while not known */
    const char *account_id; /* "" while not known */
    const char *dns_suffix; /* as IMDS says, or the partition's */
    const struct partition *partition;
};

/* The host name a client on the host connects to.
 * 0; -ENODATA while a part is not known; -ENAMETOOLONG. */
int hostname_format(const struct service *service, enum name_style style,
    const struct name_parts *parts, char ret[static HOSTNAME_SIZE]);

/* The VPC endpoint service name for the expected kind of endpoint. Same errors. */
int service_name_format(const struct service *service, enum expected_path expected,
    const struct name_parts *parts, char ret[static SERVICE_NAME_SIZE]);

/* A DNS host name as clients can use one: RFC 1123 letters, digits, hyphens (and underscores, as
 * resolvers accept them), labels of 1 to 63, at most 253 in all, no trailing dot; or an IP
 * literal. */
bool hostname_is_valid(const char *name);

#endif
