/* See notify.h. */
#include "systemd/notify.h"

#include "daemon/util.h"
#include "systemd/fdstore.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

void
notify_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void
notify_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void
notify_reloading(int64_t mono_us)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_us);
}

void
notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void
notify_watchdog(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

int64_t
notify_watchdog_interval_ms(void)
{
    uint64_t usec;

    if (sd_watchdog_enabled(0, &usec) <= 0) {
        return 0;
    }
    return usec / 3000 > 0 ? (int64_t)(usec / 3000) : 1;
}

int
notify_take_sockets(int ret_fds[static NOTIFY_SOCKETS_MAX])
{
    CLEANUP(cleanup_strings) char **names = NULL;
    int n_passed = sd_listen_fds_with_names(1, &names);
    int n = 0;

    if (n_passed < 0) {
        return n_passed;
    }
    for (int i = 0; i < n_passed; i++) {
        int fd = SD_LISTEN_FDS_START + i;

        if (streq(names[i], FDSTORE_STATE)) {
            (void)close(fd); /* fdstore_get has read it, or nobody wants it */
            continue;
        }
        if (n == NOTIFY_SOCKETS_MAX) {
            return -E2BIG;
        }
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
            return -EINVAL;
        }
        ret_fds[n++] = fd;
    }
    return n;
}
