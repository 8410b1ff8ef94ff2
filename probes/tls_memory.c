/* See tls_memory.h.
 *
 * Reason for the pool: OpenSSL asks for memory some 2,000 times in a handshake, mostly for little
 * and not for long, and glibc keeps at hand but seven pieces of a size. With the pool the default
 * engine takes 0.90 to 0.92 of the CPU of a probe, the lean one 0.94 to 0.98 (tests/bench/tls,
 * before and after). */
#include "probes/tls_memory.h"

#include "daemon/util.h"
#include "probes/pool.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Address space. A handshake in flight takes 60 kB at most. */
#define POOL_BYTES_MAX ((size_t)64 << 20)

/* OpenSSL's functions take no argument of ours. */
static struct pool *pool; /* NULL: the C library's allocator for all */
static unsigned n_starved;

static void *
on_malloc(size_t size, const char *file, int line)
{
    void *memory = pool == NULL ? NULL : pool_take(pool, size);

    (void)file;
    (void)line;
    if (memory == NULL) {
        memory = malloc(size);
        n_starved += memory == NULL && size > 0;
    }
    return memory;
}

static void
on_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    if (pool != NULL && pool_owns(pool, memory)) {
        pool_give(pool, memory);
    } else {
        free(memory);
    }
}

static void *
realloc_from_pool(void *old, size_t size)
{
    size_t old_size = pool_piece_size(pool, old);
    void *memory;

    if (size <= old_size) {
        return old;
    }
    memory = on_malloc(size, NULL, 0);
    if (memory != NULL) {
        memcpy(memory, old, old_size);
        pool_give(pool, old);
    }
    return memory;
}

static void *
on_realloc(void *old, size_t size, const char *file, int line)
{
    void *memory;

    if (old == NULL) {
        return on_malloc(size, file, line);
    }
    if (size == 0) { /* as OpenSSL's own does */
        on_free(old, file, line);
        return NULL;
    }
    if (pool != NULL && pool_owns(pool, old)) {
        return realloc_from_pool(old, size);
    }
    memory = realloc(old, size);
    n_starved += memory == NULL;
    return memory;
}

/* Not where each piece is watched. */
static bool
may_pool(void)
{
    return !BUILT_WITH_ASAN && getenv("MALLOC_CHECK_") == NULL && getenv("MALLOC_PERTURB_") == NULL;
}

void
tls_memory_start(void)
{
    if (CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) == 1 && pool == NULL &&
        may_pool()) {
        pool = pool_new(POOL_BYTES_MAX);
    }
}

unsigned
tls_memory_n_starved(void)
{
    return n_starved;
}
