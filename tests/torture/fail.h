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

/* Counted apart, so that what the libraries do in between does not move the numbers of ours. */
enum fail_class {
    FAIL_CLASS_OURS,
    FAIL_CLASS_LIBRARY,
};
#define FAIL_CLASS_N (FAIL_CLASS_LIBRARY + 1)

#define FAIL_POINTS_MAX 65536 /* that are recorded, of a class */
#define FAIL_WHERE_SIZE 1024

struct fail_point {
    uint16_t function; /* fail_function_str */
    uint16_t caller;   /* enum fail_caller */
    uint32_t way;      /* hash of how our code came there */
};

/* Shared with the process that fails. */
struct fail_state {
    bool recording;
    bool armed;
    enum fail_class target_class;
    uint32_t target; /* number of the call that fails, from 1 */
    uint32_t burst;  /* and so many in all */
    uint32_t counts[FAIL_CLASS_N];
    uint32_t hits;
    char where[FAIL_WHERE_SIZE]; /* the first that failed, one frame a line */
    struct fail_point points[FAIL_CLASS_N][FAIL_POINTS_MAX];
};

/* From now on calls of this process count. NULL: not any more. */
void fail_use(struct fail_state *state);

const char *fail_function_str(unsigned function);
const char *fail_caller_str(enum fail_caller caller);

#endif
