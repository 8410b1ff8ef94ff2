/* The time line of the report page, as JSON, from the daemon's own memory or from the journal:
 *
 *   from (since when nothing is missing, or null), note (what is missing and why, or null),
 *   left_out (how many older ones), entries (the oldest first): at, endpoint (null: the daemon was
 *   started), old_state, state, old_verdict, verdict, lasted_ms (of the old state), summary
 *
 * Pure. */
#ifndef VPCE_DAEMON_TIMELINE_H
#define VPCE_DAEMON_TIMELINE_H

#include "daemon/outages.h"
#include "daemon/transition_log.h"

#include <jansson.h>

/* Entries that are kept, the newest. */
#define TIMELINE_MAX 500

/* An empty one. New references, or NULL without memory. */
json_t *timeline_new(void);
json_t *timeline_of_log(const struct transition_log *log);

/* Its texts are as found, of any content. Returns 0 or -ENOMEM. */
int timeline_add(json_t *timeline, const struct outage_record *record);

void timeline_set_from(json_t *timeline, int64_t wall_us);
void timeline_set_note(json_t *timeline, const char *note);

#endif
