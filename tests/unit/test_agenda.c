/* The agenda: the same endpoints in the same order as a plain list would give, over random
 * sequences. */
#include "daemon/agenda.h"
#include "daemon/schedule.h"
#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N 7
#define STEPS 20000

/* Each function of the agenda, in the simplest way. */
struct model {
    int64_t due_ms[N]; /* AGENDA_NEVER: none */
    size_t queue[N];
    size_t n_queue;
};

static bool
model_is_queued(const struct model *model, size_t i)
{
    for (size_t k = 0; k < model->n_queue; k++) {
        if (model->queue[k] == i) {
            return true;
        }
    }
    return false;
}

static void
model_queue_due(struct model *model, int64_t now_ms)
{
    for (size_t i = 0; i < N; i++) {
        if (model->due_ms[i] != AGENDA_NEVER && schedule_is_due(model->due_ms[i], now_ms)) {
            model->due_ms[i] = AGENDA_NEVER;
            model->queue[model->n_queue++] = i;
        }
    }
}

static size_t
model_pop(struct model *model)
{
    size_t first = model->queue[0];

    memmove(model->queue, model->queue + 1, --model->n_queue * sizeof(model->queue[0]));
    return first;
}

static int64_t
model_earliest_ms(const struct model *model)
{
    int64_t earliest_ms = AGENDA_NEVER;

    for (size_t i = 0; i < N; i++) {
        earliest_ms = model->due_ms[i] < earliest_ms ? model->due_ms[i] : earliest_ms;
    }
    return earliest_ms;
}

static void
check_pop(struct agenda *agenda, struct model *model)
{
    size_t got;
    bool any = agenda_pop(agenda, &got);

    assert_int_equal(any, model->n_queue > 0);
    if (any) {
        assert_int_equal(got, model_pop(model));
    }
}

static void
is_as_a_plain_list(void **state)
{
    struct agenda agenda;
    struct model model = {.n_queue = 0};
    unsigned short seed[3] = {1, 2, 3};
    int64_t now_ms = 0;
    size_t n_popped = 0;

    (void)state;
    assert_int_equal(agenda_init(&agenda, N), 0);
    for (size_t i = 0; i < N; i++) {
        model.due_ms[i] = AGENDA_NEVER;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)nrand48(seed) % N;

        switch (nrand48(seed) % 3) {
        case 0:
            if (!model_is_queued(&model, i)) {
                model.due_ms[i] = now_ms + nrand48(seed) % 200;
                agenda_set(&agenda, i, model.due_ms[i]);
                assert_int_equal(agenda.due_ms[i], model.due_ms[i]);
            }
            break;
        case 1:
            now_ms += nrand48(seed) % 100;
            model_queue_due(&model, now_ms);
            agenda_queue_due(&agenda, now_ms);
            assert_int_equal(agenda.earliest_ms, model_earliest_ms(&model));
            break;
        default:
            n_popped += model.n_queue > 0;
            check_pop(&agenda, &model);
            break;
        }
        assert_int_equal(agenda_is_queued(&agenda, i), model_is_queued(&model, i));
        assert_true(agenda.earliest_ms <= model_earliest_ms(&model)); /* nothing comes too late */
    }
    assert_true(n_popped > STEPS / 10);
    agenda_done(&agenda);
}

static void
nobody_at_all(void **state)
{
    struct agenda agenda;
    size_t i;

    (void)state;
    assert_int_equal(agenda_init(&agenda, 0), 0);
    agenda_queue_due(&agenda, 5);
    assert_int_equal(agenda.earliest_ms, AGENDA_NEVER);
    assert_false(agenda_pop(&agenda, &i));
    agenda_done(&agenda);
    agenda_done(&agenda);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_as_a_plain_list), cmocka_unit_test(nobody_at_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
