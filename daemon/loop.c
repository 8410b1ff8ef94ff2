/* See loop.h. Each object owns one libevent event. */
#include "daemon/loop.h"

#include "daemon/log.h"
#include "daemon/loop_memory.h"
#include "daemon/util.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOP_SIGNALS_MAX 8

/* Lag is sampled this often while somebody watches it: well below the shortest timeout's half. */
#define LAG_PERIOD_MS 50

/* Lateness below this is ordinary scheduling and is not remembered. */
#define LAG_MIN_MS 25

/* Remembered moments of lateness. A younger, worse one makes an older one worthless, so they always
 * fall from old to young, and few are enough. */
#define LAG_MARKS 8

/* Timers that libevent had no memory for are tried again this often; told this often. */
#define STARVED_LOOK_MS 10
#define STARVED_TELL_MS 60000

struct loop {
    struct event_base *base;
    bool stopped;
    struct loop_timer *starved; /* timers without a place in libevent's heap */
    int64_t starved_quiet_until_ms;
    struct event *signals[LOOP_SIGNALS_MAX];
    struct loop_signal {
        loop_signal_fn on_signal;
        void *arg;
    } signal_handlers[LOOP_SIGNALS_MAX];
    size_t n_signals;
    unsigned lag_watchers;
    struct loop_timer *lag_timer;
    int64_t lag_due_ms;
    struct {
        int64_t at_ms;
        int64_t lag_ms;
    } lag_marks[LAG_MARKS]; /* n_lag_marks, oldest first */
    size_t n_lag_marks;
};

struct loop_timer {
    struct loop *loop;
    struct event *event;
    bool starved;
    struct loop_timer *next; /* while starved */
    int64_t due_ms;          /* while starved */
    loop_fn on_timer;
    void *arg;
};

struct loop_io {
    struct loop *loop;
    struct event *event;
    int fd;
    short wanted;
    loop_io_fn on_io;
    void *arg;
};

/* ---- timers ---- */

static void
on_timer_event(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->on_timer(timer->arg);
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_fn on_timer, void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) {
        return NULL;
    }
    timer->loop = loop;
    timer->on_timer = on_timer;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, on_timer_event, timer);
    if (timer->event == NULL) {
        free(timer);
        return NULL;
    }
    return timer;
}

static void
leave_starved(struct loop_timer *timer)
{
    struct loop_timer **link = &timer->loop->starved;

    if (!timer->starved) {
        return;
    }
    while (*link != timer) {
        link = &(*link)->next;
    }
    *link = timer->next;
    timer->starved = false;
}

static bool
arm(struct loop_timer *timer, int64_t delay_ms)
{
    struct timeval delay = {
        .tv_sec = (time_t)(delay_ms / 1000), .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};

    return event_add(timer->event, &delay) == 0;
}

/* libevent had no memory; loop_run sees to it, and is called out of its wait for this. */
static void
starve(struct loop_timer *timer, int64_t delay_ms)
{
    struct loop *loop = timer->loop;

    (void)event_del(timer->event); /* what it was set to before */
    timer->due_ms = loop_now_ms(loop) + delay_ms;
    timer->starved = true;
    timer->next = loop->starved;
    loop->starved = timer;
    (void)event_base_loopbreak(loop->base);
}

void
loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    if (delay_ms < 0) {
        delay_ms = 0;
    }
    leave_starved(timer);
    if (!arm(timer, delay_ms)) {
        starve(timer, delay_ms);
    }
}

