/* The lean TLS engine against the default one: the same servers, certificates and faults, and all
 * that is found compared. Both ends are this thread, over a pair of sockets. */
#include "daemon/util.h"
#include "probes/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define NAME "endpoint.test"
#define DAY_S 86400
#define STEPS_MAX 100
#define FLIGHT_MAX 32768

enum kind {
    RSA_2048,
    RSA_3072,
    RSA_4096,
    RSA_PSS_2048, /* the key, too, is for PSS alone */
    P_256,
    P_384,
    P_521,
    ED25519,
    RSA_1024,
};
#define KIND_N (RSA_1024 + 1)

enum fault {
    NO_FAULT,
    BAD_ROOT,
    BAD_NAME,
    BAD_ADDRESS,
    EXPIRED,
    NOT_YET_VALID,
    EXPIRED_ISSUER,
    ALTERED_LEAF,
    ALTERED_ISSUER,
    ALTERED_HANDSHAKE, /* what the server signed of it, in TLS 1.2; a record, in TLS 1.3 */
    SELF_SIGNED,
    NO_ISSUER,    /* the server does not send it */
    ISSUER_NO_CA, /* its basicConstraints say so */
    CLIENT_ONLY,  /* the leaf's extendedKeyUsage */
    CRITICAL,     /* an extension nobody knows */
    SHA1_SIGNATURE,
    OTHER_NAMESPACE, /* the issuer's nameConstraints forbid the name */
};

struct row {
    const char *name;
    enum kind root; /* and the intermediate */
    enum kind leaf;
    int version;
    enum fault fault;
    const char *ciphers; /* of the server, NULL: its default; of TLS 1.2 or 1.3 */
    const char *groups;
    bool pss;    /* RSA signs certificates with PSS padding */
    bool beyond; /* the lean engine cannot */
    bool varies; /* the words of the error, from one run to the next */
    enum addr_outcome outcome;
};

#define OK ADDR_OUTCOME_OK
#define UNTRUSTED ADDR_OUTCOME_UNTRUSTED
#define V12 TLS1_2_VERSION
#define V13 TLS1_3_VERSION

