/* probes/tls against OpenSSL's server side, and hostile ones (tls_world.h). */
#include "daemon/util.h"
#include "tests/unit/tls_world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STEP_READ_MAX (64 * 1024)
#define SESSION_READ_MAX (512 * 1024)

static void
a_handshake(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const char *const names[] = {"TLSv1.2", "TLSv1.3"};
    struct tls_world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct addr_result result = {0};

        assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, versions[i]), 1);
        assert_int_equal(shake_hands(w), TLS_STEP_DONE);
        tls_facts(w->tls, &result);
        assert_string_equal(result.tls_version, names[i]);
        assert_non_null(result.cert);
        assert_string_equal(result.cert->names[0], TLS_WORLD_NAME);
        assert_null(result.error);
        addr_result_done(&result);
        (void)tls_world_tear_down(state);
        (void)tls_world_set_up(state);
    }
}

static void
another_name(void **state)
{
    struct tls_world *w = *state;

    tls_close(w->tls);
    assert_int_equal(tls_open(w->ctx, TLS_ENGINE_DEFAULT, w->fd, "other.test", &w->tls), 0);
    assert_int_equal(shake_hands(w), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_WRONG_NAME);
}

static void
the_peer_closes(void **state)
{
    struct tls_world *w = *state;

    assert_int_equal(tls_step(w->tls), TLS_STEP_WANT_READ);
    assert_int_equal(shutdown(w->peer, SHUT_WR), 0);
    assert_int_equal(tls_step(w->tls), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_CLOSED);
}

static void
no_tls_at_all(void **state)
{
    static const char text[] = "SSH-2.0-OpenSSH_9.2\r\n";
    struct tls_world *w = *state;

    assert_int_equal(tls_step(w->tls), TLS_STEP_WANT_READ);
    assert_int_equal(write(w->peer, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_int_equal(tls_step(w->tls), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_PROTOCOL);
}

/* A pattern, again and again, as much as the socket takes. */
struct flood {
    const uint8_t *pattern;
    size_t len;
    size_t n_sent;
};

static void
pour(struct flood *flood, int fd)
{
    uint8_t buf[16384];
    ssize_t n;

    do {
        for (size_t i = 0; i < sizeof(buf); i++) {
            buf[i] = flood->pattern[(flood->n_sent + i) % flood->len];
        }
        n = write(fd, buf, sizeof(buf));
        flood->n_sent += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    assert_int_equal(errno, EAGAIN);
}

/* What OpenSSL has taken from the socket. */
static size_t
n_taken(const struct tls_world *w, const struct flood *flood)
{
    int n_left = 0;

    assert_int_equal(ioctl(w->fd, FIONREAD, &n_left), 0);
    return flood->n_sent - (size_t)n_left;
}

/* HelloRequest, which a TLS 1.2 server may send at any time and OpenSSL skips: one call would last
 * as long as they come. */
static void
a_flood_is_taken_in_shares_and_ends(void **state)
{
    static const uint8_t one[] = {22, 3, 3, 0, 4, 0, 0, 0, 0};
    static const uint8_t three[] = {22, 3, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct flood floods[] = {{one, sizeof(one), 0}, {three, sizeof(three), 0}};
    struct tls_world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(floods); i++) {
        enum tls_step step = tls_step(w->tls);

        for (size_t n = 1; step == TLS_STEP_WANT_READ; n++) {
            pour(&floods[i], w->peer);
            assert_true(floods[i].n_sent > n * STEP_READ_MAX);
            step = tls_step(w->tls);
            assert_int_equal(n_taken(w, &floods[i]),
                n * STEP_READ_MAX < SESSION_READ_MAX ? n * STEP_READ_MAX : SESSION_READ_MAX);
            assert_true(n <= SESSION_READ_MAX / STEP_READ_MAX + 1);
        }
        assert_int_equal(step, TLS_STEP_FAILED);
        assert_int_equal(n_taken(w, &floods[i]), SESSION_READ_MAX);
        expect_outcome(w, ADDR_OUTCOME_PROTOCOL);
        expect_error(w, "more than 512 KiB");
        (void)tls_world_tear_down(state);
        (void)tls_world_set_up(state);
    }
}

/* After the handshake */

static enum tls_step
read_answer(struct tls_world *w, char *buf, size_t size, size_t *len)
{
    enum tls_step step = tls_read(w->tls, buf, size, len);

    assert_true(*len <= size);
    return step;
}

static void
a_request_and_its_answer(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
    struct tls_world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct addr_result result = {0};
        char buf[100];
        size_t n = 0;

        assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, versions[i]), 1);
        assert_int_equal(shake_hands(w), TLS_STEP_DONE);
        assert_int_equal(tls_write(w->tls, request, strlen(request), &n), TLS_STEP_DONE);
        assert_int_equal(n, strlen(request));
        assert_int_equal(SSL_read(w->server, buf, sizeof(buf)), strlen(request));
        assert_memory_equal(buf, request, strlen(request));
        n = 0; /* there may be session tickets, which are no answer */
        assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_WANT_READ);
        assert_int_equal(SSL_write(w->server, answer, 9), 9);
        assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_DONE);
        assert_int_equal(
            SSL_write(w->server, answer + 9, (int)strlen(answer) - 9), (int)strlen(answer) - 9);
        assert_int_equal(SSL_shutdown(w->server), 0);
        assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_DONE);
        assert_int_equal(n, strlen(answer));
        assert_memory_equal(buf, answer, n);
        tls_facts(w->tls, &result);
        assert_null(result.error);
        addr_result_done(&result);
        assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_FAILED);
        expect_outcome(w, ADDR_OUTCOME_CLOSED);
        (void)tls_world_tear_down(state);
        (void)tls_world_set_up(state);
    }
}

