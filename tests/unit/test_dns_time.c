/* What a name server takes is the time until its answer is here, not until we come to read it. The
 * server answers on port 53 of a loopback address; without rights to that: skipped. */
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/dns.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER "127.53.53.53"
#define BUSY_MS 300
#define HEADER_BYTES 12
#define MESSAGE_MAX 512
#define TRIES 1000

struct world {
    struct loop *loop;
    struct dns *dns;
    struct dns_query *query;
    int server;
    struct loop_io *io;
    int64_t answered_us; /* no later than then the answer was there */
    enum dns_outcome outcome;
    int64_t elapsed_us;
};

/* One A record, 10.0.0.1, whose name is that of the question. */
static size_t
answer_to(uint8_t *message, size_t len)
{
    static const uint8_t record[] = {0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 1};

    message[2] = 0x81; /* an answer, recursion desired */
    message[3] = 0x80; /* and available */
    message[7] = 1;    /* records */
    message[11] = 0;   /* and none beside them */
    memcpy(message + len, record, sizeof(record));
    return len + sizeof(record);
}

/* Answers, and then this process is busy. */
static void
on_question(bool readable, bool writable, void *arg)
{
    const struct timespec busy = {.tv_nsec = BUSY_MS * 1000000};
    struct world *w = arg;
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    uint8_t message[MESSAGE_MAX];
    ssize_t len =
        recvfrom(w->server, message, sizeof(message) - 16, 0, (struct sockaddr *)&from, &from_len);

    (void)readable;
    (void)writable;
    assert_true(len > HEADER_BYTES);
    assert_true(sendto(w->server, message, answer_to(message, (size_t)len), 0,
                    (struct sockaddr *)&from, from_len) > 0);
    w->answered_us = loop_now_us(w->loop);
    (void)nanosleep(&busy, NULL);
}

static void
on_reply(const struct dns_reply *reply, void *arg)
{
    struct world *w = arg;

    w->query = NULL;
    w->outcome = reply->result.outcome;
    w->elapsed_us = reply->result.elapsed_us;
    loop_stop(w->loop);
}

static bool
open_server(struct world *w)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)};

    w->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(w->server >= 0);
    assert_int_equal(inet_pton(AF_INET, SERVER, &sa.sin_addr), 1);
    if (bind(w->server, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        (void)close(w->server);
        return false;
    }
    return true;
}

/* To itself, read later: whether the kernel notes when it comes in, which it takes a moment to. */
static bool
has_stamps(int fd)
{
    const struct timespec a_while = {.tv_nsec = 2000000};
    struct timespec before, stamp;
    char byte = 0;

    (void)clock_gettime(CLOCK_REALTIME, &before);
    assert_int_equal(send(fd, &byte, 1, 0), 1);
    (void)nanosleep(&a_while, NULL);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    return ioctl(fd, SIOCGSTAMPNS, &stamp) == 0 &&
           (stamp.tv_sec - before.tv_sec) * 1000000000 + stamp.tv_nsec - before.tv_nsec <
               a_while.tv_nsec;
}

static bool
wait_for_stamps(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = false;

    assert_int_equal(inet_pton(AF_INET, SERVER, &sa.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    for (int i = 0; i < TRIES && !has; i++) {
        has = has_stamps(fd);
    }
    (void)close(fd);
    return has;
}

static void
write_resolv_conf(char *path)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_true(dprintf(fd, "nameserver " SERVER "\n") > 0);
    (void)close(fd);
}

static void
a_busy_process_makes_no_slow_server(void **state)
{
    char path[] = "/tmp/vpce-dns-time-XXXXXX";
    const struct dns_options options = {.resolv_conf = path,
        .hosts = "/dev/null",
        .timeout_ms = 20000,
        .per_second = 100,
        .burst = 100};
    struct world w = {.loop = loop_new()};
    int64_t started_us;

    (void)state;
    if (!open_server(&w)) {
        loop_free(w.loop);
        skip();
    }
    write_resolv_conf(path);
    w.io = loop_io_new(w.loop, w.server, on_question, &w);
    assert_int_equal(loop_io_want(w.io, true, false), 0);
    assert_int_equal(dns_new(w.loop, &options, &w.dns), 0);
    (void)unlink(path); /* it is read */
    if (!wait_for_stamps()) {
        print_message("no times of arrival here\n");
        skip();
    }
    started_us = loop_now_us(w.loop);
    assert_int_equal(
        dns_query_start(w.dns, DNS_VIA_HOST, "name.test", ADDR_FAMILY_IPV4, on_reply, &w, &w.query),
        0);
    assert_int_equal(loop_run(w.loop), 0);
    assert_string_equal(dns_outcome_str(w.outcome), dns_outcome_str(DNS_OUTCOME_OK));
    /* bounds taken around it, so no matter how slow the machine is; a millisecond for two clocks */
    assert_in_range(w.elapsed_us, 1, w.answered_us - started_us + 1000);
    loop_io_free(w.io);
    (void)close(w.server);
    dns_free(w.dns);
    loop_free(w.loop);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_process_makes_no_slow_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
