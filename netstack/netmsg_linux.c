/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/netmsg_linux.h"

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#define DUMP_TRIES 3 /* the tables may change while they are read */

/* ---- parsers ---- */

static struct ip get_ip(struct nlattr *a)
{
	return a ? ip_from_bytes(span_of(nla_data(a), (size_t)nla_len(a))) : (struct ip){ 0 };
}

static uint32_t get_u32(struct nlattr *a, uint32_t absent)
{
	return a && nla_len(a) >= 4 ? nla_get_u32(a) : absent;
}

static uint8_t family_of(int af)
{
	return af == AF_INET ? IP_V4 : af == AF_INET6 ? IP_V6 : IP_NONE;
}

/* The message's fixed part if it is of one of two types and long enough, its attributes in tb. */
static void *open_msg(struct nlmsghdr *h, int add, int del, int fixed, struct nlattr **tb, int max)
{
	if ((h->nlmsg_type != add && h->nlmsg_type != del) ||
	    nlmsg_parse(h, fixed, tb, max, NULL) < 0)
		return NULL;
	return nlmsg_data(h);
}

bool netmsg_link(struct nlmsghdr *h, struct link_if *i)
{
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg *m = open_msg(h, RTM_NEWLINK, RTM_DELLINK, sizeof(*m), tb, IFLA_MAX);
	if (!m || !tb[IFLA_IFNAME])
		return false;
	nla_strlcpy(i->name, tb[IFLA_IFNAME], sizeof(i->name));
	i->index = (unsigned)m->ifi_index;
	i->mtu = get_u32(tb[IFLA_MTU], 0);
	i->up = m->ifi_flags & IFF_UP;
	i->running = m->ifi_flags & IFF_RUNNING;
	i->loopback = m->ifi_flags & IFF_LOOPBACK;
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) <= LINK_HWADDR_MAX) {
		i->hwaddr_len = (uint8_t)nla_len(tb[IFLA_ADDRESS]);
		memcpy(i->hwaddr, nla_data(tb[IFLA_ADDRESS]), i->hwaddr_len);
	}
	return true;
}

bool netmsg_addr(struct nlmsghdr *h, struct netmsg_addr *a)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *m = open_msg(h, RTM_NEWADDR, RTM_DELADDR, sizeof(*m), tb, IFA_MAX);
	if (!m)
		return false;
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	struct ip ip = get_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]);
	if (!ip_is_set(ip) || ip.fam != family_of(m->ifa_family))
		return false;
	*a = (struct netmsg_addr){ m->ifa_index, { ip, m->ifa_prefixlen } };
	return true;
}

bool netmsg_route(struct nlmsghdr *h, struct netmsg_route *r)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg *m = open_msg(h, RTM_NEWROUTE, RTM_DELROUTE, sizeof(*m), tb, RTA_MAX);
	if (!m || family_of(m->rtm_family) == IP_NONE)
		return false;
	*r = (struct netmsg_route){ .fam = family_of(m->rtm_family), .type = m->rtm_type };
	r->table = get_u32(tb[RTA_TABLE], m->rtm_table);
	r->oif = get_u32(tb[RTA_OIF], 0);
	r->metric = get_u32(tb[RTA_PRIORITY], 0);
	r->protocol = m->rtm_protocol;
	r->has_gateway = tb[RTA_GATEWAY] || tb[RTA_VIA];
	r->dead = m->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN);
	if (tb[RTA_DST])
		r->dst = (struct prefix){ get_ip(tb[RTA_DST]), m->rtm_dst_len };
	return true;
}

bool netmsg_rule(struct nlmsghdr *h, struct netmsg_rule *r)
{
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr *m = open_msg(h, RTM_NEWRULE, RTM_DELRULE, sizeof(*m), tb, FRA_MAX);
	if (!m || family_of(m->family) == IP_NONE)
		return false;
	*r = (struct netmsg_rule){ .fam = family_of(m->family), .action = m->action };
	r->priority = get_u32(tb[FRA_PRIORITY], 0);
	r->table = get_u32(tb[FRA_TABLE], m->table);
	r->mark = get_u32(tb[FRA_FWMARK], 0);
	r->mask = get_u32(tb[FRA_FWMASK], 0);
	r->narrow = m->src_len || m->dst_len || m->tos || (m->flags & FIB_RULE_INVERT) ||
		    tb[FRA_IIFNAME] || tb[FRA_OIFNAME] || tb[FRA_UID_RANGE] ||
		    tb[FRA_SPORT_RANGE] || tb[FRA_DPORT_RANGE] ||
		    (tb[FRA_IP_PROTO] && nla_get_u8(tb[FRA_IP_PROTO]));
	return true;
}

struct link_event netmsg_event(struct nlmsghdr *h)
{
	struct link_event e = { .kind = LINK_EV_OTHER };
	struct netmsg_addr a;
	struct netmsg_route r;
	struct netmsg_rule u;
	struct link_if l = { 0 };
	if (netmsg_addr(h, &a)) {
		e.kind = h->nlmsg_type == RTM_NEWADDR ? LINK_EV_ADDR_NEW : LINK_EV_ADDR_DEL;
		e.ifindex = a.ifindex;
		e.prefix = a.prefix;
	} else if (netmsg_route(h, &r)) {
		e.kind = h->nlmsg_type == RTM_NEWROUTE ? LINK_EV_ROUTE_NEW : LINK_EV_ROUTE_DEL;
		e.prefix = r.dst;
		e.table = r.table;
	} else if (netmsg_rule(h, &u)) {
		e.kind = h->nlmsg_type == RTM_NEWRULE ? LINK_EV_RULE_NEW : LINK_EV_RULE_DEL;
		e.priority = u.priority;
	} else if (h->nlmsg_type == RTM_NEWLINK && netmsg_link(h, &l)) {
		e.kind = LINK_EV_LINK;
		e.ifindex = l.index;
		e.up = l.up;
		e.running = l.running;
	}
	return e;
}

