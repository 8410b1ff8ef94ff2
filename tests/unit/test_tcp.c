/* probes/tcp over loopback. Both ends are this thread: what one end does the kernel has told the
 * other when the call returns. */
#include "daemon/util.h"
#include "probes/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A listener on a port that the kernel chooses. */
static int
listen_somewhere(struct addr *ret_addr, uint16_t *ret_port)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(addr_parse("127.0.0.1", ret_addr), 0);
    len = addr_to_sockaddr(ret_addr, 0, &sa);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    len = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *ret_port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
    return fd;
}

static enum addr_outcome
check(int fd, int *ret_errno)
{
    struct pollfd waited = {.fd = fd, .events = POLLOUT};

    *ret_errno = 0;
    assert_int_equal(poll(&waited, 1, -1), 1);
    return tcp_check_connected(fd, ret_errno);
}

static void
test_stands(void **state)
{
    struct addr addr;
    uint16_t port;
    int listener = listen_somewhere(&addr, &port);
    int fd = -1;
    int error;

    (void)state;
    assert_int_equal(tcp_open(&addr, port, &fd, &error), ADDR_OUTCOME_OK);
    assert_int_equal(check(fd, &error), ADDR_OUTCOME_OK);
    (void)close(fd);
    (void)close(listener);
}

/* The peer accepts, and resets before we have looked: not a SYN without an answer. */
static void
test_reset_at_once(void **state)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct addr addr;
    uint16_t port;
    int listener = listen_somewhere(&addr, &port);
    int fd = -1;
    int peer;
    int error;

    (void)state;
    assert_int_equal(tcp_open(&addr, port, &fd, &error), ADDR_OUTCOME_OK);
    peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    assert_int_equal(close(peer), 0);
    assert_int_equal(check(fd, &error), ADDR_OUTCOME_OK);
    assert_int_equal(error, 0);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(tcp_outcome(errno), ADDR_OUTCOME_RESET);
    (void)close(fd);
    (void)close(listener);
}

static void
test_refused(void **state)
{
    struct addr addr;
    uint16_t port;
    int listener = listen_somewhere(&addr, &port);
    int fd = -1;
    int error = 0;
    enum addr_outcome outcome;

    (void)state;
    (void)close(listener);
    outcome = tcp_open(&addr, port, &fd, &error);
    if (outcome == ADDR_OUTCOME_OK) {
        outcome = check(fd, &error);
        (void)close(fd);
    }
    assert_int_equal(outcome, ADDR_OUTCOME_REFUSED);
    assert_int_equal(error, ECONNREFUSED);
}

/* What connect(2) and SO_ERROR say, and what it means. */
static void
test_outcomes(void **state)
{
    static const struct {
        int error;
        enum addr_outcome outcome;
    } rows[] = {
        {0, ADDR_OUTCOME_OK},
        {EINPROGRESS, ADDR_OUTCOME_OK},
        {ETIMEDOUT, ADDR_OUTCOME_TIMEOUT},
        {ECONNREFUSED, ADDR_OUTCOME_REFUSED},
        {ECONNRESET, ADDR_OUTCOME_RESET},
        {EPIPE, ADDR_OUTCOME_RESET},
        {ENETUNREACH, ADDR_OUTCOME_NO_ROUTE},
        {EADDRNOTAVAIL, ADDR_OUTCOME_NO_ROUTE},
        {EAFNOSUPPORT, ADDR_OUTCOME_NO_ROUTE},
        {EINVAL, ADDR_OUTCOME_NO_ROUTE},
        {EHOSTUNREACH, ADDR_OUTCOME_UNREACHABLE},
        {ENETDOWN, ADDR_OUTCOME_UNREACHABLE},
        {EHOSTDOWN, ADDR_OUTCOME_UNREACHABLE},
        {ENONET, ADDR_OUTCOME_UNREACHABLE},
        {EOPNOTSUPP, ADDR_OUTCOME_UNREACHABLE},
        {ENOPROTOOPT, ADDR_OUTCOME_UNREACHABLE},
        {EPROTO, ADDR_OUTCOME_UNREACHABLE},
        {EACCES, ADDR_OUTCOME_UNREACHABLE},
        {EPERM, ADDR_OUTCOME_UNREACHABLE},
        {EMFILE, ADDR_OUTCOME_RESOURCES},
        {ENOBUFS, ADDR_OUTCOME_RESOURCES},
        {EAGAIN, ADDR_OUTCOME_RESOURCES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (tcp_outcome(rows[i].error) != rows[i].outcome) {
            print_error("%s: got %s, expected %s\n", strerror(rows[i].error),
                addr_outcome_str(tcp_outcome(rows[i].error)), addr_outcome_str(rows[i].outcome));
            fail();
        }
    }
}

/* To loopback the source is loopback's own, which is good for nothing else. */
static void
test_source(void **state)
{
    struct addr addr;

    (void)state;
    assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
    assert_false(tcp_has_source(&addr));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stands),
        cmocka_unit_test(test_reset_at_once), cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_source), cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
