/* Everybody in the queue of a listening socket gets the answer, also who asks nothing. */
#include "daemon/refusal.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS 5
#define LINE "it cannot start"

/* An abstract address that the kernel chooses (autobind, unix(7)). */
static int
listen_somewhere(struct sockaddr_un *ret, socklen_t *ret_len)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *ret_len = sizeof(*ret);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, ret_len), 0);
    return fd;
}

static void
read_answer(int fd, struct text *t)
{
    char part[512];
    ssize_t n;

    /* reset: the server left without reading our request, after its answer */
    while ((n = recv(fd, part, sizeof(part), 0)) > 0) {
        (void)text_add(t, "%.*s", (int)n, part);
    }
}

static void
tells_everybody(void **state)
{
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_un address;
    socklen_t len;
    CLEANUP(cleanup_fd) int listener = listen_somewhere(&address, &len);
    int clients[CLIENTS];

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[i], (const struct sockaddr *)&address, len), 0);
        if (i != 1) {
            assert_int_equal(
                send(clients[i], request, sizeof(request) - 1, 0), (ssize_t)sizeof(request) - 1);
        }
    }
    (void)close(clients[2]); /* gone before it was answered */
    assert_int_equal(refusal_answer(&listener, 1, LINE, 0, false), CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        char answer[2048] = "";
        struct text t = TEXT(answer);

        if (i == 2) {
            continue;
        }
        read_answer(clients[i], &t);
        (void)close(clients[i]);
        if (strncmp(answer, "HTTP/1.1 503 ", 13) != 0 || strstr(answer, "\r\n\r\n" LINE) == NULL) {
            fail_msg("client %zu got: %s", i, answer);
        }
    }
}

static void
nobody_is_fine(void **state)
{
    struct sockaddr_un address;
    socklen_t len;
    CLEANUP(cleanup_fd) int listener = listen_somewhere(&address, &len);

    (void)state;
    /* waits for nobody, unless told to */
    assert_int_equal(refusal_answer(&listener, 1, LINE, INT64_MAX / 2, false), 0);
    assert_int_equal(refusal_answer(&listener, 1, LINE, 10, true), 0);
    assert_int_equal(refusal_answer(NULL, 0, LINE, 0, false), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_everybody),
        cmocka_unit_test(nobody_is_fine),
    };

    return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
