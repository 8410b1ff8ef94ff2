/* A message to systemd (sd_notify(3)) that never waits: sd_notify itself does, once a PID 1 that
 * has frozen leaves net.unix.max_dgram_qlen messages unread. */
#ifndef VPCE_SYSTEMD_NOTIFY_SOCKET_H
#define VPCE_SYSTEMD_NOTIFY_SOCKET_H

#define NOTIFY_TEXT_SIZE 2048 /* the rest is cut */

/* text: "READY=1\nSTATUS=…". fd: goes along, borrowed; -1: none. 0, also when systemd did not start
 * us; -EAGAIN: nobody reads, the message is lost; or another negative errno. */
int notify_socket_send(const char *text, int fd);

#endif
