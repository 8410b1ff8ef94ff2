/* probes/tls_store beside OpenSSL's own loading of the same file: the same files are refused, the
 * same certificates found, the same chains built and judged. */
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

static const char *const real_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"};

enum which {
    NONE,
    ROOT_A,
    ROOT_A_TWIN,    /* its name, another key */
    ROOT_A_EXPIRED, /* its name and key */
    ROOT_A_SPELT,   /* its key; its name in capitals, with more blanks, in UTF-8 */
    ROOT_A_WIDE,    /* its key; its name in two bytes a letter */
    ROOT_B,
    A_BY_B,     /* ROOT_A's name and key, signed by ROOT_B */
    ISSUING_A,  /* an intermediate */
    ISSUING_B,  /* the same name, another key, signed by ROOT_B */
    LEAF_A,     /* signed by ROOT_A */
    LEAF_TWIN,  /* by ROOT_A_TWIN */
    LEAF_IA,    /* by ISSUING_A */
    LEAF_IB,    /* by ISSUING_B */
    LEAF_OTHER, /* its issuer is of a name that is not there */
};
#define WHICH_N (LEAF_OTHER + 1)

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

#define KEYS_N 6
#define LIST_N 8

static struct {
    EVP_PKEY *keys[KEYS_N];
    X509 *certs[WHICH_N];
    char path[32];
} world;

/* The same file, as OpenSSL loads it and as we do. NULL: not loaded. */
struct pair {
    X509_STORE *eager;
    X509_STORE *lazy;
    bool indexed;
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
    X509 *issuer = spec->issuer != NONE ? world.certs[spec->issuer] : cert;
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
    assert_int_equal(X509_set_pubkey(cert, world.keys[spec->key]), 1);
    add_extension(cert, issuer, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(cert, world.keys[signer], EVP_sha256()) > 0);
    return cert;
}

static int
setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS_N; i++) {
        world.keys[i] = EVP_EC_gen("P-256");
    }
    for (enum which w = ROOT_A; w < WHICH_N; w++) {
        world.certs[w] = make_cert(w);
    }
    assert_true(str_copy(world.path, sizeof(world.path), "/tmp/vpce-store-XXXXXX"));
    return close(mkstemp(world.path));
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS_N; i++) {
        EVP_PKEY_free(world.keys[i]);
    }
    for (enum which w = ROOT_A; w < WHICH_N; w++) {
        X509_free(world.certs[w]);
    }
    return unlink(world.path);
}

