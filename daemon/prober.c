/* See prober.h. One endpoint's life: its timer fires -> it queues for a run -> the probe runs ->
 * on_result judges, tells and sets the timer again. Timers of decided endpoints share a grid, so
 * one wake-up starts them all. */
#include "daemon/prober.h"

#include "conf/plan.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/outlook.h"
#include "daemon/schedule.h"
#include "daemon/util.h"
#include "probes/dns.h"
#include "probes/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A run without conclusion is forgiven for this long: a few intervals, and a little for short
 * ones. */
#define STALE_INTERVALS 3
#define STALE_EXTRA_MS 10000

/* Probed once, an endpoint whose run made no statement, for this host itself spoilt it, is probed
 * again: so many runs in all, with a pause. */
#define ONCE_RUNS_MAX 3
#define ONCE_PAUSE_MS 500

/* An endpoint and what probes it; index-parallel with prober.endpoints. */
struct watched {
    struct prober *prober;
    size_t index;
    struct probe *probe;
    struct loop_timer *timer;
    struct watched *next; /* while queued */
    bool queued;
    int64_t started_ms; /* newest run; 0: none */
};

struct prober {
    struct loop *loop;
    const struct conf *conf;
    bool once;
    struct prober_callbacks callbacks;
    struct host host;
    struct schedule schedule;
    struct endpoint_policy policy;
    struct probe_env env;
    size_t n;
    struct endpoint *endpoints;
    struct watched *watched;
    int64_t *due_ms;
    struct watched *queue; /* due, waiting for a place; first in, first out */
    struct watched **queue_end;
    size_t n_running;
    struct outlook *outlook;
    struct causes causes;
};

struct moment
moment_now(struct loop *loop)
{
    struct timespec wall;

    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct moment){.mono_ms = loop_now_ms(loop),
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000};
}

static struct verdict_context
context_of(const struct prober *prober, struct moment now)
{
    return (struct verdict_context){.nets = &prober->host.nets,
        .region = prober->host.region,
        .wall_s = now.wall_ms / 1000,
        .certificate_warning_s = prober->conf->certificate_warning_ms / 1000};
}

/* Looked for only on behalf of the ECS agent's other endpoints. */
static bool
is_ecs_public(const struct prober *prober, const struct endpoint *e)
{
    for (size_t i = 0; strncmp(e->spec.key, "ecs-", 4) == 0 && i < prober->n; i++) {
        if (streq(prober->endpoints[i].spec.key, "ecs")) {
            return prober->endpoints[i].last_run.path == PATH_PUBLIC;
        }
    }
    return false;
}

static struct surroundings
surroundings_of(
    const struct prober *prober, const struct endpoint *e, const struct probe_result *result)
{
    struct surroundings around = outlook_of(prober->outlook, e, result);

    around.ecs_is_public = is_ecs_public(prober, e);
    return around;
}

static void
start_queued(struct prober *prober)
{
    while (prober->queue != NULL && schedule_may_start(&prober->schedule, prober->n_running)) {
        struct watched *w = prober->queue;

        prober->queue = w->next;
        if (prober->queue == NULL) {
            prober->queue_end = &prober->queue;
        }
        w->queued = false;
        if (probe_start(w->probe, &prober->endpoints[w->index].spec) == 0) {
            prober->n_running++;
            w->started_ms = loop_now_ms(prober->loop);
        }
    }
}

static void
enqueue(struct watched *w)
{
    struct prober *prober = w->prober;

    if (w->queued || probe_is_running(w->probe)) {
        return;
    }
    w->queued = true;
    w->next = NULL;
    *prober->queue_end = w;
    prober->queue_end = &w->next;
}

static void
on_due(void *arg)
{
    struct watched *w = arg;

    if (dns_refresh(w->prober->env.dns)) {
        log_msg(LOG_NOTICE, LOG_TOPIC_DNS, "name servers changed, using the new ones");
    }
    outlook_refresh(w->prober->outlook);
    enqueue(w);
    start_queued(w->prober);
}

static void
set_due(struct watched *w, int64_t due_ms)
{
    struct prober *prober = w->prober;

    prober->due_ms[w->index] = due_ms;
    loop_timer_set(w->timer, due_ms - loop_now_ms(prober->loop));
}

