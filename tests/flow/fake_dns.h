/* probes/dns.h without name servers: a table of answers that the test writes. */
#ifndef VPCE_TESTS_FLOW_FAKE_DNS_H
#define VPCE_TESTS_FLOW_FAKE_DNS_H

#include "probes/dns.h"

/* Forget all answers: every name is NXDOMAIN after a millisecond. */
void fake_dns_reset(void);

/* From now on. addrs: literals of that family in ascending order, a blank between two; NULL: none.
 */
void fake_dns_set(const char *hostname, enum addr_family family, enum dns_outcome outcome,
    int64_t delay_ms, const char *addrs);

/* The same for the second opinion, which exists once this was called. */
void fake_dns_set_second(const char *hostname, enum addr_family family, enum dns_outcome outcome,
    int64_t delay_ms, const char *addrs);

/* Who is asked for it; 169.254.169.253 after a reset. Literal, static. */
void fake_dns_set_second_server(const char *server);

/* Queries for a second opinion since the reset. */
size_t fake_dns_n_second(void);

/* Queries that have not been answered, over all instances. */
size_t fake_dns_n_pending(void);

#endif
