/* probes/tls.h over fake_tcp.c: the first step sends a ClientHello into the void, the second, when
 * the descriptor is readable, has the outcome. Every server presents the same certificate, each
 * session its own copy of it. */
#include "fake_tcp.h"

#include "daemon/util.h"
#include "probes/tls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FAR_AWAY_S INT64_C(4102444800) /* 2100-01-01 */

struct tls_ctx {
    size_t n_sessions;
};

struct tls {
    struct tls_ctx *ctx;
    int fd;
    unsigned n_steps;
    struct cert *cert;
};

int
tls_ctx_new(const char *ca_file, struct tls_ctx **ret)
{
    (void)ca_file;
    *ret = calloc(1, sizeof(**ret));
    return *ret != NULL ? 0 : -ENOMEM;
}

void
tls_ctx_free(struct tls_ctx *ctx)
{
    assert(ctx == NULL || ctx->n_sessions == 0);
    free(ctx);
}

int
tls_open(struct tls_ctx *ctx, int fd, const char *hostname, struct tls **ret)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return -ENOMEM;
    }
    assert(fake_tcp_is_connected(fd));
    assert(hostname[0] != '\0');
    (void)hostname;
    tls->ctx = ctx;
    tls->fd = fd;
    ctx->n_sessions++;
    *ret = tls;
    return 0;
}

void
tls_close(struct tls *tls)
{
    if (tls != NULL) {
        tls->ctx->n_sessions--;
        cert_unref(tls->cert);
        free(tls);
    }
}

enum tls_step
tls_step(struct tls *tls)
{
    if (tls->n_steps++ == 0) {
        return TLS_STEP_WANT_READ;
    }
    if (tls->cert == NULL) {
        tls->cert = cert_new("CN=test", "CN=test CA", NULL, 0);
    }
    if (tls->cert != NULL) {
        tls->cert->not_after = FAR_AWAY_S;
    }
    return tls_outcome(tls) == ADDR_OUTCOME_OK ? TLS_STEP_DONE : TLS_STEP_FAILED;
}

enum addr_outcome
tls_outcome(const struct tls *tls)
{
    return fake_tcp_peer(tls->fd)->tls;
}

void
tls_facts(const struct tls *tls, struct addr_result *ret)
{
    if (tls->cert != NULL) {
        (void)str_copy(ret->tls_version, sizeof(ret->tls_version), "TLSv1.3");
        ret->cert = cert_ref(tls->cert);
    }
}
