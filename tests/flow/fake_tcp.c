/* See fake_tcp.h. Descriptors are real ones, of /dev/null, so that a leak or a double close shows.
 */
#include "fake_tcp.h"

#include "fake_loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#define PEERS_MAX 64
#define FDS_MAX 1024
#define DEFAULT_DELAY_MS 1

static struct fake_peer peers[PEERS_MAX];
static size_t n_peers;
static bool host_has[FAMILY_N] = {true, false};
static unsigned n_opened;

static struct connection {
    struct fake_peer peer; /* as it was when opened */
    bool connected;
    int64_t readable_ms; /* -1: never */
} connections[FDS_MAX];

void
fake_tcp_reset(void)
{
    n_peers = 0;
    n_opened = 0;
    fake_tcp_set_host(true, false);
}

static struct fake_peer *
find(const struct addr *addr)
{
    for (size_t i = 0; i < n_peers; i++) {
        if (addr_equal(&peers[i].addr, addr)) {
            return &peers[i];
        }
    }
    return NULL;
}

static struct fake_peer
healthy(const struct addr *addr)
{
    return (struct fake_peer){.addr = *addr,
        .connect = ADDR_OUTCOME_OK,
        .connect_ms = DEFAULT_DELAY_MS,
        .tls = ADDR_OUTCOME_OK,
        .tls_ms = DEFAULT_DELAY_MS,
        .lean_tls = ADDR_OUTCOME_OK,
        .answer = {.text = FAKE_ANSWER, .delay_ms = DEFAULT_DELAY_MS}};
}

static struct fake_peer *
enter(const char *text)
{
    struct addr addr = {.family = ADDR_FAMILY_NONE};
    struct fake_peer *peer;
    int r = addr_parse(text, &addr);

    assert(r == 0);
    (void)r;
    peer = find(&addr);
    if (peer == NULL) {
        assert(n_peers < PEERS_MAX);
        peer = &peers[n_peers++];
        *peer = healthy(&addr);
    }
    return peer;
}

void
fake_tcp_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms)
{
    struct fake_peer *peer = enter(addr);

    peer->connect = outcome;
    peer->connect_ms = delay_ms;
}

void
fake_tls_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms)
{
    struct fake_peer *peer = enter(addr);

    peer->tls = outcome;
    peer->tls_ms = delay_ms;
}

void
fake_tls_set_lean(const char *addr, enum addr_outcome outcome)
{
    enter(addr)->lean_tls = outcome;
}

void
fake_http_set(const char *addr, struct fake_answer answer)
{
    enter(addr)->answer = answer;
}

void
fake_tcp_set_host(bool has_ipv4, bool has_ipv6)
{
    host_has[FAMILY_INDEX(ADDR_FAMILY_IPV4)] = has_ipv4;
    host_has[FAMILY_INDEX(ADDR_FAMILY_IPV6)] = has_ipv6;
}

unsigned
fake_tcp_n_opened(void)
{
    return n_opened;
}

static struct connection *
connection_of(int fd)
{
    assert(fd >= 0 && fd < FDS_MAX);
    return &connections[fd];
}

const struct fake_peer *
fake_tcp_peer(int fd)
{
    return &connection_of(fd)->peer;
}

bool
fake_tcp_is_connected(int fd)
{
    return connection_of(fd)->connected;
}

void
fake_tcp_set_readable(int fd, int64_t delay_ms)
{
    connection_of(fd)->readable_ms = delay_ms;
}

int64_t
fake_ready_us(int fd, bool readable, bool writable)
{
    const struct connection *c = connection_of(fd);
    int64_t delay_ms = -1;

    if (!c->connected && writable) {
        delay_ms = c->peer.connect_ms;
    } else if (c->connected && writable) {
        delay_ms = 0;
    } else if (c->connected && readable) {
        delay_ms = c->readable_ms;
    }
    return delay_ms < 0 ? -1 : delay_ms * 1000;
}

static int
errno_of(enum addr_outcome outcome)
{
    switch (outcome) {
    case ADDR_OUTCOME_OK:
        return 0;
    case ADDR_OUTCOME_REFUSED:
        return ECONNREFUSED;
    case ADDR_OUTCOME_UNREACHABLE:
        return EHOSTUNREACH;
    case ADDR_OUTCOME_NO_ROUTE:
        return ENETUNREACH;
    case ADDR_OUTCOME_RESET:
        return ECONNRESET;
    case ADDR_OUTCOME_RESOURCES:
        return EMFILE;
    case ADDR_OUTCOME_TIMEOUT:
    case ADDR_OUTCOME_NONE:
    case ADDR_OUTCOME_CLOSED:
    case ADDR_OUTCOME_ALERT:
    case ADDR_OUTCOME_PROTOCOL:
    case ADDR_OUTCOME_NOT_AWS:
    case ADDR_OUTCOME_UNTRUSTED:
    case ADDR_OUTCOME_WRONG_NAME:
    case ADDR_OUTCOME_EXPIRED:
    case ADDR_OUTCOME_NOT_YET_VALID:
        break;
    }
    return ETIMEDOUT;
}

enum addr_outcome
tcp_open(const struct addr *addr, uint16_t port, int *ret_fd, int *ret_errno)
{
    const struct fake_peer *known = find(addr);
    struct fake_peer peer = known != NULL ? *known : healthy(addr);
    int fd;

    (void)port;
    n_opened++;
    if (peer.connect != ADDR_OUTCOME_OK && peer.connect_ms == 0) {
        *ret_errno = errno_of(peer.connect);
        return peer.connect;
    }
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert(fd >= 0);
    *connection_of(fd) = (struct connection){.peer = peer, .readable_ms = peer.tls_ms};
    *ret_fd = fd;
    return ADDR_OUTCOME_OK;
}

enum addr_outcome
tcp_check_connected(int fd, int *ret_errno)
{
    struct connection *c = connection_of(fd);

    *ret_errno = errno_of(c->peer.connect);
    c->connected = c->peer.connect == ADDR_OUTCOME_OK;
    return c->peer.connect;
}

void
tcp_facts_init(struct tcp_facts *facts)
{
    *facts = (struct tcp_facts){
        .bytes_received = -1, .rtt_us = -1, .retransmits = -1, .path_mtu = -1, .out_of_order = -1};
}

void
tcp_facts(int fd, struct tcp_facts *ret_facts, struct addr *ret_local)
{
    assert(fcntl(fd, F_GETFD) >= 0);
    (void)fd;
    tcp_facts_init(ret_facts);
    *ret_local = (struct addr){.family = ADDR_FAMILY_NONE};
}

bool
tcp_syn_lost(int fd)
{
    (void)fd;
    return false;
}

bool
tcp_has_source(const struct addr *to)
{
    return host_has[FAMILY_INDEX(to->family)];
}
