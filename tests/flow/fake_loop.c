/* See fake_loop.h. Timers and ios are both events of one list. */
#include "fake_loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define START_US INT64_C(1000000000) /* not 0, which means "never" to some */
#define EVENTS_AT_ONCE_MAX 100000    /* more at one moment is a busy loop */

struct event {
    struct loop *loop;
    struct event *next;
    int64_t due_us; /* -1: idle */
    uint64_t order; /* of setting, for those due at one moment */
    loop_fn on_timer;
    loop_io_fn on_io; /* NULL: a timer */
    void *arg;
    int fd;
    bool readable;
    bool writable;
};

struct loop_timer {
    struct event event;
};

struct loop_io {
    struct event event;
};

struct loop {
    int64_t now_us;
    int64_t lag_ms;
    unsigned n_watchers;
    uint64_t order;
    struct event *events;
};

struct loop *
loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop != NULL) {
        loop->now_us = START_US;
    }
    return loop;
}

void
loop_free(struct loop *loop)
{
    assert(loop == NULL || loop->events == NULL);
    free(loop);
}

int64_t
loop_now_us(struct loop *loop)
{
    return loop->now_us;
}

int64_t
loop_now_ms(struct loop *loop)
{
    return loop->now_us / 1000;
}

static void
event_add(struct loop *loop, struct event *event, void *arg)
{
    event->loop = loop;
    event->arg = arg;
    event->due_us = -1;
    event->next = loop->events;
    loop->events = event;
}

static void
event_remove(struct event *event)
{
    struct event **link = &event->loop->events;

    while (*link != event) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = event->next;
}

static void
event_set(struct event *event, int64_t delay_us)
{
    event->due_us = event->loop->now_us + delay_us;
    event->order = event->loop->order++;
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_fn on_timer, void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));

    if (timer != NULL) {
        timer->event.on_timer = on_timer;
        event_add(loop, &timer->event, arg);
    }
    return timer;
}

void
loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    event_set(&timer->event, delay_ms < 0 ? 0 : delay_ms * 1000);
}

void
loop_timer_stop(struct loop_timer *timer)
{
    if (timer != NULL) {
        timer->event.due_us = -1;
    }
}

void
loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL) {
        event_remove(&timer->event);
        free(timer);
    }
}

struct loop_io *
loop_io_new(struct loop *loop, int fd, loop_io_fn on_io, void *arg)
{
    struct loop_io *io = calloc(1, sizeof(*io));

    if (io != NULL) {
        io->event.on_io = on_io;
        io->event.fd = fd;
        event_add(loop, &io->event, arg);
    }
    return io;
}

int
loop_io_want(struct loop_io *io, bool readable, bool writable)
{
    int64_t delay_us = fake_ready_us(io->event.fd, readable, writable);

    io->event.readable = readable;
    io->event.writable = writable;
    io->event.due_us = -1;
    if (delay_us >= 0) {
        event_set(&io->event, delay_us);
    }
    return 0;
}

void
loop_io_free(struct loop_io *io)
{
    if (io != NULL) {
        event_remove(&io->event);
        free(io);
    }
}

void
loop_watch_lag(struct loop *loop)
{
    loop->n_watchers++;
}

void
loop_unwatch_lag(struct loop *loop)
{
    assert(loop->n_watchers > 0);
    loop->n_watchers--;
}

int64_t
loop_lag_ms(struct loop *loop, int64_t since_ms)
{
    assert(loop->n_watchers > 0);
    assert(since_ms <= loop_now_ms(loop));
    (void)since_ms;
    return loop->lag_ms;
}

static bool
is_before(const struct event *a, const struct event *b)
{
    return a->due_us < b->due_us || (a->due_us == b->due_us && a->order < b->order);
}

/* The first event that falls due not later than until_us, or NULL. */
static struct event *
next_event(const struct loop *loop, int64_t until_us)
{
    struct event *first = NULL;

    for (struct event *event = loop->events; event != NULL; event = event->next) {
        if (event->due_us >= 0 && event->due_us <= until_us &&
            (first == NULL || is_before(event, first))) {
            first = event;
        }
    }
    return first;
}

void
fake_loop_advance(struct loop *loop, int64_t ms)
{
    int64_t until_us = loop->now_us + ms * 1000;
    unsigned n_at_once = 0;
    struct event *event;

    while ((event = next_event(loop, until_us)) != NULL) {
        n_at_once = event->due_us > loop->now_us ? 0 : n_at_once + 1;
        if (n_at_once >= EVENTS_AT_ONCE_MAX) {
            abort();
        }
        loop->now_us = event->due_us > loop->now_us ? event->due_us : loop->now_us;
        event->due_us = -1;
        if (event->on_io != NULL) {
            event->on_io(event->readable, event->writable, event->arg);
        } else {
            event->on_timer(event->arg);
        }
    }
    loop->now_us = until_us;
}

void
fake_loop_set_lag(struct loop *loop, int64_t ms)
{
    loop->lag_ms = ms;
}

size_t
fake_loop_n_objects(const struct loop *loop)
{
    size_t n = 0;

    for (const struct event *event = loop->events; event != NULL; event = event->next) {
        n++;
    }
    return n;
}

unsigned
fake_loop_n_watchers(const struct loop *loop)
{
    return loop->n_watchers;
}
