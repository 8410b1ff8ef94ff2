/* The daemon's own records, read back from the system's journal (sd-journal(3)), of this and of
 * earlier boots. Only what journald itself says came from our unit counts: anybody may log our
 * MESSAGE_IDs and fields, but not the field _SYSTEMD_UNIT. */
#ifndef VPCE_SYSTEMD_HISTORY_H
#define VPCE_SYSTEMD_HISTORY_H

#include "daemon/outages.h"

#define HISTORY_UNIT "vpce-probe.service"

struct history;

/* ret_from_us: the oldest record of any unit in the journal; now_us when it is empty.
 * Returns 0 (then history_close), -EACCES: there is a journal that the user may not read, -ENOENT:
 * there is none, or another negative errno. */
int history_open(int64_t now_us, struct history **ret, int64_t *ret_from_us);
void history_close(struct history *history);

/* Takes one record, borrowed until it returns. A negative errno ends the reading. */
typedef int (*history_fn)(const struct outage_record *record, void *arg);

/* Gives every record, the oldest first. ret_complete: false when files may not be read, or when
 * what is in them cannot be. Returns 0, what on_record returned when that was negative, or a
 * negative errno; then some records may have been given. */
int history_read(struct history *history, history_fn on_record, void *arg, bool *ret_complete);

#endif
