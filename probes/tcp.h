/* TCP connect system calls, their errno as outcomes, and what the kernel knows of a connection.
 * Non-blocking; waits for nothing. */
#ifndef VPCE_PROBES_TCP_H
#define VPCE_PROBES_TCP_H

#include "probes/result.h"

/* Start to connect. Returns
 *   ADDR_OUTCOME_OK    connecting: wait until *ret_fd is writable, then tcp_check_connected;
 *   another outcome    it failed at once; no descriptor, *ret_errno says why. */
enum addr_outcome tcp_open(const struct addr *addr, uint16_t port, int *ret_fd, int *ret_errno);

/* ADDR_OUTCOME_OK: the connection stands, or stood: a RST that answers our SYN is ECONNREFUSED,
 * ECONNRESET comes after the peer's SYN and ACK (RFC 9293, section 3.10.7). Whoever speaks first
 * over it is told (EPIPE), so that it makes no difference whether the reset came a moment before we
 * looked, or after. Else why it does not stand. */
enum addr_outcome tcp_check_connected(int fd, int *ret_errno);

/* The outcome of an errno while connecting. */
enum addr_outcome tcp_outcome(int error);

/* What the kernel tells (TCP_INFO), and our own end. Unknown facts are -1 or family NONE. */
void tcp_facts(int fd, struct tcp_facts *ret_facts, struct addr *ret_local);

/* On a connection that has just been made: the SYN had to be sent again. */
bool tcp_syn_lost(int fd);
void tcp_facts_init(struct tcp_facts *facts);

/* Whether this host has a route to the address and a source address for it that is good beyond its
 * own link: not loopback, not link-local. Sends nothing: a UDP socket is connected and asked for
 * its name, so the kernel's own choice counts (a container bridge's address does not make a host
 * one of IPv4). Unknown counts as yes. */
bool tcp_has_source(const struct addr *to);

#endif
