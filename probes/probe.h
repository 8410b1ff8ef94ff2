/* One run of one endpoint: RESOLVE both families -> fan out to every address -> gather -> finish.
 * A family's addresses are connected as soon as its own answer is there. The object is made once
 * and used for run after run, of whichever endpoint. */
#ifndef VPCE_PROBES_PROBE_H
#define VPCE_PROBES_PROBE_H

#include "probes/addr_probe.h"

struct probe;

/* result: borrowed until the callback returns; probe_result_move takes it. The callback may start
 * the next run or free the probe. */
typedef void (*probe_fn)(struct probe_result *result, void *arg);

/* env, nets: borrowed, outlive the probe. NULL without memory. */
struct probe *probe_new(
    const struct probe_env *env, const struct vpc_nets *nets, probe_fn on_done, void *arg);

/* Start one run. Returns at once; on_done is called once, later, from the loop.
 * spec: borrowed, must outlive the run; its hostname is known. before: what was found the last
 * time, whose second opinion may do; borrowed for the run, too; NULL: nothing. Returns 0, or -EBUSY
 * when a run is in flight. */
int probe_start(
    struct probe *p, const struct endpoint_spec *spec, const struct probe_result *before);

bool probe_is_running(const struct probe *p);

/* End a run without result: on_done is not called. No run is fine. */
void probe_cancel(struct probe *p);

void probe_free(struct probe *p); /* cancels; NULL is fine */

#endif
