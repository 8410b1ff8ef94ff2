/* See tls.h. The verify callback keeps the first error and the leaf, because OpenSSL forgets the
 * leaf when verification fails; the info callback keeps a fatal alert of the peer. */
#include "probes/tls.h"

#include "daemon/log.h"
#include "daemon/util.h"
#include "probes/tls_cert.h"
#include "probes/tls_keep.h"
#include "probes/tls_lean.h"
#include "probes/tls_memory.h"
#include "probes/tls_store.h"
#include "probes/tls_wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest chain worth building: leaf, intermediates, cross-signed roots; AWS sends four. */
#define VERIFY_DEPTH_MAX 10

#define ERROR_TEXT_SIZE 160

struct tls_ctx {
    SSL_CTX *ssl_ctx;
    SSL_CTX *lean_ctx; /* NULL: not asked for, or not possible */
    BIO_METHOD *wire_method;
    struct tls_certs certs;
    unsigned n_starved; /* allocations that had failed when its trust anchors were as read */
};

struct tls {
    struct tls_ctx *ctx; /* borrowed */
    enum tls_engine engine;
    SSL *ssl;
    struct tls_wire wire;
    X509 *leaf; /* a reference, or NULL: no certificate came */
    int verify_error;
    int peer_alert;            /* description of a fatal alert the peer sent, -1: none */
    int ssl_error;             /* SSL_get_error of the step that failed */
    int sys_errno;             /* of that step */
    unsigned long queue_error; /* first of OpenSSL's error queue */
    unsigned n_starved;        /* allocations that had failed when the step began */
    bool no_memory;            /* one failed in it */
};

static int
on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);

    if (tls->leaf == NULL && leaf != NULL && X509_up_ref(leaf) == 1) {
        tls->leaf = leaf;
    }
    if (!ok && tls->verify_error == X509_V_OK) {
        tls->verify_error = X509_STORE_CTX_get_error(store_ctx);
    }
    return ok;
}

static void
on_info(const SSL *ssl, int where, int value)
{
    struct tls *tls = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
        tls->peer_alert = value & 0xff;
    }
}

/* What all engines have in common. */
static SSL_CTX *
ssl_ctx_new(OSSL_LIB_CTX *lib_ctx)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new_ex(lib_ctx, NULL, TLS_client_method());

    if (ssl_ctx == NULL || SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_verify_depth(ssl_ctx, VERIFY_DEPTH_MAX);
    SSL_CTX_set_info_callback(ssl_ctx, on_info);
    (void)SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* every run verifies anew: a resumed session would skip the certificate */
    (void)SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    tls_keep_algorithms(lib_ctx);
    return ssl_ctx;
}

/* Both engines have one store: they trust the same, and the bundle is in memory once. An engine
 * that lacked memory while it was made may lack an algorithm for good. */
static void
open_lean(struct tls_ctx *ctx)
{
    OSSL_LIB_CTX *lib_ctx;
    const char *why = "no memory";
    unsigned n_starved_before = tls_memory_n_starved();

    if (tls_lean_take(&lib_ctx, &why) == 0) {
        ctx->lean_ctx = ssl_ctx_new(lib_ctx);
        if (ctx->lean_ctx != NULL && tls_memory_n_starved() == n_starved_before) {
            SSL_CTX_set1_cert_store(ctx->lean_ctx, SSL_CTX_get_cert_store(ctx->ssl_ctx));
            return;
        }
        SSL_CTX_free(TAKE(ctx->lean_ctx));
        tls_lean_give();
        why = "no memory";
    }
    ERR_clear_error();
    log_msg(LOG_NOTICE, LOG_TOPIC_TLS, "the lean TLS engine is not used: %s", why);
}

/* Why OpenSSL could not load a bundle; what it says first is the cause. */
static int
load_error(void)
{
    unsigned long error = ERR_peek_error();

    return ERR_SYSTEM_ERROR(error) ? -ERR_GET_REASON(error) : -EINVAL;
}

