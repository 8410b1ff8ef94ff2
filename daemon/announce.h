/* What the journal is told: changes of endpoints and of the host, causes that come and go, whether
 * the Internet is reachable, facts that are missing,
 * errors of the configuration. */
#ifndef VPCE_DAEMON_ANNOUNCE_H
#define VPCE_DAEMON_ANNOUNCE_H

#include "conf/conf.h"
#include "daemon/report.h"

void announce_endpoint(
    const struct report *report, const struct endpoint *e, const struct transition *change);

/* The host's state is the report's now; old lasted that long. */
void announce_host(const struct report *report, enum host_state old, int64_t lasted_ms);

/* One line when a cause comes, with what to change, and one when it has gone. told: a bit of each
 * verdict code that was told. */
void announce_causes(const struct report *report, uint64_t *told);

/* What is wrong with the configuration, a line each. */
void announce_conf_errors(const struct conf_errors *errors);

/* Facts that are missing: the Region, or the names of n_unnamed endpoints. why: IMDS in words. */
void announce_unknown(const struct host *host, size_t n_unnamed, const char *why);

/* Only what is new: at the first look a closed Internet is what is meant to be. */
void announce_internet(const struct report *report, enum internet before);

#endif
