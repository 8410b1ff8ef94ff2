/* What the host's own clients resolve names with: the name servers of resolv.conf(5) and the
 * overrides of hosts(5). Pure parsers over the files' text; probes/dns.c reads the files. */
#ifndef VPCE_PROBES_RESOLVCONF_H
#define VPCE_PROBES_RESOLVCONF_H

#include "probes/spec.h"

struct nameservers {
    size_t n; /* at least 1 */
    struct addr servers[NAMESERVERS_MAX];
    size_t n_ignored; /* nameserver lines that are no address we can use (a zone, rubbish) */
    bool assumed;     /* the file names none */
};

/* As glibc reads it: the first NAMESERVERS_MAX nameserver lines; none means 127.0.0.1. Any text
 * gives a result. */
void resolvconf_parse(const char *text, struct nameservers *ret);

bool nameservers_equal(const struct nameservers *a, const struct nameservers *b);

/* Addresses that hosts(5) gives for the name (any case, a trailing dot does not matter), at most
 * `max`, in file order, once each. Returns how many. */
size_t hosts_lookup(const char *text, const char *hostname, struct addr *ret, size_t max);

#endif
