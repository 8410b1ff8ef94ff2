/* probes/tls over a pair of sockets, with OpenSSL's server side, or a hostile one, at the other
 * end. Both ends are this thread and never block, so nothing here depends on time. */
#include "daemon/util.h"
#include "probes/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define NAME "endpoint.test"

#define STEP_READ_MAX (64 * 1024)
#define SESSION_READ_MAX (512 * 1024)
#define STEPS_MAX 1000
#define STARVED_STEP 5 /* less than there are where it matters, more than all take too long */

struct world {
    char ca_file[32];
    struct tls_ctx *ctx;
    SSL_CTX *server_ctx;
    int fd;      /* the client's end */
    int peer;    /* the other; -1: closed */
    SSL *server; /* over peer */
    struct tls *tls;
};

/* A certificate for NAME that is its own trust anchor. */
static X509 *
make_cert(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" NAME);

    assert_non_null(names);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -86400));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_int_equal(X509_add_ext(cert, names, -1), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(names);
    return cert;
}

static void
write_ca_file(struct world *w, X509 *cert)
{
    int fd;
    FILE *stream;

    assert_true(str_copy(w->ca_file, sizeof(w->ca_file), "/tmp/vpce-tls-XXXXXX"));
    fd = mkstemp(w->ca_file);
    assert_true(fd >= 0);
    stream = fdopen(fd, "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, cert), 1);
    assert_int_equal(fclose(stream), 0);
}

/* The allocation that fails, counted down; 0: none. The linker sends those of our code, and with
 * them OpenSSL's, here first. */
static unsigned failing;
static unsigned n_allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_malloc(size_t size)
{
    n_allocations++;
    return failing > 0 && --failing == 0 ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return failing > 0 && --failing == 0 ? NULL : __real_realloc(old, size);
}

static int
setup_group(void **state)
{
    static struct world w = {.fd = -1, .peer = -1};
    /* the first of all, so that OpenSSL allocates through it */
    int r = tls_ctx_new("/dev/null", TLS_ENGINE_DEFAULT, &w.ctx);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key);

    assert_int_equal(r, -EINVAL);
    assert_int_equal(tls_ctx_new("/dev", TLS_ENGINE_DEFAULT, &w.ctx), -EISDIR);
    assert_int_equal(tls_ctx_new("/nonexistent", TLS_ENGINE_DEFAULT, &w.ctx), -ENOENT);
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    write_ca_file(&w, cert);
    assert_int_equal(tls_ctx_new(w.ca_file, TLS_ENGINE_DEFAULT, &w.ctx), 0);
    w.server_ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(w.server_ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(w.server_ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    *state = &w;
    return 0;
}

static int
teardown_group(void **state)
{
    struct world *w = *state;

    tls_ctx_free(w->ctx);
    SSL_CTX_free(w->server_ctx);
    return unlink(w->ca_file);
}

static void
setup_connection(struct world *w)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    w->fd = fds[0];
    w->peer = fds[1];
}

static int
setup(void **state)
{
    struct world *w = *state;

    setup_connection(w);
    assert_int_equal(tls_open(w->ctx, TLS_ENGINE_DEFAULT, w->fd, NAME, &w->tls), 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, 0), 1);
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    tls_close(TAKE(w->tls));
    SSL_free(TAKE(w->server));
    cleanup_fd(&w->fd);
    cleanup_fd(&w->peer);
    return 0;
}

static void
open_server(struct world *w)
{
    w->server = SSL_new(w->server_ctx);
    assert_non_null(w->server);
    assert_int_equal(SSL_set_fd(w->server, w->peer), 1);
    SSL_set_accept_state(w->server);
}

/* Both ends until the client has an answer. */
static enum tls_step
shake_hands(struct world *w)
{
    open_server(w);
    for (int i = 0; i < STEPS_MAX; i++) {
        enum tls_step step = tls_step(w->tls);

        (void)SSL_do_handshake(w->server);
        if (step == TLS_STEP_DONE || step == TLS_STEP_FAILED) {
            return step;
        }
    }
    fail_msg("no end of the handshake");
    abort();
}

static void
expect_outcome(const struct world *w, enum addr_outcome outcome)
{
    assert_string_equal(addr_outcome_str(tls_outcome(w->tls)), addr_outcome_str(outcome));
}

static void
expect_error(const struct world *w, const char *words)
{
    struct addr_result result = {0};

    tls_facts(w->tls, &result);
    assert_non_null(result.error);
    assert_non_null(strstr(result.error, words));
    addr_result_done(&result);
}

/* Tests */

static void
a_handshake(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const char *const names[] = {"TLSv1.2", "TLSv1.3"};
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct addr_result result = {0};

        assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, versions[i]), 1);
        assert_int_equal(shake_hands(w), TLS_STEP_DONE);
        tls_facts(w->tls, &result);
        assert_string_equal(result.tls_version, names[i]);
        assert_non_null(result.cert);
        assert_string_equal(result.cert->names[0], NAME);
        assert_null(result.error);
        addr_result_done(&result);
        (void)teardown(state);
        (void)setup(state);
    }
}

