/* See refusal.h. Plain system calls: this is what is left when nothing else could be set up. One
 * client after the other, each for a short time. */
#include "daemon/refusal.h"

#include "daemon/util.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define SOCKETS_MAX 16
#define CLIENT_MS 200
#define EXTRA_MS 500 /* for the rest of the queue, when the time is over */

/* The request is read first: a client that is still sending would see a reset, not the answer. */
static void
answer(int fd, const char *line)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    char request[4096];
    char response[1024];
    struct text t = TEXT(response);

    (void)text_add(&t,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
        "Connection: close\r\nContent-Length: %zu\r\n\r\n%s\n",
        strlen(line) + 1, line);
    if (poll(&pollfd, 1, CLIENT_MS) > 0) {
        (void)recv(fd, request, sizeof(request), MSG_DONTWAIT);
    }
    (void)send(fd, response, t.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One client of each socket that has one. */
static size_t
answer_ready(const struct pollfd *fds, size_t n, const char *line)
{
    size_t n_answered = 0;

    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents != 0) {
            CLEANUP(cleanup_fd) int client = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);

            if (client >= 0) {
                answer(client, line);
                n_answered++;
            }
        }
    }
    return n_answered;
}

size_t
refusal_answer(const int *fds, size_t n, const char *line, int64_t linger_ms, bool stay)
{
    int64_t deadline_ms = monotonic_ms() + linger_ms;
    struct pollfd pollfds[SOCKETS_MAX];
    size_t total = 0;

    n = n < SOCKETS_MAX ? n : SOCKETS_MAX;
    for (size_t i = 0; i < n; i++) {
        pollfds[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    for (;;) {
        int64_t left_ms = deadline_ms - monotonic_ms();
        size_t n_answered;

        if (poll(pollfds, n, (stay || total > 0) && left_ms > 0 ? (int)left_ms : 0) <= 0) {
            return total;
        }
        n_answered = answer_ready(pollfds, n, line);
        if (n_answered == 0 || left_ms < -EXTRA_MS) {
            return total + n_answered;
        }
        total += n_answered;
    }
}
