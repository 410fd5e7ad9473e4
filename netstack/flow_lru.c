/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/flow_lru.h"

#include "base/alloc.h"

#include <stdlib.h>

_Static_assert(sizeof(struct flow_entry) == 64, "an entry is one line of cache");

/* Zeroed memory is an empty set, so none of it is touched before it is used; in one piece, which is
 * large enough to come from the kernel as zeroes. */
void flow_lru_init(struct flow_lru *l, uint16_t cap)
{
	*l = (struct flow_lru){ .cap = cap };
	l->v = xcalloc(cap, sizeof(*l->v) + 2 * sizeof(*l->chains));
	l->chains = (uint16_t *)(l->v + cap);
}

void flow_lru_fini(struct flow_lru *l)
{
	free(l->v);
	*l = (struct flow_lru){ 0 };
}

void flow_lru_clear(struct flow_lru *l)
{
	if (l->n > 0)
		memset(l->chains, 0, 2 * (size_t)l->cap * sizeof(*l->chains));
	l->n = l->used = l->free = l->newest = l->oldest = 0;
}

static struct flow_entry *at(const struct flow_lru *l, uint16_t place)
{
	return &l->v[place - 1];
}

static uint16_t place_of(const struct flow_lru *l, const struct flow_entry *e)
{
	return (uint16_t)(e - l->v + 1);
}

static uint16_t *chain_of(const struct flow_lru *l, uint32_t hash)
{
	return &l->chains[hash & (2 * (uint32_t)l->cap - 1)];
}

struct flow_entry *flow_lru_find(const struct flow_lru *l, uint32_t hash, const struct flow_key *k)
{
	if (l->n == 0)
		return NULL;
	for (uint16_t i = *chain_of(l, hash); i; i = at(l, i)->chain_next)
		if (at(l, i)->hash == hash && memcmp(&at(l, i)->key, k, sizeof(*k)) == 0)
			return at(l, i);
	return NULL;
}

static void age_unlink(struct flow_lru *l, const struct flow_entry *e)
{
	*(e->newer ? &at(l, e->newer)->older : &l->newest) = e->older;
	*(e->older ? &at(l, e->older)->newer : &l->oldest) = e->newer;
}

static void age_push(struct flow_lru *l, struct flow_entry *e)
{
	uint16_t place = place_of(l, e);
	e->newer = 0;
	e->older = l->newest;
	*(l->newest ? &at(l, l->newest)->newer : &l->oldest) = place;
	l->newest = place;
}

void flow_lru_touch(struct flow_lru *l, struct flow_entry *e)
{
	if (e->newer == 0)
		return;
	age_unlink(l, e);
	age_push(l, e);
}

void flow_lru_del(struct flow_lru *l, struct flow_entry *e)
{
	uint16_t place = place_of(l, e), *link = chain_of(l, e->hash);
	while (*link != place)
		link = &at(l, *link)->chain_next;
	*link = e->chain_next;
	age_unlink(l, e);
	e->chain_next = l->free;
	l->free = place;
	l->n--;
}

static struct flow_entry *take_place(struct flow_lru *l)
{
	if (flow_lru_is_full(l))
		flow_lru_del(l, at(l, l->oldest));
	l->n++;
	if (!l->free)
		return at(l, ++l->used);
	struct flow_entry *e = at(l, l->free);
	l->free = e->chain_next;
	return e;
}

struct flow_entry *flow_lru_add(struct flow_lru *l, uint32_t hash, const struct flow_key *k)
{
	struct flow_entry *e = take_place(l);
	uint16_t *chain = chain_of(l, hash);
	*e = (struct flow_entry){ .key = *k, .hash = hash, .chain_next = *chain };
	*chain = place_of(l, e);
	age_push(l, e);
	return e;
}
