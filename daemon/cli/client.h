/* One GET over the status socket, blocking, with a deadline and a bound on the answer. */
#ifndef VPCE_DAEMON_CLI_CLIENT_H
#define VPCE_DAEMON_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_BODY_MAX (64UL * 1024 * 1024)

struct client_response {
    int status; /* HTTP */
    char *body; /* heap, terminated; caller frees */
    size_t len;
};

/* 0; -ETIMEDOUT, -EFBIG, -EPROTO (not HTTP), or the negative errno of the socket calls. */
int client_get(
    const char *socket_path, const char *path, int timeout_ms, struct client_response *ret);

/* Longest line of a stream. */
#define CLIENT_LINE_MAX 1048576

/* false: enough, end the stream. The line is borrowed; NULL: *wake_ms has come. */
typedef bool (*client_line_fn)(char *line, void *arg);

/* GET path and give each line of the answer, its head included, as it comes. timeout_ms counts for
 * connecting and asking. wake_ms: monotonic, read anew before each wait; CLIENT_NEVER: no need to.
 * on_line moves it on. 0 when the stream has ended, or a negative errno. */
#define CLIENT_NEVER INT64_MAX
int client_stream(const char *socket_path, const char *path, int timeout_ms, const int64_t *wake_ms,
    client_line_fn on_line, void *arg);

#endif
