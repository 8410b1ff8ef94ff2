/* See refusal.h. Plain system calls: this is what is left when nothing else could be set up. */
#include "daemon/refusal.h"

#include "daemon/util.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define TOTAL_MS 500
#define CLIENTS_MAX 256 /* at most the backlog; the kernel caps it near this */

static int64_t
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until there is something to read or the time is up. */
static bool
wait_readable(int fd, int64_t deadline_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    int64_t left_ms = deadline_ms - now_ms();

    return poll(&pollfd, 1, left_ms > 0 ? (int)left_ms : 0) > 0;
}

/* The request is read first: a client that is still sending would see a reset, not the answer. */
static void
answer(int fd, const char *line, int64_t deadline_ms)
{
    char request[4096];
    char response[1024];
    struct text t = TEXT(response);

    (void)text_add(&t,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
        "Connection: close\r\nContent-Length: %zu\r\n\r\n%s\n",
        strlen(line) + 1, line);
    if (wait_readable(fd, deadline_ms)) {
        (void)recv(fd, request, sizeof(request), MSG_DONTWAIT);
    }
    (void)send(fd, response, t.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
refusal_answer(const int *fds, size_t n, const char *line)
{
    int64_t deadline_ms = now_ms() + TOTAL_MS;
    unsigned n_clients = 0;

    for (size_t i = 0; i < n; i++) {
        while (n_clients < CLIENTS_MAX && wait_readable(fds[i], 0)) {
            CLEANUP(cleanup_fd) int client = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);

            if (client < 0) {
                break;
            }
            n_clients++;
            answer(client, line, deadline_ms);
        }
    }
}
