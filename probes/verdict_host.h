/* The causes of the host: what the evidence of several endpoints says together. Pure.
 *
 * Only required endpoints fold under a cause, and mostly it takes two of them: what one endpoint
 * shows alone is its own verdict. The endpoints keep theirs. */
#ifndef VPCE_PROBES_VERDICT_HOST_H
#define VPCE_PROBES_VERDICT_HOST_H

#include "probes/verdict_text.h"

/* Whether this host reaches the Internet at large: S3 of another Region, for which there is no
 * gateway endpoint. */
enum internet {
    INTERNET_UNKNOWN,
    INTERNET_OPEN,
    INTERNET_CLOSED,
};

const char *internet_str(enum internet internet); /* "open" … */

/* One endpoint's part; all borrowed. */
struct host_evidence {
    const struct endpoint_spec *spec;
    const struct probe_result *result; /* of its newest conclusive run; NULL: none that counts */
    enum verdict_code code;            /* of that run */
    enum endpoint_state settled;
};

struct host_view {
    const struct host_evidence *endpoints;
    size_t n;
    enum internet internet;
    const struct verdict_context *context;
};

/* A clock that is further off is a cause. */
#define CLOCK_SKEW_MAX_MS 60000

struct host_cause {
    enum verdict_code code;
    size_t n_folded;
    size_t first;         /* the first endpoint that folds under it */
    struct subnet subnet; /* SUBNET_UNREACHABLE */
    const char *issuer;   /* TLS_INTERCEPTION; borrowed from the evidence */
    int64_t skew_ms;      /* CLOCK_SKEW: this host's clock minus the others'; 0: not measured */
};

/* As many as there are causes. */
#define HOST_CAUSES_MAX 8

struct host_causes {
    size_t n;
    struct host_cause causes[HOST_CAUSES_MAX];
};

/* ret_folded: view->n bytes; bit i of a byte says that the endpoint folds under causes[i]. */
void verdict_of_host(const struct host_view *view, struct host_causes *ret, uint8_t *ret_folded);

/* One sentence with the facts, and what to change. folded: as given. */
void host_cause_summary(struct text *t, const struct host_view *view,
    const struct host_causes *causes, size_t i, const uint8_t *folded);
void host_cause_remedy(struct text *t, const struct host_view *view,
    const struct host_causes *causes, size_t i, const uint8_t *folded);

#endif
