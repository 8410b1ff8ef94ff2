/* What the journal is told of the dealings with EC2 Auto Scaling. */
#ifndef VPCE_DAEMON_AWS_GROUP_JOURNAL_H
#define VPCE_DAEMON_AWS_GROUP_JOURNAL_H

#include "daemon/aws/autoscaling.h"
#include "daemon/aws/replacement.h"
#include "daemon/report.h"

/* What a record says beside what was called. */
struct group_words {
    char summary[REPORT_SUMMARY_SIZE]; /* of the host */
    char endpoint[SUMMARY_SIZE];       /* why the autoscaling endpoint is not reachable; "": it is,
                                          or is not probed */
};

void group_words_reset(struct group_words *words, const struct report *report);
void group_words_see(struct group_words *words, const struct endpoint *autoscaling);

/* The record of this answer says what is wrong with the endpoint. */
bool group_words_has_endpoint(
    const struct group_words *words, const struct autoscaling_answer *answer);

/* A call has ended: a record of its own, with what to change when it failed. */
void group_journal_answer(const struct autoscaling_call *call,
    const struct autoscaling_answer *answer, const struct group_words *words);

/* The deadline of the launch gate has passed before the host was ready. */
void group_journal_held_up(
    const struct conf *conf, enum own_fault fault, const struct group_words *words);

/* The host is ill for long, and is not reported. */
void group_journal_refused(const struct replacement *replacement, const struct group_words *words);

#endif
