/* See schedule.h. */
#include "daemon/schedule.h"

int64_t
schedule_phase(const char *identity, int64_t interval_ms)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: spreads, need not resist */

    for (; *identity != '\0'; identity++) {
        hash = (hash ^ (unsigned char)*identity) * 0x100000001b3u;
    }
    return (int64_t)(hash % (uint64_t)interval_ms);
}

int64_t
schedule_next(const struct schedule *s, int64_t now_ms, bool undecided)
{
    int64_t earliest_ms = now_ms + s->interval_ms / 2;
    int64_t since_point_ms;

    if (undecided) {
        return now_ms + s->fast_interval_ms;
    }
    since_point_ms = (earliest_ms - s->phase_ms) % s->interval_ms;
    if (since_point_ms < 0) {
        since_point_ms += s->interval_ms;
    }
    return since_point_ms == 0 ? earliest_ms : earliest_ms + s->interval_ms - since_point_ms;
}

bool
schedule_is_due(int64_t due_ms, int64_t now_ms)
{
    return due_ms <= now_ms + SCHEDULE_SLACK_MS;
}

bool
schedule_may_start(const struct schedule *s, size_t n_running)
{
    return n_running < s->max_running;
}