/* Both records come with the server's Finished, and the client reads ahead: nobody would tell it
 * of the second. */
static void
an_answer_before_the_request(void **state)
{
    struct tls_world *w = *state;
    char buf[100];
    size_t n = 0;

    assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, TLS1_2_VERSION), 1);
    tls_world_serve(w);
    assert_int_equal(tls_step(w->tls), TLS_STEP_WANT_READ);
    assert_int_equal(SSL_do_handshake(w->server), -1);
    assert_int_equal(tls_step(w->tls), TLS_STEP_WANT_READ);
    assert_int_equal(SSL_do_handshake(w->server), 1);
    assert_int_equal(SSL_write(w->server, "one", 3), 3);
    assert_int_equal(SSL_write(w->server, "two", 3), 3);
    assert_int_equal(tls_step(w->tls), TLS_STEP_DONE);
    assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_DONE);
    assert_int_equal(n, 6);
    assert_memory_equal(buf, "onetwo", 6);
    assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_WANT_READ);
}

static void
an_answer_longer_than_the_buffer(void **state)
{
    static const char answer[3000];
    struct tls_world *w = *state;
    char buf[1000];
    size_t n = 0;

    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    assert_int_equal(SSL_write(w->server, answer, sizeof(answer)), sizeof(answer));
    assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_DONE);
    assert_int_equal(n, sizeof(buf));
}

static void
the_peer_closes_after_the_handshake(void **state)
{
    struct tls_world *w = *state;
    char buf[100];
    size_t n = 0;

    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    assert_int_equal(shutdown(w->peer, SHUT_WR), 0);
    assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_CLOSED);
}

/* A Unix socket that is closed with bytes unread resets its peer. */
static void
the_peer_resets(void **state)
{
    struct tls_world *w = *state;
    char buf[100];
    size_t n = 0;

    assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, TLS1_2_VERSION), 1);
    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    assert_int_equal(tls_write(w->tls, "GET", 3, &n), TLS_STEP_DONE);
    cleanup_fd(&w->peer);
    w->peer = -1;
    n = 0;
    assert_int_equal(read_answer(w, buf, sizeof(buf), &n), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_RESET);
    expect_error(w, "reset");
}

/* More than the socket takes at once: it goes out in pieces, in order. */
static void
a_long_request(void **state)
{
    static char sent[1024 * 1024];
    static char got[sizeof(sent)];
    struct tls_world *w = *state;
    size_t n_sent = 0;
    size_t n_got = 0;
    size_t n_waits = 0;

    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)(i * 7 % 251);
    }
    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    for (;;) {
        enum tls_step step = tls_write(w->tls, sent, sizeof(sent), &n_sent);
        int n;

        while ((n = SSL_read(w->server, got + n_got, (int)(sizeof(got) - n_got))) > 0) {
            n_got += (size_t)n;
        }
        if (step == TLS_STEP_DONE) {
            break;
        }
        assert_int_equal(step, TLS_STEP_WANT_WRITE);
        n_waits++;
    }
    assert_true(n_waits > 0);
    assert_int_equal(n_sent, sizeof(sent));
    assert_int_equal(n_got, sizeof(sent));
    assert_memory_equal(got, sent, sizeof(sent));
}

/* KeyUpdate may be sent at any time in TLS 1.3, and never becomes an answer. */
static void
a_flood_after_the_handshake_ends(void **state)
{
    struct tls_world *w = *state;
    enum tls_step step;
    char buf[100];
    size_t n = 0;
    int rounds = 0;

    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    do {
        do {
            (void)SSL_key_update(w->server, SSL_KEY_UPDATE_NOT_REQUESTED);
        } while (SSL_do_handshake(w->server) == 1);
        step = read_answer(w, buf, sizeof(buf), &n);
        assert_int_equal(n, 0);
        assert_true(rounds++ < TLS_WORLD_STEPS_MAX);
    } while (step == TLS_STEP_WANT_READ);
    assert_int_equal(step, TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_PROTOCOL);
    expect_error(w, "more than 512 KiB");
}

/* What is no fault of the file is not said of it. */
static void
without_descriptors_nothing_is_loaded(void **state)
{
    struct tls_world *w = *state;
    struct tls_ctx *ctx = NULL;
    struct rlimit before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = tls_ctx_new(w->ca_file, TLS_ENGINE_DEFAULT, &ctx);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, -EMFILE);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TLS_WORLD_TEST(a_handshake),
        TLS_WORLD_TEST(another_name),
        TLS_WORLD_TEST(the_peer_closes),
        TLS_WORLD_TEST(no_tls_at_all),
        TLS_WORLD_TEST(a_flood_is_taken_in_shares_and_ends),
        TLS_WORLD_TEST(a_request_and_its_answer),
        TLS_WORLD_TEST(an_answer_before_the_request),
        TLS_WORLD_TEST(an_answer_longer_than_the_buffer),
        TLS_WORLD_TEST(the_peer_closes_after_the_handshake),
        TLS_WORLD_TEST(the_peer_resets),
        TLS_WORLD_TEST(a_long_request),
        TLS_WORLD_TEST(a_flood_after_the_handshake_ends),
        TLS_WORLD_TEST(without_descriptors_nothing_is_loaded),
    };

    return cmocka_run_group_tests(tests, tls_world_open, tls_world_close);
}
