/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/heap.h"

#include "base/alloc.h"

#include <stdlib.h>

void heap_init(struct heap *h)
{
	*h = (struct heap){ 0 };
}

void heap_fini(struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->v[i]->pos = 0;
	free(h->v);
	heap_init(h);
}

static void place(struct heap *h, struct heap_node *n, size_t pos)
{
	h->v[pos - 1] = n;
	n->pos = pos;
}

static void sift_up(struct heap *h, struct heap_node *n)
{
	size_t pos = n->pos;
	while (pos > 1 && mono_before(n->at, h->v[pos / 2 - 1]->at)) {
		place(h, h->v[pos / 2 - 1], pos);
		pos /= 2;
	}
	place(h, n, pos);
}

static void sift_down(struct heap *h, struct heap_node *n)
{
	size_t pos = n->pos;
	while (pos <= h->n / 2) {
		size_t child = pos * 2;
		if (child < h->n && mono_before(h->v[child]->at, h->v[child - 1]->at))
			child++;
		if (!mono_before(h->v[child - 1]->at, n->at))
			break;
		place(h, h->v[child - 1], pos);
		pos = child;
	}
	place(h, n, pos);
}

void heap_set(struct heap *h, struct heap_node *n, mono_t at)
{
	if (n->pos == 0) {
		if (h->n == h->cap) {
			h->cap = h->cap ? h->cap * 2 : 16;
			h->v = xrealloc(h->v, h->cap, sizeof(*h->v));
		}
		place(h, n, ++h->n);
	}
	n->at = at;
	sift_up(h, n);
	sift_down(h, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	if (n->pos == 0)
		return;
	struct heap_node *last = h->v[--h->n];
	if (last != n) {
		place(h, last, n->pos);
		sift_up(h, last);
		sift_down(h, last);
	}
	n->pos = 0;
}

struct heap_node *heap_min(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}
