/* What the instance's EC2 Auto Scaling group is told, and the journal about it: the launch gate
 * (lifecycle.h) and the health signal (replacement.h) decide, autoscaling.h calls. One call at a
 * time, the gate's first. What a call needs (trust store, name servers, credentials) is made for
 * it, and released when nothing is left to say. */
#ifndef VPCE_DAEMON_AWS_GROUP_H
#define VPCE_DAEMON_AWS_GROUP_H

#include "daemon/aws/group_state.h"
#include "daemon/lifecycle_view.h"
#include "daemon/report.h"

struct loop;
struct group;

struct group_callbacks {
    /* Ask IMDS for the target this often from now on; 0: with the hourly round. */
    void (*on_watch)(int64_t interval_ms, void *arg);
    /* The state or the view has changed. */
    void (*on_change)(void *arg);
    void *arg;
};

/* [Lifecycle] or [Health] wants one. */
bool group_is_wanted(const struct conf *conf);

/* conf is borrowed and outlives it. state: what was known before; copied. NULL: memory. */
struct group *group_new(struct loop *loop, const struct conf *conf, const struct group_state *state,
    const struct group_callbacks *callbacks);
void group_free(struct group *group); /* NULL is fine */

/* Something may have changed: what is seen now. Calls nobody back; what there is to do is done
 * from the loop. */
void group_update(struct group *group, const struct report *report);

const struct group_state *group_state(const struct group *group);
void group_view(const struct group *group, struct lifecycle_view *ret); /* borrows from group */

#endif
