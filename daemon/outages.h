/* Outages: what the records of state changes, one after the other, add up to. Pure: knows neither
 * the journal nor a clock.
 *
 * An outage of an endpoint begins with the record in which its state becomes degraded or failed and
 * ends with the one in which it is ok. Changes between degraded and failed, and of the verdict,
 * belong to it; so do a restart of the daemon and a state that is unknown for a while. Records may
 * be missing at the front (rotated away) or in between, and the wall clock may be set back: each
 * record also says how long the old state lasted, by the steady clock. */
#ifndef VPCE_DAEMON_OUTAGES_H
#define VPCE_DAEMON_OUTAGES_H

#include "probes/spec.h"
#include "probes/verdict.h"

/* Finished outages that are kept, the newest; and endpoints that are followed. */
#define OUTAGES_MAX 10000
#define OUTAGES_ENDPOINTS_MAX 1024

#define OUTAGE_VERDICT_SIZE 32
#define OUTAGE_SUMMARY_SIZE 512

enum outage_event {
    OUTAGE_EVENT_CHANGED, /* of an endpoint */
    OUTAGE_EVENT_STARTED, /* the daemon */
};

/* One record. Texts are as found, of any length and content; NULL: not there. */
struct outage_record {
    int64_t at_us;     /* wall clock, microseconds since 1970 */
    int64_t steady_us; /* monotonic clock, when it is of this boot; 0: not known */
    enum outage_event event;
    /* of OUTAGE_EVENT_CHANGED alone */
    const char *endpoint;
    const char *old_state;
    const char *state; /* of OUTAGE_EVENT_STARTED: there when the daemon took up its states */
    const char *old_verdict;
    const char *verdict;
    const char *summary;
    const char *duration_ms; /* how long the old state lasted */
};

/* Its texts have no control characters and are UTF-8. */
struct outage {
    char endpoint[ENDPOINT_KEY_SIZE];
    int64_t start_us;
    bool before; /* it began at start_us or before */
    bool ended;
    int64_t end_us;            /* when it has ended */
    bool ongoing;              /* false without an end: since the daemon was started again, or the
                                  state became unknown, nothing has been heard */
    int64_t duration_ms;       /* so far, when it is ongoing; -1: not known */
    unsigned restarts;         /* of the daemon while it lasted */
    enum endpoint_state state; /* the worst */
    char verdict[OUTAGE_VERDICT_SIZE]; /* of the worst state; "": not known, as those below */
    char first_verdict[OUTAGE_VERDICT_SIZE];
    char last_verdict[OUTAGE_VERDICT_SIZE];
    char *summary; /* of the worst state; NULL: not known */
};

struct outages;

/* from_us: where the records begin. since_us: what ended before does not count.
 * NULL without memory. */
struct outages *outages_new(int64_t from_us, int64_t since_us);
void outages_free(struct outages *outages);

/* The next record. One that makes no sense is counted and left out. Returns 0 or -ENOMEM. */
int outages_add(struct outages *outages, const struct outage_record *record);

struct outages_result {
    const struct outage *list; /* by start; borrowed from the outages */
    size_t n;
    uint64_t n_cut;     /* older ones, more than OUTAGES_MAX */
    uint64_t n_records; /* all that were added */
    uint64_t n_ignored; /* of them: made no sense, or more endpoints than are followed */
};

/* Once, after the last record. now_us, now_steady_us: as in a record. Returns 0 or -ENOMEM. */
int outages_finish(
    struct outages *outages, int64_t now_us, int64_t now_steady_us, struct outages_result *ret);

#endif
