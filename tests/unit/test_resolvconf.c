/* probes/resolvconf: name servers and overrides, out of any text. */
#include "daemon/util.h"
#include "probes/resolvconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <string.h>

#include <cmocka.h>

static void
add_addrs(struct text *t, const struct addr *addrs, size_t n)
{
    char buf[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < n; i++) {
        (void)text_add(t, "%s%s", i == 0 ? "" : " ", addr_format(&addrs[i], buf));
    }
}

static const struct {
    const char *name;
    const char *text;
    const char *servers;
    size_t n_ignored;
} parse_cases[] = {
    {"empty", "", "127.0.0.1", 0},
    {"one", "nameserver 10.0.0.2\n", "10.0.0.2", 0},
    {"no line end", "nameserver 10.0.0.2", "10.0.0.2", 0},
    {"two, in order", "nameserver 10.0.0.3\nnameserver 10.0.0.2\n", "10.0.0.3 10.0.0.2", 0},
    {"IPv6", "nameserver fd00:ec2::253\n", "fd00:ec2::253", 0},
    {"tabs and blanks", "nameserver \t  10.0.0.2 \t\n", "10.0.0.2", 0},
    {"CR LF", "search x\r\nnameserver 10.0.0.2\r\n", "10.0.0.2", 0},
    {"only the first three",
        "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
        "10.0.0.1 10.0.0.2 10.0.0.3", 0},
    {"other lines",
        "domain ec2.internal\nsearch a b\noptions ndots:5\nsortlist 10.0.0.0\nnameserver "
        "10.0.0.2\n",
        "10.0.0.2", 0},
    {"blank lines", "\n\n \n\t\nnameserver 10.0.0.2\n\n", "10.0.0.2", 0},
    {"commented out", "#nameserver 10.0.0.1\n;nameserver 10.0.0.2\n", "127.0.0.1", 0},
    {"comment behind", "nameserver 10.0.0.2 # the VPC's\n", "10.0.0.2", 0},
    {"comment at once", "nameserver 10.0.0.2;x\n", "10.0.0.2", 0},
    {"comment in place of the address", "nameserver # 10.0.0.2\n", "127.0.0.1", 1},
    {"comment inside the keyword", "name#server 10.0.0.2\n", "127.0.0.1", 0},
    {"more words", "nameserver 10.0.0.2 10.0.0.3\n", "10.0.0.2", 0},
    {"indented", " nameserver 10.0.0.2\n\tnameserver 10.0.0.3\n", "127.0.0.1", 0},
    {"upper case", "NAMESERVER 10.0.0.2\n", "127.0.0.1", 0},
    {"longer keyword", "nameservers 10.0.0.2\n", "127.0.0.1", 0},
    {"shorter keyword", "nameserve 10.0.0.2\n", "127.0.0.1", 0},
    {"no blank behind the keyword", "nameserver10.0.0.2\n", "127.0.0.1", 0},
    {"keyword alone", "nameserver\n", "127.0.0.1", 1},
    {"the address is on the next line", "nameserver\n10.0.0.2\n", "127.0.0.1", 1},
    {"zone", "nameserver fe80::1%eth0\nnameserver 10.0.0.2\n", "10.0.0.2", 1},
    {"port", "nameserver 10.0.0.2:53\n", "127.0.0.1", 1},
    {"brackets", "nameserver [fd00::1]\n", "127.0.0.1", 1},
    {"name", "nameserver localhost\n", "127.0.0.1", 1},
    {"number out of range", "nameserver 10.0.0.256\n", "127.0.0.1", 1},
    {"rubbish takes no place",
        "nameserver x\nnameserver 10.0.0.1\nnameserver y\nnameserver 10.0.0.2\n"
        "nameserver 10.0.0.3\n",
        "10.0.0.1 10.0.0.2 10.0.0.3", 2},
    {"longest address", "nameserver 0000:0000:0000:0000:0000:ffff:255.255.255.255\n",
        "::ffff:255.255.255.255", 0},
    {"longest address and a byte", "nameserver 0000:0000:0000:0000:0000:ffff:255.255.255.255x\n",
        "127.0.0.1", 1},
    {"longest address and two", "nameserver 0000:0000:0000:0000:0000:ffff:255.255.255.255xx\n",
        "127.0.0.1", 1},
    {"control characters", "nameserver \x1b[2J\nnameserver\x01 10.0.0.3\nnameserver 10.0.0.2\n",
        "10.0.0.2", 1},
    {"not UTF-8", "\xff\xfe\nnameserver \xff\nnameserver 10.0.0.2\n", "10.0.0.2", 1},
    {"byte order mark", "\xef\xbb\xbfnameserver 10.0.0.2\n", "127.0.0.1", 0},
    {"comments only", "#;#;\n;", "127.0.0.1", 0},
    {"carriage returns only", "\r\r\r\n\r", "127.0.0.1", 0},
};

