/* See dns_server.h. c-ares 1.18 is the floor, and these are its traps: it calls back from inside
 * calls, it hides SERVFAIL and REFUSED unless told not to check answers, it applies the search
 * list unless given an empty one, and from 1.31 on it caches. */
#include "probes/dns_server.h"

#include "daemon/loop.h"
#include "daemon/util.h"

#include <ares.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DNS_PORT 53

/* A packet that got no answer is sent again after 1, 3 and 7 of 7 parts of the server's time
 * (c-ares doubles), the last time only where a newer c-ares waits less than it was told. An answer
 * to any of them counts. When the time is over is for probes/dns.c to say. */
#define TRIES 4
#define FIRST_TRY_PART 7

/* By TCP, c-ares sends a question once over a connection, and gives it up when its first time is
 * over. What it waits is therefore longer than dns.c does, who says when it is enough. */
#define TCP_TIMES 2

/* Sockets of a channel, which has one server: one for UDP, one for TCP, and newer ones while old
 * ones are being closed. */
#define SOCKETS_MAX 8

/* A packet that waited longer for us is none: the wall clock was set meanwhile. */
#define WAITED_MAX_US 10000000

/* A socket of c-ares, and what c-ares wants to know about it. */
struct dns_socket {
    struct dns_server *server;
    struct loop_io *io; /* NULL: could not be had yet */
    int fd;             /* -1: a free place */
    bool readable;
    bool writable;
    bool unwatched; /* for want of memory; tried again */
};

struct dns_server {
    struct loop *loop;
    struct addr addr;
    unsigned refs;
    ares_channel channel;
    struct loop_timer *timer; /* c-ares's own time-outs */
    struct dns_socket sockets[SOCKETS_MAX];
    int reading_fd;     /* the socket c-ares reads from at the moment, -1: none */
    int64_t starved_us; /* when a socket could not be watched, the last time; 0: never */
};

struct dns_lookup {
    struct dns_server *server;
    enum addr_family family;
    struct dns_answer *answer;
    dns_lookup_fn on_answer; /* NULL: nobody waits any more */
    void *arg;
};

void
dns_answer_reset(struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->n_cnames; i++) {
        free(answer->cnames[i]);
    }
    memset(answer, 0, sizeof(*answer));
}

static void on_socket(bool readable, bool writable, void *arg);

static void
watch(struct dns_socket *sock)
{
    struct dns_server *server = sock->server;

    if (sock->io == NULL) {
        sock->io = loop_io_new(server->loop, sock->fd, on_socket, sock);
    }
    sock->unwatched =
        sock->io == NULL || loop_io_want(sock->io, sock->readable, sock->writable) < 0;
    if (sock->unwatched) {
        server->starved_us = loop_now_us(server->loop);
    }
}

/* c-ares tells what it wants only once; so what could not be had is tried again here. */
static void
watch_again(struct dns_server *server)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (server->sockets[i].unwatched) {
            watch(&server->sockets[i]);
        }
    }
}

/* c-ares moves its next time-out with every call, so the timer follows every call. */
static void
set_timer(struct dns_server *server)
{
    struct timeval tv;
    struct timeval *left = ares_timeout(server->channel, NULL, &tv);

    if (left == NULL) {
        loop_timer_stop(server->timer);
        return;
    }
    loop_timer_set(server->timer, (int64_t)left->tv_sec * 1000 + left->tv_usec / 1000 + 1);
}

/* Packets are sent again: their answers have to be seen. */
static void
on_timer(void *arg)
{
    struct dns_server *server = arg;

    watch_again(server);
    ares_process_fd(server->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(server);
}

static void
on_socket(bool readable, bool writable, void *arg)
{
    struct dns_socket *sock = arg;
    struct dns_server *server = sock->server;
    int fd = sock->fd; /* sock may be another one after the call */

    server->reading_fd = readable ? fd : -1;
    ares_process_fd(
        server->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    server->reading_fd = -1;
    set_timer(server);
}

static void
forget_socket(struct dns_socket *sock)
{
    loop_io_free(TAKE(sock->io));
    sock->fd = -1;
    sock->unwatched = false;
}

/* When the last packet read of this socket came in, once it has been asked before (socket(7),
 * SIOCGSTAMP): what a name server takes must not look longer because this process is busy with
 * handshakes. false: there was none, or this socket has no such times, as those of TCP. */
static bool
last_stamp(int fd, struct timespec *ret)
{
    return ioctl(fd, SIOCGSTAMPNS, ret) == 0;
}

int
dns_server_want_stamps(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timespec none;

    if (fd >= 0) {
        (void)last_stamp(fd, &none);
    }
    return fd;
}

/* In a callback of c-ares: when that came in which it is about. c-ares 1.18 calls back for a packet
 * before it reads the next; one that reads several first has all of them come with the last. */
static int64_t
arrived_us(const struct dns_server *server, int status)
{
    int64_t now_us = loop_now_us(server->loop);
    bool is_answer = status != ARES_ETIMEOUT && status != ARES_ECONNREFUSED;
    struct timespec stamp, now;
    int64_t waited_us;

    if (!is_answer || server->reading_fd < 0 || !last_stamp(server->reading_fd, &stamp) ||
        clock_gettime(CLOCK_REALTIME, &now) < 0) {
        return now_us;
    }
    waited_us =
        (int64_t)(now.tv_sec - stamp.tv_sec) * 1000000 + (now.tv_nsec - stamp.tv_nsec) / 1000;
    return waited_us >= 0 && waited_us <= WAITED_MAX_US ? now_us - waited_us : now_us;
}

/* The one of this descriptor; -1: a free place. NULL: there is none. */
static struct dns_socket *
find_socket(struct dns_server *server, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (server->sockets[i].fd == fd) {
            return &server->sockets[i];
        }
    }
    return NULL;
}

/* c-ares says what it wants to know about a socket; neither: it is about to close it. */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns_server *server = arg;
    struct dns_socket *sock = find_socket(server, fd);

    if (!readable && !writable) {
        if (sock != NULL) {
            forget_socket(sock);
        }
        return;
    }
    if (sock == NULL) {
        sock = find_socket(server, -1);
    }
    if (sock == NULL) {
        server->starved_us = loop_now_us(server->loop);
        return;
    }
    if (sock->fd < 0) {
        struct timespec none;

        (void)last_stamp(fd, &none);
    }
    sock->fd = fd;
    sock->readable = readable != 0;
    sock->writable = writable != 0;
    watch(sock);
}