/* Activating an event needs no memory, so those that are due fire whatever happens. */
static void
feed_starved(struct loop *loop)
{
    int64_t now_ms = loop_now_ms(loop);
    struct loop_timer **link = &loop->starved;

    if (loop->starved != NULL && now_ms >= loop->starved_quiet_until_ms) {
        loop->starved_quiet_until_ms = now_ms + STARVED_TELL_MS;
        log_msg(LOG_WARNING, LOG_TOPIC_LOOP, "no memory for a timer, trying again");
    }
    while (*link != NULL) {
        struct loop_timer *timer = *link;
        bool due = timer->due_ms <= now_ms;

        if (due) {
            event_active(timer->event, EV_TIMEOUT, 0);
        }
        if (due || arm(timer, timer->due_ms - now_ms)) {
            timer->starved = false;
            *link = timer->next;
        } else {
            link = &timer->next;
        }
    }
}

bool
loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->starved || event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
}

void
loop_timer_stop(struct loop_timer *timer)
{
    if (timer != NULL) {
        leave_starved(timer);
        (void)event_del(timer->event);
    }
}

void
loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL) {
        leave_starved(timer);
        event_free(timer->event);
        free(timer);
    }
}

static void
on_io_event(evutil_socket_t fd, short what, void *arg)
{
    struct loop_io *io = arg;

    (void)fd;
    io->on_io((what & EV_READ) != 0, (what & EV_WRITE) != 0, io->arg);
}

struct loop_io *
loop_io_new(struct loop *loop, int fd, loop_io_fn on_io, void *arg)
{
    struct loop_io *io = calloc(1, sizeof(*io));

    if (io == NULL) {
        return NULL;
    }
    io->loop = loop;
    io->fd = fd;
    io->on_io = on_io;
    io->arg = arg;
    io->event = event_new(loop->base, fd, EV_PERSIST, on_io_event, io);
    if (io->event == NULL) {
        free(io);
        return NULL;
    }
    return io;
}

int
loop_io_want(struct loop_io *io, bool readable, bool writable)
{
    short wanted = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

    if (wanted == io->wanted) {
        return 0;
    }
    (void)event_del(io->event);
    io->wanted = 0;
    if (wanted == 0) {
        return 0;
    }
    (void)event_assign(
        io->event, io->loop->base, io->fd, (short)(wanted | EV_PERSIST), on_io_event, io);
    if (event_add(io->event, NULL) != 0) {
        return -ENOMEM;
    }
    io->wanted = wanted;
    return 0;
}

void
loop_io_free(struct loop_io *io)
{
    if (io != NULL) {
        event_free(io->event);
        free(io);
    }
}

static void
on_signal_event(evutil_socket_t signal_number, short what, void *arg)
{
    struct loop_signal *handler = arg;

    (void)what;
    handler->on_signal((int)signal_number, handler->arg);
}

int
loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn on_signal, void *arg)
{
    if (loop->n_signals == LOOP_SIGNALS_MAX) {
        return -ENOSPC;
    }
    struct loop_signal *handler = &loop->signal_handlers[loop->n_signals];

    handler->on_signal = on_signal;
    handler->arg = arg;

    struct event *event = evsignal_new(loop->base, signal_number, on_signal_event, handler);

    if (event == NULL || event_add(event, NULL) != 0) {
        if (event != NULL) {
            event_free(event);
        }
        return -ENOMEM;
    }
    loop->signals[loop->n_signals++] = event;
    return 0;
}

