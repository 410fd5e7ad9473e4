/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_priv_linux.h"

#include "base/alloc.h"
#include "netstack/ipv6_linux.h"

#include <netlink/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

static bool probe_policy(struct nl_sock *nl)
{
	bool empty;
	return kroute_rules_probe(nl, IP_V4, &empty) == 0;
}

struct router *router_new(const char *tun, const struct router_params *params,
			  struct router_report *rep)
{
	struct kroute_link link;
	*rep = (struct router_report){ 0 };
	struct nl_sock *nl = netmsg_socket();
	int rc = nl ? 0 : -ERR_IO;
	router_note(rep, "open", "netlink", rc);
	if (rc == 0) {
		rc = tun_name_ok(tun) ? kroute_link_get(nl, tun, &link) : -ERR_RANGE;
		router_note(rep, "find interface", tun, rc);
	}
	if (rc) {
		nl_socket_free(nl);
		return NULL;
	}
	struct router *r = xcalloc(1, sizeof(*r));
	r->nl = nl;
	snprintf(r->tun, sizeof(r->tun), "%s", tun);
	r->params = *params;
	r->able.policy = probe_policy(nl);
	netbatch_init(&r->batch, nl);
	router_refresh(r);
	return r;
}

void router_free(struct router *r)
{
	if (!r)
		return;
	router_conclude(r);
	router_config_fini(&r->want);
	rt_state_fini(&r->to);
	rt_state_fini(&r->have);
	netbatch_fini(&r->batch);
	nl_socket_free(r->nl);
	free(r);
}

bool router_has_ipv6(const struct router *r)
{
	return r->able.policy6 && ipv6_switched_on() && ipv6_usable_on(r->tun);
}

/* ---- up ---- */

void router_restore_rules(struct router *r, struct router_report *rep)
{
	router_complete_rules(r);
	*rep = r->rep;
}

static void set_up(struct router *r, bool up)
{
	if (r->link.index)
		router_note(&r->rep, up ? "bring up" : "bring down", r->tun,
			    kroute_link_set_up(r->nl, r->link.index, up));
}

void router_up(struct router *r, struct router_report *rep)
{
	r->rep = (struct router_report){ 0 };
	router_refresh(r);
	router_complete_rules(r);
	set_up(r, true);
	/* Who takes a link down takes its routes, too. */
	router_conclude(r);
	r->known = r->planned = false;
	r->up = true;
	*rep = r->rep;
}

/* ---- goals ---- */

static void read_all(struct router *r)
{
	struct router_where w = router_where(r);
	struct router_view v = { 0 };
	router_look(&w, &v, &r->rep);
	rt_state_fini(&r->have);
	r->have = v.ours;
	v.ours = (struct rt_state){ 0 };
	router_view_fini(&v);
}

static void copy_config(struct router_config *out, const struct router_config *in)
{
	router_config_fini(out);
	*out = (struct router_config){ .guard = in->guard, .mtu = in->mtu };
	prefix_list_add_all(&out->addrs, &in->addrs);
	prefix_list_add_all(&out->routes, &in->routes);
	prefix_list_add_all(&out->throws, &in->throws);
}

void router_want(struct router *r, const struct router_config *want)
{
	router_conclude(r);
	copy_config(&r->want, want);
	r->has_want = true;
	r->planned = false;
	r->rep = (struct router_report){ 0 };
}

void router_hold(struct router *r)
{
	struct router_config c = { .guard = true };
	router_conclude(r);
	read_all(r);
	prefix_list_add_all(&c.throws, &r->have.set[RT_THROWS]);
	router_want(r, &c);
	router_config_fini(&c);
}

void router_apply(struct router *r, const struct router_config *want, struct router_report *rep)
{
	router_want(r, want);
	while (router_work(r, SIZE_MAX, rep))
		continue;
}

/* ---- down ---- */

/* What stays: nothing, or what keeps packets from leaving past the exit node. */
static void aim_low(struct router *r, bool guard)
{
	struct router_config rest = { .guard = guard };
	const struct prefix_list *throws = r->has_want ? &r->want.throws : &r->have.set[RT_THROWS];
	if (guard)
		prefix_list_add_all(&rest.throws, throws);
	rt_state_fini(&r->to);
	rt_state_possible(&rest, &r->able, &r->to);
	router_config_fini(&rest);
}

static void add_guard(struct router *r)
{
	struct rt_state from = { 0 }, to = { 0 };
	router_complete_rules(r);
	prefix_list_add_all(&from.set[RT_GUARDS], &r->have.set[RT_GUARDS]);
	prefix_list_add_all(&to.set[RT_GUARDS], &r->to.set[RT_GUARDS]);
	r->ops = router_diff(&from, &to, &r->n_ops);
	router_finish(r);
	rt_state_fini(&from);
	rt_state_fini(&to);
}

static void remove_rules(struct router *r)
{
	if (r->able.policy)
		router_rules_del(r->nl, &r->params, IP_V4, &r->rep);
	if (r->able.policy && r->able.policy6)
		router_rules_del(r->nl, &r->params, IP_V6, &r->rep);
}

static void forget(struct router *r)
{
	router_config_fini(&r->want);
	rt_state_fini(&r->to);
	rt_state_fini(&r->have);
	r->has_want = r->up = r->known = r->adopted = r->planned = false;
}

void router_down(struct router *r, bool keep_guard, struct router_report *rep)
{
	router_conclude(r);
	r->rep = (struct router_report){ 0 };
	router_refresh(r);
	read_all(r);
	bool guard = keep_guard && r->able.policy &&
		     ((r->has_want && r->want.guard) || r->have.set[RT_GUARDS].n);
	aim_low(r, guard);
	if (guard)
		add_guard(r);
	/* The routes go with the link, at once however many they are. */
	set_up(r, false);
	if (r->link.index)
		prefix_list_fini(&r->have.set[RT_ROUTES]);
	r->ops = router_diff(&r->have, &r->to, &r->n_ops);
	router_finish(r);
	if (!guard)
		remove_rules(r);
	forget(r);
	*rep = r->rep;
}
