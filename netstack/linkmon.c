/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/linkmon.h"

#include "base/alloc.h"

#include <stdlib.h>

#define TABLE_MAIN 254
#define TABLE_LOCAL 255
#define RULE_SPAN 100 /* our policy rules lie in [rule_base, rule_base + RULE_SPAN) */

/* ---- snapshots ---- */

void link_snapshot_fini(struct link_snapshot *s)
{
	for (size_t i = 0; i < s->n_ifs; i++)
		free(s->ifs[i].addrs);
	free(s->ifs);
	free(s->proxy);
	*s = (struct link_snapshot){ 0 };
}

struct link_if *link_snapshot_add(struct link_snapshot *s)
{
	s->ifs = xrealloc(s->ifs, s->n_ifs + 1, sizeof(*s->ifs));
	struct link_if *i = &s->ifs[s->n_ifs++];
	*i = (struct link_if){ 0 };
	return i;
}

void link_if_add_addr(struct link_if *i, struct prefix p)
{
	i->addrs = xrealloc(i->addrs, i->n_addrs + 1, sizeof(*i->addrs));
	i->addrs[i->n_addrs++] = p;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct link_if *)a)->name, ((const struct link_if *)b)->name);
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_cmp(*(const struct prefix *)a, *(const struct prefix *)b);
}

bool link_addr_usable(struct ip ip)
{
	if (ip.fam == IP_V4)
		return !ip_is_loopback(ip) && !ip_is_link_local(ip);
	bool global = ip.fam == IP_V6 && (ip.b[0] & 0xe0) == 0x20;
	bool unique_local = ip.fam == IP_V6 && (ip.b[0] & 0xfe) == 0xfc;
	return global || (unique_local && !ip_is_tailnet(ip));
}

void link_snapshot_finish(struct link_snapshot *s, const char *tun)
{
	if (s->n_ifs > 1)
		qsort(s->ifs, s->n_ifs, sizeof(*s->ifs), by_name);
	s->have_v4 = s->have_v6 = false;
	for (size_t i = 0; i < s->n_ifs; i++) {
		struct link_if *f = &s->ifs[i];
		if (f->n_addrs > 1)
			qsort(f->addrs, f->n_addrs, sizeof(*f->addrs), by_prefix);
		if (!f->up || f->loopback || strcmp(f->name, tun) == 0)
			continue;
		for (size_t k = 0; k < f->n_addrs; k++) {
			bool usable = link_addr_usable(f->addrs[k].ip);
			s->have_v4 |= usable && f->addrs[k].ip.fam == IP_V4;
			s->have_v6 |= usable && f->addrs[k].ip.fam == IP_V6;
		}
	}
}

const struct link_if *link_snapshot_find(const struct link_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_ifs; i++)
		if (strcmp(s->ifs[i].name, name) == 0)
			return &s->ifs[i];
	return NULL;
}

/* ---- comparison ---- */

static bool prefixes_eq(const struct link_if *a, const struct link_if *b)
{
	if (a->n_addrs != b->n_addrs)
		return false;
	for (size_t i = 0; i < a->n_addrs; i++)
		if (!prefix_eq(a->addrs[i], b->addrs[i]))
			return false;
	return true;
}

static bool if_eq(const struct link_if *a, const struct link_if *b)
{
	return strcmp(a->name, b->name) == 0 && a->index == b->index && a->mtu == b->mtu &&
	       a->up == b->up && a->running == b->running && a->loopback == b->loopback &&
	       a->hwaddr_len == b->hwaddr_len && memcmp(a->hwaddr, b->hwaddr, a->hwaddr_len) == 0 &&
	       prefixes_eq(a, b);
}

static bool snapshot_eq(const struct link_snapshot *a, const struct link_snapshot *b)
{
	if (a->n_ifs != b->n_ifs || a->have_v4 != b->have_v4 || a->have_v6 != b->have_v6 ||
	    strcmp(a->default_if, b->default_if) != 0 || str_cmp(a->proxy, b->proxy) != 0)
		return false;
	for (size_t i = 0; i < a->n_ifs; i++)
		if (!if_eq(&a->ifs[i], &b->ifs[i]))
			return false;
	return true;
}

static size_t next_usable(const struct link_if *i, size_t at)
{
	while (at < i->n_addrs && !link_addr_usable(i->addrs[at].ip))
		at++;
	return at;
}

static bool has_usable(const struct link_if *i)
{
	return i && next_usable(i, 0) < i->n_addrs;
}

/* Up or down, and the addresses others can reach us at; either may be NULL. */
static bool same_use(const struct link_if *a, const struct link_if *b)
{
	if (!has_usable(a) && !has_usable(b))
		return true;
	if (!a || !b || a->up != b->up)
		return false;
	size_t i = next_usable(a, 0), k = next_usable(b, 0);
	while (i < a->n_addrs && k < b->n_addrs && prefix_eq(a->addrs[i], b->addrs[k])) {
		i = next_usable(a, i + 1);
		k = next_usable(b, k + 1);
	}
	return i == a->n_addrs && k == b->n_addrs;
}

/* Does an interface of `a` differ in b? Ours does not count. */
static bool uses_differ(const struct link_snapshot *a, const struct link_snapshot *b,
			const char *tun)
{
	for (size_t i = 0; i < a->n_ifs; i++) {
		const struct link_if *f = &a->ifs[i];
		if (strcmp(f->name, tun) != 0 && !same_use(f, link_snapshot_find(b, f->name)))
			return true;
	}
	return false;
}

