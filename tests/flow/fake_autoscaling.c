/* See fake_autoscaling.h. */
#include "fake_autoscaling.h"

#include "daemon/loop.h"

#include <errno.h>
#include <stdlib.h>

#define ANSWER_MS 5

struct credentials {
    int none;
};

struct autoscaling {
    struct loop *loop;
    struct loop_timer *timer;
    autoscaling_fn on_done;
    void *arg;
    enum autoscaling_action action;
    bool busy;
};

static struct {
    enum autoscaling_outcome outcomes[AUTOSCALING_ACTION_N];
    char state[AUTOSCALING_STATE_SIZE];
    size_t n;
    struct fake_call calls[FAKE_CALLS_MAX];
    size_t n_clients;
    size_t n_records[JOURNAL_EVENT_N];
} world;

void
fake_autoscaling_reset(void)
{
    size_t n_clients = world.n_clients;

    memset(&world, 0, sizeof(world));
    world.n_clients = n_clients;
    for (size_t i = 0; i < AUTOSCALING_ACTION_N; i++) {
        world.outcomes[i] = AUTOSCALING_OK;
    }
}

void
fake_autoscaling_set(enum autoscaling_action action, enum autoscaling_outcome outcome)
{
    world.outcomes[action] = outcome;
}

void
fake_autoscaling_state(const char *lifecycle_state)
{
    (void)str_copy(world.state, sizeof(world.state), lifecycle_state);
}

size_t
fake_autoscaling_n(void)
{
    return world.n;
}

const struct fake_call *
fake_autoscaling_call(size_t i)
{
    return &world.calls[i];
}

size_t
fake_autoscaling_n_clients(void)
{
    return world.n_clients;
}

size_t
fake_journal_n(enum journal_event event)
{
    return world.n_records[event];
}

/* ---- systemd/journal.h ---- */

void
journal_send(enum journal_event event, int level, const char *message,
    const struct journal_field *fields, size_t n_fields)
{
    (void)level;
    (void)message;
    (void)fields;
    (void)n_fields;
    world.n_records[event]++;
}

/* ---- daemon/aws/credentials.h ---- */

int
credentials_new(struct loop *loop, const char *url, struct credentials **ret)
{
    (void)loop;
    (void)url;
    *ret = calloc(1, sizeof(**ret));
    return *ret != NULL ? 0 : -ENOMEM;
}

void
credentials_free(struct credentials *credentials)
{
    free(credentials);
}

/* ---- daemon/aws/autoscaling.h ---- */

static void
on_timer(void *arg)
{
    struct autoscaling *autoscaling = arg;
    struct autoscaling_answer answer = {.outcome = world.outcomes[autoscaling->action]};

    if (autoscaling->action == AUTOSCALING_DESCRIBE && answer.outcome == AUTOSCALING_OK) {
        answer.found = world.state[0] != '\0';
        (void)str_copy(answer.group, sizeof(answer.group), "web");
        (void)str_copy(answer.lifecycle_state, sizeof(answer.lifecycle_state), world.state);
    }
    autoscaling->busy = false;
    autoscaling->on_done(&answer, autoscaling->arg);
}

struct autoscaling *
autoscaling_new(struct loop *loop, struct dns *dns, struct tls_ctx *tls,
    struct credentials *credentials, autoscaling_fn on_done, void *arg)
{
    struct autoscaling *autoscaling = calloc(1, sizeof(*autoscaling));

    (void)dns;
    (void)tls;
    (void)credentials;
    if (autoscaling == NULL) {
        return NULL;
    }
    *autoscaling = (struct autoscaling){.loop = loop, .on_done = on_done, .arg = arg};
    autoscaling->timer = loop_timer_new(loop, on_timer, autoscaling);
    world.n_clients++;
    return autoscaling;
}

void
autoscaling_free(struct autoscaling *autoscaling)
{
    if (autoscaling != NULL) {
        world.n_clients--;
        loop_timer_free(autoscaling->timer);
        free(autoscaling);
    }
}

int
autoscaling_start(struct autoscaling *autoscaling, const struct autoscaling_call *call)
{
    struct fake_call *noted = &world.calls[world.n];

    if (autoscaling->busy || world.n == FAKE_CALLS_MAX) {
        return -EBUSY;
    }
    world.n++;
    noted->at_ms = loop_now_ms(autoscaling->loop);
    noted->action = call->action;
    (void)str_copy(noted->instance_id, sizeof(noted->instance_id), call->instance_id);
    (void)str_copy(noted->hook, sizeof(noted->hook), call->hook);
    (void)str_copy(noted->group, sizeof(noted->group), call->group);
    autoscaling->action = call->action;
    autoscaling->busy = true;
    loop_timer_set(autoscaling->timer, ANSWER_MS);
    return 0;
}
