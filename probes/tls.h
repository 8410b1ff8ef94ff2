/* OpenSSL for probing: a verified handshake over a descriptor, step by step, a few bytes
 * each way if wanted, and the facts of the certificate, also when verification fails. Never
 * overrules a verification.
 *
 * A call reads at most 64 KiB, then asks to be called again when readable, which it mostly is at
 * once; a session reads at most 512 KiB. Beyond that it fails with ADDR_OUTCOME_PROTOCOL. */
#ifndef VPCE_PROBES_TLS_H
#define VPCE_PROBES_TLS_H

#include "probes/result.h"

struct tls_ctx; /* trust store and settings, shared by all sessions */
struct tls;     /* one session */
struct ssl_st;  /* OpenSSL's SSL: see tls_ctx_client_new */

enum tls_step {
    TLS_STEP_DONE,   /* see the function */
    TLS_STEP_FAILED, /* see tls_outcome */
    TLS_STEP_WANT_READ,
    TLS_STEP_WANT_WRITE,
};

/* Load the trust anchors of a PEM bundle. engine: the one to use if it can be used here; if not,
 * the log says why. 0; -ENOENT and other errno of the file, -EMFILE; -EINVAL: no certificate in it;
 * -ENOMEM. */
int tls_ctx_new(const char *ca_file, enum tls_engine engine, struct tls_ctx **ret);
void tls_ctx_free(struct tls_ctx *ctx); /* all sessions are closed before; NULL is fine */

/* For daemon/aws/http_tls.c: a bare client that trusts and names as tls_open's sessions do. Its
 * owner frees it, and before the handshake gives it its own verify and info callbacks: the
 * context's look for a struct tls. NULL: memory. */
struct ssl_st *tls_ctx_client_new(struct tls_ctx *ctx, const char *hostname);

/* The engine to use: LEAN or DEFAULT, which there always is. */
enum tls_engine tls_ctx_engine(const struct tls_ctx *ctx);

/* A client session for hostname (DNS name: sent as SNI; IP literal: verified as address, no SNI).
 * fd stays the caller's, and may still be connecting. engine: LEAN only if the context has it; then
 * a handshake that fails is no statement, and the default engine has to be asked over a new
 * connection. 0, -ENOMEM. */
int tls_open(
    struct tls_ctx *ctx, enum tls_engine engine, int fd, const char *hostname, struct tls **ret);

/* Before the descriptor is connected, and before the first tls_step: make what that will send. 0,
 * -ENOMEM: close it. */
int tls_prepare(struct tls *tls);

void tls_close(struct tls *tls); /* no goodbye on the wire; NULL is fine */

/* Go on with the handshake as far as the descriptor lets. DONE: chain and name are verified. */
enum tls_step tls_step(struct tls *tls);

/* After the handshake: send data from *done on; *done counts what is out. DONE: all of it. Called
 * again, it must be with the same data. */
enum tls_step tls_write(struct tls *tls, const char *data, size_t len, size_t *done);

/* After the handshake: read behind the *len bytes of buf, which are fewer than size; *len counts
 * what came. DONE: something came; unless buf is full now, nothing is left in the session, so wait
 * until readable for more. FAILED is also a goodbye (ADDR_OUTCOME_CLOSED). */
enum tls_step tls_read(struct tls *tls, char *buf, size_t size, size_t *len);

/* After TLS_STEP_FAILED: why. */
enum addr_outcome tls_outcome(const struct tls *tls);

/* Version, cipher, certificate (a new reference) and error text so far into *ret, whatever the
 * state of the session. */
void tls_facts(const struct tls *tls, struct addr_result *ret);

#endif
