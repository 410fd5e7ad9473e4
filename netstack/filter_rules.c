/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plain rules of filter.h. */
#include "netstack/filter.h"

#include <stdlib.h>

static void rule_fini(struct flt_rule *r)
{
	for (size_t i = 0; i < r->n_src_caps; i++)
		free(r->src_caps[i]);
	free(r->src_caps);
	free(r->srcs);
	free(r->dsts);
}

void flt_rules_fini(struct flt_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		rule_fini(&r->v[i]);
	free(r->v);
	*r = (struct flt_rules){ 0 };
}

bool flt_rules_use_caps(const struct flt_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].n_src_caps)
			return true;
	return false;
}

/* The sources of all rules that grant packets, sorted. */
static struct ranges granted_sources(const struct flt_rules *r)
{
	struct ranges all = { 0 };
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; r->v[i].n_dsts && k < r->v[i].n_srcs; k++)
			ranges_add(&all, &r->v[i].srcs[k]);
	ranges_sort(&all);
	return all;
}

bool flt_rules_name_source(const struct flt_rules *r, const struct prefix *p, size_t n)
{
	if (n == 0)
		return false;
	struct ranges all = granted_sources(r);
	bool named = all.bad; /* not known: the safe answer */
	for (size_t i = 0; i < n && !named; i++) {
		struct ip_range net = range_of_prefix(p[i]);
		named = ranges_overlap(&all, &net);
	}
	ranges_fini(&all);
	return named;
}
