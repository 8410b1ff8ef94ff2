/* A token bucket: how often something may happen, and how many at once. Pure.
 *
 * It may be overdrawn: what has to happen at once is charged afterwards and makes the next ones
 * wait. */
#ifndef VPCE_PROBES_BUCKET_H
#define VPCE_PROBES_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    int64_t per_second; /* tokens that come back each second, > 0 */
    int64_t burst;      /* tokens it holds, > 0 */
    int64_t tokens_milli;
    int64_t at_ms; /* monotonic; tokens_milli is of then */
};

/* Full. */
void bucket_init(struct bucket *bucket, int64_t per_second, int64_t burst, int64_t now_ms);

/* Take one token; false: there is none yet. */
bool bucket_take(struct bucket *bucket, int64_t now_ms);

/* Take n tokens whether they are there or not; the debt is never more than a burst. */
void bucket_charge(struct bucket *bucket, int64_t n, int64_t now_ms);

/* Tokens that come back within the time; 1 at least, and no more than it holds. */
int64_t bucket_refill(const struct bucket *bucket, int64_t ms);

/* Milliseconds until n tokens are there, 1 to burst; 0: they are now. */
int64_t bucket_wait_ms(struct bucket *bucket, int64_t n, int64_t now_ms);

#endif
