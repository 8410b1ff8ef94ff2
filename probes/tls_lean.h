/* A library context of OpenSSL that knows only what a TLS handshake with AWS is made of. See
 * tls_lean.c for why, and what it is worth.
 *
 * Less is known, nothing else is: certificates and names are judged by the same code. What is not
 * known makes a handshake fail, so a failure here is no statement, and the default context has to
 * be asked (probes/addr_probe.c does). Only success counts. */
#ifndef VPCE_PROBES_TLS_LEAN_H
#define VPCE_PROBES_TLS_LEAN_H

struct ossl_lib_ctx_st; /* OpenSSL's OSSL_LIB_CTX */

/* The context, made with the first call. 0; -EOPNOTSUPP: not here, and *ret_why says why, static;
 * -ENOMEM. Each success is given back once, after all that was made in the context is freed. */
int tls_lean_take(struct ossl_lib_ctx_st **ret, const char **ret_why);
void tls_lean_give(void);

#endif
