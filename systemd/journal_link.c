/* See journal_link.h. */
#include "systemd/journal_link.h"

#include "daemon/util.h"

#include <endian.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Of our side: with the usual 208 KiB a hundred records would be all that may wait. The kernel
 * grants what net.core.wmem_max allows. */
#define SEND_BUFFER_BYTES (4 * 1024 * 1024)

static void
put(struct journal_record *record, const void *bytes, size_t len)
{
    memcpy(record->bytes + record->len, bytes, len);
    record->len += len;
}

void
journal_record_add(struct journal_record *record, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    uint64_t framed = htole64(value_len);

    if (value_len > sizeof(record->bytes) ||
        name_len + sizeof(framed) + value_len + 2 > sizeof(record->bytes) - record->len) {
        return;
    }
    put(record, name, name_len);
    if (strchr(value, '\n') != NULL) {
        put(record, "\n", 1);
        put(record, &framed, sizeof(framed));
    } else {
        put(record, "=", 1);
    }
    put(record, value, value_len);
    put(record, "\n", 1);
}

/* Kept open: a host out of descriptors is just what has to be told. */
static int
open_link(struct journal_link *link)
{
    const int size = SEND_BUFFER_BYTES;

    if (link->fd < 0) {
        link->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (link->fd < 0) {
            return -errno;
        }
        (void)setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    return 0;
}

/* Addressed each time: a journald that starts anew has another socket at the same path. */
static int
send_record(struct journal_link *link, const struct journal_record *record)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int r = open_link(link);

    if (r < 0) {
        return r;
    }
    if (!str_copy(sa.sun_path, sizeof(sa.sun_path), link->path)) {
        return -ENAMETOOLONG;
    }
    if (sendto(link->fd, record->bytes, record->len, MSG_NOSIGNAL, (struct sockaddr *)&sa,
            sizeof(sa)) < 0) {
        return -errno;
    }
    return 0;
}

static int
send_lost(struct journal_link *link, journal_lost_fn describe)
{
    struct journal_record record = {.len = 0};
    int r;

    describe(link->n_lost, &record);
    r = send_record(link, &record);
    if (r == 0) {
        link->n_lost = 0;
    }
    return r;
}

int
journal_link_send(
    struct journal_link *link, const struct journal_record *record, journal_lost_fn describe)
{
    int r = link->n_lost > 0 ? send_lost(link, describe) : 0;

    if (r == 0) {
        r = send_record(link, record);
    }
    if (r < 0 && r != -ENOENT) {
        link->n_lost++;
    }
    return r;
}
