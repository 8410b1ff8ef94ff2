/* Any bytes that OpenSSL takes for a certificate, through what is told of a server's certificate.
 * Nothing outside tls.c sees that part, so its source is part of this program. */
#include "probes/tls.c" // NOLINT(bugprone-suspicious-include)

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    X509 *leaf = d2i_X509(NULL, &at, (long)size);
    struct cert *cert;
    struct cert *again;

    ERR_clear_error();
    if (leaf == NULL) {
        return 0;
    }
    cert = cert_of(leaf);
    again = cert_of(leaf);
    FUZZ_CHECK(cert != NULL && cert_equal(cert, again));
    FUZZ_CHECK(fuzz_is_printable(cert->subject) && fuzz_is_printable(cert->issuer));
    FUZZ_CHECK(cert->n_names <= CERT_NAMES_MAX && cert->n_names <= cert->n_names_found);
    for (size_t i = 0; i < cert->n_names; i++) {
        FUZZ_CHECK(fuzz_is_printable(cert->names[i]));
    }
    FUZZ_CHECK(ERR_peek_error() == 0);
    cert_unref(again);
    cert_unref(cert);
    X509_free(leaf);
    return 0;
}
