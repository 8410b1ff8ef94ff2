/* See endpoint.h. The history of runs is kept as codes, newest first; every rule looks at the runs
 * in a row at its front. */
#include "daemon/endpoint.h"

#include <stdlib.h>

void
endpoint_init(struct endpoint *e, const struct endpoint_spec *spec, struct moment now)
{
    memset(e, 0, sizeof(*e));
    e->spec = *spec;
    e->since = now;
    e->last_conclusive_ms = now.mono_ms;
    probe_result_init(&e->evidence);
}

void
endpoint_done(struct endpoint *e)
{
    free(TAKE(e->summary));
    free(TAKE(e->memory));
    free(TAKE(e->run_failures));
    e->n_memory = 0;
    probe_result_reset(&e->evidence);
}

static bool
is_same_endpoint(const struct endpoint_spec *a, const struct endpoint_spec *b)
{
    return streq(a->key, b->key) && streq(a->hostname, b->hostname) && a->port == b->port;
}

struct endpoint *
endpoint_find(struct endpoint *endpoints, size_t n, const struct endpoint_spec *spec, size_t *next)
{
    for (size_t k = 0; k < n; k++) {
        struct endpoint *e = &endpoints[(*next + k) % n];

        if (is_same_endpoint(&e->spec, spec)) {
            *next = (size_t)(e - endpoints) + 1;
            return e;
        }
    }
    return NULL;
}

void
endpoint_take_over(struct endpoint *e, struct endpoint *other)
{
    struct endpoint_spec spec = e->spec;
    struct endpoint_spec others = other->spec;
    struct moment since = e->since;

    endpoint_done(e);
    *e = *other;
    e->spec = spec;
    others.key[0] = '\0';
    endpoint_init(other, &others, since);
}

static uint16_t
failures_of(const struct endpoint *e, const struct addr *addr)
{
    for (size_t i = 0; i < e->n_memory; i++) {
        if (addr_equal(&e->memory[i].addr, addr)) {
            return e->memory[i].failures;
        }
    }
    return 0;
}

static bool
result_lists(const struct probe_result *result, const struct addr *addr)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        if (addr_equal(&result->addrs[i].addr, addr)) {
            return true;
        }
    }
    return false;
}

/* An address that this run knows nothing of, because DNS failed, keeps its count; one that DNS no
 * longer lists is forgotten. */
static bool
keeps_memory(const struct addr_memory *memory, const struct probe_result *result)
{
    enum dns_outcome outcome = result->dns[FAMILY_INDEX(memory->addr.family)].outcome;

    return outcome != DNS_OUTCOME_OK && outcome != DNS_OUTCOME_NODATA &&
           !result_lists(result, &memory->addr);
}

/* Each address's failures in a row, this run included, into the result. */
static void
count_failures(const struct endpoint *e, struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        struct addr_result *addr = &result->addrs[i];
        uint16_t before = failures_of(e, &addr->addr);

        if (addr->outcome != ADDR_OUTCOME_OK) {
            addr->failures = before < UINT16_MAX ? (uint16_t)(before + 1) : before;
        }
    }
}

/* Keep the counts for the next run. */
static void
remember_failures(struct endpoint *e, const struct probe_result *result)
{
    struct addr_memory *memory = NULL;
    size_t max = result->n_addrs + e->n_memory;
    size_t n = 0;

    if (max > 0) {
        memory = calloc(max, sizeof(*memory));
    }
    for (size_t i = 0; memory != NULL && i < result->n_addrs; i++) {
        if (result->addrs[i].failures > 0) {
            memory[n++] = (struct addr_memory){result->addrs[i].addr, result->addrs[i].failures};
        }
    }
    for (size_t i = 0; memory != NULL && i < e->n_memory; i++) {
        if (keeps_memory(&e->memory[i], result)) {
            memory[n++] = e->memory[i];
        }
    }
    if (n == 0) {
        free(TAKE(memory));
    }
    free(e->memory);
    e->memory = memory;
    e->n_memory = n;
}

