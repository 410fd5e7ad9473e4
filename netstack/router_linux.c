/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_linux.h"

#include "base/alloc.h"
#include "netstack/ipv6_linux.h"
#include "netstack/router_rules_linux.h"
#include "netstack/tun_linux.h"

#include <netlink/socket.h>

#include <stdio.h>
#include <stdlib.h>

#define TABLE_MAIN 254

struct router {
	struct nl_sock *nl;
	char tun[TUN_NAME_MAX];
	struct router_params params;
	bool policy;   /* the kernel has policy rules; if not, routes go to the main table */
	bool has_ipv6; /* in the system at all */
	struct router_config applied;
};

/* ---- life ---- */

static bool probe_policy(struct nl_sock *nl)
{
	bool empty;
	return kroute_rules_probe(nl, IP_V4, &empty) == 0;
}

struct router *router_new(const char *tun, const struct router_params *params,
			  struct router_report *rep)
{
	unsigned index;
	*rep = (struct router_report){ 0 };
	struct nl_sock *nl = netmsg_socket();
	int rc = nl ? 0 : -ERR_IO;
	router_note(rep, "open", "netlink", rc);
	if (rc == 0) {
		rc = tun_name_ok(tun) ? kroute_link_find(nl, tun, &index) : -ERR_RANGE;
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
	r->policy = probe_policy(nl);
	r->has_ipv6 = ipv6_usable(nl, params->fwmark_bypass, params->fwmark_mask, params->table);
	return r;
}

void router_free(struct router *r)
{
	if (!r)
		return;
	router_config_fini(&r->applied);
	nl_socket_free(r->nl);
	free(r);
}

bool router_has_ipv6(const struct router *r)
{
	return r->has_ipv6 && ipv6_usable_on(r->tun);
}

/* ---- rules ---- */

/* Nothing is removed first: a removal is what brings us here, and would do so again. */
void router_restore_rules(struct router *r, struct router_report *rep)
{
	*rep = (struct router_report){ 0 };
	if (r->policy)
		router_rules_add(r->nl, &r->params, IP_V4, rep);
	if (r->policy && r->has_ipv6)
		router_rules_add(r->nl, &r->params, IP_V6, rep);
}

static void rules_del(struct router *r, struct router_report *rep)
{
	if (r->policy)
		router_rules_del(r->nl, &r->params, IP_V4, rep);
	if (r->policy && r->has_ipv6)
		router_rules_del(r->nl, &r->params, IP_V6, rep);
}

/* ---- link ---- */

static void set_up(struct router *r, bool up, struct router_report *rep)
{
	unsigned index;
	int rc = kroute_link_find(r->nl, r->tun, &index);
	if (rc == 0)
		rc = kroute_link_set_up(r->nl, index, up);
	router_note(rep, up ? "bring up" : "bring down", r->tun, rc);
}

void router_up(struct router *r, struct router_report *rep)
{
	struct router_report del = { 0 };
	rules_del(r, &del);
	router_restore_rules(r, rep);
	router_note(rep, "delete", "old rules", del.failed ? -ERR_IO : 0);
	set_up(r, true, rep);
}

/* ---- apply ---- */

static int do_step(struct router *r, unsigned index, const struct rt_op *op)
{
	struct kroute_route route = { op->prefix, r->policy ? r->params.table : TABLE_MAIN, 0 };
	if (op->kind == RT_ROUTE_ADD || op->kind == RT_ROUTE_DEL)
		route.oif = index;
	switch (op->kind) {
	case RT_ADDR_ADD:
		return kroute_addr_add(r->nl, index, op->prefix);
	case RT_ADDR_DEL:
		return kroute_addr_del(r->nl, index, op->prefix);
	case RT_ROUTE_ADD:
	case RT_THROW_ADD:
		return kroute_route_add(r->nl, &route);
	case RT_ROUTE_DEL:
	case RT_THROW_DEL:
		return kroute_route_del(r->nl, &route);
	}
	return -ERR_TYPE;
}

static const char *step_text(enum rt_op_kind kind)
{
	static const char *const text[] = {
		[RT_THROW_ADD] = "add throw route", [RT_THROW_DEL] = "delete throw route",
		[RT_ROUTE_ADD] = "add route",	    [RT_ROUTE_DEL] = "delete route",
		[RT_ADDR_ADD] = "add address",	    [RT_ADDR_DEL] = "delete address",
	};
	return text[kind];
}

static struct prefix_list *list_of(struct router_config *c, enum rt_op_kind kind)
{
	if (kind == RT_THROW_ADD || kind == RT_THROW_DEL)
		return &c->throws;
	return kind == RT_ADDR_ADD || kind == RT_ADDR_DEL ? &c->addrs : &c->routes;
}

static void list_remove(struct prefix_list *l, struct prefix p)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		if (!prefix_eq(l->v[i], p))
			l->v[n++] = l->v[i];
	l->n = n;
}

