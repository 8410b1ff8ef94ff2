/* conf/timespan: parsing and formatting, table by table. */
#include "conf/timespan.h"
#include "daemon/util.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define YEAR_MS INT64_C(31557600000)

static const struct {
    const char *text;
    int result;
    int64_t ms;
} parse_cases[] = {
    {"0", 0, 0},
    {"30", 0, 30000},
    {"30s", 0, 30000},
    {"30 s", 0, 30000},
    {" 30s ", 0, 30000},
    {"\t5min", 0, 300000},
    {"500ms", 0, 500},
    {"100msec", 0, 100},
    {"1sec", 0, 1000},
    {"1second", 0, 1000},
    {"2seconds", 0, 2000},
    {"2m", 0, 120000},
    {"2minutes", 0, 120000},
    {"1minute", 0, 60000},
    {"1h", 0, 3600000},
    {"1hr", 0, 3600000},
    {"3hours", 0, 10800000},
    {"1h 30min", 0, 5400000},
    {"1h30min", 0, 5400000},
    {"30min 1h", 0, 5400000},
    {"1d 1h 1min 1s 1ms", 0, 90061001},
    {"7d", 0, 604800000},
    {"1w", 0, 604800000},
    {"2 weeks", 0, 1209600000},
    {"1s 1s", 0, 2000},
    {"007s", 0, 7000},
    {"1y", 0, YEAR_MS},
    {"1year", 0, YEAR_MS},
    {"31557600000ms", 0, YEAR_MS},
    {"31557600001ms", -ERANGE, 0},
    {"1y 1ms", -ERANGE, 0},
    {"53w", -ERANGE, 0},
    {"9223372036854775807", -ERANGE, 0},
    {"9223372036854775807ms 9223372036854775807ms", -ERANGE, 0},
    {"9223372036854775808ms", -ERANGE, 0},
    {"9223372036854775807ms 9223372036854775807ms 1ms", -ERANGE, 0},
    {"1{", -EINVAL, 0},
    {"99999999999999999999999999999999h", -ERANGE, 0},
    {"", -EINVAL, 0},
    {" ", -EINVAL, 0},
    {"s", -EINVAL, 0},
    {"-1s", -EINVAL, 0},
    {"+1s", -EINVAL, 0},
    {"1.5s", -EINVAL, 0},
    {"1,5s", -EINVAL, 0},
    {"0x10", -EINVAL, 0},
    {"1e3", -EINVAL, 0},
    {"1us", -EINVAL, 0},
    {"1M", -EINVAL, 0},
    {"1S", -EINVAL, 0},
    {"1 month", -EINVAL, 0},
    {"1h 30", -EINVAL, 0},
    {"30 1h", -EINVAL, 0},
    {"1 2", -EINVAL, 0},
    {"5min,", -EINVAL, 0},
    {"five minutes", -EINVAL, 0},
    {"infinity", -EINVAL, 0},
    {"30s x", -EINVAL, 0},
    {"30s\n", -EINVAL, 0},
    {"30\xc2\xb5s", -EINVAL, 0},
};

static void
parses(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parse_cases); i++) {
        int64_t ms = -7;
        int64_t expected_ms = parse_cases[i].result == 0 ? parse_cases[i].ms : -7;
        int r = timespan_parse(parse_cases[i].text, &ms);

        if (r != parse_cases[i].result || ms != expected_ms) {
            print_error("\"%s\": got %d, %" PRId64 " ms, expected %d, %" PRId64 " ms\n",
                parse_cases[i].text, r, ms, parse_cases[i].result, expected_ms);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static const struct {
    int64_t ms;
    const char *text;
} format_cases[] = {
    {0, "0"},
    {1, "1ms"},
    {999, "999ms"},
    {1000, "1s"},
    {1500, "1s 500ms"},
    {30000, "30s"},
    {60000, "1min"},
    {90000, "1min 30s"},
    {60001, "1min 1ms"},
    {3600000, "1h"},
    {5400000, "1h 30min"},
    {3661000, "61min 1s"},
    {3661001, "3661s 1ms"},
    {86400000, "1d"},
    {86401000, "1d 1s"},
    {90061000, "1501min 1s"},
    {604800000, "7d"},
    {YEAR_MS, "365d 6h"},
    {-30000, "-30s"},
};

static void
formats(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(format_cases); i++) {
        char buf[TIMESPAN_TEXT_SIZE];

        if (!streq(timespan_format(format_cases[i].ms, buf), format_cases[i].text)) {
            print_error("%" PRId64 " ms: got \"%s\", expected \"%s\"\n", format_cases[i].ms, buf,
                format_cases[i].text);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* What is written can be read again, and says the same. */
static void
round_trip(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms <= YEAR_MS; ms = ms * 7 / 5 + 1) {
        char buf[TIMESPAN_TEXT_SIZE];
        int64_t again = -1;

        assert_int_equal(timespan_parse(timespan_format(ms, buf), &again), 0);
        assert_int_equal(again, ms);
    }
}

/* Extremes fit the buffer. */
static void
extremes(void **state)
{
    const int64_t values[] = {INT64_MAX, INT64_MAX - 1, INT64_MIN + 1, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char buf[TIMESPAN_TEXT_SIZE];

        assert_true(strlen(timespan_format(values[i], buf)) < TIMESPAN_TEXT_SIZE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(formats),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(extremes),
    };

    return cmocka_run_group_tests_name("timespan", tests, NULL, NULL);
}
