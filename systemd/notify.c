/* See notify.h. */
#include "systemd/notify.h"

#include "daemon/util.h"
#include "systemd/fdstore.h"
#include "systemd/notify_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static void
send_status(const char *before, const char *status)
{
    char message[NOTIFY_TEXT_SIZE];

    (void)snprintf(message, sizeof(message), "%sSTATUS=%s", before, status);
    (void)notify_socket_send(message, -1);
}

void
notify_ready(const char *status)
{
    send_status("READY=1\n", status);
}

void
notify_status(const char *status)
{
    send_status("", status);
}

void
notify_reloading(int64_t mono_us)
{
    char message[64];

    (void)snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_us);
    (void)notify_socket_send(message, -1);
}

void
notify_stopping(void)
{
    (void)notify_socket_send("STOPPING=1", -1);
}

void
notify_watchdog(void)
{
    (void)notify_socket_send("WATCHDOG=1", -1);
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
