/* probes/http_head: the request, and heads of answers good, strange and hostile. */
#include "probes/http_head.h"

#include "daemon/util.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A literal and its length, so that it may hold NUL bytes. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* 1994-11-06 08:49:37, and half a second later */
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define NOW_MS (INT64_C(784111777) * 1000 + 500)

#define NO_DATE INT64_MIN

#define MALFORMED(name, literal)                                                                   \
    {                                                                                              \
        name, BYTES(literal), HTTP_HEAD_MALFORMED                                                  \
    }

static const struct {
    const char *name;
    const char *s;
    size_t len;
    enum http_head expected;
    unsigned status;
    bool is_aws;
    const char *request_id; /* NULL: "" */
} cases[] = {
    {"JSON service", BYTES("HTTP/1.1 404 Not Found\r\nx-amzn-RequestId: 1f-2e\r\n\r\n"),
        HTTP_HEAD_OK, 404, true, "1f-2e"},
    {"S3",
        BYTES("HTTP/1.1 307 Temporary Redirect\r\nx-amz-id-2: long+/=\r\n"
              "x-amz-request-id: 4442587FB7D0A2F9\r\n\r\n"),
        HTTP_HEAD_OK, 307, true, "4442587FB7D0A2F9"},
    {"S3, the other way round",
        BYTES("HTTP/1.1 403 Forbidden\r\nx-amz-request-id: 44\r\nx-amz-id-2: long\r\n\r\n"),
        HTTP_HEAD_OK, 403, true, "44"},
    {"the long id alone", BYTES("HTTP/1.1 403 Forbidden\r\nx-amz-id-2: long\r\n\r\n"), HTTP_HEAD_OK,
        403, true, "long"},
    {"another spelling", BYTES("HTTP/1.1 200 OK\r\nX-AMZN-REQUEST-ID:\t a b \t\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "a b"},
    {"registry",
        BYTES("HTTP/1.1 401 Unauthorized\r\n"
              "Docker-Distribution-Api-Version: registry/2.0\r\n\r\n"),
        HTTP_HEAD_OK, 401, true, NULL},
    {"two ids", BYTES("HTTP/1.1 200 OK\r\nx-amzn-requestid: a\r\nx-amzn-requestid: b\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "a"},
    {"portal", BYTES("HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n"), HTTP_HEAD_OK, 200, false, NULL},
    {"no headers", BYTES("HTTP/1.0 200 OK\r\n\r\n"), HTTP_HEAD_OK, 200, false, NULL},
    {"an id that is empty", BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestId: \t\r\n\r\n"), HTTP_HEAD_OK,
        200, false, NULL},
    {"a registry that is empty",
        BYTES("HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version:\r\n\r\n"), HTTP_HEAD_OK, 200,
        false, NULL},
    {"a name that only begins so", BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestIdx: 1\r\n\r\n"),
        HTTP_HEAD_OK, 200, false, NULL},
    {"the id in the body", BYTES("HTTP/1.1 200 OK\r\n\r\nx-amzn-RequestId: 1\r\n\r\n"),
        HTTP_HEAD_OK, 200, false, NULL},
    {"LF alone", BYTES("HTTP/1.1 200 OK\nx-amzn-RequestId: 1\n\n"), HTTP_HEAD_OK, 200, true, "1"},
    {"a body of NUL bytes", BYTES("HTTP/1.1 200 OK\r\n\r\n\0\0"), HTTP_HEAD_OK, 200, false, NULL},
    {"no reason", BYTES("HTTP/1.1 200\r\n\r\n"), HTTP_HEAD_OK, 200, false, NULL},
    {"an empty reason", BYTES("HTTP/1.1 200 \r\n\r\n"), HTTP_HEAD_OK, 200, false, NULL},
    {"the highest", BYTES("HTTP/1.1 999 \r\n\r\n"), HTTP_HEAD_OK, 999, false, NULL},
    {"a version to come", BYTES("HTTP/1.9 200 OK\r\n\r\n"), HTTP_HEAD_OK, 200, false, NULL},
    {"bytes of Latin-1", BYTES("HTTP/1.1 200 \xe4\r\nx-amzn-RequestId: \xe4\\\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "\\xe4\\x5c"},
    {"a colon in the value", BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestId: a:b\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "a:b"},
    {"an id that is cut",
        BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestId: 0123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789\r\n\r\n"),
        HTTP_HEAD_OK, 200, true,
        "0123456789012345678901234567890123456789012345678901234567890123"},
    {"an escape that would be cut",
        BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestId: 0123456789012345678901234567890123456789"
              "01234567890123456789012\xff\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "012345678901234567890123456789012345678901234567890123456789012"},
    {"folded", BYTES("HTTP/1.1 200 OK\r\nx-amzn-RequestId: a\r\n b\r\n\tc: d\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "a"},
    {"an id in a fold", BYTES("HTTP/1.1 200 OK\r\nA:\r\n x-amzn-RequestId: a\r\n\r\n"),
        HTTP_HEAD_OK, 200, false, NULL},
    {"100 before it",
        BYTES("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-amzn-RequestId: a\r\n\r\n"),
        HTTP_HEAD_OK, 200, true, "a"},
    {"an id of a 1xx does not count",
        BYTES("HTTP/1.1 103 Early Hints\r\nx-amzn-RequestId: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        HTTP_HEAD_OK, 200, false, NULL},

    {"nothing", BYTES(""), HTTP_HEAD_INCOMPLETE},
    {"one letter", BYTES("H"), HTTP_HEAD_INCOMPLETE},
    {"half a status line", BYTES("HTTP/1.1 20"), HTTP_HEAD_INCOMPLETE},
    {"half an end", BYTES("HTTP/1.1 200 OK\r"), HTTP_HEAD_INCOMPLETE},
    {"headers to come", BYTES("HTTP/1.1 200 OK\r\n"), HTTP_HEAD_INCOMPLETE},
    {"half a header", BYTES("HTTP/1.1 200 OK\r\nServer"), HTTP_HEAD_INCOMPLETE},
    {"half a blank line", BYTES("HTTP/1.1 200 OK\r\nServer: a\r\n\r"), HTTP_HEAD_INCOMPLETE},
    {"100 alone", BYTES("HTTP/1.1 100 Continue\r\n\r\n"), HTTP_HEAD_INCOMPLETE},

    MALFORMED("SSH", "SSH-2.0-OpenSSH_9.2\r\n"),
    MALFORMED("SSH, its first letter", "S"),
    MALFORMED("SMTP", "220 mail.example ESMTP\r\n"),
    MALFORMED("HTML", "<html></html>"),
    MALFORMED("NUL", "\0"),
    MALFORMED("a blank line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    MALFORMED("garbage after a 1xx", "HTTP/1.1 100 Continue\r\n\r\nSSH"),
    MALFORMED("HTTP/2", "HTTP/2 200\r\n\r\n"),
    MALFORMED("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"),
    MALFORMED("HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n"),
    MALFORMED("no minor version", "HTTP/1. 200 OK\r\n\r\n"),
    MALFORMED("lower case", "http/1.1 200 OK\r\n\r\n"),
    MALFORMED("shorter than its prefix", "HTTP/\r\n"),
    MALFORMED("no status", "HTTP/1.1\r\n\r\n"),
    MALFORMED("two digits", "HTTP/1.1 20\r\n\r\n"),
    MALFORMED("two digits and a reason", "HTTP/1.1 20 OK\r\n\r\n"),
    MALFORMED("two blanks", "HTTP/1.1  200 OK\r\n\r\n"),
    MALFORMED("a tab", "HTTP/1.1\t200 OK\r\n\r\n"),
    MALFORMED("status 0", "HTTP/1.1 0 OK\r\n\r\n"),
    MALFORMED("status 000", "HTTP/1.1 000 OK\r\n\r\n"),
    MALFORMED("status 099", "HTTP/1.1 099 OK\r\n\r\n"),
    MALFORMED("status 1000", "HTTP/1.1 1000 OK\r\n\r\n"),
    MALFORMED("status -20", "HTTP/1.1 -20 OK\r\n\r\n"),
    MALFORMED("status 2x0", "HTTP/1.1 2x0 OK\r\n\r\n"),
    MALFORMED("NUL in the status line", "HTTP/1.1 200 O\0K\r\n\r\n"),
    MALFORMED("CR in the status line", "HTTP/1.1 200 O\rK\r\n\r\n"),
    MALFORMED("a header without colon", "HTTP/1.1 200 OK\r\nServer nginx\r\n\r\n"),
    MALFORMED("a header without name", "HTTP/1.1 200 OK\r\n: nginx\r\n\r\n"),
    MALFORMED("a blank before the colon", "HTTP/1.1 200 OK\r\nServer : nginx\r\n\r\n"),
    MALFORMED("NUL in a name", "HTTP/1.1 200 OK\r\nSer\0ver: nginx\r\n\r\n"),
    MALFORMED("NUL in a value", "HTTP/1.1 200 OK\r\nx-amzn-RequestId: a\0b\r\n\r\n"),
    MALFORMED("an escape in a value", "HTTP/1.1 200 OK\r\nx-amzn-RequestId: \x1b[2J\r\n\r\n"),
    MALFORMED("CR in a value", "HTTP/1.1 200 OK\r\nx-amzn-RequestId: a\rb\r\n\r\n"),
    MALFORMED("delete in a value", "HTTP/1.1 200 OK\r\nx-amzn-RequestId: \x7f\r\n\r\n"),
    MALFORMED("a fold of nothing", "HTTP/1.1 200 OK\r\n folded\r\n\r\n"),
    MALFORMED("a fold with NUL", "HTTP/1.1 200 OK\r\nA: b\r\n \0\r\n\r\n"),
    MALFORMED("a second status line", "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n"),
    MALFORMED("an answer's bad 1xx", "HTTP/1.1 100 \x01\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
};

/* In a block of exactly that size, so that a sanitizer sees a byte too far. */
static enum http_head
parse(const char *s, size_t len, struct http_facts *ret, bool *ret_is_aws)
{
    char *copy = malloc(len + (len == 0));
    enum http_head r;

    assert_non_null(copy);
    memcpy(copy, s, len);
    r = http_head_parse(copy, len, NOW_MS, ret, ret_is_aws);
    free(copy);
    return r;
}

static void
heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct http_facts facts = {.status = 7};
        bool is_aws = false;
        enum http_head r = parse(cases[i].s, cases[i].len, &facts, &is_aws);
        const char *request_id = cases[i].request_id != NULL ? cases[i].request_id : "";

        if (r != cases[i].expected) {
            fail_msg("%s: got %d, expected %d", cases[i].name, (int)r, (int)cases[i].expected);
        }
        if (r != HTTP_HEAD_OK) {
            assert_int_equal(facts.status, 7); /* untouched */
            continue;
        }
        if (facts.status != cases[i].status || is_aws != cases[i].is_aws ||
            !streq(facts.request_id, request_id) || facts.has_date) {
            fail_msg("%s: got %u %d \"%s\", expected %u %d \"%s\"", cases[i].name, facts.status,
                is_aws, facts.request_id, cases[i].status, cases[i].is_aws, request_id);
        }
    }
}

/* Cut anywhere, a head is incomplete until it is what it will be, and stays that. */
static void
every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool decided = false;

        for (size_t len = 0; len <= cases[i].len; len++) {
            struct http_facts facts;
            bool is_aws;
            enum http_head r = parse(cases[i].s, len, &facts, &is_aws);

            decided |= r != HTTP_HEAD_INCOMPLETE;
            if (r != (decided ? cases[i].expected : HTTP_HEAD_INCOMPLETE)) {
                fail_msg("%s, %zu bytes: got %d", cases[i].name, len, (int)r);
            }
        }
    }
}

static const struct {
    const char *date;
    int64_t skew_ms; /* NO_DATE: it is none */
} dates[] = {
    {DATE, 500},
    {"Sun, 06 Nov 1994 08:49:38 GMT", -500},
    {"Sun, 06 Nov 1994 07:49:37 GMT", 3600500},
    {"Thu, 01 Jan 1970 00:00:00 GMT", NOW_MS},
    {"Wed, 31 Dec 1969 23:59:59 GMT", NOW_MS + 1000},
    {"Fri, 31 Dec 9999 23:59:59 GMT", NOW_MS - INT64_C(253402300799000)},
    {"Tue, 29 Feb 2000 00:00:00 GMT", NOW_MS - INT64_C(951782400000)},
    {"Thu, 29 Feb 2024 00:00:00 GMT", NOW_MS - INT64_C(1709164800000)},
    {"Fri, 01 Mar 2024 00:00:00 GMT", NOW_MS - INT64_C(1709251200000)},
    {"Sat, 31 Dec 2016 23:59:60 GMT", NOW_MS - INT64_C(1483228800000)}, /* a leap second */
    {"Wed, 29 Feb 2023 00:00:00 GMT", NO_DATE},
    {"Mon, 29 Feb 2100 00:00:00 GMT", NO_DATE},
    {"Thu, 29 Feb 1900 00:00:00 GMT", NO_DATE},
    {"Mon, 06 Nov 1994 08:49:37 GMT", NO_DATE}, /* it was a Sunday */
    {"Sun, 00 Nov 1994 08:49:37 GMT", NO_DATE},
    {"Thu, 31 Nov 1994 08:49:37 GMT", NO_DATE},
    {"Sun, 32 Oct 1994 08:49:37 GMT", NO_DATE},
    {"Sun, 06 Nov 1994 24:00:00 GMT", NO_DATE},
    {"Sun, 06 Nov 1994 08:60:00 GMT", NO_DATE},
    {"Sun, 06 Nov 1994 08:49:61 GMT", NO_DATE},
    {"Sun, 06 Nov 1994 99:99:99 GMT", NO_DATE},
    {"Sun, 99 Nov 9999 08:49:37 GMT", NO_DATE},
    {"Sun, 06 Nov 1994 08:49:37 UTC", NO_DATE},
    {"Sun, 06 Nov 1994 08:49:37 GMT+1", NO_DATE},
    {"Sun, 06 Nov 1994 08:49:37", NO_DATE},
    {"Sun, 6 Nov 1994 08:49:37 GMT", NO_DATE},
    {"Sun, -6 Nov 1994 08:49:37 GMT", NO_DATE},
    {"sun, 06 nov 1994 08:49:37 gmt", NO_DATE},
    {"Sun, 06 nNo 1994 08:49:37 GMT", NO_DATE},
    {"Sun, 06 anF 1994 08:49:37 GMT", NO_DATE},
    {"Xxx, 06 Nov 1994 08:49:37 GMT", NO_DATE},
    {"Sunday, 06-Nov-94 08:49:37 GMT", NO_DATE}, /* obsolete forms */
    {"Sun Nov  6 08:49:37 1994", NO_DATE},
    {"1994-11-06T08:49:37Z", NO_DATE},
    {"0", NO_DATE},
    {"", NO_DATE},
};

static void
clock_skew(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
        char buf[256] = "";
        struct text t = TEXT(buf);
        struct http_facts facts = {0};
        bool is_aws;
        int64_t skew_ms;

        (void)text_add(&t, "HTTP/1.1 200 OK\r\nDate: %s \r\n\r\n", dates[i].date);
        assert_int_equal(parse(buf, t.len, &facts, &is_aws), HTTP_HEAD_OK);
        skew_ms = facts.has_date ? facts.clock_skew_ms : NO_DATE;
        if (skew_ms != dates[i].skew_ms) {
            fail_msg("\"%s\": got %" PRId64 ", expected %" PRId64, dates[i].date, skew_ms,
                dates[i].skew_ms);
        }
    }
}

/* The first that can be read; none of a 1xx answer. */
static void
which_date(void **state)
{
    static const char head[] =
        "HTTP/1.1 103 Early Hints\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
        "HTTP/1.1 200 OK\r\nDate: yesterday\r\ndate: " DATE "\r\n"
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
    struct http_facts facts = {0};
    bool is_aws;

    (void)state;
    assert_int_equal(parse(BYTES(head), &facts, &is_aws), HTTP_HEAD_OK);
    assert_true(facts.has_date);
    assert_int_equal(facts.clock_skew_ms, 500);
    assert_false(is_aws);
}

/* As many bytes as a head may have, of one kind of line, with and without its end. */
static void
huge_heads(void **state)
{
    static const char *const lines[] = {
        "a:\r\n", "x-amzn-requestid:\r\n", "a: b\n", "a:\r\n b\r\n"};
    static const char start[] = "HTTP/1.1 200 OK\r\n";
    static char buf[HTTP_HEAD_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct http_facts facts = {0};
        bool is_aws = true;
        size_t len = sizeof(start) - 1;
        size_t line_len = strlen(lines[i]);

        memcpy(buf, start, len);
        for (; len + line_len + 2 <= sizeof(buf); len += line_len) {
            memcpy(buf + len, lines[i], line_len);
        }
        assert_int_equal(parse(buf, len, &facts, &is_aws), HTTP_HEAD_INCOMPLETE);
        memcpy(buf + len, "\r\n", 2);
        assert_int_equal(parse(buf, len + 2, &facts, &is_aws), HTTP_HEAD_OK);
        assert_int_equal(facts.status, 200);
        assert_false(is_aws);
    }
    memset(buf, 'a', sizeof(buf)); /* one line without end */
    memcpy(buf, start, sizeof(start) - 1);
    assert_int_equal(http_head_parse(buf, sizeof(buf), NOW_MS, NULL, NULL), HTTP_HEAD_INCOMPLETE);
    memcpy(buf, "HTTP/1.1 200 aaaa", sizeof(start) - 1);
    assert_int_equal(http_head_parse(buf, sizeof(buf), NOW_MS, NULL, NULL), HTTP_HEAD_INCOMPLETE);
}

/* Every byte, at every place of a head, in place of the one there: it may be anything, but it must
 * be within bounds, and an id stays printable. */
static void
any_byte_anywhere(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nx-amzn-RequestId: ab\r\nDate: " DATE "\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char changed[sizeof(head)];
            struct http_facts facts = {0};
            bool is_aws = false;

            memcpy(changed, head, sizeof(head));
            changed[i] = (char)byte;
            if (parse(changed, sizeof(head) - 1, &facts, &is_aws) != HTTP_HEAD_OK) {
                continue;
            }
            assert_in_range(facts.status, 200, 999);
            for (const char *c = facts.request_id; *c != '\0'; c++) {
                assert_in_range(*c, ' ', '~');
            }
        }
    }
}

static void
requests(void **state)
{
    static const struct {
        struct endpoint_spec spec;
        const char *start;
    } rows[] = {
        {{.key = "ecs", .hostname = "ecs.test", .port = 443},
            "GET / HTTP/1.1\r\nHost: ecs.test\r\n"},
        {{.key = "ecr.dkr", .hostname = "1.dkr.ecr.test", .port = 443},
            "GET /v2/ HTTP/1.1\r\nHost: 1.dkr.ecr.test\r\n"},
        {{.key = "own", .hostname = "10.0.0.1", .port = 8443},
            "GET / HTTP/1.1\r\nHost: 10.0.0.1:8443\r\n"},
        {{.key = "own", .hostname = "fd00::1", .port = 80},
            "GET / HTTP/1.1\r\nHost: [fd00::1]:80\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char expected[HTTP_REQUEST_SIZE];
        char got[HTTP_REQUEST_SIZE];

        (void)snprintf(expected, sizeof(expected),
            "%sUser-Agent: vpce-probe/" VPCE_VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            rows[i].start);
        assert_int_equal(http_request_format(&rows[i].spec, got), strlen(expected));
        assert_string_equal(got, expected);
    }
}

/* The longest name and port there are still leave the request its end. */
static void
the_longest_request(void **state)
{
    char hostname[HOSTNAME_SIZE] = "";
    const struct endpoint_spec spec = {.key = "ecr.dkr", .hostname = hostname, .port = 65535};
    char buf[HTTP_REQUEST_SIZE];
    size_t len;

    (void)state;
    memset(hostname, 'a', sizeof(hostname) - 1);
    len = http_request_format(&spec, buf);
    assert_memory_equal(buf + len - 4, "\r\n\r\n", 4);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(clock_skew),
        cmocka_unit_test(which_date),
        cmocka_unit_test(huge_heads),
        cmocka_unit_test(any_byte_anywhere),
        cmocka_unit_test(requests),
        cmocka_unit_test(the_longest_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
