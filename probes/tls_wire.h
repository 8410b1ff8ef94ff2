/* What OpenSSL reads from and writes to in a session of probes/tls.c: the descriptor, within
 * limits.
 *
 * OpenSSL skips some records without a word (HelloRequest, empty ones) and reads the next, so a
 * peer that sends them without end would keep it, and the loop, for as long as it likes. Here it
 * has no more to read once the step has had its share. */
#ifndef VPCE_PROBES_TLS_WIRE_H
#define VPCE_PROBES_TLS_WIRE_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes OpenSSL gets to read in one step, and in a session. A handshake takes some thousand; the
 * longest chain OpenSSL accepts is of 100 KiB (SSL_MAX_CERT_LIST_DEFAULT). */
#define TLS_WIRE_STEP_MAX ((size_t)64 * 1024)
#define TLS_WIRE_SESSION_MAX ((size_t)512 * 1024)

/* In place; fd is set by its owner, the rest is zero at first. */
struct tls_wire {
    int fd;             /* borrowed */
    bool is_connecting; /* nothing can be written yet */
    bool flooded;       /* the peer sent more than a session may read */
    bool eof;           /* the peer has closed */
    size_t step_left;   /* bytes this step may still read */
    size_t n_read;      /* in this session */
};

BIO_METHOD *tls_wire_method_new(void); /* NULL: no memory. Freed by BIO_meth_free, after all BIOs */

/* A BIO over wire, which outlives it. NULL: no memory. */
BIO *tls_wire_open(struct tls_wire *wire, BIO_METHOD *method);

/* Before each call of OpenSSL. */
void tls_wire_begin_step(struct tls_wire *wire);

#endif