static bool
parses_to(const char *name, const char *text, const char *servers, size_t n_ignored)
{
    struct nameservers found;
    char buf[NAMESERVERS_MAX * ADDR_TEXT_SIZE] = "";
    struct text t = TEXT(buf);
    CLEANUP(cleanup_free) char *copy = strdup(text); /* on the heap: reading behind it shows */

    assert_non_null(copy);
    memset(&found, 0xff, sizeof(found));
    resolvconf_parse(copy, &found);
    assert_in_range(found.n, 1, NAMESERVERS_MAX);
    add_addrs(&t, found.servers, found.n);
    if (streq(buf, servers) && found.n_ignored == n_ignored) {
        return true;
    }
    print_error("%s: got \"%s\", %zu ignored, expected \"%s\", %zu ignored\n", name, buf,
        found.n_ignored, servers, n_ignored);
    return false;
}

static void
parses_nameservers(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parse_cases); i++) {
        failures += !parses_to(parse_cases[i].name, parse_cases[i].text, parse_cases[i].servers,
            parse_cases[i].n_ignored);
    }
    assert_int_equal(failures, 0);
}

/* A line of n times the byte, between two parts. */
static char *
long_text(const char *before, char byte, size_t n, const char *behind)
{
    size_t a = strlen(before);
    char *text = malloc(a + n + strlen(behind) + 1);

    assert_non_null(text);
    memcpy(text, before, a);
    memset(text + a, byte, n);
    memcpy(text + a + n, behind, strlen(behind) + 1);
    return text;
}

static void
survives_long_lines(void **state)
{
    static const struct {
        const char *name;
        const char *before;
        char byte;
        const char *behind;
        const char *servers;
        size_t n_ignored;
    } cases[] = {
        {"long word", "", 'a', "\nnameserver 10.0.0.2\n", "10.0.0.2", 0},
        {"long address", "nameserver ", '1', "\nnameserver 10.0.0.2\n", "10.0.0.2", 1},
        {"long keyword", "nameserver", 'r', " 10.0.0.2\n", "127.0.0.1", 0},
        {"many blanks", "nameserver", ' ', "10.0.0.2", "10.0.0.2", 0},
        {"many lines", "", '\n', "nameserver 10.0.0.2", "10.0.0.2", 0},
        {"long comment", "#", '#', "\nnameserver 10.0.0.2", "10.0.0.2", 0},
    };
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(cleanup_free)
        char *text = long_text(cases[i].before, cases[i].byte, 200000, cases[i].behind);

        failures += !parses_to(cases[i].name, text, cases[i].servers, cases[i].n_ignored);
    }
    assert_int_equal(failures, 0);
}

