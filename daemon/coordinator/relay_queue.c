/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/relay_queue.h"

#include <stdlib.h>

void relay_queue_init(struct relay_queue *q, size_t max)
{
	list_init(&q->frames);
	q->n = 0;
	q->max = max;
}

struct relay_frame *relay_queue_first(const struct relay_queue *q)
{
	return list_empty(&q->frames)
		   ? NULL
		   : LIST_ENTRY(list_first(&q->frames), struct relay_frame, link);
}

struct relay_frame *relay_queue_pop(struct relay_queue *q)
{
	struct relay_frame *f = relay_queue_first(q);

	if (f) {
		list_remove(&f->link);
		q->n--;
	}
	return f;
}

void relay_queue_fini(struct relay_queue *q)
{
	while (q->n)
		free(relay_queue_pop(q));
}

struct relay_frame *relay_queue_push(struct relay_queue *q, size_t len, bool *dropped)
{
	struct relay_frame *f = try_realloc(NULL, 1, sizeof(*f) + len); /* filled by the caller */

	*dropped = false;
	if (!f)
		return NULL;
	if (q->n >= q->max) {
		free(relay_queue_pop(q));
		*dropped = true;
	}
	f->len = len;
	list_push_back(&q->frames, &f->link);
	q->n++;
	return f;
}
