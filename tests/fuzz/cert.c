/* Any bytes that OpenSSL takes for a certificate, through what is told of a server's certificate:
 * read anew, and as it is remembered. */
#include "fuzz.h"
#include "probes/tls_cert.h"

#include <openssl/err.h>
#include <openssl/x509.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_certs certs = {0};
    struct tls_certs others = {0};
    const uint8_t *at = data;
    X509 *leaf = d2i_X509(NULL, &at, (long)size);
    struct cert *cert;
    struct cert *again;

    ERR_clear_error();
    if (leaf == NULL) {
        return 0;
    }
    cert = tls_certs_get(&certs, leaf);
    again = tls_certs_get(&others, leaf);
    FUZZ_CHECK(cert != NULL && cert_equal(cert, again));
    cert_unref(again);
    again = tls_certs_get(&certs, leaf);
    FUZZ_CHECK(again == cert);
    FUZZ_CHECK(fuzz_is_printable(cert->subject) && fuzz_is_printable(cert->issuer));
    FUZZ_CHECK(cert->n_names <= CERT_NAMES_MAX && cert->n_names <= cert->n_names_found);
    for (size_t i = 0; i < cert->n_names; i++) {
        FUZZ_CHECK(fuzz_is_printable(cert->names[i]));
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    cert_unref(again);
    cert_unref(cert);
    X509_free(leaf);
    tls_certs_reset(&certs);
    tls_certs_reset(&others);
    return 0;
}
