/* See http_world.h. */
#include "tests/unit/http_world.h"

#include "daemon/util.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void
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
    loop_timer_set(server->trickle, 10);
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
        loop_timer_set(server->trickle, 10);
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

bool
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

void
server_done(struct server *server)
{
    server_close(server);
    loop_timer_free(server->trickle);
    loop_io_free(server->listener_io);
    cleanup_fd(&server->listener);
}

struct http_request
request_of(const struct world *world, int64_t timeout_ms)
{
    return (struct http_request){.method = HTTP_METHOD_GET,
        .addr = world->server.addr,
        .port = world->server.port,
        .path = "/latest/",
        .timeout_ms = timeout_ms};
}

void
world_on_done(const struct http_answer *answer, void *arg)
{
    struct world *world = arg;
    const char *header = http_answer_header(answer, "x-test");

    world->n_calls++;
    world->outcome = answer->outcome;
    world->status = answer->status;
    world->maybe_sent = answer->maybe_sent;
    (void)str_copy(world->error, sizeof(world->error), answer->error);
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

int
world_setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    if (world == NULL) {
        return -1;
    }
    world->loop = loop_new();
    world->http = http_new(world->loop, world_on_done, world);
    *state = world;
    return world->http != NULL && server_open(&world->server, world->loop, "127.0.0.1") ? 0 : -1;
}

int
world_teardown(void **state)
{
    struct world *world = *state;

    http_free(world->http);
    server_done(&world->server);
    loop_free(world->loop);
    free(world);
    return 0;
}

void
call(struct world *world, const struct http_request *request)
{
    world->n_calls = 0;
    assert_int_equal(http_start(world->http, request), 0);
    assert_int_equal(world->n_calls, 0); /* not before start has returned */
    assert_int_equal(loop_run(world->loop), 0);
}

size_t
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
