/* Work that would have to be done soon, done while the loop waits: a piece a round, so that
 * whatever happens meanwhile is seen to first; first come, first served. */
#ifndef VPCE_PROBES_AHEAD_H
#define VPCE_PROBES_AHEAD_H

struct ahead;
struct loop;

typedef void (*ahead_fn)(void *arg);

/* One piece, embedded in its owner; all zero is "none". */
struct ahead_task {
    struct ahead_task *next;
    struct ahead_task **link; /* what points at it; NULL: not waiting */
    ahead_fn fn;
    void *arg;
};

struct ahead *ahead_new(struct loop *loop); /* NULL without memory */
void ahead_free(struct ahead *ahead);       /* nothing waits; NULL is fine */

/* fn is called once, later, from the loop. task: not waiting; stays where it is until then. */
void ahead_add(struct ahead *ahead, struct ahead_task *task, ahead_fn fn, void *arg);

/* It is not to be done any more. Not waiting is fine. */
void ahead_drop(struct ahead *ahead, struct ahead_task *task);

#endif
