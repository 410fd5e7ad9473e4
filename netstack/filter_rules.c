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

static bool rule_names(const struct flt_rule *r, const struct ip_range *net)
{
	for (size_t i = 0; i < r->n_srcs; i++)
		if (range_overlaps(&r->srcs[i], net))
			return true;
	return false;
}

bool flt_rules_name_source(const struct flt_rules *r, const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; r->v[i].n_dsts && k < n; k++) {
			struct ip_range net = range_of_prefix(p[k]);
			if (rule_names(&r->v[i], &net))
				return true;
		}
	}
	return false;
}
