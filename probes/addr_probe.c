/* See addr_probe.h. The step function runs on every event; set_step alone changes the step and
 * its deadline, await alone what the descriptor waits for; finish alone ends it. */
#include "probes/addr_probe.h"

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/http_head.h"
#include "probes/tcp.h"
#include "probes/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct http_exchange {
    char request[HTTP_REQUEST_SIZE];
    size_t request_len;
    size_t n_sent;
    char answer[HTTP_HEAD_MAX];
    size_t n_read;
};

static void
release_connection(struct addr_probe *p)
{
    ahead_drop(p->env->ahead, &p->hello);
    tls_close(TAKE(p->tls));
    loop_io_free(TAKE(p->io));
    cleanup_fd(&p->fd);
}

static void
release(struct addr_probe *p)
{
    free(TAKE(p->http));
    release_connection(p);
    slots_give(p->env->slots, &p->slot);
}

static const char *
step_str(enum addr_probe_step step)
{
    switch (step) {
    case ADDR_PROBE_STEP_IDLE:
        return "idle";
    case ADDR_PROBE_STEP_WAIT:
        return "wait";
    case ADDR_PROBE_STEP_CONNECT:
        return "connect";
    case ADDR_PROBE_STEP_HANDSHAKE:
        return "handshake";
    case ADDR_PROBE_STEP_HTTP:
        return "http";
    case ADDR_PROBE_STEP_DONE:
        return "done";
    }
    return "unknown";
}

/* Store the result and release all but the timer; on_done is told from the loop. */
static void
finish(struct addr_probe *p, enum addr_outcome outcome)
{
    char addr[ADDR_TEXT_SIZE];

    log_msg(LOG_DEBUG, LOG_TOPIC_TCP, "%s %s: %s in step %s", p->spec->key,
        addr_format(&p->result.addr, addr), addr_outcome_str(outcome), step_str(p->step));
    p->result.outcome = outcome;
    if (p->fd >= 0) {
        tcp_facts(p->fd, &p->result.tcp, &p->result.local);
    }
    if (p->tls != NULL && p->step != ADDR_PROBE_STEP_CONNECT) {
        tls_facts(p->tls, &p->result);
    }
    release(p);
    p->step = ADDR_PROBE_STEP_DONE;
    loop_timer_set(p->timer, 0);
}

static void
finish_with_error(struct addr_probe *p, enum addr_outcome outcome, const char *error)
{
    if (p->result.error == NULL) {
        p->result.error = strdup(error);
    }
    finish(p, outcome);
}

static void
finish_with_errno(struct addr_probe *p, enum addr_outcome outcome, int error)
{
    if (error != 0) {
        finish_with_error(p, outcome, strerror(error));
    } else {
        finish(p, outcome);
    }
}

/* As far as this run goes, all is well. */
static void
finish_whole(struct addr_probe *p)
{
    p->result.phase = PROBE_PHASE_DONE;
    finish(p, ADDR_OUTCOME_OK);
}

static void
await(struct addr_probe *p, bool readable, bool writable)
{
    if (loop_io_want(p->io, readable, writable) < 0) {
        finish_with_errno(p, ADDR_OUTCOME_RESOURCES, ENOMEM);
    }
}

/* What the handshake or the exchange needs to go on, or why it cannot. */
static void
await_tls(struct addr_probe *p, enum tls_step step)
{
    if (step == TLS_STEP_FAILED) {
        finish(p, tls_outcome(p->tls));
    } else {
        await(p, step == TLS_STEP_WANT_READ, step == TLS_STEP_WANT_WRITE);
    }
}

static void
set_step(struct addr_probe *p, enum addr_probe_step step, enum probe_phase phase)
{
    const struct probe_options *options = &p->env->options;
    bool connecting = step == ADDR_PROBE_STEP_CONNECT;

    p->step = step;
    p->result.phase = phase;
    p->step_started_us = loop_now_us(p->env->loop);
    loop_timer_set(p->timer, connecting ? options->connect_timeout_ms : options->tls_timeout_ms);
    await(p, !connecting, connecting);
}