static void
write_bytes(const void *bytes, size_t len)
{
    FILE *stream = fopen(world.path, "w");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

static void
write_list(const enum which list[static LIST_N])
{
    FILE *stream = fopen(world.path, "w");

    assert_non_null(stream);
    for (size_t i = 0; i < LIST_N && list[i] != NONE; i++) {
        (void)fprintf(stream, "# certificate %zu\n", i);
        assert_int_equal(PEM_write_X509(stream, world.certs[list[i]]), 1);
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

/* As tls.c does. */
static struct pair
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

static void
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

/* Every certificate that OpenSSL loaded is found by its name, with all others of the name in the
 * same order; in the end there are as many. */
static void
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

/* Returns the error. */
static int
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

static const struct {
    const char *name;
    enum which bundle[LIST_N];
    enum which sent[LIST_N];
    enum which leaf;
    int error;
} chains[] = {
    {"a root", {ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
    {"a root that is sent", {ROOT_A}, {ROOT_A}, LEAF_A, X509_V_OK},
    {"another root", {ROOT_B}, {ROOT_A}, LEAF_A, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN},
    {"not there", {ROOT_B}, {NONE}, LEAF_A, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"no such name", {ROOT_A, ROOT_B}, {NONE}, LEAF_OTHER,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"one name, two keys", {ROOT_A, ROOT_A_TWIN}, {NONE}, LEAF_TWIN, X509_V_OK},
    {"one name, two keys, the first", {ROOT_A, ROOT_A_TWIN}, {NONE}, LEAF_A, X509_V_OK},
    {"the other key alone", {ROOT_A_TWIN}, {NONE}, LEAF_A,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {"renewed", {ROOT_A_EXPIRED, ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
    {"renewed, the new one first", {ROOT_A, ROOT_A_EXPIRED}, {NONE}, LEAF_A, X509_V_OK},
    {"expired", {ROOT_A_EXPIRED}, {NONE}, LEAF_A, X509_V_ERR_CERT_HAS_EXPIRED},
    {"expired, or another key", {ROOT_A_TWIN, ROOT_A_EXPIRED}, {NONE}, LEAF_A,
        X509_V_ERR_CERT_HAS_EXPIRED},
    {"spelt otherwise", {ROOT_B, ROOT_A_SPELT}, {NONE}, LEAF_A, X509_V_OK},
    {"of another type of string", {ROOT_A_WIDE, ROOT_B}, {NONE}, LEAF_A, X509_V_OK},
    {"all spellings", {ROOT_A_SPELT, ROOT_A_TWIN, ROOT_A_WIDE, ROOT_A_EXPIRED}, {NONE}, LEAF_A,
        X509_V_OK},
    {"an intermediate", {ROOT_A, ROOT_B}, {ISSUING_A}, LEAF_IA, X509_V_OK},
    {"two intermediates of one name", {ROOT_A, ROOT_B}, {ISSUING_B, ISSUING_A}, LEAF_IA, X509_V_OK},
    {"an intermediate in the bundle", {ISSUING_A, ROOT_A}, {NONE}, LEAF_IA, X509_V_OK},
    {"two of one name in the bundle", {ISSUING_B, ISSUING_A, ROOT_A}, {NONE}, LEAF_IA, X509_V_OK},
    {"an intermediate without its root", {ISSUING_A}, {NONE}, LEAF_IA,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT},
    {"cross-signed, the old root", {ROOT_B}, {ISSUING_A, A_BY_B}, LEAF_IA, X509_V_OK},
    {"cross-signed, both roots", {ROOT_B, ROOT_A}, {ISSUING_A, A_BY_B}, LEAF_IA, X509_V_OK},
    {"cross-signed, in the bundle", {A_BY_B, ROOT_B}, {ISSUING_A}, LEAF_IA, X509_V_OK},
    {"cross-signed and itself in the bundle", {A_BY_B, ROOT_A, ROOT_B}, {ISSUING_A}, LEAF_IA,
        X509_V_OK},
    {"cross-signed, its twin in the bundle", {ROOT_A_TWIN, ROOT_B}, {ISSUING_A, A_BY_B}, LEAF_IA,
        X509_V_OK},
    {"the root itself", {ROOT_A}, {NONE}, ROOT_A, X509_V_OK},
    {"the root's twin", {ROOT_A}, {NONE}, ROOT_A_TWIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    {"twice in the bundle", {ROOT_A, ROOT_B, ROOT_A}, {NONE}, LEAF_A, X509_V_OK},
};

static void
test_chains(void **state)
{

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        STACK_OF(X509) *sent = sk_X509_new_null();
        struct pair pair;
        int error;

        write_list(chains[i].bundle);
        pair = open_pair(world.path);
        assert_true(pair.indexed);
        for (size_t k = 0; k < LIST_N && chains[i].sent[k] != NONE; k++) {
            assert_true(sk_X509_push(sent, world.certs[chains[i].sent[k]]) > 0);
        }
        error = check_verdict(chains[i].name, &pair, world.certs[chains[i].leaf], sent);
        if (error != chains[i].error) {
            fail_msg("%s: %d, expected %d", chains[i].name, error, chains[i].error);
        }
        for (enum which w = ROOT_A; w < WHICH_N; w++) { /* in a store that others have used */
            (void)check_verdict(chains[i].name, &pair, world.certs[w], sent);
        }
        check_content(chains[i].name, &pair);
        sk_X509_free(sent);
        close_pair(&pair);
    }
}

/* A store with nothing decoded is asked for what the chain needs, and for no more. */
static void
test_on_demand(void **state)
{
    static const enum which list[LIST_N] = {ROOT_B, ROOT_A, ISSUING_B, ROOT_A_TWIN};
    const STACK_OF(X509_OBJECT) * objects;
    struct pair pair;

    (void)state;
    write_list(list);
    pair = open_pair(world.path);
    objects = X509_STORE_get0_objects(pair.lazy);
    assert_int_equal(sk_X509_OBJECT_num(objects), 0);
    assert_int_equal(check_verdict("on demand", &pair, world.certs[LEAF_A], NULL), X509_V_OK);
    assert_int_equal(sk_X509_OBJECT_num(objects), 2); /* ROOT_A and its twin */
    write_bytes("", 0);                               /* the file is not looked at again */
    assert_int_equal(check_verdict("on demand", &pair, world.certs[ROOT_B], NULL), X509_V_OK);
    assert_int_equal(sk_X509_OBJECT_num(objects), 3);
    close_pair(&pair);
}

/* Forms of a file. In text, what enum part has stands for a certificate in that form. */
enum part {
    PART_A = 0x10, /* no character of text */
    PART_B,
    PART_CRLF,
    PART_TRUSTED,
    PART_OLD,
    PART_ONE_LINE, /* all Base64 in a line */
    PART_CUT,      /* the last line of Base64 is missing */
    PART_LETTER,   /* one that is not of Base64 */
    PART_BLANK,    /* lines of Base64 with a blank behind them */
    PART_BROKEN,   /* DER that is none */
    PART_LONGER,   /* bytes behind the certificate */
    PART_KEY,
};
#define PART_N (PART_KEY + 1)

static char *
pem_text(const char *label, const unsigned char *der, long len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    char *text;
    long n;

    assert_true(PEM_write_bio(bio, label, "", der, len) > 0);
    n = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)n);
    BIO_free(bio);
    return text;
}

/* Puts with in place of what, everywhere. */
static char *
replaced(char *text, const char *what, const char *with)
{
    char *ret = calloc(strlen(text) + 1, 1 + strlen(with));
    const char *at = text;
    const char *next;

    while ((next = strstr(at, what)) != NULL) {
        (void)strncat(ret, at, (size_t)(next - at));
        (void)strcat(ret, with); // NOLINT: room was made
        at = next + strlen(what);
    }
    (void)strcat(ret, at); // NOLINT: room was made
    free(text);
    return ret;
}

static char *
cut_line(char *text)
{
    char *end = strstr(text, "-----END");
    char *start = end - 1;

    while (start[-1] != '\n') {
        start--;
    }
    memmove(start, end, strlen(end) + 1);
    return text;
}

#define END_LINE "-----END CERTIFICATE-----\n"

static void
make_parts(char *parts[static PART_N])
{
    unsigned char *der = NULL;
    int len = i2d_X509(world.certs[ROOT_A], &der);
    unsigned char *other = NULL;
    int other_len = i2d_X509(world.certs[ROOT_B], &other);
    unsigned char *key = NULL;
    int key_len = i2d_PrivateKey(world.keys[0], &key);
    unsigned char longer[2048] = {0};

    assert_true(len > 0 && other_len > 0 && key_len > 0 && (size_t)len < sizeof(longer));
    memcpy(longer, der, (size_t)len);
    parts[PART_A] = pem_text("CERTIFICATE", der, len);
    parts[PART_B] = pem_text("CERTIFICATE", other, other_len);
    parts[PART_CRLF] = replaced(pem_text("CERTIFICATE", der, len), "\n", "\r\n");
    parts[PART_TRUSTED] = pem_text("TRUSTED CERTIFICATE", der, len);
    parts[PART_OLD] = pem_text("X509 CERTIFICATE", der, len);
    parts[PART_ONE_LINE] = replaced(pem_text("CERTIFICATE", der, len), "\n", "");
    parts[PART_ONE_LINE] =
        replaced(parts[PART_ONE_LINE], "BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE-----\n");
    parts[PART_ONE_LINE] =
        replaced(parts[PART_ONE_LINE], "-----END CERTIFICATE-----", "\n" END_LINE);
    parts[PART_CUT] = cut_line(pem_text("CERTIFICATE", der, len));
    parts[PART_LETTER] = pem_text("CERTIFICATE", der, len);
    parts[PART_LETTER][100] = '*';
    parts[PART_BLANK] = replaced(pem_text("CERTIFICATE", der, len), "\n", " \n");
    parts[PART_LONGER] = pem_text("CERTIFICATE", longer, len + 1);
    longer[4] = 0x31;
    parts[PART_BROKEN] = pem_text("CERTIFICATE", longer, len);
    parts[PART_KEY] = pem_text("EC PRIVATE KEY", key, key_len);
    OPENSSL_free(der);
    OPENSSL_free(other);
    OPENSSL_free(key);
}

static void
write_form(const char *form, char *const parts[static PART_N])
{
    FILE *stream = fopen(world.path, "w");

    assert_non_null(stream);
    for (const char *at = form; *at != '\0'; at++) {
        if (*at >= PART_A && *at < PART_N) {
            assert_true(fputs(parts[(size_t)*at], stream) >= 0);
        } else {
            assert_true(fputc(*at == '~' ? '\0' : *at, stream) != EOF);
        }
    }
    assert_int_equal(fclose(stream), 0);
}

#define A "\x10"
#define B "\x11"
#define LONG_TEXT_50 "12345678901234567890123456789012345678901234567890"
#define LONG_TEXT_250 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50 LONG_TEXT_50

static const struct {
    const char *name;
    const char *form;
    bool indexed;
    int n; /* certificates; 0: the file is refused */
} forms[] = {
    {"usual", A B, true, 2},
    {"with text", "# Root A\nsubject=/CN=Root A\n\n" A "\n\nRoot B\n======\n" B "end", true, 2},
    {"text in UTF-8", "# F\xc5\x91tan\xc3\xbas\n" A, true, 1},
    {"a mark of UTF-8 at the head", "\xef\xbb\xbf" A, false, 1},
    {"twice", A A B A, true, 2},
    {"CR LF", "\x12" B, true, 2},
    {"blanks at the ends of lines", "\x18" B, false, 2},
    {"all in one line", "\x15" B, false, 2},
    {"trusted for some purpose", B "\x13", false, 2},
    {"the old label", "\x14" B, false, 2},
    {"with a private key", A "\x1b" B, false, 2},
    {"something else", A "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n" B, false, 2},
    {"dashes in text", "----- Root A -----\n" A, false, 1},
    {"a long line of text", LONG_TEXT_250 "\n" A, true, 1},
    {"a longer line of text", LONG_TEXT_250 "1\n" A, false, 1},
    {"a line that goes on as a certificate", LONG_TEXT_250 "1234" A, false, 1},
    {"a zero byte in text", "#~\n" A, false, 1},
    {"bytes behind a certificate", "\x1a" B, false, 2},
    {"empty", "", false, 0},
    {"only text", "no certificate\n", false, 0},
    {"only a key", "\x1b", false, 0},
    {"cut Base64", A "\x16" B, false, 0},
    {"a wrong letter", A "\x17" B, false, 0},
    {"broken DER amid good ones", A "\x19" B, false, 0},
    {"broken DER alone", "\x19", false, 0},
    {"no end", A "-----BEGIN CERTIFICATE-----\nAAAA\n", false, 0},
    {"no Base64", A "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", false, 0},
    {"another end", A "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X-----\n", false, 0},
    {"padding amid it", A "-----BEGIN CERTIFICATE-----\nAA==AAAA\n-----END CERTIFICATE-----\n",
        false, 0},
};

static void
test_forms(void **state)
{
    char *parts[PART_N] = {NULL};

    (void)state;
    make_parts(parts);
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct pair pair;
        int n = 0;

        write_form(forms[i].form, parts);
        pair = open_pair(world.path);
        if (pair.eager != NULL) {
            check_content(forms[i].name, &pair);
            n = sk_X509_OBJECT_num(X509_STORE_get0_objects(pair.eager));
        }
        if (n != forms[i].n || pair.indexed != forms[i].indexed) {
            fail_msg("%s: %d certificates, %s, expected %d", forms[i].name, n,
                pair.indexed ? "indexed" : "not indexed", forms[i].n);
        }
        close_pair(&pair);
    }
    for (size_t i = 0; i < PART_N; i++) {
        free(parts[i]);
    }
}

/* Not the size of a bundle, not a file, not there. */
static void
test_not_for_us(void **state)
{
    static char huge[3 * 1024 * 1024];
    X509_STORE *store = X509_STORE_new();
    struct pair pair;
    char *pem;
    unsigned char *der = NULL;
    int len = i2d_X509(world.certs[ROOT_A], &der);

    (void)state;
    memset(huge, '\n', sizeof(huge));
    pem = pem_text("CERTIFICATE", der, len);
    for (size_t i = 0, at = sizeof(huge) - strlen(pem); pem[i] != '\0'; i++) {
        huge[at + i] = pem[i];
    }
    write_bytes(huge, sizeof(huge));
    pair = open_pair(world.path);
    assert_false(pair.indexed);
    assert_non_null(pair.lazy);
    check_content("huge", &pair);
    close_pair(&pair);
    assert_true(tls_store_index(store, "/nonexistent") < 0);
    assert_true(tls_store_index(store, "/tmp") < 0);
    assert_true(tls_store_index(store, "/dev/null") < 0);
    X509_STORE_free(store);
    OPENSSL_free(der);
    free(pem);
}

/* Each byte of a certificate altered in turn: what is indexed OpenSSL loads, and finds. */
static void
test_altered(void **state)
{
    static const unsigned char masks[] = {0x01, 0x20, 0x80, 0xff};
    unsigned char *der = NULL;
    int len = i2d_X509(world.certs[ROOT_B], &der);
    size_t n_indexed = 0;
    size_t n_refused = 0;

    (void)state;
    for (int i = 0; i < len; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
            struct pair pair;
            char *text;

            der[i] ^= masks[k];
            text = pem_text("CERTIFICATE", der, len);
            der[i] ^= masks[k];
            write_bytes(text, strlen(text));
            free(text);
            pair = open_pair(world.path);
            n_indexed += pair.indexed;
            n_refused += pair.eager == NULL;
            if (pair.eager != NULL) {
                check_content("altered", &pair);
                (void)check_verdict("altered", &pair, world.certs[LEAF_IB], NULL);
            }
            close_pair(&pair);
        }
    }
    OPENSSL_free(der);
    assert_true(n_indexed > 100 && n_refused > 100);
}

/* The bundle of this machine. */
static void
test_real_bundle(void **state)
{
    bool found = false;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(real_bundles); i++) {
        STACK_OF(X509) * all;
        struct pair pair;

        if (access(real_bundles[i], R_OK) < 0) {
            continue;
        }
        found = true;
        pair = open_pair(real_bundles[i]);
        assert_true(pair.indexed);
        all = X509_STORE_get1_all_certs(pair.eager);
        assert_true(sk_X509_num(all) > 10);
        for (int k = 0; k < sk_X509_num(all); k++) {
            (void)check_verdict(real_bundles[i], &pair, sk_X509_value(all, k), NULL);
        }
        sk_X509_pop_free(all, X509_free);
        check_content(real_bundles[i], &pair);
        close_pair(&pair);
    }
    if (!found) {
        skip();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_on_demand),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_not_for_us),
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_real_bundle),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
