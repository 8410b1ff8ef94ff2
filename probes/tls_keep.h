/* What OpenSSL finds out once and keeps, and what one allocation that fails then spoils for good.
 */
#ifndef VPCE_PROBES_TLS_KEEP_H
#define VPCE_PROBES_TLS_KEEP_H

struct ossl_lib_ctx_st; /* OpenSSL's OSSL_LIB_CTX */
struct x509_store_st;   /* and X509_STORE */

/* Makes it ask its providers now for what a handshake needs; NULL: in the default context. What it
 * has no memory for then, the process lacks: whoever calls watches its allocations. */
void tls_keep_algorithms(struct ossl_lib_ctx_st *lib_ctx);

/* The same trust anchors as if they had just been read: nothing that it has found out about them
 * is taken along. The caller owns what is returned; NULL: no memory. */
struct x509_store_st *tls_keep_copy(struct x509_store_st *store);

#endif
