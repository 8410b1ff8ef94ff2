/* SetInstanceHealth of EC2 Auto Scaling: when this instance is reported unhealthy, which makes its
 * group replace it. Pure.
 *
 * An allow-list: only faults that this host alone has, and that a new instance would not have.
 * Security groups, VPC endpoints, the VPC's DNS, TLS are shared by the fleet; replacing instances
 * for them would replace all of them, and the new ones would be no better. So: the host was healthy
 * for ten minutes in this boot, then one such fault lasted for After= and a random time more (a
 * fleet does not act at once), and it is said once in a boot. */
#ifndef VPCE_DAEMON_AWS_REPLACEMENT_H
#define VPCE_DAEMON_AWS_REPLACEMENT_H

#include "daemon/endpoint.h"

#define REPLACEMENT_NEVER_MS INT64_MAX
#define REPLACEMENT_HEALTHY_MS (10 * INT64_C(60000)) /* in a row, before anything is said */
#define REPLACEMENT_RETRY_MS 60000
#define REPLACEMENT_AFTER_MAX_MS (24 * INT64_C(3600000)) /* After= is no longer */

enum own_fault {
    OWN_FAULT_NONE,      /* well, or a fault that may be shared */
    OWN_FAULT_NO_ROUTE,  /* this host has no route to any address of any required endpoint */
    OWN_FAULT_RESOLVER,  /* its own stub resolver is dead, while the Amazon resolver answers */
    OWN_FAULT_RESOURCES, /* out of memory, descriptors or ports: it cannot even probe */
};
#define OWN_FAULT_N (OWN_FAULT_RESOURCES + 1)

const char *own_fault_str(enum own_fault fault);   /* "no-route", "resolver", "resources" */
const char *own_fault_words(enum own_fault fault); /* "this host has no route to …" */

/* What the newest evidence of the required endpoints says, all of them. */
enum own_fault own_fault_of(const struct endpoint *endpoints, size_t n);

struct replacement_facts {
    int64_t now_ms; /* monotonic: since the boot */
    enum host_state state;
    enum own_fault fault;
};

/* All zero: nothing is known. Kept over a restart. */
struct replacement {
    int64_t healthy_since_ms; /* 0: it is not */
    bool was_healthy;         /* for REPLACEMENT_HEALTHY_MS */
    bool done;                /* reported in this boot */
    bool refused;             /* and it was said, in this outage */
    enum own_fault fault;     /* the present one */
    int64_t fault_since_ms;
    int64_t ill_since_ms; /* host unhealthy or unknown; 0: it is not */
    int64_t spread_ms;    /* after After= */
    int64_t retry_ms;
};

enum replacement_do {
    REPLACEMENT_DO_NOTHING,
    REPLACEMENT_DO_REPORT, /* SetInstanceHealth; then replacement_answer */
    REPLACEMENT_DO_REFUSE, /* say in the journal that and why it is not reported */
};

struct replacement_decision {
    enum replacement_do what;
    int64_t wake_ms; /* decide again then at the latest */
};

/* after_ms: After=. dice: any number; the spread is up to after_ms. */
struct replacement_decision replacement_step(struct replacement *replacement, int64_t after_ms,
    const struct replacement_facts *facts, uint32_t dice);

/* The call has ended; accepted: for good. */
void replacement_answer(struct replacement *replacement, bool accepted, int64_t now_ms);

#endif
