/* daemon/aws/http against servers in the same loop: what is sent, and every way an answer can be
 * good, bad, endless, late or missing. Bounds of time are waited for, never measured. */
#include "daemon/aws/http.h"

#include "daemon/loop.h"
#include "daemon/util.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 20000 /* never reached */
#define SHORT_MS 150

/* What the server does after its reply. */
enum then {
    THEN_CLOSE,
    THEN_WAIT,
    THEN_REPEAT,  /* the reply again and again */
    THEN_FILL,    /* bytes without end */
    THEN_TRICKLE, /* a byte now and then */
};

/* Takes one connection after the other; answers when it has seen the end of the request's head. */
struct server {
    struct loop *loop;
    int listener;
    int fd; /* of the connection; -1: none */
    struct loop_io *listener_io;
    struct loop_io *io;
    struct loop_timer *trickle;
    struct addr addr;
    uint16_t port;
    char request[4096];
    size_t request_len;
    const char *reply;
    size_t reply_len;
    enum then then;
};

static void
server_close(struct server *server)
{
    loop_timer_stop(server->trickle);
    loop_io_free(server->io);
    server->io = NULL;
    cleanup_fd(&server->fd);
}

static void
server_send(struct server *server, const char *bytes, size_t len)
{
    ssize_t n = send(server->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN) {
        server_close(server);
    }
}

static void
on_trickle(void *arg)
{
    struct server *server = arg;

    server_send(server, "x", 1);
    assert_int_equal(loop_timer_set(server->trickle, 10), 0);
}

static void
server_answer(struct server *server)
{
    server_send(server, server->reply, server->reply_len);
    if (server->io == NULL) {
        return;
    }
    switch (server->then) {
    case THEN_CLOSE:
        server_close(server);
        break;
    case THEN_WAIT:
        break;
    case THEN_REPEAT:
    case THEN_FILL:
        assert_int_equal(loop_io_want(server->io, true, true), 0);
        break;
    case THEN_TRICKLE:
        assert_int_equal(loop_timer_set(server->trickle, 10), 0);
        break;
    }
}

static void
on_readable(struct server *server)
{
    ssize_t n = recv(server->fd, server->request + server->request_len,
        sizeof(server->request) - 1 - server->request_len, MSG_DONTWAIT);

    if (n <= 0) {
        server_close(server);
        return;
    }
    server->request_len += (size_t)n;
    server->request[server->request_len] = '\0';
    if (strstr(server->request, "\r\n\r\n") != NULL) {
        server_answer(server);
    }
}

static void
on_connection(bool readable, bool writable, void *arg)
{
    struct server *server = arg;
    char filler[4096];

    memset(filler, 'x', sizeof(filler));
    if (readable) {
        on_readable(server);
    } else if (writable) {
        bool repeat = server->then == THEN_REPEAT;

        server_send(
            server, repeat ? server->reply : filler, repeat ? server->reply_len : sizeof(filler));
    }
}

static void
on_accept(bool readable, bool writable, void *arg)
{
    struct server *server = arg;

    (void)readable;
    (void)writable;
    server_close(server);
    server->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (server->fd >= 0) {
        server->request_len = 0;
        server->io = loop_io_new(server->loop, server->fd, on_connection, server);
        assert_non_null(server->io);
        assert_int_equal(loop_io_want(server->io, true, false), 0);
    }
}

/* false: no such address on this machine */
static bool
server_open(struct server *server, struct loop *loop, const char *address)
{
    struct sockaddr_storage sa;
    socklen_t len;

    *server = (struct server){.loop = loop, .fd = -1, .reply = ""};
    assert_int_equal(addr_parse(address, &server->addr), 0);
    len = addr_to_sockaddr(&server->addr, 0, &sa);
    server->listener = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&sa, len) < 0) {
        cleanup_fd(&server->listener);
        return false;
    }
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&sa, &len), 0);
    server->port = ntohs(sa.ss_family == AF_INET ? ((struct sockaddr_in *)&sa)->sin_port
                                                 : ((struct sockaddr_in6 *)&sa)->sin6_port);
    server->trickle = loop_timer_new(loop, on_trickle, server);
    server->listener_io = loop_io_new(loop, server->listener, on_accept, server);
    assert_non_null(server->trickle);
    assert_non_null(server->listener_io);
    assert_int_equal(loop_io_want(server->listener_io, true, false), 0);
    return true;
}

static void
server_done(struct server *server)
{
    server_close(server);
    loop_timer_free(server->trickle);
    loop_io_free(server->listener_io);
    cleanup_fd(&server->listener);
}

