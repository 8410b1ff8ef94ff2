/* See causes.h. */
#include "daemon/causes.h"

#include <stdlib.h>

void
causes_reset(struct causes *causes)
{
    for (size_t i = 0; i < causes->n; i++) {
        free(TAKE(causes->list[i].commands));
    }
    free(TAKE(causes->folded));
    causes->n = 0;
    causes->n_endpoints = 0;
}

void
causes_expect(struct causes *causes, int64_t after_ms, int64_t patience_ms)
{
    causes->after_ms = after_ms;
    causes->until_ms = after_ms + patience_ms;
}

bool
causes_fold(const struct causes *causes, size_t cause, size_t endpoint)
{
    return endpoint < causes->n_endpoints && (causes->folded[endpoint] & 1U << cause) != 0;
}

static bool
is_fresh(const struct causes *causes, const struct endpoint *e)
{
    /* a state that was taken up from before a restart has a history, but no evidence */
    return e->n_history > 0 && e->evidence.finished_ms > 0 &&
           e->evidence.started_ms >= causes->after_ms;
}

/* Some endpoint's new evidence is still to come, and may. */
static bool
is_waiting(const struct causes *causes, const struct endpoint *endpoints, size_t n, int64_t now_ms)
{
    for (size_t i = 0; i < n && now_ms < causes->until_ms; i++) {
        const struct endpoint *e = &endpoints[i];

        if (e->spec.required && e->spec.hostname[0] != '\0' && !is_fresh(causes, e)) {
            return true;
        }
    }
    return false;
}

static struct host_evidence
evidence_of(const struct causes *causes, const struct endpoint *e)
{
    return (struct host_evidence){.spec = &e->spec,
        .result = is_fresh(causes, e) ? &e->evidence : NULL,
        .code = e->n_history > 0 ? e->history[0] : VERDICT_NONE,
        .settled = e->state};
}

/* Lines for all endpoints that fold under the cause. */
static char *
commands_of(const struct causes *causes, size_t cause, const struct host_view *view,
    const struct host_cause *found)
{
    const struct endpoint_spec **specs = calloc(view->n, sizeof(const struct endpoint_spec *));
    char *buf = calloc(1, COMMANDS_SIZE);
    size_t n = 0;

    for (size_t i = 0; specs != NULL && i < view->n; i++) {
        if (causes_fold(causes, cause, i)) {
            specs[n++] = view->endpoints[i].spec;
        }
    }
    if (specs != NULL && buf != NULL) {
        struct verdict_places places = verdict_places_of(view->endpoints[found->first].result);
        struct text t = {.buf = buf, .size = COMMANDS_SIZE};

        if (found->code == VERDICT_SUBNET_UNREACHABLE) {
            places.subnet = &found->subnet.cidr;
        }
        verdict_cause_commands(&t, found->code, specs, n, &places, view->context);
    }
    free(specs);

    char *shrunk = buf != NULL ? strdup(buf) : NULL;

    free(buf);
    return shrunk;
}

static void
put_into_words(struct causes *causes, const struct host_view *view, const struct host_causes *found)
{
    for (causes->n = 0; causes->n < found->n; causes->n++) {
        struct cause *cause = &causes->list[causes->n];
        struct text summary = TEXT(cause->summary);
        struct text remedy = TEXT(cause->remedy);

        cause->summary[0] = '\0';
        cause->remedy[0] = '\0';
        cause->code = found->causes[causes->n].code;
        host_cause_summary(&summary, view, found, causes->n, causes->folded);
        host_cause_remedy(&remedy, view, found, causes->n, causes->folded);
        cause->commands = commands_of(causes, causes->n, view, &found->causes[causes->n]);
    }
}

void
causes_update(struct causes *causes, const struct endpoint *endpoints, size_t n,
    enum internet internet, const struct verdict_context *context, int64_t now_ms)
{
    struct host_evidence *evidence;
    struct host_causes found;

    if (n == 0 || is_waiting(causes, endpoints, n, now_ms)) {
        return;
    }
    causes_reset(causes);
    evidence = calloc(n, sizeof(*evidence));
    causes->folded = calloc(n, sizeof(*causes->folded));
    if (evidence != NULL && causes->folded != NULL) {
        struct host_view view = {
            .endpoints = evidence, .n = n, .internet = internet, .context = context};

        for (size_t i = 0; i < n; i++) {
            evidence[i] = evidence_of(causes, &endpoints[i]);
        }
        causes->n_endpoints = n;
        verdict_of_host(&view, &found, causes->folded);
        put_into_words(causes, &view, &found);
    }
    free(evidence);
}