static void
compares_nameservers(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } cases[] = {
        {"nameserver 10.0.0.1", "nameserver  10.0.0.1 # the same", true},
        {"", "nameserver 127.0.0.1", true},
        {"nameserver 10.0.0.1\nnameserver x", "nameserver 10.0.0.1", true},
        {"nameserver 10.0.0.1", "nameserver 10.0.0.2", false},
        {"nameserver 10.0.0.1", "nameserver 10.0.0.1\nnameserver 10.0.0.2", false},
        {"nameserver 10.0.0.1\nnameserver 10.0.0.2", "nameserver 10.0.0.2\nnameserver 10.0.0.1",
            false},
        {"nameserver ::ffff:10.0.0.1", "nameserver 10.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct nameservers a;
        struct nameservers b;

        resolvconf_parse(cases[i].a, &a);
        resolvconf_parse(cases[i].b, &b);
        if (nameservers_equal(&a, &b) != cases[i].equal ||
            nameservers_equal(&b, &a) != cases[i].equal) {
            fail_msg("\"%s\" and \"%s\": got %d, expected %d", cases[i].a, cases[i].b,
                nameservers_equal(&a, &b), cases[i].equal);
        }
    }
}

#define NAME "ecs.eu-west-1.amazonaws.com"

static const struct {
    const char *name;
    const char *text;
    const char *hostname;
    size_t max; /* at most 4 */
    const char *addrs;
} hosts_cases[] = {
    {"empty", "", NAME, 4, ""},
    {"one", "10.0.0.7 " NAME "\n", NAME, 4, "10.0.0.7"},
    {"no line end", "10.0.0.7 " NAME, NAME, 4, "10.0.0.7"},
    {"an alias", "10.0.0.7 a b\t" NAME " c\n", NAME, 4, "10.0.0.7"},
    {"indented", " \t10.0.0.7 " NAME "\n", NAME, 4, "10.0.0.7"},
    {"CR LF", "10.0.0.7 " NAME "\r\n", NAME, 4, "10.0.0.7"},
    {"both families, in file order", "fd00::7 " NAME "\n10.0.0.7 " NAME "\n", NAME, 4,
        "fd00::7 10.0.0.7"},
    {"once each", "10.0.0.7 " NAME " " NAME "\n10.0.0.8 " NAME "\n10.0.0.7 " NAME "\n", NAME, 4,
        "10.0.0.7 10.0.0.8"},
    {"at most so many", "10.0.0.1 " NAME "\n10.0.0.2 " NAME "\n10.0.0.3 " NAME "\n", NAME, 2,
        "10.0.0.1 10.0.0.2"},
    {"what comes twice takes no place", "10.0.0.1 " NAME "\n10.0.0.1 " NAME "\n10.0.0.3 " NAME "\n",
        NAME, 2, "10.0.0.1 10.0.0.3"},
    {"none wanted", "10.0.0.1 " NAME "\n", NAME, 0, ""},
    {"any case", "10.0.0.7 ECS.eu-West-1.AmazonAWS.com\n", NAME, 4, "10.0.0.7"},
    {"any case of the name", "10.0.0.7 " NAME "\n", "ECS.EU-WEST-1.AMAZONAWS.COM", 4, "10.0.0.7"},
    {"dot in the file", "10.0.0.7 " NAME ".\n", NAME, 4, "10.0.0.7"},
    {"dot in the name", "10.0.0.7 " NAME "\n", NAME ".", 4, "10.0.0.7"},
    {"two dots are another name", "10.0.0.7 " NAME "..\n", NAME, 4, ""},
    {"longer name", "10.0.0.7 x" NAME "\n10.0.0.8 " NAME "x\n", NAME, 4, ""},
    {"shorter name", "10.0.0.7 eu-west-1.amazonaws.com\n10.0.0.8 ecs\n", NAME, 4, ""},
    {"commented out", "#10.0.0.7 " NAME "\n", NAME, 4, ""},
    {"name in a comment", "10.0.0.7 a # " NAME "\n", NAME, 4, ""},
    {"comment cuts the name", "10.0.0.7 ecs.eu-west-1#.amazonaws.com\n", NAME, 4, ""},
    {"comment at once", "10.0.0.7 " NAME "#x\n", NAME, 4, "10.0.0.7"},
    {"a semicolon is no comment", ";10.0.0.7 " NAME "\n10.0.0.8 ; " NAME "\n", NAME, 4, "10.0.0.8"},
    {"address alone", "10.0.0.7\n" NAME "\n", NAME, 4, ""},
    {"name in place of the address", NAME " " NAME "\n", NAME, 4, ""},
    {"zone", "fe80::1%eth0 " NAME "\n", NAME, 4, ""},
    {"rubbish before", "\x1b[2J \xff\n999.0.0.1 " NAME "\n10.0.0.7 " NAME "\n", NAME, 4,
        "10.0.0.7"},
    {"rubbish among the names", "10.0.0.7 \x01\xff \xc2\x9b " NAME "\n", NAME, 4, "10.0.0.7"},
};

