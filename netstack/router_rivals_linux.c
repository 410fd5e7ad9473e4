/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_rivals_linux.h"

#include "netstack/router_priv_linux.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct search {
	const struct router_params *params;
	struct router_rivals *out;
};

static bool is_ours(const struct router_params *p, const struct netmsg_rule *m)
{
	return m->mark == p->fwmark_bypass && m->mask == p->fwmark_mask &&
	       m->priority >= p->rule_base && m->priority - p->rule_base < ROUTER_RULES_SPAN;
}

/* A rule that looks at all bits, for a mark that has none of ours, is not in our way: it is how a
 * plain WireGuard tunnel is set up. */
static void on_rule(void *arg, struct nlmsghdr *h)
{
	struct search *s = arg;
	struct netmsg_rule m;
	if (!netmsg_rule(h, &m) || !(m.mark & m.mask & s->params->fwmark_mask) ||
	    is_ours(s->params, &m))
		return;
	if (s->out->rules++ == 0) {
		s->out->priority = m.priority;
		s->out->mark = m.mark;
		s->out->mask = m.mask;
	}
}

static int look_at_table(struct router *r, struct router_rivals *out)
{
	struct router_report unused = { 0 };
	struct router_view v = { 0 };
	struct router_where w = router_where(r);
	int rc = w.own ? router_look(&w, &v, &unused) : 0;
	out->routes = (unsigned)v.n_foreign;
	if (v.n_foreign)
		out->route = v.foreign[0].route.dst;
	router_view_fini(&v);
	return rc;
}

int router_rivals(struct router *r, struct router_rivals *out)
{
	struct search s = { &r->params, out };
	*out = (struct router_rivals){ 0 };
	int rc = netmsg_dump(r->nl, RTM_GETRULE, AF_INET, 0, on_rule, &s);
	if (rc == 0 && r->able.ipv6)
		rc = netmsg_dump(r->nl, RTM_GETRULE, AF_INET6, 0, on_rule, &s);
	int rc2 = look_at_table(r, out);
	return rc ? rc : rc2;
}
