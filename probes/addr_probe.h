/* One address of one run: (wait for a slot ->) CONNECT -> HANDSHAKE -> HTTP -> DONE, as far as
 * spec->depth says. Owns its descriptor, TLS session and timer; each phase has an absolute deadline
 * of its own. */
#ifndef VPCE_PROBES_ADDR_PROBE_H
#define VPCE_PROBES_ADDR_PROBE_H

#include "probes/ahead.h"
#include "probes/result.h"
#include "probes/slots.h"

struct dns;
struct http_exchange;
struct loop;
struct loop_io;
struct loop_timer;
struct tls;
struct tls_ctx;

/* What all runs share; borrowed, outlives them. */
struct probe_env {
    struct loop *loop;
    struct dns *dns;
    struct slots *slots;
    struct ahead *ahead;
    struct tls_ctx *tls_ctx; /* may come later for who looks no further than the connection */
    struct probe_options options;
};

enum addr_probe_step {
    ADDR_PROBE_STEP_IDLE,
    ADDR_PROBE_STEP_WAIT, /* for a slot */
    ADDR_PROBE_STEP_CONNECT,
    ADDR_PROBE_STEP_HANDSHAKE,
    ADDR_PROBE_STEP_HTTP, /* a request goes out, an answer's head comes in */
    ADDR_PROBE_STEP_DONE, /* finished; the timer tells, if it has not yet */
};

typedef void (*addr_probe_fn)(void *arg);

struct addr_probe {
    const struct probe_env *env;
    const struct endpoint_spec *spec;
    struct addr_result result; /* the caller takes it when on_done is called */
    addr_probe_fn on_done;
    void *arg;
    enum addr_probe_step step;
    enum tls_engine engine; /* of the next handshake */
    struct slot slot;
    struct ahead_task hello;  /* waits in step CONNECT */
    struct loop_timer *timer; /* deadline of the step; delivery of a finish inside start */
    struct loop_io *io;
    struct tls *tls;            /* at the latest from step HANDSHAKE on */
    struct http_exchange *http; /* heap; in step HTTP, else NULL */
    int fd;                     /* -1: none */
    int64_t step_started_us;
};

/* In place. spec and env are borrowed and outlive the probe. 0, -ENOMEM. */
int addr_probe_init(struct addr_probe *p, const struct probe_env *env,
    const struct endpoint_spec *spec, const struct addr *addr, enum addr_class addr_class);

/* Returns at once; on_done is called once, later, from the loop, with result filled. It may call
 * addr_probe_done. */
void addr_probe_start(struct addr_probe *p, addr_probe_fn on_done, void *arg);

/* Stops whatever is under way and releases everything, the result too. on_done is not called any
 * more. May be called twice. */
void addr_probe_done(struct addr_probe *p);

#endif