static const struct row rows[] = {
    {"RSA-2048", RSA_2048, RSA_2048, V12, .outcome = OK},
    {"RSA-2048", RSA_2048, RSA_2048, V13, .outcome = OK},
    {"RSA-3072", RSA_3072, RSA_3072, V12, .outcome = OK},
    {"RSA-3072", RSA_3072, RSA_3072, V13, .outcome = OK},
    {"RSA-4096", RSA_4096, RSA_4096, V12, .outcome = OK},
    {"RSA-4096", RSA_4096, RSA_4096, V13, .outcome = OK},
    {"RSA-4096 root, RSA-2048 leaf", RSA_4096, RSA_2048, V13, .outcome = OK},
    {"RSA-PSS signatures", RSA_2048, RSA_2048, V12, .pss = true, .outcome = OK},
    {"RSA-PSS signatures", RSA_4096, P_256, V13, .pss = true, .outcome = OK},
    {"RSA-PSS keys", RSA_PSS_2048, RSA_PSS_2048, V12, .outcome = OK},
    {"RSA-PSS keys", RSA_PSS_2048, RSA_PSS_2048, V13, .outcome = OK},
    {"P-256", P_256, P_256, V12, .outcome = OK},
    {"P-256", P_256, P_256, V13, .outcome = OK},
    {"P-384", P_384, P_384, V12, .outcome = OK},
    {"P-384", P_384, P_384, V13, .outcome = OK},
    {"P-384 root, RSA leaf", P_384, RSA_2048, V12, .outcome = OK},
    {"P-384 root, P-256 leaf", P_384, P_256, V13, .outcome = OK},
    {"P-521", P_521, P_521, V13, .outcome = OK},

    {"AES-128-GCM", RSA_2048, RSA_2048, V12, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256",
        .outcome = OK},
    {"AES-256-GCM", RSA_2048, P_256, V12, .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384",
        .outcome = OK},
    {"ChaCha20", RSA_2048, RSA_2048, V12, .ciphers = "ECDHE-RSA-CHACHA20-POLY1305", .outcome = OK},
    {"AES-128-GCM", P_256, P_256, V13, .ciphers = "TLS_AES_128_GCM_SHA256", .outcome = OK},
    {"AES-256-GCM", P_256, P_256, V13, .ciphers = "TLS_AES_256_GCM_SHA384", .outcome = OK},
    {"ChaCha20", P_256, P_256, V13, .ciphers = "TLS_CHACHA20_POLY1305_SHA256", .outcome = OK},
    {"key exchange over P-256", RSA_2048, RSA_2048, V12, .groups = "P-256", .outcome = OK},
    {"key exchange over P-384", RSA_2048, RSA_2048, V12, .groups = "P-384", .outcome = OK},
    {"HelloRetryRequest for P-256", RSA_2048, RSA_2048, V13, .groups = "P-256", .outcome = OK},
    {"HelloRetryRequest for P-384", P_384, P_384, V13, .groups = "P-384", .outcome = OK},
    {"HelloRetryRequest for P-521", P_384, P_384, V13, .groups = "P-521", .outcome = OK},

    {"Ed25519 leaf", RSA_2048, ED25519, V13, .beyond = true, .outcome = OK},
    {"Ed25519 root", ED25519, RSA_2048, V13, .beyond = true, .outcome = OK},
    {"X448", RSA_2048, RSA_2048, V13, .groups = "X448", .beyond = true, .outcome = OK},
    {"CBC", RSA_2048, RSA_2048, V12, .ciphers = "ECDHE-RSA-AES128-SHA", .beyond = true,
        .outcome = OK},
    {"static RSA", RSA_2048, RSA_2048, V12, .ciphers = "AES128-GCM-SHA256", .beyond = true,
        .outcome = OK},
    {"DHE", RSA_2048, RSA_2048, V12, .ciphers = "DHE-RSA-AES128-GCM-SHA256", .beyond = true,
        .outcome = OK},

    {"bad root", RSA_2048, RSA_2048, V12, BAD_ROOT, .outcome = UNTRUSTED},
    {"bad root", RSA_2048, RSA_2048, V13, BAD_ROOT, .outcome = UNTRUSTED},
    {"bad root", P_384, P_256, V13, BAD_ROOT, .outcome = UNTRUSTED},
    {"bad name", RSA_2048, RSA_2048, V12, BAD_NAME, .outcome = ADDR_OUTCOME_WRONG_NAME},
    {"bad name", P_256, P_256, V13, BAD_NAME, .outcome = ADDR_OUTCOME_WRONG_NAME},
    {"bad address", P_256, P_256, V13, BAD_ADDRESS, .outcome = ADDR_OUTCOME_WRONG_NAME},
    {"expired", RSA_2048, RSA_2048, V12, EXPIRED, .outcome = ADDR_OUTCOME_EXPIRED},
    {"expired", P_256, P_256, V13, EXPIRED, .outcome = ADDR_OUTCOME_EXPIRED},
    {"not yet valid", RSA_2048, RSA_2048, V12, NOT_YET_VALID,
        .outcome = ADDR_OUTCOME_NOT_YET_VALID},
    {"not yet valid", P_256, P_256, V13, NOT_YET_VALID, .outcome = ADDR_OUTCOME_NOT_YET_VALID},
    {"expired issuer", RSA_2048, RSA_2048, V13, EXPIRED_ISSUER, .outcome = ADDR_OUTCOME_EXPIRED},
    {"altered leaf", RSA_2048, RSA_2048, V12, ALTERED_LEAF, .outcome = UNTRUSTED},
    {"altered leaf", RSA_4096, P_256, V13, ALTERED_LEAF, .outcome = UNTRUSTED},
    {"altered leaf", P_384, P_384, V13, ALTERED_LEAF, .outcome = UNTRUSTED},
    {"altered leaf", RSA_2048, RSA_2048, V13, ALTERED_LEAF, .pss = true, .outcome = UNTRUSTED},
    {"altered issuer", RSA_2048, RSA_2048, V12, ALTERED_ISSUER, .outcome = UNTRUSTED},
    {"altered issuer", P_384, P_256, V13, ALTERED_ISSUER, .outcome = UNTRUSTED},
    {"altered handshake", RSA_2048, RSA_2048, V12, ALTERED_HANDSHAKE, .varies = true,
        .outcome = ADDR_OUTCOME_PROTOCOL},
    {"altered handshake", P_384, P_384, V12, ALTERED_HANDSHAKE, .outcome = ADDR_OUTCOME_PROTOCOL},
    {"altered handshake", RSA_2048, RSA_2048, V13, ALTERED_HANDSHAKE,
        .outcome = ADDR_OUTCOME_PROTOCOL},
    {"self-signed", P_256, P_256, V13, SELF_SIGNED, .outcome = UNTRUSTED},
    {"no issuer", RSA_2048, P_256, V13, NO_ISSUER, .outcome = UNTRUSTED},
    {"issuer is no CA", RSA_2048, P_256, V13, ISSUER_NO_CA, .outcome = UNTRUSTED},
    {"for clients only", RSA_2048, P_256, V13, CLIENT_ONLY, .outcome = UNTRUSTED},
    {"unknown critical extension", RSA_2048, P_256, V13, CRITICAL, .outcome = UNTRUSTED},
    {"RSA-1024 leaf", RSA_2048, RSA_1024, V13, .outcome = UNTRUSTED},
    {"SHA-1 signature", RSA_2048, P_256, V13, SHA1_SIGNATURE, .outcome = UNTRUSTED},
    {"name constraints", RSA_2048, P_256, V13, OTHER_NAMESPACE, .outcome = UNTRUSTED},
    {"TLS 1.1", RSA_2048, RSA_2048, TLS1_1_VERSION, .outcome = ADDR_OUTCOME_ALERT},
};

