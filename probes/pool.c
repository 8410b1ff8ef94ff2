/* See pool.h.
 *
 * One region is cut into slabs of one size; a slab holds pieces of one class, and a bit for each
 * says whether it is free. The lowest free bit goes first, so that what was used last is used
 * again, and pages stay together. */
#include "probes/pool.h"

#include "daemon/util.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLAB_BYTES 65536
#define ALIGNMENT 16
#define GROW_SLABS 16 /* made writable at once: 1 MiB */
#define WORD_BITS 64
#define WORDS_MAX (SLAB_BYTES / ALIGNMENT / WORD_BITS)

/* Classes: each multiple of 16 up to 512, then four for each power of two, up to POOL_PIECE_MAX. */
#define FINE_BYTES 512
#define FINE_LOG2 9
#define FINE_N (FINE_BYTES / ALIGNMENT)
#define CLASS_N (FINE_N + 21)

/* A slab does not begin with its first piece: the first pieces of all would meet in the same places
 * of the processor's caches. */
#define COLOUR_STEP 320
#define COLOUR_MASK 0xfc0

struct slab {
    struct slab *next; /* in a list of slabs of one class with a free piece, or of empty ones */
    struct slab *previous;
    uint32_t class;
    uint32_t start;      /* of the first piece, bytes */
    uint32_t n_pieces;   /* that there is room for */
    uint32_t n_taken;    /* of them */
    uint32_t first_word; /* those before have no free bit */
    uint64_t is_free[WORDS_MAX];
};

struct size_class {
    uint32_t bytes;
    uint32_t reciprocal; /* 2^32 / bytes, rounded up: bytes < 2^15 make it exact below 2^16 */
    struct slab *with_room;
};

struct pool {
    uint8_t *base;
    size_t n_slabs_max;
    size_t n_slabs;    /* that were ever used */
    size_t n_writable; /* the rest of the region cannot be touched */
    struct slab *empty;
    struct size_class classes[CLASS_N];
    struct slab slabs[];
};

static uint32_t
class_of_size(size_t size)
{
    unsigned log2, shift;

    if (size <= FINE_BYTES) {
        return size == 0 ? 0 : (uint32_t)((size - 1) / ALIGNMENT);
    }
    size--;
    log2 = 63 - (unsigned)__builtin_clzll(size);
    shift = log2 - 2;
    return FINE_N + (log2 - FINE_LOG2) * 4 + (uint32_t)(size >> shift & 3);
}

static uint32_t
bytes_of_class(uint32_t class)
{
    if (class < FINE_N) {
        return (class + 1) * ALIGNMENT;
    }
    class -= FINE_N;
    return (class % 4 + 5) << (class / 4 + FINE_LOG2 - 2);
}

