/* See tls_lean.h.
 *
 * Reason: OpenSSL 3 looks for the decoder of each public key among all it has, 40, constructs
 * every one and lets each try; a server of AWS sends four certificates. That, with the names and
 * locks around it, is twice the cryptography of a handshake. With the three decoders that come into
 * question a probe takes 0.6 of the CPU of a bare program of epoll and OpenSSL (0.65 with keys of
 * P-256), where the default engine takes 0.95 (tests/bench/run).
 *
 * How: a provider of ours, built in, hands out a part of the default provider's own algorithms, in
 * a library context of its own. The algorithms, X.509 and TLS are OpenSSL's, unchanged; all of it
 * is public API, and OpenSSL tests itself with a provider of the kind (test/filterprov.c). */
#include "probes/tls_lean.h"

#include "daemon/util.h"
#include "probes/tls_site.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <strings.h>

#define FILTER_NAME "vpce-lean"

#define OPERATION_N (OSSL_OP__HIGHEST + 1)

/* Static, because a provider's functions are called with the context of the algorithms it hands
 * out, which is the default provider's: there is no way to bring another along. */
static struct {
    unsigned n_users;
    OSSL_LIB_CTX *whole_ctx; /* where the default provider lives, and finds all it needs itself */
    OSSL_PROVIDER *whole;
    OSSL_LIB_CTX *ctx; /* where ours lives */
    OSSL_PROVIDER *filter;
    OSSL_ALGORITHM *kept[OPERATION_N]; /* heap; made at the first query; NULL: not asked yet */
} lean;

/* What is kept of an operation, by the first of an algorithm's names; NULL at the end. */
#define NAMES_MAX 12
static const char *const kept_names[OPERATION_N][NAMES_MAX] = {
    [OSSL_OP_DIGEST] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512", "MD5-SHA1"},
    [OSSL_OP_CIPHER] = {"AES-128-GCM", "AES-256-GCM", "id-aes128-GCM", "id-aes256-GCM",
        "ChaCha20-Poly1305", "AES-256-CTR"},
    [OSSL_OP_MAC] = {"HMAC"},
    [OSSL_OP_KDF] = {"HKDF", "TLS13-KDF", "TLS1-PRF"},
    [OSSL_OP_RAND] = {"CTR-DRBG", "SEED-SRC"},
    [OSSL_OP_KEYMGMT] = {"RSA", "RSA-PSS", "EC", "X25519", "HKDF", "TLS1-PRF"},
    [OSSL_OP_KEYEXCH] = {"ECDH", "X25519", "HKDF", "TLS1-PRF"},
    [OSSL_OP_SIGNATURE] = {"RSA", "ECDSA"},
    [OSSL_OP_DECODER] = {"RSA", "RSA-PSS", "EC"},
};

/* names: separated by colons. */
static bool
has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; at != NULL; at = strchr(at, ':')) {
        at += *at == ':';
        if (strncasecmp(at, name, len) == 0 && (at[len] == ':' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Of the decoders, those of public keys as certificates have them. */
static bool
is_for_certificates(const char *properties)
{
    return strstr(properties, "input=der") != NULL &&
           strstr(properties, "structure=SubjectPublicKeyInfo") != NULL;
}

static bool
is_kept(int operation, const OSSL_ALGORITHM *algorithm)
{
    const char *const *names = kept_names[operation];

    if (operation == OSSL_OP_DECODER && !is_for_certificates(algorithm->property_definition)) {
        return false;
    }
    for (size_t i = 0; i < NAMES_MAX && names[i] != NULL; i++) {
        if (has_name(algorithm->algorithm_names, names[i])) {
            return true;
        }
    }
    return false;
}

/* The end of the list stays zero. NULL without memory. */
static OSSL_ALGORITHM *
keep(int operation, const OSSL_ALGORITHM *all)
{
    OSSL_ALGORITHM *kept;
    size_t n = 0;

    while (all != NULL && all[n].algorithm_names != NULL) {
        n++;
    }
    kept = calloc(n + 1, sizeof(*kept));
    for (size_t i = 0, k = 0; kept != NULL && i < n; i++) {
        if (is_kept(operation, &all[i])) {
            kept[k++] = all[i];
        }
    }
    return kept;
}

static const OSSL_ALGORITHM *
on_query(void *provider_ctx, int operation, int *no_cache)
{
    int ignored = 0;

    (void)provider_ctx;
    *no_cache = 0;
    if (operation < 0 || operation >= OPERATION_N) {
        return NULL;
    }
    if (lean.kept[operation] == NULL) {
        lean.kept[operation] =
            keep(operation, OSSL_PROVIDER_query_operation(lean.whole, operation, &ignored));
    }
    return lean.kept[operation];
}

/* Groups of TLS: those whose key management is kept are found to be available. */
static int
on_capabilities(void *provider_ctx, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
    (void)provider_ctx;
    return OSSL_PROVIDER_get_capabilities(lean.whole, capability, callback, arg);
}

static int
on_get_params(void *provider_ctx, OSSL_PARAM params[])
{
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

    (void)provider_ctx;
    return (status == NULL || OSSL_PARAM_set_int(status, 1) == 1) &&
           (name == NULL || OSSL_PARAM_set_utf8_ptr(name, FILTER_NAME) == 1);
}

static int
on_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **ret,
    void **ret_provider_ctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))on_capabilities},
        {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))on_get_params},
        {0, NULL},
    };

    (void)handle;
    (void)in;
    *ret = functions;
    *ret_provider_ctx = OSSL_PROVIDER_get0_provider_ctx(lean.whole);
    return 1;
}

/* Also of what is half made. */
static void
close_all(void)
{
    if (lean.filter != NULL) {
        (void)OSSL_PROVIDER_unload(lean.filter);
    }
    OSSL_LIB_CTX_free(lean.ctx);
    if (lean.whole != NULL) {
        (void)OSSL_PROVIDER_unload(lean.whole);
    }
    OSSL_LIB_CTX_free(lean.whole_ctx);
    for (size_t i = 0; i < OPERATION_N; i++) {
        free(lean.kept[i]);
    }
    memset(&lean, 0, sizeof(lean));
}

static int
open_all(void)
{
    lean.whole_ctx = OSSL_LIB_CTX_new();
    lean.ctx = OSSL_LIB_CTX_new();
    if (lean.whole_ctx == NULL || lean.ctx == NULL) {
        return -ENOMEM;
    }
    lean.whole = OSSL_PROVIDER_load(lean.whole_ctx, "default");
    if (lean.whole == NULL || OSSL_PROVIDER_add_builtin(lean.ctx, FILTER_NAME, on_init) != 1) {
        return -ENOMEM;
    }
    lean.filter = OSSL_PROVIDER_load(lean.ctx, FILTER_NAME);
    return lean.filter != NULL ? 0 : -ENOMEM;
}

int
tls_lean_take(struct ossl_lib_ctx_st **ret, const char **ret_why)
{
    const char *policy = tls_site_policy();

    if (policy != NULL) {
        *ret_why = policy;
        return -EOPNOTSUPP;
    }
    if (lean.n_users == 0 && open_all() < 0) {
        close_all();
        ERR_clear_error();
        return -ENOMEM;
    }
    lean.n_users++;
    *ret = lean.ctx;
    return 0;
}

void
tls_lean_give(void)
{
    if (--lean.n_users == 0) {
        close_all();
    }
}
