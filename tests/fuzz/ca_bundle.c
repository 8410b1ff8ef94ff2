/* Any bytes as a bundle of certificates. What is taken OpenSSL takes, too, certificate by
 * certificate, save the names, which are left to it; and the names are where we say. The bytes are
 * a file, or, so that it gets into certificates, what a file has in Base64. */
#include "probes/ca_bundle.h"
#include "fuzz.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static bool
is_name(const struct ca_bundle *bundle, struct ca_span span)
{
    const unsigned char *at = bundle->der + span.at;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)span.len);
    bool good = name != NULL && at == bundle->der + span.at + span.len;

    X509_NAME_free(name);
    return good;
}

static bool
is_at(const struct ca_bundle *bundle, struct ca_span span, const X509_NAME *name)
{
    const unsigned char *der;
    size_t len;

    return X509_NAME_get0_der(name, &der, &len) == 1 && len == span.len &&
           memcmp(der, bundle->der + span.at, len) == 0;
}

static void
check(const struct ca_bundle *bundle, const struct ca_cert *cert)
{
    const unsigned char *at = bundle->der + cert->whole.at;
    X509 *x509;

    if (!is_name(bundle, cert->issuer) || !is_name(bundle, cert->subject)) {
        return;
    }
    x509 = d2i_X509(NULL, &at, (long)cert->whole.len);
    FUZZ_CHECK(x509 != NULL && at == bundle->der + cert->whole.at + cert->whole.len);
    FUZZ_CHECK(is_at(bundle, cert->subject, X509_get_subject_name(x509)));
    FUZZ_CHECK(is_at(bundle, cert->issuer, X509_get_issuer_name(x509)));
    X509_free(x509);
}

/* Returns how many certificates. */
static size_t
parse(const char *text, size_t len)
{
    struct ca_bundle bundle;
    size_t n;

    if (ca_bundle_parse(text, len, &bundle) < 0) {
        return 0;
    }
    FUZZ_CHECK(bundle.n > 0);
    for (size_t i = 0; i < bundle.n; i++) {
        check(&bundle, &bundle.certs[i]);
    }
    n = bundle.n;
    ca_bundle_reset(&bundle);
    return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    (void)parse((const char *)data, size);
    if (size > 0 && PEM_write_bio(bio, "CERTIFICATE", "", data, (long)size) > 0) {
        long len = BIO_get_mem_data(bio, &text);

        (void)parse(text, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return 0;
}
