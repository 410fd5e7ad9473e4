/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_rules_linux.h"

#include "base/alloc.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define UNREACHABLE 0 /* in the place of a table */
#define COMPLETE_TRIES 3

/* Sockets of ours (marked) use the main table, then the default table, then fail: they never loop
 * into the tunnel. Everything else tries the tunnel's table before the main one. */
void router_rules_ours(const struct router_params *p, uint8_t fam,
		       struct kroute_rule out[static ROUTER_RULES])
{
	uint32_t mark = p->fwmark_bypass, mask = p->fwmark_mask, base = p->rule_base;
	out[0] = (struct kroute_rule){ fam, base + 10, mark, mask, RT_TABLE_MAIN };
	out[1] = (struct kroute_rule){ fam, base + 30, mark, mask, RT_TABLE_DEFAULT };
	out[2] = (struct kroute_rule){ fam, base + 50, mark, mask, UNREACHABLE };
	out[3] = (struct kroute_rule){ fam, base + 70, 0, 0, p->table };
}

static const char *family_text(uint8_t fam)
{
	return fam == IP_V4 ? "IPv4" : "IPv6";
}

/* ---- what is there ---- */

struct listing {
	uint32_t base;
	struct kroute_rule ours[ROUTER_RULES];
	struct router_rule *v;
	size_t n;
};

static bool same_target(const struct kroute_rule *a, const struct kroute_rule *b)
{
	return a->priority == b->priority && a->table == b->table;
}

static void judge(const struct listing *l, const struct netmsg_rule *m, struct router_rule *r)
{
	bool target = m->action == FR_ACT_TO_TBL || m->action == FR_ACT_UNREACHABLE;
	for (size_t i = 0; i < ROUTER_RULES; i++) {
		const struct kroute_rule *o = &l->ours[i];
		if (!target || m->narrow || !same_target(o, &r->rule))
			continue;
		r->ours = true;
		r->exact = o->mark == m->mark && o->mask == m->mask;
	}
}

static void on_rule(void *arg, struct nlmsghdr *h)
{
	struct listing *l = arg;
	struct netmsg_rule m;
	if (!netmsg_rule(h, &m) || m.priority < l->base ||
	    m.priority - l->base >= ROUTER_RULES_SPAN)
		return;
	uint32_t table = m.action == FR_ACT_UNREACHABLE ? UNREACHABLE : m.table;
	struct router_rule r = { .rule = { m.fam, m.priority, m.mark, m.mask, table } };
	judge(l, &m, &r);
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = r;
}

int router_rules_list(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_rule **out, size_t *n)
{
	struct listing l = { .base = p->rule_base };
	router_rules_ours(p, fam, l.ours);
	int rc = netmsg_dump(nl, RTM_GETRULE, fam == IP_V4 ? AF_INET : AF_INET6, 0, on_rule, &l);
	if (rc) {
		free(l.v);
		return rc;
	}
	*out = l.v;
	*n = l.n;
	return 0;
}

/* ---- changes ---- */

static bool is_there(const struct router_rule *v, size_t n, const struct kroute_rule *r)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].exact && same_target(&v[i].rule, r))
			return true;
	return false;
}

static void add(struct nl_sock *nl, const struct kroute_rule *r, struct router_report *rep)
{
	router_note(rep, "add rules of", family_text(r->fam), kroute_rule_add(nl, r));
}

/* One without a mark cannot be named so that it alone is meant: the kernel takes the first of this
 * preference and table, which may be the right one; that is added again, behind the wrong one,
 * which is the first to be found the next time. */
static void remove_wrong(struct nl_sock *nl, const struct kroute_rule *wrong,
			 const struct kroute_rule ours[static ROUTER_RULES],
			 struct router_report *rep)
{
	router_note(rep, "delete old rules of", family_text(wrong->fam),
		    kroute_rule_del_marked(nl, wrong));
	for (size_t i = 0; i < ROUTER_RULES; i++)
		if (wrong->mask == 0 && same_target(&ours[i], wrong))
			add(nl, &ours[i], rep);
}

/* True if wrong ones were there. */
static bool complete_once(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
			  struct router_report *rep)
{
	struct kroute_rule ours[ROUTER_RULES];
	struct router_rule *v = NULL;
	size_t n = 0, wrong = 0;
	router_rules_ours(p, fam, ours);
	router_note(rep, "list rules of", family_text(fam), router_rules_list(nl, p, fam, &v, &n));
	for (size_t i = 0; i < ROUTER_RULES; i++)
		if (!is_there(v, n, &ours[i]))
			add(nl, &ours[i], rep);
	for (size_t i = 0; i < n; i++) {
		if (!v[i].ours || v[i].exact)
			continue;
		remove_wrong(nl, &v[i].rule, ours, rep);
		wrong++;
	}
	free(v);
	return wrong;
}

void router_rules_complete(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
			   struct router_report *rep)
{
	for (int i = 0; i < COMPLETE_TRIES && complete_once(nl, p, fam, rep); i++)
		continue;
}

void router_rules_del(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep)
{
	struct kroute_rule rules[ROUTER_RULES];
	router_rules_ours(p, fam, rules);
	for (size_t i = 0; i < ROUTER_RULES; i++)
		router_note(rep, "delete rules of", family_text(fam),
			    kroute_rule_del(nl, &rules[i]));
}
