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

static bool
cidrs_equal(const struct cidr *a, const struct cidr *b)
{
    return a->prefix_len == b->prefix_len && addr_equal(&a->base, &b->base);
}

static bool
nets_equal(const struct vpc_nets *a, const struct vpc_nets *b)
{
    if (a->n_cidrs != b->n_cidrs || a->n_subnets != b->n_subnets ||
        memcmp(a->known, b->known, sizeof(a->known)) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->n_cidrs; i++) {
        if (!cidrs_equal(&a->cidrs[i], &b->cidrs[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->n_subnets; i++) {
        if (!cidrs_equal(&a->subnets[i].cidr, &b->subnets[i].cidr) ||
            !streq(a->subnets[i].az_id, b->subnets[i].az_id)) {
            return false;
        }
    }
    return true;
}

bool
host_probes_alike(const struct host *a, const struct host *b)
{
    return streq(a->region, b->region) && streq(a->account_id, b->account_id) &&
           streq(a->dns_suffix, b->dns_suffix) && a->partition == b->partition &&
           a->launch_type == b->launch_type && nets_equal(&a->nets, &b->nets);
}
