/* See client.h. HTTP/1.0: the server ends the answer by closing. */
#include "daemon/cli/client.h"

#include "daemon/util.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536
#define POLL_MAX_MS 3600000
#define CONNECT_PAUSE_NS 20000000

/* Wait until fd is ready for events, or the deadline has come. 0, -ETIMEDOUT. */
static int
wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_ms = deadline_ms - monotonic_ms();
        int wait_ms = left_ms < POLL_MAX_MS ? (int)left_ms : POLL_MAX_MS;
        int n = left_ms > 0 ? poll(&pollfd, 1, wait_ms) : 0;

        if (n > 0) {
            return 0;
        }
        if (n == 0 && left_ms <= POLL_MAX_MS) {
            return -ETIMEDOUT;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

/* EAGAIN (unix(7)): the listener's backlog is full, which it is not for long. */
static int
open_socket(const char *path, int64_t deadline_ms, int *ret_fd)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    CLEANUP(cleanup_fd) int fd = -1;

    if (!str_copy(sa.sun_path, sizeof(sa.sun_path), path)) {
        return -ENAMETOOLONG;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_NS};

        if (errno != EAGAIN || monotonic_ms() >= deadline_ms) {
            return -errno;
        }
        (void)nanosleep(&pause, NULL);
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

static int
send_all(int fd, const char *text, size_t len, int64_t deadline_ms)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            int r = wait_for(fd, POLLOUT, deadline_ms);

            if (r < 0) {
                return r;
            }
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* All there is until the peer closes; *buf is grown, terminated, the caller's. */
static int
receive_all(int fd, int64_t deadline_ms, char **buf, size_t *len)
{
    size_t size = 0;

    for (;;) {
        ssize_t n;
        int r = wait_for(fd, POLLIN, deadline_ms);

        if (r < 0) {
            return r;
        }
        if (size - *len < READ_SIZE + 1) {
            char *grown = realloc(*buf, size * 2 + READ_SIZE + 1);

            if (grown == NULL) {
                return -ENOMEM;
            }
            *buf = grown;
            size = size * 2 + READ_SIZE + 1;
        }
        n = recv(fd, *buf + *len, READ_SIZE, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            (*buf)[*len] = '\0';
            return 0;
        }
        *len += n > 0 ? (size_t)n : 0;
        if (*len > CLIENT_BODY_MAX) {
            return -EFBIG;
        }
    }
}

/* "HTTP/1.1 200 OK" … blank line, body. */
static int
parse_response(const char *text, size_t len, struct client_response *ret)
{
    static const char start[] = "HTTP/1.";
    const char *end = len > 0 ? memmem(text, len, "\r\n\r\n", 4) : NULL;
    uint64_t status;
    char digits[4];

    if (end == NULL || len < sizeof(start) + 5 || strncmp(text, start, strlen(start)) != 0) {
        return -EPROTO;
    }
    memcpy(digits, text + sizeof(start) + 1, 3);
    digits[3] = '\0';
    if (parse_uint(digits, 100, 599, &status) < 0) {
        return -EPROTO;
    }
    ret->len = len - (size_t)(end + 4 - text);
    ret->body = malloc(ret->len + 1);
    if (ret->body == NULL) {
        return -ENOMEM;
    }
    memcpy(ret->body, end + 4, ret->len);
    ret->body[ret->len] = '\0';
    ret->status = (int)status;
    return 0;
}

/* Connects and asks. 0 and *ret_fd. */
static int
send_request(const char *socket_path, const char *path, int64_t deadline_ms, int *ret_fd)
{
    CLEANUP(cleanup_fd) int fd = -1;
    char request[256];
    int r = open_socket(socket_path, deadline_ms, &fd);

    if (r < 0) {
        return r;
    }
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    r = send_all(fd, request, strlen(request), deadline_ms);
    if (r == 0) {
        *ret_fd = take_fd(&fd);
    }
    return r;
}

/* The lines that are whole, to on_line; what is left moves to the front. false: enough. */
static bool
give_lines(char *buf, size_t *len, client_line_fn on_line, void *arg)
{
    char *start = buf;
    char *end;

    while ((end = memchr(start, '\n', *len - (size_t)(start - buf))) != NULL) {
        *end = '\0';
        if (end > start && end[-1] == '\r') {
            end[-1] = '\0';
        }
        if (!on_line(start, arg)) {
            return false;
        }
        start = end + 1;
    }
    *len -= (size_t)(start - buf);
    memmove(buf, start, *len);
    return true;
}

/* From a connection that was asked, until it ends. */
static int
read_stream(int fd, char buf[static CLIENT_LINE_MAX], const int64_t *wake_ms,
    client_line_fn on_line, void *arg)
{
    size_t len = 0;

    for (;;) {
        int r = wait_for(fd, POLLIN, *wake_ms);
        ssize_t n = r == 0 ? recv(fd, buf + len, CLIENT_LINE_MAX - len, 0) : 0;

        if (r == -ETIMEDOUT) {
            if (!on_line(NULL, arg)) {
                return 0;
            }
            continue;
        }
        if (r < 0 || n == 0) {
            return r;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        len += n > 0 ? (size_t)n : 0;
        if (!give_lines(buf, &len, on_line, arg)) {
            return 0;
        }
        if (len == CLIENT_LINE_MAX) {
            return -EFBIG;
        }
    }
}

int
client_stream(const char *socket_path, const char *path, int timeout_ms, const int64_t *wake_ms,
    client_line_fn on_line, void *arg)
{
    char *buf = malloc(CLIENT_LINE_MAX);
    int fd = -1;
    int r;

    if (buf == NULL) {
        return -ENOMEM;
    }
    r = send_request(socket_path, path, monotonic_ms() + timeout_ms, &fd);
    if (r == 0) {
        r = read_stream(fd, buf, wake_ms, on_line, arg);
    }
    cleanup_fd(&fd);
    free(buf);
    return r;
}

int
client_get(const char *socket_path, const char *path, int timeout_ms, struct client_response *ret)
{
    int64_t deadline_ms = monotonic_ms() + timeout_ms;
    CLEANUP(cleanup_fd) int fd = -1;
    CLEANUP(cleanup_free) char *text = NULL;
    size_t len = 0;
    int r = send_request(socket_path, path, deadline_ms, &fd);

    if (r == 0) {
        r = receive_all(fd, deadline_ms, &text, &len);
    }
    return r < 0 ? r : parse_response(text, len, ret);
}
