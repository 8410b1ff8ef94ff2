/* See tls_keep.h.
 *
 * OpenSSL (3.0) asks a provider for all algorithms of a kind when it first needs one of them, and
 * never again, also when it had no memory for some.
 *
 * It looks at the extensions of a certificate when it first needs them; when memory is short just
 * then, it keeps in the certificate that they are invalid (EXFLAG_INVALID), and everything that
 * ends at this trust anchor is untrusted from then on. That cannot be taken back, so the
 * certificates go through their DER. */
#include "probes/tls_keep.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* One of each kind; SSL_CTX_new asks for the others. */
void
tls_keep_algorithms(OSSL_LIB_CTX *lib_ctx)
{
    EVP_KDF_free(EVP_KDF_fetch(lib_ctx, "TLS13-KDF", NULL));
    EVP_MAC_free(EVP_MAC_fetch(lib_ctx, "HMAC", NULL));
    EVP_RAND_free(EVP_RAND_fetch(lib_ctx, "CTR-DRBG", NULL));
    EVP_KEYEXCH_free(EVP_KEYEXCH_fetch(lib_ctx, "ECDH", NULL));
    EVP_SIGNATURE_free(EVP_SIGNATURE_fetch(lib_ctx, "ECDSA", NULL));
    OSSL_DECODER_free(OSSL_DECODER_fetch(lib_ctx, "EC", NULL));
}

/* With what a "TRUSTED CERTIFICATE" says beside its certificate. */
static X509 *
copy_cert(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509_AUX(cert, &der);
    const unsigned char *at = der;
    X509 *copy = len > 0 ? d2i_X509_AUX(NULL, &at, len) : NULL;

    OPENSSL_free(der);
    return copy;
}

static bool
add_copy(X509_STORE *store, X509 *cert)
{
    X509 *copy = copy_cert(cert);
    bool added = copy != NULL && X509_STORE_add_cert(store, copy) == 1;

    X509_free(copy);
    return added;
}

X509_STORE *
tls_keep_copy(X509_STORE *store)
{
    X509_STORE *copy = X509_STORE_new();
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

    for (int i = 0; copy != NULL && i < sk_X509_OBJECT_num(objects); i++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (cert != NULL && !add_copy(copy, cert)) { /* NULL: a revocation list, not asked for */
            X509_STORE_free(copy);
            copy = NULL;
        }
    }
    return copy;
}
