/* The report as Prometheus text (exposition format 0.0.4). Names and labels are a promise to users;
 * additive changes only. Pure but for the heap. */
#ifndef VPCE_DAEMON_METRICS_H
#define VPCE_DAEMON_METRICS_H

#include "daemon/report.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What this process uses; negative: not known. */
struct process_facts {
    double cpu_seconds;
    double start_time_seconds; /* since 1970 */
    int64_t resident_bytes;
    int64_t open_fds;
};

/* Caller frees; NULL without memory. */
char *metrics_text(const struct report *report, const struct process_facts *process);

#endif
