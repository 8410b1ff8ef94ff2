/* One look at the egress control -> whether the Internet is reachable, a row each. */
#include "daemon/egress.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct row {
    const char *name;
    struct addr_result addrs[3];
    size_t n;
    bool late;
    enum internet internet;
    bool spoiled;
} rows[] = {
#define PUBLIC(result, us)                                                                         \
    {                                                                                              \
        .judged = true, .addr_class = ADDR_CLASS_PUBLIC, .outcome = (result), .connect_us = (us)   \
    }
    {"it connects", {PUBLIC(ADDR_OUTCOME_OK, 900)}, 1, false, INTERNET_OPEN, false},
    {"one of two connects", {PUBLIC(ADDR_OUTCOME_TIMEOUT, -1), PUBLIC(ADDR_OUTCOME_OK, 900)}, 2,
        false, INTERNET_OPEN, false},
    {"silence", {PUBLIC(ADDR_OUTCOME_TIMEOUT, -1)}, 1, false, INTERNET_CLOSED, false},
    {"no route", {PUBLIC(ADDR_OUTCOME_NO_ROUTE, -1)}, 1, false, INTERNET_CLOSED, false},
    {"no address", {{.judged = false}}, 0, false, INTERNET_UNKNOWN, false},
    {"late, and silence", {PUBLIC(ADDR_OUTCOME_TIMEOUT, -1)}, 1, true, INTERNET_UNKNOWN, true},
    {"late, and it connects", {PUBLIC(ADDR_OUTCOME_OK, 900)}, 1, true, INTERNET_OPEN, false},
    {"no descriptors", {PUBLIC(ADDR_OUTCOME_RESOURCES, -1)}, 1, false, INTERNET_UNKNOWN, true},
    {"an interface endpoint for S3",
        {{.judged = true,
            .addr_class = ADDR_CLASS_VPC,
            .connect_us = 900,
            .outcome = ADDR_OUTCOME_OK}},
        1, false, INTERNET_UNKNOWN, false},
    {"a family that is not used",
        {{.addr_class = ADDR_CLASS_PUBLIC, .outcome = ADDR_OUTCOME_NO_ROUTE, .connect_us = -1}}, 1,
        false, INTERNET_UNKNOWN, false},
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct addr_result addrs[3];
        struct probe_result result = {
            .spoiled = rows[i].late, .n_addrs = rows[i].n, .addrs = addrs};
        bool spoiled;

        memcpy(addrs, rows[i].addrs, sizeof(addrs));
        enum internet got = egress_of_run(&result, &spoiled);

        if (got != rows[i].internet || spoiled != rows[i].spoiled) {
            print_error("%s: got %s spoiled %d, expected %s spoiled %d\n", rows[i].name,
                internet_str(got), spoiled, internet_str(rows[i].internet), rows[i].spoiled);
            fail();
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
