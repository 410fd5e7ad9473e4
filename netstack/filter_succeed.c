/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Has a filter taken something away from whom the one before it let in? Two filters are compared
 * by what each lets whom do: all that a rule says but its sources is boiled down to a number, and
 * for each such number the sources of the old filter must be among those of the new one. O(n log n)
 * for n source ranges. */
#include "netstack/filter_compile.h"

#include "base/alloc.h"

#include <stdlib.h>

struct let_in {
	uint64_t what;
	struct ip_key first, last;
};

struct let_ins {
	struct let_in *v; /* NULL: memory ran out */
	size_t n;
};

static void mix(uint64_t *h, uint64_t x)
{
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 31;
	*h = (*h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	*h ^= *h >> 29;
}

static uint64_t dst_what(const struct flt_side *s, const struct key_item *it)
{
	const struct flt_ports *p = &s->ports[it->value];
	uint64_t h = 0;
	mix(&h, it->first.hi);
	mix(&h, it->first.lo);
	mix(&h, it->last.hi);
	mix(&h, it->last.lo);
	mix(&h, (uint64_t)p->first << 16 | p->last);
	return h;
}

/* The order of destinations says nothing. Capabilities open less than addresses do: 7.4, "other
 * protocols". */
static uint64_t rule_what(const struct flt_side *s, uint32_t rule, bool by_cap)
{
	const struct flt_match *m = &s->rules[rule];
	uint64_t h = by_cap, dsts = 0;
	for (size_t i = 0; i < 4; i++)
		mix(&h, m->protos.bits[i]);
	for (size_t i = m->dst_begin; i < m->dst_end; i++)
		dsts += dst_what(s, &s->dsts.v[i]);
	mix(&h, dsts);
	return h;
}

/* All that the rules which name a capability say. */
static uint64_t cap_what(const struct flt_side *s, uint32_t cap)
{
	const struct flt_cap *c = &s->cap_names[cap];
	uint64_t h = 0;
	for (size_t i = c->begin; i < c->end; i++)
		h += rule_what(s, s->cap_rules[i], true);
	return h;
}

static int by_what(const void *a, const void *b)
{
	const struct let_in *x = a, *y = b;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return ip_key_cmp(x->first, y->first);
}

/* Whether b goes on where a ends, or before. */
static bool touches(const struct let_in *a, const struct let_in *b)
{
	struct ip_key next = { a->last.hi + (a->last.lo == UINT64_MAX), a->last.lo + 1 };
	bool wraps = next.hi == 0 && next.lo == 0;
	return a->what == b->what && (wraps || ip_key_cmp(b->first, next) <= 0);
}

/* Sorted, and disjoint for each `what`. */
static void tidy(struct let_ins *l)
{
	size_t n = 0;
	qsort(l->v, l->n, sizeof(*l->v), by_what);
	for (size_t i = 0; i < l->n; i++) {
		if (n == 0 || !touches(&l->v[n - 1], &l->v[i]))
			l->v[n++] = l->v[i];
		else if (ip_key_cmp(l->v[n - 1].last, l->v[i].last) < 0)
			l->v[n - 1].last = l->v[i].last;
	}
	l->n = n;
}

static void add(struct let_ins *l, const struct key_tree *t, const uint64_t *what)
{
	for (size_t i = 0; i < t->n; i++)
		l->v[l->n++] = (struct let_in){ what[t->v[i].value], t->v[i].first, t->v[i].last };
}

static struct let_ins let_ins_of(const struct flt_side *s)
{
	struct let_ins l = { 0 };
	uint64_t *rules = try_calloc(s->n_rules + 1, sizeof(*rules));
	uint64_t *caps = try_calloc(s->n_caps + 1, sizeof(*caps));
	if (rules && caps)
		l.v = try_calloc(s->srcs.n + s->caps.n + 1, sizeof(*l.v));
	if (l.v) {
		for (size_t i = 0; i < s->n_rules; i++)
			rules[i] = rule_what(s, (uint32_t)i, false);
		for (size_t i = 0; i < s->n_caps; i++)
			caps[i] = cap_what(s, (uint32_t)i);
		add(&l, &s->srcs, rules);
		add(&l, &s->caps, caps);
		tidy(&l);
	}
	free(rules);
	free(caps);
	return l;
}

/* Both sorted and disjoint. */
static bool covers(const struct let_ins *l, const struct let_ins *old)
{
	size_t k = 0;
	for (size_t i = 0; i < old->n; i++) {
		const struct let_in *o = &old->v[i];
		while (k < l->n &&
		       (l->v[k].what < o->what ||
			(l->v[k].what == o->what && ip_key_cmp(l->v[k].last, o->first) < 0)))
			k++;
		if (k == l->n || l->v[k].what != o->what ||
		    ip_key_cmp(l->v[k].first, o->first) > 0 ||
		    ip_key_cmp(l->v[k].last, o->last) < 0)
			return false;
	}
	return true;
}

static bool side_covers(const struct flt_side *s, const struct flt_side *old)
{
	struct let_ins mine = let_ins_of(s), olds = let_ins_of(old);
	bool ok = mine.v && olds.v && covers(&mine, &olds);
	free(mine.v);
	free(olds.v);
	return ok;
}

void flt_succeed(struct flt *f, const struct flt *old)
{
	f->narrowed = old->narrowed || !side_covers(&f->side[0], &old->side[0]) ||
		      !side_covers(&f->side[1], &old->side[1]);
}

void flt_set_narrowed(struct flt *f)
{
	f->narrowed = true;
}

bool flt_is_narrowed(const struct flt *f)
{
	return f->narrowed;
}
