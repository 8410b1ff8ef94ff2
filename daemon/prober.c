/* See prober.h. One endpoint's life: it is due -> it queues for a run -> a runner runs its probe ->
 * on_result judges, tells and sets when it is due again. Decided endpoints are due on a grid, so
 * one wake-up starts them all; there are as many runners as runs may be in flight. */
#include "daemon/prober.h"

#include "conf/plan.h"
#include "daemon/agenda.h"
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

/* The runs of an endpoint; index-parallel with prober.endpoints. */
struct watched {
    int64_t started_ms; /* newest run; 0: none */
    bool running;
};

/* Probes one endpoint after the other. */
struct runner {
    struct prober *prober;
    struct probe *probe;
    size_t index;        /* of the endpoint, during a run */
    struct runner *next; /* while idle */
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
    char *names; /* of the endpoints' specs */
    size_t n;
    struct endpoint *endpoints;
    struct watched *watched;
    struct agenda agenda;
    struct loop_timer *due_timer; /* set to the agenda's earliest due time */
    size_t n_runners;
    struct runner *runners;
    struct runner *idle_runners;
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
    size_t i;

    while (prober->idle_runners != NULL &&
           schedule_may_start(&prober->schedule, prober->n_running) &&
           agenda_pop(&prober->agenda, &i)) {
        struct runner *runner = prober->idle_runners;
        const struct endpoint *e = &prober->endpoints[i];

        if (probe_start(runner->probe, &e->spec, &e->evidence) == 0) {
            prober->idle_runners = runner->next;
            prober->n_running++;
            runner->index = i;
            prober->watched[i] =
                (struct watched){.started_ms = loop_now_ms(prober->loop), .running = true};
        }
    }
}

static void
set_due_timer(struct prober *prober)
{
    if (prober->agenda.earliest_ms != AGENDA_NEVER) {
        loop_timer_set(prober->due_timer, prober->agenda.earliest_ms - loop_now_ms(prober->loop));
    }
}

/* Here, and not before the start: it takes some milliseconds, and so do the answers. */
static void
open_trust(struct prober *prober)
{
    char error[PROBER_ERROR_SIZE];
    int r = prober_env_open_tls(prober->conf, &prober->env, error);

    if (r < 0) {
        prober->callbacks.on_no_trust(r, error, prober->callbacks.arg);
    }
}

static void
on_due(void *arg)
{
    struct prober *prober = arg;

    if (dns_refresh(prober->env.dns)) {
        log_msg(LOG_NOTICE, LOG_TOPIC_DNS, "name servers changed, using the new ones");
    }
    outlook_refresh(prober->outlook);
    agenda_queue_due(&prober->agenda, loop_now_ms(prober->loop));
    set_due_timer(prober);
    start_queued(prober);
    if (prober->env.tls_ctx == NULL) {
        open_trust(prober);
    }
}

static void
set_due(struct prober *prober, size_t i, int64_t due_ms)
{
    int64_t earliest_ms = prober->agenda.earliest_ms;

    agenda_set(&prober->agenda, i, due_ms);
    if (prober->agenda.earliest_ms < earliest_ms) {
        set_due_timer(prober);
    }
}

