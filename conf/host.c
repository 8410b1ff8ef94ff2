/* See host.h. */
#include "conf/host.h"

#include "daemon/util.h"

const char *
host_source_str(enum host_source source)
{
    switch (source) {
    case HOST_SOURCE_NONE:
        return "none";
    case HOST_SOURCE_CONFIG:
        return "config";
    case HOST_SOURCE_IMDS:
        return "imds";
    case HOST_SOURCE_DERIVED:
        return "derived";
    }
    return "unknown";
}

static enum host_source
source_of_text(const char *text)
{
    return *text == '\0' ? HOST_SOURCE_NONE : HOST_SOURCE_CONFIG;
}

void
host_from_conf(const struct conf *conf, struct host *ret)
{
    struct host host = {
        .nets = conf->nets,
        .launch_type = conf->launch_type,
        .region_source = source_of_text(conf->region),
        .account_id_source = source_of_text(conf->account_id),
        .asg_name_source = source_of_text(conf->lifecycle.group),
        .partition = partition_of_region(conf->region),
    };

    (void)str_copy(host.region, sizeof(host.region), conf->region);
    (void)str_copy(host.account_id, sizeof(host.account_id), conf->account_id);
    (void)str_copy(host.asg_name, sizeof(host.asg_name), conf->lifecycle.group);
    if (host.partition != NULL) {
        (void)str_copy(host.dns_suffix, sizeof(host.dns_suffix), host.partition->dns_suffix);
        host.partition_source = HOST_SOURCE_DERIVED;
    }
    if (conf->nets.n_cidrs > 0) {
        host.vpc_cidrs_source = HOST_SOURCE_CONFIG;
    }
    *ret = host;
}
