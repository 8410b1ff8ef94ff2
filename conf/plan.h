/* What is probed on this host: the launch type's set, and what the configuration adds, changes or
 * takes away, with names filled in. Pure; the same for the daemon, `check` and `endpoints`. */
#ifndef VPCE_CONF_PLAN_H
#define VPCE_CONF_PLAN_H

#include "conf/host.h"

struct plan {
    struct endpoint_spec *specs; /* heap, n of them; catalogue order, then the user's own */
    size_t n;
    char *names; /* heap: what the names of the specs point into */
};

/* A name that cannot be made yet (no Region, no account id) leaves hostname "".
 * all: every service of the catalogue, those not probed as not required.
 * 0 or -ENOMEM; plan_reset releases. */
int plan_build(const struct conf *conf, const struct host *host, bool all, struct plan *ret);
void plan_reset(struct plan *plan);

/* The host whose reachability shows that the Internet is: EgressControl=, or S3 of another Region
 * of the partition. false: there is none (off, no Region, a partition with one Region). */
bool plan_egress_control(
    const struct conf *conf, const struct host *host, char ret[static HOSTNAME_SIZE]);

#endif
