/* The loop's memory of its own lateness, and timers without memory. Real time passes here, but only
 * lower bounds are looked at: a stall can only be longer than it was made. */
#include "daemon/loop.h"
#include "daemon/util.h"

#include <dlfcn.h>
#include <event2/event.h>
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
    loop_timer_set(stalls->timer, 60);
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
    loop_timer_set(stalls.timer, 1);
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

static bool out_of_memory;

/* Before libevent's own. */
int
event_add(struct event *event, const struct timeval *delay)
{
    static int (*next)(struct event *, const struct timeval *);

    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "event_add");
    }
    return out_of_memory ? -1 : next(event, delay);
}

#define STARVED_N 3

struct starved {
    struct loop *loop;
    struct loop_timer *timers[STARVED_N];
    struct loop_timer *stopped;
    struct loop_timer *freed;
    int n_fired;
};

static void
on_starved(void *arg)
{
    struct starved *starved = arg;

    if (++starved->n_fired < STARVED_N) {
        return;
    }
    if (out_of_memory) { /* once more, with memory again */
        starved->n_fired = 0;
        for (size_t i = 0; i < STARVED_N; i++) {
            loop_timer_set(starved->timers[i], (int64_t)i);
        }
        out_of_memory = false;
        return;
    }
    loop_stop(starved->loop);
}

static void
never(void *arg)
{
    (void)arg;
    fail();
}

/* They fire all the same, with memory and without; those that were stopped do not. */
static void
timers_need_no_memory(void **state)
{
    struct starved starved = {.loop = loop_new()};

    (void)state;
    assert_non_null(starved.loop);
    starved.stopped = loop_timer_new(starved.loop, never, NULL);
    starved.freed = loop_timer_new(starved.loop, never, NULL);
    loop_timer_set(starved.stopped, 0); /* while there is memory: the later setting counts */
    out_of_memory = true;
    for (size_t i = 0; i < STARVED_N; i++) {
        starved.timers[i] = loop_timer_new(starved.loop, on_starved, &starved);
        assert_non_null(starved.timers[i]);
        loop_timer_set(starved.timers[i], 0);
        loop_timer_set(starved.timers[i], 20 - (int64_t)i);
        assert_true(loop_timer_is_set(starved.timers[i]));
    }
    loop_timer_set(starved.stopped, 1);
    loop_timer_set(starved.freed, 1);
    loop_timer_stop(starved.stopped);
    assert_false(loop_timer_is_set(starved.stopped));
    loop_timer_free(TAKE(starved.freed));
    assert_int_equal(loop_run(starved.loop), 0);
    assert_int_equal(starved.n_fired, STARVED_N);
    for (size_t i = 0; i < STARVED_N; i++) {
        assert_false(loop_timer_is_set(starved.timers[i]));
        loop_timer_free(starved.timers[i]);
    }
    loop_timer_free(starved.stopped);
    loop_free(starved.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_stall_is_remembered), cmocka_unit_test(timers_need_no_memory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