static void
probe_all(struct prober *prober, int64_t min_age_ms)
{
    int64_t now_ms = loop_now_ms(prober->loop);

    for (size_t i = 0; i < prober->n; i++) {
        const struct watched *w = &prober->watched[i];
        bool young = w->started_ms != 0 && now_ms - w->started_ms < min_age_ms;

        if (prober->endpoints[i].spec.hostname[0] != '\0' && !w->running && !young &&
            !agenda_is_queued(&prober->agenda, i)) {
            set_due(prober, i, now_ms);
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

/* After a run of endpoint i. false: there is to be another one soon, which counts instead. */
static bool
plan_next_run(struct prober *prober, size_t i)
{
    const struct endpoint *e = &prober->endpoints[i];
    int64_t now_ms = loop_now_ms(prober->loop);

    if (prober->once) {
        bool spoilt = e->last_run.state == STATE_UNKNOWN && e->runs < ONCE_RUNS_MAX;

        if (spoilt) {
            set_due(prober, i, now_ms + ONCE_PAUSE_MS);
        }
        return !spoilt;
    }
    bool undecided = endpoint_is_undecided(e, &prober->policy);

    if (e->last_run.state == STATE_FAILED && endpoint_has_just_failed(e, &prober->policy)) {
        expect_evidence(prober);
    }
    /* after the others: this one has just been probed, and waits its turn */
    set_due(prober, i, schedule_next(&prober->schedule, now_ms, undecided));
    return true;
}

static void
on_result(struct probe_result *result, void *arg)
{
    struct runner *runner = arg;
    struct prober *prober = runner->prober;
    size_t i = runner->index;
    struct endpoint *e = &prober->endpoints[i];
    enum network_path before = e->last_run.path;
    bool final;

    prober->n_running--;
    prober->watched[i].running = false;
    judge(prober, e, result);
    runner->next = prober->idle_runners; /* the result is not looked at any more */
    prober->idle_runners = runner;
    if (e->last_run.path != before && streq(e->spec.key, "ecs")) {
        judge_dependants(prober);
    }
    final = plan_next_run(prober, i);
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

static void
set_policy(struct prober *prober)
{
    const struct conf *conf = prober->conf;

    prober->schedule = (struct schedule){.interval_ms = conf->interval_ms,
        .fast_interval_ms = conf->fast_interval_ms,
        .phase_ms = prober_env_phase(conf->interval_ms),
        .max_running = conf->parallel};
    prober->policy = (struct endpoint_policy){.rise = prober->once ? 1 : conf->rise,
        .fall = prober->once ? 1 : conf->fall,
        .stale_ms = STALE_INTERVALS * conf->interval_ms + STALE_EXTRA_MS,
        .verdict = {
            .public_path_fails = conf->public_path_fails, .fall = prober->once ? 1 : conf->fall}};
}

static int
open_endpoints(struct prober *prober, const struct plan *plan)
{
    struct moment now = moment_now(prober->loop);

    if (plan->n == 0) {
        return 0;
    }
    prober->endpoints = calloc(plan->n, sizeof(*prober->endpoints));
    prober->watched = calloc(plan->n, sizeof(*prober->watched));
    if (prober->endpoints == NULL || prober->watched == NULL) {
        return -ENOMEM;
    }
    for (; prober->n < plan->n; prober->n++) {
        endpoint_init(&prober->endpoints[prober->n], &plan->specs[prober->n], now);
    }
    return 0;
}

static int
open_runners(struct prober *prober)
{
    size_t n = prober->n < prober->conf->parallel ? prober->n : prober->conf->parallel;

    if (n == 0) {
        return 0;
    }
    prober->runners = calloc(n, sizeof(*prober->runners));
    if (prober->runners == NULL) {
        return -ENOMEM;
    }
    for (; prober->n_runners < n; prober->n_runners++) {
        struct runner *runner = &prober->runners[prober->n_runners];

        *runner = (struct runner){.prober = prober, .next = prober->idle_runners};
        runner->probe = probe_new(&prober->env, &prober->host.nets, on_result, runner);
        if (runner->probe == NULL) {
            return -ENOMEM;
        }
        prober->idle_runners = runner;
    }
    return 0;
}

static int
open_all(struct prober *prober, const struct plan *plan)
{
    int r = open_endpoints(prober, plan);

    if (r == 0) {
        r = agenda_init(&prober->agenda, prober->n);
    }
    if (r == 0) {
        r = open_runners(prober);
    }
    prober->due_timer = loop_timer_new(prober->loop, on_due, prober);
    return r == 0 && prober->due_timer == NULL ? -ENOMEM : r;
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
    prober->host = *host;
    set_policy(prober);
    r = plan_build(conf, &prober->host, false, &plan);
    if (r == 0) {
        r = prober_env_open(loop, conf, plan.n, once, &prober->env, error);
    }
    if (r == 0 && !once) {
        r = prober_env_open_tls(conf, &prober->env, error);
    }
    if (r == 0) {
        r = open_all(prober, &plan);
    }
    if (r == 0) {
        r = outlook_new(&prober->env, conf, &prober->host, on_egress, prober, &prober->outlook);
    }
    prober->names = TAKE(plan.names);
    plan_reset(&plan);
    if (r < 0) {
        prober_free(prober);
        return r;
    }
    *ret = prober;
    return 0;
}

void
prober_adopt(struct prober *prober, struct prober *old)
{
    size_t next = 0;

    for (size_t i = 0; i < prober->n; i++) {
        struct endpoint *e = &prober->endpoints[i];
        struct endpoint *its = endpoint_find(old->endpoints, old->n, &e->spec, &next);

        if (its != NULL) {
            endpoint_take_over(e, its);
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
    if (prober->once && prober_n_runnable(prober) == 0) { /* else when they are due */
        open_trust(prober);
    }
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
        .due_ms = prober->once ? NULL : prober->agenda.due_ms,
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
    for (size_t i = 0; i < prober->n_runners; i++) {
        probe_free(prober->runners[i].probe);
    }
    for (size_t i = 0; i < prober->n; i++) {
        endpoint_done(&prober->endpoints[i]);
    }
    loop_timer_free(prober->due_timer);
    outlook_free(prober->outlook);
    causes_reset(&prober->causes);
    agenda_done(&prober->agenda);
    free(prober->endpoints);
    free(prober->names);
    free(prober->watched);
    free(prober->runners);
    prober_env_close(&prober->env);
    free(prober);
}
