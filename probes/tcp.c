/* See tcp.h. */
#include "probes/tcp.h"

#include "daemon/util.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <unistd.h>

#define DISCARD_PORT 9

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
    if (error == ECONNRESET || error == EPIPE) {
        return ADDR_OUTCOME_OK;
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

static void
kernel_facts(int fd, struct tcp_facts *ret_facts)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    tcp_facts_init(ret_facts);
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

void
tcp_facts(int fd, struct tcp_facts *ret_facts, struct addr *ret_local)
{
    struct sockaddr_storage local;
    socklen_t len = sizeof(local);

    kernel_facts(fd, ret_facts);
    *ret_local = (struct addr){.family = ADDR_FAMILY_NONE};
    if (getsockname(fd, (struct sockaddr *)&local, &len) == 0) {
        (void)addr_from_sockaddr((struct sockaddr *)&local, ret_local);
    }
}

bool
tcp_syn_lost(int fd)
{
    struct tcp_facts facts;

    kernel_facts(fd, &facts);
    return facts.retransmits > 0;
}

bool
tcp_has_source(const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(to, DISCARD_PORT, &sa);
    CLEANUP(cleanup_fd) int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct addr source;

    if (fd < 0) {
        return errno != EAFNOSUPPORT;
    }
    if (connect(fd, (struct sockaddr *)&sa, len) < 0) {
        return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EPERM;
    }
    len = sizeof(sa);
    return getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
           addr_from_sockaddr((struct sockaddr *)&sa, &source) < 0 || classify_is_source(&source);
}
