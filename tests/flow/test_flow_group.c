/* The dealings with EC2 Auto Scaling over a hand-turned clock: what is called, when, and what of it
 * outlives a restart. */
#include "daemon/aws/group.h"
#include "daemon/log.h"
#include "daemon/util.h"
#include "fake_autoscaling.h"
#include "fake_loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIN_MS INT64_C(60000)
#define AFTER_MS (10 * MIN_MS)
#define INSTANCE "i-0abcdef1234567890"

/* The required endpoint, and the way to EC2 Auto Scaling. */
#define ENDPOINTS 2

struct world {
    struct loop *loop;
    struct conf conf;
    struct host host;
    struct causes causes;
    struct endpoint endpoints[ENDPOINTS];
    struct group *group;
    struct group_state state; /* as it was kept */
    int64_t watch_ms;
    unsigned n_changes;
};

static void
ignore_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    (void)line;
}

static void
on_watch(int64_t interval_ms, void *arg)
{
    struct world *w = arg;

    w->watch_ms = interval_ms;
}

static void
on_change(void *arg)
{
    struct world *w = arg;

    w->n_changes++;
    w->state = *group_state(w->group);
}

/* As after a start of the daemon, or a reload. */
static void
open_group(struct world *w)
{
    const struct group_callbacks callbacks = {
        .on_watch = on_watch, .on_change = on_change, .arg = w};

    if (w->group != NULL) {
        w->state = *group_state(w->group);
        group_free(w->group);
    }
    w->group = group_new(w->loop, &w->conf, &w->state, &callbacks);
    assert_non_null(w->group);
}

static void
look(struct world *w)
{
    struct report report = {.host = &w->host,
        .endpoints = w->endpoints,
        .n_endpoints = ENDPOINTS,
        .state = host_state_of(w->endpoints, ENDPOINTS),
        .causes = &w->causes};

    report.now.mono_ms = loop_now_ms(w->loop);
    group_update(w->group, &report);
}

static void
pass(struct world *w, int64_t ms)
{
    look(w);
    fake_loop_advance(w->loop, ms);
}

/* The required endpoint is well. */
static void
be_well(struct world *w)
{
    struct endpoint *e = &w->endpoints[0];

    e->state = STATE_OK;
    e->verdict = VERDICT_OK;
    e->last_run.code = VERDICT_OK;
    e->evidence.dns[0] = (struct dns_result){.outcome = DNS_OUTCOME_OK};
    free(TAKE(e->evidence.second_opinion));
}

static void
be_blocked(struct world *w)
{
    be_well(w);
    w->endpoints[0].state = STATE_FAILED;
    w->endpoints[0].verdict = VERDICT_BLOCKED;
    w->endpoints[0].last_run.code = VERDICT_BLOCKED;
}

/* The stub resolver of this host is dead, the Amazon resolver answers. */
static void
lose_the_stub(struct world *w)
{
    struct dns_result *dns = &w->endpoints[0].evidence.dns[0];

    be_blocked(w);
    w->endpoints[0].verdict = VERDICT_DNS_TIMEOUT;
    *dns = (struct dns_result){.outcome = DNS_OUTCOME_TIMEOUT, .n_attempts = 1};
    assert_int_equal(addr_parse("127.0.0.53", &dns->attempts[0].server), 0);
    dns->attempts[0].outcome = DNS_OUTCOME_TIMEOUT;
    assert_non_null(probe_result_add_second_opinion(&w->endpoints[0].evidence));
    w->endpoints[0].evidence.second_opinion->outcome = DNS_OUTCOME_OK;
}

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return -1;
    }
    log_set_sink(ignore_line);
    fake_autoscaling_reset();
    w->loop = loop_new();
    w->watch_ms = -1;
    w->endpoints[0].spec.required = true;
    (void)str_copy(w->endpoints[0].spec.key, ENDPOINT_KEY_SIZE, "ecs");
    (void)str_copy(w->endpoints[1].spec.key, ENDPOINT_KEY_SIZE, "autoscaling");
    w->endpoints[0].spec.hostname = "ecs.test";
    w->endpoints[1].spec.hostname = "autoscaling.test";
    w->endpoints[1].spec.port = 443;
    (void)str_copy(w->host.instance_id, sizeof(w->host.instance_id), INSTANCE);
    (void)str_copy(w->host.region, sizeof(w->host.region), "eu-central-1");
    (void)str_copy(w->conf.lifecycle.hook, sizeof(w->conf.lifecycle.hook), "ready");
    w->conf.health.after_ms = AFTER_MS;
    be_well(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    group_free(w->group);
    assert_int_equal(fake_autoscaling_n_clients(), 0);
    assert_int_equal(fake_loop_n_objects(w->loop), 0);
    loop_free(w->loop);
    for (size_t i = 0; i < sizeof(w->endpoints) / sizeof(w->endpoints[0]); i++) {
        free(w->endpoints[i].evidence.second_opinion);
    }
    free(w);
    return 0;
}

static void
want(struct world *w, const char *target)
{
    (void)str_copy(w->host.lifecycle_state, sizeof(w->host.lifecycle_state), target);
}

static void
expect_call(size_t i, enum autoscaling_action action)
{
    const struct fake_call *call = fake_autoscaling_call(i);

    if (i >= fake_autoscaling_n() || call->action != action) {
        fail_msg(
            "call %zu of %zu is not %s", i, fake_autoscaling_n(), autoscaling_action_str(action));
    }
    assert_string_equal(call->instance_id, INSTANCE);
}

/* ---- the gate ---- */

