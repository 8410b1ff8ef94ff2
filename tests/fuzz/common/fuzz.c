/* See fuzz.h. */
#include "fuzz.h"

#include "daemon/log.h"
#include "daemon/util.h"

#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SKIPPED 77
#define PATH_SIZE 256
#define PATHS 4

/* For the sanitizer. */
const char *__asan_default_options(void);

static char folder[64];

void
fuzz_fail(const char *file, int line, const char *condition)
{
    (void)dprintf(STDERR_FILENO, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

static char *
copy(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);

    if (text == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(text, bytes, len);
    }
    text[len] = '\0';
    return text;
}

char *
fuzz_part(struct fuzz_input *input, size_t *ret_len)
{
    static const char border[] = "\n%%\n";
    const uint8_t *end =
        input->left > 0 ? memmem(input->at, input->left, border, strlen(border)) : NULL;
    size_t len = end != NULL ? (size_t)(end - input->at) + 1 : input->left;
    size_t skip = end != NULL ? len + strlen(border) - 1 : len;
    char *part = copy(input->at, len);

    input->at += skip;
    input->left -= skip;
    if (ret_len != NULL) {
        *ret_len = len;
        return part;
    }

    /* a C string in a block of its own size, so that a step beyond its end is seen */
    char *text = copy((const uint8_t *)part, strlen(part));

    free(part);
    return text;
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
    return copy(data, size > 0 ? strnlen((const char *)data, size) : 0);
}

uint32_t
fuzz_number(struct fuzz_input *input, size_t n_bytes)
{
    uint32_t number = 0;

    for (size_t i = 0; i < n_bytes && input->left > 0; i++) {
        number = number << 8 | *input->at;
        input->at++;
        input->left--;
    }
    return number;
}

bool
fuzz_is_printable(const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = utf8_length(text, left);

        if (n == 0) {
            return false;
        }
        text += n;
        left -= n;
    }
    return true;
}

bool
fuzz_is_ascii(const char *text)
{
    while (*text >= ' ' && *text <= '~') {
        text++;
    }
    return *text == '\0';
}

bool
fuzz_is_ended(const char *array, size_t size)
{
    return memchr(array, '\0', size) != NULL;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void
remove_folder(void)
{
    (void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof(folder), "%.40s/vpce-fuzz-XXXXXX", tmp == NULL ? "." : tmp);
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        (void)atexit(remove_folder);
    }
    return folder;
}

const char *
fuzz_path(const char *name)
{
    static char paths[PATHS][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % PATHS];

    (void)snprintf(path, PATH_SIZE, "%s/%s", fuzz_folder(), name);
    return path;
}

void
fuzz_write(const char *name, const void *bytes, size_t len)
{
    const char *path = fuzz_path(name);
    CLEANUP(cleanup_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        char parent[PATH_SIZE];

        (void)str_copy(parent, sizeof(parent), path);
        *strrchr(parent, '/') = '\0';
        (void)mkdir(parent, 0700);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
}

static void
drop_line(int level, enum log_topic topic, const char *line)
{
    (void)level;
    (void)topic;
    FUZZ_CHECK(fuzz_is_printable(line));
}

void
fuzz_be_quiet(void)
{
    log_set_level(LOG_DEBUG); /* what formats the line is to run */
    log_set_sink(drop_line);
}

void
fuzz_own_network(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    CLEANUP(cleanup_fd) int fd = -1;

    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        (void)fputs("skipped: no network namespace to be had\n", stderr);
        _exit(SKIPPED);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0);
}

/* Freed memory waits here before it is used again: with the default of 256 MiB nearly all time goes
 * into pages that are new to the process. */
const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}
