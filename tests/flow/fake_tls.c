/* probes/tls.h over fake_tcp.c: the first step sends a ClientHello into the void, the second, when
 * the descriptor is readable, has the outcome. A request goes out in two halves. Every server
 * presents the same certificate, each session its own copy of it. */
#include "fake_tcp.h"

#include "daemon/util.h"
#include "probes/http_head.h"
#include "probes/tls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FAR_AWAY_S INT64_C(4102444800) /* 2100-01-01 */

static char last_request[HTTP_REQUEST_SIZE];
static bool no_stores, no_hellos;

struct tls_ctx {
    enum tls_engine engine;
    size_t n_sessions;
};

struct tls {
    struct tls_ctx *ctx;
    enum tls_engine engine;
    int fd;
    unsigned n_steps;
    bool verified; /* the handshake is over */
    bool asked;    /* the request is out, and reading has begun */
    size_t n_answered;
    struct cert *cert;
};

int
tls_ctx_new(const char *ca_file, enum tls_engine engine, struct tls_ctx **ret)
{
    struct tls_ctx *ctx = calloc(1, sizeof(*ctx));

    (void)ca_file;
    if (ctx == NULL || no_stores) {
        free(ctx);
        return -ENOMEM;
    }
    ctx->engine = engine;
    *ret = ctx;
    return 0;
}

enum tls_engine
tls_ctx_engine(const struct tls_ctx *ctx)
{
    return ctx->engine;
}

void
tls_ctx_free(struct tls_ctx *ctx)
{
    assert(ctx == NULL || ctx->n_sessions == 0);
    free(ctx);
}

int
tls_open(
    struct tls_ctx *ctx, enum tls_engine engine, int fd, const char *hostname, struct tls **ret)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return -ENOMEM;
    }
    assert(hostname[0] != '\0');
    (void)hostname;
    tls->ctx = ctx;
    tls->engine = engine;
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

int
tls_prepare(struct tls *tls)
{
    assert(tls->n_steps == 0);
    (void)tls;
    return no_hellos ? -ENOMEM : 0;
}

void
fake_tls_starve(bool stores, bool hellos)
{
    no_stores = stores;
    no_hellos = hellos;
}

enum tls_step
tls_step(struct tls *tls)
{
    assert(fake_tcp_is_connected(tls->fd));
    if (tls->n_steps++ == 0) {
        return TLS_STEP_WANT_READ;
    }
    if (tls->cert == NULL) {
        tls->cert = cert_new("CN=test", "CN=test CA", NULL, 0);
    }
    if (tls->cert != NULL) {
        tls->cert->not_after = FAR_AWAY_S;
    }
    if (tls_outcome(tls) != ADDR_OUTCOME_OK) {
        return TLS_STEP_FAILED;
    }
    tls->verified = true;
    return TLS_STEP_DONE;
}

enum tls_step
tls_write(struct tls *tls, const char *data, size_t len, size_t *done)
{
    assert(tls->verified);
    (void)tls;
    if (*done == 0) {
        *done = len / 2;
        return TLS_STEP_WANT_WRITE;
    }
    *done = len;
    assert(len < sizeof(last_request));
    memcpy(last_request, data, len);
    last_request[len] = '\0';
    return TLS_STEP_DONE;
}

const char *
fake_http_request(void)
{
    return last_request;
}

static void
await_answer(struct tls *tls)
{
    const struct fake_answer *answer = &fake_tcp_peer(tls->fd)->answer;
    bool more = tls->n_answered < strlen(answer->text) || answer->end != ADDR_OUTCOME_NONE;

    fake_tcp_set_readable(tls->fd, more ? answer->delay_ms : -1);
}

enum tls_step
tls_read(struct tls *tls, char *buf, size_t size, size_t *len)
{
    const struct fake_answer *answer = &fake_tcp_peer(tls->fd)->answer;
    const char *rest = answer->text + tls->n_answered;
    size_t n = strlen(rest);

    if (!tls->asked) {
        tls->asked = true;
        await_answer(tls);
        return TLS_STEP_WANT_READ;
    }
    if (n == 0) {
        assert(answer->end != ADDR_OUTCOME_NONE);
        return TLS_STEP_FAILED;
    }
    n = answer->piece_len != 0 && n > answer->piece_len ? answer->piece_len : n;
    assert(*len < size);
    n = n < size - *len ? n : size - *len;
    memcpy(buf + *len, rest, n);
    *len += n;
    tls->n_answered += n;
    await_answer(tls);
    return TLS_STEP_DONE;
}

enum addr_outcome
tls_outcome(const struct tls *tls)
{
    const struct fake_peer *peer = fake_tcp_peer(tls->fd);

    if (tls->verified) {
        return peer->answer.end;
    }
    return tls->engine == TLS_ENGINE_LEAN ? peer->lean_tls : peer->tls;
}

void
tls_facts(const struct tls *tls, struct addr_result *ret)
{
    ret->tls_engine = tls->engine;
    if (tls->cert != NULL) {
        ret->tls_version = "TLSv1.3";
        ret->cert = cert_ref(tls->cert);
    }
}
