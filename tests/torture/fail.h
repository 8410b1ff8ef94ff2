/* Calls that fail on demand. This program's own definitions of allocation and system calls, and of
 * library calls that make something, come before everybody's, so they see the calls of our code and
 * those of the libraries alike; they count them, and let the chosen one fail. */
#ifndef VPCE_TORTURE_FAIL_H
#define VPCE_TORTURE_FAIL_H

#include <stdbool.h>
#include <stdint.h>

/* Whose call it is. */
enum fail_caller {
    FAIL_CALLER_OURS, /* from our own objects */
    FAIL_CALLER_EVENT,
    FAIL_CALLER_CARES,
    FAIL_CALLER_OPENSSL,
    FAIL_CALLER_JANSSON,
    FAIL_CALLER_SYSTEMD,
    FAIL_CALLER_LIBC,
    FAIL_CALLER_OTHER,
};
#define FAIL_CALLER_N (FAIL_CALLER_OTHER + 1)

#define FAIL_SITES_MAX 16384
#define FAIL_WHERE_SIZE 3072

/* A place in the code (in OpenSSL: a line that allocates), reached along one way. Calls have no
 * number that two lives agree on, these have: the n-th call at a place is the same one in every
 * life. */
struct fail_site {
    uint64_t hash;               /* of the same place in any run of this program */
    uint64_t quick;              /* of this run: other values cannot be the same place */
    uint32_t n_calls;            /* 0: no place */
    uint16_t function;           /* fail_function_str */
    uint16_t caller;             /* enum fail_caller */
    char where[FAIL_WHERE_SIZE]; /* the first call, as addr2line wants it */
};

/* Shared with the process that fails. */
struct fail_state {
    bool recording; /* instead of failing */
    bool armed;     /* else calls do not count */
    bool fine;      /* ways through the libraries make places, too */
    struct {
        uint64_t hash;
        uint64_t quick;
    } target;       /* the place that fails */
    uint32_t nth;   /* of its calls, from 1 */
    uint32_t burst; /* and so many calls in all, of any place */
    uint32_t seen;  /* of its calls */
    uint32_t hits;
    char where[FAIL_WHERE_SIZE]; /* the first that failed */
    uint32_t n_sites;
    struct fail_site sites[FAIL_SITES_MAX]; /* a hash table, when recording */
};

/* From now on calls of this process count. NULL: not any more. */
void fail_use(struct fail_state *state);

const char *fail_function_str(unsigned function);
const char *fail_caller_str(enum fail_caller caller);

#endif
