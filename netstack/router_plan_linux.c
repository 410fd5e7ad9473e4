/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is there, and what is to be done about it. */
#include "netstack/router_priv_linux.h"

#include "base/alloc.h"
#include "netstack/ipv6_linux.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

#define OPENERS_MAX 4 /* a throw and a route of each family */

/* ---- the system ---- */

static void refresh_link(struct router *r)
{
	struct kroute_link link = { 0 };
	router_note(&r->rep, "find interface", r->tun, kroute_link_get(r->nl, r->tun, &link));
	if (link.index != r->link.index) /* another one of that name */
		r->known = false;
	r->link = link;
}

/* IPv6 may have been loaded since. Where it is switched off, the kernel drops what it has. */
static void refresh_ipv6(struct router *r)
{
	const struct router_params *p = &r->params;
	struct rt_able *a = &r->able, was = *a;
	if (!a->policy6)
		a->policy6 = ipv6_has_policy(r->nl, p->fwmark_bypass, p->fwmark_mask, p->table);
	a->ipv6 = a->policy6 && ipv6_switched_on();
	a->tun6 = a->ipv6 && ipv6_usable_on(r->tun);
	if (a->ipv6 != was.ipv6 || a->tun6 != was.tun6)
		r->known = false;
}

void router_refresh(struct router *r)
{
	refresh_link(r);
	refresh_ipv6(r);
}

struct router_where router_where(const struct router *r)
{
	return (struct router_where){ .nl = r->nl,
				      .table = r->able.policy ? r->params.table : RT_TABLE_MAIN,
				      .own = r->able.policy,
				      .index = r->link.index,
				      .tun = r->tun,
				      .addrs = &r->to.set[RT_ADDRS],
				      .more_addrs = &r->have.set[RT_ADDRS] };
}

bool router_rules_wanted(const struct router *r, uint8_t fam)
{
	bool guard6 = r->able.policy6 && r->has_want && r->want.guard;
	return r->able.policy && (fam == IP_V4 || r->able.ipv6 || guard6);
}

void router_complete_rules(struct router *r)
{
	for (uint8_t fam = IP_V4; fam <= IP_V6; fam += IP_V6 - IP_V4)
		if (router_rules_wanted(r, fam))
			router_rules_complete(r->nl, &r->params, fam, &r->rep);
}

/* Before all else: under 1280 the kernel takes IPv6 off the interface. */
static void set_mtu(struct router *r)
{
	if (r->link.index == 0 || r->want.mtu == 0 || r->want.mtu == r->link.mtu)
		return;
	int rc = kroute_link_set_mtu(r->nl, r->link.index, r->want.mtu);
	router_note(&r->rep, "set MTU of", r->tun, rc);
	refresh_ipv6(r);
}

/* ---- what is in the way ---- */

static bool leads_out(const struct kroute_route *f)
{
	return f->type == RTN_UNICAST || f->type == RTN_THROW;
}

/* Would packets to a destination of ours take this route instead? In IPv4 our metric is the best
 * there is; before the guard, which has the worst, any default route goes. */
static bool overrides(const struct rt_state *to, const struct kroute_route *f)
{
	if (prefix_is_default(f->dst) && leads_out(f) &&
	    prefix_list_has(&to->set[RT_GUARDS], f->dst))
		return true;
	return f->dst.ip.fam == IP_V6 && f->metric < KROUTE_METRIC6_DEFAULT &&
	       (prefix_list_has(&to->set[RT_ROUTES], f->dst) ||
		prefix_list_has(&to->set[RT_THROWS], f->dst));
}

/* A default route that looks like one of ours, without being wanted: it would open the guard. */
static bool opens(const struct rt_state *to, struct prefix p)
{
	return prefix_is_default(p) && prefix_list_has(&to->set[RT_GUARDS], p) &&
	       !prefix_list_has(&to->set[RT_ROUTES], p) && !prefix_list_has(&to->set[RT_THROWS], p);
}

static void evict_openers(struct router *r, enum rt_set set, const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (opens(&r->to, l->v[i]))
			r->evict[r->n_evict++] = (struct kroute_route){
				.dst = l->v[i],
				.table = router_where(r).table,
				.oif = set == RT_ROUTES ? r->link.index : 0,
				.type = set == RT_ROUTES ? RTN_UNICAST : RTN_THROW,
			};
}

