/* See classify.h. */
#include "probes/classify.h"

#include "daemon/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static unsigned
family_bits(uint8_t family)
{
    return family == ADDR_FAMILY_IPV6 ? 128 : 32;
}

static bool
bit_is_set(const struct addr *addr, unsigned bit)
{
    return addr->bytes[bit / 8] & (0x80U >> bit % 8);
}

int
cidr_parse(const char *text, struct cidr *ret)
{
    const char *slash = strchr(text, '/');
    char base[ADDR_TEXT_SIZE];
    struct cidr cidr = {0};
    uint64_t prefix_len;

    if (slash == NULL || (size_t)(slash - text) >= sizeof(base)) {
        return -EINVAL;
    }
    memcpy(base, text, (size_t)(slash - text));
    base[slash - text] = '\0';
    if (addr_parse(base, &cidr.base) < 0 ||
        parse_uint(slash + 1, 0, family_bits(cidr.base.family), &prefix_len) < 0) {
        return -EINVAL;
    }
    for (unsigned bit = (unsigned)prefix_len; bit < family_bits(cidr.base.family); bit++) {
        if (bit_is_set(&cidr.base, bit)) {
            return -EINVAL;
        }
    }
    cidr.prefix_len = (uint8_t)prefix_len;
    *ret = cidr;
    return 0;
}

const char *
cidr_format(const struct cidr *cidr, char buf[static CIDR_TEXT_SIZE])
{
    char base[ADDR_TEXT_SIZE];

    (void)snprintf(buf, CIDR_TEXT_SIZE, "%s/%u", addr_format(&cidr->base, base), cidr->prefix_len);
    return buf;
}

bool
cidr_contains(const struct cidr *cidr, const struct addr *addr)
{
    unsigned whole = cidr->prefix_len / 8;
    unsigned rest_mask = 0xff00U >> cidr->prefix_len % 8 & 0xff;

    if (cidr->base.family != addr->family || memcmp(cidr->base.bytes, addr->bytes, whole) != 0) {
        return false;
    }
    return whole == sizeof(addr->bytes) ||
           ((cidr->base.bytes[whole] ^ addr->bytes[whole]) & rest_mask) == 0;
}

const char *
addr_class_str(enum addr_class addr_class)
{
    switch (addr_class) {
    case ADDR_CLASS_UNKNOWN:
        return "unknown";
    case ADDR_CLASS_VPC:
        return "vpc";
    case ADDR_CLASS_PRIVATE:
        return "private";
    case ADDR_CLASS_PUBLIC:
        return "public";
    case ADDR_CLASS_SPECIAL:
        return "special";
    }
    return "unknown";
}

bool
addr_class_is_private(enum addr_class addr_class)
{
    return addr_class == ADDR_CLASS_VPC || addr_class == ADDR_CLASS_PRIVATE;
}

struct block {
    uint8_t family;
    uint8_t prefix_len;
    uint8_t bytes[16];
};

/* RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local). */
static const struct block private_blocks[] = {
    {ADDR_FAMILY_IPV4, 8, {10}},
    {ADDR_FAMILY_IPV4, 12, {172, 16}},
    {ADDR_FAMILY_IPV4, 16, {192, 168}},
    {ADDR_FAMILY_IPV4, 10, {100, 64}},
    {ADDR_FAMILY_IPV6, 7, {0xfc}},
};

/* The IANA special-purpose registries (RFC 6890), without what is private above: an endpoint
 * cannot live there. */
static const struct block special_blocks[] = {
    {ADDR_FAMILY_IPV4, 8, {0}},
    {ADDR_FAMILY_IPV4, 8, {127}},
    {ADDR_FAMILY_IPV4, 16, {169, 254}},
    {ADDR_FAMILY_IPV4, 24, {192, 0, 0}},
    {ADDR_FAMILY_IPV4, 24, {192, 0, 2}},
    {ADDR_FAMILY_IPV4, 15, {198, 18}},
    {ADDR_FAMILY_IPV4, 24, {198, 51, 100}},
    {ADDR_FAMILY_IPV4, 24, {203, 0, 113}},
    {ADDR_FAMILY_IPV4, 4, {224}},
    {ADDR_FAMILY_IPV4, 4, {240}},
    {ADDR_FAMILY_IPV6, 96, {0}}, /* ::, ::1 and the deprecated IPv4-compatible addresses */
    {ADDR_FAMILY_IPV6, 64, {0x01, 0x00}},
    {ADDR_FAMILY_IPV6, 32, {0x20, 0x01, 0x0d, 0xb8}},
    {ADDR_FAMILY_IPV6, 20, {0x3f, 0xff}},
    {ADDR_FAMILY_IPV6, 10, {0xfe, 0x80}},
    {ADDR_FAMILY_IPV6, 10, {0xfe, 0xc0}},
    {ADDR_FAMILY_IPV6, 8, {0xff}},
};

static bool
in_blocks(const struct addr *addr, const struct block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct cidr cidr = {.prefix_len = blocks[i].prefix_len};

        cidr.base.family = blocks[i].family;
        memcpy(cidr.base.bytes, blocks[i].bytes, sizeof(cidr.base.bytes));
        if (cidr_contains(&cidr, addr)) {
            return true;
        }
    }
    return false;
}

static bool
is_in_vpc(const struct addr *addr, const struct vpc_nets *nets)
{
    for (size_t i = 0; i < nets->n_cidrs; i++) {
        if (cidr_contains(&nets->cidrs[i], addr)) {
            return true;
        }
    }
    return false;
}

enum addr_class
classify_addr(const struct addr *addr, const struct vpc_nets *nets)
{
    struct addr judged = *addr;

    (void)addr_embedded_ipv4(addr, &judged);
    if (is_in_vpc(addr, nets) || is_in_vpc(&judged, nets)) {
        return ADDR_CLASS_VPC;
    }
    if (in_blocks(&judged, private_blocks, ARRAY_SIZE(private_blocks))) {
        return ADDR_CLASS_PRIVATE;
    }
    if (in_blocks(&judged, special_blocks, ARRAY_SIZE(special_blocks))) {
        return ADDR_CLASS_SPECIAL;
    }
    return nets->known[FAMILY_INDEX(judged.family)] ? ADDR_CLASS_PUBLIC : ADDR_CLASS_UNKNOWN;
}

bool
classify_is_source(const struct addr *addr)
{
    static const struct vpc_nets nothing_known;

    return classify_addr(addr, &nothing_known) != ADDR_CLASS_SPECIAL;
}

const struct subnet *
classify_subnet(const struct addr *addr, const struct vpc_nets *nets)
{
    const struct subnet *best = NULL;

    for (size_t i = 0; i < nets->n_subnets; i++) {
        const struct subnet *subnet = &nets->subnets[i];

        if (cidr_contains(&subnet->cidr, addr) &&
            (best == NULL || subnet->cidr.prefix_len > best->cidr.prefix_len)) {
            best = subnet;
        }
    }
    return best;
}
