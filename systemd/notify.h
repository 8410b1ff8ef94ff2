/* What systemd is told, and what it hands over (sd_notify(3), sd_listen_fds(3)). Outside systemd
 * every function does nothing and succeeds. */
#ifndef VPCE_SYSTEMD_NOTIFY_H
#define VPCE_SYSTEMD_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(int64_t mono_us); /* end it with notify_ready */
void notify_stopping(void);
void notify_watchdog(void);

/* How often to call notify_watchdog: a third of WatchdogSec=, or 0 when there is none. */
int64_t notify_watchdog_interval_ms(void);

#define NOTIFY_SOCKETS_MAX 8

/* Listening stream sockets that were passed. They are close-on-exec and the caller's. Closes
 * the state that was passed with them: call fdstore_get before.
 * Returns how many, at most NOTIFY_SOCKETS_MAX; -EINVAL when something passed is no such socket;
 * or another negative errno. */
int notify_take_sockets(int ret_fds[static NOTIFY_SOCKETS_MAX]);

#endif