static struct ares_options
channel_options(
    struct dns_server *server, enum dns_transport transport, int64_t timeout_ms, int *ret_mask)
{
    static char lookups[] = "b"; /* DNS only: probes/dns.c reads hosts(5) itself */
    bool tcp = transport == DNS_TRANSPORT_TCP;
    int64_t first_ms = tcp ? timeout_ms * TCP_TIMES : timeout_ms / FIRST_TRY_PART;
    struct ares_options options = {0};

    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = server;
    options.flags = ARES_FLAG_NOCHECKRESP; /* else SERVFAIL and REFUSED are "no server" */
    options.flags |= tcp ? ARES_FLAG_USEVC : 0;
    options.timeout = (int)(first_ms > 0 ? first_ms : 1);
    options.tries = tcp ? 1 : TRIES;
    options.ndomains = 0; /* no search list */
    options.lookups = lookups;
    *ret_mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS;
#ifdef ARES_OPT_QUERY_CACHE
    options.qcache_max_ttl = 0;
    *ret_mask |= ARES_OPT_QUERY_CACHE;
#endif
    return options;
}

static int
open_channel(struct dns_server *server, enum dns_transport transport, int64_t timeout_ms)
{
    char addr[ADDR_TEXT_SIZE];
    char csv[ADDR_TEXT_SIZE + 16];
    struct text text = TEXT(csv);
    int mask;
    struct ares_options options = channel_options(server, transport, timeout_ms, &mask);
    bool ipv6 = server->addr.family == ADDR_FAMILY_IPV6;

    (void)text_add(&text, ipv6 ? "[%s]:%d" : "%s:%d", addr_format(&server->addr, addr), DNS_PORT);
    if (ares_init_options(&server->channel, &options, mask) != ARES_SUCCESS) {
        server->channel = NULL;
        return -ENOMEM;
    }
    return ares_set_servers_ports_csv(server->channel, csv) == ARES_SUCCESS ? 0 : -ENOMEM;
}

int
dns_server_new(struct loop *loop, const struct addr *addr, enum dns_transport transport,
    int64_t timeout_ms, struct dns_server **ret)
{
    struct dns_server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return -ENOMEM;
    }
    server->loop = loop;
    server->addr = *addr;
    server->refs = 1;
    server->reading_fd = -1;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        server->sockets[i] = (struct dns_socket){.server = server, .fd = -1};
    }
    server->timer = loop_timer_new(loop, on_timer, server);
    if (server->timer == NULL || open_channel(server, transport, timeout_ms) < 0) {
        dns_server_unref(server);
        return -ENOMEM;
    }
    *ret = server;
    return 0;
}

struct dns_server *
dns_server_ref(struct dns_server *server)
{
    server->refs++;
    return server;
}

void
dns_server_unref(struct dns_server *server)
{
    if (server == NULL || --server->refs > 0) {
        return;
    }
    if (server->channel != NULL) {
        ares_destroy(server->channel); /* calls back what is left, and closes the sockets */
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        forget_socket(&server->sockets[i]);
    }
    loop_timer_free(server->timer);
    free(server);
}

const struct addr *
dns_server_addr(const struct dns_server *server)
{
    return &server->addr;
}

bool
dns_server_starved(const struct dns_server *server, int64_t since_us)
{
    bool unwatched = false;

    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        unwatched |= server->sockets[i].unwatched;
    }
    return unwatched || server->starved_us >= since_us;
}

/* c-ares says "could not contact the server" both when an ICMP error came back and when it could
 * not even make its socket. Trying the same tells which. */
