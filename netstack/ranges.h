/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ranges.h: sets of IP addresses as sorted, disjoint, inclusive ranges, both families in one set.
 * Pure but for its memory. Sets grow by input, so adding can fail: `bad` is sticky and an unfit set
 * must not be used. A zeroed struct is an empty set. */
#ifndef NETSTACK_RANGES_H
#define NETSTACK_RANGES_H

#include "base/ip.h"

struct ip_range {
	struct ip first, last; /* of one family, first <= last */
};

struct ranges {
	struct ip_range *v;
	size_t n, cap;
	bool sorted; /* in order and merged */
	bool bad;    /* memory ran out */
};

struct ip_range range_of_prefix(struct prefix p); /* host bits are ignored */
bool range_contains(const struct ip_range *r, struct ip ip);
bool range_overlaps(const struct ip_range *a, const struct ip_range *b);
/* First prefix of what is left in *r, which loses it; false once nothing is left (family IP_NONE).
 * A range of one family gives at most 254 prefixes. */
bool range_next_prefix(struct ip_range *r, struct prefix *out);

void ranges_fini(struct ranges *s);
void ranges_add(struct ranges *s, const struct ip_range *r);
void ranges_add_prefix(struct ranges *s, struct prefix p);
/* Sort and merge overlapping and adjacent ranges; O(n log n). The functions below need it. */
void ranges_sort(struct ranges *s);
/* s without what sub holds; both sorted. The result is sorted. */
void ranges_subtract(struct ranges *s, const struct ranges *sub);
bool ranges_contains(const struct ranges *s, struct ip ip); /* O(log n) */
bool ranges_overlap(const struct ranges *s, const struct ip_range *r);

#endif
