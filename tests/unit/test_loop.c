/* The loop's memory of its own lateness. Real time passes here, but only lower bounds are looked
 * at: a stall can only be longer than it was made. */
#include "daemon/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define BIG_MS 200
#define SMALL_MS 90 /* above the lateness that is remembered */
#define SMALL_N 12  /* more than are remembered */

struct stalls {
    struct loop *loop;
    struct loop_timer *timer;
    int n;
};

static void
stall_ms(int64_t ms)
{
    struct timespec ts = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* One big stall, then more small ones than there are marks. */
static void
on_timer(void *arg)
{
    struct stalls *stalls = arg;

    stall_ms(stalls->n == 0 ? BIG_MS : SMALL_MS);
    if (++stalls->n > SMALL_N) {
        loop_stop(stalls->loop);
        return;
    }
    assert_int_equal(loop_timer_set(stalls->timer, 60), 0);
}

static void
the_worst_stall_is_remembered(void **state)
{
    struct stalls stalls = {.loop = loop_new()};

    (void)state;
    assert_non_null(stalls.loop);
    stalls.timer = loop_timer_new(stalls.loop, on_timer, &stalls);
    assert_non_null(stalls.timer);
    assert_false(loop_timer_is_set(stalls.timer));
    assert_int_equal(loop_timer_set(stalls.timer, 1), 0);
    assert_true(loop_timer_is_set(stalls.timer));
    loop_watch_lag(stalls.loop);
    assert_int_equal(loop_run(stalls.loop), 0);
    assert_true(loop_lag_ms(stalls.loop, 0) >= BIG_MS - 50);
    loop_unwatch_lag(stalls.loop);

    loop_watch_lag(stalls.loop); /* another watch begins with a clean sheet */
    assert_true(loop_lag_ms(stalls.loop, loop_now_ms(stalls.loop)) < BIG_MS);
    loop_unwatch_lag(stalls.loop);
    loop_timer_free(stalls.timer);
    loop_free(stalls.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_worst_stall_is_remembered)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
