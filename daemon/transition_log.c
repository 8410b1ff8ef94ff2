/* See transition_log.h. The memory is asked for at once, but pages of it are used only as it fills.
 */
#include "daemon/transition_log.h"

#include "daemon/util.h"

#include <stdlib.h>

_Static_assert(VERDICT_CODE_N <= UINT8_MAX, "a verdict is one byte");

struct transition_log {
    uint64_t total;
    size_t n;
    size_t first; /* the oldest */
    struct logged_transition ring[TRANSITION_LOG_N];
};

struct transition_log *
transition_log_new(void)
{
    return calloc(1, sizeof(struct transition_log));
}

void
transition_log_free(struct transition_log *log)
{
    free(log);
}

void
transition_log_push(struct transition_log *log, const struct logged_transition *transition)
{
    struct logged_transition *slot = &log->ring[(log->first + log->n) % TRANSITION_LOG_N];

    *slot = *transition;
    slot->seq = ++log->total;
    if (log->n < TRANSITION_LOG_N) {
        log->n++;
    } else {
        log->first = (log->first + 1) % TRANSITION_LOG_N;
    }
}

void
transition_log_add(struct transition_log *log, const struct endpoint *e,
    const struct transition *change, int64_t wall_ms)
{
    struct logged_transition transition = {.wall_ms = wall_ms,
        .lasted_ms = change->lasted_ms,
        .old_state = (uint8_t)change->old_state,
        .state = (uint8_t)change->state,
        .old_verdict = (uint8_t)change->old_verdict,
        .verdict = (uint8_t)change->verdict};
    struct text summary = TEXT(transition.summary);

    (void)str_copy(transition.key, sizeof(transition.key), e->spec.key);
    if (e->summary != NULL) {
        (void)text_add_printable(&summary, e->summary, strlen(e->summary));
    }
    transition_log_push(log, &transition);
}

void
transition_log_skip(struct transition_log *log, uint64_t n)
{
    log->total += n;
}

size_t
transition_log_n(const struct transition_log *log)
{
    return log->n;
}

const struct logged_transition *
transition_log_get(const struct transition_log *log, size_t i)
{
    return &log->ring[(log->first + i) % TRANSITION_LOG_N];
}

uint64_t
transition_log_total(const struct transition_log *log)
{
    return log->total;
}
