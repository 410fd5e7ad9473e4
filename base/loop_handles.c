/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop_handles.c: the loop's rarer handles, all on the heap: wakes, signals, work. */
#include "base/loop_priv.h"

#include <uv.h>

#include <stdlib.h>

/* ---- wake from another thread --------------------------------------------------------- */

struct loop_wake {
	uv_async_t h;
	struct loop *loop;
	loop_wake_fn *fn; /* NULL once freed */
	void *arg;
};

static void on_async(uv_async_t *h)
{
	struct loop_wake *w = h->data;

	loop_wake_begin(w->loop);
	if (w->fn)
		w->fn(w->arg);
}

struct loop_wake *loop_wake_new(struct loop *l, loop_wake_fn *fn, void *arg)
{
	struct loop_wake *w = xcalloc(1, sizeof(*w));

	if (uv_async_init(loop_uv(l), &w->h, on_async) < 0) {
		free(w);
		return NULL;
	}
	w->h.data = w;
	w->loop = l;
	w->fn = fn;
	w->arg = arg;
	loop_count_handle(l, 1);
	return w;
}

void loop_wake_send(struct loop_wake *w)
{
	uv_async_send(&w->h);
}

static void free_data(uv_handle_t *h)
{
	free(h->data);
}

void loop_wake_free(struct loop_wake *w)
{
	if (!w)
		return;
	w->fn = NULL;
	loop_count_handle(w->loop, -1);
	uv_close((uv_handle_t *)&w->h, free_data);
}

/* ---- signals -------------------------------------------------------------------------- */

struct loop_signal {
	uv_signal_t h;
	struct loop *loop;
	loop_signal_fn *fn;
	void *arg;
};

static void on_signal(uv_signal_t *h, int signum)
{
	struct loop_signal *s = h->data;

	loop_wake_begin(s->loop);
	if (s->fn)
		s->fn(s->arg, signum);
}

struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof(*s));

	if (uv_signal_init(loop_uv(l), &s->h) < 0) {
		free(s);
		return NULL;
	}
	s->h.data = s;
	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	loop_count_handle(l, 1);
	if (uv_signal_start(&s->h, on_signal, signum) < 0) {
		loop_signal_free(s);
		return NULL;
	}
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (!s)
		return;
	s->fn = NULL;
	loop_count_handle(s->loop, -1);
	uv_close((uv_handle_t *)&s->h, free_data);
}

/* ---- work off the loop ---------------------------------------------------------------- */

struct loop_work {
	uv_work_t req;
	struct loop *loop;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void on_work(uv_work_t *req)
{
	struct loop_work *w = req->data;

	w->work(w->arg);
}

static void on_work_done(uv_work_t *req, int status)
{
	struct loop_work *w = req->data;

	(void)status;
	loop_wake_begin(w->loop);
	w->done(w->arg);
	free(w);
}

void loop_work_queue(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct loop_work *w = xcalloc(1, sizeof(*w));

	w->req.data = w;
	w->loop = l;
	w->work = work;
	w->done = done;
	w->arg = arg;
	uv_queue_work(loop_uv(l), &w->req, on_work,
		      on_work_done); /* cannot fail with a work function */
}