int
tls_ctx_new(const char *ca_file, enum tls_engine engine, struct tls_ctx **ret)
{
    struct tls_ctx *ctx;
    unsigned n_starved_before = tls_memory_n_starved();
    struct stat st;

    if (stat(ca_file, &st) < 0 || access(ca_file, R_OK) < 0) {
        return -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    tls_memory_start();
    ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return -ENOMEM;
    }
    ERR_clear_error();
    ctx->wire_method = tls_wire_method_new();
    ctx->ssl_ctx = ssl_ctx_new(NULL);
    if (ctx->wire_method == NULL || ctx->ssl_ctx == NULL) {
        tls_ctx_free(ctx);
        return -ENOMEM;
    }
    bool loaded = tls_store_index(SSL_CTX_get_cert_store(ctx->ssl_ctx), ca_file) == 0 ||
                  SSL_CTX_load_verify_file(ctx->ssl_ctx, ca_file) == 1;
    /* without memory OpenSSL may leave certificates out, and call that loaded */
    bool starved = tls_memory_n_starved() != n_starved_before;

    if (!loaded || starved) {
        int r = starved ? -ENOMEM : load_error();

        tls_ctx_free(ctx);
        ERR_clear_error();
        return r;
    }
    ctx->n_starved = tls_memory_n_starved();
    if (engine == TLS_ENGINE_LEAN) {
        open_lean(ctx);
    }
    *ret = ctx;
    return 0;
}

enum tls_engine
tls_ctx_engine(const struct tls_ctx *ctx)
{
    return ctx->lean_ctx != NULL ? TLS_ENGINE_LEAN : TLS_ENGINE_DEFAULT;
}

/* Whatever was made in the lean engine's context, or has a key that was used there, goes before
 * the context does. */
void
tls_ctx_free(struct tls_ctx *ctx)
{
    if (ctx != NULL) {
        bool has_lean = ctx->lean_ctx != NULL;

        tls_certs_reset(&ctx->certs);
        SSL_CTX_free(ctx->lean_ctx);
        SSL_CTX_free(ctx->ssl_ctx);
        BIO_meth_free(ctx->wire_method);
        free(ctx);
        if (has_lean) {
            tls_lean_give();
        }
    }
}

/* The same trust anchors, as if they had just been read. NULL: no memory. */
static X509_STORE *
fresh_anchors(const struct tls_ctx *ctx)
{
    X509_STORE *old = SSL_CTX_get_cert_store(ctx->ssl_ctx);
    X509_STORE *store = NULL;

    return tls_store_renew(old, &store) == -ENOENT ? tls_keep_copy(old) : store;
}

/* Where an allocation failed, a trust anchor may be spoiled (tls_keep.c). Sessions that are open
 * verify with the new ones, too. false: no memory. */
static bool
renew_anchors(struct tls_ctx *ctx)
{
    unsigned n_before = tls_memory_n_starved();
    X509_STORE *store;

    if (ctx->n_starved == tls_memory_n_starved()) {
        return true;
    }
    store = fresh_anchors(ctx);
    if (store == NULL || tls_memory_n_starved() != n_before) {
        X509_STORE_free(store);
        return false;
    }
    SSL_CTX_set1_cert_store(ctx->ssl_ctx, store);
    if (ctx->lean_ctx != NULL) {
        SSL_CTX_set1_cert_store(ctx->lean_ctx, store);
    }
    X509_STORE_free(store);
    ctx->n_starved = tls_memory_n_starved();
    return true;
}

static bool
set_name(SSL *ssl, const char *hostname)
{
    struct addr addr;
    char name[HOSTNAME_SIZE]; /* SSL_set_tlsext_host_name casts const away */

    (void)str_copy(name, sizeof(name), hostname);
    if (addr_parse(hostname, &addr) == 0) {
        size_t len = addr.family == ADDR_FAMILY_IPV6 ? 16 : 4;

        return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), addr.bytes, len) == 1;
    }
    /* as Go's clients (docker, the ECS agent) judge: whole-label wildcards, no look at the CN */
    SSL_set_hostflags(
        ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, hostname) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *
