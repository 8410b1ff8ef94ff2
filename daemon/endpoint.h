/* The settled state of one endpoint: what its runs, one after the other, add up to. Pure; time is
 * an argument.
 *
 * Rules. Worse: after `fall` runs in a row worse than the state, the state becomes the mildest of
 * them. Better: after `rise` runs better than the state, the worst of them. Another verdict within
 * the state: after `fall` runs with it. The first ok or degraded run decides at once, a first
 * failure needs `fall`. A run without statement changes nothing; without any conclusive run for
 * long the state becomes unknown. A changed address set changes nothing by itself. */
#ifndef VPCE_DAEMON_ENDPOINT_H
#define VPCE_DAEMON_ENDPOINT_H

#include "probes/verdict_text.h"

/* One moment on both clocks. */
struct moment {
    int64_t mono_ms; /* CLOCK_MONOTONIC, for all reckoning */
    int64_t wall_ms; /* milliseconds since 1970, for showing only */
};

struct endpoint_policy {
    unsigned rise; /* 1 to ENDPOINT_HISTORY_N */
    unsigned fall;
    int64_t stale_ms; /* without a conclusive run for longer the state becomes unknown */
    struct verdict_policy verdict;
};

/* Runs that are remembered; the largest rise and fall. */
#define ENDPOINT_HISTORY_N 20

/* Failures in a row of one address. */
struct addr_memory {
    struct addr addr;
    uint16_t failures;
};

struct endpoint {
    struct endpoint_spec spec; /* its names are whose spec it was given */

    /* settled */
    enum endpoint_state state;
    enum verdict_code verdict;
    enum network_path path;
    struct moment since; /* when the state began */
    char *summary;       /* heap: of the newest run that agrees with the verdict; or NULL */

    /* runs */
    uint64_t runs;           /* all of them, also those without statement */
    uint64_t *run_failures;  /* heap, VERDICT_CODE_N; NULL: none, or no memory to count */
    uint64_t changes;        /* of the state */
    struct verdict last_run; /* code NONE: no run yet */
    struct moment last_run_at;
    int64_t last_conclusive_ms;                    /* monotonic */
    struct probe_result evidence;                  /* of the newest conclusive run */
    enum verdict_code history[ENDPOINT_HISTORY_N]; /* conclusive runs, the newest first */
    size_t n_history;
    size_t n_memory;
    struct addr_memory *memory; /* heap; addresses that failed in their newest run */
};

/* A change worth a line. */
struct transition {
    enum endpoint_state old_state;
    enum endpoint_state state;
    enum verdict_code old_verdict;
    enum verdict_code verdict;
    int64_t lasted_ms; /* how long the old state lasted */
};

void endpoint_init(struct endpoint *e, const struct endpoint_spec *spec, struct moment now);
void endpoint_done(struct endpoint *e); /* releases what it holds */

/* The one of n whose key, host name and port are the spec's, or NULL. *next: where to look first, 0
 * to begin with, and then behind the one that was found: two lists in about the same order are
 * compared in one go. */
struct endpoint *endpoint_find(
    struct endpoint *endpoints, size_t n, const struct endpoint_spec *spec, size_t *next);

/* Move into e, which is fresh from endpoint_init, all that the other knows; e keeps its spec, and
 * the other is left fresh and without a key. */
void endpoint_take_over(struct endpoint *e, struct endpoint *other);

/* How many runs came to the code, of those that were not ok. */
uint64_t endpoint_run_failures(const struct endpoint *e, enum verdict_code code);

/* Take the result of a run (moved out of *result). True and *ret when the state or the verdict
 * changed. */
bool endpoint_apply(struct endpoint *e, struct probe_result *result,
    const struct surroundings *around, const struct endpoint_policy *policy,
    const struct verdict_context *context, struct moment now, struct transition *ret);

/* Vpc and private addresses that the run's answer has and the one before had not, and the other way
 * round, into words. false: none, or one of the two has no addresses at all. Before endpoint_apply.
 * Public addresses change all the time and do not count. */
bool endpoint_addr_changes(
    const struct endpoint *e, const struct probe_result *result, struct text *t);

/* What is around it changed after its newest run: the path, which is inferred, follows. */
void endpoint_infer_path(
    struct endpoint *e, const struct surroundings *around, const struct verdict_context *context);

/* What is around it changed after its newest run, so that run is judged again. True and *ret when
 * the state or the verdict changed. */
bool endpoint_rejudge(struct endpoint *e, const struct surroundings *around,
    const struct endpoint_policy *policy, const struct verdict_context *context, struct moment now,
    struct transition *ret);

/* True and *ret when the state became unknown because nothing conclusive was heard for long. */
bool endpoint_expire(struct endpoint *e, const struct endpoint_policy *policy, struct moment now,
    struct transition *ret);

/* Its runs do not agree (yet) with its state: probe it soon again. */
bool endpoint_is_undecided(const struct endpoint *e, const struct endpoint_policy *policy);

/* The newest run failed and the one before it, if any, did not. */
bool endpoint_has_just_failed(const struct endpoint *e, const struct endpoint_policy *policy);

enum host_state {
    HOST_STATE_UNKNOWN,
    HOST_STATE_HEALTHY,
    HOST_STATE_DEGRADED,
    HOST_STATE_UNHEALTHY,
};

const char *host_state_str(enum host_state state);

/* Over the required endpoints: unhealthy when one failed; unknown while one is; degraded when one
 * is; else healthy. */
enum host_state host_state_of(const struct endpoint *endpoints, size_t n);

/* Every required endpoint has a settled verdict and is ok or, unless only_healthy, degraded. */
bool host_is_ready(const struct endpoint *endpoints, size_t n, bool only_healthy);

#endif
