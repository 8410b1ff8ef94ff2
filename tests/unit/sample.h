/* A report to look at from every side: one endpoint that is well, one with a dead address, S3 by
 * its gateway, one that was never probed, a cause, an ill name server. For tests of what is shown.
 */
#ifndef VPCE_TESTS_UNIT_SAMPLE_H
#define VPCE_TESTS_UNIT_SAMPLE_H

#include "daemon/report.h"

#include <jansson.h>

struct sample {
    struct report report;
    struct host host;
    struct clients clients;
    struct causes causes;
    struct endpoint endpoints[4];
    int64_t due_ms[4];
};

void sample_init(struct sample *sample);
void sample_done(struct sample *sample);

/* ecr.api lost an address, and the daemon was started before. A new reference; NULL: no memory. */
json_t *sample_timeline(void);

/* Compares with tests/golden/NAME; true when they are the same. With UPDATE_GOLDEN=1 in the
 * environment the file is written instead. */
bool golden_equal(const char *name, const char *text);

#endif
