/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/store_io.h"

#include "base/fs.h"
#include "base/log.h"

#include <stdlib.h>

#define SETTLE_MS 200 /* changes nobody waits for are gathered this long */
#define RETRY_MS 5000
#define FILE_MAX (512u << 20)

struct store {
	struct loop *loop;
	char *path;
	store_encode_fn *encode;
	void *arg;
	uint64_t gen;	  /* of the state */
	uint64_t written; /* newest on disk */
	uint64_t writing; /* 0: no write runs */
	struct buf text;  /* being written; owned by the worker while writing */
	int result;
	struct list waiting;
	struct loop_timer settle;
	struct loop_defer kick;
};

static void write_start(struct store *s);

static void on_settle(struct loop_timer *t, mono_t now)
{
	(void)now;
	write_start(t->arg);
}

static void answer_clean(struct store *s, int err)
{
	struct list done;

	list_init(&done);
	LIST_EACH (it, &s->waiting) {
		struct store_wait *w = LIST_ENTRY(it, struct store_wait, link);

		if (err || w->gen <= s->written) {
			list_remove(&w->link);
			list_push_back(&done, &w->link);
		}
	}
	while (!list_empty(&done)) {
		struct store_wait *w = LIST_ENTRY(list_first(&done), struct store_wait, link);

		list_remove(&w->link);
		w->fn(w, err);
	}
}

static void on_kick(struct loop_defer *d)
{
	struct store *s = d->arg;

	if (s->gen == s->written)
		answer_clean(s, 0);
	else
		write_start(s);
}

struct store *store_new(struct loop *l, const char *path, store_encode_fn *encode, void *arg)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->path = xstrdup(path);
	s->encode = encode;
	s->arg = arg;
	list_init(&s->waiting);
	buf_init(&s->text, FILE_MAX);
	s->text.secret = true;
	loop_timer_init(l, &s->settle, on_settle, s);
	loop_defer_init(l, &s->kick, on_kick, s);
	return s;
}

/* Worker thread: touches nothing but path, text and result. */
static void work(void *arg)
{
	struct store *s = arg;

	s->result =
	    buf_ok(&s->text) ? fs_write_atomic(s->path, buf_span(&s->text), 0600) : -ERR_NOMEM;
}

static void work_done(void *arg)
{
	struct store *s = arg;
	uint64_t gen = s->writing;

	s->writing = 0;
	buf_reset(&s->text);
	if (s->result == 0)
		s->written = gen;
	else
		LOG_LIMITED(30, LOG_ERROR, "store: %s: not written (%s); will try again", s->path,
			    err_text(s->result));
	answer_clean(s, s->result);
	if (s->result < 0)
		loop_timer_arm_ms(&s->settle, RETRY_MS);
	else if (!list_empty(&s->waiting))
		write_start(s);
	else if (s->gen != s->written)
		loop_timer_arm_ms(&s->settle, SETTLE_MS);
}

static void write_start(struct store *s)
{
	if (s->writing || s->gen == s->written)
		return;
	loop_timer_cancel(&s->settle);
	buf_reset(&s->text);
	s->encode(s->arg, &s->text);
	s->writing = s->gen;
	loop_work_queue(s->loop, work, work_done, s);
}

uint64_t store_touch(struct store *s)
{
	s->gen++;
	if (!loop_timer_armed(&s->settle))
		loop_timer_arm_ms(&s->settle, SETTLE_MS);
	return s->gen;
}

bool store_has(const struct store *s, uint64_t change)
{
	return s->written >= change;
}

void store_sync(struct store *s, struct store_wait *w, void (*fn)(struct store_wait *w, int err),
		void *arg)
{
	w->fn = fn;
	w->arg = arg;
	w->gen = s->gen;
	list_push_back(&s->waiting, &w->link);
	loop_defer_arm(&s->kick);
}

void store_wait_init(struct store_wait *w)
{
	list_init(&w->link);
}

void store_cancel(struct store_wait *w)
{
	list_remove(&w->link);
}

void store_drain(struct store *s)
{
	while (!list_empty(&s->waiting))
		loop_turn(s->loop, 100);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	loop_timer_cancel(&s->settle);
	loop_defer_cancel(&s->kick);
	while (s->writing)
		loop_turn(s->loop, 100);
	loop_timer_cancel(&s->settle);
	if (s->gen != s->written) {
		buf_reset(&s->text);
		s->encode(s->arg, &s->text);
		work(s);
		if (s->result < 0)
			log_error("store: %s: last changes are lost: %s", s->path,
				  err_text(s->result));
	}
	buf_fini(&s->text);
	free(s->path);
	free(s);
}
