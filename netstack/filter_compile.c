/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From plain rules to the compiled filter of filter.h. */
#include "netstack/filter_compile.h"

#include "base/alloc.h"

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

static bool names_cap(const struct flt_rule *r, const char *cap)
{
	for (size_t i = 0; i < r->n_src_caps; i++)
		if (str_cmp(r->src_caps[i], cap) == 0)
			return true;
	return false;
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

static bool add_rule_holders(struct flt_side *s, const struct flt_rule *r, uint8_t fam,
			     uint32_t rule, const struct flt_cap_holder *holders, size_t n)
{
	struct ranges merged = { 0 };
	for (size_t i = 0; r->n_src_caps && i < n; i++)
		if (names_cap(r, holders[i].cap))
			ranges_add_prefix(&merged, prefix_host(holders[i].ip));
	return add_sources(&s->caps, &merged, fam, rule);
}

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

static bool side_alloc(struct flt_side *s, const struct flt_rules *rules, uint8_t fam)
{
	size_t n = 0, n_dsts = 0;
	for (size_t i = 0; i < rules->n; i++) {
		size_t d = count_dsts(&rules->v[i], fam);
		n += d && has_source(&rules->v[i], fam);
		n_dsts += d;
	}
	s->rules = try_calloc(n ? n : 1, sizeof(*s->rules));
	s->ports = try_calloc(n_dsts ? n_dsts : 1, sizeof(*s->ports));
	return s->rules && s->ports && n_dsts <= UINT32_MAX;
}

static bool side_build(struct flt_side *s, const struct flt_rules *rules, uint8_t fam,
		       const struct flt_cap_holder *holders, size_t n_holders)
{
	if (!side_alloc(s, rules, fam))
		return false;
	bool ok = true;
	for (size_t i = 0; i < rules->n; i++) {
		const struct flt_rule *r = &rules->v[i];
		if (!count_dsts(r, fam) || !has_source(r, fam))
			continue;
		uint32_t at = (uint32_t)s->n_rules++;
		s->rules[at].protos = r->protos;
		add_dsts(s, r, fam, &s->rules[at]);
		ok = add_rule_sources(s, r, fam, at) && ok;
		ok = add_rule_holders(s, r, fam, at, holders, n_holders) && ok;
	}
	ok = ok && !s->srcs.bad && !s->caps.bad && !s->dsts.bad;
	if (ok) {
		key_tree_build(&s->srcs, 0, s->srcs.n);
		key_tree_build(&s->caps, 0, s->caps.n);
	}
	return ok;
}

static void side_fini(struct flt_side *s)
{
	key_set_fini(&s->local);
	key_tree_fini(&s->srcs);
	key_tree_fini(&s->caps);
	key_tree_fini(&s->dsts);
	free(s->rules);
	free(s->ports);
}

struct flt *flt_new(const struct flt_rules *rules, const struct ranges *local,
		    const struct flt_cap_holder *holders, size_t n_holders)
{
	static const uint8_t fams[2] = { IP_V4, IP_V6 };
	struct flt *f = xcalloc(1, sizeof(*f));
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
