/* Numbers and texts to bytes and back: little-endian, a text is its length (two bytes) and its
 * bytes. A failure sticks: everything after it does nothing, and who uses it asks once, at the end.
 * Pure. */
#ifndef VPCE_DAEMON_BYTES_H
#define VPCE_DAEMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_writer {
    uint8_t *data; /* heap; who writes frees it, also after a failure */
    size_t len;
    size_t size;
    bool failed; /* no memory */
};

void bytes_put(struct byte_writer *w, const void *data, size_t n);
void bytes_put_uint(struct byte_writer *w, uint64_t value, size_t n_bytes); /* 1 to 8 */
void bytes_put_text(struct byte_writer *w, const char *s); /* NULL: ""; cut at 65535 bytes */

struct byte_reader {
    const uint8_t *data; /* borrowed */
    size_t len;
    size_t at;
    bool failed; /* it ended early, or something was not what it must be */
};

/* 0 after a failure. */
uint64_t bytes_get_uint(struct byte_reader *r, size_t n_bytes);

/* A number up to max, or the reader fails. */
uint64_t bytes_get_limited(struct byte_reader *r, size_t n_bytes, uint64_t max);

/* n bytes into ret; zeros after a failure. */
void bytes_get(struct byte_reader *r, void *ret, size_t n);

/* A text of less than size bytes, printable UTF-8 all of it, or the reader fails: then "". */
void bytes_get_text(struct byte_reader *r, char *ret, size_t size);

size_t bytes_left(const struct byte_reader *r);

/* FNV-1a, 64 bit. Notices every change of a single byte; keeps out accidents, not attackers. */
uint64_t bytes_hash(const uint8_t *data, size_t n);

#endif
