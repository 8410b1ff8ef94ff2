/* See lifecycle.h. */
#include "daemon/aws/lifecycle.h"

static bool
is_launch_target(const char *target)
{
    static const char *const targets[] = {
        "InService", "Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated"};

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        if (streq(target, targets[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_held(const char *state)
{
    return streq(state, "Pending:Wait") || streq(state, "Warmed:Pending:Wait");
}

/* The hook's time has not begun yet. */
static bool
is_about_to_be_held(const char *state)
{
    return streq(state, "Pending") || streq(state, "Warmed:Pending");
}

static int64_t
min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A call for this phase is out of the way; the next may be made at once. */
static void
enter(struct lifecycle *l, enum lifecycle_phase phase)
{
    l->phase = phase;
    l->failures = 0;
    l->retry_ms = 0;
}

/* 2, 4, 8 … 60 s, each between a half and one and a half of it. */
static int64_t
delay_of(unsigned failures, uint32_t dice)
{
    int64_t delay_ms = LIFECYCLE_RETRY_MIN_MS;

    for (unsigned i = 1; i < failures && delay_ms < LIFECYCLE_RETRY_MAX_MS; i++) {
        delay_ms *= 2;
    }
    delay_ms = min_ms(delay_ms, LIFECYCLE_RETRY_MAX_MS);
    return delay_ms / 2 + (int64_t)(dice % (uint32_t)delay_ms);
}

static void
put_off(struct lifecycle *l, enum autoscaling_action action, int64_t now_ms, uint32_t dice)
{
    int64_t *due_ms = action == AUTOSCALING_HEARTBEAT ? &l->heartbeat_due_ms : &l->retry_ms;

    l->failures++;
    *due_ms = now_ms + delay_of(l->failures, dice);
}

/* ---- what to do ---- */

/* Another target is another launch; one that is no launch ends the attempt. */
static void
follow_target(struct lifecycle *l, const struct lifecycle_facts *facts)
{
    if (streq(facts->target, l->target)) {
        return;
    }
    *l = (struct lifecycle){.since_ms = facts->now_ms};
    (void)str_copy(l->target, sizeof(l->target), facts->target);
    if (is_launch_target(facts->target)) {
        enter(l, LIFECYCLE_ASKING);
    }
}

static int64_t
deadline_of(const struct lifecycle *l, const struct lifecycle_settings *settings)
{
    return settings->deadline_ms == 0 ? LIFECYCLE_NEVER_MS : l->since_ms + settings->deadline_ms;
}

/* How long until the target may be another one. */
static int64_t
watch_of(const struct lifecycle *l, int64_t now_ms)
{
    switch (l->phase) {
    case LIFECYCLE_IDLE:
        return now_ms - l->since_ms < LIFECYCLE_WATCH_CLOSELY_FOR_MS ? LIFECYCLE_WATCH_MS
                                                                     : LIFECYCLE_WATCH_SLOWLY_MS;
    case LIFECYCLE_ASKING:
    case LIFECYCLE_HELD:
        return LIFECYCLE_WATCH_MS;
    case LIFECYCLE_OVER:
        break;
    }
    return streq(l->target, "InService") ? 0 : LIFECYCLE_WATCH_MS; /* a warm pool may be left */
}

static struct lifecycle_decision
call(enum autoscaling_action action)
{
    return (struct lifecycle_decision){.what = LIFECYCLE_DO_CALL, .action = action};
}

static struct lifecycle_decision
wait_until(int64_t wake_ms)
{
    return (struct lifecycle_decision){.wake_ms = wake_ms};
}

/* The hook is told nothing before retry_ms, but for heartbeats, which have a time of their own. */
static struct lifecycle_decision
step_held(const struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct lifecycle_facts *facts)
{
    int64_t deadline_ms = deadline_of(l, settings);
    int64_t heartbeat_ms = settings->heartbeat_ms == 0 ? LIFECYCLE_NEVER_MS : l->heartbeat_due_ms;
    bool expired = facts->now_ms >= deadline_ms;
    bool completes = facts->ready || (expired && settings->abandon);
    int64_t wake_ms = completes ? l->retry_ms : LIFECYCLE_NEVER_MS;

    if (completes && facts->now_ms >= l->retry_ms) {
        return call(facts->ready ? AUTOSCALING_CONTINUE : AUTOSCALING_ABANDON);
    }
    if (expired) {
        return wait_until(wake_ms);
    }
    if (facts->now_ms >= heartbeat_ms) {
        return call(AUTOSCALING_HEARTBEAT);
    }
    return wait_until(min_ms(wake_ms, min_ms(deadline_ms, heartbeat_ms)));
}

static struct lifecycle_decision
step_asking(const struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct lifecycle_facts *facts)
{
    int64_t deadline_ms = l->deadline_passed ? LIFECYCLE_NEVER_MS : deadline_of(l, settings);

    if (facts->now_ms >= l->retry_ms) {
        return call(AUTOSCALING_DESCRIBE);
    }
    return wait_until(min_ms(l->retry_ms, deadline_ms));
}

/* Once in an attempt. */
static bool
is_held_up(struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct lifecycle_facts *facts)
{
    bool passed = facts->now_ms >= deadline_of(l, settings) && !facts->ready;
    bool news = passed && !l->deadline_passed;

    l->deadline_passed = l->deadline_passed || passed;
    return news;
}

static struct lifecycle_decision
step_launch(struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct lifecycle_facts *facts)
{
    if (facts->now_ms - l->since_ms >= LIFECYCLE_MAX_MS) {
        enter(l, LIFECYCLE_OVER);
        return wait_until(LIFECYCLE_NEVER_MS);
    }
    if (is_held_up(l, settings, facts)) {
        return (struct lifecycle_decision){.what = LIFECYCLE_DO_SAY_HELD_UP};
    }
    return l->phase == LIFECYCLE_ASKING ? step_asking(l, settings, facts)
                                        : step_held(l, settings, facts);
}

struct lifecycle_decision
lifecycle_step(struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct lifecycle_facts *facts)
{
    struct lifecycle_decision decision = wait_until(LIFECYCLE_NEVER_MS);

    follow_target(l, facts);
    if (l->phase == LIFECYCLE_ASKING || l->phase == LIFECYCLE_HELD) {
        decision = step_launch(l, settings, facts);
    }
    decision.watch_ms = watch_of(l, facts->now_ms);
    return decision;
}

/* ---- what came of it ---- */

static void
on_described(struct lifecycle *l, const struct lifecycle_settings *settings,
    const struct autoscaling_answer *answer, int64_t now_ms, uint32_t dice)
{
    if (!answer->found) {
        if (now_ms - l->since_ms < LIFECYCLE_MISSING_MAX_MS) {
            put_off(l, AUTOSCALING_DESCRIBE, now_ms, dice);
        } else {
            enter(l, LIFECYCLE_OVER);
        }
        return;
    }
    (void)str_copy(l->group, sizeof(l->group), answer->group);
    if (is_held(answer->lifecycle_state)) {
        enter(l, LIFECYCLE_HELD);
        l->heartbeat_due_ms = now_ms + settings->heartbeat_ms;
    } else if (is_about_to_be_held(answer->lifecycle_state)) {
        l->failures = 0;
        put_off(l, AUTOSCALING_DESCRIBE, now_ms, dice);
    } else {
        enter(l, LIFECYCLE_OVER);
    }
}

static void
on_ok(struct lifecycle *l, const struct lifecycle_settings *settings,
    enum autoscaling_action action, const struct autoscaling_answer *answer, int64_t now_ms,
    uint32_t dice)
{
    switch (action) {
    case AUTOSCALING_DESCRIBE:
        on_described(l, settings, answer, now_ms, dice);
        break;
    case AUTOSCALING_CONTINUE:
    case AUTOSCALING_ABANDON:
        enter(l, LIFECYCLE_OVER);
        break;
    case AUTOSCALING_HEARTBEAT:
        enter(l, LIFECYCLE_HELD);
        l->heartbeat_due_ms = now_ms + settings->heartbeat_ms;
        break;
    case AUTOSCALING_SET_HEALTH:
        break; /* not of a launch */
    }
}

void
lifecycle_answer(struct lifecycle *l, const struct lifecycle_settings *settings,
    enum autoscaling_action action, const struct autoscaling_answer *answer, int64_t now_ms,
    uint32_t dice)
{
    if (answer->outcome == AUTOSCALING_OK) {
        on_ok(l, settings, action, answer, now_ms, dice);
    } else if (answer->outcome != AUTOSCALING_NO_ACTION) {
        put_off(l, action, now_ms, dice);
    } else if (action == AUTOSCALING_HEARTBEAT) {
        enter(l, LIFECYCLE_ASKING); /* somebody ended it: what is it now? */
    } else {
        enter(l, LIFECYCLE_OVER); /* it was told before, or the hook's time is up */
    }
}

void
lifecycle_reconsider(struct lifecycle *l)
{
    l->failures = 0;
    l->retry_ms = 0;
}