/* A loop, a server, a client, and what the client was told. */
struct world {
    struct loop *loop;
    struct server server;
    struct http *http;
    enum http_outcome outcome;
    unsigned status;
    char body[HTTP_BODY_MAX + 1];
    size_t len;
    char header[128]; /* X-Test */
    unsigned n_calls;
    unsigned again; /* so often the callback starts anew */
    bool free_it;   /* the callback frees the client */
};

static struct http_request
request_of(const struct world *world, int64_t timeout_ms)
{
    return (struct http_request){.method = HTTP_METHOD_GET,
        .addr = world->server.addr,
        .port = world->server.port,
        .path = "/latest/",
        .timeout_ms = timeout_ms};
}

static void
on_done(const struct http_answer *answer, void *arg)
{
    struct world *world = arg;
    const char *header = http_answer_header(answer, "x-test");

    world->n_calls++;
    world->outcome = answer->outcome;
    world->status = answer->status;
    world->len = answer->len;
    if (answer->len > 0) {
        memcpy(world->body, answer->body, answer->len);
    }
    world->body[answer->len] = '\0';
    (void)str_copy(world->header, sizeof(world->header), header != NULL ? header : "-");
    if (world->free_it) {
        http_free(TAKE(world->http));
    }
    if (world->again > 0) {
        struct http_request request = request_of(world, LONG_MS);

        world->again--;
        assert_false(http_is_busy(world->http));
        assert_int_equal(http_start(world->http, &request), 0);
        return;
    }
    loop_stop(world->loop);
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    if (world == NULL) {
        return -1;
    }
    world->loop = loop_new();
    world->http = http_new(world->loop, on_done, world);
    *state = world;
    return world->http != NULL && server_open(&world->server, world->loop, "127.0.0.1") ? 0 : -1;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    http_free(world->http);
    server_done(&world->server);
    loop_free(world->loop);
    free(world);
    return 0;
}

static void
call(struct world *world, const struct http_request *request)
{
    world->n_calls = 0;
    assert_int_equal(http_start(world->http, request), 0);
    assert_int_equal(world->n_calls, 0); /* not before start has returned */
    assert_int_equal(loop_run(world->loop), 0);
}

static size_t
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    (void)closedir(dir);
    return n;
}

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
        HTTP_OUTCOME_TIMEOUT, 0, NULL, NULL}, /* no memory grows meanwhile */
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

/* ---- no answer ---- */

static void
says_when_nobody_is_there(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    server_done(&world->server); /* the port is free now, and refuses */
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_NO_CONNECTION);
    assert_true(server_open(&world->server, world->loop, "127.0.0.1"));
}

static void
says_when_there_is_no_way(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    assert_int_equal(addr_parse("255.255.255.255", &request.addr), 0); /* EACCES at once */
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_NO_CONNECTION);
}

static void
says_when_out_of_descriptors(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);
    struct rlimit limit;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    call(world, &request);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(world->outcome, HTTP_OUTCOME_RESOURCES);
}

/* ---- the life of a call ---- */

static void
one_call_at_a_time(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, SHORT_MS);

    world->server.then = THEN_WAIT;
    assert_int_equal(http_start(world->http, &request), 0);
    assert_int_equal(http_start(world->http, &request), -EBUSY);
    assert_int_equal(loop_run(world->loop), 0);
    assert_int_equal(world->n_calls, 1);
}

static void
on_stop_time(void *arg)
{
    struct world *world = arg;

    http_stop(world->http);
    http_stop(world->http);
}

static void
on_end_time(void *arg)
{
    loop_stop(((struct world *)arg)->loop);
}

/* Stopped before it is connected, while it waits, and while the answer comes: nobody is called. */
static void
stops_silently(void **state)
{
    const enum then thens[] = {THEN_WAIT, THEN_TRICKLE, THEN_CLOSE};
    struct world *world = *state;
    size_t n_fds = count_fds();

    for (size_t i = 0; i < ARRAY_SIZE(thens) * 2; i++) {
        struct loop_timer *stop = loop_timer_new(world->loop, on_stop_time, world);
        struct loop_timer *end = loop_timer_new(world->loop, on_end_time, world);
        struct http_request request = request_of(world, LONG_MS);

        world->server.reply = OK "Content-Length: 1000\r\n\r\n";
        world->server.reply_len = strlen(world->server.reply);
        world->server.then = thens[i / 2];
        assert_int_equal(http_start(world->http, &request), 0);
        if (i % 2 == 0) {
            http_stop(world->http);
            assert_false(http_is_busy(world->http));
        }
        world->n_calls = 0;
        assert_int_equal(loop_timer_set(stop, i % 2 == 0 || i == 5 ? 0 : 40), 0);
        assert_int_equal(loop_timer_set(end, 80), 0);
        assert_int_equal(loop_run(world->loop), 0);
        assert_int_equal(world->n_calls, 0);
        loop_timer_free(stop);
        loop_timer_free(end);
    }
    server_close(&world->server);
    assert_int_equal(count_fds(), n_fds);
}

