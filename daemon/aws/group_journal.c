/* See group_journal.h. */
#include "daemon/aws/group_journal.h"

#include "conf/timespan.h"
#include "daemon/log.h"
#include "daemon/util.h"
#include "systemd/journal.h"

#include <stdio.h>

void
group_words_reset(struct group_words *words, const struct report *report)
{
    report_summary(report, words->summary);
    words->endpoint[0] = '\0';
}

void
group_words_see(struct group_words *words, const struct endpoint *autoscaling)
{
    struct text t = TEXT(words->endpoint);

    if (autoscaling->state == STATE_FAILED) {
        (void)text_add(&t, "%s: %s", verdict_str(autoscaling->verdict),
            autoscaling->summary != NULL ? autoscaling->summary : "");
    }
}

bool
group_words_has_endpoint(const struct group_words *words, const struct autoscaling_answer *answer)
{
    return answer->outcome == AUTOSCALING_UNREACHABLE && words->endpoint[0] != '\0';
}

static void
send_record(enum journal_event event, int level, const struct autoscaling_call *call,
    const char *result, const char *line, const char *remedy)
{
    const struct journal_field fields[] = {
        {"VPCE_ACTION", autoscaling_action_str(call->action)},
        {"VPCE_RESULT", result},
        {"VPCE_HOOK", call->hook},
        {"VPCE_AUTO_SCALING_GROUP", call->group},
        {"VPCE_INSTANCE_ID", call->instance_id},
        {"VPCE_SUMMARY", line},
        {"VPCE_REMEDY", remedy},
    };

    journal_send(event, level, line, fields, ARRAY_SIZE(fields));
}

/* What was asked for, done. */
static void
tell_done(const struct autoscaling_call *call, const struct autoscaling_answer *answer,
    const struct group_words *words)
{
    char line[LOG_LINE_SIZE] = "";
    struct text t = TEXT(line);

    switch (call->action) {
    case AUTOSCALING_DESCRIBE:
        log_msg(LOG_INFO, LOG_TOPIC_STATE, "%s is %s%s%s", call->instance_id,
            answer->found ? answer->lifecycle_state : "in no Auto Scaling group",
            answer->found ? " in group " : "", answer->found ? answer->group : "");
        return;
    case AUTOSCALING_CONTINUE:
        (void)text_add(&t, "told EC2 Auto Scaling to CONTINUE the launch of %s (hook %s, group %s)",
            call->instance_id, call->hook, call->group);
        break;
    case AUTOSCALING_ABANDON:
        (void)text_add(&t, "told EC2 Auto Scaling to ABANDON the launch of %s (hook %s, group %s)",
            call->instance_id, call->hook, call->group);
        break;
    case AUTOSCALING_HEARTBEAT:
        (void)text_add(&t, "prolonged the launch of %s by a heartbeat (hook %s, group %s)",
            call->instance_id, call->hook, call->group);
        break;
    case AUTOSCALING_SET_HEALTH:
        (void)text_add(&t, "reported %s unhealthy to EC2 Auto Scaling, which will replace it",
            call->instance_id);
        break;
    }
    (void)text_add(&t, ": %s", words->summary);
    send_record(JOURNAL_EVENT_LIFECYCLE_SENT,
        call->action == AUTOSCALING_HEARTBEAT ? LOG_INFO : LOG_NOTICE, call,
        autoscaling_outcome_str(answer->outcome), line, "");
}

/* Which of the failures want a hand, and which pass by themselves. */
static int
level_of(enum autoscaling_outcome outcome)
{
    return autoscaling_may_retry(outcome) ? LOG_WARNING : LOG_ERR;
}

static void
tell_failed(const struct autoscaling_call *call, const struct autoscaling_answer *answer,
    const struct group_words *words)
{
    char line[LOG_LINE_SIZE] = "";
    char why[LOG_LINE_SIZE / 2] = "";
    struct text t = TEXT(line);
    struct text reason = TEXT(why);

    autoscaling_describe(call, answer, &reason);
    (void)text_add(&t, "%s failed: %s", autoscaling_action_api(call->action), why);
    if (group_words_has_endpoint(words, answer)) {
        (void)text_add(&t, "; endpoint autoscaling is %s", words->endpoint);
    }
    send_record(JOURNAL_EVENT_LIFECYCLE_FAILED, level_of(answer->outcome), call,
        autoscaling_outcome_str(answer->outcome), line, why);
}

void
group_journal_answer(const struct autoscaling_call *call, const struct autoscaling_answer *answer,
    const struct group_words *words)
{
    if (answer->outcome == AUTOSCALING_OK) {
        tell_done(call, answer, words);
    } else if (answer->outcome == AUTOSCALING_NO_ACTION) {
        log_msg(LOG_INFO, LOG_TOPIC_STATE,
            "no lifecycle action is active for %s at hook %s of group %s: it was completed before, "
            "its time is up, or Hook= does not name the hook that holds the launch",
            call->instance_id, call->hook, call->group);
    } else {
        tell_failed(call, answer, words);
    }
}

void
group_journal_held_up(
    const struct conf *conf, enum own_fault fault, const struct group_words *words)
{
    char span[TIMESPAN_TEXT_SIZE];
    bool abandon = conf->lifecycle.abandon;

    log_msg(LOG_ERR, LOG_TOPIC_STATE, "not ready %s after the launch began%s: %s%s",
        timespan_format(conf->lifecycle.deadline_ms, span),
        abandon ? ", it is abandoned" : ", no more heartbeats are sent", words->summary,
        fault == OWN_FAULT_NONE
            ? "; what is wrong is not of this host alone, a replacement will not help"
            : "");
}

void
group_journal_refused(const struct replacement *replacement, const struct group_words *words)
{
    if (replacement->fault == OWN_FAULT_NONE) {
        log_msg(LOG_WARNING, LOG_TOPIC_STATE,
            "this instance is not reported unhealthy, for a replacement would not help: what is "
            "wrong is not of this host alone: %s",
            words->summary);
    } else {
        log_msg(LOG_WARNING, LOG_TOPIC_STATE,
            "this instance is not reported unhealthy: %s, but it was never healthy for ten "
            "minutes in this boot: %s",
            own_fault_words(replacement->fault), words->summary);
    }
}
