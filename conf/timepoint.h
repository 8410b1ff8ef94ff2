/* A point in time as a person gives it on the command line. Pure; the clock is an argument. */
#ifndef VPCE_CONF_TIMEPOINT_H
#define VPCE_CONF_TIMEPOINT_H

#include <stdint.h>

/* "2026-11-20", "2026-11-20 10:00", "2026-11-20 10:00:30" (UTC), RFC 3339
 * ("2026-11-20T10:00:30.5Z", "2026-11-20T19:00:30+09:00"), or a time span before now ("2d",
 * conf/timespan.h). now_us and *ret_us: microseconds since 1970; what is finer is cut.
 * Returns 0, -EINVAL (none of them, or no such day) or -ERANGE (before 1970, or a span of more than
 * a year). */
int timepoint_parse(const char *text, int64_t now_us, int64_t *ret_us);

#endif
