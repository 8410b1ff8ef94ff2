/* daemon/aws/http: when nobody is there, the life of a call, and URLs. */
#include "daemon/util.h"
#include "tests/unit/http_world.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <event2/bufferevent.h>

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

static unsigned n_deaf; /* connections to come that libevent has no memory to watch */

/* Before libevent's own, which evhttp calls. */
int
bufferevent_enable(struct bufferevent *bev, short events)
{
    static int (*next)(struct bufferevent *, short);

    *(void **)&next = dlsym(RTLD_NEXT, "bufferevent_enable");
    if (n_deaf > 0) {
        n_deaf--;
        return -1;
    }
    return next(bev, events);
}

/* What is left then, LeakSanitizer sees. */
static void
says_when_libevent_has_no_memory(void **state)
{
    struct world *world = *state;
    struct http_request request = request_of(world, LONG_MS);

    n_deaf = 1;
    call(world, &request);
    assert_int_equal(n_deaf, 0);
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

        world->server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        world->server.reply_len = strlen(world->server.reply);
        world->server.then = thens[i / 2];
        assert_int_equal(http_start(world->http, &request), 0);
        if (i % 2 == 0) {
            http_stop(world->http);
            assert_false(http_is_busy(world->http));
        }
        world->n_calls = 0;
        loop_timer_set(stop, i % 2 == 0 || i == 5 ? 0 : 40);
        loop_timer_set(end, 80);
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

    world->server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
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

    world->server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
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
    world->server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_when_nobody_is_there),
        TEST(says_when_there_is_no_way),
        TEST(says_when_out_of_descriptors),
        TEST(says_when_libevent_has_no_memory),
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
