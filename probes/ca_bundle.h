/* A PEM bundle of trusted certificates, cut into its certificates without decoding them: where each
 * lies, and where in it the names of its subject and issuer.
 *
 * Takes only what is plain: certificates of the usual form (RFC 7468, RFC 5280) with any text
 * between them. It is stricter than OpenSSL: what is taken here OpenSSL takes, except that the
 * names are left to it (and UTF-8 in them, which may be ill-formed). Whatever else there is, right
 * or wrong, is for OpenSSL to judge. Pure: bytes in, values out. */
#ifndef VPCE_PROBES_CA_BUNDLE_H
#define VPCE_PROBES_CA_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

/* A part of ca_bundle.der, with its tag and length. */
struct ca_span {
    uint32_t at;
    uint32_t len;
};

struct ca_cert {
    struct ca_span whole;
    struct ca_span issuer;
    struct ca_span subject;
};

struct ca_bundle {
    unsigned char *der;    /* heap: the certificates, one after the other */
    struct ca_cert *certs; /* heap, in the order of the file */
    size_t n;
};

/* text: len bytes, at most UINT32_MAX. 0; -EINVAL: not plain, or no certificate in it; -ENOMEM.
 * After 0, ca_bundle_reset. */
int ca_bundle_parse(const char *text, size_t len, struct ca_bundle *ret);
void ca_bundle_reset(struct ca_bundle *bundle);

#endif
