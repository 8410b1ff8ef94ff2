/* daemon/start_pages: less is resident, and all that was is still there. */
#include "daemon/start_pages.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define KEPT_N 5000

static const char *const pointers[] = {"relocated", "when the program", "was loaded"};
static char written[KEPT_N] = "in the program's data";

static long
resident_pages(void)
{
    CLEANUP(cleanup_free) char *text = NULL;
    size_t len;
    long size;
    long resident;

    assert_int_equal(read_file("/proc/self/statm", 4096, &text, &len), 0);
    assert_int_equal(sscanf(text, "%ld %ld", &size, &resident), 2); // NOLINT: the kernel's
    return resident;
}

static void
test_release(void **state)
{
    long before;

    (void)state;
    memset(written + 100, 'w', sizeof(written) - 100);
    before = resident_pages();
    for (size_t i = 0; i < 3; i++) {
        start_pages_release();
        assert_true(resident_pages() < before);
        assert_string_equal(pointers[2], "was loaded");
        assert_string_equal(written, "in the program's data");
        assert_int_equal(written[KEPT_N - 1], 'w');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_release)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