static void
starts_again_from_its_callback(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    world->server.reply = OK "Content-Length: 2\r\n\r\nok";
    world->server.reply_len = strlen(world->server.reply);
    world->again = 20;
    call(world, &request);
    assert_int_equal(world->n_calls, 21);
    assert_int_equal(world->outcome, HTTP_OUTCOME_ANSWERED);
}

static void
may_be_freed_from_its_callback(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    world->server.reply = OK "Content-Length: 2\r\n\r\nok";
    world->server.reply_len = strlen(world->server.reply);
    world->free_it = true;
    call(world, &request);
    assert_null(world->http);
    assert_string_equal(world->body, "ok");
}

static void
may_be_freed_while_it_runs(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    assert_int_equal(http_start(world->http, &request), 0);
    http_free(TAKE(world->http));
    http_free(NULL);
}

static void
speaks_ipv6(void **state)
{
    struct world *world = *state;
    struct http_request request;
    char expected[64];

    server_done(&world->server);
    if (!server_open(&world->server, world->loop, "::1")) {
        print_message("no ::1 here: skipped\n");
        assert_true(server_open(&world->server, world->loop, "127.0.0.1"));
        return;
    }
    world->server.reply = OK "Content-Length: 2\r\n\r\nok";
    world->server.reply_len = strlen(world->server.reply);
    request = request_of(world, LONG_MS);
    call(world, &request);
    assert_int_equal(world->outcome, HTTP_OUTCOME_ANSWERED);
    (void)snprintf(expected, sizeof(expected), "\r\nHost: [::1]:%u\r\n", world->server.port);
    assert_non_null(strstr(world->server.request, expected));
}

/* ---- URLs ---- */

static const struct {
    const char *url;
    const char *address; /* NULL: it is none */
    uint16_t port;
} urls[] = {
    {"http://169.254.169.254", "169.254.169.254", 80},
    {"http://127.0.0.1:8080", "127.0.0.1", 8080},
    {"http://[fd00:ec2::254]", "fd00:ec2::254", 80},
    {"http://[::1]:65535", "::1", 65535},
    {"", NULL, 0},
    {"http://", NULL, 0},
    {"https://127.0.0.1", NULL, 0},
    {"http://metadata.test", NULL, 0},
    {"http://localhost", NULL, 0},
    {"http://127.0.0.1/", NULL, 0},
    {"http://127.0.0.1:", NULL, 0},
    {"http://127.0.0.1:0", NULL, 0},
    {"http://127.0.0.1:65536", NULL, 0},
    {"http://127.0.0.1:8o", NULL, 0},
    {"http://127.1", NULL, 0},
    {"http://::1", NULL, 0},
    {"http://[::1", NULL, 0},
    {"http://[::1]x", NULL, 0},
    {"http://[127.0.0.1]", NULL, 0},
    {"http://[]", NULL, 0},
    {"http://u@127.0.0.1", NULL, 0},
    {"http://1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", NULL, 0},
};

static void
parses_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        char buf[ADDR_TEXT_SIZE];
        struct addr addr = {0};
        uint16_t port = 0;
        int r = http_url_parse(urls[i].url, &addr, &port);

        assert_int_equal(r, urls[i].address != NULL ? 0 : -EINVAL);
        assert_string_equal(
            addr_format(&addr, buf), urls[i].address != NULL ? urls[i].address : "-");
        assert_int_equal(port, urls[i].port);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_requests),
        TEST(refuses_what_is_no_request),
        TEST(takes_every_answer),
        TEST(takes_64_kib),
        TEST(bodies_may_hold_nul),
        TEST(says_when_nobody_is_there),
        TEST(says_when_there_is_no_way),
        TEST(says_when_out_of_descriptors),
        TEST(one_call_at_a_time),
        TEST(stops_silently),
        TEST(starts_again_from_its_callback),
        TEST(may_be_freed_from_its_callback),
        TEST(may_be_freed_while_it_runs),
        TEST(speaks_ipv6),
        cmocka_unit_test(parses_urls),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
