/* See tls_world.h. */
#include "tests/unit/tls_world.h"

#include "daemon/util.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

/* A certificate for TLS_WORLD_NAME that is its own trust anchor. */
static X509 *
make_cert(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" TLS_WORLD_NAME);

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

int
tls_world_open(void **state)
{
    static struct tls_world w = {.fd = -1, .peer = -1};
    /* the first of all, so that OpenSSL allocates through it */
    int r = tls_ctx_new("/dev/null", TLS_ENGINE_DEFAULT, &w.ctx);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key);

    assert_int_equal(r, -EINVAL);
    assert_int_equal(tls_ctx_new("/dev", TLS_ENGINE_DEFAULT, &w.ctx), -EISDIR);
    assert_int_equal(tls_ctx_new("/nonexistent", TLS_ENGINE_DEFAULT, &w.ctx), -ENOENT);
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    ca_file_write(w.ca_file, cert);
    assert_int_equal(tls_ctx_new(w.ca_file, TLS_ENGINE_DEFAULT, &w.ctx), 0);
    w.server_ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(w.server_ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(w.server_ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    *state = &w;
    return 0;
}

int
tls_world_close(void **state)
{
    struct tls_world *w = *state;

    tls_ctx_free(w->ctx);
    SSL_CTX_free(w->server_ctx);
    return unlink(w->ca_file);
}

void
tls_world_pair(struct tls_world *w)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    w->fd = fds[0];
    w->peer = fds[1];
}

int
tls_world_set_up(void **state)
{
    struct tls_world *w = *state;

    tls_world_pair(w);
    assert_int_equal(tls_open(w->ctx, TLS_ENGINE_DEFAULT, w->fd, TLS_WORLD_NAME, &w->tls), 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(w->server_ctx, 0), 1);
    return 0;
}

int
tls_world_tear_down(void **state)
{
    struct tls_world *w = *state;

    tls_close(TAKE(w->tls));
    SSL_free(TAKE(w->server));
    cleanup_fd(&w->fd);
    cleanup_fd(&w->peer);
    return 0;
}

void
tls_world_serve(struct tls_world *w)
{
    w->server = SSL_new(w->server_ctx);
    assert_non_null(w->server);
    assert_int_equal(SSL_set_fd(w->server, w->peer), 1);
    SSL_set_accept_state(w->server);
}

enum tls_step
shake_hands(struct tls_world *w)
{
    tls_world_serve(w);
    for (int i = 0; i < TLS_WORLD_STEPS_MAX; i++) {
        enum tls_step step = tls_step(w->tls);

        (void)SSL_do_handshake(w->server);
        if (step == TLS_STEP_DONE || step == TLS_STEP_FAILED) {
            return step;
        }
    }
    fail_msg("no end of the handshake");
    abort();
}

void
expect_outcome(const struct tls_world *w, enum addr_outcome outcome)
{
    assert_string_equal(addr_outcome_str(tls_outcome(w->tls)), addr_outcome_str(outcome));
}

void
expect_error(const struct tls_world *w, const char *words)
{
    struct addr_result result = {0};

    tls_facts(w->tls, &result);
    assert_non_null(result.error);
    assert_non_null(strstr(result.error, words));
    addr_result_done(&result);
}
