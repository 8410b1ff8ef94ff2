/* The ring of changes: what is kept, in which order, and its numbers. */
#include "daemon/transition_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
keeps_the_newest(void **state)
{
    static const struct {
        uint64_t skipped;
        size_t pushed;
        size_t n;
        uint64_t oldest; /* seq; 0: none */
        uint64_t newest;
    } rows[] = {
        {0, 0, 0, 0, 0},
        {0, 1, 1, 1, 1},
        {0, TRANSITION_LOG_N, TRANSITION_LOG_N, 1, TRANSITION_LOG_N},
        {0, TRANSITION_LOG_N + 1, TRANSITION_LOG_N, 2, TRANSITION_LOG_N + 1},
        {0, 3 * TRANSITION_LOG_N + 7, TRANSITION_LOG_N, 2 * TRANSITION_LOG_N + 8,
            3 * TRANSITION_LOG_N + 7},
        {100, 2, 2, 101, 102},
        {100, 0, 0, 0, 100},
    };

    (void)state;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct transition_log *log = transition_log_new();

        assert_non_null(log);
        transition_log_skip(log, rows[row].skipped);
        for (size_t i = 0; i < rows[row].pushed; i++) {
            transition_log_push(
                log, &(struct logged_transition){.wall_ms = (int64_t)(rows[row].skipped + i + 1)});
        }
        assert_int_equal(transition_log_n(log), rows[row].n);
        assert_int_equal(transition_log_total(log), rows[row].newest);
        for (size_t i = 0; i < rows[row].n; i++) {
            const struct logged_transition *t = transition_log_get(log, i);

            assert_int_equal(t->seq, rows[row].oldest + i);
            assert_int_equal(t->wall_ms, t->seq);
        }
        transition_log_free(log);
    }
    transition_log_free(NULL);
}

static void
tells_a_change(void **state)
{
    const struct endpoint_spec spec = {
        .key = "ecr.api", .hostname = "a.test", .service_name = "", .port = 443};
    const struct transition change = {.old_state = STATE_OK,
        .state = STATE_FAILED,
        .old_verdict = VERDICT_OK,
        .verdict = VERDICT_BLOCKED,
        .lasted_ms = 4000};
    struct transition_log *log = transition_log_new();
    const struct logged_transition *t;
    struct endpoint e;

    (void)state;
    assert_non_null(log);
    endpoint_init(&e, &spec, (struct moment){0});
    transition_log_add(log, &e, &change, 1000);
    t = transition_log_get(log, 0);
    assert_string_equal(t->key, "ecr.api");
    assert_int_equal(t->old_state, STATE_OK);
    assert_int_equal(t->state, STATE_FAILED);
    assert_int_equal(t->old_verdict, VERDICT_OK);
    assert_int_equal(t->verdict, VERDICT_BLOCKED);
    assert_int_equal(t->lasted_ms, 4000);
    assert_int_equal(t->wall_ms, 1000);
    assert_string_equal(t->summary, "");
    endpoint_done(&e);
    transition_log_free(log);
}

/* "é" is two bytes: the cut falls before it, not into it. */
static void
cuts_between_characters(void **state)
{
    const struct endpoint_spec spec = {.key = "k", .hostname = "", .service_name = ""};
    struct transition_log *log = transition_log_new();
    struct endpoint e;
    char summary[TRANSITION_SUMMARY_SIZE + 10];
    const char *kept;

    (void)state;
    assert_non_null(log);
    memset(summary, 'x', sizeof(summary));
    memcpy(summary + TRANSITION_SUMMARY_SIZE - 2, "\303\251", 3);
    endpoint_init(&e, &spec, (struct moment){0});
    e.summary = strdup(summary);
    transition_log_add(log, &e, &(struct transition){.state = STATE_OK}, 0);
    kept = transition_log_get(log, 0)->summary;
    assert_int_equal(strlen(kept), TRANSITION_SUMMARY_SIZE - 2);
    assert_int_equal(kept[TRANSITION_SUMMARY_SIZE - 3], 'x');
    endpoint_done(&e);
    transition_log_free(log);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(tells_a_change),
        cmocka_unit_test(cuts_between_characters),
    };

    return cmocka_run_group_tests_name("transition_log", tests, NULL, NULL);
}
