/* The status socket: read-only HTTP/1.1 (evhttp) on listening sockets that systemd passed or that
 * were opened here. Nothing about the daemon can be changed through it. */
#ifndef VPCE_DAEMON_STATUS_SERVER_H
#define VPCE_DAEMON_STATUS_SERVER_H

#include "daemon/report.h"

struct loop;
struct status_server;

/* Fills *ret with the present snapshot, for the time of one request. */
typedef void (*status_server_fn)(struct report *ret, void *arg);

/* NULL without memory. */
struct status_server *status_server_new(struct loop *loop, status_server_fn report, void *arg);

/* Serve on a listening stream socket. On an IP socket only what is safe for a network is served.
 * Takes the descriptor, also on failure. 0, or a negative errno. */
int status_server_listen(struct status_server *server, int fd);

/* To every event stream. old_state: the word for the host's state before. */
void status_server_publish_state(
    struct status_server *server, const struct report *report, const char *old_state);
void status_server_publish_verdict(struct status_server *server, const struct report *report,
    const struct endpoint *e, const struct transition *change);

/* Accept nobody any more: on a socket that systemd keeps they wait for the next daemon. on_drained
 * is called once, later, from the loop: when all who were accepted have their answer, or after
 * STATUS_DRAIN_MS. */
#define STATUS_DRAIN_MS 300
void status_server_drain(struct status_server *server, void (*on_drained)(void *arg), void *arg);

/* Closes all. NULL is fine. */
void status_server_free(struct status_server *server);

/* A listening Unix socket at path, usable by every local user; its folder is made when missing, a
 * stale socket is replaced, one that somebody serves is not (-EADDRINUSE), nor what is no socket
 * (-ENOTSOCK). Returns the descriptor, or a negative errno. */
int status_socket_open(const char *path);

#endif
