/* Time spans as systemd writes them (systemd.time(7)): "30s", "5min", "1h 30min", "500ms"; a
 * number alone is seconds. Pure. */
#ifndef VPCE_CONF_TIMESPAN_H
#define VPCE_CONF_TIMESPAN_H

#include <stddef.h>
#include <stdint.h>

/* Units: ms, s, m, min, h, d, w, y and their long forms as in systemd.time(7) (seconds, minutes
 * …). Whole numbers only; a number without a unit stands alone. A year is 365.25 days.
 * Returns 0, -EINVAL (not a time span) or -ERANGE (more than a year). */
int timespan_parse(const char *text, int64_t *ret_ms);

#define TIMESPAN_TEXT_SIZE 48

/* The shortest exact form, at most two units: "30s", "1h 30min", "0". Days are the largest unit:
 * "7d", not "1w". Returns buf. */
const char *timespan_format(int64_t ms, char buf[static TIMESPAN_TEXT_SIZE]);

#endif
