/* daemon/schedule: the phase of a host, the grid, due times. */
#include "daemon/schedule.h"
#include "daemon/util.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *name;
    int64_t interval_ms;
    int64_t phase_ms;
    int64_t now_ms;
    bool undecided;
    int64_t expected;
} next_cases[] = {
    {"on the grid", 30000, 0, 30000, false, 60000},
    {"a run that took a while", 30000, 0, 32000, false, 60000},
    {"just half an interval away", 30000, 0, 45000, false, 60000},
    {"less than half an interval away", 30000, 0, 45001, false, 90000},
    {"with a phase, on the grid", 30000, 7000, 37000, false, 67000},
    {"with a phase, before its first point", 30000, 7000, 0, false, 37000},
    {"with a phase, just half away", 30000, 7000, 22000, false, 37000},
    {"with a phase, less than half away", 30000, 7000, 22001, false, 67000},
    {"the last phase", 30000, 29999, 0, false, 29999},
    {"a phase later than all of it", 86400000, 86399999, 1, false, 86399999},
    {"the shortest interval", 1, 0, 5, false, 5},
    {"far from the start", 30000, 1, INT64_C(9000000000000), false, INT64_C(9000000030001)},
    {"undecided", 30000, 7000, 37000, true, 42000},
    {"undecided keeps off the grid", 30000, 7000, 1, true, 5001},
};

static void
finds_the_next(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(next_cases); i++) {
        struct schedule s = {.interval_ms = next_cases[i].interval_ms,
            .fast_interval_ms = 5000,
            .phase_ms = next_cases[i].phase_ms,
            .max_running = 1};
        int64_t got = schedule_next(&s, next_cases[i].now_ms, next_cases[i].undecided);

        if (got != next_cases[i].expected) {
            print_error("%s: got %" PRId64 ", expected %" PRId64 "\n", next_cases[i].name, got,
                next_cases[i].expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Whenever a run ends, the next is on the grid and from half to one and a half intervals away. */
static void
stays_on_the_grid(void **state)
{
    static const int64_t phases_ms[] = {0, 1, 499, 500, 999};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(phases_ms); i++) {
        struct schedule s = {
            .interval_ms = 1000, .fast_interval_ms = 100, .phase_ms = phases_ms[i]};

        for (int64_t now_ms = 0; now_ms < 3000; now_ms++) {
            int64_t next_ms = schedule_next(&s, now_ms, false);
            int64_t away_ms = next_ms - now_ms;

            if (next_ms % 1000 != phases_ms[i] || away_ms < 500 || away_ms >= 1500) {
                fail_msg("phase %" PRId64 " at %" PRId64 ": got %" PRId64
                         ", expected a point of the grid 500 to 1499 away",
                    phases_ms[i], now_ms, next_ms);
            }
        }
    }
}

static void
phase_is_the_hosts_own(void **state)
{
    static const char *const identities[] = {
        "", "a", "i-0123456789abcdef0", "i-0123456789abcdef1", "\xff\xfe"};
    static const int64_t intervals_ms[] = {1, 2, 1000, 30000, INT64_C(31557600000)};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(identities); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(intervals_ms); k++) {
            int64_t got = schedule_phase(identities[i], intervals_ms[k]);
            int64_t again = schedule_phase(identities[i], intervals_ms[k]);

            if (got < 0 || got >= intervals_ms[k] || got != again) {
                fail_msg("\"%s\": got %" PRId64 " and %" PRId64
                         ", expected the same from 0 to %" PRId64,
                    identities[i], got, again, intervals_ms[k] - 1);
            }
        }
    }
    assert_int_not_equal(
        schedule_phase(identities[2], 30000), schedule_phase(identities[3], 30000));
}

/* A fleet with consecutive names is spread over the interval: 1000 hosts over ten tenths. */
static void
phases_spread(void **state)
{
    unsigned by_tenth[10] = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char identity[32];
        struct text text = TEXT(identity);

        (void)text_add(&text, "i-%017x", i);
        by_tenth[schedule_phase(identity, 30000) / 3000]++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(by_tenth); i++) {
        if (by_tenth[i] < 50 || by_tenth[i] > 200) {
            fail_msg("tenth %zu: got %u hosts, expected about 100", i, by_tenth[i]);
        }
    }
}

static const struct {
    const char *name;
    int64_t due_ms;
    int64_t now_ms;
    bool expected;
} due_cases[] = {
    {"past", 1000, 2000, true},
    {"now", 1000, 1000, true},
    {"within the slack", 1000 + SCHEDULE_SLACK_MS, 1000, true},
    {"just behind the slack", 1001 + SCHEDULE_SLACK_MS, 1000, false},
    {"later", 5000, 1000, false},
    {"zero is due at once", 0, 0, true},
};

static void
knows_what_is_due(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(due_cases); i++) {
        bool got = schedule_is_due(due_cases[i].due_ms, due_cases[i].now_ms);

        if (got != due_cases[i].expected) {
            print_error("%s: got %d, expected %d\n", due_cases[i].name, got, due_cases[i].expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
bounds_the_runs(void **state)
{
    static const struct {
        unsigned max_running;
        size_t n_running;
        bool expected;
    } cases[] = {{1, 0, true}, {1, 1, false}, {64, 63, true}, {64, 64, false}, {64, 65, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct schedule s = {.interval_ms = 1000, .max_running = cases[i].max_running};
        bool got = schedule_may_start(&s, cases[i].n_running);

        if (got != cases[i].expected) {
            fail_msg("%zu of %u running: got %d, expected %d", cases[i].n_running,
                cases[i].max_running, got, cases[i].expected);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_next),
        cmocka_unit_test(stays_on_the_grid),
        cmocka_unit_test(phase_is_the_hosts_own),
        cmocka_unit_test(phases_spread),
        cmocka_unit_test(knows_what_is_due),
        cmocka_unit_test(bounds_the_runs),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
