/* The endpoints of one configuration and everything that probes them: trust store, name servers,
 * a probe and a timer for each endpoint, the schedule. Used by the daemon (for ever) and by one
 * check (once); a reload builds a new one and lets it adopt the states of the old. */
#ifndef VPCE_DAEMON_PROBER_H
#define VPCE_DAEMON_PROBER_H

#include "daemon/prober_env.h"
#include "daemon/report.h"
#include "daemon/state_image.h"

struct loop;
struct prober;

struct prober_callbacks {
    /* A settled change. e is borrowed until the callback returns. */
    void (*on_change)(const struct endpoint *e, const struct transition *change, void *arg);
    /* A run has ended (after on_change, if any); not one that is repeated (once). */
    void (*on_run)(const struct endpoint *e, void *arg);
    /* The egress control has looked; before is what was known until now. */
    void (*on_egress)(enum internet before, void *arg);
    /* Once, and then not NULL: there is no trust store, why as prober_new says it, so nothing can
     * be probed. Has to stop the loop, if it runs. */
    void (*on_no_trust)(int error, const char *text, void *arg);
    void *arg;
};

/* loop and conf are borrowed and outlive it; host, what is known of it now, is copied. once: every
 * endpoint is probed once when started, and its first run that makes a statement decides; the trust
 * store is opened after the start, while the first questions are under way (on_no_trust).
 * callbacks: copied; any other function that is NULL is not called. 0; -EINVAL, or -ENOENT when
 * that may change by itself: the settings are wrong, and error is a line as those of conf_errors;
 * or another negative errno, and error says what could not be had, in one sentence. */
int prober_new(struct loop *loop, const struct conf *conf, const struct host *host, bool once,
    const struct prober_callbacks *callbacks, struct prober **ret,
    char error[static PROBER_ERROR_SIZE]);

/* Take over states, histories and counters of endpoints whose name and port are the same. Before
 * prober_start. */
void prober_adopt(struct prober *prober, struct prober *old);

/* The same from what outlived a restart, for endpoints that nothing is known of. An image that is
 * all zero has nothing. */
void prober_restore(struct prober *prober, struct state_image *image);

/* Facts that change neither names nor classes (host_probes_alike). */
void prober_set_host(struct prober *prober, const struct host *host);

void prober_start(struct prober *prober);

/* Every endpoint is due now, and the egress control looks. */
void prober_probe_all(struct prober *prober);

/* The egress control is under way. */
bool prober_is_looking(const struct prober *prober);

/* A snapshot with the causes that were found last: costs nothing. */
void prober_glance(struct prober *prober, struct moment since, struct report *ret);

/* A snapshot, with the causes of now; borrows from the prober. since: when the host's state began.
 */
void prober_report(struct prober *prober, struct moment since, struct report *ret);

size_t prober_n(const struct prober *prober);
size_t prober_n_runnable(const struct prober *prober); /* their host names are known */
enum host_state prober_host_state(const struct prober *prober);
const struct host *prober_host(const struct prober *prober);

/* Cancels all runs. NULL is fine. */
void prober_free(struct prober *prober);

/* Now, on both clocks. */
struct moment moment_now(struct loop *loop);

#endif
