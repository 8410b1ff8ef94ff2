/* Everybody who is told when something changes: the journal, the time line, the event streams,
 * systemd (STATUS=), the Auto Scaling group, and what outlives a restart.
 *
 * A change of an endpoint goes to the journal, the time line and the streams at once. What adds up
 * over endpoints (the host's state, STATUS=, the state for a restart) follows a moment later, once
 * for a burst of changes: it costs as much as there are endpoints. */
#ifndef VPCE_DAEMON_CHRONICLE_H
#define VPCE_DAEMON_CHRONICLE_H

#include "daemon/prober.h"

struct loop;
struct chronicle;
struct status_server;

/* Ask IMDS for the target lifecycle state this often; 0: with the hourly round. */
typedef void (*chronicle_watch_fn)(int64_t interval_ms, void *arg);

/* NULL: memory. */
struct chronicle *chronicle_new(struct loop *loop, chronicle_watch_fn on_watch, void *arg);
void chronicle_free(struct chronicle *chronicle); /* nothing is told any more; NULL is fine */

/* Go on where the process before left off: takes the time line, the host's state and the dealings
 * with the group. */
void chronicle_restore(struct chronicle *chronicle, struct state_image *image);

/* All that a prober is made with. */
struct prober_callbacks chronicle_callbacks(struct chronicle *chronicle);

/* The settings are these now; borrowed. */
void chronicle_configure(struct chronicle *chronicle, const struct conf *conf);

/* The prober in use, and the server; borrowed. Before anything is told. */
void chronicle_follow(struct chronicle *chronicle, struct prober *prober);
void chronicle_serve(struct chronicle *chronicle, struct status_server *server);

/* Tell now what would follow in a moment. */
void chronicle_settle(struct chronicle *chronicle);

/* Likewise, and keep all for a restart. */
void chronicle_close(struct chronicle *chronicle);

/* A snapshot with all that is shown; borrows from the prober and from here. */
void chronicle_report(struct chronicle *chronicle, struct report *ret);
void chronicle_summary(struct chronicle *chronicle, char ret[static REPORT_SUMMARY_SIZE]);

enum host_state chronicle_state(const struct chronicle *chronicle); /* as it was told */

#endif
