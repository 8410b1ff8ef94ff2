/* The trust anchors of a bundle in an X509_STORE, each decoded when a chain first asks for its
 * name. Only for speed and memory: the store gives the answers it would give with all of them
 * loaded by OpenSSL. For probes/tls.c alone. */
#ifndef VPCE_PROBES_TLS_STORE_H
#define VPCE_PROBES_TLS_STORE_H

struct x509_store_st; /* OpenSSL's X509_STORE */

/* Read ca_file now; the store has what is in it until it is freed, whatever becomes of the file.
 * 0; a negative errno: nothing was done, let OpenSSL load it and say what is wrong, if anything. */
int tls_store_index(struct x509_store_st *store, const char *ca_file);

/* A new store over the same bundle as it was read, in which nothing is decoded yet; the old one is
 * not to be asked any more. 0 and *ret, which the caller owns; -ENOENT: the old one has no index;
 * -ENOMEM. */
int tls_store_renew(struct x509_store_st *old, struct x509_store_st **ret);

#endif
