/* What is written is read again; what is damaged, foreign or made up is refused, and never more
 * than that. */
#include "daemon/state_image.h"

#include "daemon/bytes.h"
#include "daemon/util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* where the layout (daemon/state_image.c) has them */
#define VERSION_AT 8
#define LENGTH_AT 12
#define HASH_AT 16
#define BOOT_ID_AT 24
#define WRITTEN_AT 40
#define N_CODES_AT 56

static const uint8_t boot_id[BOOT_ID_SIZE] = {1, 2, 3};
static const struct moment now = {.mono_ms = 100000, .wall_ms = 1700000000000};
static const struct moment since = {.mono_ms = 90000, .wall_ms = 1699999990000};

#define ENDPOINTS 3

struct world {
    struct endpoint endpoints[ENDPOINTS];
    struct transition_log *log;
    struct report report;
    uint8_t *bytes;
    size_t len;
};

static struct endpoint_spec
spec_of(const char *key, const char *hostname)
{
    struct endpoint_spec spec = {
        .hostname = hostname, .service_name = "", .port = 443, .required = true};

    (void)str_copy(spec.key, sizeof(spec.key), key);
    return spec;
}

static void
make_endpoints(struct world *w)
{
    const struct endpoint_spec specs[ENDPOINTS] = {
        spec_of("ecr.api", "api.ecr.test"), spec_of("s3", "s3.test"), spec_of("new", "")};
    struct endpoint *e = &w->endpoints[0];

    for (size_t i = 0; i < ENDPOINTS; i++) {
        endpoint_init(&w->endpoints[i], &specs[i], since);
    }
    e->state = STATE_DEGRADED;
    e->verdict = VERDICT_RESOLVER_BYPASS_OPEN;
    e->path = PATH_PUBLIC;
    e->summary = strdup("10.0.0.1 of 2 addresses: no answer; issuer caf\303\251 \\x1b");
    e->changes = 7;
    e->history[0] = VERDICT_RESOLVER_BYPASS_OPEN;
    e->history[1] = VERDICT_RESOLVER_BYPASS;
    e->n_history = 2;
    e->memory = calloc(2, sizeof(*e->memory));
    assert_non_null(e->memory);
    e->n_memory = 2;
    assert_int_equal(addr_parse("10.0.0.1", &e->memory[0].addr), 0);
    assert_int_equal(addr_parse("fd00::1", &e->memory[1].addr), 0);
    e->memory[0].failures = 3;
    e->memory[1].failures = UINT16_MAX;
    w->endpoints[1].state = STATE_OK;
    w->endpoints[1].verdict = VERDICT_OK;
    w->endpoints[1].n_history = ENDPOINT_HISTORY_N;
    for (size_t i = 0; i < ENDPOINT_HISTORY_N; i++) {
        w->endpoints[1].history[i] = VERDICT_OK;
    }
}

static const struct group_state group = {
    .lifecycle = {.phase = LIFECYCLE_HELD,
        .target = "InService",
        .group = "web (prod)",
        .since_ms = 500,
        .heartbeat_due_ms = INT64_C(100000000),
        .retry_ms = 5,
        .failures = 3,
        .deadline_passed = true},
    .replacement = {.healthy_since_ms = 1,
        .was_healthy = true,
        .done = true,
        .refused = true,
        .fault = OWN_FAULT_RESOLVER,
        .fault_since_ms = 2,
        .ill_since_ms = 3,
        .spread_ms = 4,
        .retry_ms = 5},
};

static void
assert_groups_equal(const struct group_state *got)
{
    const struct lifecycle *l = &got->lifecycle;
    const struct replacement *r = &got->replacement;

    assert_int_equal(l->phase, LIFECYCLE_HELD);
    assert_string_equal(l->target, "InService");
    assert_string_equal(l->group, "web (prod)");
    assert_int_equal(l->since_ms, 500);
    assert_int_equal(l->heartbeat_due_ms, 100000000);
    assert_true(l->deadline_passed);
    assert_int_equal(r->healthy_since_ms, 1);
    assert_true(r->was_healthy && r->done && r->refused);
    assert_int_equal(r->fault, OWN_FAULT_RESOLVER);
    assert_int_equal(r->fault_since_ms, 2);
    assert_int_equal(r->ill_since_ms, 3);
    assert_int_equal(r->spread_ms, 4);
    assert_int_equal(l->retry_ms + l->failures + r->retry_ms, 0); /* a start tries anew */
}

