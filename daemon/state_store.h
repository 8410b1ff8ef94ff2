/* What was known, over a restart: daemon/state_image's bytes in systemd/fdstore's keeping. */
#ifndef VPCE_DAEMON_STATE_STORE_H
#define VPCE_DAEMON_STATE_STORE_H

#include "daemon/state_image.h"

/* Keep what report and log say now. Does nothing without a service manager; a failure is logged and
 * costs no more than what would have been remembered. Blocks for less than a millisecond. */
void state_store_save(const struct report *report, const struct transition_log *log);

/* What the service knew when it ended. Before notify_take_sockets. true: the caller resets
 * *ret. false: nothing, or nothing that can be used, which is a line in the log. */
bool state_store_load(struct moment now, struct state_image *ret);

#endif
