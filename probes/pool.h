/* An allocator of small pieces by size, for one thread.
 *
 * What it knows of a piece lies apart from all pieces: writing past the end of one damages the
 * next, never the allocator. A piece that is freed while it is free, or was never handed out, ends
 * the process at once. */
#ifndef VPCE_PROBES_POOL_H
#define VPCE_PROBES_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* What is larger is not its business. */
#define POOL_PIECE_MAX 20480

struct pool;

/* max: bytes of address space that it reserves; memory is what of them was used at once. NULL: no
 * memory. */
struct pool *pool_new(size_t max);

/* With all its pieces. NULL is fine. */
void pool_free(struct pool *pool);

/* size bytes, or more, aligned for any type, not cleared. NULL: too large, or it is full: take them
 * from elsewhere. */
void *pool_take(struct pool *pool, size_t size);

/* Whether the piece is one of its own. */
bool pool_owns(const struct pool *pool, const void *piece);

/* How many bytes may be used of a piece it owns. */
size_t pool_piece_size(const struct pool *pool, const void *piece);

/* Back to it, a piece it owns. */
void pool_give(struct pool *pool, void *piece);

#endif
