/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired against actual, for people. */
#include "netstack/router_priv_linux.h"

#include <stdlib.h>

struct teller {
	router_compare_fn *fn;
	void *arg;
};

static void tell(const struct teller *t, struct router_item item, bool wanted, bool there)
{
	item.state = wanted && there ? RT_OK : wanted ? RT_MISSING : RT_EXTRA;
	t->fn(t->arg, &item);
}

/* ---- rules ---- */

static void tell_rule(const struct teller *t, const struct kroute_rule *r, bool wanted, bool there)
{
	struct router_item item = { .kind = RT_ITEM_RULE,
				    .fam = r->fam,
				    .table = r->table,
				    .priority = r->priority,
				    .mark = r->mark,
				    .mask = r->mask };
	tell(t, item, wanted, there);
}

static bool is_there(const struct router_rule *v, size_t n, const struct kroute_rule *r)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].exact && v[i].rule.priority == r->priority)
			return true;
	return false;
}

static int compare_rules(struct router *r, uint8_t fam, const struct teller *t)
{
	struct kroute_rule ours[ROUTER_RULES];
	struct router_rule *v = NULL;
	size_t n = 0;
	bool wanted = r->up && router_rules_wanted(r, fam);
	int rc = router_rules_list(r->nl, &r->params, fam, &v, &n);
	router_rules_ours(&r->params, fam, ours);
	for (size_t i = 0; wanted && i < ROUTER_RULES; i++)
		tell_rule(t, &ours[i], true, is_there(v, n, &ours[i]));
	for (size_t i = 0; i < n; i++)
		if (!wanted || !v[i].exact)
			tell_rule(t, &v[i].rule, false, true);
	free(v);
	return rc == -ERR_UNSUPPORTED ? 0 : rc;
}

/* ---- the rest ---- */

static void compare_set(const struct teller *t, enum router_item_kind kind, uint32_t table,
			const struct prefix_list *want, const struct prefix_list *have)
{
	size_t i = 0, k = 0;
	while (i < want->n || k < have->n) {
		int c = i == want->n ? 1 : k == have->n ? -1 : prefix_cmp(want->v[i], have->v[k]);
		struct prefix p = c <= 0 ? want->v[i] : have->v[k];
		struct router_item item = {
			.kind = kind, .fam = p.ip.fam, .prefix = p, .table = table
		};
		tell(t, item, c <= 0, c >= 0);
		i += c <= 0;
		k += c >= 0;
	}
}

static void tell_foreign(const struct teller *t, const struct router_view *v)
{
	for (size_t i = 0; i < v->n_foreign; i++) {
		const struct kroute_route *f = &v->foreign[i].route;
		struct router_item item = { .kind = RT_ITEM_FOREIGN,
					    .fam = f->dst.ip.fam,
					    .prefix = f->dst,
					    .table = f->table,
					    .ifindex = f->oif };
		tell(t, item, false, true);
	}
}

static void compare_state(const struct teller *t, uint32_t table, const struct rt_state *want,
			  const struct router_view *v)
{
	const struct prefix_list *have = v->ours.set;
	compare_set(t, RT_ITEM_GUARD, table, &want->set[RT_GUARDS], &have[RT_GUARDS]);
	compare_set(t, RT_ITEM_THROW, table, &want->set[RT_THROWS], &have[RT_THROWS]);
	compare_set(t, RT_ITEM_ROUTE, table, &want->set[RT_ROUTES], &have[RT_ROUTES]);
	compare_set(t, RT_ITEM_ADDR, 0, &want->set[RT_ADDRS], &have[RT_ADDRS]);
	tell_foreign(t, v);
}

int router_compare(struct router *r, router_compare_fn *fn, void *arg)
{
	struct teller t = { fn, arg };
	struct router_report unused = { 0 };
	struct router_view v = { 0 };
	struct rt_state want = { 0 };
	struct router_where w = router_where(r);
	int rc4 = compare_rules(r, IP_V4, &t);
	int rc6 = compare_rules(r, IP_V6, &t);
	int rc = router_look(&w, &v, &unused);
	if (r->has_want)
		rt_state_possible(&r->want, &r->able, &want);
	compare_state(&t, w.table, &want, &v);
	rt_state_fini(&want);
	router_view_fini(&v);
	return rc ? rc : rc4 ? rc4 : rc6;
}
