/* The egress control: whether this host reaches the Internet at large, learnt by a TCP connection
 * to a host that no VPC endpoint carries (S3 of another Region of the partition; a gateway
 * endpoint's prefix list is of one Region). */
#ifndef VPCE_DAEMON_EGRESS_H
#define VPCE_DAEMON_EGRESS_H

#include "probes/addr_probe.h"
#include "probes/verdict_host.h"

struct egress;

/* before: what was known until then. */
typedef void (*egress_fn)(enum internet before, void *arg);

/* What a run of the control says. Pure. ret_spoiled: nothing, through our own fault: what was known
 * stays, and it is to be tried again soon. */
enum internet egress_of_run(const struct probe_result *result, bool *ret_spoiled);

/* env and nets are borrowed and outlive it. NULL without memory. */
struct egress *egress_new(const struct probe_env *env, const struct vpc_nets *nets,
    const char *hostname, egress_fn on_done, void *arg);
void egress_free(struct egress *egress); /* cancels; NULL is fine */

/* Start to look; on_done is called once, later, from the loop. While it is looking: look again
 * after that, since what is asked for now began later. */
void egress_start(struct egress *egress);

bool egress_is_running(const struct egress *egress);
const char *egress_hostname(const struct egress *egress);

/* The newest run found nothing out. */
bool egress_is_inconclusive(const struct egress *egress);

/* The newest finding; UNKNOWN before the first. */
enum internet egress_internet(const struct egress *egress);

/* When the run began that found it, monotonic milliseconds. */
int64_t egress_found_ms(const struct egress *egress);

/* When the newest run began, monotonic milliseconds; INT64_MIN: never. */
int64_t egress_started_ms(const struct egress *egress);

#endif