/* Put the run in front. Evidence that reaches back (an address that counts has failed in each of
 * its last held_runs runs) corrects the runs it was too early to judge. */
static void
push_history(struct endpoint *e, const struct verdict *run, const struct verdict_policy *policy)
{
    memmove(e->history + 1, e->history, (ENDPOINT_HISTORY_N - 1) * sizeof(e->history[0]));
    e->history[0] = run->code;
    e->n_history += e->n_history < ENDPOINT_HISTORY_N;
    for (size_t i = 1; i < run->held_runs && i < e->n_history; i++) {
        if (verdict_state(e->history[i], policy) < run->state) {
            e->history[i] = run->code;
        }
    }
}

static enum endpoint_state
state_in(const struct endpoint *e, size_t i, const struct endpoint_policy *policy)
{
    return verdict_state(e->history[i], &policy->verdict);
}

/* The newest of the first n runs that had the state. */
static enum verdict_code
code_with_state(const struct endpoint *e, size_t n, enum endpoint_state state,
    const struct endpoint_policy *policy)
{
    for (size_t i = 0; i < n; i++) {
        if (state_in(e, i, policy) == state) {
            return e->history[i];
        }
    }
    return e->history[0];
}

/* The newest `fall` runs are all worse than the state: the mildest of them is the new one. */
static bool
has_fallen(const struct endpoint *e, const struct endpoint_policy *policy, enum verdict_code *ret)
{
    enum endpoint_state mildest = STATE_FAILED;

    if (e->n_history < policy->fall) {
        return false;
    }
    for (size_t i = 0; i < policy->fall; i++) {
        enum endpoint_state state = state_in(e, i, policy);

        if (state <= e->state) {
            return false;
        }
        mildest = state < mildest ? state : mildest;
    }
    *ret = code_with_state(e, policy->fall, mildest, policy);
    return true;
}

static bool
has_risen(const struct endpoint *e, const struct endpoint_policy *policy, enum verdict_code *ret)
{
    enum endpoint_state worst = STATE_OK;

    if (e->n_history < policy->rise) {
        return false;
    }
    for (size_t i = 0; i < policy->rise; i++) {
        enum endpoint_state state = state_in(e, i, policy);

        if (state >= e->state) {
            return false;
        }
        worst = state > worst ? state : worst;
    }
    *ret = code_with_state(e, policy->rise, worst, policy);
    return true;
}

static bool
has_other_verdict(
    const struct endpoint *e, const struct endpoint_policy *policy, enum verdict_code *ret)
{
    if (e->n_history < policy->fall || e->history[0] == e->verdict) {
        return false;
    }
    for (size_t i = 0; i < policy->fall; i++) {
        if (e->history[i] != e->history[0] || state_in(e, i, policy) != e->state) {
            return false;
        }
    }
    *ret = e->history[0];
    return true;
}

/* The verdict the runs so far settle on; false: no change. */
static bool
settle(const struct endpoint *e, const struct endpoint_policy *policy, enum verdict_code *ret)
{
    if (e->state == STATE_UNKNOWN && state_in(e, 0, policy) < STATE_FAILED) {
        *ret = e->history[0];
        return true;
    }
    return has_fallen(e, policy, ret) || has_risen(e, policy, ret) ||
           has_other_verdict(e, policy, ret);
}

static void
change_to(struct endpoint *e, enum endpoint_state state, enum verdict_code verdict,
    struct moment now, struct transition *ret)
{
    *ret = (struct transition){.old_state = e->state,
        .state = state,
        .old_verdict = e->verdict,
        .verdict = verdict,
        .lasted_ms = now.mono_ms - e->since.mono_ms};
    if (state != e->state) {
        e->since = now;
        e->changes++;
    }
    e->state = state;
    e->verdict = verdict;
}

