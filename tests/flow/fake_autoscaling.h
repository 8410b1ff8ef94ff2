/* daemon/aws/autoscaling.h and what it needs, without a network: each call is answered from the
 * loop, a moment later, as the test says; and the journal, which is counted. */
#ifndef VPCE_TESTS_FLOW_FAKE_AUTOSCALING_H
#define VPCE_TESTS_FLOW_FAKE_AUTOSCALING_H

#include "daemon/aws/autoscaling.h"
#include "systemd/journal.h"

#define FAKE_CALLS_MAX 64

struct fake_call {
    int64_t at_ms;
    enum autoscaling_action action;
    char instance_id[AUTOSCALING_ID_SIZE];
    char hook[CONF_NAME_SIZE];
    char group[CONF_NAME_SIZE];
};

void fake_autoscaling_reset(void);

/* What every call of this action is answered from now on; OK at the start. */
void fake_autoscaling_set(enum autoscaling_action action, enum autoscaling_outcome outcome);

/* What DescribeAutoScalingInstances says; "": it does not know the instance. */
void fake_autoscaling_state(const char *lifecycle_state);

size_t fake_autoscaling_n(void); /* calls since the reset */
const struct fake_call *fake_autoscaling_call(size_t i);
size_t fake_autoscaling_n_clients(void); /* that exist */
size_t fake_journal_n(enum journal_event event);

#endif
