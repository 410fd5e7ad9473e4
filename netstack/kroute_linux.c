/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/kroute_linux.h"

#include "base/alloc.h"

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DUPLICATES_MAX 32 /* rules removed at one preference */
#define MSG_MAX 128
static int af_of(uint8_t fam)
{
	return fam == IP_V4 ? AF_INET : AF_INET6;
}

static struct nl_msg *msg_new(int type, bool add, const void *fixed, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_size(MSG_MAX);
	int flags = add ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	if (!m)
		return NULL;
	nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags);
	nlmsg_append(m, (void *)(uintptr_t)fixed, len, NLMSG_ALIGNTO);
	return m;
}

static void put_ip(struct nl_msg *m, int attr, struct ip ip)
{
	nla_put(m, attr, (int)ip_len(ip), ip.b);
}

int kroute_forgive(bool add, int rc)
{
	return rc == (add ? -ERR_EXIST : -ERR_NOENT) ? 0 : rc;
}

/* ---- interfaces ---- */

int kroute_link_get(struct nl_sock *s, const char *name, struct kroute_link *out)
{
	struct rtnl_link *l = NULL;
	int rc = rtnl_link_get_kernel(s, 0, name, &l);
	if (rc < 0)
		return netmsg_error(rc);
	*out = (struct kroute_link){ .index = (unsigned)rtnl_link_get_ifindex(l),
				     .mtu = rtnl_link_get_mtu(l),
				     .up = rtnl_link_get_flags(l) & IFF_UP };
	rtnl_link_put(l);
	return 0;
}

int kroute_link_find(struct nl_sock *s, const char *name, unsigned *index)
{
	struct kroute_link l = { 0 };
	int rc = kroute_link_get(s, name, &l);
	if (rc == 0)
		*index = l.index;
	return rc;
}

int kroute_link_set_up(struct nl_sock *s, unsigned index, bool up)
{
	struct ifinfomsg i = { .ifi_index = (int)index,
			       .ifi_change = IFF_UP,
			       .ifi_flags = up ? IFF_UP : 0 };
	return netbatch_one(s, msg_new(RTM_NEWLINK, false, &i, sizeof(i)));
}

int kroute_link_set_mtu(struct nl_sock *s, unsigned index, unsigned mtu)
{
	struct ifinfomsg i = { .ifi_index = (int)index };
	struct nl_msg *m = msg_new(RTM_NEWLINK, false, &i, sizeof(i));
	if (m)
		nla_put_u32(m, IFLA_MTU, mtu);
	return netbatch_one(s, m);
}

/* ---- addresses ---- */

struct nl_msg *kroute_addr_msg(unsigned index, struct prefix p, bool add)
{
	struct ifaddrmsg a = { .ifa_family = (uint8_t)af_of(p.ip.fam),
			       .ifa_prefixlen = p.bits,
			       .ifa_scope = RT_SCOPE_UNIVERSE,
			       .ifa_index = index };
	struct nl_msg *m = msg_new(add ? RTM_NEWADDR : RTM_DELADDR, add, &a, sizeof(a));
	if (!m)
		return NULL;
	put_ip(m, IFA_LOCAL, p.ip);
	put_ip(m, IFA_ADDRESS, p.ip);
	return m;
}

int kroute_addr_add(struct nl_sock *s, unsigned index, struct prefix p)
{
	return kroute_forgive(true, netbatch_one(s, kroute_addr_msg(index, p, true)));
}