struct world {
    char ca_file[32];
    struct tls_ctx *ctx;
    EVP_PKEY *keys[KIND_N]; /* of roots, issuers and leaves alike */
    X509 *roots[KIND_N];
};

/* Certificates */

static EVP_PKEY *
make_key(enum kind kind)
{
    switch (kind) {
    case RSA_2048:
        return EVP_RSA_gen(2048);
    case RSA_3072:
        return EVP_RSA_gen(3072);
    case RSA_4096:
        return EVP_RSA_gen(4096);
    case RSA_1024:
        return EVP_RSA_gen(1024);
    case RSA_PSS_2048: {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
        EVP_PKEY *key = NULL;

        assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
        assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
        EVP_PKEY_CTX_free(ctx);
        return key;
    }
    case P_256:
        return EVP_EC_gen("P-256");
    case P_384:
        return EVP_EC_gen("P-384");
    case P_521:
        return EVP_EC_gen("P-521");
    case ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Not signed yet. */
static X509 *
make_cert(const char *cn, const X509_NAME *issuer, EVP_PKEY *key, long from_s, long until_s)
{
    static long serial = 1;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), until_s));
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(cert, issuer != NULL ? issuer : name), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    return cert;
}

static void
sign(X509 *cert, EVP_PKEY *key, const EVP_MD *md, bool pss)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;

    if (EVP_PKEY_is_a(key, "ED25519")) {
        md = NULL;
    }
    assert_int_equal(EVP_DigestSignInit(ctx, &key_ctx, md, NULL, key), 1);
    if (pss && EVP_PKEY_is_a(key, "RSA")) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_true(X509_sign_ctx(cert, ctx) > 0);
    EVP_MD_CTX_free(ctx);
}

