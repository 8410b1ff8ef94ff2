/* OpenSSL's memory: what grows keeps its bytes, wherever it lies; a want of it is counted. */
#include "daemon/util.h"
#include "probes/tls_memory.h"
#include "tests/unit/scarce_memory.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED 41

#define HAS_POOL (!BUILT_WITH_ASAN && getenv("MALLOC_PERTURB_") == NULL)

static void
fill(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(i * SEED);
    }
}

static void
check(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(bytes[i], (uint8_t)(i * SEED));
    }
}

static void
sizes_change(void **state)
{
    static const size_t rows[][2] = {{1, 16}, {16, 17}, {17, 1}, {600, 700}, {700, 20480},
        {20480, 20481}, {20481, 100000}, {100000, 20480}, {100000, 1}, {20480, 1}, {1, 1000000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t before = rows[i][0], after = rows[i][1];
        uint8_t *bytes = OPENSSL_malloc(before);

        assert_non_null(bytes);
        fill(bytes, before);
        bytes = OPENSSL_realloc(bytes, after);
        assert_non_null(bytes);
        check(bytes, before < after ? before : after);
        fill(bytes, after);
        check(bytes, after);
        OPENSSL_free(bytes);
    }
}

static void
edges(void **state)
{
    uint8_t *bytes = OPENSSL_realloc(NULL, 40);

    (void)state;
    assert_non_null(bytes);
    assert_null(OPENSSL_realloc(bytes, 0)); /* it is freed */
    bytes = OPENSSL_zalloc(300);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(bytes[i], 0);
    }
    OPENSSL_clear_free(bytes, 300);
    OPENSSL_free(NULL);
    tls_memory_start(); /* again: nothing changes */
}

static void
want_is_counted(void **state)
{
    const size_t large = 30000;
    unsigned n_before = tls_memory_n_starved();
    void *in_pool = OPENSSL_malloc(200);
    void *outside = OPENSSL_malloc(large);
    void *none[3];
    void *little;

    (void)state;
    scarce_is_none = true;
    none[0] = OPENSSL_malloc(large);
    none[1] = OPENSSL_realloc(in_pool, large);
    none[2] = OPENSSL_realloc(outside, 2 * large);
    little = OPENSSL_malloc(100); /* of that the pool has some, where there is one */
    scarce_is_none = false;
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        assert_null(none[i]);
    }
    assert_int_equal(little != NULL, HAS_POOL);
    assert_int_equal(tls_memory_n_starved(), n_before + 4 - HAS_POOL);
    OPENSSL_free(little);
    OPENSSL_free(in_pool); /* they are still there */
    OPENSSL_free(outside);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_change),
        cmocka_unit_test(edges),
        cmocka_unit_test(want_is_counted),
    };

    tls_memory_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
