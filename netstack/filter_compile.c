/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From plain rules to the compiled filter of filter.h. */
#include "netstack/filter_compile.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

static size_t count_dsts(const struct flt_rule *r, uint8_t fam)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_dsts; i++)
		n += r->dsts[i].net.first.fam == fam;
	return n;
}

static bool has_source(const struct flt_rule *r, uint8_t fam)
{
	for (size_t i = 0; i < r->n_srcs; i++)
		if (r->srcs[i].first.fam == fam)
			return true;
	return r->n_src_caps > 0;
}

/* Overlapping sources of one rule are merged first, so that a search meets the rule once. */
static bool add_sources(struct key_tree *t, struct ranges *merged, uint8_t fam, uint32_t rule)
{
	ranges_sort(merged);
	for (size_t i = 0; i < merged->n; i++)
		if (merged->v[i].first.fam == fam)
			key_tree_add(t, &merged->v[i], rule);
	bool ok = !merged->bad;
	ranges_fini(merged);
	return ok;
}

static bool add_rule_sources(struct flt_side *s, const struct flt_rule *r, uint8_t fam,
			     uint32_t rule)
{
	struct ranges merged = { 0 };
	for (size_t i = 0; i < r->n_srcs; i++)
		ranges_add(&merged, &r->srcs[i]);
	return add_sources(&s->srcs, &merged, fam, rule);
}

/* ---- capabilities as sources ---- */

/* That a rule names a capability. */
struct naming {
	const char *cap;
	uint32_t rule;
};

static int by_cap(const void *a, const void *b)
{
	const struct naming *x = a, *y = b;
	int c = str_cmp(x->cap, y->cap);
	return c ? c : x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* Each capability once, with the rules that name it. */
static bool add_caps(struct flt_side *s, struct naming *v, size_t n)
{
	if (n == 0)
		return true;
	qsort(v, n, sizeof(*v), by_cap);
	s->cap_names = try_calloc(n, sizeof(*s->cap_names));
	s->cap_rules = try_calloc(n, sizeof(*s->cap_rules));
	if (!s->cap_names || !s->cap_rules)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || str_cmp(v[i].cap, v[i - 1].cap) != 0)
			s->cap_names[s->n_caps++] = (struct flt_cap){ xstrdup(v[i].cap), i, i };
		s->cap_names[s->n_caps - 1].end = i + 1;
		s->cap_rules[i] = v[i].rule;
	}
	return true;
}

static int find_cap(const void *name, const void *cap)
{
	return str_cmp(name, ((const struct flt_cap *)cap)->name);
}

static bool add_holders(struct flt_side *s, uint8_t fam, const struct flt_cap_holder *v, size_t n)
{
	for (size_t i = 0; s->n_caps && i < n; i++) {
		if (v[i].ip.fam != fam)
			continue;
		const struct flt_cap *c =
		    bsearch(v[i].cap, s->cap_names, s->n_caps, sizeof(*s->cap_names), find_cap);
		struct ip_range one = { v[i].ip, v[i].ip };
		if (c)
			key_tree_add(&s->caps, &one, (uint32_t)(c - s->cap_names));
	}
	key_tree_build(&s->caps, 0, s->caps.n);
	return !s->caps.bad;
}

/* ---- one family ---- */

static void add_dsts(struct flt_side *s, const struct flt_rule *r, uint8_t fam, struct flt_match *m)
{
	m->dst_begin = s->dsts.n;
	for (size_t i = 0; i < r->n_dsts; i++) {
		if (r->dsts[i].net.first.fam != fam)
			continue;
		s->ports[s->dsts.n] = (struct flt_ports){ r->dsts[i].first, r->dsts[i].last };
		key_tree_add(&s->dsts, &r->dsts[i].net, (uint32_t)s->dsts.n);
		if (s->dsts.bad)
			return;
	}
	m->dst_end = s->dsts.n;
	key_tree_build(&s->dsts, m->dst_begin, m->dst_end);
}

