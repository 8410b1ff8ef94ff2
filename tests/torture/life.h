/* One life of the daemon, in a process of its own: start, probes of real servers, a reader of its
 * status, its metrics and its events, reload, more probes, stop; and in it the call that fails. */
#ifndef VPCE_TORTURE_LIFE_H
#define VPCE_TORTURE_LIFE_H

#include "fail.h"

/* One failure to come: the nth call at a place. */
struct trial {
    const struct fail_site *site; /* NULL: nothing fails, all is recorded */
    uint32_t nth;
};

struct life_options {
    char dir[64]; /* of all files; vpce-probe.conf is there */
    unsigned burst;
    bool fine; /* fail_state */
    bool show; /* also when it goes well */
};

#define LIFE_ENDPOINTS_N 2 /* that the configuration has */

/* The socket that stands for systemd's, for all lives of one job. */
int life_open_notify(const char *dir, unsigned job);

/* state is left with what was counted. false: it did not go well, and that was told. */
bool life_run(const struct life_options *options, unsigned job, int notify_fd,
    const struct trial *trial, struct fail_state *state);

#endif
