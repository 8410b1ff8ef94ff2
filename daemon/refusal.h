/* The answer to those who ask a daemon that cannot start. It is socket activation's other half:
 * who waits in the queue of a passed socket when the daemon ends makes systemd start it again, and
 * again; and would never learn why nobody answers. */
#ifndef VPCE_DAEMON_REFUSAL_H
#define VPCE_DAEMON_REFUSAL_H

#include <stddef.h>

/* Accept everybody who waits, answer 503 with this one line, close. fds: listening sockets, left
 * open. Blocks, for half a second at most. */
void refusal_answer(const int *fds, size_t n, const char *line);

#endif