int64_t
loop_now_us(struct loop *loop)
{
    struct timespec ts;

    (void)loop;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
loop_now_ms(struct loop *loop)
{
    return loop_now_us(loop) / 1000;
}

static void
set_lag_timer(struct loop *loop)
{
    loop->lag_due_ms = loop_now_ms(loop) + LAG_PERIOD_MS;
    loop_timer_set(loop->lag_timer, LAG_PERIOD_MS);
}

static int64_t
present_lag_ms(struct loop *loop)
{
    return loop->lag_watchers > 0 ? loop_now_ms(loop) - loop->lag_due_ms : 0;
}

/* The worst stall is never forgotten for a smaller one: without room the smallest, which is the
 * youngest, takes the new time. */
static void
remember_lag(struct loop *loop, int64_t lag_ms)
{
    while (loop->n_lag_marks > 0 && loop->lag_marks[loop->n_lag_marks - 1].lag_ms <= lag_ms) {
        loop->n_lag_marks--;
    }
    if (loop->n_lag_marks == LAG_MARKS) {
        loop->n_lag_marks--;
        lag_ms = loop->lag_marks[loop->n_lag_marks].lag_ms;
    }
    loop->lag_marks[loop->n_lag_marks].at_ms = loop_now_ms(loop);
    loop->lag_marks[loop->n_lag_marks].lag_ms = lag_ms;
    loop->n_lag_marks++;
}

static void
on_lag_timer(void *arg)
{
    struct loop *loop = arg;
    int64_t lag_ms = present_lag_ms(loop);

    if (lag_ms >= LAG_MIN_MS) {
        remember_lag(loop, lag_ms);
    }
    set_lag_timer(loop);
}

void
loop_watch_lag(struct loop *loop)
{
    if (loop->lag_watchers++ == 0) {
        loop->n_lag_marks = 0;
        set_lag_timer(loop);
    }
}

void
loop_unwatch_lag(struct loop *loop)
{
    if (--loop->lag_watchers == 0) {
        loop_timer_stop(loop->lag_timer);
    }
}

int64_t
loop_lag_ms(struct loop *loop, int64_t since_ms)
{
    int64_t worst = present_lag_ms(loop); /* a stall that has just ended may be seen here first */

    for (size_t i = 0; i < loop->n_lag_marks; i++) {
        if (loop->lag_marks[i].at_ms >= since_ms && loop->lag_marks[i].lag_ms > worst) {
            worst = loop->lag_marks[i].lag_ms;
        }
    }
    return worst > 0 ? worst : 0;
}

struct event_base *
loop_event_base(struct loop *loop)
{
    return loop->base;
}

/* libevent's own words: on stderr they would come unbounded, with what a peer sent in them. */
static void
on_libevent_log(int severity, const char *message)
{
    char line[256] = "";
    struct text t = TEXT(line);

    (void)text_add_escaped(&t, message, strlen(message));
    log_msg(severity == EVENT_LOG_ERR ? LOG_ERR : LOG_DEBUG, LOG_TOPIC_LOOP, "libevent: %s", line);
}

struct loop *
loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return NULL;
    }
    event_set_log_callback(on_libevent_log);
    event_set_mem_functions(loop_memory_alloc, loop_memory_realloc, loop_memory_free);
    loop->base = event_base_new();
    if (loop->base != NULL) {
        loop->lag_timer = loop_timer_new(loop, on_lag_timer, loop);
    }
    if (loop->lag_timer == NULL) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void
loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    for (size_t i = 0; i < loop->n_signals; i++) {
        event_free(loop->signals[i]);
    }
    loop_timer_free(loop->lag_timer);
    if (loop->base != NULL) {
        /* A bufferevent whose callback waits for its turn holds a reference to itself, and
         * event_base_free() forgets the callback, not the reference: it, its TLS session and its
         * socket would stay. All of ours has been freed, so nobody of ours is called. */
        (void)event_base_loop(loop->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
        event_base_free(loop->base);
    }
    free(loop);
    libevent_global_shutdown();
}

int
loop_run(struct loop *loop)
{
    int r = 0;

    while (!loop->stopped && (r == 0 || loop->starved != NULL)) {
        feed_starved(loop);
        r = event_base_loop(loop->base, loop->starved != NULL ? EVLOOP_NONBLOCK : 0);
        if (r < 0) {
            return -EIO;
        }
        if (loop->starved != NULL && !loop->stopped) {
            (void)poll(NULL, 0, STARVED_LOOK_MS);
        }
    }
    loop->stopped = false;
    return 0;
}

void
loop_stop(struct loop *loop)
{
    loop->stopped = true;
    (void)event_base_loopbreak(loop->base);
}
