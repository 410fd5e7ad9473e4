/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/kroute_linux.h"

#include "base/alloc.h"

#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DUPLICATES_MAX 32 /* rules removed at one preference */

static int af_of(uint8_t fam)
{
	return fam == IP_V4 ? AF_INET : AF_INET6;
}

static struct nl_addr *addr_new(struct prefix p)
{
	struct nl_addr *a = nl_addr_build(af_of(p.ip.fam), p.ip.b, ip_len(p.ip));
	if (a)
		nl_addr_set_prefixlen(a, p.bits);
	return a;
}

static int unless(int rc, int fine)
{
	return rc == fine ? 0 : rc;
}

/* ---- interfaces ---- */

int kroute_link_find(struct nl_sock *s, const char *name, unsigned *index)
{
	struct rtnl_link *l = NULL;
	int rc = rtnl_link_get_kernel(s, 0, name, &l);
	if (rc < 0)
		return netmsg_error(rc);
	*index = (unsigned)rtnl_link_get_ifindex(l);
	rtnl_link_put(l);
	return 0;
}

static int link_change(struct nl_sock *s, unsigned index, struct rtnl_link *changes)
{
	struct rtnl_link *which = rtnl_link_alloc();
	if (!which)
		return -ERR_NOMEM;
	rtnl_link_set_ifindex(which, (int)index);
	int rc = rtnl_link_change(s, which, changes, 0);
	rtnl_link_put(which);
	return netmsg_error(rc);
}

int kroute_link_set_up(struct nl_sock *s, unsigned index, bool up)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	if (!changes)
		return -ERR_NOMEM;
	if (up)
		rtnl_link_set_flags(changes, IFF_UP);
	else
		rtnl_link_unset_flags(changes, IFF_UP);
	int rc = link_change(s, index, changes);
	rtnl_link_put(changes);
	return rc;
}

int kroute_link_set_mtu(struct nl_sock *s, unsigned index, unsigned mtu)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	if (!changes)
		return -ERR_NOMEM;
	rtnl_link_set_mtu(changes, mtu);
	int rc = link_change(s, index, changes);
	rtnl_link_put(changes);
	return rc;
}

/* ---- addresses ---- */

static struct rtnl_addr *if_addr_new(unsigned index, struct prefix p)
{
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *ip = addr_new(p);
	if (a && ip && rtnl_addr_set_local(a, ip) == 0) {
		rtnl_addr_set_ifindex(a, (int)index);
		nl_addr_put(ip);
		return a;
	}
	if (a)
		rtnl_addr_put(a);
	if (ip)
		nl_addr_put(ip);
	return NULL;
}

int kroute_addr_add(struct nl_sock *s, unsigned index, struct prefix p)
{
	struct rtnl_addr *a = if_addr_new(index, p);
	if (!a)
		return -ERR_NOMEM;
	int rc = netmsg_error(rtnl_addr_add(s, a, NLM_F_CREATE | NLM_F_REPLACE));
	rtnl_addr_put(a);
	return unless(rc, -ERR_EXIST);
}

int kroute_addr_del(struct nl_sock *s, unsigned index, struct prefix p)
{
	struct rtnl_addr *a = if_addr_new(index, p);
	if (!a)
		return -ERR_NOMEM;
	int rc = netmsg_error(rtnl_addr_delete(s, a, 0));
	rtnl_addr_put(a);
	return unless(rc, -ERR_NOENT);
}

struct addr_query {
	unsigned index;
	struct prefix_list *out;
};

static void on_addr(void *arg, struct nlmsghdr *h)
{
	struct addr_query *q = arg;
	struct netmsg_addr a;
	if (netmsg_addr(h, &a) && a.ifindex == q->index)
		prefix_list_add(q->out, a.prefix);
}

int kroute_addrs(struct nl_sock *s, unsigned index, struct prefix_list *out)
{
	struct addr_query q = { index, out };
	return netmsg_dump(s, RTM_GETADDR, AF_UNSPEC, 0, on_addr, &q);
}

/* ---- routes ---- */

static int set_target(struct rtnl_route *rt, const struct kroute_route *r)
{
	if (r->oif == 0)
		return rtnl_route_set_type(rt, RTN_THROW);
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	if (!nh)
		return -NLE_NOMEM;
	rtnl_route_nh_set_ifindex(nh, (int)r->oif);
	rtnl_route_add_nexthop(rt, nh); /* takes it */
	return rtnl_route_set_type(rt, RTN_UNICAST);
}

