/* See agenda.h. */
#include "daemon/agenda.h"

#include "daemon/schedule.h"
#include "daemon/util.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define NOBODY UINT32_MAX

enum agenda_step {
    AGENDA_IDLE,
    AGENDA_WAITING, /* for its due time */
    AGENDA_QUEUED,
};

struct agenda_entry {
    uint32_t next; /* in the queue; NOBODY: the last */
    uint8_t step;  /* enum agenda_step */
};

int
agenda_init(struct agenda *agenda, size_t n)
{
    *agenda = (struct agenda){.n = n, .earliest_ms = AGENDA_NEVER, .head = NOBODY, .tail = NOBODY};
    if (n == 0) {
        return 0;
    }
    agenda->due_ms = calloc(n, sizeof(*agenda->due_ms));
    agenda->entries = calloc(n, sizeof(*agenda->entries));
    if (agenda->due_ms == NULL || agenda->entries == NULL) {
        agenda_done(agenda);
        return -ENOMEM;
    }
    return 0;
}

void
agenda_done(struct agenda *agenda)
{
    free(TAKE(agenda->due_ms));
    free(TAKE(agenda->entries));
    agenda->n = 0;
}

void
agenda_set(struct agenda *agenda, size_t i, int64_t due_ms)
{
    assert(agenda->entries[i].step != AGENDA_QUEUED);
    agenda->due_ms[i] = due_ms;
    agenda->entries[i].step = AGENDA_WAITING;
    if (due_ms < agenda->earliest_ms) {
        agenda->earliest_ms = due_ms;
    }
}

bool
agenda_is_queued(const struct agenda *agenda, size_t i)
{
    return agenda->entries[i].step == AGENDA_QUEUED;
}

static void
push(struct agenda *agenda, size_t i)
{
    agenda->entries[i] = (struct agenda_entry){.next = NOBODY, .step = AGENDA_QUEUED};
    if (agenda->head == NOBODY) {
        agenda->head = i;
    } else {
        agenda->entries[agenda->tail].next = (uint32_t)i;
    }
    agenda->tail = i;
}

void
agenda_queue_due(struct agenda *agenda, int64_t now_ms)
{
    agenda->earliest_ms = AGENDA_NEVER;
    for (size_t i = 0; i < agenda->n; i++) {
        if (agenda->entries[i].step != AGENDA_WAITING) {
            continue;
        }
        if (schedule_is_due(agenda->due_ms[i], now_ms)) {
            push(agenda, i);
        } else if (agenda->due_ms[i] < agenda->earliest_ms) {
            agenda->earliest_ms = agenda->due_ms[i];
        }
    }
}

bool
agenda_pop(struct agenda *agenda, size_t *ret)
{
    size_t i = agenda->head;

    if (i == NOBODY) {
        return false;
    }
    agenda->head = agenda->entries[i].next;
    agenda->entries[i].step = AGENDA_IDLE;
    *ret = i;
    return true;
}
