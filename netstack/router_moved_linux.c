/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an earlier run left under other numbers. */
#include "netstack/router_priv_linux.h"

#include <linux/rtnetlink.h>

/* A rule that now is ours too stays. */
static bool is_wanted(const struct kroute_rule now[static ROUTER_RULES],
		      const struct kroute_rule *old)
{
	for (size_t i = 0; i < ROUTER_RULES; i++)
		if (now[i].priority == old->priority && now[i].table == old->table)
			return true;
	return false;
}

static void forget_rules(struct router *r, const struct router_params *before, uint8_t fam)
{
	struct kroute_rule old[ROUTER_RULES], now[ROUTER_RULES];
	router_rules_ours(before, fam, old);
	router_rules_ours(&r->params, fam, now);
	for (size_t i = 0; i < ROUTER_RULES; i++)
		if (!is_wanted(now, &old[i]))
			router_note(&r->rep, "delete old rules of", fam == IP_V4 ? "IPv4" : "IPv6",
				    kroute_rule_del(r->nl, &old[i]));
}

static void forget_routes(struct router *r, uint32_t table, enum rt_set set, uint8_t type,
			  uint32_t metric, const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct kroute_route k = { .dst = l->v[i],
					  .table = table,
					  .type = type,
					  .metric = metric,
					  .oif = set == RT_ROUTES ? r->link.index : 0 };
		router_note_prefix(&r->rep, "delete old route", l->v[i],
				   kroute_route_del(r->nl, &k));
	}
}

/* Of the old table only what is ours. True if nobody else has routes in it. */
static bool forget_table(struct router *r, uint32_t table)
{
	struct router_where w = router_where(r);
	struct router_view v = { 0 };
	w.table = table;
	if (router_look(&w, &v, &r->rep) == 0) {
		const struct prefix_list *set = v.ours.set;
		forget_routes(r, table, RT_ROUTES, RTN_UNICAST, 0, &set[RT_ROUTES]);
		forget_routes(r, table, RT_THROWS, RTN_THROW, 0, &set[RT_THROWS]);
		forget_routes(r, table, RT_GUARDS, RTN_UNREACHABLE, KROUTE_METRIC_WORST,
			      &set[RT_GUARDS]);
	}
	bool alone = v.n_foreign == 0;
	router_view_fini(&v);
	return alone;
}

/* Who changes the numbers may do so for the sake of another agent that uses them. Its rules look as
 * ours do: where somebody lives in the table, they stay. */
void router_forget_numbers(struct router *r, const struct router_params *before,
			   struct router_report *rep)
{
	bool other_table = before->table != r->params.table;
	r->rep = (struct router_report){ 0 };
	if (r->able.policy && (!other_table || forget_table(r, before->table))) {
		forget_rules(r, before, IP_V4);
		if (r->able.policy6)
			forget_rules(r, before, IP_V6);
	}
	*rep = r->rep;
}