static void
write_image(struct world *w)
{
    free(TAKE(w->bytes));
    assert_int_equal(state_image_write(&w->report, w->log, boot_id, &w->bytes, &w->len), 0);
}

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct transition change = {.old_state = STATE_OK,
        .state = STATE_FAILED,
        .old_verdict = VERDICT_OK,
        .verdict = VERDICT_BLOCKED,
        .lasted_ms = 5000};

    assert_non_null(w);
    make_endpoints(w);
    w->log = transition_log_new();
    assert_non_null(w->log);
    transition_log_skip(w->log, 40);
    transition_log_add(w->log, &w->endpoints[0], &change, 1699999990000);
    transition_log_add(w->log, &w->endpoints[1], &change, 1699999991000);
    w->report = (struct report){.now = now,
        .state = HOST_STATE_DEGRADED,
        .since = since,
        .endpoints = w->endpoints,
        .n_endpoints = ENDPOINTS,
        .group = &group};
    write_image(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < ENDPOINTS; i++) {
        endpoint_done(&w->endpoints[i]);
    }
    transition_log_free(w->log);
    free(w->bytes);
    free(w);
    return 0;
}

/* Length and hash as they must be for what is there now. */
static void
reseal(uint8_t *bytes, size_t len)
{
    uint64_t hash = bytes_hash(bytes + BOOT_ID_AT, len - BOOT_ID_AT);

    for (size_t i = 0; i < 4; i++) {
        bytes[LENGTH_AT + i] = (uint8_t)(len >> (8 * i));
    }
    for (size_t i = 0; i < 8; i++) {
        bytes[HASH_AT + i] = (uint8_t)(hash >> (8 * i));
    }
}

/* An exact copy on the heap: AddressSanitizer sees whoever reads behind it. */
static int
read_copy(const uint8_t *bytes, size_t len, struct state_image *ret)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    int r;

    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    r = state_image_read(copy, len, boot_id, now, ret);
    free(copy);
    return r;
}

static void
assert_endpoints_equal(const struct endpoint *a, const struct endpoint *b)
{
    assert_string_equal(a->spec.key, b->spec.key);
    assert_string_equal(a->spec.hostname, b->spec.hostname);
    assert_int_equal(a->spec.port, b->spec.port);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->path, b->path);
    assert_memory_equal(&a->since, &b->since, sizeof(a->since));
    assert_int_equal(a->changes, b->changes);
    assert_string_equal(a->summary != NULL ? a->summary : "", b->summary != NULL ? b->summary : "");
    assert_int_equal(a->n_history, b->n_history);
    assert_memory_equal(a->history, b->history, sizeof(a->history));
    assert_int_equal(a->n_memory, b->n_memory);
    for (size_t i = 0; i < a->n_memory; i++) {
        assert_true(addr_equal(&a->memory[i].addr, &b->memory[i].addr));
        assert_int_equal(a->memory[i].failures, b->memory[i].failures);
    }
}

static void
assert_logs_equal(const struct transition_log *a, const struct transition_log *b)
{
    assert_int_equal(transition_log_total(a), transition_log_total(b));
    assert_int_equal(transition_log_n(a), transition_log_n(b));
    for (size_t i = 0; i < transition_log_n(a); i++) {
        const struct logged_transition *x = transition_log_get(a, i);
        const struct logged_transition *y = transition_log_get(b, i);

        assert_int_equal(x->seq, y->seq);
        assert_int_equal(x->wall_ms, y->wall_ms);
        assert_int_equal(x->lasted_ms, y->lasted_ms);
        assert_string_equal(x->key, y->key);
        assert_int_equal(x->old_state, y->old_state);
        assert_int_equal(x->state, y->state);
        assert_int_equal(x->old_verdict, y->old_verdict);
        assert_int_equal(x->verdict, y->verdict);
        assert_string_equal(x->summary, y->summary);
    }
}

static void
reads_what_was_written(void **state)
{
    struct world *w = *state;
    struct state_image image;

    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    assert_int_equal(image.at.mono_ms, now.mono_ms);
    assert_int_equal(image.at.wall_ms, now.wall_ms);
    assert_int_equal(image.host_state, HOST_STATE_DEGRADED);
    assert_memory_equal(&image.host_since, &since, sizeof(since));
    assert_int_equal(image.n_endpoints, ENDPOINTS);
    for (size_t i = 0; i < ENDPOINTS; i++) {
        assert_endpoints_equal(&image.endpoints[i], &w->endpoints[i]);
    }
    assert_logs_equal(image.log, w->log);
    assert_groups_equal(&image.group);
    state_image_reset(&image);
    state_image_reset(&image);
}

