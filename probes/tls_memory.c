/* See tls_memory.h. */
#include "probes/tls_memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* OpenSSL's functions take no argument of ours. */
static unsigned n_starved;

static void *
on_malloc(size_t size, const char *file, int line)
{
    void *memory = malloc(size);

    (void)file;
    (void)line;
    n_starved += memory == NULL && size > 0;
    return memory;
}

static void *
on_realloc(void *old, size_t size, const char *file, int line)
{
    void *memory;

    (void)file;
    (void)line;
    if (size == 0) { /* as OpenSSL's own does */
        free(old);
        return NULL;
    }
    memory = realloc(old, size);
    n_starved += memory == NULL;
    return memory;
}

static void
on_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

void
tls_memory_watch(void)
{
    (void)CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free);
}

unsigned
tls_memory_n_starved(void)
{
    return n_starved;
}
