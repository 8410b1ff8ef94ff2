/* conf/timepoint: what may be given, what may not. */
#include "conf/timepoint.h"
#include "daemon/util.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW_US INT64_C(1800000000000000) /* 2027-01-15 08:00:00 UTC */

static const struct {
    const char *text;
    int result;
    int64_t us;
} cases[] = {
    {"2d", 0, NOW_US - INT64_C(172800000000)},
    {"12h", 0, NOW_US - INT64_C(43200000000)},
    {"1h 30min", 0, NOW_US - INT64_C(5400000000)},
    {"500ms", 0, NOW_US - 500000},
    {"0", 0, NOW_US},
    {"2026", 0, NOW_US - INT64_C(2026000000)}, /* seconds, as of every number alone */
    {"2y", -ERANGE, 0},
    {"2026-11-20", 0, INT64_C(1795132800000000)},
    {"2026-11-20 10:00", 0, INT64_C(1795168800000000)},
    {"2026-11-20 10:00:30", 0, INT64_C(1795168830000000)},
    {"2026-11-20T10:00:30Z", 0, INT64_C(1795168830000000)},
    {"2026-11-20t10:00:30z", 0, INT64_C(1795168830000000)},
    {"2026-11-20T10:00:30.5Z", 0, INT64_C(1795168830500000)},
    {"2026-11-20T10:00:30.1234567890123Z", 0, INT64_C(1795168830123456)},
    {"2026-11-20T19:00:30+09:00", 0, INT64_C(1795168830000000)},
    {"2026-11-20T04:30:30-05:30", 0, INT64_C(1795168830000000)},
    {"2026-11-20T10:00:30-00:00", 0, INT64_C(1795168830000000)},
    {"2024-02-29", 0, INT64_C(1709164800000000)},
    {"2016-12-31T23:59:60Z", 0, INT64_C(1483228800000000)},
    {"1970-01-01", 0, 0},
    {"9999-12-31 23:59:59", 0, INT64_C(253402300799000000)},
    {"1969-12-31", -ERANGE, 0},
    {"1970-01-01T00:00:00+00:01", -ERANGE, 0},
    {"0000-01-01", -ERANGE, 0},
    {"2026-02-29", -EINVAL, 0},
    {"2026-04-31", -EINVAL, 0},
    {"2026-04-31T23:59:60Z", -EINVAL, 0},
    {"2026-00-10", -EINVAL, 0},
    {"2026-13-10", -EINVAL, 0},
    {"2026-10-00", -EINVAL, 0},
    {"2026-10-32", -EINVAL, 0},
    {"2026-1-1", -EINVAL, 0},
    {"2026-11-20 24:00", -EINVAL, 0},
    {"2026-11-20 10:60", -EINVAL, 0},
    {"2026-11-20 10:00:61", -EINVAL, 0},
    {"2026-11-20 10", -EINVAL, 0},
    {"2026-11-20 ", -EINVAL, 0},
    {"2026-11-20 10:00Z", -EINVAL, 0},
    {"2026-11-20T10:00Z", -EINVAL, 0}, /* RFC 3339 has seconds */
    {"2026-11-20T10:00:30", -EINVAL, 0},
    {"2026-11-20T10:00:30.Z", -EINVAL, 0},
    {"2026-11-20T10:00:30+09", -EINVAL, 0},
    {"2026-11-20T10:00:30+24:00", -EINVAL, 0},
    {"2026-11-20T10:00:30Zx", -EINVAL, 0},
    {"2026-11-20x", -EINVAL, 0},
    {"20261-11-20", -EINVAL, 0},
    {"20a6-11-20", -EINVAL, 0},
    {"202/-11-20", -EINVAL, 0},
    {"2026.11-20", -EINVAL, 0},
    {"2026-11/20", -EINVAL, 0},
    {"2026-11", -EINVAL, 0},
    {"2026-11-2a", -EINVAL, 0},
    {"2026-11-20 1a:00", -EINVAL, 0},
    {"2026-11-20 10:0", -EINVAL, 0},
    {"2026-11-20T10:00:30.5/", -EINVAL, 0},
    {"2026-11-20T10:00:30.5a", -EINVAL, 0},
    {"2026-11-20T10:00:30+0900", -EINVAL, 0},
    {"2026-11-20T10:00:30+09:6a", -EINVAL, 0},
    {"2026-11-20T10:00:30+09:60", -EINVAL, 0},
    {"2026-11-20TZ", -EINVAL, 0},
    {"yesterday", -EINVAL, 0},
    {"-2d", -EINVAL, 0},
    {"", -EINVAL, 0},
};

static void
parses(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t us = -7;
        int64_t expected_us = cases[i].result == 0 ? cases[i].us : -7;
        int r = timepoint_parse(cases[i].text, NOW_US, &us);

        if (r != cases[i].result || us != expected_us) {
            print_error("\"%s\": got %d, %" PRId64 ", expected %d, %" PRId64 "\n", cases[i].text, r,
                us, cases[i].result, expected_us);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* A clock that has not been set yet. */
static void
span_before_1970(void **state)
{
    int64_t us;

    (void)state;
    assert_int_equal(timepoint_parse("1h", 3599999999, &us), -ERANGE);
    assert_int_equal(timepoint_parse("1h", 3600000000, &us), 0);
    assert_int_equal(us, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(span_before_1970),
    };

    return cmocka_run_group_tests_name("timepoint", tests, NULL, NULL);
}
