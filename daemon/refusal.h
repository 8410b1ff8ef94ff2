/* The answer to those who ask a daemon that cannot start. It is socket activation's other half:
 * whoever waits in the queue of a passed socket when the daemon ends makes systemd start it again,
 * and would never learn why nobody answers. */
#ifndef VPCE_DAEMON_REFUSAL_H
#define VPCE_DAEMON_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answer 503 with this one line to everybody who waits now, and, when there was somebody, to all
 * who come within linger_ms: a client that asks again and again costs one start in that time, not
 * one each. stay: that long also when there was nobody. fds: n listening sockets, left open.
 * Returns how many were answered. */
size_t refusal_answer(const int *fds, size_t n, const char *line, int64_t linger_ms, bool stay);

#endif
