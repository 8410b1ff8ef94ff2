/* The snapshot everything is shown from: what the daemon (or one check) knows at one moment.
 * Borrows; pure. */
#ifndef VPCE_DAEMON_REPORT_H
#define VPCE_DAEMON_REPORT_H

#include "conf/clients.h"
#include "conf/host.h"
#include "daemon/causes.h"

struct group_state;
struct lifecycle_view;
struct transition_log;

struct report {
    struct moment now;
    int64_t slept_ms; /* by the host since it booted: the monotonic clock stood still */
    const struct host *host;
    enum host_state state;
    struct moment since; /* when the state began */
    const struct endpoint *endpoints;
    const int64_t *due_ms; /* next run of each, monotonic; NULL: none is planned */
    size_t n_endpoints;
    struct nameserver_status nameservers[NAMESERVERS_MAX];
    size_t n_nameservers;
    enum internet internet;
    const char *egress_control;    /* host name; NULL: there is no control */
    const struct clients *clients; /* how the host's own clients go */
    const struct causes *causes;
    struct verdict_context context;
    const struct transition_log *log;       /* what changed before; NULL: nothing is remembered */
    const struct lifecycle_view *lifecycle; /* NULL: nothing is told to EC2 Auto Scaling */
    const struct group_state *group;        /* NULL: likewise */
};

#define REPORT_SUMMARY_SIZE 512

/* The host's state in one sentence: how many required endpoints are reachable, which are not, and
 * the codes of the causes. */
void report_summary(const struct report *report, char ret[static REPORT_SUMMARY_SIZE]);

/* A monotonic time of this report as wall clock, milliseconds since 1970. */
int64_t report_wall_ms(const struct report *report, int64_t mono_ms);

/* A moment that has passed, likewise: as it was read then, so that each report tells the same time,
 * unless the clock has been set since. What the host may have slept since is no setting. */
int64_t report_moment_ms(const struct report *report, const struct moment *moment);

#define RFC3339_SIZE 32

/* "2026-01-31T12:00:00.000Z"; returns buf. */
const char *rfc3339_format(int64_t wall_ms, char buf[static RFC3339_SIZE]);

#endif