static void choose_evictions(struct router *r, const struct router_view *v)
{
	free(r->evict);
	r->evict = xcalloc(v->n_foreign + OPENERS_MAX, sizeof(*r->evict));
	r->n_evict = r->next_evict = 0;
	for (size_t i = 0; i < v->n_foreign; i++) {
		const struct router_foreign *f = &v->foreign[i];
		if ((f->dead && !r->adopted) || overrides(&r->to, &f->route))
			r->evict[r->n_evict++] = f->route;
	}
	evict_openers(r, RT_THROWS, &v->ours.set[RT_THROWS]);
	evict_openers(r, RT_ROUTES, &v->ours.set[RT_ROUTES]);
}

/* ---- plans ---- */

/* Read everything. Nothing that we did not know is ours, but the first time: then it is what an
 * earlier run left. */
static void read_have(struct router *r, struct router_view *v)
{
	struct router_where w = router_where(r);
	r->known = router_look(&w, v, &r->rep) == 0;
	choose_evictions(r, v);
	if (r->adopted)
		rt_state_keep_known(&v->ours, &r->have, &r->to);
	r->adopted = true;
	rt_state_fini(&r->have);
	r->have = v->ours;
	v->ours = (struct rt_state){ 0 };
}

/* A change of address is when an old one is looked for that a dead process left. */
static void refresh_have(struct router *r)
{
	struct router_view v = { 0 };
	struct router_where w = router_where(r);
	if (!r->known)
		read_have(r, &v);
	else if (!prefix_list_eq(&r->have.set[RT_ADDRS], &r->to.set[RT_ADDRS]))
		r->known = router_look_addrs(&w, &r->have, &r->rep) == 0;
	router_view_fini(&v);
}

static void say_no_guard(struct router *r)
{
	if (!r->want.guard)
		return;
	if (!r->able.policy)
		router_note_text(&r->rep,
				 "no leak guard: this kernel has no policy rules "
				 "(CONFIG_IP_MULTIPLE_TABLES); while meshd is not running, "
				 "traffic leaves past the exit node");
	else if (!r->able.policy6 && ipv6_switched_on())
		router_note_text(&r->rep, "no leak guard for IPv6: this kernel has no policy rules "
					  "for it (CONFIG_IPV6_MULTIPLE_TABLES); type: sysctl -w "
					  "net.ipv6.conf.all.disable_ipv6=1");
}

static void aim(struct router *r)
{
	rt_state_fini(&r->to);
	rt_state_possible(&r->want, &r->able, &r->to);
	if (r->link.index == 0) {
		prefix_list_fini(&r->to.set[RT_ROUTES]);
		prefix_list_fini(&r->to.set[RT_ADDRS]);
	}
}

void router_plan(struct router *r)
{
	r->planned = true;
	router_refresh(r);
	set_mtu(r);
	if (r->up)
		router_complete_rules(r);
	aim(r);
	say_no_guard(r);
	refresh_have(r);
	r->ops = router_diff(&r->have, &r->to, &r->n_ops);
	r->next_op = 0;
}

bool router_conclude(struct router *r)
{
	bool left = router_left(r);
	router_settle(&r->have, r->ops, r->next_op);
	free(r->ops);
	free(r->evict);
	r->ops = NULL;
	r->evict = NULL;
	r->n_ops = r->next_op = r->n_evict = r->next_evict = 0;
	return left;
}

/* ---- drift ---- */

static size_t missing_of(struct router *r, uint8_t fam)
{
	struct router_rule *v = NULL;
	size_t n = 0, exact = 0;
	if (!router_rules_wanted(r, fam))
		return 0;
	if (router_rules_list(r->nl, &r->params, fam, &v, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		exact += v[i].exact;
	free(v);
	return exact < ROUTER_RULES ? ROUTER_RULES - exact : 0;
}

size_t router_rules_missing(struct router *r)
{
	return missing_of(r, IP_V4) + missing_of(r, IP_V6);
}

static size_t count_drift(struct router *r, struct router_view *v)
{
	struct rt_state had = r->have;
	size_t n = 0;
	r->have = (struct rt_state){ 0 };
	for (int i = 0; i < RT_SETS; i++)
		prefix_list_add_all(&r->have.set[i], &had.set[i]);
	read_have(r, v);
	n = rt_state_lost(&had, &r->have) + r->n_evict;
	rt_state_fini(&had);
	return n + router_rules_missing(r) + (r->want.mtu && r->link.mtu != r->want.mtu);
}

void router_check(struct router *r, struct router_report *rep, size_t *drift)
{
	struct router_view v = { 0 };
	*drift = 0;
	if (r->up && r->has_want && r->adopted) {
		bool left = router_conclude(r) || !r->planned;
		r->rep = (struct router_report){ 0 };
		router_refresh(r);
		*drift = count_drift(r, &v);
		router_view_fini(&v);
		r->planned = !left && *drift == 0;
	}
	*rep = r->rep;
}