tls_ctx_client_new(struct tls_ctx *ctx, const char *hostname)
{
    SSL *ssl;

    ERR_clear_error();
    ssl = renew_anchors(ctx) ? SSL_new(ctx->ssl_ctx) : NULL;
    if (ssl != NULL && !set_name(ssl, hostname)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    return ssl;
}

static bool
set_bio(struct tls *tls)
{
    BIO *bio = tls_wire_open(&tls->wire, tls->ctx->wire_method);

    if (bio != NULL) {
        SSL_set_bio(tls->ssl, bio, bio);
    }
    return bio != NULL;
}

int
tls_open(
    struct tls_ctx *ctx, enum tls_engine engine, int fd, const char *hostname, struct tls **ret)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return -ENOMEM;
    }
    tls->ctx = ctx;
    tls->wire.fd = fd;
    tls->peer_alert = -1;
    ERR_clear_error();
    tls->engine = engine;
    if (renew_anchors(ctx)) {
        tls->ssl = SSL_new(engine == TLS_ENGINE_LEAN ? ctx->lean_ctx : ctx->ssl_ctx);
    }
    if (tls->ssl == NULL || SSL_set_app_data(tls->ssl, tls) != 1 || !set_bio(tls) ||
        !set_name(tls->ssl, hostname)) {
        tls_close(tls);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_connect_state(tls->ssl);
    SSL_set_read_ahead(tls->ssl, 1); /* else two system calls a record, and there are eight */
    *ret = tls;
    return 0;
}

void
tls_close(struct tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        X509_free(tls->leaf);
        free(tls);
    }
}

static void
begin_step(struct tls *tls)
{
    tls_wire_begin_step(&tls->wire);
    tls->n_starved = tls_memory_n_starved();
    ERR_clear_error();
    errno = 0;
}

/* r: what OpenSSL returned. */
static enum tls_step
end_step(struct tls *tls, int r)
{
    tls->sys_errno = errno;
    if (r == 1) {
        return TLS_STEP_DONE;
    }
    tls->ssl_error = SSL_get_error(tls->ssl, r);
    if (tls->ssl_error == SSL_ERROR_WANT_READ) {
        return TLS_STEP_WANT_READ;
    }
    if (tls->ssl_error == SSL_ERROR_WANT_WRITE) {
        return TLS_STEP_WANT_WRITE;
    }
    tls->queue_error = ERR_peek_error();
    tls->no_memory = tls_memory_n_starved() != tls->n_starved ||
                     (tls->verify_error != X509_V_OK &&
                         tls_memory_n_starved() != tls->ctx->n_starved); /* by a spoiled one */
    ERR_clear_error();
    return TLS_STEP_FAILED;
}

int
tls_prepare(struct tls *tls)
{
    enum tls_step step;

    tls->wire.is_connecting = true;
    begin_step(tls);
    step = end_step(tls, SSL_connect(tls->ssl));
    tls->wire.is_connecting = false;
    return step == TLS_STEP_WANT_WRITE && tls->n_starved == tls_memory_n_starved() ? 0 : -ENOMEM;
}

enum tls_step
tls_step(struct tls *tls)
{
    enum tls_step step;

    begin_step(tls);
    step = end_step(tls, SSL_connect(tls->ssl));
    if (step == TLS_STEP_DONE) {
        SSL_set_read_ahead(tls->ssl, 0); /* so that readiness and tls_read agree */
    }
    return step;
}

enum tls_step
tls_write(struct tls *tls, const char *data, size_t len, size_t *done)
{
    while (*done < len) {
        enum tls_step step;
        size_t n = 0;

        begin_step(tls);
        step = end_step(tls, SSL_write_ex(tls->ssl, data + *done, len - *done, &n));
        *done += n;
        if (step != TLS_STEP_DONE) {
            return step;
        }
    }
    return TLS_STEP_DONE;
}

