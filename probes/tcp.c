/* See tcp.h. */
#include "probes/tcp.h"

#include "daemon/util.h"

#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define IF_INET6_MAX 65536UL
#define INTERFACES_MAX 64

enum addr_outcome
tcp_outcome(int error)
{
    switch (error) {
    case 0:
    case EINPROGRESS:
        return ADDR_OUTCOME_OK;
    case ETIMEDOUT:
        return ADDR_OUTCOME_TIMEOUT;
    case ECONNREFUSED:
        return ADDR_OUTCOME_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return ADDR_OUTCOME_RESET;
    case ENETUNREACH: /* no route here, or ICMP: net unreachable */
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL: /* an address nobody can connect to (multicast with a zone missing …) */
        return ADDR_OUTCOME_NO_ROUTE;
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EOPNOTSUPP:
    case ENOPROTOOPT:
    case EPROTO:
    case EACCES: /* ICMPv6: prohibited (icmpv6_err_convert) */
    case EPERM:  /* a local firewall rule */
        return ADDR_OUTCOME_UNREACHABLE;
    default:
        return ADDR_OUTCOME_RESOURCES;
    }
}

/* With the port not chosen by us, EADDRNOTAVAIL is "no free port" when an address of the family
 * could be had (connect(2)). */
static enum addr_outcome
outcome_of_connect(int error, const struct sockaddr *sa, socklen_t len)
{
    if (error != EADDRNOTAVAIL) {
        return tcp_outcome(error);
    }
    CLEANUP(cleanup_fd) int fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, sa, len) == 0 ? ADDR_OUTCOME_RESOURCES : ADDR_OUTCOME_NO_ROUTE;
}

enum addr_outcome
tcp_open(const struct addr *addr, uint16_t port, int *ret_fd, int *ret_errno)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, port, &sa);
    CLEANUP(cleanup_fd)
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        *ret_errno = errno;
        return errno == EAFNOSUPPORT ? ADDR_OUTCOME_NO_ROUTE : ADDR_OUTCOME_RESOURCES;
    }
    if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
        *ret_errno = errno;
        return outcome_of_connect(errno, (struct sockaddr *)&sa, len);
    }
    *ret_fd = take_fd(&fd);
    return ADDR_OUTCOME_OK;
}

enum addr_outcome
tcp_check_connected(int fd, int *ret_errno)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        error = errno;
    }
    if (error != 0) {
        *ret_errno = error;
    }
    /* on a connection attempt that was under way the error came from the network */
    return error == ENETUNREACH ? ADDR_OUTCOME_UNREACHABLE : tcp_outcome(error);
}

void
tcp_facts_init(struct tcp_facts *facts)
{
    *facts = (struct tcp_facts){
        .bytes_received = -1, .rtt_us = -1, .retransmits = -1, .path_mtu = -1, .out_of_order = -1};
}

#define INFO_HAS(len, info, field)                                                                 \
    ((len) >= offsetof(struct tcp_info, field) + sizeof((info)->field))

void
tcp_facts(int fd, struct tcp_facts *ret_facts, struct addr *ret_local)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    struct sockaddr_storage local;
    socklen_t local_len = sizeof(local);

    tcp_facts_init(ret_facts);
    *ret_local = (struct addr){.family = ADDR_FAMILY_NONE};
    if (getsockname(fd, (struct sockaddr *)&local, &local_len) == 0) {
        (void)addr_from_sockaddr((struct sockaddr *)&local, ret_local);
    }
    memset(&info, 0, sizeof(info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) {
        return;
    }
    if (INFO_HAS(len, &info, tcpi_total_retrans)) {
        ret_facts->retransmits = (int32_t)info.tcpi_total_retrans;
        ret_facts->path_mtu = (int32_t)info.tcpi_pmtu;
        /* a lost SYN leaves its time-out in the estimate */
        ret_facts->rtt_us = info.tcpi_total_retrans == 0 ? (int32_t)info.tcpi_rtt : -1;
    }
    if (INFO_HAS(len, &info, tcpi_bytes_received)) {
        ret_facts->bytes_received = (int64_t)info.tcpi_bytes_received;
    }
    if (INFO_HAS(len, &info, tcpi_rcv_ooopack)) {
        ret_facts->out_of_order = (int32_t)info.tcpi_rcv_ooopack;
    }
}

static bool
is_usable_source(const struct addr *addr)
{
    static const struct vpc_nets nothing_known;

    return classify_addr(addr, &nothing_known) != ADDR_CLASS_SPECIAL;
}

/* SIOCGIFCONF (netdevice(7)) lists the IPv4 addresses and, unlike getifaddrs(3), needs no netlink
 * socket, which the service is not allowed to make. */
static bool
host_has_ipv4(void)
{
    struct ifreq requests[INTERFACES_MAX];
    struct ifconf conf = {.ifc_len = sizeof(requests), .ifc_req = requests};
    CLEANUP(cleanup_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCGIFCONF, &conf) < 0) {
        return true;
    }
    for (size_t i = 0; i < (size_t)conf.ifc_len / sizeof(requests[0]); i++) {
        struct addr addr;

        if (addr_from_sockaddr(&requests[i].ifr_addr, &addr) == 0 && is_usable_source(&addr)) {
            return true;
        }
    }
    return false;
}

static int
hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

static bool
parse_hex_addr(const char *hex, struct addr *ret)
{
    struct addr addr = {.family = ADDR_FAMILY_IPV6};

    for (size_t i = 0; i < sizeof(addr.bytes); i++) {
        int high = hex_digit(hex[2 * i]);
        int low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        addr.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *ret = addr;
    return true;
}

/* /proc/net/if_inet6 (proc(5)): a line an address, which starts with its 32 hexadecimal digits. */
static bool
host_has_ipv6(void)
{
    CLEANUP(cleanup_free) char *text = NULL;
    size_t len;
    int r = read_file("/proc/self/net/if_inet6", IF_INET6_MAX, &text, &len);
    const char *line = text;

    if (r < 0) {
        return r != -ENOENT; /* a kernel without IPv6 has no such file */
    }
    while (strlen(line) > 32) {
        struct addr addr;
        const char *end = strchr(line, '\n');

        if (parse_hex_addr(line, &addr) && is_usable_source(&addr)) {
            return true;
        }
        if (end == NULL) {
            break;
        }
        line = end + 1;
    }
    return false;
}

void
tcp_host_families(bool ret_has[static FAMILY_N])
{
    ret_has[FAMILY_INDEX(ADDR_FAMILY_IPV4)] = host_has_ipv4();
    ret_has[FAMILY_INDEX(ADDR_FAMILY_IPV6)] = host_has_ipv6();
}
