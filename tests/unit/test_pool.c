/* The allocator of small pieces: none overlaps another, none is lost, a wrong one is noticed. */
#include "daemon/util.h"
#include "probes/pool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SLAB_BYTES 65536
#define REGION_BYTES ((size_t)16 << 20)

static int
set_up(void **state)
{
    *state = pool_new(REGION_BYTES);
    return *state != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    pool_free(*state);
    return 0;
}

/* Of every size there is: aligned, large enough, and not much too large. */
static void
sizes(void **state)
{
    struct pool *pool = *state;

    for (size_t size = 0; size <= POOL_PIECE_MAX; size++) {
        uint8_t *piece = pool_take(pool, size);

        assert_non_null(piece);
        assert_true(pool_owns(pool, piece));
        assert_int_equal((uintptr_t)piece % 16, 0);
        assert_true(pool_piece_size(pool, piece) >= size);
        assert_true(pool_piece_size(pool, piece) <= size + size / 4 + 16);
        memset(piece, 0xa5, pool_piece_size(pool, piece));
        pool_give(pool, piece);
    }
    assert_null(pool_take(pool, POOL_PIECE_MAX + 1));
    assert_null(pool_take(pool, SIZE_MAX));
}

static void
what_is_not_its_own(void **state)
{
    const struct pool *pool = *state;
    int here;

    assert_false(pool_owns(pool, NULL));
    assert_false(pool_owns(pool, &here));
    assert_false(pool_owns(pool, state));
}

/* ---- many, for a long time ---- */

#define PIECES_MAX 3000
#define STEPS 200000

struct piece {
    uint8_t *memory; /* NULL: none */
    size_t size;
    uint8_t fill;
};

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Mostly small ones, as OpenSSL's. */
static size_t
some_size(uint32_t *seed)
{
    uint32_t r = next_random(seed);

    return r % 50 == 0 ? r % (POOL_PIECE_MAX + 1) : r % 300;
}

static void
check_fill(const struct piece *piece)
{
    for (size_t i = 0; i < piece->size; i++) {
        if (piece->memory[i] != piece->fill) {
            fail_msg("byte %zu of %zu was written by somebody else", i, piece->size);
        }
    }
}

static void
toggle(struct pool *pool, struct piece *piece, uint32_t *seed)
{
    if (piece->memory != NULL) {
        check_fill(piece);
        pool_give(pool, piece->memory);
        piece->memory = NULL;
        return;
    }
    piece->size = some_size(seed);
    piece->fill = (uint8_t)next_random(seed);
    piece->memory = pool_take(pool, piece->size);
    if (piece->memory != NULL) {
        memset(piece->memory, piece->fill, piece->size);
    }
}

static size_t
fill_up(struct pool *pool, size_t size, void **pieces, size_t max)
{
    size_t n = 0;

    while (n < max && (pieces[n] = pool_take(pool, size)) != NULL) {
        n++;
    }
    return n;
}

static size_t
n_large_pieces(struct pool *pool)
{
    static void *pieces[REGION_BYTES / POOL_PIECE_MAX];

    return fill_up(pool, POOL_PIECE_MAX, pieces, ARRAY_SIZE(pieces));
}

/* In the end all of it can be had again. */
static void
pieces_do_not_overlap(void **state)
{
    static struct piece pieces[PIECES_MAX];
    struct pool *pool = *state;
    struct pool *fresh;
    uint32_t seed = 20261129;

    for (int i = 0; i < STEPS; i++) {
        toggle(pool, &pieces[next_random(&seed) % PIECES_MAX], &seed);
    }
    for (size_t i = 0; i < PIECES_MAX; i++) {
        if (pieces[i].memory != NULL) {
            toggle(pool, &pieces[i], &seed);
        }
    }
    fresh = pool_new(REGION_BYTES);
    assert_int_equal(n_large_pieces(pool), n_large_pieces(fresh));
    pool_free(fresh);
}

/* ---- full ---- */

/* The same region serves one size after the other, and all of it. */
static void
it_ends_and_begins_again(void **state)
{
    static const size_t slabs = 4;
    static const struct {
        size_t size, at_least;
    } rows[] = {{16, 3900}, {48, 1250}, {512, 120}, {513, 96}, {4096, 15}, {16700, 3}, {16, 3900}};
    static void *pieces[4 * SLAB_BYTES / 16];
    struct pool *pool = pool_new(slabs * SLAB_BYTES);

    (void)state;
    assert_non_null(pool);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t n = fill_up(pool, rows[i].size, pieces, ARRAY_SIZE(pieces));

        assert_in_range(n, rows[i].at_least * slabs, slabs * SLAB_BYTES / rows[i].size);
        assert_null(pool_take(pool, rows[i].size));
        assert_null(pool_take(pool, 1024)); /* another size has no slab either */
        for (size_t k = 0; k < n; k++) {
            pool_give(pool, pieces[k]);
        }
    }
    pool_free(pool);
}

static void
no_region(void **state)
{
    struct pool *pool = pool_new(0);

    (void)state;
    assert_null(pool); /* there is no mapping of nothing */
    assert_null(pool_new(SIZE_MAX / 2));
    pool_free(NULL);
}

/* ---- what must not happen ---- */

static void
give_twice(struct pool *pool)
{
    void *piece = pool_take(pool, 40);

    pool_give(pool, piece);
    pool_give(pool, piece);
}

static void
give_twice_beside_others(struct pool *pool)
{
    void *pieces[3];

    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        pieces[i] = pool_take(pool, 40);
    }
    pool_give(pool, pieces[1]);
    pool_give(pool, pieces[1]);
}

static void
give_inside(struct pool *pool)
{
    pool_give(pool, (uint8_t *)pool_take(pool, 40) + 16);
}

static void
give_what_was_never_taken(struct pool *pool)
{
    pool_give(pool, (uint8_t *)pool_take(pool, 40) + 4800);
}

static void
give_of_no_slab(struct pool *pool)
{
    pool_give(pool, (uint8_t *)pool_take(pool, 40) + (size_t)5 * SLAB_BYTES);
}

static void
give_before_the_first(struct pool *pool)
{
    uint8_t *first = pool_take(pool, 40);

    (void)pool_take(pool, 400); /* its slab does not begin with a piece */
    pool_give(pool, first + SLAB_BYTES);
}

static void
a_wrong_piece_ends_the_process(void **state)
{
    static const struct {
        const char *name;
        void (*does)(struct pool *pool);
    } rows[] = {{"twice", give_twice}, {"twice beside others", give_twice_beside_others},
        {"inside of one", give_inside}, {"never taken", give_what_was_never_taken},
        {"of no slab", give_of_no_slab}, {"before the first", give_before_the_first}};
    struct pool *pool = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int status = 0;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            (void)signal(SIGABRT, SIG_DFL);
            (void)close(STDERR_FILENO);
            rows[i].does(pool);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
            fail_msg("%s: status %#x", rows[i].name, (unsigned)status);
        }
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_do_not_overlap, set_up, tear_down),
        cmocka_unit_test(it_ends_and_begins_again),
        cmocka_unit_test(no_region),
        cmocka_unit_test_setup_teardown(a_wrong_piece_ends_the_process, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