static void
reads_a_full_log(void **state)
{
    struct world *w = *state;
    struct state_image image;
    char summary[TRANSITION_SUMMARY_SIZE + 50];

    memset(summary, 's', sizeof(summary));
    summary[sizeof(summary) - 1] = '\0';
    free(w->endpoints[0].summary);
    w->endpoints[0].summary = strdup(summary);
    for (int64_t i = 0; i < 2 * TRANSITION_LOG_N; i++) {
        transition_log_add(w->log, &w->endpoints[0],
            &(struct transition){.state = STATE_OK, .verdict = VERDICT_OK}, i);
    }
    write_image(w);
    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    assert_logs_equal(image.log, w->log);
    state_image_reset(&image);
}

static void
reads_nothing_at_all(void **state)
{
    struct world *w = *state;
    struct state_image image;

    w->report.n_endpoints = 0;
    free(TAKE(w->bytes));
    assert_int_equal(state_image_write(&w->report, NULL, boot_id, &w->bytes, &w->len), 0);
    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    assert_int_equal(image.n_endpoints, 0);
    assert_int_equal(transition_log_n(image.log), 0);
    state_image_reset(&image);
    w->report.n_endpoints = ENDPOINTS;
}

static void
refuses_what_is_not_ours(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        int expected;
    } rows[] = {
        {"another file", 0, 'v', -EBADMSG},
        {"another version", VERSION_AT, 1, -EPROTONOSUPPORT},
        {"another boot", BOOT_ID_AT, 9, -ESTALE},
        {"of later than now", WRITTEN_AT + 3, 1, -ESTALE},
        {"no names of verdicts", N_CODES_AT, 0, -EINVAL},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct state_image image;
        int r;

        write_image(w);
        w->bytes[rows[i].at] = rows[i].value;
        reseal(w->bytes, w->len);
        r = read_copy(w->bytes, w->len, &image);
        if (r != rows[i].expected) {
            fail_msg("%s: got %d, expected %d", rows[i].name, r, rows[i].expected);
        }
    }
}

static void
refuses_every_flipped_byte(void **state)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct world *w = *state;
    struct state_image image;

    for (size_t i = 0; i < w->len; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
            w->bytes[i] ^= masks[k];
            if (read_copy(w->bytes, w->len, &image) >= 0) {
                fail_msg("byte %zu ^ %02x was not noticed", i, masks[k]);
            }
            w->bytes[i] ^= masks[k];
        }
    }
    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    state_image_reset(&image);
}

static void
refuses_every_length(void **state)
{
    struct world *w = *state;
    struct state_image image;
    uint8_t *longer = calloc(1, w->len + 1);

    assert_non_null(longer);
    memcpy(longer, w->bytes, w->len);
    for (size_t len = 0; len <= w->len + 1; len++) {
        if (len != w->len && read_copy(longer, len, &image) >= 0) {
            fail_msg("%zu of %zu bytes were believed", len, w->len);
        }
    }
    /* and when somebody took the trouble to seal it */
    for (size_t len = BOOT_ID_AT; len <= w->len + 1; len++) {
        memcpy(longer, w->bytes, w->len);
        longer[w->len] = 0;
        reseal(longer, len);
        if (len != w->len && read_copy(longer, len, &image) >= 0) {
            fail_msg("%zu of %zu bytes, sealed, were believed", len, w->len);
        }
    }
    free(longer);
}

/* What was read stands in its ranges: it can be shown and written again. */
static void
assert_sound(const struct state_image *image)
{
    struct report report = {.now = image->at,
        .state = image->host_state,
        .since = image->host_since,
        .endpoints = image->endpoints,
        .n_endpoints = image->n_endpoints};
    struct state_image again;
    uint8_t *bytes;
    size_t len;

    assert_int_equal(state_image_write(&report, image->log, boot_id, &bytes, &len), 0);
    assert_int_equal(read_copy(bytes, len, &again), 0);
    assert_int_equal(again.n_endpoints, image->n_endpoints);
    state_image_reset(&again);
    free(bytes);
    for (size_t i = 0; i < image->n_endpoints; i++) {
        const struct endpoint *e = &image->endpoints[i];

        assert_true(e->state <= STATE_FAILED && e->path <= PATH_PUBLIC);
        assert_true(e->verdict < VERDICT_CODE_N && e->n_history <= ENDPOINT_HISTORY_N);
        assert_true(e->since.mono_ms >= 0 && e->since.mono_ms <= now.mono_ms);
    }
}

