/* daemon/cli/console.c: what is said when, by a hand-turned clock. */
#include "daemon/cli/console.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)

struct step {
    int64_t at_ms;
    const char *line;
    bool known;
    bool said;
    int64_t wait_ms;   /* when not */
    uint64_t n_passed; /* when said */
};

static void
play(const char *what, const struct step *steps, size_t n)
{
    struct console console;

    console_init(&console);
    for (size_t i = 0; i < n; i++) {
        const struct step *step = &steps[i];
        int64_t now_ms = 1000 + step->at_ms;
        int64_t wait_ms;
        uint64_t n_passed;

        if (console_look(&console, step->line, step->known, now_ms, &wait_ms) != step->said) {
            fail_msg("%s, step %zu: said or not", what, i);
        }
        if (!step->said && wait_ms != step->wait_ms) {
            fail_msg("%s, step %zu: waits %lld", what, i, (long long)wait_ms);
        }
        if (step->said && (n_passed = console_told(&console, now_ms)) != step->n_passed) {
            fail_msg("%s, step %zu: passed over %llu", what, i, (unsigned long long)n_passed);
        }
    }
}

static void
a_line_for_a_change(void **state)
{
    static const struct step steps[] = {
        {0, "unknown: ?", false, false, CONSOLE_UNKNOWN_MS, 0},
        {1000, "unknown: ??", false, false, CONSOLE_UNKNOWN_MS - 1000, 0},
        {2000, "healthy: 6", true, true, 0, 0},
        {3000, "healthy: 6", true, false, -1, 0},
        {9000, "unhealthy: 1", true, true, 0, 0},
        {9001, "unhealthy: 1", true, false, -1, 0},
        /* new settings: known again before it is worth a line */
        {10000, "unknown: ?", false, false, CONSOLE_UNKNOWN_MS, 0},
        {11000, "unhealthy: 1", true, false, -1, 0},
        {90000, "unknown: ?", false, false, CONSOLE_UNKNOWN_MS, 0},
        {90000 + CONSOLE_UNKNOWN_MS, "unknown: ?", false, true, 0, 0},
    };

    (void)state;
    play("changes", steps, ARRAY_SIZE(steps));
}

static void
nothing_known_is_told_in_the_end(void **state)
{
    static const struct step steps[] = {
        {0, "unknown: ?", false, false, CONSOLE_UNKNOWN_MS, 0},
        {CONSOLE_UNKNOWN_MS, "unknown: ?", false, true, 0, 0},
        {CONSOLE_UNKNOWN_MS + 1, "unknown: ?", false, false, -1, 0},
    };

    (void)state;
    play("nothing known", steps, ARRAY_SIZE(steps));
}

static void
too_many_are_held_back(void **state)
{
    static const struct step steps[] = {
        {0, "a: 1", true, true, 0, 0},
        {MINUTE_MS, "b: 2", true, true, 0, 0},
        {2 * MINUTE_MS, "a: 1", true, true, 0, 0},
        {3 * MINUTE_MS, "b: 2", true, true, 0, 0},
        {4 * MINUTE_MS, "a: 1", true, true, 0, 0},
        {5 * MINUTE_MS, "b: 2", true, true, 0, 0},
        /* six in ten minutes: the seventh waits for the first to be that old */
        {6 * MINUTE_MS, "a: 1", true, false, 4 * MINUTE_MS, 0},
        /* back to what was told: nothing to say */
        {7 * MINUTE_MS, "b: 2", true, false, -1, 0},
        {8 * MINUTE_MS, "c: 3", true, false, 2 * MINUTE_MS, 0},
        {10 * MINUTE_MS - 1, "c: 3", true, false, 1, 0},
        {10 * MINUTE_MS, "c: 3", true, true, 0, 2},
        {10 * MINUTE_MS + 1, "a: 1", true, false, MINUTE_MS - 1, 0},
        {11 * MINUTE_MS, "a: 1", true, true, 0, 0},
        /* after a long calm there is room for six again */
        {60 * MINUTE_MS, "b: 2", true, true, 0, 0},
        {60 * MINUTE_MS, "a: 1", true, true, 0, 0},
        {60 * MINUTE_MS, "b: 2", true, true, 0, 0},
        {60 * MINUTE_MS, "a: 1", true, true, 0, 0},
        {60 * MINUTE_MS, "b: 2", true, true, 0, 0},
        {60 * MINUTE_MS, "a: 1", true, true, 0, 0},
        {60 * MINUTE_MS, "b: 2", true, false, 10 * MINUTE_MS, 0},
    };

    (void)state;
    play("too many", steps, ARRAY_SIZE(steps));
}

static void
a_long_line_is_cut_once(void **state)
{
    static char line[2 * CONSOLE_LINE_SIZE];
    struct console console;
    int64_t wait_ms;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    console_init(&console);
    assert_true(console_look(&console, line, true, 0, &wait_ms));
    assert_int_equal(console_told(&console, 0), 0);
    assert_false(console_look(&console, line, true, 0, &wait_ms));
    assert_true(console_look(&console, "y", true, 0, &wait_ms));
    assert_int_equal(console_told(&console, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_for_a_change),
        cmocka_unit_test(nothing_known_is_told_in_the_end),
        cmocka_unit_test(too_many_are_held_back),
        cmocka_unit_test(a_long_line_is_cut_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
