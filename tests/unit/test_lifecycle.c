/* The launch gate as conversations: what happens when, and what EC2 Auto Scaling is told when. */
#include "daemon/aws/lifecycle.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define S 1000
#define MIN (60 * S)
#define HOUR (60 * INT64_C(60) * S)

enum what {
    END,
    TARGET, /* of IMDS */
    READY,
    UNREADY,
    STATE,   /* what DescribeAutoScalingInstances says; "-": it does not know the instance */
    OUTCOME, /* of every call of this action from now on */
    RESTART, /* of the daemon; what is kept is kept */
    FORGET,  /* and without it */
};

struct happening {
    int64_t at_ms;
    enum what what;
    const char *text;
    enum autoscaling_action action;
    enum autoscaling_outcome outcome;
};

#define AT(at, ...)                                                                                \
    {                                                                                              \
        (at), __VA_ARGS__                                                                          \
    }
#define FAILS(at, call, result)                                                                    \
    {                                                                                              \
        (at), OUTCOME, NULL, AUTOSCALING_##call, AUTOSCALING_##result                              \
    }

#define HAPPENINGS_MAX 12

struct conversation {
    const char *name;
    struct lifecycle_settings settings;
    int64_t until_ms;
    struct happening happenings[HAPPENINGS_MAX];
    const char *said; /* "seconds call", with what came of it unless it is ok */
};

#define GATE                                                                                       \
    {                                                                                              \
        0                                                                                          \
    }
#define BEATS(every, until)                                                                        \
    {                                                                                              \
        .heartbeat_ms = (every), .deadline_ms = (until)                                            \
    }
#define ABANDONS(until)                                                                            \
    {                                                                                              \
        .deadline_ms = (until), .abandon = true                                                    \
    }

