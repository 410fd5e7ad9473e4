/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arena.h: scratch memory for decoding one message: many small allocations, freed together. Pure.
 */
#ifndef DAEMON_CONTROL_ARENA_H
#define DAEMON_CONTROL_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *head; /* {0} is an empty arena */
	size_t used;
};

/* Zeroed, aligned for anything. Aborts when memory is out: what is decoded is capped by its text.
 */
void *arena_alloc(struct arena *a, size_t n, size_t size);
void arena_fini(struct arena *a);

#endif
