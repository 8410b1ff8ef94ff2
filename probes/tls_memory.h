/* OpenSSL's allocations, watched: it takes a want of memory for many things, among them a key too
 * weak and an error of the peer, and often leaves no word of it in its error queue. */
#ifndef VPCE_PROBES_TLS_MEMORY_H
#define VPCE_PROBES_TLS_MEMORY_H

/* From now on, for the whole process; twice is fine. OpenSSL refuses once it has allocated: if
 * others came before us, its queue has to do. */
void tls_memory_watch(void);

/* How many allocations have failed so far. */
unsigned tls_memory_n_starved(void);

#endif
