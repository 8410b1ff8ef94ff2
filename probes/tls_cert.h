/* The facts of a certificate as plain data. An endpoint presents the same certificate run after
 * run, so the newest are remembered: byte by byte the same certificate has the same facts. It says
 * nothing about trust, which is judged anew in each handshake. */
#ifndef VPCE_PROBES_TLS_CERT_H
#define VPCE_PROBES_TLS_CERT_H

#include "probes/result.h"

struct x509_st; /* OpenSSL's X509 */

/* Endpoints of a host are a dozen or two, and some share a certificate; 10 KB each. */
#define TLS_CERTS_MAX 32

/* All zero is empty. */
struct tls_certs {
    struct tls_cert {
        struct x509_st *x509; /* a reference of ours; NULL: free, and so are all behind it */
        struct cert *cert;    /* the same */
    } entries[TLS_CERTS_MAX];
    size_t next; /* to be filled, or replaced: the oldest */
};

/* The facts of a certificate, a new reference; NULL without memory. leaf: borrowed. */
struct cert *tls_certs_get(struct tls_certs *certs, struct x509_st *leaf);

void tls_certs_reset(struct tls_certs *certs);

#endif
