/* daemon/aws/http against a server in the same loop: what is sent, and every way an answer can be
 * good, bad, endless or late. */
#include "daemon/util.h"
#include "tests/unit/http_world.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- what is sent ---- */

static void
sends_requests(void **state)
{
    struct world *world = *state;
    const struct http_header headers[] = {
        {"X-aws-ec2-metadata-token-ttl-seconds", "21600"}, {"X-Empty", ""}};
    struct http_request request = request_of(world, LONG_MS);
    char expected[512];

    world->server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    world->server.reply_len = strlen(world->server.reply);
    request.method = HTTP_METHOD_PUT;
    request.path = "/latest/api/token";
    request.headers = headers;
    request.n_headers = 2;
    call(world, &request);
    (void)snprintf(expected, sizeof(expected),
        "PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
        "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nX-Empty: \r\nContent-Length: 0\r\n\r\n",
        world->server.port);
    assert_string_equal(world->server.request, expected);
    request = request_of(world, LONG_MS);
    request.method = HTTP_METHOD_POST;
    request.host = "autoscaling.eu-west-1.amazonaws.com";
    request.body = "Action=X";
    request.body_len = 8;
    call(world, &request);
    assert_string_equal(world->server.request,
        "POST /latest/ HTTP/1.1\r\nHost: autoscaling.eu-west-1.amazonaws.com\r\n"
        "Connection: close\r\nContent-Length: 8\r\n\r\nAction=X");
}

static const struct {
    const char *path;
    const char *host;
    struct http_header header;
} bad_requests[] = {
    {"", NULL, {"A", "b"}},
    {"latest", NULL, {"A", "b"}},
    {"/a b", NULL, {"A", "b"}},
    {"/a\r\nB: c", NULL, {"A", "b"}},
    {"/\303\244", NULL, {"A", "b"}},
    {"/", "a\r\nB: c", {"A", "b"}},
    {"/", NULL, {"A", "b\r\nC: d"}},
    {"/", NULL, {"A", "b\nC: d"}},
    {"/", NULL, {"A\r\nB", "c"}},
    {"/", NULL, {"A:", "c"}},
    {"/", NULL, {"", "c"}},
};

static void
refuses_what_is_no_request(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
        request = request_of(world, LONG_MS);
        request.path = bad_requests[i].path;
        request.host = bad_requests[i].host;
        request.headers = &bad_requests[i].header;
        request.n_headers = 1;
        assert_int_equal(http_start(world->http, &request), -EINVAL);
        assert_false(http_is_busy(world->http));
    }
    request = request_of(world, LONG_MS);
    request.port = 0;
    assert_int_equal(http_start(world->http, &request), -EINVAL);
    request = request_of(world, LONG_MS);
    request.addr.family = ADDR_FAMILY_NONE;
    assert_int_equal(http_start(world->http, &request), -EINVAL);
}

/* ---- answers ---- */