static int32_t
step_lasted_us(const struct addr_probe *p)
{
    return (int32_t)(loop_now_us(p->env->loop) - p->step_started_us);
}

/* While the connection is under way. Where memory is short, step_connect asks again. */
static void
on_ahead(void *arg)
{
    struct addr_probe *p = arg;

    if (tls_open(p->env->tls_ctx, p->engine, p->fd, p->spec->hostname, &p->tls) == 0 &&
        tls_prepare(p->tls) < 0) {
        tls_close(TAKE(p->tls));
    }
}

static void
step_connect(struct addr_probe *p)
{
    int error = 0;
    enum addr_outcome outcome = tcp_check_connected(p->fd, &error);

    if (outcome != ADDR_OUTCOME_OK) {
        finish_with_errno(p, outcome, error);
        return;
    }
    p->result.connect_us = step_lasted_us(p);
    p->result.syn_lost = tcp_syn_lost(p->fd);
    if (p->spec->depth == PROBE_DEPTH_CONNECT) {
        finish_whole(p);
        return;
    }
    ahead_drop(p->env->ahead, &p->hello);
    if (p->tls == NULL &&
        tls_open(p->env->tls_ctx, p->engine, p->fd, p->spec->hostname, &p->tls) < 0) {
        finish_with_errno(p, ADDR_OUTCOME_RESOURCES, ENOMEM);
        return;
    }
    set_step(p, ADDR_PROBE_STEP_HANDSHAKE, PROBE_PHASE_TLS);
}

static void
start_http(struct addr_probe *p)
{
    p->http = calloc(1, sizeof(*p->http));
    if (p->http == NULL) {
        finish_with_errno(p, ADDR_OUTCOME_RESOURCES, ENOMEM);
        return;
    }
    p->http->request_len = http_request_format(p->spec, p->http->request);
    set_step(p, ADDR_PROBE_STEP_HTTP, PROBE_PHASE_HTTP);
}

static void open_connection(struct addr_probe *p);

/* The lean engine has failed, which is no statement: all over again with the default one, and with
 * time of its own. The slot stays held. */
static void
start_again(struct addr_probe *p)
{
    char addr[ADDR_TEXT_SIZE];

    log_msg(LOG_DEBUG, LOG_TOPIC_TLS, "%s %s: %s with the lean engine, trying the default one",
        p->spec->key, addr_format(&p->result.addr, addr), addr_outcome_str(tls_outcome(p->tls)));
    release_connection(p);
    p->engine = TLS_ENGINE_DEFAULT;
    p->result.tls_again = true;
    p->result.connect_us = -1;
    p->result.syn_lost = false;
    open_connection(p);
}

static void
step_handshake(struct addr_probe *p)
{
    enum tls_step step = tls_step(p->tls);

    if (step == TLS_STEP_FAILED && p->engine == TLS_ENGINE_LEAN) {
        start_again(p);
        return;
    }
    if (step != TLS_STEP_DONE) {
        await_tls(p, step);
        return;
    }
    p->result.tls_us = step_lasted_us(p);
    if (p->spec->depth == PROBE_DEPTH_HTTP) {
        start_http(p);
    } else {
        finish_whole(p);
    }
}

static int64_t
wall_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Something came of the answer. */
static void
judge_answer(struct addr_probe *p)
{
    const struct http_exchange *http = p->http;
    bool is_aws = false;

    switch (http_head_parse(http->answer, http->n_read, wall_now_ms(), &p->result.http, &is_aws)) {
    case HTTP_HEAD_OK:
        if (is_aws) {
            finish_whole(p);
        } else {
            finish(p, ADDR_OUTCOME_NOT_AWS);
        }
        break;
    case HTTP_HEAD_MALFORMED:
        finish_with_error(p, ADDR_OUTCOME_PROTOCOL, "not the head of an HTTP answer");
        break;
    case HTTP_HEAD_INCOMPLETE:
        if (http->n_read == sizeof(http->answer)) {
            finish_with_error(p, ADDR_OUTCOME_PROTOCOL, "an HTTP head without end");
        } else {
            await(p, true, false);
        }
        break;
    }
}

