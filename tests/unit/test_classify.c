/* probes/classify: CIDRs, the class of an address, the subnet it lies in. */
#include "daemon/util.h"
#include "probes/classify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* text, and what it looks like when it is written again; NULL: not a CIDR */
static const struct {
    const char *text;
    const char *formatted;
} cidr_cases[] = {
    {"10.0.0.0/16", "10.0.0.0/16"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"10.1.2.3/32", "10.1.2.3/32"},
    {"10.0.0.0/08", "10.0.0.0/8"},
    {"::/0", "::/0"},
    {"fd00::/8", "fd00::/8"},
    {"2001:db8::1/128", "2001:db8::1/128"},
    {"2600:1f14:abc::/56", "2600:1f14:abc::/56"},
    {"10.0.0.1/16", NULL}, /* host bits */
    {"10.0.0.128/24", NULL},
    {"0.0.0.1/0", NULL},
    {"fd00::1/64", NULL},
    {"10.0.0.0/33", NULL},
    {"::/129", NULL},
    {"10.0.0.0/-1", NULL},
    {"10.0.0.0/+8", NULL},
    {"10.0.0.0/ 8", NULL},
    {"10.0.0.0/8 ", NULL},
    {"10.0.0.0/", NULL},
    {"10.0.0.0", NULL},
    {"/8", NULL},
    {"", NULL},
    {"10.0/16", NULL},
    {"10.0.0.0/16/16", NULL},
    {"10.0.0.0/255.255.0.0", NULL},
    {"10.0.0.0/99999999999999999999", NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8", NULL},
};

static void
parses_cidrs(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cidr_cases); i++) {
        char buf[CIDR_TEXT_SIZE] = "not a CIDR";
        struct cidr cidr = {.prefix_len = 222};
        bool valid = cidr_cases[i].formatted != NULL;
        const char *expected = valid ? cidr_cases[i].formatted : "not a CIDR";
        int r = cidr_parse(cidr_cases[i].text, &cidr);

        if (r == 0) {
            (void)cidr_format(&cidr, buf);
        }
        if (r != (valid ? 0 : -EINVAL) || !streq(buf, expected) ||
            (!valid && cidr.prefix_len != 222)) {
            print_error(
                "\"%s\": got %d \"%s\", expected \"%s\"\n", cidr_cases[i].text, r, buf, expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static const struct {
    const char *cidr;
    const char *addr;
    bool inside;
} contains_cases[] = {
    {"10.0.0.0/16", "10.0.0.0", true},
    {"10.0.0.0/16", "10.0.255.255", true},
    {"10.0.0.0/16", "10.1.0.0", false},
    {"10.0.0.0/16", "9.255.255.255", false},
    {"10.0.0.0/15", "10.1.255.255", true},
    {"10.0.0.0/15", "10.2.0.0", false},
    {"172.16.0.0/12", "172.31.255.255", true},
    {"172.16.0.0/12", "172.32.0.0", false},
    {"10.0.0.0/31", "10.0.0.1", true},
    {"10.0.0.0/31", "10.0.0.2", false},
    {"10.0.0.7/32", "10.0.0.7", true},
    {"10.0.0.7/32", "10.0.0.6", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::", false},
    {"::/0", "0.0.0.0", false},
    {"::/0", "ffff::", true},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"2001:db8::/127", "2001:db8::1", true},
    {"2001:db8::/127", "2001:db8::2", false},
    {"2001:db8::1/128", "2001:db8::1", true},
    {"2001:db8::1/128", "2001:db8::", false},
};

static struct addr
addr_of(const char *text)
{
    struct addr addr = {0};

    if (addr_parse(text, &addr) < 0) {
        fail_msg("the test has a bad address: %s", text);
    }
    return addr;
}

static struct cidr
cidr_of(const char *text)
{
    struct cidr cidr = {.prefix_len = 0};

    if (cidr_parse(text, &cidr) < 0) {
        fail_msg("the test has a bad CIDR: %s", text);
    }
    return cidr;
}

static void
contains(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(contains_cases); i++) {
        struct cidr cidr = cidr_of(contains_cases[i].cidr);
        struct addr addr = addr_of(contains_cases[i].addr);
        bool inside = cidr_contains(&cidr, &addr);

        if (inside != contains_cases[i].inside) {
            print_error("%s in %s: got %d, expected %d\n", contains_cases[i].addr,
                contains_cases[i].cidr, inside, contains_cases[i].inside);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* The VPCs of the cases below. */
enum vpc {
    VPC_USUAL,     /* 10.0.0.0/16, 100.70.0.0/16 and a /56 of global IPv6 space; all known */
    VPC_PUBLIC,    /* uses public-looking IPv4 space, 198.18 and documentation space; all known */
    VPC_UNKNOWN,   /* nothing known yet */
    VPC_IPV4_ONLY, /* only the IPv4 CIDRs are known */
};

static struct vpc_nets
nets_of(enum vpc vpc)
{
    struct vpc_nets nets = {.n_cidrs = 0};

    switch (vpc) {
    case VPC_USUAL:
        nets.cidrs[nets.n_cidrs++] = cidr_of("10.0.0.0/16");
        nets.cidrs[nets.n_cidrs++] = cidr_of("100.70.0.0/16");
        nets.cidrs[nets.n_cidrs++] = cidr_of("2600:1f14:abc:4200::/56");
        nets.known[0] = nets.known[1] = true;
        break;
    case VPC_PUBLIC:
        nets.cidrs[nets.n_cidrs++] = cidr_of("52.94.0.0/20");
        nets.cidrs[nets.n_cidrs++] = cidr_of("198.18.0.0/16");
        nets.cidrs[nets.n_cidrs++] = cidr_of("203.0.113.0/24");
        nets.cidrs[nets.n_cidrs++] = cidr_of("2001:db8:1::/48");
        nets.known[0] = nets.known[1] = true;
        break;
    case VPC_UNKNOWN:
        break;
    case VPC_IPV4_ONLY:
        nets.cidrs[nets.n_cidrs++] = cidr_of("10.0.0.0/16");
        nets.known[0] = true;
        break;
    }
    return nets;
}

static const struct {
    const char *name;
    enum vpc vpc;
    const char *addr;
    enum addr_class expected;
} class_cases[] = {
    {"the VPC's first block", VPC_USUAL, "10.0.1.23", ADDR_CLASS_VPC},
    {"a secondary block of RFC 6598", VPC_USUAL, "100.70.1.1", ADDR_CLASS_VPC},
    {"global IPv6 of the VPC", VPC_USUAL, "2600:1f14:abc:42ff::1", ADDR_CLASS_VPC},
    {"global IPv6 beside the VPC", VPC_USUAL, "2600:1f14:abc:4300::1", ADDR_CLASS_PUBLIC},
    {"public-looking VPC", VPC_PUBLIC, "52.94.5.106", ADDR_CLASS_VPC},
    {"public beside a public-looking VPC", VPC_PUBLIC, "52.94.16.0", ADDR_CLASS_PUBLIC},
    {"special space used as VPC", VPC_PUBLIC, "198.18.3.4", ADDR_CLASS_VPC},
    {"special space beside the VPC", VPC_PUBLIC, "198.19.3.4", ADDR_CLASS_SPECIAL},
    {"documentation space used as VPC", VPC_PUBLIC, "203.0.113.9", ADDR_CLASS_VPC},
    {"IPv6 documentation space used as VPC", VPC_PUBLIC, "2001:db8:1::9", ADDR_CLASS_VPC},

    {"10/8, first", VPC_USUAL, "10.255.0.0", ADDR_CLASS_PRIVATE},
    {"10/8, last", VPC_USUAL, "10.255.255.255", ADDR_CLASS_PRIVATE},
    {"before 10/8", VPC_USUAL, "9.255.255.255", ADDR_CLASS_PUBLIC},
    {"behind 10/8", VPC_USUAL, "11.0.0.0", ADDR_CLASS_PUBLIC},
    {"172.16/12, first", VPC_USUAL, "172.16.0.0", ADDR_CLASS_PRIVATE},
    {"172.16/12, last", VPC_USUAL, "172.31.255.255", ADDR_CLASS_PRIVATE},
    {"before 172.16/12", VPC_USUAL, "172.15.255.255", ADDR_CLASS_PUBLIC},
    {"behind 172.16/12", VPC_USUAL, "172.32.0.0", ADDR_CLASS_PUBLIC},
    {"192.168/16, first", VPC_USUAL, "192.168.0.0", ADDR_CLASS_PRIVATE},
    {"192.168/16, last", VPC_USUAL, "192.168.255.255", ADDR_CLASS_PRIVATE},
    {"before 192.168/16", VPC_USUAL, "192.167.255.255", ADDR_CLASS_PUBLIC},
    {"behind 192.168/16", VPC_USUAL, "192.169.0.0", ADDR_CLASS_PUBLIC},
    {"100.64/10, first", VPC_USUAL, "100.64.0.0", ADDR_CLASS_PRIVATE},
    {"100.64/10, last", VPC_USUAL, "100.127.255.255", ADDR_CLASS_PRIVATE},
    {"before 100.64/10", VPC_USUAL, "100.63.255.255", ADDR_CLASS_PUBLIC},
    {"behind 100.64/10", VPC_USUAL, "100.128.0.0", ADDR_CLASS_PUBLIC},
    {"fc00::/7, first", VPC_USUAL, "fc00::", ADDR_CLASS_PRIVATE},
    {"fc00::/7, fd", VPC_USUAL, "fd00:ec2::253", ADDR_CLASS_PRIVATE},
    {"fc00::/7, last", VPC_USUAL, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_CLASS_PRIVATE},
    {"before fc00::/7", VPC_USUAL, "fbff::1", ADDR_CLASS_PUBLIC},
    {"behind fc00::/7", VPC_USUAL, "fe00::1", ADDR_CLASS_PUBLIC},

    {"this network", VPC_USUAL, "0.1.2.3", ADDR_CLASS_SPECIAL},
    {"unspecified", VPC_USUAL, "0.0.0.0", ADDR_CLASS_SPECIAL},
    {"loopback", VPC_USUAL, "127.0.0.1", ADDR_CLASS_SPECIAL},
    {"loopback, last", VPC_USUAL, "127.255.255.255", ADDR_CLASS_SPECIAL},
    {"behind loopback", VPC_USUAL, "128.0.0.0", ADDR_CLASS_PUBLIC},
    {"link-local", VPC_USUAL, "169.254.169.253", ADDR_CLASS_SPECIAL},
    {"before link-local", VPC_USUAL, "169.253.255.255", ADDR_CLASS_PUBLIC},
    {"behind link-local", VPC_USUAL, "169.255.0.0", ADDR_CLASS_PUBLIC},
    {"IETF protocol assignments", VPC_USUAL, "192.0.0.8", ADDR_CLASS_SPECIAL},
    {"TEST-NET-1", VPC_USUAL, "192.0.2.1", ADDR_CLASS_SPECIAL},
    {"behind TEST-NET-1", VPC_USUAL, "192.0.3.0", ADDR_CLASS_PUBLIC},
    {"TEST-NET-2", VPC_USUAL, "198.51.100.255", ADDR_CLASS_SPECIAL},
    {"behind TEST-NET-2", VPC_USUAL, "198.51.101.0", ADDR_CLASS_PUBLIC},
    {"TEST-NET-3", VPC_USUAL, "203.0.113.0", ADDR_CLASS_SPECIAL},
    {"before TEST-NET-3", VPC_USUAL, "203.0.112.255", ADDR_CLASS_PUBLIC},
    {"benchmarking, first", VPC_USUAL, "198.18.0.0", ADDR_CLASS_SPECIAL},
    {"benchmarking, last", VPC_USUAL, "198.19.255.255", ADDR_CLASS_SPECIAL},
    {"behind benchmarking", VPC_USUAL, "198.20.0.0", ADDR_CLASS_PUBLIC},
    {"multicast, first", VPC_USUAL, "224.0.0.0", ADDR_CLASS_SPECIAL},
    {"before multicast", VPC_USUAL, "223.255.255.255", ADDR_CLASS_PUBLIC},
    {"reserved", VPC_USUAL, "240.0.0.1", ADDR_CLASS_SPECIAL},
    {"broadcast", VPC_USUAL, "255.255.255.255", ADDR_CLASS_SPECIAL},
    {"IPv6 unspecified", VPC_USUAL, "::", ADDR_CLASS_SPECIAL},
    {"IPv6 loopback", VPC_USUAL, "::1", ADDR_CLASS_SPECIAL},
    {"IPv4-compatible", VPC_USUAL, "::52.94.5.106", ADDR_CLASS_SPECIAL},
    {"discard-only (RFC 6666)", VPC_USUAL, "100::1", ADDR_CLASS_SPECIAL},
    {"behind discard-only", VPC_USUAL, "100:0:0:1::1", ADDR_CLASS_PUBLIC},
    {"documentation (RFC 3849)", VPC_USUAL, "2001:db8::1", ADDR_CLASS_SPECIAL},
    {"documentation (RFC 3849), last", VPC_USUAL, "2001:db8:ffff::1", ADDR_CLASS_SPECIAL},
    {"behind RFC 3849", VPC_USUAL, "2001:db9::1", ADDR_CLASS_PUBLIC},
    {"documentation (RFC 9637)", VPC_USUAL, "3fff::1", ADDR_CLASS_SPECIAL},
    {"documentation (RFC 9637), last", VPC_USUAL, "3fff:fff::1", ADDR_CLASS_SPECIAL},
    {"behind RFC 9637", VPC_USUAL, "3fff:1000::1", ADDR_CLASS_PUBLIC},
    {"IPv6 link-local", VPC_USUAL, "fe80::1", ADDR_CLASS_SPECIAL},
    {"IPv6 link-local, last", VPC_USUAL, "febf::1", ADDR_CLASS_SPECIAL},
    {"IPv6 site-local (RFC 3879)", VPC_USUAL, "fec0::1", ADDR_CLASS_SPECIAL},
    {"IPv6 multicast", VPC_USUAL, "ff02::1", ADDR_CLASS_SPECIAL},

    {"an AWS address", VPC_USUAL, "52.119.184.1", ADDR_CLASS_PUBLIC},
    {"an AWS IPv6 address", VPC_USUAL, "2600:1fa0:4000::1", ADDR_CLASS_PUBLIC},

    {"mapped, VPC", VPC_USUAL, "::ffff:10.0.1.23", ADDR_CLASS_VPC},
    {"mapped, private", VPC_USUAL, "::ffff:192.168.1.1", ADDR_CLASS_PRIVATE},
    {"mapped, special", VPC_USUAL, "::ffff:127.0.0.1", ADDR_CLASS_SPECIAL},
    {"mapped, public", VPC_USUAL, "::ffff:52.94.5.106", ADDR_CLASS_PUBLIC},
    {"mapped, public-looking VPC", VPC_PUBLIC, "::ffff:52.94.5.106", ADDR_CLASS_VPC},
    {"NAT64, VPC", VPC_USUAL, "64:ff9b::10.0.1.23", ADDR_CLASS_VPC},
    {"NAT64, private", VPC_USUAL, "64:ff9b::172.16.0.1", ADDR_CLASS_PRIVATE},
    {"NAT64, special", VPC_USUAL, "64:ff9b::169.254.169.254", ADDR_CLASS_SPECIAL},
    {"NAT64, public", VPC_USUAL, "64:ff9b::52.94.5.106", ADDR_CLASS_PUBLIC},

    {"unknown: global IPv4", VPC_UNKNOWN, "52.94.5.106", ADDR_CLASS_UNKNOWN},
    {"unknown: global IPv6", VPC_UNKNOWN, "2600:1f14:abc:4200::1", ADDR_CLASS_UNKNOWN},
    {"unknown: mapped global", VPC_UNKNOWN, "::ffff:52.94.5.106", ADDR_CLASS_UNKNOWN},
    {"unknown: NAT64 global", VPC_UNKNOWN, "64:ff9b::52.94.5.106", ADDR_CLASS_UNKNOWN},
    {"unknown: private stays private", VPC_UNKNOWN, "10.0.1.23", ADDR_CLASS_PRIVATE},
    {"unknown: ULA stays private", VPC_UNKNOWN, "fd00::1", ADDR_CLASS_PRIVATE},
    {"unknown: special stays special", VPC_UNKNOWN, "127.0.0.1", ADDR_CLASS_SPECIAL},
    {"IPv4 known: IPv4", VPC_IPV4_ONLY, "52.94.5.106", ADDR_CLASS_PUBLIC},
    {"IPv4 known: IPv6", VPC_IPV4_ONLY, "2600:1f14:abc:4200::1", ADDR_CLASS_UNKNOWN},
    {"IPv4 known: mapped is IPv4", VPC_IPV4_ONLY, "::ffff:52.94.5.106", ADDR_CLASS_PUBLIC},
    {"IPv4 known: NAT64 is IPv4", VPC_IPV4_ONLY, "64:ff9b::52.94.5.106", ADDR_CLASS_PUBLIC},
};

static void
classifies(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(class_cases); i++) {
        struct vpc_nets nets = nets_of(class_cases[i].vpc);
        struct addr addr = addr_of(class_cases[i].addr);
        enum addr_class got = classify_addr(&addr, &nets);

        if (got != class_cases[i].expected) {
            print_error("%s (%s): got %s, expected %s\n", class_cases[i].name, class_cases[i].addr,
                addr_class_str(got), addr_class_str(class_cases[i].expected));
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void
finds_subnets(void **state)
{
    struct vpc_nets nets = {.n_subnets = 4,
        .subnets = {{cidr_of("10.0.0.0/16"), "apne1-az1"}, {cidr_of("10.0.1.0/24"), "apne1-az4"},
            {cidr_of("2600:1f14:abc:4200::/64"), "apne1-az2"},
            {cidr_of("10.0.0.0/20"), "apne1-az1"}}};
    const struct {
        const char *addr;
        const char *az_id; /* NULL: in none */
    } cases[] = {
        {"10.0.1.7", "apne1-az4"}, /* the longer prefix, though it comes later */
        {"10.0.2.7", "apne1-az1"},
        {"10.0.0.7", "apne1-az1"},
        {"2600:1f14:abc:4200::7", "apne1-az2"},
        {"10.1.0.0", NULL},
        {"2600:1f14:abc:4201::7", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct addr addr = addr_of(cases[i].addr);
        const struct subnet *subnet = classify_subnet(&addr, &nets);
        const char *got = subnet == NULL ? "-" : subnet->az_id;

        if (!streq(got, cases[i].az_id == NULL ? "-" : cases[i].az_id)) {
            fail_msg("%s: got %s, expected %s", cases[i].addr, got, cases[i].az_id);
        }
    }
}

static void
class_words(void **state)
{
    const char *const words[ADDR_CLASS_N] = {"unknown", "vpc", "private", "public", "special"};

    (void)state;
    for (unsigned i = 0; i < ADDR_CLASS_N; i++) {
        assert_string_equal(addr_class_str((enum addr_class)i), words[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_cidrs),
        cmocka_unit_test(contains),
        cmocka_unit_test(classifies),
        cmocka_unit_test(finds_subnets),
        cmocka_unit_test(class_words),
    };

    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
