/* See save.h. */
#include "daemon/cli/save.h"

#include "daemon/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0666 /* less the umask, as for every new file */

/* A device or a link in its place (/dev/null, /dev/stdout) must not become a file. */
static int
may_replace(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (S_ISLNK(st.st_mode)) {
        return -ELOOP;
    }
    return S_ISREG(st.st_mode) ? 0 : -EEXIST;
}

/* In the same folder, as rename does not cross file systems. Returns a descriptor, or a negative
 * errno. */
static int
open_beside(const char *path, char ret[static PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int folder_len = slash != NULL ? (int)(slash - path) + 1 : 0;
    unsigned long long random;
    int n;
    int fd;

    if (strlen(path) >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return -EIO;
    }
    n = snprintf(ret, PATH_MAX, "%.*s.vpce-probe-%016llx", folder_len, path, random);
    if (n < 0 || n >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    fd = open(ret, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    return fd < 0 ? -errno : fd;
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int
save_file(const char *path, const char *data, size_t len)
{
    char beside[PATH_MAX];
    int r = may_replace(path);
    int fd;

    if (r < 0) {
        return r;
    }
    fd = open_beside(path, beside);
    if (fd < 0) {
        return fd;
    }
    r = write_all(fd, data, len);
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r == 0 && rename(beside, path) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlink(beside);
    }
    return r;
}
