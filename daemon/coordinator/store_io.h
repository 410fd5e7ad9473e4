/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_io.h: keeps one file equal to the state: encodes on the loop, writes (temporary file,
 * fsync, rename) on the worker thread, one write at a time; changes in between make one more.
 * Whoever must not speak before the state is durable waits with store_sync. Thread: the loop's. */
#ifndef COORDINATOR_STORE_IO_H
#define COORDINATOR_STORE_IO_H

#include "base/bytes.h"
#include "base/loop.h"

struct store;
typedef void store_encode_fn(void *arg, struct buf *out);

/* Embedded in whoever waits; store_cancel before its memory goes. */
struct store_wait {
	struct list link;
	uint64_t gen;
	void (*fn)(struct store_wait *w, int err);
	void *arg;
};

struct store *store_new(struct loop *l, const char *path, store_encode_fn *encode, void *arg);
/* Blocks until nobody waits any more. */
void store_drain(struct store *s);
/* The last changes are written before it returns. */
void store_free(struct store *s);
/* The state changed: write it soon. Returns which change this was. */
uint64_t store_touch(struct store *s);
/* Is that change on disk, with all before it? */
bool store_has(const struct store *s, uint64_t change);
/* Call w->fn once everything up to now is on disk (err 0) or could not be written. Never from
 * inside. */
void store_sync(struct store *s, struct store_wait *w, void (*fn)(struct store_wait *w, int err),
		void *arg);
void store_wait_init(struct store_wait *w);
void store_cancel(struct store_wait *w); /* harmless if not waiting */

#endif
