/* See group.h. group_update notes what is seen and sets the timer to now; the timer decides (run),
 * starts a call or sets itself again; the end of a call notes its result and sets the timer to
 * now. */
#include "daemon/aws/group.h"

#include "daemon/aws/credentials.h"
#include "daemon/aws/group_journal.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/dns.h"
#include "probes/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define HTTPS_PORT 443

/* The client is kept when it may be wanted again so soon. */
#define CLIENT_LINGER_MS (5 * INT64_C(60000))

/* What is seen of the host, as of the newest group_update. */
struct sight {
    char target[AUTOSCALING_STATE_SIZE];
    char region[REGION_SIZE];
    char instance_id[AUTOSCALING_ID_SIZE];
    char host[HOSTNAME_SIZE]; /* of the Auto Scaling endpoint; "": not known */
    uint16_t port;
    bool ready;
    enum host_state state;
    enum own_fault fault;
    struct group_words words;
};

/* What makes a call. */
struct client {
    struct dns *dns;
    struct tls_ctx *tls;
    struct credentials *credentials;
    struct autoscaling *autoscaling;
};

struct group {
    struct loop *loop;
    const struct conf *conf;
    struct group_callbacks callbacks;
    struct group_state state;
    struct sight sight;
    bool has_seen; /* anything at all */
    struct loop_timer *timer;
    struct client client;
    struct autoscaling_call call; /* the newest */
    bool calling;
    int64_t watch_ms; /* as it was told; -1: not yet */
    enum autoscaling_action last_action;
    enum autoscaling_outcome last_outcome; /* NONE: no call yet */
    struct autoscaling_answer told;        /* the newest failure in the journal */
    enum autoscaling_action told_action;
    bool told_endpoint; /* and what is wrong with the endpoint */
    uint64_t counts[AUTOSCALING_ACTION_N][AUTOSCALING_OUTCOME_N];
};

/* Early in a boot there may be no randomness; hosts differ in their clocks then. */
static uint32_t
throw_dice(struct loop *loop)
{
    uint32_t dice;

    if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice)) {
        dice = (uint32_t)loop_now_us(loop);
    }
    return dice;
}

static struct lifecycle_settings
settings_of(const struct conf *conf)
{
    return (struct lifecycle_settings){.deadline_ms = conf->lifecycle.deadline_ms,
        .heartbeat_ms = conf->lifecycle.heartbeat_ms,
        .abandon = conf->lifecycle.abandon};
}

/* ---- the client ---- */

static void
close_client(struct client *client)
{
    autoscaling_free(TAKE(client->autoscaling));
    credentials_free(TAKE(client->credentials));
    dns_free(TAKE(client->dns));
    tls_ctx_free(TAKE(client->tls));
}

static void on_answer(const struct autoscaling_answer *answer, void *arg);

static int
open_client(struct group *g)
{
    const struct conf *conf = g->conf;
    const struct dns_options options = {.resolv_conf = DNS_DEFAULT_RESOLV_CONF,
        .hosts = DNS_DEFAULT_HOSTS,
        .timeout_ms = conf->probe.dns_timeout_ms,
        .second_opinion = conf->second_opinion,
        .per_second = DNS_PER_SECOND,
        .burst = DNS_BURST};
    const char *url = conf->imds == CONF_IMDS_URL ? conf->imds_url : NULL;
    struct client *client = &g->client;
    int r = tls_ctx_new(conf_ca_file(conf), TLS_ENGINE_DEFAULT, &client->tls);

    if (r == 0) {
        r = dns_new(g->loop, &options, &client->dns);
    }
    if (r == 0) {
        r = credentials_new(g->loop, url, &client->credentials);
    }
    if (r == 0) {
        client->autoscaling =
            autoscaling_new(g->loop, client->dns, client->tls, client->credentials, on_answer, g);
        r = client->autoscaling != NULL ? 0 : -ENOMEM;
    }
    if (r < 0) {
        close_client(client);
    }
    return r;
}

/* ---- a call ---- */

static void
wake(struct group *g, int64_t delay_ms)
{
    loop_timer_set(g->timer, delay_ms);
}

/* A call may fail before the endpoint's own state is settled, which says why. */
static bool
explains_more(const struct group *g, const struct autoscaling_answer *answer)
{
    return group_words_has_endpoint(&g->sight.words, answer) && !g->told_endpoint;
}

static bool
is_same_failure(const struct group *g, const struct autoscaling_answer *answer)
{
    return g->told.outcome == answer->outcome && g->told_action == g->call.action &&
           streq(g->told.code, answer->code) && !explains_more(g, answer);
}

/* A failure is told once, until something else happens. */
static void
tell(struct group *g, const struct autoscaling_answer *answer)
{
    if (answer->outcome != AUTOSCALING_OK && is_same_failure(g, answer)) {
        return;
    }
    g->told = *answer;
    g->told_action = g->call.action;
    g->told_endpoint = group_words_has_endpoint(&g->sight.words, answer);
    group_journal_answer(&g->call, answer, &g->sight.words);
}

