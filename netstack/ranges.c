/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/ranges.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ip + 1; false (and zero) if it was the last address of its family. */
static bool ip_next(struct ip *ip)
{
	for (size_t i = ip_len(*ip); i-- > 0;)
		if (++ip->b[i])
			return true;
	return false;
}

/* ip - 1; the caller knows that it is not the first. */
static struct ip ip_prev(struct ip ip)
{
	for (size_t i = ip_len(ip); i-- > 0;)
		if (ip.b[i]--)
			break;
	return ip;
}

struct ip_range range_of_prefix(struct prefix p)
{
	struct ip first = prefix_masked(p).ip;
	struct ip_range r = { first, first };
	for (size_t bit = p.bits; bit < ip_bits(first); bit++)
		r.last.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return r;
}

bool range_contains(const struct ip_range *r, struct ip ip)
{
	return ip_cmp(r->first, ip) <= 0 && ip_cmp(ip, r->last) <= 0;
}

bool range_overlaps(const struct ip_range *a, const struct ip_range *b)
{
	return ip_cmp(a->first, b->last) <= 0 && ip_cmp(b->first, a->last) <= 0;
}

/* Does the prefix begin where the range begins and end inside it? */
static bool prefix_fits(struct prefix p, const struct ip_range *r)
{
	struct ip_range pr = range_of_prefix(p);
	return ip_eq(pr.first, r->first) && ip_cmp(pr.last, r->last) <= 0;
}

bool range_next_prefix(struct ip_range *r, struct prefix *out)
{
	if (!ip_is_set(r->first))
		return false;
	struct prefix p = prefix_host(r->first);
	while (p.bits > 0 && prefix_fits((struct prefix){ p.ip, (uint8_t)(p.bits - 1) }, r))
		p.bits--;
	*out = p;
	r->first = range_of_prefix(p).last;
	if (ip_eq(r->first, r->last) || !ip_next(&r->first))
		*r = (struct ip_range){ 0 };
	return true;
}

void ranges_fini(struct ranges *s)
{
	free(s->v);
	*s = (struct ranges){ 0 };
}

void ranges_add(struct ranges *s, const struct ip_range *r)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		struct ip_range *v = try_realloc(s->v, cap, sizeof(*v));
		if (!v) {
			s->bad = true;
			return;
		}
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *r;
	s->sorted = false;
}

void ranges_add_prefix(struct ranges *s, struct prefix p)
{
	struct ip_range r = range_of_prefix(p);
	ranges_add(s, &r);
}

static int by_first(const void *a, const void *b)
{
	return ip_cmp(((const struct ip_range *)a)->first, ((const struct ip_range *)b)->first);
}

static bool touches(const struct ip_range *a, const struct ip_range *b)
{
	struct ip after = a->last;
	if (ip_cmp(b->first, a->last) <= 0)
		return true;
	return ip_next(&after) && ip_eq(after, b->first);
}

void ranges_sort(struct ranges *s)
{
	s->sorted = true;
	if (s->n < 2)
		return;
	qsort(s->v, s->n, sizeof(*s->v), by_first);
	size_t end = 0;
	for (size_t i = 1; i < s->n; i++) {
		if (!touches(&s->v[end], &s->v[i]))
			s->v[++end] = s->v[i];
		else if (ip_cmp(s->v[i].last, s->v[end].last) > 0)
			s->v[end].last = s->v[i].last;
	}
	s->n = end + 1;
}

/* What is left of r after cutting out sub[*at...]; *at moves past what ends before r does. */
static void cut(struct ip_range r, const struct ranges *sub, size_t *at, struct ranges *out)
{
	while (*at < sub->n && ip_cmp(sub->v[*at].last, r.first) < 0)
		++*at;
	for (size_t i = *at; i < sub->n && ip_cmp(sub->v[i].first, r.last) <= 0; i++) {
		if (ip_cmp(r.first, sub->v[i].first) < 0) {
			struct ip_range before = { r.first, ip_prev(sub->v[i].first) };
			ranges_add(out, &before);
		}
		if (ip_cmp(sub->v[i].last, r.last) >= 0)
			return;
		r.first = sub->v[i].last;
		ip_next(&r.first);
	}
	ranges_add(out, &r);
}

void ranges_subtract(struct ranges *s, const struct ranges *sub)
{
	struct ranges out = { .bad = s->bad || sub->bad };
	size_t at = 0;
	for (size_t i = 0; i < s->n; i++)
		cut(s->v[i], sub, &at, &out);
	ranges_fini(s);
	out.sorted = true;
	*s = out;
}

/* The first range that does not end before ip. */
static size_t lower_bound(const struct ranges *s, struct ip ip)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (ip_cmp(s->v[mid].last, ip) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool ranges_contains(const struct ranges *s, struct ip ip)
{
	size_t i = lower_bound(s, ip);
	return i < s->n && range_contains(&s->v[i], ip);
}

bool ranges_overlap(const struct ranges *s, const struct ip_range *r)
{
	size_t i = lower_bound(s, r->first);
	return i < s->n && range_overlaps(&s->v[i], r);
}
