/* See group_state.h. Retries are not kept: a start tries anew. */
#include "daemon/aws/group_state.h"

static void
put_lifecycle(struct byte_writer *w, const struct lifecycle *l)
{
    bytes_put_uint(w, l->phase, 1);
    bytes_put_text(w, l->target);
    bytes_put_text(w, l->group);
    bytes_put_uint(w, (uint64_t)l->since_ms, 8);
    bytes_put_uint(w, (uint64_t)l->heartbeat_due_ms, 8);
    bytes_put_uint(w, l->deadline_passed, 1);
}

static void
put_replacement(struct byte_writer *w, const struct replacement *r)
{
    bytes_put_uint(w, (uint64_t)r->healthy_since_ms, 8);
    bytes_put_uint(w, r->was_healthy, 1);
    bytes_put_uint(w, r->done, 1);
    bytes_put_uint(w, r->refused, 1);
    bytes_put_uint(w, r->fault, 1);
    bytes_put_uint(w, (uint64_t)r->fault_since_ms, 8);
    bytes_put_uint(w, (uint64_t)r->ill_since_ms, 8);
    bytes_put_uint(w, (uint64_t)r->spread_ms, 8);
}

void
group_state_put(struct byte_writer *w, const struct group_state *state)
{
    put_lifecycle(w, &state->lifecycle);
    put_replacement(w, &state->replacement);
}

static int64_t
get_ms(struct byte_reader *r, int64_t max_ms)
{
    return (int64_t)bytes_get_limited(r, 8, (uint64_t)max_ms);
}

static bool
get_bool(struct byte_reader *r)
{
    return bytes_get_limited(r, 1, 1) == 1;
}

static void
get_lifecycle(struct byte_reader *r, int64_t at_ms, struct lifecycle *l)
{
    l->phase = (enum lifecycle_phase)bytes_get_limited(r, 1, LIFECYCLE_PHASE_N - 1);
    bytes_get_text(r, l->target, sizeof(l->target));
    bytes_get_text(r, l->group, sizeof(l->group));
    l->since_ms = get_ms(r, at_ms);
    l->heartbeat_due_ms = get_ms(r, at_ms + LIFECYCLE_MAX_MS);
    l->deadline_passed = get_bool(r);
}

static void
get_replacement(struct byte_reader *r, int64_t at_ms, struct replacement *replacement)
{
    replacement->healthy_since_ms = get_ms(r, at_ms);
    replacement->was_healthy = get_bool(r);
    replacement->done = get_bool(r);
    replacement->refused = get_bool(r);
    replacement->fault = (enum own_fault)bytes_get_limited(r, 1, OWN_FAULT_N - 1);
    replacement->fault_since_ms = get_ms(r, at_ms);
    replacement->ill_since_ms = get_ms(r, at_ms);
    replacement->spread_ms = get_ms(r, REPLACEMENT_AFTER_MAX_MS);
}

void
group_state_get(struct byte_reader *r, int64_t at_ms, struct group_state *ret)
{
    struct group_state state = {0};

    get_lifecycle(r, at_ms, &state.lifecycle);
    get_replacement(r, at_ms, &state.replacement);
    if (r->failed) {
        memset(&state, 0, sizeof(state));
    }
    *ret = state;
}
