/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter_index.h"

#include "base/alloc.h"

#include <stdlib.h>

struct ip_key ip_key_of(struct ip ip)
{
	struct rd r = rd_init(span_of(ip.b, ip_len(ip)));
	if (ip.fam == IP_V4)
		return (struct ip_key){ 0, rd_be32(&r) };
	uint64_t hi = rd_be64(&r);
	return (struct ip_key){ hi, rd_be64(&r) };
}

bool key_set_build(struct key_set *k, const struct ranges *s, uint8_t fam)
{
	*k = (struct key_set){ 0 };
	k->v = try_calloc(s->n ? s->n : 1, sizeof(*k->v));
	if (!k->v)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].first.fam != fam)
			continue;
		k->v[k->n].first = ip_key_of(s->v[i].first);
		k->v[k->n++].last = ip_key_of(s->v[i].last);
	}
	return true;
}

void key_set_fini(struct key_set *k)
{
	free(k->v);
	*k = (struct key_set){ 0 };
}

bool key_set_has(const struct key_set *k, struct ip_key ip)
{
	size_t lo = 0, hi = k->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (ip_key_cmp(k->v[mid].last, ip) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n && ip_key_cmp(k->v[lo].first, ip) <= 0;
}

void key_tree_add(struct key_tree *t, const struct ip_range *r, uint32_t value)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 8;
		struct key_item *v = try_realloc(t->v, cap, sizeof(*v));
		if (!v) {
			t->bad = true;
			return;
		}
		t->v = v;
		t->cap = cap;
	}
	struct ip_key last = ip_key_of(r->last);
	t->v[t->n++] = (struct key_item){ ip_key_of(r->first), last, last, value };
}

static int by_first(const void *a, const void *b)
{
	return ip_key_cmp(((const struct key_item *)a)->first, ((const struct key_item *)b)->first);
}

static size_t middle(size_t begin, size_t end)
{
	return begin + (end - begin) / 2;
}

/* Depth is log2 of the number of items. */
static struct ip_key fill_max(struct key_item *v, size_t begin, size_t end)
{
	size_t mid = middle(begin, end);
	struct ip_key max = v[mid].last;
	struct ip_key below[2] = { max, max };
	if (begin < mid)
		below[0] = fill_max(v, begin, mid);
	if (mid + 1 < end)
		below[1] = fill_max(v, mid + 1, end);
	for (int i = 0; i < 2; i++)
		if (ip_key_cmp(below[i], max) > 0)
			max = below[i];
	return v[mid].max = max;
}

void key_tree_build(struct key_tree *t, size_t begin, size_t end)
{
	if (begin >= end)
		return;
	qsort(t->v + begin, end - begin, sizeof(*t->v), by_first);
	fill_max(t->v, begin, end);
}

void key_tree_fini(struct key_tree *t)
{
	free(t->v);
	*t = (struct key_tree){ 0 };
}

bool key_tree_find(const struct key_tree *t, size_t begin, size_t end, struct ip_key ip,
		   key_hit_fn *fn, void *arg)
{
	while (begin < end) {
		size_t mid = middle(begin, end);
		const struct key_item *it = &t->v[mid];
		if (ip_key_cmp(it->max, ip) < 0)
			return false;
		if (key_tree_find(t, begin, mid, ip, fn, arg))
			return true;
		if (ip_key_cmp(it->first, ip) > 0)
			return false;
		if (ip_key_cmp(ip, it->last) <= 0 && fn(arg, it->value))
			return true;
		begin = mid + 1;
	}
	return false;
}