static void
step_http(struct addr_probe *p)
{
    struct http_exchange *http = p->http;
    enum tls_step step = tls_write(p->tls, http->request, http->request_len, &http->n_sent);

    if (step == TLS_STEP_DONE) {
        step = tls_read(p->tls, http->answer, sizeof(http->answer), &http->n_read);
    }
    if (step == TLS_STEP_DONE) {
        judge_answer(p);
    } else {
        await_tls(p, step);
    }
}

static void
on_io(bool readable, bool writable, void *arg)
{
    struct addr_probe *p = arg;

    (void)readable;
    (void)writable;
    if (p->step == ADDR_PROBE_STEP_CONNECT) {
        step_connect(p);
    }
    if (p->step == ADDR_PROBE_STEP_HANDSHAKE) { /* a fresh connection sends its ClientHello now */
        step_handshake(p);
    }
    if (p->step == ADDR_PROBE_STEP_HTTP) { /* a verified one its request */
        step_http(p);
    }
}

static void
on_timer(void *arg)
{
    struct addr_probe *p = arg;

    if (p->step == ADDR_PROBE_STEP_DONE) {
        p->on_done(p->arg); /* p may be gone */
        return;
    }
    finish(p, ADDR_OUTCOME_TIMEOUT);
}

static void
open_connection(struct addr_probe *p)
{
    int error = 0;
    enum addr_outcome outcome = tcp_open(&p->result.addr, p->spec->port, &p->fd, &error);

    p->result.phase = PROBE_PHASE_CONNECT;
    if (outcome != ADDR_OUTCOME_OK) {
        finish_with_errno(p, outcome, error);
        return;
    }
    p->io = loop_io_new(p->env->loop, p->fd, on_io, p);
    if (p->io == NULL) {
        finish_with_errno(p, ADDR_OUTCOME_RESOURCES, ENOMEM);
        return;
    }
    set_step(p, ADDR_PROBE_STEP_CONNECT, PROBE_PHASE_CONNECT);
    if (p->step == ADDR_PROBE_STEP_CONNECT && p->spec->depth != PROBE_DEPTH_CONNECT) {
        ahead_add(p->env->ahead, &p->hello, on_ahead, p);
    }
}

static void
on_slot(void *arg)
{
    open_connection(arg);
}

int
addr_probe_init(struct addr_probe *p, const struct probe_env *env, const struct endpoint_spec *spec,
    const struct addr *addr, enum addr_class addr_class)
{
    memset(p, 0, sizeof(*p));
    p->env = env;
    p->spec = spec;
    p->fd = -1;
    p->result.addr = *addr;
    p->result.addr_class = addr_class;
    p->result.connect_us = -1;
    p->result.tls_us = -1;
    tcp_facts_init(&p->result.tcp);
    if (spec->depth != PROBE_DEPTH_CONNECT) {
        p->engine = tls_ctx_engine(env->tls_ctx);
    }
    p->timer = loop_timer_new(env->loop, on_timer, p);
    return p->timer != NULL ? 0 : -ENOMEM;
}

void
addr_probe_start(struct addr_probe *p, addr_probe_fn on_done, void *arg)
{
    p->on_done = on_done;
    p->arg = arg;
    p->step = ADDR_PROBE_STEP_WAIT;
    if (slots_take(p->env->slots, &p->slot, on_slot, p)) {
        open_connection(p);
    }
}

void
addr_probe_done(struct addr_probe *p)
{
    if (p->timer != NULL) { /* else never initialised, or done already */
        release(p);
    }
    loop_timer_free(TAKE(p->timer));
    addr_result_done(&p->result);
    p->step = ADDR_PROBE_STEP_IDLE;
}