/* A step that failed is not part of what is applied, so that the next apply tries it again. */
static void unwind(struct router_config *now, const struct rt_op *op)
{
	struct prefix_list *l = list_of(now, op->kind);
	if (op->kind == RT_THROW_ADD || op->kind == RT_ROUTE_ADD || op->kind == RT_ADDR_ADD) {
		list_remove(l, op->prefix);
	} else {
		prefix_list_add(l, op->prefix);
		prefix_list_sort(l);
	}
}

/* Addresses of the tailnet on our interface that nobody wants: left by a dead process on an
 * interface that persists. */
static void sweep_orphans(struct router *r, unsigned index, struct router_report *rep)
{
	struct prefix_list found = { 0 };
	bool has_ipv6 = router_has_ipv6(r);
	router_note(rep, "list addresses of", r->tun, kroute_addrs(r->nl, index, &found));
	for (size_t i = 0; i < found.n; i++) {
		struct prefix p = found.v[i];
		if (!ip_is_tailnet(p.ip) || prefix_list_has(&r->applied.addrs, p) ||
		    (p.ip.fam == IP_V6 && !has_ipv6))
			continue;
		router_note_prefix(rep, "delete address", p, kroute_addr_del(r->nl, index, p));
	}
	prefix_list_fini(&found);
}

static void copy_list(struct prefix_list *out, const struct prefix_list *in, bool ipv6)
{
	for (size_t i = 0; i < in->n; i++)
		if (ipv6 || in->v[i].ip.fam == IP_V4)
			prefix_list_add(out, in->v[i]);
}

/* Before all else: under 1280 the kernel takes IPv6 off the interface. */
static void set_mtu(struct router *r, unsigned index, uint16_t mtu, struct router_report *rep)
{
	if (mtu == 0 || mtu == r->applied.mtu)
		return;
	int rc = kroute_link_set_mtu(r->nl, index, mtu);
	router_note(rep, "set MTU of", r->tun, rc);
	if (rc == 0)
		r->applied.mtu = mtu;
}

/* What of the wish this system can have. */
static struct router_config possible(const struct router *r, const struct router_config *want)
{
	static const struct prefix_list none;
	struct router_config c = { .mtu = r->applied.mtu };
	bool ipv6 = router_has_ipv6(r);
	copy_list(&c.addrs, &want->addrs, ipv6);
	copy_list(&c.routes, &want->routes, ipv6);
	copy_list(&c.throws, r->policy ? &want->throws : &none, ipv6);
	return c;
}

static void go_to(struct router *r, unsigned index, struct router_config *to,
		  struct router_report *rep)
{
	size_t n;
	struct rt_op *ops = router_diff(&r->applied, to, &n);
	bool addrs_change = false;
	for (size_t i = 0; i < n; i++) {
		int rc = do_step(r, index, &ops[i]);
		addrs_change |= ops[i].kind == RT_ADDR_ADD || ops[i].kind == RT_ADDR_DEL;
		router_note_prefix(rep, step_text(ops[i].kind), ops[i].prefix, rc);
		if (rc)
			unwind(to, &ops[i]);
	}
	free(ops);
	router_config_fini(&r->applied);
	r->applied = *to;
	if (addrs_change)
		sweep_orphans(r, index, rep);
}

void router_apply(struct router *r, const struct router_config *want, struct router_report *rep)
{
	unsigned index;
	*rep = (struct router_report){ 0 };
	int rc = kroute_link_find(r->nl, r->tun, &index);
	router_note(rep, "find interface", r->tun, rc);
	if (rc)
		return;
	set_mtu(r, index, want->mtu, rep);
	struct router_config to = possible(r, want);
	go_to(r, index, &to, rep);
}

void router_down(struct router *r, bool keep_guard, struct router_report *rep)
{
	struct router_config nothing = { 0 };
	router_apply(r, &nothing, rep);
	set_up(r, false, rep);
	if (!keep_guard)
		rules_del(r, rep);
}
