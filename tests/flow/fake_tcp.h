/* probes/tcp.h and probes/tls.h without a network: what each address does, as the test writes it.
 * An address that nothing is written of connects, finishes its handshake and answers a request as
 * a service of AWS in a millisecond each. */
#ifndef VPCE_TESTS_FLOW_FAKE_TCP_H
#define VPCE_TESTS_FLOW_FAKE_TCP_H

#include "probes/tcp.h"

#define FAKE_ANSWER "HTTP/1.1 404 Not Found\r\nx-amzn-RequestId: fake\r\n\r\n"

/* The answer to a request: piece by piece, each after delay_ms, then its end after as long. */
struct fake_answer {
    const char *text;      /* borrowed */
    int64_t delay_ms;      /* -1: silence */
    size_t piece_len;      /* 0: all at once */
    enum addr_outcome end; /* of the connection; NONE: it stays, and is silent */
};

struct fake_peer {
    struct addr addr;
    enum addr_outcome connect;
    int64_t connect_ms; /* -1: silence; 0 with a failure: connect(2) itself fails */
    enum addr_outcome tls;
    int64_t tls_ms;             /* -1: silence */
    enum addr_outcome lean_tls; /* of the lean engine */
    struct fake_answer answer;
};

/* All addresses are well again; this host has IPv4 only. */
void fake_tcp_reset(void);

/* For connections that are opened from now on. */
void fake_tcp_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms);
void fake_tls_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms);
void fake_tls_set_lean(const char *addr, enum addr_outcome outcome);

/* For what there is no memory from now on: a trust store; a ClientHello made before its time. */
void fake_tls_starve(bool stores, bool hellos);

void fake_http_set(const char *addr, struct fake_answer answer);

/* The last request that was sent whole. */
const char *fake_http_request(void);

/* Source addresses this host has. */
void fake_tcp_set_host(bool has_ipv4, bool has_ipv6);

/* Connections opened so far. */
unsigned fake_tcp_n_opened(void);

/* The peer behind an open descriptor. */
const struct fake_peer *fake_tcp_peer(int fd);

/* The connection stands: fake_tls.c's part begins. */
bool fake_tcp_is_connected(int fd);

/* How long reading has to wait on it, from now on. -1: for ever. */
void fake_tcp_set_readable(int fd, int64_t delay_ms);

#endif
