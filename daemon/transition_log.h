/* The newest changes of state and verdict, for a time line: a ring, the oldest falls out. Pure. */
#ifndef VPCE_DAEMON_TRANSITION_LOG_H
#define VPCE_DAEMON_TRANSITION_LOG_H

#include "daemon/endpoint.h"

#define TRANSITION_LOG_N 1024
#define TRANSITION_SUMMARY_SIZE 160

struct logged_transition {
    uint64_t seq;    /* 1, 2, … over restarts; set when logged */
    int64_t wall_ms; /* when, milliseconds since 1970 */
    int64_t lasted_ms;
    char key[ENDPOINT_KEY_SIZE];
    uint8_t old_state; /* enum endpoint_state */
    uint8_t state;
    uint8_t old_verdict; /* enum verdict_code */
    uint8_t verdict;
    char summary[TRANSITION_SUMMARY_SIZE]; /* cut between characters; "": none */
};

struct transition_log;

struct transition_log *transition_log_new(void); /* NULL without memory */
void transition_log_free(struct transition_log *log);

/* e: as it is after the change. wall_ms: now. */
void transition_log_add(struct transition_log *log, const struct endpoint *e,
    const struct transition *change, int64_t wall_ms);

/* Log one as it is, but for its seq. */
void transition_log_push(struct transition_log *log, const struct logged_transition *transition);

/* n were logged and have fallen out, before the first push. */
void transition_log_skip(struct transition_log *log, uint64_t n);

size_t transition_log_n(const struct transition_log *log);

/* i: from 0, the oldest, to transition_log_n - 1. Valid until the next push. */
const struct logged_transition *transition_log_get(const struct transition_log *log, size_t i);

/* How many were ever logged: the seq of the newest. */
uint64_t transition_log_total(const struct transition_log *log);

#endif
