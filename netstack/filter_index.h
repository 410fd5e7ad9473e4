/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_index.h: the look-up structures inside a compiled filter. Pure but for their memory.
 * An address is a pair of numbers; a structure holds one family only. */
#ifndef NETSTACK_FILTER_INDEX_H
#define NETSTACK_FILTER_INDEX_H

#include "netstack/ranges.h"

struct ip_key {
	uint64_t hi, lo;
};

struct ip_key ip_key_of(struct ip ip);

static inline int ip_key_cmp(struct ip_key a, struct ip_key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

/* ---- membership in disjoint ranges: O(log n) ---- */

struct key_set {
	struct key_range {
		struct ip_key first, last;
	} * v;
	size_t n;
};

/* The ranges of family fam in s, which is sorted. False when memory ran out. */
bool key_set_build(struct key_set *k, const struct ranges *s, uint8_t fam);
void key_set_fini(struct key_set *k);
bool key_set_has(const struct key_set *k, struct ip_key ip);

/* ---- all ranges that contain an address: O(log n + hits) ---- */

/* An implicit balanced tree over items sorted by their first address; each node knows the greatest
 * last address below it, so that parts that end before the address are skipped. */
struct key_tree {
	struct key_item {
		struct ip_key first, last;
		struct ip_key max;
		uint32_t value;
	} * v;
	size_t n, cap;
	bool bad; /* memory ran out */
};

void key_tree_add(struct key_tree *t, const struct ip_range *r, uint32_t value);
/* Order items [begin, end) so that they can be searched; each part of a tree is built by itself. */
void key_tree_build(struct key_tree *t, size_t begin, size_t end);
void key_tree_fini(struct key_tree *t);

/* True stops the search. */
typedef bool key_hit_fn(void *arg, uint32_t value);
/* Calls fn for the items in [begin, end) that contain ip; true if one call returned true. */
bool key_tree_find(const struct key_tree *t, size_t begin, size_t end, struct ip_key ip,
		   key_hit_fn *fn, void *arg);

#endif
