/* OpenSSL's allocations, for the whole process: watched, and made cheap (probes/pool.h).
 *
 * Watched, because it takes a want of memory for many things, among them a key too weak and an
 * error of the peer, and often leaves no word of it in its error queue.
 *
 * With MALLOC_CHECK_ or MALLOC_PERTURB_ in the environment (mallopt(3)), and under
 * AddressSanitizer, all of it is the C library's: for who wants each piece looked after. */
#ifndef VPCE_PROBES_TLS_MEMORY_H
#define VPCE_PROBES_TLS_MEMORY_H

/* From now on; twice is fine. OpenSSL refuses once it has allocated: if others came before us, its
 * queue has to do. */
void tls_memory_start(void);

/* How many allocations have failed so far. */
unsigned tls_memory_n_starved(void);

#endif
