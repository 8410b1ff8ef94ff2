/* The daemon's listening sockets: those systemd passed, else one of its own. */
#ifndef VPCE_DAEMON_LISTEN_H
#define VPCE_DAEMON_LISTEN_H

#include <stdbool.h>

struct status_server;

#define LISTEN_PATH_SIZE 108 /* sun_path, unix(7) */

/* path: where to listen when systemd passed nothing. ret_own: the path of a socket that was made
 * here and is the caller's to unlink; "": none. 0, or a negative errno, which is logged. */
int listen_open(
    struct status_server *server, const char *path, char ret_own[static LISTEN_PATH_SIZE]);

/* With a broken configuration: answer those whose connection started the daemon, and who comes
 * while they are answered. may_heal: what is wrong may change by itself, so systemd starts it
 * again; stay a while, for that not to be every second. Not without sockets of systemd's. */
void listen_refuse(bool may_heal);

#endif