static bool default_viable(const struct link_snapshot *s, const char *tun)
{
	const struct link_if *f = link_snapshot_find(s, s->default_if);
	return s->default_if[0] && f && f->up && strcmp(f->name, tun) != 0;
}

struct link_change link_compare(const struct link_snapshot *old, const struct link_snapshot *now,
				const char *tun, int64_t jump_s)
{
	struct link_snapshot nothing = { 0 };
	const struct link_snapshot *o = old ? old : &nothing;
	struct link_change c = {
		.any_up = now->have_v4 || now->have_v6,
		.default_viable = default_viable(now, tun),
		.equal = old && snapshot_eq(old, now),
		.default_changed = strcmp(o->default_if, now->default_if) != 0,
		.ips_changed = !old || uses_differ(o, now, tun) || uses_differ(now, o, tun),
		.protocols_changed =
		    old && (o->have_v4 != now->have_v4 || o->have_v6 != now->have_v6),
		.proxy_changed = old && str_cmp(o->proxy, now->proxy) != 0,
	};
	bool differs =
	    !old || c.default_changed || c.ips_changed || c.protocols_changed || c.proxy_changed;
	c.event = !c.equal || jump_s > 0;
	c.rebind = c.default_viable && (differs || jump_s >= LINK_LONG_SLEEP_S);
	return c;
}

/* ---- events ---- */

static bool is_known(const struct link_event *e, const struct link_snapshot *last)
{
	for (size_t i = 0; last && i < last->n_ifs; i++) {
		const struct link_if *f = &last->ifs[i];
		for (size_t k = 0; f->index == e->ifindex && k < f->n_addrs; k++)
			if (prefix_eq(f->addrs[k], e->prefix))
				return true;
	}
	return false;
}

/* Links tell of counters and scans, too; an IPv4 interface that goes down tells of nothing else. */
static bool is_known_link(const struct link_event *e, const struct link_snapshot *last)
{
	for (size_t i = 0; last && i < last->n_ifs; i++)
		if (last->ifs[i].index == e->ifindex)
			return last->ifs[i].up == e->up && last->ifs[i].running == e->running;
	return false;
}

/* Routes that say nothing about how we reach the world: the kernel's own, and ours. */
static bool is_idle_route(const struct link_event *e, uint32_t table)
{
	struct ip ip = e->prefix.ip;
	if (e->table == table || ip_is_tailnet(ip))
		return true;
	bool system_table = e->table == TABLE_MAIN || e->table == TABLE_LOCAL;
	return system_table && (ip_is_multicast(ip) || ip_is_link_local(ip));
}

static bool on_own_interface(const struct link_event *e, const struct link_snapshot *last,
			     const char *tun)
{
	const struct link_if *f = last ? link_snapshot_find(last, tun) : NULL;
	return f && f->index == e->ifindex;
}

static enum link_reaction judge_addr(const struct link_event *e, const struct link_snapshot *last,
				     const char *tun)
{
	bool gone = e->kind == LINK_EV_ADDR_DEL;
	if (on_own_interface(e, last, tun))
		return gone ? LINK_ROUTES_LOST : LINK_IGNORE;
	return !gone && is_known(e, last) ? LINK_IGNORE : LINK_RECHECK;
}

enum link_reaction link_event_judge(const struct link_event *e, const struct link_snapshot *last,
				    const struct link_own *own)
{
	switch (e->kind) {
	case LINK_EV_ADDR_NEW:
	case LINK_EV_ADDR_DEL:
		return judge_addr(e, last, own->tun);
	case LINK_EV_ROUTE_NEW:
		return is_idle_route(e, own->table) ? LINK_IGNORE : LINK_RECHECK;
	case LINK_EV_ROUTE_DEL:
		return e->table == own->table ? LINK_ROUTES_LOST : LINK_RECHECK;
	case LINK_EV_RULE_NEW:
		return LINK_IGNORE;
	case LINK_EV_RULE_DEL:
		return e->priority >= own->rule_base && e->priority - own->rule_base < RULE_SPAN
			   ? LINK_RULES_LOST
			   : LINK_IGNORE;
	case LINK_EV_LINK:
		return is_known_link(e, last) ? LINK_IGNORE : LINK_RECHECK;
	case LINK_EV_OTHER:
		break;
	}
	return LINK_RECHECK;
}

/* ---- /proc/net/route ---- */

static struct span next_field(struct span *line)
{
	size_t n = 0;
	while (line->len && (line->p[0] == ' ' || line->p[0] == '\t'))
		*line = span_from(*line, 1);
	while (n < line->len && line->p[n] != ' ' && line->p[n] != '\t' && line->p[n] != '\n')
		n++;
	struct span field = span_of(line->p, n);
	*line = span_from(*line, n);
	return field;
}

static bool begins(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.len >= n && memcmp(s.p, with, n) == 0;
}

bool link_default_line(struct span line, const char *tun, char out[static LINK_NAME_MAX])
{
	enum { FIELD_DST = 1, FIELD_MASK = 7, FIELDS };
	struct span f[FIELDS];
	for (size_t i = 0; i < FIELDS; i++)
		f[i] = next_field(&line);
	if (f[0].len == 0 || f[0].len >= LINK_NAME_MAX || memchr(f[0].p, 0, f[0].len) ||
	    !span_eq_str(f[FIELD_DST], "00000000") || !span_eq_str(f[FIELD_MASK], "00000000"))
		return false;
	if (span_eq_str(f[0], tun) || begins(f[0], "tailscale") || begins(f[0], "wg"))
		return false;
	memset(out, 0, LINK_NAME_MAX);
	memcpy(out, f[0].p, f[0].len);
	return true;
}
