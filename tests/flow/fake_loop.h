/* daemon/loop.h without a kernel: a clock that only the test turns, and descriptors that are ready
 * when the fake behind them says so. What is due at one moment runs in the order it was set. */
#ifndef VPCE_TESTS_FLOW_FAKE_LOOP_H
#define VPCE_TESTS_FLOW_FAKE_LOOP_H

#include "daemon/loop.h"

#include <stddef.h>

/* Let time pass: everything that falls due runs, each at its own moment. */
void fake_loop_advance(struct loop *loop, int64_t ms);

/* The lag that loop_lag_ms tells from now on; 0 at the start. */
void fake_loop_set_lag(struct loop *loop, int64_t ms);

/* Timers and ios that exist, set or not. */
size_t fake_loop_n_objects(const struct loop *loop);

/* Open loop_watch_lag calls. */
unsigned fake_loop_n_watchers(const struct loop *loop);

/* By fake_tcp.c: microseconds until the descriptor is ready for what is wanted; -1: never.
 * Readiness is told once for each loop_io_want. */
int64_t fake_ready_us(int fd, bool readable, bool writable);

#endif
