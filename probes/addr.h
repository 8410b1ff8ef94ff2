/* An IP address as a plain value, and its text. IPv4-mapped addresses stay IPv6 here; who needs
 * the address inside asks addr_embedded_ipv4. */
#ifndef VPCE_PROBES_ADDR_H
#define VPCE_PROBES_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An enum that takes a byte, for what is kept of thousands of addresses and endpoints. */
#define SMALL __attribute__((packed))

enum addr_family {
    ADDR_FAMILY_NONE, /* no address */
    ADDR_FAMILY_IPV4,
    ADDR_FAMILY_IPV6,
};

/* Index of a family in per-family arrays: [0] IPv4, [1] IPv6. */
#define FAMILY_N 2
#define FAMILY_INDEX(family) ((family) == ADDR_FAMILY_IPV6 ? 1 : 0)
#define FAMILY_OF_INDEX(i) ((i) == 0 ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6)

struct addr {
    uint8_t family;    /* enum addr_family; NONE: the rest is zero */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

/* Longest text of an IPv6 address and its terminator (INET6_ADDRSTRLEN). */
#define ADDR_TEXT_SIZE 46

const char *addr_family_str(enum addr_family family); /* "ipv4", "ipv6" */

/* Strict text form, as inet_pton(3): no port, no zone, no brackets. 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *ret);

/* Writes the text into buf and returns buf; "-" for no address. */
const char *addr_format(const struct addr *addr, char buf[static ADDR_TEXT_SIZE]);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Order: family, then bytes. */
int addr_compare(const struct addr *a, const struct addr *b);

/* The IPv4 address inside an IPv4-mapped (RFC 4291 2.5.5.2) or NAT64 well-known-prefix
 * (RFC 6052, 64:ff9b::/96) address. false: there is none, *ret untouched. */
bool addr_embedded_ipv4(const struct addr *addr, struct addr *ret);

/* Fills *ret for connect(2); returns its length. addr must have a family. */
socklen_t addr_to_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret);

/* 0, or -EAFNOSUPPORT. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret);

#endif
