/* See prober_env.h. */
#include "daemon/prober_env.h"

#include "daemon/schedule.h"
#include "daemon/util.h"
#include "probes/ahead.h"
#include "probes/dns.h"
#include "probes/slots.h"
#include "probes/tls.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int64_t
clamp(int64_t value, int64_t min, int64_t max)
{
    if (value < min) {
        return min;
    }
    return value < max ? value : max;
}

/* Room for A and AAAA of every endpoint at once, and again for what fails; refilled at twice the
 * steady rate. */
static int
open_dns(
    struct loop *loop, const struct conf *conf, size_t n_endpoints, bool once, struct dns **ret)
{
    int64_t packets = 4 * (int64_t)n_endpoints;
    const struct dns_options options = {.resolv_conf = DNS_DEFAULT_RESOLV_CONF,
        .hosts = DNS_DEFAULT_HOSTS,
        .timeout_ms = conf->probe.dns_timeout_ms,
        .second_opinion = conf->second_opinion,
        .per_second =
            once ? DNS_PER_SECOND_MAX
                 : clamp(packets * 1000 / conf->interval_ms, DNS_PER_SECOND, DNS_PER_SECOND_MAX),
        .burst = clamp(packets, DNS_BURST, DNS_BURST_MAX)};

    return dns_new(loop, &options, ret);
}

int
prober_env_open(struct loop *loop, const struct conf *conf, size_t n_endpoints, bool once,
    struct probe_env *env, char error[static PROBER_ERROR_SIZE])
{
    env->loop = loop;
    env->options = conf->probe;
    env->options.second_opinion_age_ms = conf->interval_ms;
    env->slots = slots_new(loop, conf->parallel);
    env->ahead = ahead_new(loop);
    if (env->slots == NULL || env->ahead == NULL ||
        open_dns(loop, conf, n_endpoints, once, &env->dns) < 0) {
        (void)snprintf(error, PROBER_ERROR_SIZE, "no memory");
        return -ENOMEM;
    }
    return 0;
}

/* Not the file's fault. */
static bool
is_shortage(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

/* What is wrong with the file may be over once somebody has put it there: -ENOENT. */
static int
class_of_problem(const char *ca_file, int error)
{
    struct stat st;
    bool empty = stat(ca_file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;

    return error == -EISDIR || (error == -EINVAL && !empty) ? -EINVAL : -ENOENT;
}

int
prober_env_open_tls(
    const struct conf *conf, struct probe_env *env, char error[static PROBER_ERROR_SIZE])
{
    const char *ca_file = conf_ca_file(conf);
    int r = tls_ctx_new(ca_file, conf->tls_engine, &env->tls_ctx);
    struct text problem = {.buf = error, .size = PROBER_ERROR_SIZE};

    if (r < 0 && is_shortage(r)) {
        (void)text_add(
            &problem, "cannot load trusted certificates from %s: %s", ca_file, strerror(-r));
    } else if (r < 0) {
        conf_ca_file_problem(conf, r == -EINVAL ? "no certificate in it" : strerror(-r), &problem);
        r = class_of_problem(ca_file, r);
    }
    return r;
}

void
prober_env_close(struct probe_env *env)
{
    dns_free(env->dns);
    slots_free(env->slots);
    ahead_free(env->ahead);
    tls_ctx_free(env->tls_ctx);
    *env = (struct probe_env){0};
}

int64_t
prober_env_phase(int64_t interval_ms)
{
    CLEANUP(cleanup_free) char *machine_id = NULL;
    size_t len;
    int r = read_file("/etc/machine-id", 128, &machine_id, &len);

    return schedule_phase(r == 0 ? machine_id : "", interval_ms);
}