static enum dns_outcome
outcome_of_no_contact(const struct dns_server *server)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&server->addr, DNS_PORT, &sa);
    CLEANUP(cleanup_fd) int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 && errno != EAFNOSUPPORT) {
        return DNS_OUTCOME_RESOURCES;
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) < 0 &&
        (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
        return DNS_OUTCOME_RESOURCES; /* EAGAIN: no free port (ip(7)) */
    }
    return DNS_OUTCOME_UNREACHABLE;
}

static enum dns_outcome
outcome_of_status(int status, const struct dns_server *server)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_OUTCOME_OK;
    case ARES_ENODATA:
        return DNS_OUTCOME_NODATA;
    case ARES_ENOTFOUND:
        return DNS_OUTCOME_NXDOMAIN;
    case ARES_ESERVFAIL:
        return DNS_OUTCOME_SERVFAIL;
    case ARES_EREFUSED:
        return DNS_OUTCOME_REFUSED;
    case ARES_ETIMEOUT:
        return DNS_OUTCOME_TIMEOUT;
    case ARES_ECONNREFUSED:
        return outcome_of_no_contact(server);
    case ARES_ENOMEM:
        return DNS_OUTCOME_RESOURCES;
    default:
        return DNS_OUTCOME_MALFORMED;
    }
}

/* Keep the smallest PROBE_ADDRS_MAX, sorted: servers rotate their answers, and a cut answer must
 * not show other addresses every time. */
static void
keep_addr(struct dns_answer *answer, const struct addr *addr)
{
    size_t at = 0;

    while (at < answer->n_addrs && addr_compare(&answer->addrs[at], addr) < 0) {
        at++;
    }
    if (at == PROBE_ADDRS_MAX || (at < answer->n_addrs && addr_equal(&answer->addrs[at], addr))) {
        return;
    }
    if (answer->n_addrs < PROBE_ADDRS_MAX) {
        answer->n_addrs++;
    }
    for (size_t i = answer->n_addrs - 1; i > at; i--) {
        answer->addrs[i] = answer->addrs[i - 1];
    }
    answer->addrs[at] = *addr;
}

static void
keep_cname(struct dns_answer *answer, const char *name)
{
    char buf[4 * HOSTNAME_SIZE]; /* every byte of 253 escaped */
    struct text text = TEXT(buf);

    if (answer->n_cnames == CNAMES_MAX || name == NULL) {
        return;
    }
    buf[0] = '\0';
    (void)text_add_escaped(&text, name, strnlen(name, HOSTNAME_SIZE));
    answer->cnames[answer->n_cnames] = strdup(buf);
    if (answer->cnames[answer->n_cnames] != NULL) {
        answer->n_cnames++;
    }
}

static void
keep_answer(struct dns_lookup *lookup, const struct ares_addrinfo *info)
{
    struct dns_answer *answer = lookup->answer;

    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next) {
        struct addr addr;

        if (addr_from_sockaddr(node->ai_addr, &addr) < 0 || addr.family != lookup->family) {
            continue;
        }
        if (answer->n_found < UINT16_MAX) {
            answer->n_found++;
        }
        keep_addr(answer, &addr);
    }
    for (const struct ares_addrinfo_cname *c = info->cnames; c != NULL; c = c->next) {
        keep_cname(answer, c->name);
    }
    if (answer->n_addrs == 0) {
        answer->outcome = DNS_OUTCOME_NODATA;
    }
}

static void
on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_lookup *lookup = arg;

    if (lookup->on_answer != NULL) {
        lookup->answer->arrived_us = arrived_us(lookup->server, status);
        lookup->answer->outcome = outcome_of_status(status, lookup->server);
        lookup->answer->gave_up = status == ARES_ETIMEOUT && timeouts < TRIES;
        if (info != NULL && status == ARES_SUCCESS) {
            keep_answer(lookup, info);
        }
        lookup->on_answer(lookup->arg);
    }
    if (info != NULL) {
        ares_freeaddrinfo(info);
    }
    free(lookup);
}

int
dns_lookup_start(struct dns_server *server, const char *hostname, enum addr_family family,
    struct dns_answer *ret_answer, dns_lookup_fn on_answer, void *arg, struct dns_lookup **ret)
{
    struct dns_lookup *lookup = calloc(1, sizeof(*lookup));
    struct ares_addrinfo_hints hints = {
        .ai_family = family == ADDR_FAMILY_IPV6 ? AF_INET6 : AF_INET, .ai_flags = ARES_AI_NOSORT};

    if (lookup == NULL) {
        return -ENOMEM;
    }
    *lookup = (struct dns_lookup){.server = server,
        .family = family,
        .answer = ret_answer,
        .on_answer = on_answer,
        .arg = arg};
    watch_again(server);
    *ret = lookup; /* before the call: it may already call back, and free */
    ares_getaddrinfo(server->channel, hostname, NULL, &hints, on_addrinfo, lookup);
    set_timer(server);
    return 0;
}

void
dns_lookup_drop(struct dns_lookup *lookup)
{
    if (lookup != NULL) {
        lookup->on_answer = NULL;
    }
}