struct sizes {
	size_t rules, dsts, namings;
};

static bool is_of(const struct flt_rule *r, uint8_t fam)
{
	return count_dsts(r, fam) && has_source(r, fam);
}

static struct sizes sizes_of(const struct flt_rules *rules, uint8_t fam)
{
	struct sizes n = { 0 };
	for (size_t i = 0; i < rules->n; i++) {
		if (!is_of(&rules->v[i], fam))
			continue;
		n.rules++;
		n.dsts += count_dsts(&rules->v[i], fam);
		n.namings += rules->v[i].n_src_caps;
	}
	return n;
}

static bool side_alloc(struct flt_side *s, const struct sizes *n)
{
	s->rules = try_calloc(n->rules + 1, sizeof(*s->rules));
	s->ports = try_calloc(n->dsts + 1, sizeof(*s->ports));
	return s->rules && s->ports && n->dsts <= UINT32_MAX && n->rules <= UINT32_MAX;
}

/* namings: room for those of all rules. */
static bool add_rules(struct flt_side *s, const struct flt_rules *rules, uint8_t fam,
		      struct naming *namings)
{
	bool ok = true;
	size_t n = 0;
	for (size_t i = 0; i < rules->n; i++) {
		const struct flt_rule *r = &rules->v[i];
		if (!is_of(r, fam))
			continue;
		uint32_t at = (uint32_t)s->n_rules++;
		s->rules[at].protos = r->protos;
		add_dsts(s, r, fam, &s->rules[at]);
		ok = add_rule_sources(s, r, fam, at) && ok;
		for (size_t k = 0; k < r->n_src_caps; k++)
			namings[n++] = (struct naming){ r->src_caps[k], at };
	}
	key_tree_build(&s->srcs, 0, s->srcs.n);
	return add_caps(s, namings, n) && ok && !s->srcs.bad && !s->dsts.bad;
}

static bool side_build(struct flt_side *s, const struct flt_rules *rules, uint8_t fam,
		       const struct flt_cap_holder *holders, size_t n_holders)
{
	struct sizes n = sizes_of(rules, fam);
	struct naming *namings = try_calloc(n.namings + 1, sizeof(*namings));
	bool ok = namings && side_alloc(s, &n) && add_rules(s, rules, fam, namings) &&
		  add_holders(s, fam, holders, n_holders);
	free(namings);
	return ok;
}

static void side_fini(struct flt_side *s)
{
	for (size_t i = 0; i < s->n_caps; i++)
		free(s->cap_names[i].name);
	free(s->cap_names);
	free(s->cap_rules);
	key_set_fini(&s->local);
	key_tree_fini(&s->srcs);
	key_tree_fini(&s->caps);
	key_tree_fini(&s->dsts);
	free(s->rules);
	free(s->ports);
}

/* ---- the filter ---- */

static uint64_t new_number(void)
{
	static _Atomic uint64_t last;
	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

struct flt *flt_new(const struct flt_rules *rules, const struct ranges *local,
		    const struct flt_cap_holder *holders, size_t n_holders)
{
	static const uint8_t fams[2] = { IP_V4, IP_V6 };
	struct flt *f = xcalloc(1, sizeof(*f));
	f->number = new_number();
	for (int i = 0; i < 2; i++) {
		if (!key_set_build(&f->side[i].local, local, fams[i]) ||
		    !side_build(&f->side[i], rules, fams[i], holders, n_holders)) {
			flt_free(f);
			return NULL;
		}
	}
	return f;
}

struct flt *flt_new_shields(const struct ranges *local)
{
	struct flt_rules none = { 0 };
	struct flt *f = flt_new(&none, local, NULL, 0);
	if (f)
		f->shields = true;
	return f;
}

void flt_free(struct flt *f)
{
	if (!f)
		return;
	for (int i = 0; i < 2; i++)
		side_fini(&f->side[i]);
	free(f);
}

bool flt_is_shields(const struct flt *f)
{
	return f->shields;
}
