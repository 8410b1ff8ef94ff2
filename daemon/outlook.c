/* See outlook.h. */
#include "daemon/outlook.h"

#include "conf/plan.h"
#include "daemon/client_files.h"
#include "daemon/loop.h"

#include <errno.h>
#include <stdlib.h>

/* The egress control looks this often, and when something changed. */
#define EGRESS_INTERVAL_MS 600000

/* What was found this long before or after a run belongs to it; with long intervals, an interval.
 */
#define EGRESS_AGE_MS 60000

/* The clients' settings are read again when they are older. */
#define CLIENTS_AGE_MS 10000

struct outlook {
    struct loop *loop;
    struct egress *egress; /* NULL: there is no control */
    struct loop_timer *timer;
    int64_t age_ms;   /* how far apart a run and a finding may be */
    int64_t retry_ms; /* after a look that found nothing out */
    egress_fn on_egress;
    void *arg;
    struct clients clients;
    int64_t clients_read_ms;
};

static void
read_clients(struct outlook *outlook)
{
    client_files_read(&outlook->clients, CLIENTS_ECS_CONFIG, CLIENTS_DOCKER_DROPINS);
    outlook->clients_read_ms = loop_now_ms(outlook->loop);
}

static void
on_timer(void *arg)
{
    outlook_look(arg, 0);
}

static void
on_egress_done(enum internet before, void *arg)
{
    struct outlook *outlook = arg;

    if (egress_is_inconclusive(outlook->egress)) {
        loop_timer_set(outlook->timer, outlook->retry_ms);
    }
    outlook->on_egress(before, outlook->arg);
}

static int
open_egress(struct outlook *outlook, const struct probe_env *env, const struct conf *conf,
    const struct host *host)
{
    char hostname[HOSTNAME_SIZE];

    if (!plan_egress_control(conf, host, hostname)) {
        return 0;
    }
    outlook->timer = loop_timer_new(outlook->loop, on_timer, outlook);
    outlook->egress = egress_new(env, &host->nets, hostname, on_egress_done, outlook);
    return outlook->timer != NULL && outlook->egress != NULL ? 0 : -ENOMEM;
}

int
outlook_new(const struct probe_env *env, const struct conf *conf, const struct host *host,
    egress_fn on_egress, void *arg, struct outlook **ret)
{
    struct outlook *outlook = calloc(1, sizeof(*outlook));

    if (outlook == NULL) {
        return -ENOMEM;
    }
    outlook->loop = env->loop;
    outlook->retry_ms = conf->interval_ms;
    outlook->age_ms = conf->interval_ms > EGRESS_AGE_MS ? conf->interval_ms : EGRESS_AGE_MS;
    outlook->on_egress = on_egress;
    outlook->arg = arg;
    if (open_egress(outlook, env, conf, host) < 0) {
        outlook_free(outlook);
        return -ENOMEM;
    }
    read_clients(outlook);
    *ret = outlook;
    return 0;
}

void
outlook_free(struct outlook *outlook)
{
    if (outlook != NULL) {
        egress_free(outlook->egress);
        loop_timer_free(outlook->timer);
        free(outlook);
    }
}

void
outlook_refresh(struct outlook *outlook)
{
    if (loop_now_ms(outlook->loop) - outlook->clients_read_ms >= CLIENTS_AGE_MS) {
        read_clients(outlook);
    }
}

void
outlook_look(struct outlook *outlook, int64_t min_age_ms)
{
    if (outlook->egress == NULL ||
        loop_now_ms(outlook->loop) - min_age_ms < egress_started_ms(outlook->egress)) {
        return;
    }
    egress_start(outlook->egress);
    loop_timer_set(outlook->timer, EGRESS_INTERVAL_MS);
}

bool
outlook_is_looking(const struct outlook *outlook)
{
    return outlook->egress != NULL && egress_is_running(outlook->egress);
}

enum internet
outlook_internet(const struct outlook *outlook)
{
    return outlook->egress != NULL ? egress_internet(outlook->egress) : INTERNET_UNKNOWN;
}

const char *
outlook_control(const struct outlook *outlook)
{
    return outlook->egress != NULL ? egress_hostname(outlook->egress) : NULL;
}

const struct clients *
outlook_clients(const struct outlook *outlook)
{
    return &outlook->clients;
}

/* What the control found holds for runs of about the same time; and what was concluded from it
 * stays until it looks again. */
static bool
is_internet_closed(
    const struct outlook *outlook, const struct endpoint *e, const struct probe_result *result)
{
    int64_t apart_ms;

    if (outlook_internet(outlook) != INTERNET_CLOSED) {
        return false;
    }
    apart_ms = result->started_ms - egress_found_ms(outlook->egress);
    return e->path == PATH_GATEWAY || (apart_ms <= outlook->age_ms && apart_ms >= -outlook->age_ms);
}

struct surroundings
outlook_of(
    const struct outlook *outlook, const struct endpoint *e, const struct probe_result *result)
{
    struct client_view client;

    clients_view(&outlook->clients, &e->spec, &client);
    return (struct surroundings){.uses_proxy = client.proxy != NULL,
        .internet_closed = is_internet_closed(outlook, e, result)};
}
