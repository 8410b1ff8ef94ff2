/* Parts of sentences that summaries, notes and causes share: each puts one kind of evidence into
 * words. Pure; text from outside is escaped. */
#ifndef VPCE_PROBES_PHRASES_H
#define VPCE_PROBES_PHRASES_H

#include "daemon/util.h"
#include "probes/result.h"
#include "probes/verdict_text.h"

void phrase_ms(struct text *t, int64_t us);        /* "4.5 ms" */
void phrase_date(struct text *t, int64_t seconds); /* "2026-01-31 12:00 UTC" */

/* "10.0.1.10 (apne1-az4)", the Availability Zone where it is known */
void phrase_addr(struct text *t, const struct addr *addr, const struct vpc_nets *nets);

/* "10.0.1.10, 10.0.2.10 and 3 more" */
void phrase_addrs(struct text *t, const struct addr *addrs, size_t n);

/* The same for the addresses of a class. */
void phrase_addrs_of_class(struct text *t, const struct probe_result *result,
    enum addr_class wanted, const struct verdict_context *context);

/* It is judged, and did not work in this run. */
bool addr_has_failed(const struct addr_result *addr);

/* The failed addresses, grouped by what they did: "10.0.1.10, 10.0.2.10: no answer to SYN; …" */
void phrase_failures(
    struct text *t, const struct probe_result *result, const struct verdict_context *context);

/* "2 of 3 addresses work, connect 0.5 ms, TLS 4.1 ms": the slowest of those that work. */
void phrase_working(struct text *t, const struct probe_result *result);

/* Who said what: "169.254.169.253: servfail, 10.0.0.2: timeout". */
void phrase_dns_attempts(struct text *t, const struct probe_result *result);

/* "the Amazon resolver 169.254.169.253 answers 10.0.1.10, 10.0.2.10" */
void phrase_second_opinion(struct text *t, const struct second_opinion *opinion);

#endif
