/* See bucket.h. Counts in thousandths, so that a token's part of each millisecond is whole. */
#include "probes/bucket.h"

#define TOKEN 1000

static void
fill(struct bucket *bucket, int64_t now_ms)
{
    int64_t full = bucket->burst * TOKEN;
    int64_t passed_ms = now_ms - bucket->at_ms;

    /* per second is thousandths per millisecond; a long time would overflow */
    if (passed_ms >= (full - bucket->tokens_milli) / bucket->per_second + 1) {
        bucket->tokens_milli = full;
    } else if (passed_ms > 0) {
        bucket->tokens_milli += passed_ms * bucket->per_second;
    }
    bucket->at_ms = now_ms;
}

void
bucket_init(struct bucket *bucket, int64_t per_second, int64_t burst, int64_t now_ms)
{
    *bucket = (struct bucket){
        .per_second = per_second, .burst = burst, .tokens_milli = burst * TOKEN, .at_ms = now_ms};
}

bool
bucket_take(struct bucket *bucket, int64_t now_ms)
{
    fill(bucket, now_ms);
    if (bucket->tokens_milli < TOKEN) {
        return false;
    }
    bucket->tokens_milli -= TOKEN;
    return true;
}

void
bucket_charge(struct bucket *bucket, int64_t n, int64_t now_ms)
{
    fill(bucket, now_ms);
    bucket->tokens_milli -= n * TOKEN;
    if (bucket->tokens_milli < -bucket->burst * TOKEN) {
        bucket->tokens_milli = -bucket->burst * TOKEN;
    }
}

int64_t
bucket_refill(const struct bucket *bucket, int64_t ms)
{
    int64_t n = bucket->per_second * ms / 1000;

    n = n < bucket->burst ? n : bucket->burst;
    return n > 1 ? n : 1;
}

int64_t
bucket_wait_ms(struct bucket *bucket, int64_t n, int64_t now_ms)
{
    fill(bucket, now_ms);
    if (bucket->tokens_milli >= n * TOKEN) {
        return 0;
    }
    return (n * TOKEN - bucket->tokens_milli + bucket->per_second - 1) / bucket->per_second;
}
