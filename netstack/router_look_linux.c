/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_look_linux.h"

#include "base/alloc.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

void router_view_fini(struct router_view *v)
{
	rt_state_fini(&v->ours);
	free(v->foreign);
	*v = (struct router_view){ 0 };
}

/* ---- routes ---- */

struct look {
	const struct router_where *w;
	struct router_view *v;
};

static bool is_ours(const struct router_where *w, const struct netmsg_route *r, enum rt_set *set)
{
	bool plain = r->metric == (r->fam == IP_V6 ? KROUTE_METRIC6_DEFAULT : 0);
	if (w->own && r->type == RTN_UNREACHABLE && !ip_is_set(r->dst.ip) &&
	    r->metric == KROUTE_METRIC_WORST)
		*set = RT_GUARDS;
	else if (w->own && r->type == RTN_THROW && plain)
		*set = RT_THROWS;
	else if (r->type == RTN_UNICAST && w->index && r->oif == w->index && !r->has_gateway &&
		 plain && r->protocol != RTPROT_KERNEL)
		*set = RT_ROUTES;
	else
		return false;
	return true;
}

static void add_foreign(struct router_view *v, const struct netmsg_route *r, struct prefix dst)
{
	if (v->n_foreign == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 8;
		v->foreign = xrealloc(v->foreign, v->cap, sizeof(*v->foreign));
	}
	struct kroute_route k = { .dst = dst,
				  .table = r->table,
				  .oif = r->type == RTN_UNICAST ? r->oif : 0,
				  .type = r->type,
				  .metric = r->metric };
	v->foreign[v->n_foreign++] = (struct router_foreign){ k, r->dead };
}

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct look *l = arg;
	struct netmsg_route r;
	enum rt_set set;
	if (!netmsg_route(h, &r) || r.table != l->w->table)
		return;
	struct prefix dst = r.dst;
	if (!ip_is_set(dst.ip))
		dst.ip.fam = r.fam;
	if (is_ours(l->w, &r, &set))
		prefix_list_add(&l->v->ours.set[set], dst);
	else if (l->w->own)
		add_foreign(l->v, &r, dst);
}

static int look_routes(const struct router_where *w, struct router_view *v, int af,
		       struct router_report *rep)
{
	struct look l = { w, v };
	int rc = netmsg_dump(w->nl, RTM_GETROUTE, af, w->table, on_route, &l);
	/* A family that the kernel does not have holds nothing of ours. */
	if (rc == -ERR_UNSUPPORTED)
		return 0;
	router_note(rep, "list routes of", af == AF_INET ? "IPv4" : "IPv6", rc);
	return rc;
}

/* ---- addresses ---- */

static bool addr_is_ours(const struct router_where *w, struct prefix p)
{
	return ip_is_tailnet(p.ip) || (w->addrs && prefix_list_has(w->addrs, p)) ||
	       (w->more_addrs && prefix_list_has(w->more_addrs, p));
}

int router_look_addrs(const struct router_where *w, struct rt_state *ours,
		      struct router_report *rep)
{
	struct prefix_list all = { 0 }, found = { 0 };
	int rc = w->index ? kroute_addrs(w->nl, w->index, &all) : 0;
	router_note(rep, "list addresses of", w->tun, rc);
	for (size_t i = 0; i < all.n; i++)
		if (addr_is_ours(w, all.v[i]))
			prefix_list_add(&found, all.v[i]);
	prefix_list_sort(&found);
	prefix_list_fini(&all);
	prefix_list_fini(&ours->set[RT_ADDRS]);
	ours->set[RT_ADDRS] = found;
	return rc;
}

int router_look(const struct router_where *w, struct router_view *v, struct router_report *rep)
{
	int rc4 = look_routes(w, v, AF_INET, rep);
	int rc6 = look_routes(w, v, AF_INET6, rep);
	for (int i = 0; i < RT_SETS; i++)
		prefix_list_sort(&v->ours.set[i]);
	int rc = router_look_addrs(w, &v->ours, rep);
	return rc4 ? rc4 : rc6 ? rc6 : rc;
}