static void
take_answer(struct group *g, const struct autoscaling_answer *answer)
{
    const struct lifecycle_settings settings = settings_of(g->conf);
    int64_t now_ms = loop_now_ms(g->loop);

    g->calling = false;
    g->last_action = g->call.action;
    g->last_outcome = answer->outcome;
    g->counts[g->call.action][answer->outcome]++;
    tell(g, answer);
    if (g->call.action == AUTOSCALING_SET_HEALTH) {
        replacement_answer(&g->state.replacement, answer->outcome == AUTOSCALING_OK, now_ms);
    } else {
        lifecycle_answer(
            &g->state.lifecycle, &settings, g->call.action, answer, now_ms, throw_dice(g->loop));
    }
    wake(g, 0);
    g->callbacks.on_change(g->callbacks.arg);
}

static void
on_answer(const struct autoscaling_answer *answer, void *arg)
{
    take_answer(arg, answer);
}

/* Texts of the call are borrowed from g until it is started. */
static void
fill_call(struct group *g, enum autoscaling_action action)
{
    const char *configured = g->conf->lifecycle.group;

    g->call = (struct autoscaling_call){.action = action,
        .region = g->sight.region,
        .host = g->sight.host,
        .port = g->sight.port,
        .hook = g->conf->lifecycle.hook,
        .group = configured[0] != '\0' ? configured : g->state.lifecycle.group,
        .instance_id = g->sight.instance_id};
}

static void
start_call(struct group *g, enum autoscaling_action action)
{
    struct autoscaling_answer failed = {.outcome = AUTOSCALING_RESOURCES};
    int r = g->client.autoscaling != NULL ? 0 : open_client(g);

    fill_call(g, action);
    if (r == 0) {
        (void)dns_refresh(g->client.dns);
        r = autoscaling_start(g->client.autoscaling, &g->call);
    }
    if (r == 0) {
        g->calling = true;
        return;
    }
    (void)str_copy(failed.message, sizeof(failed.message), strerror(-r));
    take_answer(g, &failed);
}

/* ---- decisions ---- */

static void
watch(struct group *g, int64_t watch_ms)
{
    if (watch_ms != g->watch_ms) {
        g->watch_ms = watch_ms;
        g->callbacks.on_watch(watch_ms, g->callbacks.arg);
    }
}

/* Returns when to decide again; 0: at once; -1: a call is under way. */
static int64_t
run_gate(struct group *g, int64_t now_ms)
{
    const struct lifecycle_settings settings = settings_of(g->conf);
    const struct lifecycle_facts facts = {
        .now_ms = now_ms, .target = g->sight.target, .ready = g->sight.ready};
    struct lifecycle_decision decision;

    if (!g->conf->lifecycle.enabled) {
        return LIFECYCLE_NEVER_MS;
    }
    decision = lifecycle_step(&g->state.lifecycle, &settings, &facts);
    watch(g, decision.watch_ms);
    switch (decision.what) {
    case LIFECYCLE_DO_NOTHING:
        return decision.wake_ms;
    case LIFECYCLE_DO_SAY_HELD_UP:
        group_journal_held_up(g->conf, g->sight.fault, &g->sight.words);
        g->callbacks.on_change(g->callbacks.arg);
        return 0;
    case LIFECYCLE_DO_CALL:
        start_call(g, decision.action);
        return -1;
    }
    return LIFECYCLE_NEVER_MS;
}

static int64_t
run_health(struct group *g, int64_t now_ms)
{
    const struct replacement_facts facts = {
        .now_ms = now_ms, .state = g->sight.state, .fault = g->sight.fault};
    struct replacement_decision decision;

    if (!g->conf->health.set_instance_health) {
        return REPLACEMENT_NEVER_MS;
    }
    decision = replacement_step(
        &g->state.replacement, g->conf->health.after_ms, &facts, throw_dice(g->loop));
    switch (decision.what) {
    case REPLACEMENT_DO_NOTHING:
        return decision.wake_ms;
    case REPLACEMENT_DO_REFUSE:
        group_journal_refused(&g->state.replacement, &g->sight.words);
        g->callbacks.on_change(g->callbacks.arg);
        return 0;
    case REPLACEMENT_DO_REPORT:
        start_call(g, AUTOSCALING_SET_HEALTH);
        return -1;
    }
    return REPLACEMENT_NEVER_MS;
}

static void
on_timer(void *arg)
{
    struct group *g = arg;
    int64_t now_ms = loop_now_ms(g->loop);
    int64_t gate_ms;
    int64_t wake_ms;

    /* the names of calls are made of these */
    if (g->calling || g->sight.instance_id[0] == '\0' || g->sight.host[0] == '\0') {
        return;
    }
    gate_ms = run_gate(g, now_ms);
    wake_ms = gate_ms < 0 ? -1 : run_health(g, now_ms);
    if (wake_ms < 0) {
        return; /* the end of the call comes back here */
    }
    wake_ms = gate_ms < wake_ms ? gate_ms : wake_ms;
    if (wake_ms - now_ms > CLIENT_LINGER_MS) {
        close_client(&g->client);
    }
    if (wake_ms != LIFECYCLE_NEVER_MS) {
        wake(g, wake_ms - now_ms);
    }
}

