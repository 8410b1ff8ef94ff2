/* The files the host's own clients resolve names with, read again when they changed: hosts(5) and
 * resolv.conf(5). For probes/dns.c. A file that cannot be read for the moment (no descriptor, an
 * I/O error) leaves what was known in force; one that is not there counts as empty.
 *
 * Who writes resolv.conf in place (many DHCP clients do) empties it first, and one that is made
 * anew is not there for a moment. So one that names no server any more is believed when it still
 * names none a second later, when it is looked at; until then the servers that it named stay. */
#ifndef VPCE_PROBES_DNS_FILES_H
#define VPCE_PROBES_DNS_FILES_H

#include "probes/resolvconf.h"

struct dns_files;

/* For as long a resolv.conf without name servers may be one that is being written. */
#define DNS_FILES_WRITING_MS 1000

/* Paths are borrowed and outlive it. Nothing is read yet. NULL without memory. */
struct dns_files *dns_files_new(const char *resolv_conf, const char *hosts);
void dns_files_free(struct dns_files *files); /* NULL is fine */

/* Look at both files. true: the name servers are to be had from dns_files_nameservers and may be
 * others now; the first time always. now_ms: monotonic. */
bool dns_files_refresh(struct dns_files *files, int64_t now_ms);

/* Read the name servers again next time, changed or not. */
void dns_files_forget(struct dns_files *files);

const struct nameservers *dns_files_nameservers(const struct dns_files *files);

/* See hosts_lookup. */
size_t dns_files_lookup(
    const struct dns_files *files, const char *hostname, struct addr *ret, size_t max);

#endif