static void
looks_up_hosts(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hosts_cases); i++) {
        struct addr addrs[4] = {{0}};
        char buf[ARRAY_SIZE(addrs) * ADDR_TEXT_SIZE] = "";
        struct text t = TEXT(buf);
        size_t n =
            hosts_lookup(hosts_cases[i].text, hosts_cases[i].hostname, addrs, hosts_cases[i].max);

        assert_true(n <= hosts_cases[i].max);
        add_addrs(&t, addrs, n);
        if (!streq(buf, hosts_cases[i].addrs)) {
            print_error("%s: got \"%s\", expected \"%s\"\n", hosts_cases[i].name, buf,
                hosts_cases[i].addrs);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* Names as long as names get, and longer; lines without end. */
static void
survives_long_hosts(void **state)
{
    static const struct {
        const char *name;
        size_t n;           /* bytes of the name in the file */
        size_t n_hostname;  /* bytes of the name looked for */
        const char *behind; /* after the name in the file */
        size_t n_found;
    } cases[] = {
        {"longest name", 253, 253, "\n", 1},
        {"longest name and a dot", 253, 253, ".\n", 1},
        {"a byte more", 254, 253, "\n", 0},
        {"a byte less", 252, 253, "\n", 0},
        {"far longer", 200000, 253, "\n", 0},
        {"far longer, and an alias", 200000, 1, " a\n", 1},
    };
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(cleanup_free)
        char *text = long_text("10.0.0.7 ", 'a', cases[i].n, cases[i].behind);
        CLEANUP(cleanup_free) char *hostname = long_text("", 'a', cases[i].n_hostname, "");
        struct addr addr = {0};
        size_t n = hosts_lookup(text, hostname, &addr, 1);

        if (n != cases[i].n_found) {
            print_error("%s: got %zu, expected %zu\n", cases[i].name, n, cases[i].n_found);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* A word one byte too long must not be cut into one that matches. */
static void
test_hosts_cut_words(void **state)
{
    char name[254];
    char text[512];
    struct addr found[2];

    (void)state;
    assert_int_equal(
        hosts_lookup("0000:0000:0000:0000:0000:ffff:255.255.255.255x h\n", "h", found, 2), 0);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(text, sizeof(text), "10.0.0.1 %s.evil\n", name);
    assert_int_equal(hosts_lookup(text, name, found, 2), 0);
    (void)snprintf(text, sizeof(text), "10.0.0.1 %s.\n", name);
    assert_int_equal(hosts_lookup(text, name, found, 2), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_cut_words),
        cmocka_unit_test(parses_nameservers),
        cmocka_unit_test(survives_long_lines),
        cmocka_unit_test(compares_nameservers),
        cmocka_unit_test(looks_up_hosts),
        cmocka_unit_test(survives_long_hosts),
    };

    return cmocka_run_group_tests_name("resolvconf", tests, NULL, NULL);
}