/* ---- what is seen ---- */

/* "https://HOST[:PORT]" of Endpoint=, which has been checked. */
static void
split_url(const char *url, struct sight *sight)
{
    const char *host = url + strlen("https://");
    const char *colon = strchr(host, ':');
    uint64_t port = HTTPS_PORT;

    (void)str_copy(sight->host, sizeof(sight->host), host);
    if (colon != NULL) {
        sight->host[colon - host < (ptrdiff_t)sizeof(sight->host) ? colon - host : 0] = '\0';
        (void)parse_uint(colon + 1, 1, UINT16_MAX, &port);
    }
    sight->port = (uint16_t)port;
}

/* As it is probed; the endpoint's own state is what stands in the way when nothing arrives. */
static void
see_endpoint(struct sight *sight, const struct conf *conf, const struct report *report)
{
    sight->host[0] = '\0';
    for (size_t i = 0; i < report->n_endpoints; i++) {
        const struct endpoint *e = &report->endpoints[i];

        if (streq(e->spec.key, "autoscaling")) {
            (void)str_copy(sight->host, sizeof(sight->host), e->spec.hostname);
            sight->port = e->spec.port;
            group_words_see(&sight->words, e);
        }
    }
    if (conf->lifecycle.endpoint[0] != '\0') {
        split_url(conf->lifecycle.endpoint, sight);
    }
}

/* Words aside. */
static bool
is_same_sight(const struct sight *a, const struct sight *b)
{
    return streq(a->target, b->target) && streq(a->region, b->region) &&
           streq(a->instance_id, b->instance_id) && streq(a->host, b->host) && a->port == b->port &&
           a->ready == b->ready && a->state == b->state && a->fault == b->fault;
}

void
group_update(struct group *g, const struct report *report)
{
    const struct sight before = g->sight;
    struct sight *sight = &g->sight;
    const struct host *host = report->host;

    (void)str_copy(sight->target, sizeof(sight->target), host->lifecycle_state);
    (void)str_copy(sight->region, sizeof(sight->region), host->region);
    (void)str_copy(sight->instance_id, sizeof(sight->instance_id), host->instance_id);
    sight->ready = host_is_ready(
        report->endpoints, report->n_endpoints, g->conf->lifecycle.ready_when_healthy);
    sight->state = report->state;
    sight->fault = own_fault_of(report->endpoints, report->n_endpoints);
    group_words_reset(&sight->words, report);
    see_endpoint(sight, g->conf, report);
    if (!g->has_seen || !is_same_sight(sight, &before)) {
        g->has_seen = true;
        wake(g, 0);
    }
}

/* ---- for the owner ---- */

bool
group_is_wanted(const struct conf *conf)
{
    return conf->lifecycle.enabled || conf->health.set_instance_health;
}

struct group *
group_new(struct loop *loop, const struct conf *conf, const struct group_state *state,
    const struct group_callbacks *callbacks)
{
    struct group *g = calloc(1, sizeof(*g));

    if (g == NULL) {
        return NULL;
    }
    g->loop = loop;
    g->conf = conf;
    g->callbacks = *callbacks;
    g->state = *state;
    lifecycle_reconsider(&g->state.lifecycle);
    g->watch_ms = -1;
    g->timer = loop_timer_new(loop, on_timer, g);
    if (g->timer == NULL) {
        free(g);
        return NULL;
    }
    return g;
}

void
group_free(struct group *g)
{
    if (g != NULL) {
        close_client(&g->client);
        loop_timer_free(g->timer);
        free(g);
    }
}

const struct group_state *
group_state(const struct group *g)
{
    return &g->state;
}

void
group_view(const struct group *g, struct lifecycle_view *ret)
{
    *ret = (struct lifecycle_view){0};
    ret->target = g->sight.target[0] != '\0' ? g->sight.target : NULL;
    if (g->last_outcome != AUTOSCALING_NONE) {
        ret->last_action = autoscaling_action_str(g->last_action);
        ret->last_result = autoscaling_outcome_str(g->last_outcome);
    }
    for (enum autoscaling_action a = 0; a < AUTOSCALING_ACTION_N; a++) {
        for (enum autoscaling_outcome o = 0; o < AUTOSCALING_OUTCOME_N; o++) {
            if (g->counts[a][o] > 0 && ret->n_counts < LIFECYCLE_COUNTS_MAX) {
                ret->counts[ret->n_counts++] = (struct lifecycle_count){
                    autoscaling_action_str(a), autoscaling_outcome_str(o), g->counts[a][o]};
            }
        }
    }
}
