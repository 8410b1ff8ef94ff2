/* The event loop: libevent behind five small objects, and the only clock. One thread.
 *
 * Every callback comes from loop_run, never from inside a call of this header. A timer or io may
 * be freed from any callback, its own included. */
#ifndef VPCE_DAEMON_LOOP_H
#define VPCE_DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base; /* libevent's, for its HTTP only: see loop_event_base */
struct loop;
struct loop_timer;
struct loop_io;

typedef void (*loop_fn)(void *arg);
typedef void (*loop_io_fn)(bool readable, bool writable, void *arg);
typedef void (*loop_signal_fn)(int signal_number, void *arg);

struct loop *loop_new(void);       /* NULL without memory or descriptors */
void loop_free(struct loop *loop); /* all timers, ios and signals are freed before; NULL is fine */
int loop_run(struct loop *loop);   /* until loop_stop; 0 or -EIO */
void loop_stop(struct loop *loop); /* the running callback is the last one */

int64_t loop_now_ms(struct loop *loop); /* CLOCK_MONOTONIC, milliseconds */
int64_t loop_now_us(struct loop *loop); /* the same clock, for measuring */

/* Timers fire once; set again to repeat. Setting one never fails: what libevent has no memory for
 * is kept here and tried again every few milliseconds, so that an object which waits for a timer
 * never sleeps for ever. */
struct loop_timer *loop_timer_new(
    struct loop *loop, loop_fn on_timer, void *arg);             /* NULL: memory */
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); /* replaces; < 0 is 0 */
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_stop(struct loop_timer *timer); /* NULL and idle are fine */
void loop_timer_free(struct loop_timer *timer);

/* Level-triggered readiness of a descriptor, which stays the caller's; free before close. */
struct loop_io *loop_io_new(struct loop *loop, int fd, loop_io_fn on_io, void *arg);
int loop_io_want(struct loop_io *io, bool readable, bool writable); /* 0, -ENOMEM */
void loop_io_free(struct loop_io *io);

int loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn on_signal, void *arg);

/* How late the loop ran, at its worst, since since_ms (a monotonic time not long ago): timers that
 * fired late because a callback took long or the machine gave us no time. Watched only between
 * loop_watch_lag and loop_unwatch_lag, which nest. */
void loop_watch_lag(struct loop *loop);
void loop_unwatch_lag(struct loop *loop);
int64_t loop_lag_ms(struct loop *loop, int64_t since_ms);

/* For daemon/status_server and daemon/aws/http, which use libevent's HTTP. */
struct event_base *loop_event_base(struct loop *loop);

#endif