int kroute_addr_del(struct nl_sock *s, unsigned index, struct prefix p)
{
	return kroute_forgive(false, netbatch_one(s, kroute_addr_msg(index, p, false)));
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

static uint8_t type_of(const struct kroute_route *r)
{
	return r->type ? r->type : r->oif ? RTN_UNICAST : RTN_THROW;
}

/* IPv6 does not look at the type of a route that is to be deleted, only at its metric, and takes
 * any without one. */
static uint32_t metric_of(const struct kroute_route *r, bool add)
{
	bool default6 = !add && r->dst.ip.fam == IP_V6 && r->metric == 0;
	return default6 ? KROUTE_METRIC6_DEFAULT : r->metric;
}

struct nl_msg *kroute_route_msg(const struct kroute_route *r, bool add)
{
	struct prefix dst = prefix_masked(r->dst);
	uint32_t metric = metric_of(r, add);
	struct rtmsg rt = { .rtm_family = (uint8_t)af_of(dst.ip.fam),
			    .rtm_dst_len = dst.bits,
			    .rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_COMPAT,
			    .rtm_protocol = add ? RTPROT_BOOT : RTPROT_UNSPEC,
			    .rtm_scope = add ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE,
			    .rtm_type = type_of(r) };
	struct nl_msg *m = msg_new(add ? RTM_NEWROUTE : RTM_DELROUTE, add, &rt, sizeof(rt));
	if (!m)
		return NULL;
	put_ip(m, RTA_DST, dst.ip);
	nla_put_u32(m, RTA_TABLE, r->table);
	if (r->oif)
		nla_put_u32(m, RTA_OIF, r->oif);
	if (metric)
		nla_put_u32(m, RTA_PRIORITY, metric);
	return m;
}

int kroute_route_add(struct nl_sock *s, const struct kroute_route *r)
{
	return netbatch_one(s, kroute_route_msg(r, true));
}

int kroute_route_del(struct nl_sock *s, const struct kroute_route *r)
{
	return kroute_forgive(false, netbatch_one(s, kroute_route_msg(r, false)));
}

struct route_query {
	uint32_t table;
	struct kroute_route *v;
	size_t n, cap;
};

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct route_query *q = arg;
	struct netmsg_route r;
	if (!netmsg_route(h, &r) || r.table != q->table)
		return;
	if (!ip_is_set(r.dst.ip))
		r.dst.ip.fam = r.fam;
	if (q->n == q->cap) {
		q->cap = q->cap ? 2 * q->cap : 64;
		q->v = xrealloc(q->v, q->cap, sizeof(*q->v));
	}
	q->v[q->n++] = (struct kroute_route){ .dst = r.dst,
					      .table = r.table,
					      .oif = r.type == RTN_UNICAST ? r.oif : 0,
					      .type = r.type,
					      .metric = r.metric };
}

static int flush_batch(struct netbatch *b)
{
	int rc = 0;
	netbatch_send(b);
	for (unsigned i = 0; i < b->n && rc == 0; i++)
		rc = kroute_forgive(false, b->rc[i]);
	netbatch_clear(b);
	return rc;
}

int kroute_table_flush(struct nl_sock *s, uint8_t fam, uint32_t table)
{
	struct route_query q = { .table = table };
	struct netbatch b;
	int rc = netmsg_dump(s, RTM_GETROUTE, af_of(fam), table, on_route, &q);
	netbatch_init(&b, s);
	for (size_t i = 0; i < q.n; i++) {
		netbatch_add(&b, kroute_route_msg(&q.v[i], false));
		if (netbatch_full(&b) || i + 1 == q.n) {
			int del = flush_batch(&b);
			rc = rc ? rc : del;
		}
	}
	netbatch_fini(&b);
	free(q.v);
	return rc;
}

/* ---- rules ---- */

static struct nl_msg *rule_msg(const struct kroute_rule *r, bool add, bool marked)
{
	struct fib_rule_hdr f = { .family = (uint8_t)af_of(r->fam),
				  .action = r->table ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE,
				  .table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_COMPAT };
	struct nl_msg *m = msg_new(add ? RTM_NEWRULE : RTM_DELRULE, false, &f, sizeof(f));
	if (!m)
		return NULL;
	if (add)
		nlmsg_hdr(m)->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	nla_put_u32(m, FRA_PRIORITY, r->priority);
	if (r->table)
		nla_put_u32(m, FRA_TABLE, r->table);
	if (marked && r->mask) {
		nla_put_u32(m, FRA_FWMARK, r->mark);
		nla_put_u32(m, FRA_FWMASK, r->mask);
	}
	return m;
}

int kroute_rule_add(struct nl_sock *s, const struct kroute_rule *r)
{
	return kroute_forgive(true, netbatch_one(s, rule_msg(r, true, true)));
}

int kroute_rule_del_marked(struct nl_sock *s, const struct kroute_rule *r)
{
	return kroute_forgive(false, netbatch_one(s, rule_msg(r, false, true)));
}

int kroute_rule_del(struct nl_sock *s, const struct kroute_rule *r)
{
	int rc = 0;
	for (int i = 0; i < DUPLICATES_MAX && rc == 0; i++)
		rc = netbatch_one(s, rule_msg(r, false, false));
	return kroute_forgive(false, rc);
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