#define OK "HTTP/1.1 200 OK\r\n"
#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *name;
    const char *reply;
    size_t len;
    enum then then;
    enum http_outcome outcome;
    unsigned status;
    const char *body;   /* NULL: not looked at */
    const char *header; /* NULL: none */
} answers[] = {
    {"with a length", BYTES(OK "Content-Length: 2\r\nX-Test: a\r\n\r\nok"), THEN_WAIT,
        HTTP_OUTCOME_ANSWERED, 200, "ok", "a"},
    {"to the end", BYTES(OK "\r\nok"), THEN_CLOSE, HTTP_OUTCOME_ANSWERED, 200, "ok", NULL},
    {"in chunks", BYTES(OK "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
        THEN_WAIT, HTTP_OUTCOME_ANSWERED, 200, "ok", NULL},
    {"HTTP/1.0", BYTES("HTTP/1.0 200 OK\r\n\r\nok"), THEN_CLOSE, HTTP_OUTCOME_ANSWERED, 200, "ok",
        NULL},
    {"not found", BYTES("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"), THEN_WAIT,
        HTTP_OUTCOME_ANSWERED, 404, "no\n", NULL},
    {"no content", BYTES("HTTP/1.1 204 No Content\r\n\r\n"), THEN_WAIT, HTTP_OUTCOME_ANSWERED, 204,
        "", NULL},
    {"a redirect is not followed",
        BYTES("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        THEN_WAIT, HTTP_OUTCOME_ANSWERED, 302, "", NULL},
    {"more than it says", BYTES(OK "Content-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n"), THEN_WAIT,
        HTTP_OUTCOME_ANSWERED, 200, "ok", NULL},
    {"two headers, the first counts",
        BYTES(OK "x-TEST: a\r\nX-Test: b\r\nContent-Length: 0\r\n\r\n"), THEN_WAIT,
        HTTP_OUTCOME_ANSWERED, 200, "", "a"},
    {"closed at once", BYTES(""), THEN_CLOSE, HTTP_OUTCOME_CLOSED, 0, NULL, NULL},
    {"closed in the head", BYTES(OK "X-Te"), THEN_CLOSE, HTTP_OUTCOME_CLOSED, 0, NULL, NULL},
    {"closed in the body", BYTES(OK "Content-Length: 9\r\n\r\nok"), THEN_CLOSE, HTTP_OUTCOME_CLOSED,
        0, NULL, NULL},
    {"garbage", BYTES("\x16\x03\x01 garbage\r\n\r\n"), THEN_WAIT, HTTP_OUTCOME_MALFORMED, 0, NULL,
        NULL},
    {"SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), THEN_WAIT, HTTP_OUTCOME_MALFORMED, 0, NULL, NULL},
    {"a header without colon", BYTES(OK "nonsense\r\n\r\n"), THEN_WAIT, HTTP_OUTCOME_MALFORMED, 0,
        NULL, NULL},
    {"a length that is none", BYTES(OK "Content-Length: two\r\n\r\nok"), THEN_WAIT,
        HTTP_OUTCOME_MALFORMED, 0, NULL, NULL},
    {"a negative length", BYTES(OK "Content-Length: -1\r\n\r\nok"), THEN_WAIT,
        HTTP_OUTCOME_MALFORMED, 0, NULL, NULL},
    {"a chunk that is none", BYTES(OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), THEN_WAIT,
        HTTP_OUTCOME_TOO_BIG, 0, NULL, NULL},
    {"says it is too big", BYTES(OK "Content-Length: 65537\r\n\r\n"), THEN_WAIT,
        HTTP_OUTCOME_TOO_BIG, 0, NULL, NULL},
    {"a chunk that is too big", BYTES(OK "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
        THEN_FILL, HTTP_OUTCOME_TOO_BIG, 0, NULL, NULL},
    {"endless body", BYTES(OK "\r\n"), THEN_FILL, HTTP_OUTCOME_TOO_BIG, 0, NULL, NULL},
    {"endless chunks", BYTES(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"), THEN_FILL,
        HTTP_OUTCOME_TOO_BIG, 0, NULL, NULL}, /* as soon as it is too much to keep */
    {"endless header", BYTES(OK "X-Test: "), THEN_FILL, HTTP_OUTCOME_MALFORMED, 0, NULL, NULL},
    {"endless first line", BYTES("HTTP/1.1 200 "), THEN_FILL, HTTP_OUTCOME_MALFORMED, 0, NULL,
        NULL},
    {"silence", BYTES(""), THEN_WAIT, HTTP_OUTCOME_TIMEOUT, 0, NULL, NULL},
    {"half a body", BYTES(OK "Content-Length: 9\r\n\r\nok"), THEN_WAIT, HTTP_OUTCOME_TIMEOUT, 0,
        NULL, NULL},
    {"a trickle of body", BYTES(OK "\r\n"), THEN_TRICKLE, HTTP_OUTCOME_TIMEOUT, 0, NULL, NULL},
    {"a trickle of head", BYTES(OK "X-Test: "), THEN_TRICKLE, HTTP_OUTCOME_TIMEOUT, 0, NULL, NULL},
    {"continue for ever", BYTES("HTTP/1.1 100 Continue\r\nX-Test: 0123456789\r\n\r\n"), THEN_REPEAT,
        HTTP_OUTCOME_MALFORMED, 0, NULL, NULL},
};

static void
takes_every_answer(void **state)
{
    struct world *world = *state;
    size_t n_fds = count_fds();
    int failures = 0;

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        bool waits = answers[i].outcome == HTTP_OUTCOME_TIMEOUT;
        struct http_request request = request_of(world, waits ? SHORT_MS : LONG_MS);
        const char *header = answers[i].header != NULL ? answers[i].header : "-";

        world->server.reply = answers[i].reply;
        world->server.reply_len = answers[i].len;
        world->server.then = answers[i].then;
        call(world, &request);
        if (world->outcome != answers[i].outcome || world->status != answers[i].status ||
            (answers[i].body != NULL && !streq(world->body, answers[i].body)) ||
            !streq(world->header, header) || world->n_calls != 1) {
            print_error("%s: got %s %u \"%.60s\" %s\n", answers[i].name,
                http_outcome_str(world->outcome), world->status, world->body, world->header);
            failures++;
        }
    }
    server_close(&world->server);
    assert_int_equal(failures, 0);
    assert_int_equal(count_fds(), n_fds);
}

static void
takes_64_kib(void **state)
{
    static char reply[HTTP_BODY_MAX + 64];
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);
    int head = snprintf(reply, sizeof(reply), OK "Content-Length: %d\r\n\r\n", HTTP_BODY_MAX);

    memset(reply + head, 'x', HTTP_BODY_MAX);
    world->server.reply = reply;
    world->server.reply_len = (size_t)head + HTTP_BODY_MAX;
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_ANSWERED);
    assert_int_equal(world->len, HTTP_BODY_MAX);
    assert_int_equal(strlen(world->body), HTTP_BODY_MAX);
}

static void
bodies_may_hold_nul(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    world->server.reply = OK "Content-Length: 3\r\n\r\na\0b";
    world->server.reply_len = sizeof(OK "Content-Length: 3\r\n\r\na\0b") - 1;
    call(world, &request);
    assert_int_equal(world->len, 3);
    assert_memory_equal(world->body, "a\0b", 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_requests),
        TEST(refuses_what_is_no_request),
        TEST(takes_every_answer),
        TEST(takes_64_kib),
        TEST(bodies_may_hold_nul),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
