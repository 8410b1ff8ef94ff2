/* Parts of a text, for parsers that neither change nor copy it. For the files of conf alone. */
#ifndef VPCE_CONF_SPAN_H
#define VPCE_CONF_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define BLANKS " \t\r\v\f"

/* Borrowed; not terminated, and without NUL bytes. */
struct span {
    const char *at;
    size_t len;
};

/* Where the first of these bytes is; len: nowhere. */
static inline size_t
span_find(struct span s, const char *bytes)
{
    size_t n = 0;

    while (n < s.len && strchr(bytes, s.at[n]) == NULL) {
        n++;
    }
    return n;
}

static inline struct span
span_head(struct span s, size_t n)
{
    return (struct span){s.at, n};
}

static inline struct span
span_tail(struct span s, size_t n)
{
    return (struct span){s.at + n, s.len - n};
}

static inline bool
is_blank(char c)
{
    return c != '\0' && strchr(BLANKS, c) != NULL;
}

static inline struct span
span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s = span_tail(s, 1);
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

static inline bool
span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* false: it does not fit, nothing is copied. */
static inline bool
span_copy(struct span s, char *buf, size_t size)
{
    if (s.len >= size) {
        return false;
    }
    memcpy(buf, s.at, s.len);
    buf[s.len] = '\0';
    return true;
}

#endif
