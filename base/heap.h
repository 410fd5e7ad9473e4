/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heap.h: intrusive binary min-heap ordered by deadline. Pure but for growing its array (x*). */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/mono.h"

struct heap_node {
	mono_t at;
	size_t pos; /* 1-based place in the heap, 0 = not in it */
};

struct heap {
	struct heap_node **v;
	size_t n;
	size_t cap;
};

void heap_init(struct heap *h);
void heap_fini(struct heap *h);
/* Insert, or move if already in. */
void heap_set(struct heap *h, struct heap_node *n, mono_t at);
void heap_remove(struct heap *h, struct heap_node *n); /* harmless if not in */
struct heap_node *heap_min(const struct heap *h);      /* NULL if empty */

#endif
