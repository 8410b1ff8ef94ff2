/* See store_world.h. */
#include "tests/unit/store_world.h"

#include "daemon/util.h"
#include "probes/tls_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

struct store_world store_world;

struct spec {
    const char *name;
    int type;          /* of string */
    enum which issuer; /* made before; NONE: itself */
    size_t key;        /* which */
    long from_days;
    long to_days;
};

static const struct spec specs[WHICH_N] = {
    [ROOT_A] = {"Root A", MBSTRING_ASC, NONE, 0, -9, 9},
    [ROOT_A_TWIN] = {"Root A", MBSTRING_ASC, NONE, 1, -9, 9},
    [ROOT_A_EXPIRED] = {"Root A", MBSTRING_ASC, NONE, 0, -9, -1},
    [ROOT_A_SPELT] = {" ROOT   a ", V_ASN1_UTF8STRING, NONE, 0, -9, 9},
    [ROOT_A_WIDE] = {"\0R\0o\0o\0t\0 \0A", V_ASN1_BMPSTRING, NONE, 0, -9, 9},
    [ROOT_B] = {"Root B", MBSTRING_ASC, NONE, 2, -9, 9},
    [A_BY_B] = {"Root A", MBSTRING_ASC, ROOT_B, 0, -9, 9},
    [ISSUING_A] = {"Issuing", MBSTRING_ASC, ROOT_A, 3, -9, 9},
    [ISSUING_B] = {"Issuing", MBSTRING_ASC, ROOT_B, 4, -9, 9},
    [LEAF_A] = {"leaf", MBSTRING_ASC, ROOT_A, 5, -9, 9},
    [LEAF_TWIN] = {"leaf", MBSTRING_ASC, ROOT_A_TWIN, 5, -9, 9},
    [LEAF_IA] = {"leaf", MBSTRING_ASC, ISSUING_A, 5, -9, 9},
    [LEAF_IB] = {"leaf", MBSTRING_ASC, ISSUING_B, 5, -9, 9},
    [LEAF_OTHER] = {"other", MBSTRING_ASC, LEAF_A, 5, -9, 9},
};

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *
make_cert(enum which which)
{
    const struct spec *spec = &specs[which];
    X509 *cert = X509_new();
    X509 *issuer = spec->issuer != NONE ? store_world.certs[spec->issuer] : cert;
    size_t signer = spec->issuer != NONE ? specs[spec->issuer].key : spec->key;
    bool ca = which < LEAF_A;
    int len = spec->type == V_ASN1_BMPSTRING ? 12 : -1;

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)which), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), spec->from_days * DAY_S));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), spec->to_days * DAY_S));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", spec->type,
                         (const unsigned char *)spec->name, len, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(issuer)), 1);
    assert_int_equal(X509_set_pubkey(cert, store_world.keys[spec->key]), 1);
    add_extension(cert, issuer, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(cert, store_world.keys[signer], EVP_sha256()) > 0);
    return cert;
}

int
store_world_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS_N; i++) {
        store_world.keys[i] = EVP_EC_gen("P-256");
    }
    for (enum which w = ROOT_A; w < WHICH_N; w++) {
        store_world.certs[w] = make_cert(w);
    }
    assert_true(str_copy(store_world.path, sizeof(store_world.path), "/tmp/vpce-store-XXXXXX"));
    return close(mkstemp(store_world.path));
}

int
store_world_close(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS_N; i++) {
        EVP_PKEY_free(store_world.keys[i]);
    }
    for (enum which w = ROOT_A; w < WHICH_N; w++) {
        X509_free(store_world.certs[w]);
    }
    return unlink(store_world.path);
}

