/* See util.h. */
#include "daemon/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void
cleanup_free(void *p)
{
    void **pointer = p;

    free(*pointer);
    *pointer = NULL;
}

void
cleanup_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void
cleanup_strings(char ***list)
{
    for (size_t i = 0; *list != NULL && (*list)[i] != NULL; i++) {
        free((*list)[i]);
    }
    free(*list);
    *list = NULL;
}

bool
text_add(struct text *t, const char *format, ...)
{
    size_t room = t->size - t->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->buf + t->len, room, format, args);
    va_end(args);
    if (n < 0) {
        t->buf[t->len] = '\0';
        return false;
    }
    if ((size_t)n >= room) {
        t->len = t->size - 1;
        return false;
    }
    t->len += (size_t)n;
    return true;
}

size_t
utf8_length(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    static const struct {
        unsigned char mask, lead;
        size_t length;
        uint32_t min;
    } forms[] = {{0xe0, 0xc0, 2, 0xa0}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

    if (s[0] < 0x80) {
        return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        uint32_t code = s[0] & (unsigned char)~forms[i].mask;

        if ((s[0] & forms[i].mask) != forms[i].lead || forms[i].length > left) {
            continue;
        }
        for (size_t k = 1; k < forms[i].length; k++) {
            if ((s[k] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (s[k] & 0x3fU);
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code < forms[i].min || code > 0x10ffff || surrogate ? 0 : forms[i].length;
    }
    return 0;
}

static bool
add_escaped(struct text *t, const char *s, size_t len, bool escape_backslash)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(s + i, len - i);
        bool escape = n == 0 || (s[i] == '\\' && escape_backslash);

        if (t->size - t->len <= (escape ? sizeof("\\xNN") - 1 : n)) {
            return false; /* cut between characters, never inside one */
        }
        if (escape) {
            (void)text_add(t, "\\x%02x", (unsigned char)s[i]);
            n = 1;
        } else {
            (void)text_add(t, "%.*s", (int)n, s + i);
        }
        i += n;
    }
    return true;
}

bool
text_add_escaped(struct text *t, const char *s, size_t len)
{
    return add_escaped(t, s, len, true);
}

bool
text_add_printable(struct text *t, const char *s, size_t len)
{
    return add_escaped(t, s, len, false);
}

bool
str_copy(char *dst, size_t size, const char *s)
{
    size_t len = strlen(s);
    bool fits = len < size;

    if (!fits) {
        len = size - 1;
    }
    memcpy(dst, s, len);
    dst[len] = '\0';
    return fits;
}

int
parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (*s == '\0') {
        return -EINVAL;
    }
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9') {
            return -EINVAL;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value)) {
            return -ERANGE;
        }
    }
    if (value < min || value > max) {
        return -ERANGE;
    }
    *ret = value;
    return 0;
}

static int64_t
clock_ms(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t
host_slept_ms(void)
{
    int64_t awake_ms = clock_ms(CLOCK_MONOTONIC); /* before the other: never less than nothing */

    return clock_ms(CLOCK_BOOTTIME) - awake_ms;
}

int
read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_len)
{
    CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    CLEANUP(cleanup_free) char *buf = NULL;
    size_t len = 0;

    if (fd < 0) {
        return -errno;
    }
    buf = malloc(max_bytes + 1);
    if (buf == NULL) {
        return -ENOMEM;
    }
    while (len <= max_bytes) {
        ssize_t n = read(fd, buf + len, max_bytes + 1 - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            char *shrunk = realloc(buf, len + 1);

            buf = shrunk != NULL ? shrunk : buf;
            buf[len] = '\0';
            *ret = TAKE(buf);
            *ret_len = len;
            return 0;
        }
        len += (size_t)n;
    }
    return -EFBIG;
}
