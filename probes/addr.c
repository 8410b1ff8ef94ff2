/* See addr.h. */
#include "probes/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

const char *
addr_family_str(enum addr_family family)
{
    switch (family) {
    case ADDR_FAMILY_NONE:
        return "none";
    case ADDR_FAMILY_IPV4:
        return "ipv4";
    case ADDR_FAMILY_IPV6:
        return "ipv6";
    }
    return "unknown";
}

int
addr_parse(const char *text, struct addr *ret)
{
    struct addr addr = {0};

    if (inet_pton(AF_INET, text, addr.bytes) == 1) {
        addr.family = ADDR_FAMILY_IPV4;
    } else if (inet_pton(AF_INET6, text, addr.bytes) == 1) {
        addr.family = ADDR_FAMILY_IPV6;
    } else {
        return -EINVAL;
    }
    *ret = addr;
    return 0;
}

const char *
addr_format(const struct addr *addr, char buf[static ADDR_TEXT_SIZE])
{
    int family = addr->family == ADDR_FAMILY_IPV6 ? AF_INET6 : AF_INET;

    if (addr->family == ADDR_FAMILY_NONE ||
        inet_ntop(family, addr->bytes, buf, ADDR_TEXT_SIZE) == NULL) {
        memcpy(buf, "-", 2);
    }
    return buf;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_compare(a, b) == 0;
}

int
addr_compare(const struct addr *a, const struct addr *b)
{
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
addr_embedded_ipv4(const struct addr *addr, struct addr *ret)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (addr->family != ADDR_FAMILY_IPV6 || (memcmp(addr->bytes, mapped, sizeof(mapped)) != 0 &&
                                                memcmp(addr->bytes, nat64, sizeof(nat64)) != 0)) {
        return false;
    }
    struct addr inner = {.family = ADDR_FAMILY_IPV4};

    memcpy(inner.bytes, addr->bytes + 12, 4);
    *ret = inner;
    return true;
}

socklen_t
addr_to_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (addr->family == ADDR_FAMILY_IPV6) {
        struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

        memcpy(&sin6.sin6_addr, addr->bytes, 16);
        memcpy(ret, &sin6, sizeof(sin6));
        return sizeof(sin6);
    }
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

    memcpy(&sin.sin_addr, addr->bytes, 4);
    memcpy(ret, &sin, sizeof(sin));
    return sizeof(sin);
}

int
addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
    struct addr addr = {0};

    if (sa->sa_family == AF_INET) {
        struct sockaddr_in sin;

        memcpy(&sin, sa, sizeof(sin));
        addr.family = ADDR_FAMILY_IPV4;
        memcpy(addr.bytes, &sin.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 sin6;

        memcpy(&sin6, sa, sizeof(sin6));
        addr.family = ADDR_FAMILY_IPV6;
        memcpy(addr.bytes, &sin6.sin6_addr, 16);
    } else {
        return -EAFNOSUPPORT;
    }
    *ret = addr;
    return 0;
}
