/* Names to addresses, as the host's own clients do it: hosts(5) first, then the name servers of
 * resolv.conf(5), one after the other (probes/dns_server.c, where c-ares lives).
 *
 * Each name server has a channel of its own; the next is asked after SERVFAIL, REFUSED or silence
 * (and so does glibc, and Go); "no such name" and "no data" are answers. A query whose packet was
 * lost is sent again within the server's time. A and AAAA are separate queries: own outcome, own
 * time. Nothing is cached.
 *
 * All queries share one token bucket. DNS, IMDS and NTP together may send 1024 packets per second
 * to link-local addresses, and what is more is dropped (Amazon VPC User Guide, "DNS quotas"): a
 * prober must not be what exhausts it. */
#ifndef VPCE_PROBES_DNS_H
#define VPCE_PROBES_DNS_H

#include "probes/result.h"

struct loop;
struct dns;
struct dns_query;

#define DNS_DEFAULT_RESOLV_CONF "/etc/resolv.conf"
#define DNS_DEFAULT_HOSTS "/etc/hosts"

/* Queries on the wire at once; more wait their turn. */
#define DNS_IN_FLIGHT_MAX 64

/* Packets a second in the long run, and at once, for a handful of endpoints. */
#define DNS_PER_SECOND 10
#define DNS_BURST 32

/* Queries that wait for tokens go in rounds of this, and not each with its token: hundreds of names
 * would keep the process awake, and a handshake alone, out of a rest, costs far more CPU than one
 * amid others, because nothing is in the caches. */
#define DNS_ROUND_MS 250

/* For however many endpoints: half of what the host may send. */
#define DNS_PER_SECOND_MAX 512
#define DNS_BURST_MAX 512

struct dns_options {
    const char *resolv_conf; /* borrowed, outlive the dns */
    const char *hosts;
    int64_t timeout_ms;         /* for each name server a query is put to */
    struct addr second_opinion; /* family NONE: none */
    int64_t per_second;         /* tokens of the bucket */
    int64_t burst;
};

/* Who is asked. */
enum dns_via {
    DNS_VIA_HOST,           /* as the host's clients ask */
    DNS_VIA_SECOND_OPINION, /* the second opinion's server alone, hosts(5) not looked at */
};

/* One family's answer. All pointers are borrowed until the callback returns. */
struct dns_reply {
    struct dns_result result;
    size_t n_addrs; /* at most PROBE_ADDRS_MAX, sorted, without doubles */
    const struct addr *addrs;
    size_t n_cnames; /* at most CNAMES_MAX */
    const char *const *cnames;
};

typedef void (*dns_query_fn)(const struct dns_reply *reply, void *arg);

/* Reads the files and sets up a channel for each name server. 0, -ENOMEM. */
int dns_new(struct loop *loop, const struct dns_options *options, struct dns **ret);

/* No query may be running. NULL is fine. */
void dns_free(struct dns *dns);

/* Read hosts and resolv.conf again if they changed. Queries that are running keep their servers.
 * Returns true when the name servers are others now. */
bool dns_refresh(struct dns *dns);

/* Ask for one family of a DNS name or IP literal. on_reply is called once, later, from the loop,
 * unless the query is dropped. 0 and *ret, which is valid until on_reply returns or dns_query_drop;
 * -ENOMEM; -ENOENT: there is no second opinion. */
int dns_query_start(struct dns *dns, enum dns_via via, const char *hostname,
    enum addr_family family, dns_query_fn on_reply, void *arg, struct dns_query **ret);

/* Forget the query; on_reply will not be called. NULL is fine. */
void dns_query_drop(struct dns_query *query);

/* The server of the second opinion; family NONE: there is none. */
struct addr dns_second_opinion(const struct dns *dns);

/* What is known of each name server, in their order. */
size_t dns_nameservers(const struct dns *dns, struct nameserver_status ret[static NAMESERVERS_MAX]);

#endif