/* ---- sockets ---- */

/* Others with CAP_NET_ADMIN could send to us, too. */
static int kernel_only(struct nl_msg *msg, void *arg)
{
	(void)arg;
	return nlmsg_get_src(msg)->nl_pid == 0 ? NL_OK : NL_SKIP;
}

struct nl_sock *netmsg_socket(void)
{
	struct nl_sock *s = nl_socket_alloc();
	if (!s)
		return NULL;
	nl_socket_modify_cb(s, NL_CB_MSG_IN, NL_CB_CUSTOM, kernel_only, NULL);
	/* netbatch_linux.c counts for itself. */
	nl_socket_disable_seq_check(s);
	if (nl_connect(s, NETLINK_ROUTE) < 0) {
		nl_socket_free(s);
		return NULL;
	}
	int on = 1; /* errors without a copy of the request; since Linux 4.3 */
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return s;
}

int netmsg_error(int nle)
{
	switch (nle < 0 ? -nle : nle) {
	case 0:
		return 0;
	case NLE_EXIST:
		return -ERR_EXIST;
	case NLE_OBJ_NOTFOUND:
	case NLE_NOADDR:
	case NLE_NODEV:
		return -ERR_NOENT;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -ERR_PERM;
	case NLE_AF_NOSUPPORT:
	case NLE_OPNOTSUPP:
		return -ERR_UNSUPPORTED;
	case NLE_NOMEM:
		return -ERR_NOMEM;
	case NLE_INVAL:
	case NLE_RANGE:
		return -ERR_RANGE;
	case NLE_BUSY:
		return -ERR_BUSY;
	default:
		return -ERR_IO;
	}
}

/* ---- faults, for tests ---- */

static netmsg_fault_fn *fault;

void netmsg_set_fault(netmsg_fault_fn *fn)
{
	fault = fn;
}

int netmsg_fault(int type, int fam)
{
	return fault ? fault(type, fam) : 0;
}

/* ---- dumps ---- */

struct dump {
	netmsg_fn *fn;
	void *arg;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct dump *d = arg;
	d->fn(d->arg, nlmsg_hdr(msg));
	return NL_OK;
}

/* Let the kernel pick the routes of one table; without it (before Linux 4.20) all are sent. */
static void filter_in_kernel(struct nl_sock *s, bool on)
{
	int v = on;
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &v, sizeof(v));
}

static int request_routes(struct nl_sock *s, int fam, uint32_t table)
{
	struct rtmsg rt = { .rtm_family = (unsigned char)fam };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	if (!msg)
		return -NLE_NOMEM;
	nlmsg_append(msg, &rt, sizeof(rt), NLMSG_ALIGNTO);
	if (table)
		nla_put_u32(msg, RTA_TABLE, table);
	filter_in_kernel(s, table != 0);
	int rc = nl_send_auto(s, msg);
	filter_in_kernel(s, false);
	nlmsg_free(msg);
	return rc;
}

/* What is left of answers that once did not fit must not be taken for those to come. */
static void drain(struct nl_sock *s)
{
	uint8_t byte;
	while (recv(nl_socket_get_fd(s), &byte, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
		continue;
}

static int request(struct nl_sock *s, int type, int fam, uint32_t table)
{
	struct ifinfomsg any = { .ifi_family = (unsigned char)fam };
	drain(s);
	if (type == RTM_GETROUTE)
		return request_routes(s, fam, table);
	return nl_send_simple(s, type, NLM_F_DUMP, &any, sizeof(any));
}

static int dump_once(struct nl_sock *s, int type, int fam, uint32_t table, struct nl_cb *cb)
{
	int rc = request(s, type, fam, table);
	if (rc >= 0)
		rc = nl_recvmsgs(s, cb);
	/* A table without a route does not exist. */
	return rc == -NLE_OBJ_NOTFOUND && type == RTM_GETROUTE ? 0 : rc;
}

int netmsg_dump(struct nl_sock *s, int type, int fam, uint32_t table, netmsg_fn *fn, void *arg)
{
	struct dump d = { fn, arg };
	int rc = netmsg_fault(type, fam);
	if (rc)
		return rc;
	rc = -NLE_DUMP_INTR;
	struct nl_cb *own = nl_socket_get_cb(s);
	struct nl_cb *cb = nl_cb_clone(own);
	nl_cb_put(own);
	if (!cb)
		return -ERR_NOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &d);
	for (int i = 0; i < DUMP_TRIES && rc == -NLE_DUMP_INTR; i++)
		rc = dump_once(s, type, fam, table, cb);
	nl_cb_put(cb);
	/* What changed meanwhile is told by events, or seen the next time. */
	return rc == -NLE_DUMP_INTR ? 0 : netmsg_error(rc);
}
