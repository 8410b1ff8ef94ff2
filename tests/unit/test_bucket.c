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
    assert_int_equal(bucket_wait_ms(&bucket, 1, 5000), 100);
    assert_int_equal(drain(&bucket, 5099), 0);
    assert_int_equal(bucket_wait_ms(&bucket, 1, 5099), 1);
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
    assert_int_equal(bucket_wait_ms(&bucket, 1, 0), 0);
    bucket_charge(&bucket, 7, 0);
    assert_int_equal(bucket_wait_ms(&bucket, 1, 0), 400);
    assert_int_equal(drain(&bucket, 399), 0);
    assert_int_equal(drain(&bucket, 400), 1);
    assert_int_equal(bucket_wait_ms(&bucket, 1, 400), 100);
    bucket_charge(&bucket, 1000, 400); /* but not for ever */
    assert_int_equal(bucket_wait_ms(&bucket, 1, 400), 500);
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

/* A minute in which tokens are taken by rounds, as soon as a round is there: as many as one by one,
 * with a wake-up for each round. */
static void
rounds_keep_the_rate(void **state)
{
    static const struct {
        int64_t per_second;
        int64_t burst;
        int64_t round;
    } cases[] = {{10, 32, 2}, {133, 400, 33}, {512, 512, 128}, {3, 32, 1}, {10, 3, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bucket bucket;
        int64_t n = 0;
        int64_t n_waits = 0;

        bucket_init(&bucket, cases[i].per_second, cases[i].burst, 0);
        assert_int_equal(bucket_refill(&bucket, 250), cases[i].round);
        for (int64_t now_ms = 0; now_ms < 60000;) {
            n += drain(&bucket, now_ms);
            now_ms += bucket_wait_ms(&bucket, cases[i].round, now_ms);
            n_waits++;
        }
        /* the last round may still be on its way */
        assert_in_range(n, cases[i].burst + 60 * cases[i].per_second - cases[i].round - 1,
            cases[i].burst + 60 * cases[i].per_second);
        assert_in_range(n_waits, 1, 60 * cases[i].per_second / cases[i].round + 1);
    }
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
    assert_int_equal(bucket_wait_ms(&bucket, 1, 50), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_burst_then_a_steady_flow),
        cmocka_unit_test(it_may_be_overdrawn), cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(rounds_keep_the_rate), cmocka_unit_test(time_stands_still)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
