/* What all probes of a prober share (probes/probe.h): trust store, name servers, places for TCP
 * connections, work done ahead; made from the settings. */
#ifndef VPCE_DAEMON_PROBER_ENV_H
#define VPCE_DAEMON_PROBER_ENV_H

#include "conf/conf.h"
#include "probes/probe.h"

#define PROBER_ERROR_SIZE 1024

/* All but the trust store. once: for one check, which has no packets to save. ret: zeroed before;
 * released by prober_env_close also after a failure. 0; or a negative errno, and error says what
 * could not be had. */
int prober_env_open(struct loop *loop, const struct conf *conf, size_t n_endpoints, bool once,
    struct probe_env *ret, char error[static PROBER_ERROR_SIZE]);

/* The trust store. Same errors, but -EINVAL: CaFile= is wrong; -ENOENT: it is, for now: no such
 * file, or not to be read, or empty. Then error is a line as those of conf_errors. */
int prober_env_open_tls(
    const struct conf *conf, struct probe_env *env, char error[static PROBER_ERROR_SIZE]);

void prober_env_close(struct probe_env *env); /* no probe is left; all zero is fine */

/* Which moment of the interval is this host's: differs from host to host, stays over restarts. */
int64_t prober_env_phase(int64_t interval_ms);

#endif
