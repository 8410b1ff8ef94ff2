/* See chronicle.h. */
#include "daemon/chronicle.h"

#include "daemon/announce.h"
#include "daemon/aws/group.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/state_store.h"
#include "daemon/status_server.h"
#include "daemon/util.h"
#include "systemd/notify.h"

#include <stdlib.h>

/* Looked for this long after a run, for all runs of a burst together. */
#define CAUSES_DELAY_MS 200

/* What follows a change does so after this, and a millisecond more for each hundred endpoints. */
#define SETTLE_DELAY_MS 10
#define SETTLE_ENDPOINTS_PER_MS 100

struct chronicle {
    struct loop *loop;
    chronicle_watch_fn on_watch;
    void *arg;
    struct prober *prober;
    struct status_server *server;
    enum host_state state; /* as it was told */
    struct moment since;
    struct transition_log *log;
    struct group *group;            /* NULL: nothing is told to EC2 Auto Scaling */
    struct group_state group_state; /* while there is no group, and over a reload */
    struct lifecycle_view lifecycle;
    struct loop_timer *settle_timer;
    struct loop_timer *causes_timer;
    uint64_t causes_told; /* bit of each verdict code that is a cause now */
    bool unsaved;
};

/* ---- snapshots ---- */

static void
add_own(struct chronicle *c, struct report *ret)
{
    ret->log = c->log;
    ret->group = &c->group_state;
    if (c->group != NULL) {
        ret->group = group_state(c->group);
        group_view(c->group, &c->lifecycle);
        ret->lifecycle = &c->lifecycle;
    }
}

void
chronicle_report(struct chronicle *c, struct report *ret)
{
    prober_report(c->prober, c->since, ret);
    add_own(c, ret);
}

void
chronicle_summary(struct chronicle *c, char ret[static REPORT_SUMMARY_SIZE])
{
    struct report report;

    chronicle_report(c, &report);
    report_summary(&report, ret);
}

enum host_state
chronicle_state(const struct chronicle *c)
{
    return c->state;
}

/* ---- what adds up ---- */

static void
save(struct chronicle *c, struct report *report)
{
    c->unsaved = false;
    report->state = c->state; /* as it was told */
    state_store_save(report, c->log);
}

static void
tell_host(struct chronicle *c, enum host_state now)
{
    enum host_state old = c->state;
    struct moment moment = moment_now(c->loop);
    int64_t lasted_ms = moment.mono_ms - c->since.mono_ms;
    struct report report;

    c->state = now;
    c->since = moment;
    chronicle_report(c, &report);
    announce_host(&report, old, lasted_ms);
    status_server_publish_state(c->server, &report, host_state_str(old));
    c->unsaved = true;
}

static void
tell_status(struct chronicle *c, const struct report *report)
{
    char summary[REPORT_SUMMARY_SIZE];

    report_summary(report, summary);
    notify_status(summary);
    if (c->group != NULL) {
        group_update(c->group, report);
    }
}

void
chronicle_settle(struct chronicle *c)
{
    enum host_state now = prober_host_state(c->prober);
    struct report report;

    loop_timer_stop(c->settle_timer);
    if (now != c->state) {
        tell_host(c, now);
    }
    chronicle_report(c, &report);
    tell_status(c, &report);
    if (c->unsaved) {
        save(c, &report);
    }
}

void
chronicle_close(struct chronicle *c)
{
    c->unsaved = true;
    chronicle_settle(c);
}

static void
on_settle_timer(void *arg)
{
    chronicle_settle(arg);
}

static void
settle_soon(struct chronicle *c)
{
    int64_t delay_ms = SETTLE_DELAY_MS + (int64_t)prober_n(c->prober) / SETTLE_ENDPOINTS_PER_MS;

    c->unsaved = true;
    if (!loop_timer_is_set(c->settle_timer)) {
        loop_timer_set(c->settle_timer, delay_ms);
    }
}

/* ---- what the prober says ---- */