static const struct conversation conversations[] = {
    {"held, then ready", GATE, HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(90 * S, READY)},
        "0 describe, 90 continue"},
    {"ready before it is held", GATE, HOUR,
        {AT(0, READY), AT(5 * S, STATE, "Pending:Wait"), AT(5 * S, TARGET, "InService")},
        "5 describe, 5 continue"},
    {"the hook's time has not begun", GATE, HOUR,
        {AT(0, TARGET, "InService"), AT(0, READY), AT(0, STATE, "Pending"),
            AT(2 * S, STATE, "Pending:Wait")},
        "0 describe, 1 describe, 2 describe, 2 continue"},
    {"a warm pool, and out of it", GATE, HOUR,
        {AT(0, TARGET, "Warmed:Stopped"), AT(0, STATE, "Warmed:Pending:Wait"), AT(10 * S, READY),
            AT(10 * S + 1, STATE, "Warmed:Stopped"), AT(20 * MIN, STATE, "Pending:Wait"),
            AT(20 * MIN, TARGET, "InService")},
        "0 describe, 10 continue, 1200 describe, 1200 continue"},
    {"long in service", GATE, HOUR,
        {AT(0, READY), AT(0, STATE, "InService"), AT(0, TARGET, "InService")}, "0 describe"},
    {"a restart in service", GATE, HOUR,
        {AT(0, READY), AT(0, STATE, "Pending:Wait"), AT(0, TARGET, "InService"),
            AT(1, STATE, "InService"), AT(9 * MIN, RESTART)},
        "0 describe, 0 continue"},
    {"a restart that lost everything", GATE, HOUR,
        {AT(0, READY), AT(0, STATE, "Pending:Wait"), AT(0, TARGET, "InService"),
            AT(1, STATE, "InService"), AT(9 * MIN, FORGET)},
        "0 describe, 0 continue, 540 describe"},
    {"a target that is no launch", GATE, HOUR,
        {AT(0, READY), AT(0, STATE, "Pending:Wait"), AT(0, TARGET, "Standby"),
            AT(9 * S, TARGET, "Terminated"), AT(10 * S, TARGET, "Detached"),
            AT(11 * S, TARGET, "")},
        ""},
    {"terminated while held", GATE, HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(9 * S, TARGET, "Terminated"),
            AT(10 * S, READY)},
        "0 describe"},
    {"the group does not know it for a while", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "-"),
            AT(2500, STATE, "Pending:Wait")},
        "0 describe, 1 describe, 3 describe, 3 continue"},
    {"the group never knows it", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "-")},
        "0 describe, 1 describe, 3 describe, 7 describe, 15 describe, 31 describe, 61 "
        "describe, 91 describe, 121 describe, 151 describe, 181 describe, 211 describe, "
        "241 describe, 271 describe, 301 describe, 331 describe, 361 describe, 391 "
        "describe, 421 describe, 451 describe, 481 describe, 511 describe, 541 describe, "
        "571 describe, 601 describe, 631 describe, 661 describe, 691 describe, 721 "
        "describe, 751 describe, 781 describe, 811 describe, 841 describe, 871 describe, "
        "901 describe"},
    {"a warm pool's beginning", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "Warmed:Running"), AT(0, STATE, "Warmed:Pending"),
            AT(2 * S, STATE, "Warmed:Pending:Wait")},
        "0 describe, 1 describe, 2 describe, 2 continue"},
    {"a heartbeat each minute until the deadline", BEATS(MIN, 3 * MIN + S), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait")},
        "0 describe, 60 heartbeat, 120 heartbeat, 180 heartbeat, 181 deadline"},
    {"none after the deadline, but ready at last", BEATS(MIN, MIN + S), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(5 * MIN, READY)},
        "0 describe, 60 heartbeat, 61 deadline, 300 continue"},
    {"the deadline counts from before a restart", BEATS(MIN, 2 * MIN + S), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(90 * S, RESTART)},
        "0 describe, 60 heartbeat, 120 heartbeat, 121 deadline"},
    {"abandoned at the deadline", ABANDONS(5 * MIN), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(6 * MIN, READY)},
        "0 describe, 300 deadline, 300 abandon"},
    {"ready at the deadline is not abandoned", ABANDONS(5 * MIN), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), AT(5 * MIN, READY)},
        "0 describe, 300 continue"},
    {"ready while abandoning fails", ABANDONS(5 * MIN), HOUR,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), FAILS(0, ABANDON, SERVER_ERROR),
            AT(300500, READY)},
        "0 describe, 300 deadline, 300 abandon server-error, 301 continue"},
    {"told before: the end, without a word", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"),
            FAILS(0, CONTINUE, NO_ACTION)},
        "0 describe, 0 continue no-action"},
    {"a heartbeat for nothing asks again", BEATS(MIN, HOUR), HOUR - S,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), FAILS(0, HEARTBEAT, NO_ACTION),
            AT(1, STATE, "Pending:Proceed")},
        "0 describe, 60 heartbeat no-action, 60 describe"},
    {"tried again at growing distances", GATE, 70 * S,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"),
            FAILS(0, CONTINUE, THROTTLED)},
        "0 describe, 0 continue throttled, 1 continue throttled, 3 continue throttled, "
        "7 continue throttled, 15 continue throttled, 31 continue throttled, "
        "61 continue throttled"},
    {"contention passes", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"),
            FAILS(0, CONTINUE, CONTENTION), FAILS(2 * S, CONTINUE, OK)},
        "0 describe, 0 continue contention, 1 continue contention, 3 continue"},
    {"no way to ask, until there is one", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"),
            FAILS(0, DESCRIBE, UNREACHABLE), FAILS(2 * S, DESCRIBE, OK)},
        "0 describe unreachable, 1 describe unreachable, 3 describe, 3 continue"},
    {"the deadline is told though nothing could be asked", ABANDONS(5 * S), 10 * S,
        {AT(0, TARGET, "InService"), FAILS(0, DESCRIBE, UNREACHABLE)},
        "0 describe unreachable, 1 describe unreachable, 3 describe unreachable, 5 deadline, "
        "7 describe unreachable"},
    {"denied heartbeats do not hold up the end", BEATS(10 * S, HOUR), 22 * S,
        {AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"), FAILS(0, HEARTBEAT, DENIED),
            AT(12 * S, READY)},
        "0 describe, 10 heartbeat denied, 11 heartbeat denied, 12 continue"},
    {"not ready any more", GATE, HOUR,
        {AT(0, READY), AT(0, TARGET, "InService"), AT(0, STATE, "Pending:Wait"),
            FAILS(0, CONTINUE, TIMEOUT), AT(500, UNREADY), FAILS(10 * S, CONTINUE, OK),
            AT(20 * S, READY)},
        "0 describe, 0 continue timeout, 20 continue"},
    {"a switched off gate's wish", GATE, HOUR, {AT(0, READY)}, ""},
};

struct talk {
    const struct conversation *c;
    struct lifecycle lifecycle;
    struct lifecycle_facts facts;
    const char *state;
    enum autoscaling_outcome outcomes[AUTOSCALING_ACTION_N];
    size_t n_happened;
    char said[1024];
    struct text text;
};

static void
happen(struct talk *talk, const struct happening *happening)
{
    switch (happening->what) {
    case TARGET:
        talk->facts.target = happening->text;
        break;
    case READY:
    case UNREADY:
        talk->facts.ready = happening->what == READY;
        break;
    case STATE:
        talk->state = happening->text;
        break;
    case OUTCOME:
        talk->outcomes[happening->action] = happening->outcome;
        break;
    case FORGET:
        talk->lifecycle = (struct lifecycle){0};
        break;
    case RESTART:
    case END:
        break;
    }
}

static void
note(struct talk *talk, const char *what, enum autoscaling_outcome outcome)
{
    (void)text_add(&talk->text, "%s%lld %s", talk->text.len > 0 ? ", " : "",
        (long long)(talk->facts.now_ms / S), what);
    if (outcome != AUTOSCALING_OK) {
        (void)text_add(&talk->text, " %s", autoscaling_outcome_str(outcome));
    }
}

