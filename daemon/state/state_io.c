/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/state_io.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEM_PATH "mem:"
#define TEXT_MAX (2 * STATE_FILE_MAX)
#define RETRY_MS 10000

struct waiter {
	struct list link;
	uint64_t generation; /* what must be on disk */
	void (*done)(void *arg, int err);
	void *arg;
};

/* One write on the worker thread; the text is a copy, the loop goes on changing the store. */
struct job {
	struct state_file *f;
	struct buf text;
	uint64_t generation;
	int err;
	int sys; /* errno of a failure */
};

struct state_file {
	struct loop *loop;
	struct state *store;
	char *path;    /* NULL: memory only */
	char *health;  /* NULL: fine */
	char *trouble; /* why the last write failed; NULL if it did not */
	struct loop_timer later;
	uint64_t written;
	struct job *job; /* in progress */
	bool retry;	 /* a waiter came while one was in progress */
	struct list waiters;
	struct loop_defer answer; /* for waiters that need no write */
};

/* ---- opening ------------------------------------------------------------------------------------
 */

static void make_unusable(struct state_file *f, const char *what, const char *why)
{
	f->health = xasprintf("state file %s: %s: %s; nothing is stored in this run. Repair it or "
			      "move it away, then restart",
			      f->path, what, why);
}

static int make_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	char *dir = xstrndup(path, (size_t)(slash - path));
	int err = fs_mkdir(dir, 0700);
	free(dir);
	return err;
}

static void create(struct state_file *f)
{
	int err = make_directory(f->path);
	if (!err)
		err = fs_write_atomic(f->path, span_str("{}"), 0600);
	if (err)
		make_unusable(f, "cannot be made", strerror(errno));
}

static void load(struct state_file *f)
{
	struct buf text;
	const char *why;
	buf_init(&text, STATE_FILE_MAX);
	text.secret = true;
	int err = fs_read(f->path, &text);
	if (err == -ERR_NOENT)
		create(f);
	else if (err)
		make_unusable(f, "cannot be read",
			      err == -ERR_TOOBIG ? "too big" : strerror(errno));
	else if (state_parse(f->store, buf_span(&text), &why))
		make_unusable(f, "cannot be used", why);
	buf_fini(&text);
}

static void answer_waiters(struct loop_defer *d);
static void write_again(struct loop_timer *t, mono_t now);

struct state_file *state_file_open(struct loop *l, const char *path)
{
	struct state_file *f = xcalloc(1, sizeof(*f));
	f->loop = l;
	f->store = state_new();
	list_init(&f->waiters);
	loop_defer_init(l, &f->answer, answer_waiters, f);
	loop_timer_init(l, &f->later, write_again, f);
	if (strcmp(path, MEM_PATH) == 0)
		return f;
	f->path = xstrdup(path);
	fs_drop_temps(path);
	load(f);
	f->written = state_generation(f->store);
	return f;
}

struct state *state_file_store(struct state_file *f)
{
	return f->store;
}

const char *state_file_health(const struct state_file *f)
{
	return f->health;
}

const char *state_file_trouble(const struct state_file *f)
{
	return f->trouble;
}

bool state_file_is_mem(const struct state_file *f)
{
	return f->path == NULL;
}

/* ---- writing ---- */

static void text_of(const struct state_file *f, struct buf *out)
{
	buf_init(out, TEXT_MAX);
	out->secret = true;
	state_text(f->store, out);
}

/* Call and drop the waiters whose content is on disk, or all if err. */
static void settle(struct state_file *f, int err)
{
	struct list due;
	list_init(&due);
	LIST_EACH (it, &f->waiters) {
		struct waiter *w = LIST_ENTRY(it, struct waiter, link);
		if (!err && w->generation > f->written)
			continue;
		list_remove(it);
		list_push_back(&due, it);
	}
	while (!list_empty(&due)) {
		struct waiter *w = LIST_ENTRY(list_first(&due), struct waiter, link);
		list_remove(&w->link);
		if (w->done)
			w->done(w->arg, err);
		free(w);
	}
}

static void answer_waiters(struct loop_defer *d)
{
	struct state_file *f = d->arg;
	settle(f, f->health ? -ERR_IO : 0);
}

static void start_job(struct state_file *f);

static void job_work(void *arg)
{
	struct job *j = arg;
	j->err = fs_write_atomic(j->f->path, buf_span(&j->text), 0600);
	j->sys = j->err ? errno : 0;
}

/* A disk that is full or read-only today may be fine in a while. */
static void note_outcome(struct state_file *f, const struct job *j)
{
	free(f->trouble);
	f->trouble = NULL;
	if (!j->err) {
		f->written = j->generation;
		loop_timer_cancel(&f->later);
		return;
	}
	f->trouble =
	    xasprintf("state file %s cannot be written: %s; a restart would lose what changed "
		      "since. Make room on the disk, or make it writable; it is tried again",
		      f->path, strerror(j->sys));
	loop_timer_arm_ms(&f->later, RETRY_MS);
}

static void job_done(void *arg)
{
	struct job *j = arg;
	struct state_file *f = j->f;
	int err = j->err;
	f->job = NULL;
	note_outcome(f, j);
	buf_fini(&j->text);
	free(j);
	bool again = f->retry;
	f->retry = false;
	if (again)
		start_job(f);
	settle(f, again ? 0 : err);
}

static void start_job(struct state_file *f)
{
	struct job *j = xcalloc(1, sizeof(*j));
	j->f = f;
	j->generation = state_generation(f->store);
	text_of(f, &j->text);
	f->job = j;
	loop_work_queue(f->loop, job_work, job_done, j);
}

static void write_again(struct loop_timer *t, mono_t now)
{
	struct state_file *f = t->arg;
	(void)now;
	if (!f->job)
		start_job(f);
}

void state_file_save(struct state_file *f, void (*done)(void *arg, int err), void *arg)
{
	struct waiter *w = xcalloc(1, sizeof(*w));
	w->generation = state_generation(f->store);
	w->done = done;
	w->arg = arg;
	list_init(&w->link);
	list_push_back(&f->waiters, &w->link);
	if (!f->path || f->health || w->generation == f->written) {
		if (!f->path)
			f->written = w->generation;
		loop_defer_arm(&f->answer);
	} else if (f->job) {
		f->retry = true;
	} else {
		start_job(f);
	}
}

int state_file_save_now(struct state_file *f)
{
	struct buf text;
	uint64_t generation = state_generation(f->store);
	if (!f->path || generation == f->written)
		return 0;
	if (f->health)
		return -ERR_IO;
	text_of(f, &text);
	int err = buf_ok(&text) ? fs_write_atomic(f->path, buf_span(&text), 0600) : -ERR_TOOBIG;
	if (!err)
		f->written = generation;
	buf_fini(&text);
	return err;
}

void state_file_free(struct state_file *f)
{
	if (!f)
		return;
	loop_timer_cancel(&f->later);
	while (f->job)
		loop_turn(f->loop, 100);
	loop_timer_cancel(&f->later);
	if (!f->health && state_file_save_now(f))
		make_unusable(f, "last write failed", strerror(errno));
	loop_defer_cancel(&f->answer);
	LIST_EACH (it, &f->waiters)
		free(LIST_ENTRY(it, struct waiter, link));
	state_free(f->store);
	free(f->path);
	free(f->health);
	free(f->trouble);
	free(f);
}
