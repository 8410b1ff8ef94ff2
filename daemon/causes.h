/* The causes of the host as they are told: computed from the endpoints' newest evidence, with their
 * words, and kept until better evidence is there. Pure but for the heap. */
#ifndef VPCE_DAEMON_CAUSES_H
#define VPCE_DAEMON_CAUSES_H

#include "daemon/endpoint.h"
#include "probes/verdict_host.h"

#define CAUSE_REMEDY_SIZE (REMEDY_SIZE + 2048) /* with a list of what to create */

struct cause {
    enum verdict_code code;
    char summary[SUMMARY_SIZE];
    char remedy[CAUSE_REMEDY_SIZE];
    char *commands; /* heap, lines; NULL: none */
};

struct causes {
    size_t n;
    struct cause list[HOST_CAUSES_MAX];
    size_t n_endpoints;
    uint8_t *folded;  /* heap, n_endpoints: bit i says that the endpoint folds under list[i] */
    int64_t after_ms; /* evidence of runs that started before does not count */
    int64_t until_ms; /* and it is waited for until then */
};

/* All zero is empty. */
void causes_reset(struct causes *causes);

/* Something has just failed for the first time: older evidence of other endpoints tells nothing
 * about it, so new is waited for, but not longer than patience_ms. */
void causes_expect(struct causes *causes, int64_t after_ms, int64_t patience_ms);

/* Compute them anew, unless required endpoints have no evidence of after_ms and later yet. */
void causes_update(struct causes *causes, const struct endpoint *endpoints, size_t n,
    enum internet internet, const struct verdict_context *context, int64_t now_ms);

bool causes_fold(const struct causes *causes, size_t cause, size_t endpoint);

#endif
