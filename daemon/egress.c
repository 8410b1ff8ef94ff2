/* See egress.h. */
#include "daemon/egress.h"

#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/probe.h"

#include <stdlib.h>

#define HTTPS_PORT 443

struct egress {
    char hostname[HOSTNAME_SIZE];
    struct endpoint_spec spec;
    struct probe *probe;
    struct loop *loop;
    egress_fn on_done;
    void *arg;
    enum internet internet;
    int64_t found_ms; /* when the run that found it began */
    int64_t started_ms;
    bool spoiled; /* the newest run */
    bool again;   /* asked for while it was looking */
};

/* An address that says nothing about the Internet: a VPC endpoint carries it after all, or it is
 * of a family that this host does not use. */
static bool
is_no_control(const struct addr_result *addr)
{
    return !addr->judged || addr_class_is_private(addr->addr_class) ||
           addr->addr_class == ADDR_CLASS_SPECIAL;
}

enum internet
egress_of_run(const struct probe_result *result, bool *ret_spoiled)
{
    unsigned n_closed = 0;
    bool resources = false;

    *ret_spoiled = false;
    for (size_t i = 0; i < result->n_addrs; i++) {
        const struct addr_result *addr = &result->addrs[i];

        if (is_no_control(addr)) {
            continue;
        }
        if (addr->connect_us >= 0) {
            return INTERNET_OPEN;
        }
        resources |= addr->outcome == ADDR_OUTCOME_RESOURCES;
        n_closed++;
    }
    *ret_spoiled = resources || result->spoiled;
    return n_closed > 0 && !*ret_spoiled ? INTERNET_CLOSED : INTERNET_UNKNOWN;
}

static void
on_result(struct probe_result *result, void *arg)
{
    struct egress *egress = arg;

    enum internet before = egress->internet;

    enum internet found = egress_of_run(result, &egress->spoiled);

    if (!egress->spoiled) {
        egress->internet = found;
        egress->found_ms = result->started_ms;
    }
    if (egress->again) {
        egress_start(egress);
    }
    egress->on_done(before, egress->arg);
}

struct egress *
egress_new(const struct probe_env *env, const struct vpc_nets *nets, const char *hostname,
    egress_fn on_done, void *arg)
{
    struct egress *egress = calloc(1, sizeof(*egress));

    if (egress == NULL) {
        return NULL;
    }
    egress->spec = (struct endpoint_spec){.key = "egress",
        .hostname = egress->hostname,
        .service_name = "",
        .port = HTTPS_PORT,
        .expected = EXPECTED_ANY,
        .depth = PROBE_DEPTH_CONNECT};
    (void)str_copy(egress->hostname, sizeof(egress->hostname), hostname);
    egress->loop = env->loop;
    egress->on_done = on_done;
    egress->arg = arg;
    egress->started_ms = INT64_MIN;
    egress->probe = probe_new(env, nets, on_result, egress);
    if (egress->probe == NULL) {
        free(egress);
        return NULL;
    }
    return egress;
}

void
egress_free(struct egress *egress)
{
    if (egress != NULL) {
        probe_free(egress->probe);
        free(egress);
    }
}

void
egress_start(struct egress *egress)
{
    egress->again = probe_start(egress->probe, &egress->spec, NULL) < 0;
    if (!egress->again) {
        egress->started_ms = loop_now_ms(egress->loop);
    }
}

bool
egress_is_running(const struct egress *egress)
{
    return probe_is_running(egress->probe);
}

const char *
egress_hostname(const struct egress *egress)
{
    return egress->spec.hostname;
}

bool
egress_is_inconclusive(const struct egress *egress)
{
    return egress->spoiled || egress->internet == INTERNET_UNKNOWN;
}

enum internet
egress_internet(const struct egress *egress)
{
    return egress->internet;
}

int64_t
egress_found_ms(const struct egress *egress)
{
    return egress->found_ms;
}

int64_t
egress_started_ms(const struct egress *egress)
{
    return egress->started_ms;
}