static void
probe_all(struct prober *prober, int64_t min_age_ms)
{
    int64_t now_ms = loop_now_ms(prober->loop);

    for (size_t i = 0; i < prober->n; i++) {
        struct watched *w = &prober->watched[i];
        bool young = w->started_ms != 0 && now_ms - w->started_ms < min_age_ms;

        if (prober->endpoints[i].spec.hostname[0] != '\0' && !w->queued && !young &&
            !probe_is_running(w->probe)) {
            set_due(w, now_ms);
        }
    }
}

void
prober_probe_all(struct prober *prober)
{
    probe_all(prober, 0);
    outlook_look(prober->outlook, 0);
}

/* Runs that began from now on tell what has happened. They are waited for while they may take. */
static void
expect_evidence(struct prober *prober)
{
    const struct probe_options *options = &prober->conf->probe;
    int64_t run_ms = NAMESERVERS_MAX * options->dns_timeout_ms + options->connect_timeout_ms +
                     2 * options->tls_timeout_ms;
    int64_t fast_ms = prober->schedule.fast_interval_ms;

    causes_expect(&prober->causes, loop_now_ms(prober->loop) - fast_ms, 2 * (fast_ms + run_ms));
    probe_all(prober, fast_ms);
}

/* The newest run failed and the one before it, if any, did not. */
static bool
has_just_failed(const struct endpoint *e, const struct endpoint_policy *policy)
{
    return e->n_history > 0 && verdict_state(e->history[0], &policy->verdict) == STATE_FAILED &&
           (e->n_history == 1 || verdict_state(e->history[1], &policy->verdict) != STATE_FAILED);
}

static void
tell(struct prober *prober, const struct endpoint *e, const struct transition *change)
{
    outlook_look(prober->outlook, prober->schedule.interval_ms);
    if (prober->callbacks.on_change != NULL) {
        prober->callbacks.on_change(e, change, prober->callbacks.arg);
    }
}

/* Another set of addresses changes no state, but is worth a line. */
static void
log_addresses(const struct endpoint *e, const struct probe_result *result)
{
    char line[LOG_LINE_SIZE] = "";
    struct text text = TEXT(line);

    if (endpoint_addr_changes(e, result, &text)) {
        log_msg(LOG_INFO, LOG_TOPIC_DNS, "%s: %s", e->spec.key, line);
    }
}

static void
judge(struct prober *prober, struct endpoint *e, struct probe_result *result)
{
    struct moment now = moment_now(prober->loop);
    struct verdict_context context = context_of(prober, now);
    struct transition change;

    const struct surroundings around = surroundings_of(prober, e, result);

    log_addresses(e, result);
    if (endpoint_apply(e, result, &around, &prober->policy, &context, now, &change)) {
        tell(prober, e, &change);
    }
    if (endpoint_expire(e, &prober->policy, now, &change)) {
        tell(prober, e, &change);
    }
}

/* The ECS agent's other endpoints answer before one that is public has failed to: judge their
 * newest runs again. */
static void
judge_dependants(struct prober *prober)
{
    struct moment now = moment_now(prober->loop);
    struct verdict_context context = context_of(prober, now);

    for (size_t i = 0; i < prober->n; i++) {
        struct endpoint *e = &prober->endpoints[i];
        struct surroundings around;
        struct transition change;

        if (strncmp(e->spec.key, "ecs-", 4) != 0) {
            continue;
        }
        around = surroundings_of(prober, e, &e->evidence);
        if (endpoint_rejudge(e, &around, &prober->policy, &context, now, &change)) {
            tell(prober, e, &change);
        }
    }
}

/* The end of a run. false: there is to be another one at once, which counts instead of it. */
static bool
plan_next_run(struct watched *w, const struct endpoint *e)
{
    struct prober *prober = w->prober;
    int64_t now_ms = loop_now_ms(prober->loop);

    if (prober->once) {
        bool spoilt = e->last_run.state == STATE_UNKNOWN && e->runs < ONCE_RUNS_MAX;

        if (spoilt) {
            set_due(w, now_ms + ONCE_PAUSE_MS);
        }
        return !spoilt;
    }
    if (e->last_run.state == STATE_FAILED && has_just_failed(e, &prober->policy)) {
        expect_evidence(prober);
    }
    /* after the others: this one has just been probed, and waits its turn */
    set_due(w, schedule_next(&prober->schedule, now_ms, endpoint_is_undecided(e, &prober->policy)));
    return true;
}

