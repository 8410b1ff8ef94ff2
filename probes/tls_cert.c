/* See tls_cert.h. A linear search: X509_cmp mostly ends at the first bytes of a digest that OpenSSL
 * has made already, while reading the facts costs some 110,000 instructions. */
#include "probes/tls_cert.h"

#include "daemon/util.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

/* Bytes of a subject, issuer or name that are kept. */
#define CERT_TEXT_SIZE 256

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
read_cert(X509 *leaf)
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

struct cert *
tls_certs_get(struct tls_certs *certs, struct x509_st *leaf)
{
    struct tls_cert *entry = &certs->entries[certs->next];
    struct cert *cert;

    for (size_t i = 0; i < TLS_CERTS_MAX && certs->entries[i].x509 != NULL; i++) {
        if (X509_cmp(certs->entries[i].x509, leaf) == 0) {
            return cert_ref(certs->entries[i].cert);
        }
    }
    cert = read_cert(leaf);
    if (cert != NULL && X509_up_ref(leaf) == 1) {
        X509_free(entry->x509);
        cert_unref(entry->cert);
        *entry = (struct tls_cert){.x509 = leaf, .cert = cert_ref(cert)};
        certs->next = (certs->next + 1) % TLS_CERTS_MAX;
    }
    return cert;
}

void
tls_certs_reset(struct tls_certs *certs)
{
    for (size_t i = 0; i < TLS_CERTS_MAX; i++) {
        X509_free(certs->entries[i].x509);
        cert_unref(certs->entries[i].cert);
    }
    *certs = (struct tls_certs){0};
}