/* It is made, but nothing leaves before the connection is there, nor is anything asked of it. */
static void
a_hello_made_before(void **state)
{
    struct world *w = *state;
    unsigned n_before = n_allocations;
    char byte;

    (void)close(w->fd); /* any use of it would fail */
    assert_int_equal(tls_prepare(w->tls), 0);
    assert_true(n_allocations - n_before > 50);
    assert_int_equal(recv(w->peer, &byte, 1, 0), 0); /* the end, and no byte before */
    (void)close(w->peer);
    setup_connection(w); /* with the same numbers */
    assert_int_equal(shake_hands(w), TLS_STEP_DONE);
}

static void
another_name(void **state)
{
    struct world *w = *state;

    tls_close(w->tls);
    assert_int_equal(tls_open(w->ctx, TLS_ENGINE_DEFAULT, w->fd, "other.test", &w->tls), 0);
    assert_int_equal(shake_hands(w), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_WRONG_NAME);
}

static void
the_peer_closes(void **state)
{
    struct world *w = *state;

    assert_int_equal(tls_step(w->tls), TLS_STEP_WANT_READ);
    assert_int_equal(shutdown(w->peer, SHUT_WR), 0);
    assert_int_equal(tls_step(w->tls), TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_CLOSED);
}

static void
no_tls_at_all(void **state)
{
    static const char text[] = "SSH-2.0-OpenSSH_9.2\r\n";
    struct world *w = *state;

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
n_taken(const struct world *w, const struct flood *flood)
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
    struct world *w = *state;

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
        (void)teardown(state);
        (void)setup(state);
    }
}

/* After the handshake */

static enum tls_step
read_answer(struct world *w, char *buf, size_t size, size_t *len)
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
    struct world *w = *state;

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
        (void)teardown(state);
        (void)setup(state);
    }
}

/* Both records come with the server's Finished, and the client reads ahead: nobody would tell it
 * of the second. */
static void
an_answer_before_the_request(void **state)
{
    struct world *w = *state;
    char buf[100];
    size_t n = 0;

    assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, TLS1_2_VERSION), 1);
    open_server(w);
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
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct world *w = *state;
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
        assert_true(rounds++ < STEPS_MAX);
    } while (step == TLS_STEP_WANT_READ);
    assert_int_equal(step, TLS_STEP_FAILED);
    expect_outcome(w, ADDR_OUTCOME_PROTOCOL);
    expect_error(w, "more than 512 KiB");
}

/* Without memory */

/* As shake_hands, and the nth allocation of the client fails. false: it had not so many. */
static bool
shake_starved_hands(struct world *w, unsigned nth)
{
    enum tls_step step = TLS_STEP_WANT_READ;

    open_server(w);
    for (int i = 0; i < STEPS_MAX && step != TLS_STEP_DONE && step != TLS_STEP_FAILED; i++) {
        failing = nth;
        step = tls_step(w->tls);
        nth = failing;
        failing = 0;
        (void)SSL_do_handshake(w->server);
    }
    if (step == TLS_STEP_FAILED) {
        expect_outcome(w, ADDR_OUTCOME_RESOURCES);
    } else {
        assert_int_equal(step, TLS_STEP_DONE);
    }
    return nth == 0;
}

/* OpenSSL keeps in a trust anchor that it could not make sense of it: no verdict of sessions that
 * are open then, and as ever for those that come later. */
static void
want_of_memory_spoils_no_trust(void **state)
{
    struct world *w = *state;
    bool failed = true;

    for (unsigned nth = 1; failed; nth += STARVED_STEP) {
        struct world first;
        void *first_state = &first;

        (void)teardown(state);
        tls_ctx_free(w->ctx);
        assert_int_equal(tls_ctx_new(w->ca_file, TLS_ENGINE_DEFAULT, &w->ctx), 0);
        (void)setup(state);
        first = *w;
        w->tls = NULL;
        (void)setup(state);
        failed = shake_starved_hands(&first, nth);
        (void)teardown(&first_state);
        if (shake_hands(w) == TLS_STEP_FAILED) {
            expect_outcome(w, ADDR_OUTCOME_RESOURCES);
        }
        (void)teardown(state);
        (void)setup(state);
        assert_int_equal(shake_hands(w), TLS_STEP_DONE);
    }
}

/* Nor where OpenSSL itself loaded the bundle, for there is more than certificates in it. */
static void
nor_of_another_bundle(void **state)
{
    struct world *w = *state;
    FILE *f = fopen(w->ca_file, "a");

    assert_non_null(f);
    assert_true(fputs("----- the end -----\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    want_of_memory_spoils_no_trust(state);
}

/* What is no fault of the file is not said of it. */
static void
without_descriptors_nothing_is_loaded(void **state)
{
    struct world *w = *state;
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
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_handshake),
        TEST(a_hello_made_before),
        TEST(another_name),
        TEST(the_peer_closes),
        TEST(no_tls_at_all),
        TEST(a_flood_is_taken_in_shares_and_ends),
        TEST(a_request_and_its_answer),
        TEST(an_answer_before_the_request),
        TEST(an_answer_longer_than_the_buffer),
        TEST(the_peer_closes_after_the_handshake),
        TEST(the_peer_resets),
        TEST(a_long_request),
        TEST(a_flood_after_the_handshake_ends),
        TEST(want_of_memory_spoils_no_trust),
        TEST(nor_of_another_bundle),
        TEST(without_descriptors_nothing_is_loaded),
    };

    (void)setenv("MALLOC_PERTURB_", "165", 1); /* each piece can fail (probes/tls_memory.h) */
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