void
write_bytes(const void *bytes, size_t len)
{
    FILE *stream = fopen(store_world.path, "w");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

void
write_list(const enum which list[static LIST_N])
{
    FILE *stream = fopen(store_world.path, "w");

    assert_non_null(stream);
    for (size_t i = 0; i < LIST_N && list[i] != NONE; i++) {
        (void)fprintf(stream, "# certificate %zu\n", i);
        assert_int_equal(PEM_write_X509(stream, store_world.certs[list[i]]), 1);
    }
    assert_int_equal(fclose(stream), 0);
}

static X509_STORE *
load_or_free(X509_STORE *store, const char *path)
{
    if (X509_STORE_load_file(store, path) != 1) {
        X509_STORE_free(store);
        store = NULL;
    }
    ERR_clear_error();
    return store;
}

struct pair
open_pair(const char *path)
{
    struct pair pair = {.eager = load_or_free(X509_STORE_new(), path), .lazy = X509_STORE_new()};

    pair.indexed = tls_store_index(pair.lazy, path) == 0;
    assert_int_equal(ERR_peek_error(), 0);
    if (!pair.indexed) {
        assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(pair.lazy)), 0);
        pair.lazy = load_or_free(pair.lazy, path);
    }
    if ((pair.eager == NULL) != (pair.lazy == NULL)) {
        fail_msg("%s: %s by OpenSSL, %s by us", path, pair.eager ? "loaded" : "refused",
            pair.lazy ? "loaded" : "refused");
    }
    return pair;
}

void
close_pair(struct pair *pair)
{
    X509_STORE_free(pair->eager);
    X509_STORE_free(pair->lazy);
}

static STACK_OF(X509) * find_all(X509_STORE *store, const X509_NAME *name)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) * found;

    assert_int_equal(X509_STORE_CTX_init(ctx, store, NULL, NULL), 1);
    found = X509_STORE_CTX_get1_certs(ctx, name);
    X509_STORE_CTX_free(ctx);
    return found;
}

static bool
same_list(const STACK_OF(X509) * a, const STACK_OF(X509) * b)
{
    if (sk_X509_num(a) != sk_X509_num(b)) {
        return false;
    }
    for (int i = 0; i < sk_X509_num(a); i++) {
        if (X509_cmp(sk_X509_value(a, i), sk_X509_value(b, i)) != 0) {
            return false;
        }
    }
    return true;
}

void
check_content(const char *name, const struct pair *pair)
{
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(pair->eager);

    for (int i = 0; i < sk_X509_num(all); i++) {
        const X509_NAME *subject = X509_get_subject_name(sk_X509_value(all, i));
        STACK_OF(X509) *expected = find_all(pair->eager, subject);
        STACK_OF(X509) *found = find_all(pair->lazy, subject);

        if (!same_list(found, expected)) {
            fail_msg("%s: %d certificates where OpenSSL has %d", name, sk_X509_num(found),
                sk_X509_num(expected));
        }
        sk_X509_pop_free(expected, X509_free);
        sk_X509_pop_free(found, X509_free);
    }
    assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(pair->lazy)), sk_X509_num(all));
    sk_X509_pop_free(all, X509_free);
}

struct judgement {
    int ok;
    int error;
    int depth;
    STACK_OF(X509) * chain;
    unsigned long queued; /* OpenSSL's error queue */
};

static struct judgement
judge(X509_STORE *store, X509 *leaf, STACK_OF(X509) * sent)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    struct judgement ret;

    ERR_clear_error();
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, sent), 1);
    assert_int_equal(X509_STORE_CTX_set_default(ctx, "ssl_server"), 1);
    ret = (struct judgement){.ok = X509_verify_cert(ctx),
        .error = X509_STORE_CTX_get_error(ctx),
        .depth = X509_STORE_CTX_get_error_depth(ctx),
        .chain = X509_STORE_CTX_get1_chain(ctx),
        .queued = ERR_peek_error()};
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return ret;
}

int
check_verdict(const char *name, const struct pair *pair, X509 *leaf, STACK_OF(X509) * sent)
{
    struct judgement expected = judge(pair->eager, leaf, sent);

    for (size_t i = 0; i < 2; i++) { /* decoded just now, and decoded before */
        struct judgement got = judge(pair->lazy, leaf, sent);

        if (got.ok != expected.ok || got.error != expected.error || got.depth != expected.depth ||
            got.queued != expected.queued || !same_list(got.chain, expected.chain)) {
            fail_msg("%s: %d at %d, chain of %d, expected %d at %d, %d", name, got.error, got.depth,
                sk_X509_num(got.chain), expected.error, expected.depth,
                sk_X509_num(expected.chain));
        }
        sk_X509_pop_free(got.chain, X509_free);
    }
    sk_X509_pop_free(expected.chain, X509_free);
    return expected.error;
}