enum tls_step
tls_read(struct tls *tls, char *buf, size_t size, size_t *len)
{
    const size_t before = *len;
    enum tls_step step;

    do { /* more than once only while bytes are left that came with the handshake */
        size_t n = 0;

        begin_step(tls);
        step = end_step(tls, SSL_read_ex(tls->ssl, buf + *len, size - *len, &n));
        *len += n;
    } while (step == TLS_STEP_DONE && *len < size && SSL_has_pending(tls->ssl) == 1);
    return step == TLS_STEP_WANT_READ && *len > before ? TLS_STEP_DONE : step;
}

static enum addr_outcome
outcome_of_verify_error(int error)
{
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return ADDR_OUTCOME_WRONG_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ADDR_OUTCOME_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ADDR_OUTCOME_NOT_YET_VALID;
    case X509_V_ERR_OUT_OF_MEM:
        return ADDR_OUTCOME_RESOURCES;
    default:
        return ADDR_OUTCOME_UNTRUSTED;
    }
}

static enum addr_outcome
outcome_of_sys_errno(int error)
{
    switch (error) {
    case 0:
        return ADDR_OUTCOME_CLOSED;
    case ETIMEDOUT:
        return ADDR_OUTCOME_TIMEOUT;
    case ECONNRESET:
    case EPIPE:
    case ECONNREFUSED:
        return ADDR_OUTCOME_RESET;
    case ENOMEM:
    case ENOBUFS:
        return ADDR_OUTCOME_RESOURCES;
    default:
        return ADDR_OUTCOME_UNREACHABLE;
    }
}

enum addr_outcome
tls_outcome(const struct tls *tls)
{
    if (tls->no_memory) {
        return ADDR_OUTCOME_RESOURCES;
    }
    if (tls->verify_error != X509_V_OK) {
        return outcome_of_verify_error(tls->verify_error);
    }
    if (tls->peer_alert >= 0) {
        return ADDR_OUTCOME_ALERT;
    }
    if (tls->wire.flooded) {
        return ADDR_OUTCOME_PROTOCOL;
    }
    if (tls->ssl_error == SSL_ERROR_ZERO_RETURN) { /* it said goodbye */
        return ADDR_OUTCOME_CLOSED;
    }
    if (tls->ssl_error == SSL_ERROR_SYSCALL) {
        return outcome_of_sys_errno(tls->sys_errno);
    }
    switch (ERR_GET_REASON(tls->queue_error)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return ADDR_OUTCOME_CLOSED;
    case ERR_R_MALLOC_FAILURE:
        return ADDR_OUTCOME_RESOURCES;
    default:
        return ADDR_OUTCOME_PROTOCOL;
    }
}

static void
add_error(struct text *t, const struct tls *tls)
{
    const char *reason = ERR_reason_error_string(tls->queue_error);

    if (tls->no_memory) {
        (void)text_add(t, "%s", strerror(ENOMEM));
    } else if (tls->verify_error != X509_V_OK) {
        (void)text_add(t, "%s", X509_verify_cert_error_string(tls->verify_error));
    } else if (tls->peer_alert >= 0) {
        (void)text_add(t, "%s", SSL_alert_desc_string_long(tls->peer_alert));
    } else if (tls->wire.flooded) {
        (void)text_add(t, "more than %zu KiB and no end", TLS_WIRE_SESSION_MAX / 1024);
    } else if (tls->ssl_error == SSL_ERROR_SYSCALL && tls->sys_errno != 0) {
        (void)text_add(t, "%s", strerror(tls->sys_errno));
    } else if (reason != NULL) {
        (void)text_add(t, "%s", reason);
    }
}

void
tls_facts(const struct tls *tls, struct addr_result *ret)
{
    char error[ERROR_TEXT_SIZE] = "";
    struct text t = TEXT(error);

    ret->tls_engine = tls->engine;
    if (SSL_get_current_cipher(tls->ssl) != NULL) {
        ret->tls_version = SSL_get_version(tls->ssl);
        ret->tls_cipher = SSL_get_cipher_name(tls->ssl);
    }
    if (tls->leaf != NULL) {
        cert_unref(ret->cert);
        ret->cert = tls_certs_get(&tls->ctx->certs, tls->leaf);
    }
    add_error(&t, tls);
    if (error[0] != '\0') {
        free(ret->error);
        ret->error = strdup(error);
    }
}