static void
keep_summary(struct endpoint *e, const struct verdict *run, const struct verdict_context *context)
{
    char buf[SUMMARY_SIZE];
    struct text text = TEXT(buf);
    char *copy;

    buf[0] = '\0';
    verdict_summary(&text, &e->spec, &e->evidence, run, context);
    copy = strdup(buf);
    if (copy != NULL) {
        free(e->summary);
        e->summary = copy;
    }
}

/* The newest run stands in front of the history: settle, and say what is settled. */
static bool
conclude(struct endpoint *e, const struct verdict *run, const struct endpoint_policy *policy,
    const struct verdict_context *context, struct moment now, struct transition *ret)
{
    enum verdict_code settled;
    bool changed = false;

    if (settle(e, policy, &settled)) {
        change_to(e, verdict_state(settled, &policy->verdict), settled, now, ret);
        changed = ret->state != ret->old_state || ret->verdict != ret->old_verdict;
    }
    if (run->code == e->verdict) {
        e->path = run->path;
        keep_summary(e, run, context);
    } else if (changed) {
        /* settled on an older run, whose evidence is gone: say what the verdict means, and not what
         * was seen for the one before */
        free(e->summary);
        e->summary = strdup(verdict_meaning(e->verdict));
        e->path = PATH_UNKNOWN;
    }
    return changed;
}

/* Most endpoints never fail: the counters are made with the first failure. */
static void
count_run_failure(struct endpoint *e, enum verdict_code code)
{
    if (e->run_failures == NULL) {
        e->run_failures = calloc(VERDICT_CODE_N, sizeof(*e->run_failures));
    }
    if (e->run_failures != NULL) {
        e->run_failures[code]++;
    }
}

uint64_t
endpoint_run_failures(const struct endpoint *e, enum verdict_code code)
{
    return e->run_failures != NULL ? e->run_failures[code] : 0;
}

bool
endpoint_apply(struct endpoint *e, struct probe_result *result, const struct surroundings *around,
    const struct endpoint_policy *policy, const struct verdict_context *context, struct moment now,
    struct transition *ret)
{
    struct verdict run;

    count_failures(e, result);
    verdict_of_run(&e->spec, result, around, &policy->verdict, &run);
    e->runs++;
    e->last_run = run;
    e->last_run_at = now;
    if (run.code == VERDICT_NO_RESOURCES || run.code == VERDICT_NONE) {
        count_run_failure(e, run.code);
        probe_result_reset(result);
        return false;
    }
    remember_failures(e, result);
    if (run.state != STATE_OK) {
        count_run_failure(e, run.code);
    }
    e->last_conclusive_ms = now.mono_ms;
    probe_result_move(&e->evidence, result);
    push_history(e, &run, &policy->verdict);
    return conclude(e, &run, policy, context, now, ret);
}

bool
endpoint_rejudge(struct endpoint *e, const struct surroundings *around,
    const struct endpoint_policy *policy, const struct verdict_context *context, struct moment now,
    struct transition *ret)
{
    struct verdict run;

    if (e->evidence.finished_ms == 0 || e->n_history == 0) {
        return false;
    }
    verdict_of_run(&e->spec, &e->evidence, around, &policy->verdict, &run);
    if (run.code == e->history[0]) {
        return false;
    }
    e->history[0] = run.code;
    e->last_run = run;
    if (e->n_history == 1 && run.state < STATE_FAILED && e->state != STATE_UNKNOWN) {
        /* the run that decided at once decides anew */
        change_to(e, run.state, run.code, now, ret);
        e->path = run.path;
        keep_summary(e, &run, context);
        return true;
    }
    return conclude(e, &run, policy, context, now, ret);
}

/* Those of a that b does not list. */
static unsigned
add_missing(
    struct text *t, const char *lead, const struct probe_result *a, const struct probe_result *b)
{
    unsigned n = 0;
    char buf[ADDR_TEXT_SIZE];

