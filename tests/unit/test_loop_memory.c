/* daemon/loop_memory, with and without memory. */
#include "daemon/loop_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL 40

static bool starving;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_malloc(size_t size)
{
    return starving ? NULL : __real_malloc(size);
}

static int
feed(void **state)
{
    (void)state;
    starving = false;
    return 0;
}

static void
the_reserve_is_used_up_and_comes_back(void **state)
{
    unsigned char *all[LOOP_MEMORY_PIECES];

    (void)state;
    starving = true;
    assert_null(loop_memory_alloc(LOOP_MEMORY_PIECE_BYTES + 1));
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < LOOP_MEMORY_PIECES; i++) {
            all[i] = loop_memory_alloc(LOOP_MEMORY_PIECE_BYTES);
            assert_non_null(all[i]);
            assert_int_equal((uintptr_t)all[i] % sizeof(max_align_t), 0);
            assert_int_equal(all[i][0], 0); /* wiped, in the second round */
            memset(all[i], (int)i + 1, LOOP_MEMORY_PIECE_BYTES);
        }
        assert_null(loop_memory_alloc(1));
        for (size_t i = 0; i < LOOP_MEMORY_PIECES; i++) {
            assert_int_equal(all[i][LOOP_MEMORY_PIECE_BYTES - 1], i + 1); /* nobody else's */
            loop_memory_free(all[i]);
        }
    }
}

/* From one to the other and back, with its bytes. */
static void
it_grows_and_moves(void **state)
{
    static const bool starves[] = {false, true, true, false, true};
    char *memory = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(starves) / sizeof(starves[0]); i++) {
        starving = starves[i];
        memory = loop_memory_realloc(memory, SMALL + i);
        assert_non_null(memory);
        if (i > 0) {
            assert_string_equal(memory, "what was there");
        }
        memcpy(memory, "what was there", sizeof("what was there"));
    }
    starving = true;
    assert_null(loop_memory_realloc(memory, LOOP_MEMORY_PIECE_BYTES + 1));
    assert_string_equal(memory, "what was there"); /* still */
    starving = false;
    memory = loop_memory_realloc(memory, 2 * (size_t)LOOP_MEMORY_PIECE_BYTES);
    assert_string_equal(memory, "what was there");
    loop_memory_free(memory);
    loop_memory_free(NULL);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_reserve_is_used_up_and_comes_back, feed),
        cmocka_unit_test_teardown(it_grows_and_moves, feed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