static void
lets_a_held_launch_go(void **state)
{
    struct world *w = *state;
    struct lifecycle_view view;

    w->conf.lifecycle.enabled = true;
    be_blocked(w);
    open_group(w);
    pass(w, MIN_MS);
    assert_int_equal(fake_autoscaling_n(), 0);
    assert_int_equal(w->watch_ms, LIFECYCLE_WATCH_SLOWLY_MS); /* long after the boot */
    want(w, "InService");
    fake_autoscaling_state("Pending:Wait");
    pass(w, MIN_MS);
    expect_call(0, AUTOSCALING_DESCRIBE);
    assert_int_equal(fake_autoscaling_n(), 1);
    be_well(w);
    pass(w, MIN_MS);
    expect_call(1, AUTOSCALING_CONTINUE);
    assert_string_equal(fake_autoscaling_call(1)->hook, "ready");
    assert_string_equal(fake_autoscaling_call(1)->group, "web");
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_SENT), 1);
    group_view(w->group, &view);
    assert_string_equal(view.target, "InService");
    assert_string_equal(view.last_action, "continue");
    assert_string_equal(view.last_result, "ok");
    assert_int_equal(view.n_counts, 2);
    /* nothing is left to say, over a restart either, and nothing is kept for it */
    assert_int_equal(w->watch_ms, 0);
    assert_int_equal(fake_autoscaling_n_clients(), 0);
    open_group(w);
    pass(w, 60 * MIN_MS);
    assert_int_equal(fake_autoscaling_n(), 2);
}

/* A failure is told once, however often it is met. */
static void
tells_a_failure_once(void **state)
{
    struct world *w = *state;

    w->conf.lifecycle.enabled = true;
    open_group(w);
    want(w, "InService");
    fake_autoscaling_set(AUTOSCALING_DESCRIBE, AUTOSCALING_DENIED);
    pass(w, 10 * MIN_MS);
    assert_true(fake_autoscaling_n() > 5);
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_FAILED), 1);
    fake_autoscaling_set(AUTOSCALING_DESCRIBE, AUTOSCALING_TIMEOUT);
    pass(w, 10 * MIN_MS);
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_FAILED), 2);
    fake_autoscaling_set(AUTOSCALING_DESCRIBE, AUTOSCALING_OK);
    fake_autoscaling_state("InService");
    pass(w, 10 * MIN_MS);
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_SENT), 0);
}

/* IMDS has not said which instance this is. */
static void
waits_for_its_own_name(void **state)
{
    struct world *w = *state;

    w->conf.lifecycle.enabled = true;
    w->host.instance_id[0] = '\0';
    open_group(w);
    want(w, "InService");
    pass(w, MIN_MS);
    assert_int_equal(fake_autoscaling_n(), 0);
    (void)str_copy(w->host.instance_id, sizeof(w->host.instance_id), INSTANCE);
    pass(w, MIN_MS);
    expect_call(0, AUTOSCALING_DESCRIBE);
}

/* ---- the health signal ---- */

static void
reports_its_own_fault_once(void **state)
{
    struct world *w = *state;
    int64_t fault_ms;

    w->conf.health.set_instance_health = true;
    open_group(w);
    pass(w, 11 * MIN_MS);
    lose_the_stub(w);
    fault_ms = loop_now_ms(w->loop);
    fake_autoscaling_set(AUTOSCALING_SET_HEALTH, AUTOSCALING_INVALID); /* a grace period */
    pass(w, AFTER_MS - 1000);
    assert_int_equal(fake_autoscaling_n(), 0);
    pass(w, AFTER_MS + 2000);
    expect_call(0, AUTOSCALING_SET_HEALTH);
    assert_in_range(fake_autoscaling_call(0)->at_ms, fault_ms + AFTER_MS, fault_ms + 2 * AFTER_MS);
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_FAILED), 1);
    fake_autoscaling_set(AUTOSCALING_SET_HEALTH, AUTOSCALING_OK);
    pass(w, 2 * MIN_MS);
    assert_int_equal(fake_journal_n(JOURNAL_EVENT_LIFECYCLE_SENT), 1);
    size_t n = fake_autoscaling_n();

    /* once in a boot, whatever happens */
    be_well(w);
    pass(w, 60 * MIN_MS);
    open_group(w);
    lose_the_stub(w);
    pass(w, 600 * MIN_MS);
    assert_int_equal(fake_autoscaling_n(), n);
}

static void
reports_no_shared_fault(void **state)
{
    struct world *w = *state;

    w->conf.health.set_instance_health = true;
    open_group(w);
    pass(w, 11 * MIN_MS);
    be_blocked(w);
    pass(w, 600 * MIN_MS);
    assert_int_equal(fake_autoscaling_n(), 0);
    assert_true(group_state(w->group)->replacement.refused);
}

/* The ten healthy minutes may lie before a restart. */
static void
remembers_over_a_restart(void **state)
{
    struct world *w = *state;

    w->conf.health.set_instance_health = true;
    open_group(w);
    pass(w, 11 * MIN_MS);
    lose_the_stub(w);
    pass(w, MIN_MS);
    open_group(w);
    pass(w, 2 * AFTER_MS);
    expect_call(0, AUTOSCALING_SET_HEALTH);
    assert_int_equal(fake_autoscaling_n(), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lets_a_held_launch_go),
        TEST(tells_a_failure_once),
        TEST(waits_for_its_own_name),
        TEST(reports_its_own_fault_once),
        TEST(reports_no_shared_fault),
        TEST(remembers_over_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
