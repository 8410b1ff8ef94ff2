/* See slots.h. */
#include "probes/slots.h"

#include "daemon/loop.h"

#include <stdlib.h>

struct slots {
    unsigned n_free;
    struct slot *waiting; /* first in, first out */
    struct slot **waiting_end;
    struct loop_timer *timer; /* hands freed slots on, from the loop */
};

static struct slot *
pop_waiting(struct slots *slots)
{
    struct slot *slot = slots->waiting;

    slots->waiting = slot->next;
    if (slots->waiting == NULL) {
        slots->waiting_end = &slots->waiting;
    }
    slot->waiting = false;
    slot->next = NULL;
    return slot;
}

static void
on_timer(void *arg)
{
    struct slots *slots = arg;

    while (slots->n_free > 0 && slots->waiting != NULL) {
        struct slot *slot = pop_waiting(slots);

        slots->n_free--;
        slot->held = true;
        slot->on_slot(slot->arg);
    }
}

struct slots *
slots_new(struct loop *loop, unsigned max)
{
    struct slots *slots = calloc(1, sizeof(*slots));

    if (slots == NULL) {
        return NULL;
    }
    slots->n_free = max;
    slots->waiting_end = &slots->waiting;
    slots->timer = loop_timer_new(loop, on_timer, slots);
    if (slots->timer == NULL) {
        free(slots);
        return NULL;
    }
    return slots;
}

void
slots_free(struct slots *slots)
{
    if (slots != NULL) {
        loop_timer_free(slots->timer);
        free(slots);
    }
}

bool
slots_take(struct slots *slots, struct slot *slot, slot_fn on_slot, void *arg)
{
    *slot = (struct slot){.on_slot = on_slot, .arg = arg};
    if (slots->n_free > 0 && slots->waiting == NULL) {
        slots->n_free--;
        slot->held = true;
        return true;
    }
    slot->waiting = true;
    *slots->waiting_end = slot;
    slots->waiting_end = &slot->next;
    return false;
}

static void
leave_queue(struct slots *slots, struct slot *slot)
{
    struct slot **link = &slots->waiting;

    while (*link != slot) {
        link = &(*link)->next;
    }
    *link = slot->next;
    if (slots->waiting_end == &slot->next) {
        slots->waiting_end = link;
    }
    slot->waiting = false;
    slot->next = NULL;
}

void
slots_give(struct slots *slots, struct slot *slot)
{
    if (slot->waiting) {
        leave_queue(slots, slot);
    } else if (slot->held) {
        slot->held = false;
        slots->n_free++;
    }
    if (slots->waiting != NULL && slots->n_free > 0) {
        loop_timer_set(slots->timer, 0);
    }
}
