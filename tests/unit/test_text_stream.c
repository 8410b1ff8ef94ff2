/* daemon/text_stream: all that was written, or nothing. */
#include "daemon/text_stream.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool memory_fails;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_realloc(void *old, size_t size)
{
    return memory_fails ? NULL : __real_realloc(old, size);
}

static void
short_and_long(void **state)
{
    static const size_t lengths[] = {0, 1, 4095, 4096, 4097, 8192, 100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct text_stream stream;
        char *text;

        text_stream_open(&stream);
        assert_non_null(stream.out);
        for (size_t k = 0; k < lengths[i]; k++) {
            (void)fputc('a' + (int)(k % 26), stream.out);
        }
        text = text_stream_close(&stream);
        assert_non_null(text);
        assert_int_equal(strlen(text), lengths[i]);
        for (size_t k = 0; k < lengths[i]; k++) {
            assert_int_equal(text[k], 'a' + (int)(k % 26));
        }
        free(text);
    }
}

static void
nothing_after_a_failure(void **state)
{
    struct text_stream stream;

    (void)state;
    text_stream_open(&stream);
    (void)fputs("a", stream.out);
    text_stream_fail(&stream);
    (void)fputs("b", stream.out);
    assert_null(text_stream_close(&stream));
    stream = (struct text_stream){.out = NULL}; /* as without memory */
    assert_null(text_stream_close(&stream));
}

/* Memory is there again when the rest comes: still no text, for its midst is missing. */
static void
memory_fails_for_a_moment(void **state)
{
    static const char large[10000];
    struct text_stream stream;

    (void)state;
    text_stream_open(&stream);
    (void)fputs("before", stream.out);
    memory_fails = true;
    (void)fwrite(large, sizeof(large), 1, stream.out);
    memory_fails = false;
    (void)fputs("after", stream.out);
    assert_null(text_stream_close(&stream));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(short_and_long),
        cmocka_unit_test(nothing_after_a_failure), cmocka_unit_test(memory_fails_for_a_moment)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
