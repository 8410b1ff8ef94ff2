/* Small helpers every module may use: ownership macros, bounded text, checked numbers.
 * Nothing here knows about the product. */
#ifndef VPCE_DAEMON_UTIL_H
#define VPCE_DAEMON_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* gcc says it with a macro, clang with a feature. */
#ifdef __has_feature
#define BUILT_WITH_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define BUILT_WITH_ASAN 1
#else
#define BUILT_WITH_ASAN 0
#endif

/* Run fn(&variable) when the variable leaves its scope. fn must accept the "empty" value. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hand a pointer over: the variable is NULL afterwards, so its CLEANUP does nothing. */
#define TAKE(ptr)                                                                                  \
    __extension__({                                                                                \
        __typeof__(ptr) taken_ = (ptr);                                                            \
        (ptr) = NULL;                                                                              \
        taken_;                                                                                    \
    })

/* For CLEANUP: free(*p) and close(*fd) when >= 0. */
void cleanup_free(void *p);
void cleanup_fd(int *fd);

/* For CLEANUP: a heap list of heap texts, NULL at its end; or NULL. */
void cleanup_strings(char ***list);

/* Hand a descriptor over: *fd is -1 afterwards. */
static inline int
take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

static inline bool
streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Text of bounded size under construction. Always terminated; what does not fit is cut. */
struct text {
    char *buf;
    size_t size; /* of buf, at least 1 */
    size_t len;  /* without the terminator, < size */
};

#define TEXT(array) ((struct text){.buf = (array), .size = sizeof(array), .len = 0})

/* Append formatted text. Returns false when it was cut. */
bool text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append bytes from outside: control characters, backslashes and bytes that are not UTF-8 become
 * \xNN, so that no remote string can move the cursor or forge a line. false: it was cut. */
bool text_add_escaped(struct text *t, const char *s, size_t len);

/* The same for text whose backslashes are escapes already (RFC 4514 names): they stay. */
bool text_add_printable(struct text *t, const char *s, size_t len);

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0 when there is none. Control
 * characters count as ill-formed: terminals obey them. */
size_t utf8_length(const char *s, size_t left);

/* Copy s into dst, cut to size - 1 bytes. Returns false when it was cut. */
bool str_copy(char *dst, size_t size, const char *s);

/* The whole of s as a decimal number from min to max; no sign, no blanks.
 * Returns 0, -EINVAL (not a number) or -ERANGE. */
int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

/* CLOCK_MONOTONIC, milliseconds: for code that has no loop to ask. */
int64_t monotonic_ms(void);

/* How long this host has been suspended or hibernated since it booted, milliseconds. */
int64_t host_slept_ms(void);

/* Read a file whole, at most max_bytes. *ret is terminated, caller frees.
 * Returns 0, -EFBIG when it is longer, or the negative errno of open and read. */
int read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_len);

#endif
