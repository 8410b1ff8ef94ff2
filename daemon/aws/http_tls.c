/* See http_tls.h. libevent reads and writes through a BIO of its own for the socket, and has a new
 * one, and the SSL cleared, when evhttp resets the connection, which it does before it reports a
 * failure. So what we want to know is noted as it happens: by OpenSSL's callbacks for verification,
 * for alerts and for what the BIO does. That last one also bounds reading, for OpenSSL skips some
 * messages (HelloRequest, KeyUpdate) inside one call for as long as they come.
 *
 * The bufferevent is gone only after another turn of the loop: the SSL is held, to be told to
 * forget us. */
#include "daemon/aws/http_tls.h"

#include "probes/tls.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* As in probes/tls.c. */
#define STEP_READ_MAX ((size_t)64 * 1024)
#define SESSION_READ_MAX ((size_t)512 * 1024)

/* Errors a bufferevent keeps. */
#define BUFFEREVENT_ERRORS_MAX 8

struct http_tls {
    SSL *ssl;                /* a reference of ours */
    struct bufferevent *bev; /* borrowed; NULL: none yet */
    size_t step_left;        /* bytes until OpenSSL has to come back */
    size_t session_left;     /* and until it is enough */
    bool flooded;            /* the peer sent more than that */
    bool connected;
    bool verified;
    int verify_error;
    int peer_alert; /* description of a fatal alert the peer sent, -1: none */
    int sys_errno;  /* of the last read or write that failed; 0: the peer closed */
    bool io_failed;
};

static int
on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct http_tls *tls = SSL_get_app_data(ssl);

    if (tls == NULL) {
        return 0; /* nobody is waiting for it any more */
    }
    if (!ok && tls->verify_error == X509_V_OK) {
        tls->verify_error = X509_STORE_CTX_get_error(store_ctx);
    }
    return ok;
}

static void
on_info(const SSL *ssl, int where, int value)
{
    struct http_tls *tls = SSL_get_app_data(ssl);

    if (tls == NULL) {
        return;
    }
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
        tls->peer_alert = value & 0xff;
    }
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        tls->verified = true;
    }
}

/* Before OpenSSL reads: 1, or what it gets instead. The descriptor stays readable, so the loop,
 * having seen to all others, comes back. */
static long
before_read(struct http_tls *tls, BIO *bio)
{
    if (tls->session_left == 0) {
        tls->flooded = true;
        BIO_clear_retry_flags(bio);
        return -1;
    }
    if (tls->step_left == 0) {
        tls->step_left = STEP_READ_MAX;
        BIO_set_retry_read(bio);
        return -1;
    }
    return 1;
}

static void
after_read(struct http_tls *tls, size_t n)
{
    tls->step_left -= n < tls->step_left ? n : tls->step_left;
    tls->session_left -= n < tls->session_left ? n : tls->session_left;
}

/* BIO_callback_fn_ex: what it returns is what the BIO does. */
static long
on_bio(BIO *bio, int operation, const char *data, size_t size, int int_argument, long argument,
    int result, size_t *n)
{
    void *arg = BIO_get_callback_arg(bio);
    struct http_tls *tls = arg;

    (void)data;
    (void)size;
    (void)int_argument;
    (void)argument;
    if (tls == NULL) {
        return result;
    }
    if (operation == BIO_CB_READ) {
        return before_read(tls, bio);
    }
    if (operation != (BIO_CB_READ | BIO_CB_RETURN) && operation != (BIO_CB_WRITE | BIO_CB_RETURN)) {
        return result;
    }
    if (result <= 0) {
        if (!BIO_should_retry(bio)) {
            tls->sys_errno = result < 0 ? errno : 0;
            tls->io_failed = true;
        }
    } else if (operation == (BIO_CB_WRITE | BIO_CB_RETURN)) {
        tls->connected = true;
    } else if (n != NULL) {
        after_read(tls, *n);
    }
    return result;
}

struct http_tls *
http_tls_new(struct tls_ctx *ctx, const char *name)
{
    struct http_tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return NULL;
    }
    tls->step_left = STEP_READ_MAX;
    tls->session_left = SESSION_READ_MAX;
    tls->peer_alert = -1;
    tls->ssl = tls_ctx_client_new(ctx, name);
    if (tls->ssl == NULL || SSL_set_app_data(tls->ssl, tls) != 1) {
        http_tls_free(tls);
        return NULL;
    }
    SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, on_verify);
    SSL_set_info_callback(tls->ssl, on_info);
    return tls;
}

/* libevent's BIO of the moment; it may be another one each time. */
static void
watch(const struct http_tls *tls, BIO_callback_fn_ex callback, struct http_tls *arg)
{
    BIO *bio = SSL_get_rbio(tls->ssl); /* the same for both directions */

    if (bio != NULL) {
        BIO_set_callback_ex(bio, callback);
        BIO_set_callback_arg(bio, (char *)arg);
    }
}

void
http_tls_free(struct http_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->ssl != NULL) {
        watch(tls, NULL, NULL);
        (void)SSL_set_app_data(tls->ssl, NULL);
        SSL_free(tls->ssl);
    }
    free(tls);
}

struct bufferevent *
http_tls_bufferevent(struct http_tls *tls, struct event_base *base)
{
    if (SSL_up_ref(tls->ssl) != 1) {
        return NULL;
    }
    tls->bev = bufferevent_openssl_socket_new(
        base, -1, tls->ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (tls->bev == NULL) {
        SSL_free(tls->ssl);
    }
    return tls->bev;
}

void
http_tls_watch(struct http_tls *tls)
{
    watch(tls, on_bio, tls);
}

bool
http_tls_is_connected(const struct http_tls *tls)
{
    return tls->connected;
}

bool
http_tls_is_verified(const struct http_tls *tls)
{
    return tls->verified;
}

/* The first one says it; they come last first. libevent puts codes of another kind among them. */
static const char *
reason_of(struct bufferevent *bev)
{
    unsigned long first = 0;

    for (int i = 0; i < BUFFEREVENT_ERRORS_MAX; i++) {
        unsigned long error = bufferevent_get_openssl_error(bev);

        if (error == 0) {
            break;
        }
        first = ERR_GET_LIB(error) != 0 ? error : first;
    }
    return first == 0 ? NULL : ERR_reason_error_string(first);
}

void
http_tls_describe(struct http_tls *tls, struct text *t)
{
    const char *reason = tls->bev != NULL ? reason_of(tls->bev) : NULL;

    if (tls->verify_error != X509_V_OK) {
        (void)text_add(t, "%s", X509_verify_cert_error_string(tls->verify_error));
    } else if (tls->peer_alert >= 0) {
        (void)text_add(t, "%s", SSL_alert_desc_string_long(tls->peer_alert));
    } else if (tls->flooded) {
        (void)text_add(t, "more than %zu KiB and no end", SESSION_READ_MAX / 1024);
    } else if (tls->io_failed && tls->sys_errno != 0) {
        (void)text_add(t, "%s", strerror(tls->sys_errno));
    } else if (tls->io_failed) {
        (void)text_add(t, "closed by the peer");
    } else if (reason != NULL) {
        (void)text_add(t, "%s", reason);
    }
}