static void
on_result(struct probe_result *result, void *arg)
{
    struct watched *w = arg;
    struct prober *prober = w->prober;
    struct endpoint *e = &prober->endpoints[w->index];
    enum network_path before = e->last_run.path;
    bool final;

    prober->n_running--;
    judge(prober, e, result);
    if (e->last_run.path != before && streq(e->spec.key, "ecs")) {
        judge_dependants(prober);
    }
    final = plan_next_run(w, e);
    start_queued(prober);
    if (final && prober->callbacks.on_run != NULL) {
        prober->callbacks.on_run(e, prober->callbacks.arg);
    }
}

/* Paths that are inferred follow what the control found. */
static void
infer_paths(struct prober *prober)
{
    struct verdict_context context = context_of(prober, moment_now(prober->loop));

    for (size_t i = 0; i < prober->n; i++) {
        struct endpoint *e = &prober->endpoints[i];

        if (e->spec.expected == EXPECTED_GATEWAY) {
            struct surroundings around = surroundings_of(prober, e, &e->evidence);

            endpoint_infer_path(e, &around, &context);
        }
    }
}

static void
on_egress(enum internet before, void *arg)
{
    struct prober *prober = arg;

    infer_paths(prober);
    if (prober->callbacks.on_egress != NULL) {
        prober->callbacks.on_egress(before, prober->callbacks.arg);
    }
}

/* Which moment of the interval is this host's: differs from host to host, stays over restarts. */
static int64_t
own_phase(int64_t interval_ms)
{
    CLEANUP(cleanup_free) char *machine_id = NULL;
    size_t len;
    int r = read_file("/etc/machine-id", 128, &machine_id, &len);

    return schedule_phase(r == 0 ? machine_id : "", interval_ms);
}

static void
set_policy(struct prober *prober)
{
    const struct conf *conf = prober->conf;

    prober->schedule = (struct schedule){.interval_ms = conf->interval_ms,
        .fast_interval_ms = conf->fast_interval_ms,
        .phase_ms = own_phase(conf->interval_ms),
        .max_running = conf->parallel};
    prober->policy = (struct endpoint_policy){.rise = prober->once ? 1 : conf->rise,
        .fall = prober->once ? 1 : conf->fall,
        .stale_ms = STALE_INTERVALS * conf->interval_ms + STALE_EXTRA_MS,
        .verdict = {
            .public_path_fails = conf->public_path_fails, .fall = prober->once ? 1 : conf->fall}};
}

static int
open_endpoint(struct prober *prober, size_t i, const struct endpoint_spec *spec, struct moment now)
{
    struct watched *w = &prober->watched[i];

    w->prober = prober;
    w->index = i;
    endpoint_init(&prober->endpoints[i], spec, now);
    w->timer = loop_timer_new(prober->loop, on_due, w);
    w->probe = probe_new(&prober->env, &prober->host.nets, on_result, w);
    return w->timer != NULL && w->probe != NULL ? 0 : -ENOMEM;
}

static int
open_endpoints(struct prober *prober, const struct plan *plan)
{
    struct moment now = moment_now(prober->loop);

    prober->endpoints = calloc(plan->n, sizeof(*prober->endpoints));
    prober->watched = calloc(plan->n, sizeof(*prober->watched));
    prober->due_ms = calloc(plan->n, sizeof(*prober->due_ms));
    if (plan->n > 0 &&
        (prober->endpoints == NULL || prober->watched == NULL || prober->due_ms == NULL)) {
        return -ENOMEM;
    }
    for (; prober->n < plan->n; prober->n++) {
        if (open_endpoint(prober, prober->n, &plan->specs[prober->n], now) < 0) {
            prober->n++; /* the half-made one is released with the others */
            return -ENOMEM;
        }
    }
    return 0;
}

