/* probes/addr: text forms, comparison, embedded IPv4 addresses, socket addresses. */
#include "daemon/util.h"
#include "probes/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* text, and what it looks like when it is written again; NULL: not an address */
static const struct {
    const char *text;
    const char *formatted;
} parse_cases[] = {
    {"0.0.0.0", "0.0.0.0"},
    {"10.0.1.23", "10.0.1.23"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"2001:DB8::A", "2001:db8::a"},
    {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, /* RFC 5952 4.2.3: the first run of zeros */
    {"fd00:ec2::253", "fd00:ec2::253"},
    {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
    {"64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
    {"64:ff9b::a00:1", "64:ff9b::a00:1"},
    {"", NULL},
    {" ", NULL},
    {"10.0.0.1 ", NULL},
    {" 10.0.0.1", NULL},
    {"10.0.0", NULL},
    {"10.0.0.256", NULL},
    {"10.0.0.01", NULL},
    {"0x0a.0.0.1", NULL},
    {"10.0.0.1.", NULL},
    {"10.0.0.1.2", NULL},
    {"167772161", NULL},
    {"10.0.0.1:443", NULL},
    {"[::1]", NULL},
    {"::1%eth0", NULL},
    {"fe80::1%1", NULL},
    {":::", NULL},
    {"1::2::3", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"::ffff:10.0.0.256", NULL},
    {"localhost", NULL},
    {"-", NULL},
};

static void
parses_and_formats(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parse_cases); i++) {
        char buf[ADDR_TEXT_SIZE] = "not an address";
        struct addr addr = {.family = 77};
        int r = addr_parse(parse_cases[i].text, &addr);
        bool valid = parse_cases[i].formatted != NULL;
        const char *expected = valid ? parse_cases[i].formatted : "not an address";

        if (r == 0) {
            (void)addr_format(&addr, buf);
        }
        if (r != (valid ? 0 : -EINVAL) || !streq(buf, expected) || (!valid && addr.family != 77)) {
            print_error(
                "\"%s\": got %d \"%s\", expected \"%s\"\n", parse_cases[i].text, r, buf, expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
formats_no_address(void **state)
{
    const struct addr none = {.family = ADDR_FAMILY_NONE};
    char buf[ADDR_TEXT_SIZE];

    (void)state;
    assert_string_equal(addr_format(&none, buf), "-");
}

/* The longest text of all: it fits. */
static void
formats_longest(void **state)
{
    const char *text = "2001:1111:2222:3333:4444:5555:6666:7777";
    struct addr addr;
    char buf[ADDR_TEXT_SIZE];

    (void)state;
    assert_int_equal(addr_parse(text, &addr), 0);
    assert_string_equal(addr_format(&addr, buf), text);
}

static struct addr
addr_of(const char *text)
{
    struct addr addr = {0};

    assert_int_equal(addr_parse(text, &addr), 0);
    return addr;
}

static void
compares(void **state)
{
    /* In order; each is smaller than the next. */
    const char *const ordered[] = {"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:0.0.0.0", "2001:db8::", "ffff::"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ordered); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(ordered); k++) {
            struct addr a = addr_of(ordered[i]);
            struct addr b = addr_of(ordered[k]);
            int order = addr_compare(&a, &b);

            if ((order < 0) != (i < k) || (order > 0) != (i > k) ||
                addr_equal(&a, &b) != (i == k)) {
                fail_msg("%s against %s: got %d", ordered[i], ordered[k], order);
            }
        }
    }
}

static const struct {
    const char *text;
    const char *inner; /* NULL: none */
} embedded_cases[] = {
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::ffff:0.0.0.0", "0.0.0.0"},
    {"64:ff9b::192.0.2.1", "192.0.2.1"},
    {"64:ff9b::ffff:ffff", "255.255.255.255"},
    {"64:ff9b:1::192.0.2.1", NULL}, /* RFC 8215: local use, no fixed place inside */
    {"64:ff9b::1:192.0.2.1", NULL}, /* outside the /96 */
    {"::192.0.2.1", NULL},          /* IPv4-compatible, deprecated */
    {"::fffe:192.0.2.1", NULL},
    {"1::ffff:192.0.2.1", NULL},
    {"2001:db8::1", NULL},
    {"192.0.2.1", NULL},
};

static void
finds_embedded_ipv4(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(embedded_cases); i++) {
        struct addr addr = addr_of(embedded_cases[i].text);
        struct addr inner = {.family = ADDR_FAMILY_NONE};
        char buf[ADDR_TEXT_SIZE];
        bool found = addr_embedded_ipv4(&addr, &inner);
        const char *expected = embedded_cases[i].inner == NULL ? "-" : embedded_cases[i].inner;

        if (found != (embedded_cases[i].inner != NULL) ||
            !streq(addr_format(&inner, buf), expected)) {
            print_error(
                "%s: got %d %s, expected %s\n", embedded_cases[i].text, found, buf, expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
socket_addresses(void **state)
{
    const char *const texts[] = {"10.0.1.23", "2001:db8::1", "::ffff:10.0.0.1"};
    const socklen_t lengths[] = {
        sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6), sizeof(struct sockaddr_in6)};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct addr addr = addr_of(texts[i]);
        struct addr again = {0};
        struct sockaddr_storage storage;

        memset(&storage, 0xff, sizeof(storage));
        assert_int_equal(addr_to_sockaddr(&addr, 443, &storage), lengths[i]);
        /* sin_port and sin6_port share their place. */
        assert_int_equal(((struct sockaddr_in *)&storage)->sin_port, htons(443));
        assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, &again), 0);
        assert_true(addr_equal(&addr, &again));
    }
}

static void
foreign_socket_address(void **state)
{
    const struct sockaddr sa = {.sa_family = AF_UNIX};
    struct addr addr = {.family = 77};

    (void)state;
    assert_int_equal(addr_from_sockaddr(&sa, &addr), -EAFNOSUPPORT);
    assert_int_equal(addr.family, 77);
}

static void
family_words(void **state)
{
    (void)state;
    assert_string_equal(addr_family_str(ADDR_FAMILY_NONE), "none");
    assert_string_equal(addr_family_str(ADDR_FAMILY_IPV4), "ipv4");
    assert_string_equal(addr_family_str(ADDR_FAMILY_IPV6), "ipv6");
    assert_int_equal(FAMILY_INDEX(FAMILY_OF_INDEX(0)), 0);
    assert_int_equal(FAMILY_INDEX(FAMILY_OF_INDEX(1)), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_formats),
        cmocka_unit_test(formats_no_address),
        cmocka_unit_test(formats_longest),
        cmocka_unit_test(compares),
        cmocka_unit_test(finds_embedded_ipv4),
        cmocka_unit_test(socket_addresses),
        cmocka_unit_test(foreign_socket_address),
        cmocka_unit_test(family_words),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