    for (size_t i = 0; i < a->n_addrs; i++) {
        const struct addr_result *addr = &a->addrs[i];

        if (addr_class_is_private(addr->addr_class) && !result_lists(b, &addr->addr)) {
            (void)text_add(t, "%s%s", n++ == 0 ? lead : ", ", addr_format(&addr->addr, buf));
        }
    }
    return n;
}

bool
endpoint_addr_changes(const struct endpoint *e, const struct probe_result *result, struct text *t)
{
    unsigned n;

    if (e->evidence.n_addrs == 0 || result->n_addrs == 0) {
        return false;
    }
    n = add_missing(t, "new addresses ", result, &e->evidence);
    n += add_missing(t, n > 0 ? "; gone " : "addresses gone: ", &e->evidence, result);
    return n > 0;
}

void
endpoint_infer_path(
    struct endpoint *e, const struct surroundings *around, const struct verdict_context *context)
{
    enum network_path path = verdict_path(&e->spec, &e->evidence, around);

    if (e->evidence.finished_ms > 0 && e->n_history > 0 && e->history[0] == e->verdict &&
        e->path != path) {
        const struct verdict settled = {.code = e->verdict, .state = e->state, .path = path};

        e->path = path;
        keep_summary(e, &settled, context);
    }
}

bool
endpoint_expire(struct endpoint *e, const struct endpoint_policy *policy, struct moment now,
    struct transition *ret)
{
    if (e->state == STATE_UNKNOWN || now.mono_ms - e->last_conclusive_ms <= policy->stale_ms) {
        return false;
    }
    change_to(e, STATE_UNKNOWN, VERDICT_NO_RESOURCES, now, ret);
    e->path = PATH_UNKNOWN;
    e->n_history = 0;
    keep_summary(e, &(struct verdict){.code = VERDICT_NO_RESOURCES}, &(struct verdict_context){0});
    return true;
}

bool
endpoint_is_undecided(const struct endpoint *e, const struct endpoint_policy *policy)
{
    if (e->state == STATE_UNKNOWN || e->n_history == 0 || e->history[0] != e->verdict) {
        return true;
    }
    for (size_t i = 0; i < e->evidence.n_addrs; i++) {
        const struct addr_result *addr = &e->evidence.addrs[i];
        if (addr->judged && addr_class_is_private(addr->addr_class) && addr->failures > 0 &&
            addr->failures < policy->verdict.fall) {
            return true;
        }
    }
    return false;
}

const char *
host_state_str(enum host_state state)
{
    switch (state) {
    case HOST_STATE_UNKNOWN:
        return "unknown";
    case HOST_STATE_HEALTHY:
        return "healthy";
    case HOST_STATE_DEGRADED:
        return "degraded";
    case HOST_STATE_UNHEALTHY:
        return "unhealthy";
    }
    return "unknown";
}

enum host_state
host_state_of(const struct endpoint *endpoints, size_t n)
{
    unsigned by_state[ENDPOINT_STATE_N] = {0};

    for (size_t i = 0; i < n; i++) {
        if (endpoints[i].spec.required) {
            by_state[endpoints[i].state]++;
        }
    }
    if (by_state[STATE_FAILED] > 0) {
        return HOST_STATE_UNHEALTHY;
    }
    if (by_state[STATE_UNKNOWN] > 0) {
        return HOST_STATE_UNKNOWN;
    }
    return by_state[STATE_DEGRADED] > 0 ? HOST_STATE_DEGRADED : HOST_STATE_HEALTHY;
}

bool
host_is_ready(const struct endpoint *endpoints, size_t n, bool only_healthy)
{
    enum host_state state = host_state_of(endpoints, n);

    return state == HOST_STATE_HEALTHY || (state == HOST_STATE_DEGRADED && !only_healthy);
}

bool
endpoint_has_just_failed(const struct endpoint *e, const struct endpoint_policy *policy)
{
    return e->n_history > 0 && verdict_state(e->history[0], &policy->verdict) == STATE_FAILED &&
           (e->n_history == 1 || verdict_state(e->history[1], &policy->verdict) != STATE_FAILED);
}
