/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.h: the one event loop of the control thread, a thin door over libuv. Handles are embedded in
 * their owner; arming and cancelling allocate nothing the owner must keep alive, and both are safe
 * inside any callback, also for the handle itself. Order of a turn: due timers, fds, signals,
 * deferred calls. Thread: the loop's own, except loop_wake_send. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "base/mono.h"

struct loop;

/* Also ignores SIGPIPE in the process. NULL when the system refuses. Returns new. */
struct loop *loop_new(void);
/* Every handle must be cancelled before. Waits for queued work; its done still runs. */
void loop_free(struct loop *l);
/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* One turn; blocks at most max_ms. For tests and stepwise shutdown. */
void loop_turn(struct loop *l, int max_ms);
/* Time sampled once a wake; outside a turn, the clock. */
mono_t loop_now(const struct loop *l);
/* the uv_loop_t, for the door files in base/ only */
void *loop_uv(struct loop *l);

/* ---- file descriptors --------------------------------------------------------------- */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HUP = 4 };
struct loop_fd;
typedef void loop_fd_fn(struct loop_fd *w, int events);
struct loop_fd {
	struct loop *loop;
	loop_fd_fn *fn;
	void *arg;
	int fd;
	int events;
	void *impl; /* pooled uv_poll; NULL while not watched */
};
/* Watch fd (level-triggered). Changes events if already watched; events 0 = loop_fd_stop.
 * Always stop before closing the fd. A zeroed struct is "not watched". */
MUST_CHECK int loop_fd_start(struct loop *l, struct loop_fd *w, int fd, int events, loop_fd_fn *fn, void *arg);
void loop_fd_stop(struct loop_fd *w);

/* ---- timers (CLOCK_BOOTTIME, own heap on one timerfd) --------------------------------- */
struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *t, mono_t now);
struct loop_timer {
	struct heap_node node;
	struct loop *loop;
	loop_timer_fn *fn;
	void *arg;
};
void loop_timer_init(struct loop *l, struct loop_timer *t, loop_timer_fn *fn, void *arg);
void loop_timer_arm(struct loop_timer *t, mono_t at); /* moves it; MONO_NEVER cancels */
void loop_timer_arm_ms(struct loop_timer *t, int64_t ms);
void loop_timer_cancel(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);

/* ---- deferred calls: once, at the end of this turn ------------------------------------ */
struct loop_defer;
typedef void loop_defer_fn(struct loop_defer *d);
struct loop_defer {
	struct list link;
	struct loop *loop;
	loop_defer_fn *fn;
	void *arg;
};
void loop_defer_init(struct loop *l, struct loop_defer *d, loop_defer_fn *fn, void *arg);
void loop_defer_arm(struct loop_defer *d); /* harmless if armed */
void loop_defer_cancel(struct loop_defer *d);

/* ---- wake from another thread ---------------------------------------------------------- */
struct loop_wake;
typedef void loop_wake_fn(void *arg);
/* new; sends coalesce */
struct loop_wake *loop_wake_new(struct loop *l, loop_wake_fn *fn, void *arg);
void loop_wake_send(struct loop_wake *w); /* Thread: any */
void loop_wake_free(struct loop_wake *w);

/* ---- signals ----------------------------------------------------------------------------- */
struct loop_signal;
typedef void loop_signal_fn(void *arg, int signum);
struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_signal_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);

/* ---- work off the loop (fsync and the like): one worker thread, done runs on the loop ------ */
struct loop_work;
/* work runs on the worker thread, done on the loop afterwards. Returns new; it frees itself. */
void loop_work_queue(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg);

#endif
