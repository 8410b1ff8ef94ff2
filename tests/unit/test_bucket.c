/* The token bucket: what passes at once, and how long the rest waits. */
#include "probes/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* How many may pass at the moment. */
static int
drain(struct bucket *bucket, int64_t now_ms)
{
    int n = 0;

    while (n < 100000 && bucket_take(bucket, now_ms)) {
        n++;
    }
    return n;
}

static void
a_burst_then_a_steady_flow(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 10, 32, 5000);
    assert_int_equal(drain(&bucket, 5000), 32);
    assert_int_equal(bucket_wait_ms(&bucket, 5000), 100);
    assert_int_equal(drain(&bucket, 5099), 0);
    assert_int_equal(bucket_wait_ms(&bucket, 5099), 1);
    assert_int_equal(drain(&bucket, 5100), 1);
    assert_int_equal(drain(&bucket, 6100), 10);
    assert_int_equal(drain(&bucket, 9299), 31);
    assert_int_equal(drain(&bucket, 9300), 1);              /* the part of a token is not lost */
    assert_int_equal(drain(&bucket, INT64_C(1) << 50), 32); /* never more than the burst */
}

static void
it_may_be_overdrawn(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 10, 4, 0);
    assert_int_equal(bucket_wait_ms(&bucket, 0), 0);
    bucket_charge(&bucket, 7, 0);
    assert_int_equal(bucket_wait_ms(&bucket, 0), 400);
    assert_int_equal(drain(&bucket, 399), 0);
    assert_int_equal(drain(&bucket, 400), 1);
    assert_int_equal(bucket_wait_ms(&bucket, 400), 100);
    bucket_charge(&bucket, 1000, 400); /* but not for ever */
    assert_int_equal(bucket_wait_ms(&bucket, 400), 500);
}

/* A minute at one query every 10 ms: never more than the burst and ten each second. */
static void
the_rate_holds(void **state)
{
    struct bucket bucket;
    int n = 0;

    (void)state;
    bucket_init(&bucket, 10, 32, 0);
    for (int64_t now_ms = 0; now_ms < 60000; now_ms += 10) {
        n += bucket_take(&bucket, now_ms);
    }
    assert_in_range(n, 32 + 595, 32 + 600);
}

/* A clock that does not move, or a caller that is behind, gives nothing and takes nothing. */
static void
time_stands_still(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 1000, 1, 100);
    assert_true(bucket_take(&bucket, 100));
    assert_false(bucket_take(&bucket, 100));
    assert_false(bucket_take(&bucket, 50));
    assert_int_equal(bucket_wait_ms(&bucket, 50), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_burst_then_a_steady_flow),
        cmocka_unit_test(it_may_be_overdrawn), cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(time_stands_still)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
