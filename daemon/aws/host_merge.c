/* See host_merge.h. */
#include "daemon/aws/host_merge.h"

/* A fact that the configuration did not give. */
static void
merge_text(char *dst, size_t size, enum host_source *source, const char *text)
{
    if (*dst == '\0' && *text != '\0') {
        (void)str_copy(dst, size, text);
        *source = HOST_SOURCE_IMDS;
    }
}

static void
merge_partition(struct host *host, const struct imds_facts *facts)
{
    const struct partition *partition = partition_find(facts->partition);

    if (!streq(host->region, facts->region)) {
        return; /* as host_from_conf has it */
    }
    host->partition = partition_of_region(host->region);
    host->partition_source = host->partition != NULL ? HOST_SOURCE_DERIVED : HOST_SOURCE_NONE;
    if (partition != NULL) {
        host->partition = partition;
        host->partition_source = HOST_SOURCE_IMDS;
    }
    if (host->partition != NULL) {
        (void)str_copy(host->dns_suffix, sizeof(host->dns_suffix), host->partition->dns_suffix);
    }
    if (facts->domain[0] != '\0') {
        (void)str_copy(host->dns_suffix, sizeof(host->dns_suffix), facts->domain);
    }
}

/* The list of a family is taken whole, or it is not complete. */
static void
merge_vpc_cidrs(struct host *host, const struct imds_facts *facts, size_t f)
{
    struct vpc_nets *nets = &host->nets;

    nets->known[f] = facts->vpc_cidrs_known[f];
    for (size_t i = 0; i < facts->n_vpc_cidrs[f]; i++) {
        if (nets->n_cidrs == VPC_CIDRS_MAX) {
            nets->known[f] = false;
            break;
        }
        nets->cidrs[nets->n_cidrs++] = facts->vpc_cidrs[f][i];
    }
    if (host->vpc_cidrs_source == HOST_SOURCE_NONE &&
        (facts->n_vpc_cidrs[f] > 0 || facts->vpc_cidrs_known[f])) {
        host->vpc_cidrs_source = HOST_SOURCE_IMDS;
    }
}

static bool
has_subnet(const struct vpc_nets *nets, const struct cidr *cidr)
{
    for (size_t i = 0; i < nets->n_subnets; i++) {
        if (nets->subnets[i].cidr.prefix_len == cidr->prefix_len &&
            addr_equal(&nets->subnets[i].cidr.base, &cidr->base)) {
            return true;
        }
    }
    return false;
}

/* The host's own subnet, beside those of Subnets=. */
static void
merge_subnets(struct vpc_nets *nets, const struct imds_facts *facts, size_t f)
{
    for (size_t i = 0; i < facts->n_subnet_cidrs[f] && nets->n_subnets < SUBNETS_MAX; i++) {
        const struct cidr *cidr = &facts->subnet_cidrs[f][i];

        if (!has_subnet(nets, cidr)) {
            struct subnet *subnet = &nets->subnets[nets->n_subnets++];

            subnet->cidr = *cidr;
            (void)str_copy(subnet->az_id, sizeof(subnet->az_id), facts->zone_id);
        }
    }
}

static void
merge_texts(struct host *host, const struct imds_facts *facts)
{
    merge_text(host->region, sizeof(host->region), &host->region_source, facts->region);
    merge_text(
        host->account_id, sizeof(host->account_id), &host->account_id_source, facts->account_id);
    merge_text(host->instance_id, sizeof(host->instance_id), &host->instance_id_source,
        facts->instance_id);
    merge_text(host->availability_zone, sizeof(host->availability_zone),
        &host->availability_zone_source, facts->zone);
    merge_text(host->asg_name, sizeof(host->asg_name), &host->asg_name_source, facts->group);
    (void)str_copy(host->availability_zone_id, sizeof(host->availability_zone_id), facts->zone_id);
    (void)str_copy(host->vpc_id, sizeof(host->vpc_id), facts->vpc_id);
    (void)str_copy(host->subnet_id, sizeof(host->subnet_id), facts->subnet_id);
    (void)str_copy(host->lifecycle_state, sizeof(host->lifecycle_state), facts->lifecycle_state);
}

void
host_merge(const struct conf *conf, const struct imds_facts *facts, struct host *ret)
{
    struct host host;

    host_from_conf(conf, &host);
    if (facts == NULL) {
        *ret = host;
        return;
    }
    merge_texts(&host, facts);
    merge_partition(&host, facts);
    for (size_t f = 0; f < FAMILY_N; f++) {
        if (!conf->nets.known[f]) {
            merge_vpc_cidrs(&host, facts, f);
        }
        merge_subnets(&host.nets, facts, f);
    }
    *ret = host;
}
