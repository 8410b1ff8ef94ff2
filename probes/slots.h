/* A cap on TCP connections in flight over all endpoints: a counting semaphore on the loop, first
 * come, first served. */
#ifndef VPCE_PROBES_SLOTS_H
#define VPCE_PROBES_SLOTS_H

#include <stdbool.h>

struct loop;
struct slots;

typedef void (*slot_fn)(void *arg);

/* One claim, embedded in its owner; all zero is "holds nothing". */
struct slot {
    struct slot *next; /* while waiting */
    bool waiting;
    bool held;
    slot_fn on_slot;
    void *arg;
};

struct slots *slots_new(struct loop *loop, unsigned max); /* NULL without memory */
void slots_free(struct slots *slots);                     /* nobody holds or waits */

/* true: the slot is held now. false: on_slot is called later, from the loop, when it is held. */
bool slots_take(struct slots *slots, struct slot *slot, slot_fn on_slot, void *arg);

/* Give back, or stop waiting. Nothing held or waited for is fine. */
void slots_give(struct slots *slots, struct slot *slot);

#endif
