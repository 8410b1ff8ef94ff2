/* See tls.h. The verify callback keeps the first error and the leaf, because OpenSSL forgets the
 * leaf when verification fails; the info callback keeps a fatal alert of the peer. */
#include "probes/tls.h"

#include "daemon/util.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Bytes of a subject, issuer or name that are kept. */
#define CERT_TEXT_SIZE 256

/* Longest chain worth building: leaf, intermediates, cross-signed roots; AWS sends four. */
#define VERIFY_DEPTH_MAX 10

#define ERROR_TEXT_SIZE 160

struct tls_ctx {
    SSL_CTX *ssl_ctx;
};

struct tls {
    SSL *ssl;
    X509 *leaf; /* a reference, or NULL: no certificate came */
    int verify_error;
    int peer_alert;            /* description of a fatal alert the peer sent, -1: none */
    int ssl_error;             /* SSL_get_error of the step that failed */
    int sys_errno;             /* of that step */
    unsigned long queue_error; /* first of OpenSSL's error queue */
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

int
tls_ctx_new(const char *ca_file, struct tls_ctx **ret)
{
    struct tls_ctx *ctx;

    if (access(ca_file, R_OK) < 0) {
        return -errno;
    }
    ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return -ENOMEM;
    }
    ERR_clear_error();
    ctx->ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (ctx->ssl_ctx == NULL || SSL_CTX_set_min_proto_version(ctx->ssl_ctx, TLS1_2_VERSION) != 1) {
        tls_ctx_free(ctx);
        return -ENOMEM;
    }
    if (SSL_CTX_load_verify_file(ctx->ssl_ctx, ca_file) != 1) {
        tls_ctx_free(ctx);
        ERR_clear_error();
        return -EINVAL;
    }
    SSL_CTX_set_verify(ctx->ssl_ctx, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_verify_depth(ctx->ssl_ctx, VERIFY_DEPTH_MAX);
    SSL_CTX_set_info_callback(ctx->ssl_ctx, on_info);
    (void)SSL_CTX_set_mode(ctx->ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(ctx->ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* every run verifies anew: a resumed session would skip the certificate */
    (void)SSL_CTX_set_session_cache_mode(ctx->ssl_ctx, SSL_SESS_CACHE_OFF);
    *ret = ctx;
    return 0;
}

void
tls_ctx_free(struct tls_ctx *ctx)
{
    if (ctx != NULL) {
        SSL_CTX_free(ctx->ssl_ctx);
        free(ctx);
    }
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

int
tls_open(struct tls_ctx *ctx, int fd, const char *hostname, struct tls **ret)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return -ENOMEM;
    }
    tls->peer_alert = -1;
    ERR_clear_error();
    tls->ssl = SSL_new(ctx->ssl_ctx);
    if (tls->ssl == NULL || SSL_set_app_data(tls->ssl, tls) != 1 || SSL_set_fd(tls->ssl, fd) != 1 ||
        !set_name(tls->ssl, hostname)) {
        tls_close(tls);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_connect_state(tls->ssl);
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

enum tls_step
tls_step(struct tls *tls)
{
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_connect(tls->ssl);
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
    ERR_clear_error();
    return TLS_STEP_FAILED;
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
    if (tls->verify_error != X509_V_OK) {
        return outcome_of_verify_error(tls->verify_error);
    }
    if (tls->peer_alert >= 0) {
        return ADDR_OUTCOME_ALERT;
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

    if (tls->verify_error != X509_V_OK) {
        (void)text_add(t, "%s", X509_verify_cert_error_string(tls->verify_error));
    } else if (tls->peer_alert >= 0) {
        (void)text_add(t, "%s", SSL_alert_desc_string_long(tls->peer_alert));
    } else if (tls->ssl_error == SSL_ERROR_SYSCALL && tls->sys_errno != 0) {
        (void)text_add(t, "%s", strerror(tls->sys_errno));
    } else if (reason != NULL) {
        (void)text_add(t, "%s", reason);
    }
}

/* A distinguished name as RFC 4514 writes it, with UTF-8 left readable. */
static void
name_text(const X509_NAME *name, char ret[static CERT_TEXT_SIZE])
{
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    struct text t = {.buf = ret, .size = CERT_TEXT_SIZE};
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    ret[0] = '\0';
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
        long len = BIO_get_mem_data(bio, &data);

        (void)text_add_printable(&t, data, len > 0 ? (size_t)len : 0);
    } else {
        (void)text_add(&t, "(unreadable name)");
    }
    BIO_free(bio);
}

/* Text of one subjectAltName; false for kinds that say nothing about hosts. */
static bool
alt_name_text(const GENERAL_NAME *name, char ret[static CERT_TEXT_SIZE])
{
    struct text t = {.buf = ret, .size = CERT_TEXT_SIZE};
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    struct addr addr = {0};
    char addr_text[ADDR_TEXT_SIZE];

    ret[0] = '\0';
    if (type == GEN_DNS) {
        (void)text_add_escaped(
            &t, (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        return true;
    }
    if (type != GEN_IPADD || (ASN1_STRING_length(value) != 4 && ASN1_STRING_length(value) != 16)) {
        return false;
    }
    addr.family = ASN1_STRING_length(value) == 4 ? ADDR_FAMILY_IPV4 : ADDR_FAMILY_IPV6;
    memcpy(addr.bytes, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    (void)text_add(&t, "%s", addr_format(&addr, addr_text));
    return true;
}

static int64_t
time_of(const ASN1_TIME *asn1_time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(asn1_time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static struct cert *
cert_of(X509 *leaf)
{
    char subject[CERT_TEXT_SIZE];
    char issuer[CERT_TEXT_SIZE];
    char texts[CERT_NAMES_MAX][CERT_TEXT_SIZE];
    const char *names[CERT_NAMES_MAX];
    GENERAL_NAMES *alt_names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    size_t n = 0;
    size_t n_found = 0;

    name_text(X509_get_subject_name(leaf), subject);
    name_text(X509_get_issuer_name(leaf), issuer);
    for (int i = 0; i < sk_GENERAL_NAME_num(alt_names); i++) {
        char ignored[CERT_TEXT_SIZE];
        char *text = n < CERT_NAMES_MAX ? texts[n] : ignored;

        if (!alt_name_text(sk_GENERAL_NAME_value(alt_names, i), text)) {
            continue;
        }
        n_found++;
        if (n < CERT_NAMES_MAX) {
            names[n] = texts[n];
            n++;
        }
    }
    GENERAL_NAMES_free(alt_names);

    struct cert *cert = cert_new(subject, issuer, names, n);

    if (cert != NULL) {
        cert->n_names_found = (uint16_t)(n_found < UINT16_MAX ? n_found : UINT16_MAX);
        cert->not_before = time_of(X509_get0_notBefore(leaf));
        cert->not_after = time_of(X509_get0_notAfter(leaf));
    }
    ERR_clear_error();
    return cert;
}

void
tls_facts(const struct tls *tls, struct addr_result *ret)
{
    char error[ERROR_TEXT_SIZE] = "";
    struct text t = TEXT(error);

    if (SSL_get_current_cipher(tls->ssl) != NULL) {
        (void)str_copy(ret->tls_version, sizeof(ret->tls_version), SSL_get_version(tls->ssl));
        (void)str_copy(ret->tls_cipher, sizeof(ret->tls_cipher), SSL_get_cipher_name(tls->ssl));
    }
    if (tls->leaf != NULL) {
        cert_unref(ret->cert);
        ret->cert = cert_of(tls->leaf);
    }
    add_error(&t, tls);
    if (error[0] != '\0') {
        free(ret->error);
        ret->error = strdup(error);
    }
}
