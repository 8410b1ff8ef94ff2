/* What is known about this host, and where each fact came from: the configuration overrides, IMDS
 * tells (daemon/aws/host_merge), the rest is derived. Pure. */
#ifndef VPCE_CONF_HOST_H
#define VPCE_CONF_HOST_H

#include "conf/conf.h"

enum host_source {
    HOST_SOURCE_NONE, /* not known */
    HOST_SOURCE_CONFIG,
    HOST_SOURCE_IMDS,
    HOST_SOURCE_DERIVED,
};

const char *host_source_str(enum host_source source); /* "config", "imds", "derived" */

struct host {
    char region[REGION_SIZE]; /* "": not known, as all texts here */
    char account_id[ACCOUNT_ID_SIZE];
    char instance_id[40];
    char availability_zone[40];    /* "ap-northeast-1a" */
    char availability_zone_id[24]; /* "apne1-az4" */
    char vpc_id[40];
    char subnet_id[40];            /* of the host's own interface */
    char asg_name[CONF_NAME_SIZE]; /* EC2 Auto Scaling group */
    char lifecycle_state[40];      /* "InService"; what EC2 Auto Scaling wants */
    char dns_suffix[DNS_SUFFIX_SIZE];
    const struct partition *partition; /* NULL: not known */
    struct vpc_nets nets;
    enum launch_type launch_type;
    enum host_source region_source;
    enum host_source account_id_source;
    enum host_source instance_id_source;
    enum host_source availability_zone_source;
    enum host_source asg_name_source;
    enum host_source partition_source;
    enum host_source vpc_cidrs_source;
};

/* They lead to the same names and the same classes of addresses; other facts may differ. */
bool host_probes_alike(const struct host *a, const struct host *b);

/* What the configuration alone tells. */
void host_from_conf(const struct conf *conf, struct host *ret);

#endif
