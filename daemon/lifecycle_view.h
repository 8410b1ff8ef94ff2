/* What reports show of the dealings with EC2 Auto Scaling. Plain data. */
#ifndef VPCE_DAEMON_LIFECYCLE_VIEW_H
#define VPCE_DAEMON_LIFECYCLE_VIEW_H

#include <stddef.h>
#include <stdint.h>

#define LIFECYCLE_COUNTS_MAX 75 /* every action with every result */

struct lifecycle_count {
    const char *action; /* "continue", …; static */
    const char *result; /* "ok", "denied", …; static */
    uint64_t n;         /* since the daemon started */
};

struct lifecycle_view {
    const char *target;      /* target-lifecycle-state; NULL: none, or not known */
    const char *last_action; /* NULL: none yet; static */
    const char *last_result; /* static */
    size_t n_counts;         /* of those that are not 0 */
    struct lifecycle_count counts[LIFECYCLE_COUNTS_MAX];
};

#endif
