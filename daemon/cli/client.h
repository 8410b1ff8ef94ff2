/* One GET over the status socket, blocking, with a deadline and a bound on the answer. */
#ifndef VPCE_DAEMON_CLI_CLIENT_H
#define VPCE_DAEMON_CLI_CLIENT_H

#include <stddef.h>

#define CLIENT_BODY_MAX (64UL * 1024 * 1024)

struct client_response {
    int status; /* HTTP */
    char *body; /* heap, terminated; caller frees */
    size_t len;
};

/* 0; -ETIMEDOUT, -EFBIG, -EPROTO (not HTTP), or the negative errno of the socket calls. */
int client_get(
    const char *socket_path, const char *path, int timeout_ms, struct client_response *ret);

#endif
