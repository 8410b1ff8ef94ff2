/* See fdstore.h. Sealed, so that nobody can change the bytes while they are read. */
#include "systemd/fdstore.h"

#include "daemon/util.h"
#include "systemd/notify_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

bool
fdstore_is_there(void)
{
    return getenv("NOTIFY_SOCKET") != NULL;
}

/* No ftruncate: the service may not. */
static int
write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Returns the descriptor, or a negative errno. */
static int
make_sealed(const char *name, const void *bytes, size_t len)
{
    CLEANUP(cleanup_fd)
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    int r;

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (fd < 0) {
        return -errno;
    }
    r = write_all(fd, bytes, len);
    if (r < 0) {
        return r;
    }
    return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : take_fd(&fd);
}

/* The room is for one: the old goes first. Two datagrams, read in this order. */
int
fdstore_put(const char *name, const void *bytes, size_t len)
{
    CLEANUP(cleanup_fd) int fd = make_sealed(name, bytes, len);
    char message[128];
    struct text text = TEXT(message);
    int r;

    if (fd < 0) {
        return fd;
    }
    (void)text_add(&text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    r = notify_socket_send(message, -1);
    if (r < 0) {
        return r;
    }
    text = TEXT(message);
    (void)text_add(&text, "FDSTORE=1\nFDNAME=%s", name);
    return notify_socket_send(message, fd);
}

/* The passed descriptor of this name, or -1. */
static int
find_passed(const char *name)
{
    CLEANUP(cleanup_strings) char **names = NULL;
    int n = sd_listen_fds_with_names(0, &names);

    for (int i = 0; i < n; i++) {
        if (streq(names[i], name)) {
            return SD_LISTEN_FDS_START + i;
        }
    }
    return -1;
}

static int
read_all(int fd, uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(fd, bytes + at, len - at, (off_t)at);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            return -EIO;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The descriptor stays open: sd_listen_fds, once more, would fail over one that is not. */
int
fdstore_get(const char *name, size_t max, uint8_t **ret, size_t *ret_len)
{
    int fd = find_passed(name);
    CLEANUP(cleanup_free) uint8_t *bytes = NULL;
    struct stat st;
    size_t len;
    int r;

    if (fd < 0) {
        return -ENOENT;
    }
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    r = fcntl(fd, F_GET_SEALS); /* fails for all but a memfd */
    if (r < 0 || (r & SEALS) != SEALS) {
        return -EPERM;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > max) {
        return -EFBIG;
    }
    len = (size_t)st.st_size;
    bytes = malloc(len + 1); /* never of no bytes */
    if (bytes == NULL) {
        return -ENOMEM;
    }
    r = read_all(fd, bytes, len);
    if (r < 0) {
        return r;
    }
    *ret = TAKE(bytes);
    *ret_len = len;
    return 0;
}

/* The unit hands the id over, because it hides /proc/sys. */
void
fdstore_boot_id(uint8_t ret[static 16])
{
    const char *text = getenv("VPCE_BOOT_ID");
    sd_id128_t id;

    if ((text != NULL && sd_id128_from_string(text, &id) >= 0) || sd_id128_get_boot(&id) >= 0) {
        memcpy(ret, id.bytes, sizeof(id.bytes));
    } else {
        memset(ret, 0, sizeof(id.bytes));
    }
}