static void
on_change(const struct endpoint *e, const struct transition *change, void *arg)
{
    struct chronicle *c = arg;
    struct report report;

    prober_glance(c->prober, c->since, &report);
    transition_log_add(c->log, e, change, report.now.wall_ms);
    announce_endpoint(&report, e, change);
    status_server_publish_verdict(c->server, &report, e, change);
    settle_soon(c);
}

/* Causes may show with any run while something is wrong; runs come in bursts, and looking costs. */
static void
on_run(const struct endpoint *e, void *arg)
{
    struct chronicle *c = arg;
    bool tells_time = e->spec.depth == PROBE_DEPTH_HTTP; /* a clock may be off though all is well */
    bool wrong = c->state != HOST_STATE_HEALTHY || loop_timer_is_set(c->settle_timer);

    if ((wrong || tells_time || c->causes_told != 0) && !loop_timer_is_set(c->causes_timer)) {
        loop_timer_set(c->causes_timer, CAUSES_DELAY_MS);
    }
}

static void
on_causes_timer(void *arg)
{
    struct chronicle *c = arg;
    struct report report;

    chronicle_report(c, &report);
    announce_causes(&report, &c->causes_told);
    tell_status(c, &report);
}

static void
on_egress(enum internet before, void *arg)
{
    struct chronicle *c = arg;
    struct report report;

    chronicle_report(c, &report);
    announce_internet(&report, before);
}

struct prober_callbacks
chronicle_callbacks(struct chronicle *c)
{
    return (struct prober_callbacks){
        .on_change = on_change, .on_run = on_run, .on_egress = on_egress, .arg = c};
}

/* ---- the group ---- */

static void
on_group_change(void *arg)
{
    settle_soon(arg);
}

static void
on_watch(int64_t interval_ms, void *arg)
{
    struct chronicle *c = arg;

    c->on_watch(interval_ms, c->arg);
}

/* Another one goes on where the one before left off. */
void
chronicle_configure(struct chronicle *c, const struct conf *conf)
{
    const struct group_callbacks callbacks = {
        .on_watch = on_watch, .on_change = on_group_change, .arg = c};

    if (c->group != NULL) {
        c->group_state = *group_state(c->group);
        group_free(TAKE(c->group));
        on_watch(0, c);
    }
    if (group_is_wanted(conf)) {
        c->group = group_new(c->loop, conf, &c->group_state, &callbacks);
        if (c->group == NULL) {
            log_msg(LOG_ERR, LOG_TOPIC_CONF, "no memory: nothing will be told to EC2 Auto Scaling");
        }
    }
}

/* ---- for the owner ---- */

void
chronicle_follow(struct chronicle *c, struct prober *prober)
{
    c->prober = prober;
}

void
chronicle_serve(struct chronicle *c, struct status_server *server)
{
    c->server = server;
}

void
chronicle_restore(struct chronicle *c, struct state_image *image)
{
    transition_log_free(c->log);
    c->log = TAKE(image->log);
    /* should the settings have changed it, chronicle_settle tells */
    c->state = image->host_state;
    c->since = image->host_since;
    c->group_state = image->group;
}

struct chronicle *
chronicle_new(struct loop *loop, chronicle_watch_fn on_watch_ms, void *arg)
{
    struct chronicle *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->loop = loop;
    c->on_watch = on_watch_ms;
    c->arg = arg;
    c->since = moment_now(loop);
    c->log = transition_log_new();
    c->settle_timer = loop_timer_new(loop, on_settle_timer, c);
    c->causes_timer = loop_timer_new(loop, on_causes_timer, c);
    if (c->log == NULL || c->settle_timer == NULL || c->causes_timer == NULL) {
        chronicle_free(c);
        return NULL;
    }
    return c;
}

void
chronicle_free(struct chronicle *c)
{
    if (c == NULL) {
        return;
    }
    group_free(c->group);
    transition_log_free(c->log);
    loop_timer_free(c->settle_timer);
    loop_timer_free(c->causes_timer);
    free(c);
}
