/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/loop_priv.h"
#include "base/log.h"

#include <uv.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { POOL_MAX = 32 };

/* What libuv holds on to after the owner is gone; returns to the pool in its close callback. */
struct poller {
	uv_poll_t h;
	struct loop *loop;
	struct loop_fd *owner; /* NULL once stopped */
	struct poller *next;
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;	       /* keeps the poll from blocking while deferred calls wait */
	uv_timer_t turn_limit; /* loop_turn */
	uv_poll_t timer_poll;
	int timerfd;
	mono_t programmed; /* deadline the timerfd is set to */
	struct heap timers;
	bool in_timers;
	bool awake; /* `now` is of this wake and due timers have run */
	mono_t now;
	struct list deferred;
	struct poller *pool;
	unsigned n_pool;
	unsigned n_handles; /* watched fds, wakes and signals */
};

/* ---- a turn --------------------------------------------------------------------------- */

static void run_timers(struct loop *l)
{
	struct heap_node *n;

	l->in_timers = true;
	while ((n = heap_min(&l->timers)) && mono_due(n->at, l->now)) {
		struct loop_timer *t = CONTAINER_OF(n, struct loop_timer, node);

		heap_remove(&l->timers, n);
		t->fn(t, l->now);
	}
	l->in_timers = false;
}

/* Whichever callback comes first in a wake runs the due timers, so that timers come before fds
 * although their timerfd is but one of the fds. */
void loop_wake_begin(struct loop *l)
{
	if (l->awake)
		return;
	l->awake = true;
	l->now = mono_now();
	run_timers(l);
}

static void program_timerfd(struct loop *l)
{
	struct heap_node *n = heap_min(&l->timers);
	mono_t at = n ? n->at : MONO_NEVER;
	struct itimerspec its = { 0 };

	if (at.ns == l->programmed.ns)
		return;
	l->programmed = at;
	if (!mono_is_never(at)) {
		int64_t ns = at.ns > 0 ? at.ns : 1; /* zero would disarm */

		its.it_value.tv_sec = (time_t)(ns / NS_PER_S);
		its.it_value.tv_nsec = (long)(ns % NS_PER_S);
	}
	if (timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		log_error("loop: timerfd_settime: %s", strerror(errno));
}

static void on_prepare(uv_prepare_t *h)
{
	struct loop *l = h->data;

	l->awake = false;
	program_timerfd(l);
}

static void on_timerfd(uv_poll_t *h, int status, int events)
{
	struct loop *l = h->data;
	uint64_t expirations;

	(void)status;
	(void)events;
	if (read(l->timerfd, &expirations, sizeof(expirations)) == sizeof(expirations))
		l->programmed = MONO_NEVER;
	loop_wake_begin(l);
}

static void run_deferred(struct loop *l)
{
	struct list batch;

	/* what these arm again waits for the next turn */
	list_add_after(&l->deferred, &batch);
	list_remove(&l->deferred);
	while (!list_empty(&batch)) {
		struct loop_defer *d = LIST_ENTRY(list_first(&batch), struct loop_defer, link);

		list_remove(&d->link);
		d->fn(d);
	}
	if (list_empty(&l->deferred))
		uv_idle_stop(&l->idle);
}

static void on_check(uv_check_t *h)
{
	struct loop *l = h->data;

	loop_wake_begin(l);
	run_deferred(l);
}

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static void on_turn_limit(uv_timer_t *h)
{
	(void)h;
}

/* ---- life ----------------------------------------------------------------------------- */

static void init_handles(struct loop *l)
{
	uv_prepare_init(&l->uv, &l->prepare);
	uv_check_init(&l->uv, &l->check);
	uv_idle_init(&l->uv, &l->idle);
	uv_timer_init(&l->uv, &l->turn_limit);
	l->prepare.data = l->check.data = l->idle.data = l->timer_poll.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	uv_check_start(&l->check, on_check);
	uv_poll_start(&l->timer_poll, UV_READABLE, on_timerfd);
}

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	/* One worker thread is enough for fsync; the library's default is four. */
	setenv("UV_THREADPOOL_SIZE", "1", 0);
	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&l->uv) < 0)
		goto fail;
	l->timerfd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->timerfd < 0)
		goto fail_loop;
	if (uv_poll_init(&l->uv, &l->timer_poll, l->timerfd) < 0)
		goto fail_timerfd;
	heap_init(&l->timers);
	list_init(&l->deferred);
	l->programmed = MONO_NEVER;
	init_handles(l);
	return l;

fail_timerfd:
	close(l->timerfd);
fail_loop:
	uv_loop_close(&l->uv);
fail:
	free(l);
	return NULL;
}

