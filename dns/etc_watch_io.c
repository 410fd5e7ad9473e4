/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/etc_watch_io.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define CHANGES                                                                                    \
	(IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM |          \
	 IN_MOVED_TO)

static bool is_about(const struct etc_watch *w, const struct inotify_event *e)
{
	return e->len == 0 || !w->name || strcmp(e->name, w->name) == 0;
}

static void on_inotify(struct loop_fd *l, int events)
{
	struct etc_watch *w = l->arg;
	_Alignas(struct inotify_event) uint8_t got[4096];
	bool changed = false;
	ssize_t n;
	(void)events;
	while ((n = read(w->fd, got, sizeof(got))) > 0) {
		for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
			const struct inotify_event *e = (const struct inotify_event *)(got + at);
			changed |= is_about(w, e);
			if (e->mask & IN_IGNORED)
				w->has_file = false;
			at += sizeof(*e) + e->len;
		}
	}
	/* Not moved by what comes meanwhile: one who writes all the time is seen, too. */
	if (changed && !loop_timer_armed(&w->settle))
		loop_timer_arm_ms(&w->settle, ETC_WATCH_SETTLE_MS);
}

static void on_settled(struct loop_timer *t, mono_t now)
{
	struct etc_watch *w = t->arg;
	(void)now;
	w->fn(w->arg);
}

bool etc_watch_start(struct etc_watch *w, struct loop *l, const char *dir, const char *name,
		     void (*fn)(void *arg), void *arg)
{
	*w = (struct etc_watch){ .name = name, .fn = fn, .arg = arg };
	loop_timer_init(l, &w->settle, on_settled, w);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return w->fd >= 0 && inotify_add_watch(w->fd, dir, CHANGES) >= 0 &&
	       loop_fd_start(l, &w->watch, w->fd, LOOP_READ, on_inotify, w) == 0;
}

void etc_watch_file(struct etc_watch *w, const char *path)
{
	if (w->fd >= 0 && !w->has_file)
		w->has_file = inotify_add_watch(w->fd, path, IN_CLOSE_WRITE | IN_MODIFY) >= 0;
}

void etc_watch_stop(struct etc_watch *w)
{
	if (!w->fn)
		return; /* never started */
	loop_fd_stop(&w->watch);
	loop_timer_cancel(&w->settle);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