int
prober_new(struct loop *loop, const struct conf *conf, const struct host *host, bool once,
    const struct prober_callbacks *callbacks, struct prober **ret,
    char error[static PROBER_ERROR_SIZE])
{
    struct prober *prober = calloc(1, sizeof(*prober));
    struct plan plan = {0};
    int r = -ENOMEM;

    (void)snprintf(error, PROBER_ERROR_SIZE, "no memory");
    if (prober == NULL) {
        return -ENOMEM;
    }
    prober->loop = loop;
    prober->conf = conf;
    prober->once = once;
    prober->callbacks = *callbacks;
    prober->queue_end = &prober->queue;
    prober->host = *host;
    set_policy(prober);
    r = plan_build(conf, &prober->host, false, &plan);
    if (r == 0) {
        r = prober_env_open(loop, conf, plan.n, once, &prober->env, error);
    }
    if (r == 0) {
        r = open_endpoints(prober, &plan);
    }
    if (r == 0) {
        r = outlook_new(&prober->env, conf, &prober->host, on_egress, prober, &prober->outlook);
    }
    plan_reset(&plan);
    if (r < 0) {
        prober_free(prober);
        return r;
    }
    *ret = prober;
    return 0;
}

static bool
is_same_endpoint(const struct endpoint_spec *a, const struct endpoint_spec *b)
{
    return streq(a->key, b->key) && streq(a->hostname, b->hostname) && a->port == b->port;
}

void
prober_adopt(struct prober *prober, struct prober *old)
{
    for (size_t i = 0; i < prober->n; i++) {
        struct endpoint *e = &prober->endpoints[i];

        for (size_t k = 0; k < old->n; k++) {
            /* mostly the same list: look at the same place first */
            size_t at = (i + k) % old->n;
            struct endpoint_spec spec = e->spec;

            if (!is_same_endpoint(&old->endpoints[at].spec, &spec)) {
                continue;
            }
            endpoint_done(e);
            *e = old->endpoints[at];
            e->spec = spec;
            endpoint_init(&old->endpoints[at], &spec, e->since);
            old->endpoints[at].spec.key[0] = '\0'; /* given away */
            break;
        }
    }
}

void
prober_restore(struct prober *prober, struct state_image *image)
{
    for (size_t i = 0; i < prober->n; i++) {
        struct endpoint *e = &prober->endpoints[i];

        if (e->runs == 0 && e->state == STATE_UNKNOWN) {
            (void)state_image_restore(image, e);
        }
    }
}

void
prober_set_host(struct prober *prober, const struct host *host)
{
    prober->host = *host;
}

void
prober_start(struct prober *prober)
{
    prober_probe_all(prober);
}

bool
prober_is_looking(const struct prober *prober)
{
    return outlook_is_looking(prober->outlook);
}

void
prober_glance(struct prober *prober, struct moment since, struct report *ret)
{
    struct moment now = moment_now(prober->loop);

    *ret = (struct report){.now = now,
        .slept_ms = host_slept_ms(),
        .host = &prober->host,
        .state = prober_host_state(prober),
        .since = since,
        .endpoints = prober->endpoints,
        .due_ms = prober->once ? NULL : prober->due_ms,
        .n_endpoints = prober->n,
        .clients = outlook_clients(prober->outlook),
        .internet = outlook_internet(prober->outlook),
        .egress_control = outlook_control(prober->outlook),
        .causes = &prober->causes,
        .context = context_of(prober, now)};
    ret->n_nameservers = dns_nameservers(prober->env.dns, ret->nameservers);
}

void
prober_report(struct prober *prober, struct moment since, struct report *ret)
{
    prober_glance(prober, since, ret);
    causes_update(&prober->causes, prober->endpoints, prober->n, ret->internet, &ret->context,
        ret->now.mono_ms);
}

size_t
prober_n(const struct prober *prober)
{
    return prober->n;
}

size_t
prober_n_runnable(const struct prober *prober)
{
    size_t n = 0;

    for (size_t i = 0; i < prober->n; i++) {
        n += prober->endpoints[i].spec.hostname[0] != '\0';
    }
    return n;
}

enum host_state
prober_host_state(const struct prober *prober)
{
    return host_state_of(prober->endpoints, prober->n);
}

const struct host *
prober_host(const struct prober *prober)
{
    return &prober->host;
}

void
prober_free(struct prober *prober)
{
    if (prober == NULL) {
        return;
    }
    for (size_t i = 0; i < prober->n; i++) {
        probe_free(prober->watched[i].probe);
        loop_timer_free(prober->watched[i].timer);
        endpoint_done(&prober->endpoints[i]);
    }
    outlook_free(prober->outlook);
    causes_reset(&prober->causes);
    free(prober->endpoints);
    free(prober->watched);
    free(prober->due_ms);
    prober_env_close(&prober->env);
    free(prober);
}
