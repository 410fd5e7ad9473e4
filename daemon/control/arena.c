/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/arena.h"

#include "base/alloc.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define CHUNK 4096

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t align = alignof(max_align_t);
	/* callers pass counts below the named maxima of nm_node.h: no overflow */
	size_t want = (n * size + align - 1) / align * align;
	if (!a->head || a->head->size - a->used < want) {
		size_t room = want > CHUNK ? want : CHUNK;
		struct arena_chunk *c = xcalloc(1, sizeof(*c) + room);
		c->size = room;
		c->next = a->head;
		a->head = c;
		a->used = 0;
	}
	void *p = a->head->data + a->used;
	a->used += want;
	return p;
}

void arena_fini(struct arena *a)
{
	while (a->head) {
		struct arena_chunk *next = a->head->next;
		free(a->head);
		a->head = next;
	}
	a->used = 0;
}
