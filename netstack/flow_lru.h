/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_lru.h: a bounded set of flows in the order of their last use; when it is full, a new one
 * takes the place of the one not used for longest. Every step is O(1); memory is taken once, and
 * the kernel backs only what has been used. Pure but for that memory. */
#ifndef NETSTACK_FLOW_LRU_H
#define NETSTACK_FLOW_LRU_H

#include "netstack/flow_key.h"

struct flow_entry {
	struct flow_key key;
	uint64_t mark;	 /* the owner's */
	uint32_t second; /* likewise */
	uint32_t hash;
	uint16_t chain_next;   /* places count from 1; 0: none */
	uint16_t newer, older; /* 0 at the ends */
};

struct flow_lru {
	uint16_t cap, n;
	uint16_t used; /* places that ever held a flow */
	uint16_t free; /* first of those that hold none now, by chain_next */
	uint16_t newest, oldest;
	uint16_t *chains; /* 2 * cap of them */
	struct flow_entry *v;
};

/* cap: a power of two, at most 16384. */
void flow_lru_init(struct flow_lru *l, uint16_t cap);
void flow_lru_fini(struct flow_lru *l);
void flow_lru_clear(struct flow_lru *l);

/* hash: flow_hash of the key. NULL: not in it. The order stays. */
struct flow_entry *flow_lru_find(const struct flow_lru *l, uint32_t hash, const struct flow_key *k);
/* Make it the most recent. */
void flow_lru_touch(struct flow_lru *l, struct flow_entry *e);
/* A flow that is not in it, as the most recent; its mark and second are 0. */
struct flow_entry *flow_lru_add(struct flow_lru *l, uint32_t hash, const struct flow_key *k);
void flow_lru_del(struct flow_lru *l, struct flow_entry *e);

static inline bool flow_lru_is_full(const struct flow_lru *l)
{
	return l->n == l->cap;
}

#endif