/* The same with the last bit of its signature turned. */
static X509 *
altered(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509 *other;

    assert_true(len > 0);
    der[len - 1] ^= 1;
    other = d2i_X509(NULL, &at, len);
    assert_non_null(other);
    OPENSSL_free(der);
    X509_free(cert);
    return other;
}

static X509 *
make_root(EVP_PKEY *key, const char *cn)
{
    X509 *cert = make_cert(cn, NULL, key, -30 * DAY_S, 30 * DAY_S);

    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(cert, key, EVP_sha256(), false);
    return cert;
}

static X509 *
make_issuer(const struct world *w, const struct row *row)
{
    EVP_PKEY *key = w->keys[row->root];
    EVP_PKEY *stranger = make_key(P_256);
    bool bad = row->fault == BAD_ROOT;
    X509 *bad_root = make_root(stranger, "Stranger");
    X509 *cert = make_cert("Issuer", X509_get_subject_name(bad ? bad_root : w->roots[row->root]),
        key, -20 * DAY_S, row->fault == EXPIRED_ISSUER ? -DAY_S : 20 * DAY_S);

    add_extension(cert, NID_basic_constraints,
        row->fault == ISSUER_NO_CA ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0");
    if (row->fault == OTHER_NAMESPACE) {
        add_extension(cert, NID_name_constraints, "critical,permitted;DNS:other.test");
    }
    sign(cert, bad ? stranger : key, EVP_sha384(), row->pss);
    EVP_PKEY_free(stranger);
    X509_free(bad_root);
    return row->fault == ALTERED_ISSUER ? altered(cert) : cert;
}

static X509 *
make_leaf(const struct world *w, const struct row *row, const X509 *issuer)
{
    bool self = row->fault == SELF_SIGNED;
    long from_s = row->fault == NOT_YET_VALID ? DAY_S : -2 * DAY_S;
    long until_s = row->fault == EXPIRED ? -DAY_S : 2 * DAY_S;
    X509 *cert = make_cert("Leaf of " NAME, self ? NULL : X509_get_subject_name(issuer),
        w->keys[row->leaf], from_s, until_s);

    add_extension(cert, NID_subject_alt_name, "DNS:" NAME ",DNS:*.svc.test,IP:10.0.0.1");
    add_extension(cert, NID_ext_key_usage,
        row->fault == CLIENT_ONLY ? "clientAuth" : "serverAuth,clientAuth");
    if (row->fault == CRITICAL) {
        ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);

        assert_int_equal(X509_add_ext(cert, extension, -1), 1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(object);
    }
    sign(cert, w->keys[self ? row->leaf : row->root],
        row->fault == SHA1_SIGNATURE ? EVP_sha1() : EVP_sha256(), row->pss);
    return row->fault == ALTERED_LEAF ? altered(cert) : cert;
}

/* The server: between it and the socket, the test, which may alter what it sends */

static SSL_CTX *
server_of(const struct world *w, const struct row *row)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    X509 *issuer = make_issuer(w, row);
    X509 *leaf = make_leaf(w, row, issuer);

    SSL_CTX_set_security_level(ctx, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, row->version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, row->version), 1);
    assert_int_equal(SSL_CTX_set_dh_auto(ctx, 1), 1);
    if (row->ciphers != NULL && row->version == V13) {
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, row->ciphers), 1);
    } else if (row->ciphers != NULL) {
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, row->ciphers), 1);
    }
    if (row->groups != NULL) {
        char groups[16]; /* the macro casts const away */

        assert_true(str_copy(groups, sizeof(groups), row->groups));
        assert_int_equal(SSL_CTX_set1_groups_list(ctx, groups), 1);
    }
    assert_int_equal(SSL_CTX_use_certificate(ctx, leaf), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, w->keys[row->leaf]), 1);
    if (row->fault != NO_ISSUER) {
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, issuer), 1);
    }
    X509_free(leaf);
    X509_free(issuer);
    return ctx;
}

