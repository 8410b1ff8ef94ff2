/* See listen.h. */
#include "daemon/listen.h"

#include "daemon/log.h"
#include "daemon/refusal.h"
#include "daemon/status_server.h"
#include "daemon/util.h"
#include "systemd/notify.h"

#include <errno.h>

/* With a broken configuration clients cost a start in this time; less than TimeoutStartSec= of the
 * unit. */
#define REFUSAL_LINGER_MS 10000

static const char *
open_problem(int error)
{
    if (error == -EADDRINUSE) {
        return "another vpce-probed serves it";
    }
    return error == -ENOTSOCK ? "it is not a socket" : strerror(-error);
}

static int
open_own(struct status_server *server, const char *path, char ret_own[static LISTEN_PATH_SIZE])
{
    int fd = status_socket_open(path);

    if (fd < 0) {
        log_msg(
            LOG_ERR, LOG_TOPIC_CTL, "cannot open the status socket %s: %s", path, open_problem(fd));
        return fd;
    }
    (void)str_copy(ret_own, LISTEN_PATH_SIZE, path);
    return status_server_listen(server, fd);
}

int
listen_open(struct status_server *server, const char *path, char ret_own[static LISTEN_PATH_SIZE])
{
    int fds[NOTIFY_SOCKETS_MAX];
    int n = notify_take_sockets(fds);

    ret_own[0] = '\0';
    if (n < 0) {
        log_msg(LOG_ERR, LOG_TOPIC_CTL, "what systemd passed is not a listening socket: %s",
            strerror(-n));
        return n;
    }
    for (int i = 0; i < n; i++) {
        int r = status_server_listen(server, fds[i]);

        if (r < 0) {
            return r;
        }
    }
    return n == 0 ? open_own(server, path, ret_own) : 0;
}

void
listen_refuse(bool may_heal)
{
    int fds[NOTIFY_SOCKETS_MAX];
    int n = notify_take_sockets(fds);

    if (n > 0) {
        notify_status("the configuration is wrong");
        (void)refusal_answer(fds, (size_t)n,
            "vpce-probed cannot start, its configuration is wrong: see journalctl -u vpce-probe",
            REFUSAL_LINGER_MS, may_heal);
    }
}
