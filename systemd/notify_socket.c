/* See notify_socket.h. */
#include "systemd/notify_socket.h"

#include "daemon/util.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* "/run/…", or "@…" for an abstract address. Returns its length, or 0: it is of neither kind. */
static socklen_t
address_of(const char *name, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') ||
        !str_copy(ret->sun_path, sizeof(ret->sun_path), name)) {
        return 0;
    }
    if (name[0] == '/') {
        return sizeof(*ret);
    }
    ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

int
notify_socket_send(const char *text, int fd)
{
    const char *name = getenv("NOTIFY_SOCKET");
    CLEANUP(cleanup_fd) int notify_fd = -1;
    struct sockaddr_un address;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    char copy[NOTIFY_TEXT_SIZE];
    struct iovec iov = {copy, 0};
    struct msghdr message = {.msg_name = &address, .msg_iov = &iov, .msg_iovlen = 1};

    if (name == NULL) {
        return 0;
    }
    message.msg_namelen = address_of(name, &address);
    if (message.msg_namelen == 0) {
        return -EINVAL;
    }
    (void)str_copy(copy, sizeof(copy), text);
    iov.iov_len = strlen(copy);
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify_fd < 0 || sendmsg(notify_fd, &message, MSG_NOSIGNAL) < 0) {
        return -errno;
    }
    return 0;
}
