/* daemon/util: escaped text, bounded text, numbers. */
#include "daemon/util.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A literal and its length, so that it may hold NUL bytes. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *name;
    const char *s;
    size_t len;
    const char *escaped;
    const char *printable; /* of text_add_printable; NULL: the same */
} escape_cases[] = {
    {"nothing", BYTES(""), "", NULL},
    {"ASCII", BYTES("CN=ecs ~!"), "CN=ecs ~!", NULL},
    {"backslash", BYTES("a\\b"), "a\\x5cb", "a\\b"},
    {"a forged escape", BYTES("\\x1b"), "\\x5cx1b", "\\x1b"},
    {"line feed", BYTES("a\nb"), "a\\x0ab", NULL},
    {"carriage return", BYTES("a\rb"), "a\\x0db", NULL},
    {"tab", BYTES("a\tb"), "a\\x09b", NULL},
    {"NUL", BYTES("a\0b"), "a\\x00b", NULL},
    {"escape sequence", BYTES("\x1b[2J"), "\\x1b[2J", NULL},
    {"unit separator", BYTES("\x1f"), "\\x1f", NULL},
    {"delete", BYTES("\x7f"), "\\x7f", NULL},
    {"C1, first", BYTES("\xc2\x80"), "\\xc2\\x80", NULL},
    {"C1, next line", BYTES("\xc2\x85"), "\\xc2\\x85", NULL},
    {"C1, CSI", BYTES("\xc2\x9b"), "\\xc2\\x9b", NULL},
    {"C1, last", BYTES("\xc2\x9f"), "\\xc2\\x9f", NULL},
    {"behind C1", BYTES("\xc2\xa0"), "\xc2\xa0", NULL},
    {"raw CSI byte", BYTES("\x9b"), "\\x9b", NULL},
    {"two bytes", BYTES("caf\xc3\xa9"), "caf\xc3\xa9", NULL},
    {"two bytes, last", BYTES("\xdf\xbf"), "\xdf\xbf", NULL},
    {"three bytes, first", BYTES("\xe0\xa0\x80"), "\xe0\xa0\x80", NULL},
    {"three bytes", BYTES("\xe2\x82\xac"), "\xe2\x82\xac", NULL},
    {"four bytes, first", BYTES("\xf0\x90\x80\x80"), "\xf0\x90\x80\x80", NULL},
    {"four bytes, last", BYTES("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf", NULL},
    {"behind Unicode", BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", NULL},
    {"five bytes", BYTES("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80", NULL},
    {"overlong slash, two bytes", BYTES("\xc0\xaf"), "\\xc0\\xaf", NULL},
    {"overlong, two bytes, last", BYTES("\xc1\xbf"), "\\xc1\\xbf", NULL},
    {"overlong slash, three bytes", BYTES("\xe0\x80\xaf"), "\\xe0\\x80\\xaf", NULL},
    {"overlong CSI, three bytes", BYTES("\xe0\x82\x9b"), "\\xe0\\x82\\x9b", NULL},
    {"overlong, four bytes", BYTES("\xf0\x8f\xbf\xbf"), "\\xf0\\x8f\\xbf\\xbf", NULL},
    {"before the surrogates", BYTES("\xed\x9f\xbf"), "\xed\x9f\xbf", NULL},
    {"surrogate, first", BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80", NULL},
    {"surrogate, last", BYTES("\xed\xbf\xbf"), "\\xed\\xbf\\xbf", NULL},
    {"behind the surrogates", BYTES("\xee\x80\x80"), "\xee\x80\x80", NULL},
    {"continuation alone", BYTES("\x80z"), "\\x80z", NULL},
    {"lead byte before ASCII", BYTES("\xc3z"), "\\xc3z", NULL},
    {"lead byte at the end", BYTES("z\xc3"), "z\\xc3", NULL},
    {"two of three bytes at the end", BYTES("\xe2\x82"), "\\xe2\\x82", NULL},
    {"three of four bytes at the end", BYTES("\xf0\x90\x80"), "\\xf0\\x90\\x80", NULL},
    {"recovers after a bad byte", BYTES("\xe2\xc3\xa9"), "\\xe2\xc3\xa9", NULL},
    {"bytes that never occur", BYTES("\xfe\xff"), "\\xfe\\xff", NULL},
};

/* The source in a block of exactly its size: reading behind it shows. */
static char *
exact_copy(const char *s, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, s, len);
    return copy;
}

static void
escapes(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(escape_cases); i++) {
        const char *printable = escape_cases[i].printable;
        char escaped_buf[64] = "";
        char printable_buf[64] = "";
        struct text escaped_text = TEXT(escaped_buf);
        struct text printable_text = TEXT(printable_buf);
        CLEANUP(cleanup_free) char *s = exact_copy(escape_cases[i].s, escape_cases[i].len);
        bool whole = text_add_escaped(&escaped_text, s, escape_cases[i].len) &&
                     text_add_printable(&printable_text, s, escape_cases[i].len);

        printable = printable == NULL ? escape_cases[i].escaped : printable;
        if (!whole || !streq(escaped_buf, escape_cases[i].escaped) ||
            !streq(printable_buf, printable) || escaped_text.len != strlen(escaped_buf)) {
            print_error("%s: got %d \"%s\" and \"%s\", expected \"%s\" and \"%s\"\n",
                escape_cases[i].name, whole, escaped_buf, printable_buf, escape_cases[i].escaped,
                printable);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Into a buffer of `size` bytes that holds `before` already. */
static const struct {
    const char *name;
    size_t size;
    const char *before;
    const char *s;
    const char *expected;
    bool whole;
} cut_cases[] = {
    {"fits to the byte", 4, "", "abc", "abc", true},
    {"cut", 3, "", "abc", "ab", false},
    {"no room at all", 1, "", "a", "", false},
    {"nothing into no room", 1, "", "", "", true},
    {"behind other text", 4, "ab", "cd", "abc", false},
    {"full already", 4, "abc", "d", "abc", false},
    {"two bytes fit", 4, "", "a\xc3\xa9", "a\xc3\xa9", true},
    {"never inside two bytes", 3, "", "a\xc3\xa9", "a", false},
    {"three bytes fit", 4, "", "\xe2\x82\xac", "\xe2\x82\xac", true},
    {"never inside three bytes", 3, "", "\xe2\x82\xac", "", false},
    {"four bytes fit", 5, "", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true},
    {"never inside four bytes", 4, "", "\xf0\x9f\x98\x80", "", false},
    {"an escape fits", 5, "", "\n", "\\x0a", true},
    {"never inside an escape", 4, "", "\n", "", false},
    {"never inside an escape, behind text", 7, "ab", "c\n", "abc", false},
    {"stops at the first that does not fit", 4, "", "\nab", "", false},
};

static void
cuts_between_characters(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cut_cases); i++) {
        CLEANUP(cleanup_free) char *buf = malloc(cut_cases[i].size);
        struct text text = {.buf = buf, .size = cut_cases[i].size};

        assert_non_null(buf);
        buf[0] = '\0';
        assert_true(text_add(&text, "%s", cut_cases[i].before));

        bool whole = text_add_escaped(&text, cut_cases[i].s, strlen(cut_cases[i].s));

        if (whole != cut_cases[i].whole || !streq(buf, cut_cases[i].expected) ||
            text.len != strlen(buf)) {
            print_error("%s: got %d \"%s\" of length %zu, expected %d \"%s\"\n", cut_cases[i].name,
                whole, buf, text.len, cut_cases[i].whole, cut_cases[i].expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
bounds_text(void **state)
{
    char buf[8] = "";
    char copy[4] = "xxx";
    struct text text = TEXT(buf);

    (void)state;
    assert_true(text_add(&text, "%d-%s", 12, "abcd"));
    assert_string_equal(buf, "12-abcd");
    assert_int_equal(text.len, 7);
    assert_false(text_add(&text, "e"));
    assert_string_equal(buf, "12-abcd");
    assert_int_equal(text.len, 7);
    text.len = 3;
    assert_false(text_add(&text, "%s", "too long"));
    assert_string_equal(buf, "12-too ");

    assert_true(str_copy(copy, sizeof(copy), "abc"));
    assert_string_equal(copy, "abc");
    assert_false(str_copy(copy, sizeof(copy), "defg"));
    assert_string_equal(copy, "def");
    assert_true(str_copy(copy, sizeof(copy), ""));
    assert_string_equal(copy, "");
}

static const struct {
    const char *s;
    uint64_t min;
    uint64_t max;
    int r;
    uint64_t expected;
} uint_cases[] = {
    {"0", 0, 10, 0, 0}, {"7", 0, 10, 0, 7}, {"007", 0, 10, 0, 7}, {"443", 1, 65535, 0, 443},
    {"1", 1, 65535, 0, 1}, {"65535", 1, 65535, 0, 65535}, {"0", 1, 65535, -ERANGE, 0},
    {"65536", 1, 65535, -ERANGE, 0}, {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
    {"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
    {"18446744073709551620", 0, UINT64_MAX, -ERANGE, 0},
    {"99999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0},
    {"00000000000000000000000000001", 0, 10, 0, 1}, {"", 0, 10, -EINVAL, 0},
    {" ", 0, 10, -EINVAL, 0}, {" 1", 0, 10, -EINVAL, 0}, {"1 ", 0, 10, -EINVAL, 0},
    {"1\n", 0, 10, -EINVAL, 0}, {"+1", 0, 10, -EINVAL, 0}, {"-1", 0, 10, -EINVAL, 0},
    {"-0", 0, 10, -EINVAL, 0}, {"0x1", 0, 10, -EINVAL, 0}, {"1.0", 0, 10, -EINVAL, 0},
    {"1e1", 0, 10, -EINVAL, 0}, {"99x", 0, 10, -EINVAL, 0}, /* no number, whatever its size */
    {"one", 0, 10, -EINVAL, 0}, {"1/", 0, 10, -EINVAL, 0}, {"1:", 0, 10, -EINVAL, 0},
    {"\xd9\xa1", 0, 10, -EINVAL, 0}, /* a digit, but of another script */
};

static void
parses_uints(void **state)
{
    const uint64_t untouched = 4711;
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(uint_cases); i++) {
        uint64_t expected = uint_cases[i].r == 0 ? uint_cases[i].expected : untouched;
        uint64_t got = untouched;
        int r = parse_uint(uint_cases[i].s, uint_cases[i].min, uint_cases[i].max, &got);

        if (r != uint_cases[i].r || got != expected) {
            print_error("\"%s\": got %d %" PRIu64 ", expected %d %" PRIu64 "\n", uint_cases[i].s, r,
                got, uint_cases[i].r, expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
reads_files(void **state)
{
    char path[] = "/tmp/vpce-probe-util-XXXXXX";
    int fd = mkstemp(path);
    char *text = NULL;
    size_t len = 7;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "ab\0c", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(read_file(path, 3, &text, &len), -EFBIG);
    assert_null(text);
    assert_int_equal(len, 7);
    assert_int_equal(read_file(path, 4, &text, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(text, "ab\0c", 5);
    free(text);
    assert_int_equal(unlink(path), 0);
    text = NULL;
    assert_int_equal(read_file(path, 4, &text, &len), -ENOENT);
    assert_int_equal(read_file("/", 4, &text, &len), -EISDIR);
    assert_null(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files),
        cmocka_unit_test(escapes),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(bounds_text),
        cmocka_unit_test(parses_uints),
    };

    return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