static void
answer(struct talk *talk, enum autoscaling_action action)
{
    struct autoscaling_answer answer = {.outcome = talk->outcomes[action]};

    note(talk, autoscaling_action_str(action), answer.outcome);
    if (action == AUTOSCALING_DESCRIBE && answer.outcome == AUTOSCALING_OK) {
        answer.found = !streq(talk->state, "-");
        (void)str_copy(answer.group, sizeof(answer.group), "web");
        (void)str_copy(answer.lifecycle_state, sizeof(answer.lifecycle_state), talk->state);
    }
    lifecycle_answer(&talk->lifecycle, &talk->c->settings, action, &answer, talk->facts.now_ms, 0);
}

/* Everything that is to be done at this moment; when to look again. */
static int64_t
settle(struct talk *talk)
{
    for (int i = 0; i < 100; i++) {
        struct lifecycle_decision decision =
            lifecycle_step(&talk->lifecycle, &talk->c->settings, &talk->facts);

        if (decision.what == LIFECYCLE_DO_NOTHING) {
            assert_true(decision.wake_ms > talk->facts.now_ms);
            return decision.wake_ms;
        }
        if (decision.what == LIFECYCLE_DO_SAY_HELD_UP) {
            note(talk, "deadline", AUTOSCALING_OK);
        } else {
            answer(talk, decision.action);
        }
    }
    fail_msg("%s: it never comes to rest", talk->c->name);
    abort();
}

static int64_t
next_happening(const struct talk *talk)
{
    const struct happening *next = &talk->c->happenings[talk->n_happened];

    return talk->n_happened < HAPPENINGS_MAX && next->what != END ? next->at_ms
                                                                  : LIFECYCLE_NEVER_MS;
}

static void
hold(const struct conversation *c)
{
    struct talk talk = {.c = c, .facts.target = "", .state = "-"};

    talk.text = TEXT(talk.said);
    for (size_t i = 0; i < AUTOSCALING_ACTION_N; i++) {
        talk.outcomes[i] = AUTOSCALING_OK;
    }
    while (talk.facts.now_ms <= c->until_ms) {
        int64_t wake_ms;

        while (next_happening(&talk) <= talk.facts.now_ms) {
            happen(&talk, &c->happenings[talk.n_happened++]);
        }
        wake_ms = settle(&talk);
        talk.facts.now_ms = wake_ms < next_happening(&talk) ? wake_ms : next_happening(&talk);
    }
    if (!streq(talk.said, c->said)) {
        fail_msg("%s:\nsaid:     %s\nexpected: %s", c->name, talk.said, c->said);
    }
}

static void
test_conversations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(conversations); i++) {
        hold(&conversations[i]);
    }
}

/* Two days at most, whatever is answered. */
static void
test_end(void **state)
{
    static const enum autoscaling_outcome outcomes[] = {
        AUTOSCALING_DENIED, AUTOSCALING_TIMEOUT, AUTOSCALING_INVALID};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
        const struct lifecycle_settings settings = {0};
        struct lifecycle l = {0};
        struct lifecycle_facts facts = {.target = "InService", .ready = true};
        int n = 0;

        while (facts.now_ms < LIFECYCLE_NEVER_MS) {
            struct lifecycle_decision decision = lifecycle_step(&l, &settings, &facts);
            struct autoscaling_answer answer = {.outcome = outcomes[i]};

            if (decision.what == LIFECYCLE_DO_CALL) {
                lifecycle_answer(&l, &settings, decision.action, &answer, facts.now_ms, 30000);
                n++;
            } else {
                facts.now_ms = decision.wake_ms;
            }
        }
        assert_int_equal(l.phase, LIFECYCLE_OVER);
        assert_in_range(n, 48 * 60 * 60 / 90, 48 * 60 * 2 + 10);
    }
}

/* How often the target is looked at. */
static void
test_watch(void **state)
{
    static const struct {
        const char *name;
        enum lifecycle_phase phase;
        const char *target;
        int64_t now_ms;
        int64_t watch_ms;
    } rows[] = {
        {"booting", LIFECYCLE_IDLE, "", MIN, LIFECYCLE_WATCH_MS},
        {"in no group", LIFECYCLE_IDLE, "", HOUR, LIFECYCLE_WATCH_SLOWLY_MS},
        {"held", LIFECYCLE_HELD, "InService", HOUR, LIFECYCLE_WATCH_MS},
        {"in a warm pool", LIFECYCLE_OVER, "Warmed:Running", HOUR, LIFECYCLE_WATCH_MS},
        {"in service", LIFECYCLE_OVER, "InService", HOUR, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct lifecycle_settings settings = {0};
        const struct lifecycle_facts facts = {rows[i].now_ms, rows[i].target, false};
        struct lifecycle l = {.phase = rows[i].phase};

        (void)str_copy(l.target, sizeof(l.target), rows[i].target);
        if (lifecycle_step(&l, &settings, &facts).watch_ms != rows[i].watch_ms) {
            fail_msg("%s: another watch", rows[i].name);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