static void free_pool(struct loop *l)
{
	while (l->pool) {
		struct poller *p = l->pool;

		l->pool = p->next;
		free(p);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->n_handles == 0 && list_empty(&l->deferred) && !heap_min(&l->timers));
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	uv_close((uv_handle_t *)&l->turn_limit, NULL);
	uv_close((uv_handle_t *)&l->timer_poll, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT); /* close callbacks, queued work */
	close(l->timerfd);
	if (uv_loop_close(&l->uv) != 0)
		log_error("loop: freed with open handles");
	free_pool(l);
	heap_fini(&l->timers);
	free(l);
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
	l->awake = false;
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

void loop_turn(struct loop *l, int max_ms)
{
	if (max_ms > 0) {
		uv_update_time(&l->uv);
		/* Repeating: one that is due before the library polls would fire too early to limit
		 * it. */
		uv_timer_start(&l->turn_limit, on_turn_limit, (uint64_t)max_ms, (uint64_t)max_ms);
		uv_run(&l->uv, UV_RUN_ONCE);
		uv_timer_stop(&l->turn_limit);
	} else {
		uv_run(&l->uv, UV_RUN_NOWAIT);
	}
	l->awake = false;
}

mono_t loop_now(const struct loop *l)
{
	return l->awake ? l->now : mono_now();
}

void *loop_uv(struct loop *l)
{
	return &l->uv;
}

void loop_count_handle(struct loop *l, int by)
{
	l->n_handles += (unsigned)by;
}

/* ---- file descriptors ----------------------------------------------------------------- */

static int to_uv(int events)
{
	return (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0) |
	       (events & LOOP_HUP ? UV_DISCONNECT : 0);
}

static int from_uv(int events)
{
	return (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0) |
	       (events & UV_DISCONNECT ? LOOP_HUP : 0);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct poller *p = h->data;
	struct loop_fd *w;

	loop_wake_begin(p->loop);
	w = p->owner;
	if (!w)
		return; /* a timer of this wake has stopped it */
	/* libuv stops the watch when the fd has an error pending. Level-triggered means: go on, and
	 * let the owner's next call fetch the error. */
	if (status < 0) {
		events = to_uv(w->events);
		uv_poll_start(h, events, on_poll);
	}
	events = from_uv(events) & w->events;
	if (events)
		w->fn(w, events);
}

static struct poller *poller_get(struct loop *l)
{
	struct poller *p = l->pool;

	if (!p)
		return xcalloc(1, sizeof(*p));
	l->pool = p->next;
	l->n_pool--;
	return p;
}

static void poller_put(struct loop *l, struct poller *p)
{
	if (l->n_pool >= POOL_MAX) {
		free(p);
		return;
	}
	p->next = l->pool;
	l->pool = p;
	l->n_pool++;
}

static void on_poller_closed(uv_handle_t *h)
{
	struct poller *p = h->data;

	poller_put(p->loop, p);
}

static int fd_watch(struct loop *l, struct loop_fd *w, int fd)
{
	struct poller *p = poller_get(l);
	int rc = uv_poll_init(&l->uv, &p->h, fd);

	if (rc < 0) {
		poller_put(l, p);
		return rc == UV_EEXIST ? -ERR_EXIST : -ERR_IO;
	}
	p->h.data = p;
	p->loop = l;
	p->owner = w;
	w->loop = l;
	w->fd = fd;
	w->impl = p;
	l->n_handles++;
	return 0;
}

int loop_fd_start(struct loop *l, struct loop_fd *w, int fd, int events, loop_fd_fn *fn, void *arg)
{
	int rc;

	if (w->impl && (w->fd != fd || w->loop != l || !events))
		loop_fd_stop(w);
	if (!events)
		return 0;
	if (!w->impl && (rc = fd_watch(l, w, fd)) < 0)
		return rc;
	w->fn = fn;
	w->arg = arg;
	w->events = events;
	rc = uv_poll_start(&((struct poller *)w->impl)->h, to_uv(events), on_poll);
	if (rc < 0) {
		loop_fd_stop(w);
		return rc == UV_EEXIST ? -ERR_EXIST : -ERR_IO;
	}
	return 0;
}

void loop_fd_stop(struct loop_fd *w)
{
	struct poller *p = w->impl;

	if (!p)
		return;
	p->owner = NULL;
	p->loop->n_handles--;
	w->impl = NULL;
	w->events = 0;
	uv_poll_stop(&p->h); /* out of epoll at once: the fd may be closed right after */
	uv_close((uv_handle_t *)&p->h, on_poller_closed);
}

/* ---- timers --------------------------------------------------------------------------- */

void loop_timer_init(struct loop *l, struct loop_timer *t, loop_timer_fn *fn, void *arg)
{
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
}

void loop_timer_arm(struct loop_timer *t, mono_t at)
{
	struct loop *l = t->loop;

	if (mono_is_never(at)) {
		loop_timer_cancel(t);
		return;
	}
	/* A deadline in the past, armed by a timer, waits for the next turn: no spinning here. */
	if (l->in_timers && mono_due(at, l->now))
		at = mono_add_ns(l->now, 1);
	heap_set(&l->timers, &t->node, at);
}

void loop_timer_arm_ms(struct loop_timer *t, int64_t ms)
{
	loop_timer_arm(t, mono_add_ms(loop_now(t->loop), ms));
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (t->loop)
		heap_remove(&t->loop->timers, &t->node);
}

bool loop_timer_armed(const struct loop_timer *t)
{
	return t->node.pos != 0;
}

/* ---- deferred calls ------------------------------------------------------------------- */

void loop_defer_init(struct loop *l, struct loop_defer *d, loop_defer_fn *fn, void *arg)
{
	*d = (struct loop_defer){ .loop = l, .fn = fn, .arg = arg };
	list_init(&d->link);
}

void loop_defer_arm(struct loop_defer *d)
{
	struct loop *l = d->loop;

	if (!list_empty(&d->link))
		return;
	list_push_back(&l->deferred, &d->link);
	uv_idle_start(&l->idle, on_idle);
}

void loop_defer_cancel(struct loop_defer *d)
{
	if (d->loop)
		list_remove(&d->link);
}