/* Turns a bit in the ServerKeyExchange, or the last record of a flight of several. */
static void
alter(unsigned char *flight, size_t len, int version)
{
    size_t last = 0;
    size_t n = 0;

    for (size_t at = 0; at + 5 < len; n++) {
        size_t end = at + 5 + ((size_t)flight[at + 3] << 8 | flight[at + 4]);

        if (version == V12 && flight[at] == SSL3_RT_HANDSHAKE &&
            flight[at + 5] == SSL3_MT_SERVER_KEY_EXCHANGE) {
            flight[end - 1] ^= 1;
            return;
        }
        last = end;
        at = end;
    }
    if (version == V13 && n > 2) {
        flight[last - 1] ^= 1;
    }
}

static void
serve(SSL *server, int fd, const struct row *row)
{
    static unsigned char buf[FLIGHT_MAX];
    ssize_t n;
    int len;

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        assert_int_equal(BIO_write(SSL_get_rbio(server), buf, (int)n), n);
    }
    (void)SSL_do_handshake(server);
    len = BIO_read(SSL_get_wbio(server), buf, sizeof(buf));
    if (len > 0) {
        if (row->fault == ALTERED_HANDSHAKE) {
            alter(buf, (size_t)len, row->version);
        }
        assert_int_equal(write(fd, buf, (size_t)len), len);
    }
}

static SSL *
open_server(SSL_CTX *server_ctx)
{
    SSL *server = SSL_new(server_ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    (void)BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(server, in, out);
    SSL_set_accept_state(server);
    return server;
}

static const char *
hostname_of(const struct row *row)
{
    switch ((int)row->fault) {
    case BAD_NAME:
        return "other.test";
    case BAD_ADDRESS:
        return "10.0.0.2";
    default:
        return NAME;
    }
}

/* What a client finds. */
static enum addr_outcome
find(const struct world *w, const struct row *row, SSL_CTX *server_ctx, enum tls_engine engine,
    struct addr_result *ret)
{
    int fds[2];
    SSL *server = open_server(server_ctx);
    struct tls *tls;
    enum tls_step step = TLS_STEP_WANT_READ;
    enum addr_outcome outcome = ADDR_OUTCOME_OK;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(tls_open(w->ctx, engine, fds[0], hostname_of(row), &tls), 0);
    for (int i = 0; i < STEPS_MAX && step == TLS_STEP_WANT_READ; i++) {
        step = tls_step(tls);
        serve(server, fds[1], row);
    }
    assert_true(step == TLS_STEP_DONE || step == TLS_STEP_FAILED);
    if (step == TLS_STEP_FAILED) {
        outcome = tls_outcome(tls);
        assert_int_not_equal(outcome, ADDR_OUTCOME_OK);
    }
    memset(ret, 0, sizeof(*ret));
    tls_facts(tls, ret);
    assert_int_equal(ret->tls_engine, engine);
    tls_close(tls);
    SSL_free(server);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return outcome;
}

/* Tests */

static const char *
text_of(const char *text)
{
    return text != NULL ? text : "(none)";
}

static unsigned
expect_texts(const struct row *row, const char *what, const char *expected, const char *found)
{
    if (streq(text_of(expected), text_of(found))) {
        return 0;
    }
    (void)fprintf(stderr, "%s, %#x: %s: default %s, lean %s\n", row->name, (unsigned)row->version,
        what, text_of(expected), text_of(found));
    return 1;
}

static bool
same_cert(const struct cert *a, const struct cert *b)
{
    return a == b || (a != NULL && b != NULL && cert_equal(a, b));
}

static unsigned
compare(const struct world *w, const struct row *row)
{
    SSL_CTX *server = server_of(w, row);
    struct addr_result whole;
    struct addr_result lean;
    enum addr_outcome whole_outcome = find(w, row, server, TLS_ENGINE_DEFAULT, &whole);
    enum addr_outcome lean_outcome = find(w, row, server, TLS_ENGINE_LEAN, &lean);
    unsigned n = 0;

    if (whole_outcome != row->outcome) {
        (void)fprintf(stderr, "%s, %#x: expected %s, default %s (%s)\n", row->name,
            (unsigned)row->version, addr_outcome_str(row->outcome), addr_outcome_str(whole_outcome),
            text_of(whole.error));
        n++;
    }
    if (row->beyond) { /* a failure is all right: the default engine is asked then */
        if (lean_outcome == ADDR_OUTCOME_OK) {
            (void)fprintf(stderr, "%s: the lean engine can\n", row->name);
            n++;
        }
    } else {
        n += expect_texts(
            row, "outcome", addr_outcome_str(whole_outcome), addr_outcome_str(lean_outcome));
        n += expect_texts(row, "version", whole.tls_version, lean.tls_version);
        n += expect_texts(row, "cipher", whole.tls_cipher, lean.tls_cipher);
        n += row->varies ? 0 : expect_texts(row, "error", whole.error, lean.error);
        n += expect_texts(row, "certificate", "the same",
            same_cert(whole.cert, lean.cert) ? "the same" : "another");
    }
    addr_result_done(&whole);
    addr_result_done(&lean);
    SSL_CTX_free(server);
    return n;
}

static void
both_engines_find_the_same(void **state)
{
    const struct world *w = *state;
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        n += compare(w, &rows[i]);
    }
    assert_int_equal(n, 0);
}

