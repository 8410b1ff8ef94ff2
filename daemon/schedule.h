/* When an endpoint is due. Pure; times are monotonic milliseconds.
 *
 * Decided endpoints share one grid of `interval`, so that a cycle is one burst of work and the
 * process sleeps in between; the grid's phase is the host's own, so that a fleet that boots
 * together does not probe together. */
#ifndef VPCE_DAEMON_SCHEDULE_H
#define VPCE_DAEMON_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule {
    int64_t interval_ms;
    int64_t fast_interval_ms;
    int64_t phase_ms;     /* 0 to interval_ms - 1 */
    unsigned max_running; /* runs in flight */
};

/* Due times this close together are one wake-up. */
#define SCHEDULE_SLACK_MS 20

/* The phase of this host: identity is anything that differs from host to host and stays. */
int64_t schedule_phase(const char *identity, int64_t interval_ms);

/* After a run that ended at now_ms. A decided endpoint comes at the next point of the grid that is
 * at least half an interval away. */
int64_t schedule_next(const struct schedule *s, int64_t now_ms, bool undecided);

bool schedule_is_due(int64_t due_ms, int64_t now_ms);
bool schedule_may_start(const struct schedule *s, size_t n_running);

#endif
