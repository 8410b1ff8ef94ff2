/* daemon/status_server with the real loop and evhttp, where calls of libevent fail. Nothing here
 * depends on how long anything takes. */
#include "daemon/loop.h"
#include "daemon/status_server.h"
#include "daemon/util.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>

#define CLIENTS 3
#define LOOK_MS 2
#define LOOKS_MAX 5000 /* then it never comes */

int __real_evconnlistener_enable(struct evconnlistener *listener);
int __wrap_evconnlistener_enable(struct evconnlistener *listener);

static unsigned n_failing; /* calls to come */

int
__wrap_evconnlistener_enable(struct evconnlistener *listener)
{
    if (n_failing > 0) { /* as when libevent has no memory for the event */
        n_failing--;
        return -1;
    }
    return __real_evconnlistener_enable(listener);
}

/* Closes that found an event for their descriptor: the next socket has its number. */
static unsigned n_watched;

static int
on_event(const struct event_base *base, const struct event *event, void *arg)
{
    (void)base;
    n_watched += event_get_fd(event) == *(const evutil_socket_t *)arg &&
                 event_pending(event, EV_READ | EV_WRITE, NULL) != 0;
    return 0;
}

static struct event_base *the_base;

/* Before libevent's own, which its other parts call. */
int
evutil_closesocket(evutil_socket_t fd)
{
    (void)event_base_foreach_event(the_base, on_event, &fd);
    return close(fd);
}

static unsigned n_refused; /* connections to come that evhttp has no memory for */

struct evhttp_connection *
evhttp_connection_base_bufferevent_new(struct event_base *base, struct evdns_base *dns,
    struct bufferevent *bev, const char *address, unsigned short port)
{
    static struct evhttp_connection *(*next)(struct event_base *, struct evdns_base *,
        struct bufferevent *, const char *, unsigned short);

    *(void **)&next = dlsym(RTLD_NEXT, "evhttp_connection_base_bufferevent_new");
    if (n_refused > 0) {
        n_refused--;
        return NULL;
    }
    return next(base, dns, bev, address, port);
}

struct world {
    struct loop *loop;
    struct status_server *server;
    struct loop_timer *look;
    struct sockaddr_un address;
    socklen_t address_len;
    int fd; /* the present client; -1: none */
    unsigned n_answers;
    unsigned n_looks;
};

static void
fill_report(struct report *report, void *arg)
{
    (void)arg;
    memset(report, 0, sizeof(*report));
}

static void
connect_client(struct world *w)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(w->fd >= 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&w->address, w->address_len), 0);
    assert_int_equal(send(w->fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
}

/* One client after the other, each with its answer. */
static void
on_look(void *arg)
{
    struct world *w = arg;
    char answer[512];
    ssize_t n = recv(w->fd, answer, sizeof(answer), 0);

    if (n == 0) { /* refused */
        cleanup_fd(&w->fd);
        connect_client(w);
    } else if (n > 0) {
        assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
        cleanup_fd(&w->fd);
        if (++w->n_answers < CLIENTS) {
            connect_client(w);
        }
    }
    if (w->n_answers == CLIENTS || ++w->n_looks == LOOKS_MAX) {
        loop_stop(w->loop);
        return;
    }
    loop_timer_set(w->look, LOOK_MS);
}

/* An abstract address that the kernel chooses (unix(7)). */
static int
open_listener(struct world *w)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)), 0);
    w->address_len = sizeof(w->address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->address, &w->address_len), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* With so many failures to listen again, the first of them at the start. */
static void
serve_clients(unsigned n_failures)
{
    struct world w = {.fd = -1};

    w.loop = loop_new();
    assert_non_null(w.loop);
    the_base = loop_event_base(w.loop);
    n_watched = 0;
    w.server = status_server_new(w.loop, fill_report, NULL);
    w.look = loop_timer_new(w.loop, on_look, &w);
    assert_non_null(w.server);
    assert_non_null(w.look);
    n_failing = n_failures;
    assert_int_equal(status_server_listen(w.server, open_listener(&w)), 0);
    connect_client(&w);
    loop_timer_set(w.look, LOOK_MS);
    assert_int_equal(loop_run(w.loop), 0);
    assert_int_equal(w.n_answers, CLIENTS);
    assert_int_equal(n_failing, 0);
    cleanup_fd(&w.fd);
    loop_timer_free(w.look);
    status_server_free(w.server);
    loop_free(w.loop);
}

static void
it_accepts_again(void **state)
{
    (void)state;
    serve_clients(3);
}

static void
it_closes_nothing_that_is_watched(void **state)
{
    (void)state;
    serve_clients(0);
    assert_int_equal(n_watched, 0);
}

/* What is left then, LeakSanitizer sees. */
static void
a_client_without_memory_is_refused(void **state)
{
    (void)state;
    n_refused = 2;
    serve_clients(0);
    assert_int_equal(n_refused, 0);
}

/* What stands at the path and is no socket stays as it is. */
static void
a_file_is_no_socket(void **state)
{
    char folder[] = "/tmp/vpce-socket-XXXXXX";
    char path[sizeof(folder) + sizeof("/a")];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/a", folder);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(status_socket_open(path), -ENOTSOCK);
    assert_int_equal(unlink(path), 0);

    CLEANUP(cleanup_fd) int fd = status_socket_open(path);
    assert_true(fd >= 0);
    assert_int_equal(status_socket_open(path), -EADDRINUSE);
    cleanup_fd(&fd);

    int again = status_socket_open(path); /* nobody serves it now */
    assert_true(again >= 0);
    cleanup_fd(&again);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(status_socket_open(path), -ENOTSOCK);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_no_socket),
        cmocka_unit_test(it_accepts_again),
        cmocka_unit_test(it_closes_nothing_that_is_watched),
        cmocka_unit_test(a_client_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