static struct rtnl_route *route_new(const struct kroute_route *r)
{
	struct rtnl_route *rt = rtnl_route_alloc();
	struct nl_addr *dst = addr_new(prefix_masked(r->dst));
	bool ok = rt && dst;
	if (ok) {
		rtnl_route_set_family(rt, (uint8_t)af_of(r->dst.ip.fam));
		rtnl_route_set_table(rt, r->table);
		rtnl_route_set_scope(rt, RT_SCOPE_UNIVERSE);
		rtnl_route_set_protocol(rt, RTPROT_BOOT);
		ok = rtnl_route_set_dst(rt, dst) == 0 && set_target(rt, r) == 0;
	}
	if (dst)
		nl_addr_put(dst);
	if (ok)
		return rt;
	if (rt)
		rtnl_route_put(rt);
	return NULL;
}

int kroute_route_add(struct nl_sock *s, const struct kroute_route *r)
{
	struct rtnl_route *rt = route_new(r);
	if (!rt)
		return -ERR_NOMEM;
	int rc = netmsg_error(rtnl_route_add(s, rt, NLM_F_CREATE | NLM_F_REPLACE));
	rtnl_route_put(rt);
	return rc;
}

int kroute_route_del(struct nl_sock *s, const struct kroute_route *r)
{
	struct rtnl_route *rt = route_new(r);
	if (!rt)
		return -ERR_NOMEM;
	int rc = netmsg_error(rtnl_route_delete(s, rt, 0));
	rtnl_route_put(rt);
	return unless(rc, -ERR_NOENT);
}

struct route_query {
	uint32_t table;
	struct kroute_route *v;
	size_t n;
};

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct route_query *q = arg;
	struct netmsg_route r;
	if (!netmsg_route(h, &r) || r.table != q->table)
		return;
	if (!ip_is_set(r.dst.ip))
		r.dst.ip.fam = r.fam;
	q->v = xrealloc(q->v, q->n + 1, sizeof(*q->v));
	q->v[q->n++] = (struct kroute_route){ r.dst, r.table, r.type == RTN_THROW ? 0 : r.oif };
}

int kroute_table_flush(struct nl_sock *s, uint8_t fam, uint32_t table)
{
	struct route_query q = { .table = table };
	int rc = netmsg_dump(s, RTM_GETROUTE, af_of(fam), table, on_route, &q);
	for (size_t i = 0; i < q.n; i++) {
		int del = kroute_route_del(s, &q.v[i]);
		rc = rc ? rc : del;
	}
	free(q.v);
	return rc;
}

/* ---- rules ---- */

static struct rtnl_rule *rule_new(const struct kroute_rule *r)
{
	struct rtnl_rule *u = rtnl_rule_alloc();
	if (!u)
		return NULL;
	rtnl_rule_set_family(u, af_of(r->fam));
	rtnl_rule_set_prio(u, r->priority);
	if (r->table) {
		rtnl_rule_set_action(u, FR_ACT_TO_TBL);
		rtnl_rule_set_table(u, r->table);
	} else {
		rtnl_rule_set_action(u, FR_ACT_UNREACHABLE);
	}
	return u;
}

int kroute_rule_add(struct nl_sock *s, const struct kroute_rule *r)
{
	struct rtnl_rule *u = rule_new(r);
	if (!u)
		return -ERR_NOMEM;
	if (r->mask) {
		rtnl_rule_set_mark(u, r->mark);
		rtnl_rule_set_mask(u, r->mask);
	}
	int rc = netmsg_error(rtnl_rule_add(s, u, NLM_F_CREATE | NLM_F_EXCL));
	rtnl_rule_put(u);
	return unless(rc, -ERR_EXIST);
}

int kroute_rule_del(struct nl_sock *s, const struct kroute_rule *r)
{
	struct rtnl_rule *u = rule_new(r);
	int rc = 0;
	if (!u)
		return -ERR_NOMEM;
	for (int i = 0; i < DUPLICATES_MAX && rc == 0; i++)
		rc = netmsg_error(rtnl_rule_delete(s, u, 0));
	rtnl_rule_put(u);
	return unless(rc, -ERR_NOENT);
}

static void on_rule(void *arg, struct nlmsghdr *h)
{
	struct netmsg_rule r;
	bool *empty = arg;
	if (netmsg_rule(h, &r))
		*empty = false;
}

int kroute_rules_probe(struct nl_sock *s, uint8_t fam, bool *empty)
{
	*empty = true;
	return netmsg_dump(s, RTM_GETRULE, af_of(fam), 0, on_rule, empty);
}
