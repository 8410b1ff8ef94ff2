/* CIDRs and the class of an address: what kind of path leads to it, as far as the address alone
 * tells. Pure.
 *
 * Order (a VPC may use public-looking space, and AAAA records of an endpoint are ordinary global
 * addresses of its subnet, so the VPC's own CIDRs come first): vpc, private (RFC 1918, RFC 6598,
 * RFC 4193), special, public. */
#ifndef VPCE_PROBES_CLASSIFY_H
#define VPCE_PROBES_CLASSIFY_H

#include "probes/addr.h"

#include <stddef.h>

struct cidr {
    struct addr base;   /* host bits are zero */
    uint8_t prefix_len; /* 0 to 32 or 128 */
};

#define CIDR_TEXT_SIZE (ADDR_TEXT_SIZE + 4)

/* "10.0.0.0/16", "fd00::/8". Host bits must be zero. 0, or -EINVAL. */
int cidr_parse(const char *text, struct cidr *ret);
const char *cidr_format(const struct cidr *cidr, char buf[static CIDR_TEXT_SIZE]);
bool cidr_contains(const struct cidr *cidr, const struct addr *addr);

#define VPC_CIDRS_MAX 64
#define SUBNETS_MAX 64
#define AZ_ID_SIZE 24

/* A subnet whose Availability Zone is known. */
struct subnet {
    struct cidr cidr;
    char az_id[AZ_ID_SIZE]; /* "apne1-az4"; "" when not known */
};

/* What is known about the VPC's addresses. */
struct vpc_nets {
    struct cidr cidrs[VPC_CIDRS_MAX];
    size_t n_cidrs;
    bool known[FAMILY_N]; /* the list is complete for this family; false: a global address of it
                             has class unknown */
    struct subnet subnets[SUBNETS_MAX];
    size_t n_subnets;
};

enum SMALL addr_class {
    ADDR_CLASS_UNKNOWN, /* global, but the VPC's CIDRs of that family are not known */
    ADDR_CLASS_VPC,
    ADDR_CLASS_PRIVATE,
    ADDR_CLASS_PUBLIC,
    ADDR_CLASS_SPECIAL, /* loopback, link-local, unspecified, multicast, documentation … */
};
#define ADDR_CLASS_N (ADDR_CLASS_SPECIAL + 1)

const char *addr_class_str(enum addr_class addr_class);

/* vpc or private: what an interface endpoint has, here or in a hub VPC. */
bool addr_class_is_private(enum addr_class addr_class);

enum addr_class classify_addr(const struct addr *addr, const struct vpc_nets *nets);

/* A source address that is good beyond its own link: not loopback, not link-local. */
bool classify_is_source(const struct addr *addr);

/* The known subnet the address lies in, or NULL. The longest prefix wins. */
const struct subnet *classify_subnet(const struct addr *addr, const struct vpc_nets *nets);

#endif
