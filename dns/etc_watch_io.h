/* SPDX-License-Identifier: GPL-2.0-or-later */
/* etc_watch_io.h: tells when a file of a folder has changed, or may have. Thread: the loop's. */
#ifndef DNS_ETC_WATCH_IO_H
#define DNS_ETC_WATCH_IO_H

#include "base/loop.h"

/* Programs write a file in more than one step: what happens within this time is one change. */
#define ETC_WATCH_SETTLE_MS 150

struct etc_watch {
	int fd; /* of inotify; -1: not watching */
	struct loop_fd watch;
	struct loop_timer settle;
	const char *name; /* borrowed; NULL: any file */
	bool has_file;
	void (*fn)(void *arg);
	void *arg;
};

/* False: it cannot be watched (errno). Always to be ended by stop, which a zeroed struct may be,
 * too. */
bool etc_watch_start(struct etc_watch *w, struct loop *l, const char *dir, const char *name,
		     void (*fn)(void *arg), void *arg);
/* The file itself, too: one that is a mount of its own tells nothing to its folder. */
void etc_watch_file(struct etc_watch *w, const char *path);
void etc_watch_stop(struct etc_watch *w);

#endif
