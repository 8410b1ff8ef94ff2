/* probes/tcp.h and probes/tls.h without a network: what each address does, as the test writes it.
 * An address that nothing is written of connects and finishes its handshake in a millisecond each.
 */
#ifndef VPCE_TESTS_FLOW_FAKE_TCP_H
#define VPCE_TESTS_FLOW_FAKE_TCP_H

#include "probes/tcp.h"

struct fake_peer {
    struct addr addr;
    enum addr_outcome connect;
    int64_t connect_ms; /* -1: silence; 0 with a failure: connect(2) itself fails */
    enum addr_outcome tls;
    int64_t tls_ms; /* -1: silence */
};

/* All addresses are well again; this host has IPv4 only. */
void fake_tcp_reset(void);

/* For connections that are opened from now on. */
void fake_tcp_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms);
void fake_tls_set(const char *addr, enum addr_outcome outcome, int64_t delay_ms);

/* Source addresses this host has. */
void fake_tcp_set_host(bool has_ipv4, bool has_ipv6);

/* Connections opened so far. */
unsigned fake_tcp_n_opened(void);

/* The peer behind an open descriptor. */
const struct fake_peer *fake_tcp_peer(int fd);

/* The connection stands: fake_tls.c's part begins. */
bool fake_tcp_is_connected(int fd);

#endif
