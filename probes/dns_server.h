/* One name server and its c-ares channel: no search list, no cache. For probes/dns.c.
 *
 * A lookup lives until c-ares has called back, once. Whoever asked may forget it before
 * (dns_lookup_drop); the callback then finds nobody and only frees it. */
#ifndef VPCE_PROBES_DNS_SERVER_H
#define VPCE_PROBES_DNS_SERVER_H

#include "probes/result.h"

struct loop;
struct dns_server;
struct dns_lookup;

/* What one server said, kept in the lookup's owner. */
struct dns_answer {
    enum dns_outcome outcome;
    int64_t arrived_us; /* loop_now_us when it came in (by UDP; by TCP, when it was read) */
    bool gave_up; /* TIMEOUT: of a TCP connection after a cut answer, given a part of the time */
    uint16_t n_found;
    size_t n_addrs;
    struct addr addrs[PROBE_ADDRS_MAX]; /* the smallest, sorted: the same ones in every run */
    size_t n_cnames;
    char *cnames[CNAMES_MAX]; /* heap, escaped */
};

void dns_answer_reset(struct dns_answer *answer);

/* May be called from inside dns_lookup_start, and from inside a c-ares call at any time: note that
 * it came and return; call nothing of this header but dns_answer_reset. */
typedef void (*dns_lookup_fn)(void *arg);

/* How its questions travel. */
enum dns_transport {
    DNS_TRANSPORT_UDP, /* and by TCP when the answer was cut (RFC 1035 4.2) */
    DNS_TRANSPORT_TCP, /* from the beginning */
};

/* Starts with one reference. timeout_ms: of one question. By UDP it is sent again within that time;
 * but an answer that has to come by TCP, after a cut one, has a part of it only (gave_up). 0,
 * -ENOMEM. */
int dns_server_new(struct loop *loop, const struct addr *addr, enum dns_transport transport,
    int64_t timeout_ms, struct dns_server **ret);
struct dns_server *dns_server_ref(struct dns_server *server);

/* The last one destroys the channel. Never from inside a dns_lookup_fn. NULL is fine. */
void dns_server_unref(struct dns_server *server);

/* The kernel notes when packets come in while somebody wants that, and takes a moment to begin. A
 * descriptor that wants it until it is closed, or -1: then an answer's time is that of its reading
 * now and then. */
int dns_server_want_stamps(void);

const struct addr *dns_server_addr(const struct dns_server *server);

/* Ask for the addresses of one family. ret_answer (borrowed, reset by the caller) is filled before
 * on_answer is called, once. 0 and *ret, or -ENOMEM. */
int dns_lookup_start(struct dns_server *server, const char *hostname, enum addr_family family,
    struct dns_answer *ret_answer, dns_lookup_fn on_answer, void *arg, struct dns_lookup **ret);

/* Forget a lookup that has not called back. NULL is fine. */
void dns_lookup_drop(struct dns_lookup *lookup);

/* True when this server's silence since then (loop_now_us) may be this host's own fault: a socket
 * could not be watched. */
bool dns_server_starved(const struct dns_server *server, int64_t since_us);

#endif
