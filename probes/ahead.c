/* See ahead.h.
 *
 * Reason: all connections of a cycle are opened at once, and answered at once, a round trip later.
 * In that round trip the process had nothing to do, and after it all ClientHellos to make, a tenth
 * of a handshake's CPU each. */
#include "probes/ahead.h"

#include "daemon/loop.h"

#include <stdlib.h>

struct ahead {
    struct loop_timer *timer; /* set while something waits */
    struct ahead_task *first;
    struct ahead_task **end;
};

static void
on_timer(void *arg)
{
    struct ahead *ahead = arg;
    struct ahead_task *task = ahead->first;

    ahead_drop(ahead, task);
    task->fn(task->arg);
    if (ahead->first != NULL) { /* behind what it has set itself */
        loop_timer_set(ahead->timer, 0);
    }
}

struct ahead *
ahead_new(struct loop *loop)
{
    struct ahead *ahead = calloc(1, sizeof(*ahead));

    if (ahead == NULL) {
        return NULL;
    }
    ahead->end = &ahead->first;
    ahead->timer = loop_timer_new(loop, on_timer, ahead);
    if (ahead->timer == NULL) {
        free(ahead);
        return NULL;
    }
    return ahead;
}

void
ahead_free(struct ahead *ahead)
{
    if (ahead != NULL) {
        loop_timer_free(ahead->timer);
        free(ahead);
    }
}

void
ahead_add(struct ahead *ahead, struct ahead_task *task, ahead_fn fn, void *arg)
{
    if (ahead->first == NULL) {
        loop_timer_set(ahead->timer, 0);
    }
    *task = (struct ahead_task){.link = ahead->end, .fn = fn, .arg = arg};
    *ahead->end = task;
    ahead->end = &task->next;
}

void
ahead_drop(struct ahead *ahead, struct ahead_task *task)
{
    if (task->link == NULL) {
        return;
    }
    *task->link = task->next;
    if (task->next != NULL) {
        task->next->link = task->link;
    } else {
        ahead->end = task->link;
    }
    task->link = NULL;
    if (ahead->first == NULL) {
        loop_timer_stop(ahead->timer);
    }
}
