/* Work done ahead: a piece a round, in order, as long as somebody still wants it. */
#include "daemon/loop.h"
#include "daemon/util.h"
#include "probes/ahead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PIECES 5

struct world {
    struct loop *loop;
    struct ahead *ahead;
    struct loop_timer *between; /* fires in the round after it is set */
    char story[64];
    struct text text;
    struct piece {
        struct world *world;
        struct ahead_task task;
        char name;
    } pieces[PIECES];
};

static void
on_between(void *arg)
{
    struct world *w = arg;

    (void)text_add(&w->text, ".");
}

static void
on_piece(void *arg)
{
    struct piece *piece = arg;
    struct world *w = piece->world;

    (void)text_add(&w->text, "%c", piece->name);
    if (piece->name == 'b') { /* the next one is not wanted any more, and another is */
        ahead_drop(w->ahead, &w->pieces[2].task);
        ahead_drop(w->ahead, &w->pieces[2].task);
        ahead_add(w->ahead, &piece->task, on_piece, piece);
        piece->name = 'B';
    }
    if (piece->name == 'd') {
        loop_timer_set(w->between, 0);
    }
    if (piece->name == 'B' && w->story[1] == 'b' && w->story[2] == 'd') {
        loop_stop(w->loop);
    }
}

static void
pieces_in_order(void **state)
{
    struct world w = {.loop = loop_new()};

    (void)state;
    w.text = (struct text){.buf = w.story, .size = sizeof(w.story)};
    w.ahead = ahead_new(w.loop);
    w.between = loop_timer_new(w.loop, on_between, &w);
    assert_non_null(w.ahead);
    assert_non_null(w.between);
    for (size_t i = 0; i < PIECES; i++) {
        w.pieces[i].world = &w;
        w.pieces[i].name = (char)('a' + i);
        ahead_add(w.ahead, &w.pieces[i].task, on_piece, &w.pieces[i]);
    }
    assert_string_equal(w.story, "");                /* nothing from inside the call */
    ahead_drop(w.ahead, &w.pieces[PIECES - 1].task); /* the last one */
    assert_int_equal(loop_run(w.loop), 0);
    assert_string_equal(w.story, "abd.B"); /* what happens meanwhile is not kept waiting */
    loop_timer_free(w.between);
    ahead_free(w.ahead);
    loop_free(w.loop);
}

static void
nothing_to_do(void **state)
{
    struct loop *loop = loop_new();
    struct ahead *ahead = ahead_new(loop);
    struct ahead_task task = {0};

    (void)state;
    ahead_drop(ahead, &task); /* never added */
    ahead_add(ahead, &task, on_piece, NULL);
    ahead_drop(ahead, &task); /* the only one: the loop has nothing left, and ends */
    assert_int_equal(loop_run(loop), 0);
    ahead_free(ahead);
    ahead_free(NULL);
    loop_free(loop);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_in_order),
        cmocka_unit_test(nothing_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
