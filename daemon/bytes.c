/* See bytes.h. */
#include "daemon/bytes.h"

#include "daemon/util.h"

#include <stdlib.h>

#define FIRST_SIZE 4096
#define TEXT_MAX UINT16_MAX

static bool
make_room(struct byte_writer *w, size_t n)
{
    size_t size = w->size > 0 ? w->size : FIRST_SIZE;
    uint8_t *data;

    while (size - w->len < n) {
        size *= 2;
    }
    if (size == w->size) {
        return true;
    }
    data = realloc(w->data, size);
    if (data == NULL) {
        return false;
    }
    w->data = data;
    w->size = size;
    return true;
}

void
bytes_put(struct byte_writer *w, const void *data, size_t n)
{
    if (w->failed || !make_room(w, n)) {
        w->failed = true;
        return;
    }
    if (n > 0) {
        memcpy(w->data + w->len, data, n);
    }
    w->len += n;
}

void
bytes_put_uint(struct byte_writer *w, uint64_t value, size_t n_bytes)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < n_bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    bytes_put(w, bytes, n_bytes);
}

void
bytes_put_text(struct byte_writer *w, const char *s)
{
    size_t len = s != NULL ? strnlen(s, TEXT_MAX) : 0;

    bytes_put_uint(w, len, 2);
    bytes_put(w, s, len);
}

void
bytes_get(struct byte_reader *r, void *ret, size_t n)
{
    if (r->failed || bytes_left(r) < n) {
        r->failed = true;
        memset(ret, 0, n);
        return;
    }
    memcpy(ret, r->data + r->at, n);
    r->at += n;
}

uint64_t
bytes_get_uint(struct byte_reader *r, size_t n_bytes)
{
    uint8_t bytes[8];
    uint64_t value = 0;

    bytes_get(r, bytes, n_bytes);
    for (size_t i = 0; i < n_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint64_t
bytes_get_limited(struct byte_reader *r, size_t n_bytes, uint64_t max)
{
    uint64_t value = bytes_get_uint(r, n_bytes);

    if (value > max) {
        r->failed = true;
        return 0;
    }
    return value;
}

/* Nothing in it would have to be escaped. */
static bool
is_printable(const char *s, size_t len, struct text *scratch)
{
    return text_add_printable(scratch, s, len) && scratch->len == len;
}

void
bytes_get_text(struct byte_reader *r, char *ret, size_t size)
{
    size_t len = bytes_get_limited(r, 2, size - 1);
    struct text text = {.buf = ret, .size = size};

    ret[0] = '\0';
    if (r->failed || bytes_left(r) < len) {
        r->failed = true;
        return;
    }
    if (!is_printable((const char *)r->data + r->at, len, &text)) {
        r->failed = true;
        ret[0] = '\0';
        return;
    }
    r->at += len;
}

size_t
bytes_left(const struct byte_reader *r)
{
    return r->len - r->at;
}

uint64_t
bytes_hash(const uint8_t *data, size_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
