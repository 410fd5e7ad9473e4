/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay_queue.h: a bounded queue of frames that lets the oldest go when full. Pure. */
#ifndef COORDINATOR_RELAY_QUEUE_H
#define COORDINATOR_RELAY_QUEUE_H

#include "base/list.h"
#include "base/bytes.h"

struct relay_frame {
	struct list link;
	size_t len;
	uint8_t bytes[];
};

struct relay_queue {
	struct list frames;
	size_t n;
	size_t max;
};

void relay_queue_init(struct relay_queue *q, size_t max);
void relay_queue_fini(struct relay_queue *q);
/* Room for a frame of at most len bytes at the end, oldest dropped if full (*dropped set then); the
 * caller fills it and sets ->len. NULL: out of memory, nothing changed. */
struct relay_frame *relay_queue_push(struct relay_queue *q, size_t len, bool *dropped);
struct relay_frame *relay_queue_first(const struct relay_queue *q);
/* Takes the first one out; the caller frees it. */
struct relay_frame *relay_queue_pop(struct relay_queue *q);

#endif
