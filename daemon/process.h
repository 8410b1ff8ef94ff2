/* What this process uses, from /proc/self. */
#ifndef VPCE_DAEMON_PROCESS_H
#define VPCE_DAEMON_PROCESS_H

#include "daemon/metrics.h"

/* What cannot be read is negative. */
void process_read(struct process_facts *ret);

#endif