struct pool *
pool_new(size_t max)
{
    size_t n_slabs_max = max / SLAB_BYTES;
    /* most of these pages are never touched either */
    struct pool *pool = mmap(NULL, sizeof(*pool) + n_slabs_max * sizeof(struct slab),
        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (pool == MAP_FAILED) {
        return NULL;
    }
    pool->n_slabs_max = n_slabs_max;
    pool->base = mmap(NULL, n_slabs_max * SLAB_BYTES, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool->base == MAP_FAILED) {
        (void)munmap(pool, sizeof(*pool) + n_slabs_max * sizeof(struct slab));
        return NULL;
    }
    for (uint32_t i = 0; i < CLASS_N; i++) {
        uint32_t bytes = bytes_of_class(i);

        pool->classes[i].bytes = bytes;
        pool->classes[i].reciprocal = UINT32_MAX / bytes + 1;
    }
    return pool;
}

void
pool_free(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    (void)munmap(pool->base, pool->n_slabs_max * SLAB_BYTES);
    (void)munmap(pool, sizeof(*pool) + pool->n_slabs_max * sizeof(struct slab));
}

static uint8_t *
memory_of(const struct pool *pool, const struct slab *slab)
{
    return pool->base + (size_t)(slab - pool->slabs) * SLAB_BYTES;
}

static void
push(struct slab **list, struct slab *slab)
{
    slab->previous = NULL;
    slab->next = *list;
    if (slab->next != NULL) {
        slab->next->previous = slab;
    }
    *list = slab;
}

static void
unlink_slab(struct slab **list, struct slab *slab)
{
    if (slab->previous != NULL) {
        slab->previous->next = slab->next;
    } else {
        *list = slab->next;
    }
    if (slab->next != NULL) {
        slab->next->previous = slab->previous;
    }
}

static bool
grow(struct pool *pool)
{
    size_t left = pool->n_slabs_max - pool->n_writable;
    size_t n = left < GROW_SLABS ? left : GROW_SLABS;

    if (n == 0 || mprotect(pool->base + pool->n_writable * SLAB_BYTES, n * SLAB_BYTES,
                      PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    pool->n_writable += n;
    return true;
}

/* One without pieces, in no list. NULL: there is no more. */
static struct slab *
take_slab(struct pool *pool)
{
    struct slab *slab = pool->empty;

    if (slab != NULL) {
        unlink_slab(&pool->empty, slab);
        return slab;
    }
    if (pool->n_slabs == pool->n_writable && !grow(pool)) {
        return NULL;
    }
    return &pool->slabs[pool->n_slabs++];
}

static struct slab *
start_slab(struct pool *pool, uint32_t class)
{
    struct slab *slab = take_slab(pool);

    if (slab == NULL) {
        return NULL;
    }
    slab->class = class;
    slab->start = (uint32_t)(slab - pool->slabs) * COLOUR_STEP & COLOUR_MASK;
    slab->n_pieces = (SLAB_BYTES - slab->start) / pool->classes[class].bytes;
    slab->n_taken = 0;
    slab->first_word = 0;
    for (uint32_t i = 0; i < slab->n_pieces; i += WORD_BITS) {
        uint32_t n = slab->n_pieces - i;

        slab->is_free[i / WORD_BITS] = n < WORD_BITS ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    }
    push(&pool->classes[class].with_room, slab);
    return slab;
}

void *
pool_take(struct pool *pool, size_t size)
{
    struct size_class *class;
    struct slab *slab;
    uint32_t word, index;

    if (size > POOL_PIECE_MAX) {
        return NULL;
    }
    class = &pool->classes[class_of_size(size)];
    slab = class->with_room;
    if (slab == NULL && (slab = start_slab(pool, class_of_size(size))) == NULL) {
        return NULL;
    }
    for (word = slab->first_word; slab->is_free[word] == 0;) {
        word++;
    }
    slab->first_word = word;
    index = word * WORD_BITS + (uint32_t)__builtin_ctzll(slab->is_free[word]);
    slab->is_free[word] &= slab->is_free[word] - 1;
    if (++slab->n_taken == slab->n_pieces) {
        unlink_slab(&class->with_room, slab);
    }
    return memory_of(pool, slab) + slab->start + (size_t)index * class->bytes;
}

bool
pool_owns(const struct pool *pool, const void *piece)
{
    return (uintptr_t)piece - (uintptr_t)pool->base < pool->n_slabs_max * SLAB_BYTES;
}

static size_t
slab_index(const struct pool *pool, const void *piece)
{
    return ((uintptr_t)piece - (uintptr_t)pool->base) / SLAB_BYTES;
}

size_t
pool_piece_size(const struct pool *pool, const void *piece)
{
    return pool->classes[pool->slabs[slab_index(pool, piece)].class].bytes;
}

static _Noreturn void
die(void)
{
    (void)fputs("memory was freed that was not in use: ending before more is damaged\n", stderr);
    abort();
}

void
pool_give(struct pool *pool, void *piece)
{
    struct slab *slab = &pool->slabs[slab_index(pool, piece)];
    struct size_class *class = &pool->classes[slab->class];
    uint32_t offset = (uint32_t)((uintptr_t)piece - (uintptr_t)pool->base) % SLAB_BYTES;
    uint32_t at = offset - slab->start;
    uint32_t index = (uint32_t)((uint64_t)at * class->reciprocal >> 32);
    uint32_t word = index / WORD_BITS;
    uint64_t bit = UINT64_C(1) << index % WORD_BITS;

    if (offset < slab->start || index >= slab->n_pieces || at != index * class->bytes ||
        (slab->is_free[word] & bit) != 0) {
        die();
    }
    slab->is_free[word] |= bit;
    if (word < slab->first_word) {
        slab->first_word = word;
    }
    if (slab->n_taken-- == slab->n_pieces) {
        push(&class->with_room, slab);
    }
    if (slab->n_taken == 0) { /* any class may have it */
        unlink_slab(&class->with_room, slab);
        push(&pool->empty, slab);
    }
}