/* A lie in any byte, well sealed: refused, or harmless. */
static void
survives_lies(void **state)
{
    static const uint8_t values[] = {0, 4, 21, 65, 0x80, 0xff};
    struct world *w = *state;
    unsigned n_believed = 0;

    for (size_t i = BOOT_ID_AT; i < w->len; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
            uint8_t was = w->bytes[i];
            struct state_image image;

            w->bytes[i] = values[k];
            reseal(w->bytes, w->len);
            if (read_copy(w->bytes, w->len, &image) == 0) {
                n_believed++;
                assert_sound(&image);
                state_image_reset(&image);
            }
            w->bytes[i] = was;
        }
    }
    assert_true(n_believed > 0); /* else nothing behind the seal was reached */
}

/* All ones from anywhere: every count and length as large as can be. */
static void
survives_huge_counts(void **state)
{
    struct world *w = *state;
    struct state_image image;
    uint8_t *bytes = malloc(w->len);

    assert_non_null(bytes);
    for (size_t i = BOOT_ID_AT; i < w->len; i++) {
        memcpy(bytes, w->bytes, w->len);
        memset(bytes + i, 0xff, w->len - i < 8 ? w->len - i : 8);
        reseal(bytes, w->len);
        if (read_copy(bytes, w->len, &image) == 0) {
            assert_sound(&image);
            state_image_reset(&image);
        }
    }
    free(bytes);
}

/* The first occurrence of a text of the image; its name changes to that of no verdict. */
static void
rename_verdict(struct world *w, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = N_CODES_AT; i + n <= w->len; i++) {
        if (memcmp(w->bytes + i, name, n) == 0 && w->bytes[i - 2] == n && w->bytes[i - 1] == 0) {
            w->bytes[i] = '?';
            reseal(w->bytes, w->len);
            return;
        }
    }
    fail_msg("no %s", name);
}

static void
knows_verdicts_by_name(void **state)
{
    struct world *w = *state;
    struct state_image image;
    struct endpoint e;

    rename_verdict(w, "ok");
    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    assert_int_equal(image.endpoints[0].verdict, VERDICT_RESOLVER_BYPASS_OPEN);
    assert_int_equal(image.endpoints[1].verdict, VERDICT_NONE);
    assert_int_equal(image.endpoints[1].n_history, 0);
    assert_int_equal(transition_log_get(image.log, 0)->old_verdict, VERDICT_NONE);
    assert_int_equal(transition_log_get(image.log, 0)->verdict, VERDICT_BLOCKED);
    endpoint_init(&e, &w->endpoints[1].spec, now);
    assert_false(state_image_restore(&image, &e)); /* settled on a verdict nobody knows */
    endpoint_done(&e);
    state_image_reset(&image);
}

static void
restores_the_same_endpoint(void **state)
{
    static const struct {
        const char *name, *key, *hostname;
        uint16_t port;
        bool expected;
    } rows[] = {
        {"the same", "ecr.api", "api.ecr.test", 443, true},
        {"given away already", "ecr.api", "api.ecr.test", 443, false},
        {"another port", "s3", "s3.test", 80, false},
        {"another name", "s3", "s3.example", 443, false},
        {"another key", "s4", "s3.test", 443, false},
        {"healthy", "s3", "s3.test", 443, true},
        {"undecided, name not known", "new", "", 443, true},
    };
    struct world *w = *state;
    struct state_image image;

    assert_int_equal(read_copy(w->bytes, w->len, &image), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint_spec spec = spec_of(rows[i].key, rows[i].hostname);
        struct endpoint e;

        spec.port = rows[i].port;
        endpoint_init(&e, &spec, now);
        if (state_image_restore(&image, &e) != rows[i].expected) {
            fail_msg("%s: expected %d", rows[i].name, rows[i].expected);
        }
        if (i == 0) {
            assert_endpoints_equal(&e, &w->endpoints[0]);
            assert_true(e.spec.required);
            assert_int_equal(e.last_conclusive_ms, now.mono_ms);
        }
        endpoint_done(&e);
    }
    state_image_reset(&image);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_what_was_written),
        TEST(reads_a_full_log),
        TEST(reads_nothing_at_all),
        TEST(refuses_what_is_not_ours),
        TEST(refuses_every_flipped_byte),
        TEST(refuses_every_length),
        TEST(survives_lies),
        TEST(survives_huge_counts),
        TEST(knows_verdicts_by_name),
        TEST(restores_the_same_endpoint),
    };

    return cmocka_run_group_tests_name("state_image", tests, NULL, NULL);
}
