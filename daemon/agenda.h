/* Which endpoints are due, and which of them wait for a place: two numbers for each, so that one
 * timer serves ten thousand. Pure; times are monotonic milliseconds.
 *
 * An endpoint is idle, has a due time, or is in the queue. */
#ifndef VPCE_DAEMON_AGENDA_H
#define VPCE_DAEMON_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENDA_NEVER INT64_MAX

struct agenda {
    size_t n;
    int64_t *due_ms; /* heap, n; the newest due time, also once it is over; 0: none yet */
    struct agenda_entry *entries; /* heap, n */
    int64_t earliest_ms; /* none that has a due time is due earlier; AGENDA_NEVER: there is none */
    size_t head;         /* of the queue, first in, first out */
    size_t tail;
};

/* All idle. 0 or -ENOMEM. */
int agenda_init(struct agenda *agenda, size_t n);
void agenda_done(struct agenda *agenda); /* all zero is fine */

/* The endpoint is due then, whatever was set before. Not while it is in the queue. */
void agenda_set(struct agenda *agenda, size_t i, int64_t due_ms);

bool agenda_is_queued(const struct agenda *agenda, size_t i);

/* Puts all that are due (schedule_is_due) into the queue, in their order. Afterwards earliest_ms is
 * the next due time. Looks at every endpoint: call it when earliest_ms has come. */
void agenda_queue_due(struct agenda *agenda, int64_t now_ms);

/* Takes the first out of the queue; it is idle then. False: the queue is empty. */
bool agenda_pop(struct agenda *agenda, size_t *ret);

#endif