/* A context may outlive another one of the same engine, as after a reload. */
static void
contexts_come_and_go(void **state)
{
    struct world *w = *state;
    struct tls_ctx *old = w->ctx;
    struct addr_result result;
    SSL_CTX *server = server_of(w, &rows[0]);

    assert_int_equal(tls_ctx_new(w->ca_file, TLS_ENGINE_LEAN, &w->ctx), 0);
    assert_int_equal(tls_ctx_engine(w->ctx), TLS_ENGINE_LEAN);
    tls_ctx_free(old);
    assert_int_equal(find(w, &rows[0], server, TLS_ENGINE_LEAN, &result), ADDR_OUTCOME_OK);
    addr_result_done(&result);
    tls_ctx_free(w->ctx);
    assert_int_equal(tls_ctx_new(w->ca_file, TLS_ENGINE_LEAN, &w->ctx), 0);
    assert_int_equal(find(w, &rows[0], server, TLS_ENGINE_LEAN, &result), ADDR_OUTCOME_OK);
    addr_result_done(&result);
    SSL_CTX_free(server);
}

static int
setup_group(void **state)
{
    static struct world w;
    FILE *stream;
    char cn[16];

    assert_true(str_copy(w.ca_file, sizeof(w.ca_file), "/tmp/vpce-lean-XXXXXX"));
    stream = fdopen(mkstemp(w.ca_file), "w");
    assert_non_null(stream);
    for (size_t i = 0; i < KIND_N; i++) {
        w.keys[i] = make_key((enum kind)i);
        assert_non_null(w.keys[i]);
        (void)snprintf(cn, sizeof(cn), "Root %zu", i);
        w.roots[i] = make_root(w.keys[i], cn);
        assert_int_equal(PEM_write_X509(stream, w.roots[i]), 1);
    }
    assert_int_equal(fclose(stream), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(tls_ctx_new(w.ca_file, TLS_ENGINE_LEAN, &w.ctx), 0);
    assert_int_equal(tls_ctx_engine(w.ctx), TLS_ENGINE_LEAN);
    *state = &w;
    return 0;
}

static int
teardown_group(void **state)
{
    struct world *w = *state;

    tls_ctx_free(w->ctx);
    for (size_t i = 0; i < KIND_N; i++) {
        EVP_PKEY_free(w->keys[i]);
        X509_free(w->roots[i]);
    }
    return unlink(w->ca_file);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_engines_find_the_same),
        cmocka_unit_test(contexts_come_and_go),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
