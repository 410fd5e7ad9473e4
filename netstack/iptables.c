/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/iptables_priv.h"

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool ipt_ifname_ok(const char *name)
{
	size_t n = 0;
	for (; name[n] && n <= IPT_IFNAME_MAX; n++)
		if (!alnum(name[n]) && name[n] != '_' &&
		    (n == 0 || (name[n] != '-' && name[n] != '.')))
			return false;
	return n > 0 && n <= IPT_IFNAME_MAX;
}

/* ---- the guard ---- */

/* The family's part of a list; sorted ones only, since it is one run there. */
static struct prefix_list part(const struct prefix_list *l, enum ip_family fam)
{
	size_t from = 0, n = 0;
	while (from < l->n && l->v[from].ip.fam != fam)
		from++;
	while (from + n < l->n && l->v[from + n].ip.fam == fam)
		n++;
	return (struct prefix_list){ .v = l->v + (n ? from : 0), .n = n };
}

static struct prefix tailnet_range(enum ip_family fam)
{
	if (fam == IP_V4)
		return (struct prefix){ ip_v4(100, 64, 0, 0), 10 };
	return (struct prefix){ { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 };
}

bool ipt_guard_widened(const struct fw_config *c, enum ip_family fam)
{
	return part(&c->guard, fam).n > IPT_GUARD_MAX;
}

/* The smallest prefix over all of a sorted list. */
static struct prefix cover(const struct prefix_list *l)
{
	struct prefix p = l->v[0];
	const struct prefix *last = &l->v[l->n - 1];
	while (p.bits > last->bits || !prefix_contains(p, last->ip))
		p.bits--;
	return prefix_masked(p);
}

static void add_guard(const struct fw_config *c, enum ip_family fam, struct buf *out)
{
	struct prefix_list l = part(&c->guard, fam);
	char text[PREFIX_TEXT_MAX];
	if (l.n > IPT_GUARD_MAX) {
		if (fam == IP_V4) /* addresses of ChromeOS' own virtual machines */
			buf_add_str(out, "-A ts-guard -s 100.115.92.0/23 -j RETURN\n");
		buf_fmt(out, "-A ts-guard -s %s -j DROP\n",
			prefix_encode(tailnet_range(fam), text));
		return;
	}
	for (size_t i = 0; i < l.n; i++)
		buf_fmt(out, "-A ts-guard -s %s -j DROP\n", prefix_encode(l.v[i], text));
}

/* One test lets all other traffic pass by the list. */
static void add_guard_jump(const struct fw_config *c, enum ip_family fam, const char *chain,
			   const char *into, struct buf *out)
{
	struct prefix_list l = part(&c->guard, fam);
	char text[PREFIX_TEXT_MAX];
	if (l.n == 0)
		return;
	struct prefix p = l.n > IPT_GUARD_MAX ? tailnet_range(fam) : cover(&l);
	buf_fmt(out, "-A %s -s %s%s%s -j ts-guard\n", chain, prefix_encode(p, text),
		into ? " -o " : "", into ? into : "");
}

/* ---- rules ---- */

/* Options stand as iptables-save prints them. */
static void raw_rules(const struct ipt_want *w, enum ip_family fam, struct buf *out)
{
	const struct prefix_list *self = &w->cfg->self;
	char text[PREFIX_TEXT_MAX];
	buf_fmt(out, "-A ts-prerouting -i %s -j RETURN\n", w->tun);
	buf_add_str(out, "-A ts-prerouting -i lo -j RETURN\n");
	for (size_t i = 0; i < self->n; i++)
		if (self->v[i].ip.fam == fam)
			buf_fmt(out, "-A ts-prerouting -d %s -j DROP\n",
				prefix_encode(self->v[i], text));
}

static void mangle_rules(const struct ipt_want *w, struct buf *out)
{
	uint32_t mask = w->params->fwmark_mask;
	buf_fmt(out,
		"-A ts-prerouting -m conntrack --ctstate RELATED,ESTABLISHED "
		"-m connmark ! --mark 0x0/0x%x "
		"-j CONNMARK --restore-mark --nfmask 0x%x --ctmask 0x%x\n",
		mask, mask, mask);
	buf_fmt(out,
		"-A ts-output -m conntrack --ctstate NEW -m mark ! --mark 0x0/0x%x "
		"-j CONNMARK --save-mark --nfmask 0x%x --ctmask 0x%x\n",
		mask, mask, mask);
}

static void nat_rules(const struct ipt_want *w, struct buf *out)
{
	if (w->cfg->snat)
		buf_fmt(out,
			"-A ts-postrouting -m mark --mark 0x%x/0x%x -j MASQUERADE --random-fully\n",
			w->params->fwmark_subnet, w->params->fwmark_mask);
}

static void input_rules(const struct ipt_want *w, enum ip_family fam, struct buf *out)
{
	const struct prefix_list *self = &w->cfg->self;
	uint16_t port = fam == IP_V4 ? w->cfg->port4 : w->cfg->port6;
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < self->n; i++)
		if (self->v[i].ip.fam == fam)
			buf_fmt(out, "-A ts-input -s %s -i lo -j ACCEPT\n",
				prefix_encode(self->v[i], text));
	buf_fmt(out, "-A ts-input -i %s -j ACCEPT\n", w->tun);
	/* Before the guard: a peer may sit behind the same carrier NAT and come from 100.64/10. */
	if (port)
		buf_fmt(out, "-A ts-input -p udp -m udp --dport %u -j ACCEPT\n", port);
	if (!w->cfg->no_guard)
		add_guard_jump(w->cfg, fam, "ts-input", NULL, out);
}

static void forward_rules(const struct ipt_want *w, enum ip_family fam, struct buf *out)
{
	uint32_t subnet = w->params->fwmark_subnet, mask = w->params->fwmark_mask;
	const char *tun = w->tun;
	/* Marked, because postrouting cannot tell where a packet came in. */
	buf_fmt(out, "-A ts-forward -i %s -j MARK --set-xmark 0x%x/0x%x\n", tun, subnet, mask);
	buf_fmt(out, "-A ts-forward -m mark --mark 0x%x/0x%x -j ACCEPT\n", subnet, mask);
	add_guard_jump(w->cfg, fam, "ts-forward", tun, out);
	if (w->cfg->stateful)
		buf_fmt(out,
			"-A ts-forward -o %s -m conntrack "
			"! --ctstate RELATED,ESTABLISHED,UNTRACKED -j DROP\n",
			tun);
	buf_fmt(out, "-A ts-forward -o %s -j ACCEPT\n", tun);
}

static void add_rules(const struct ipt_want *w, enum ip_family fam, enum ipt_table t,
		      struct buf *out)
{
	switch (t) {
	case IPT_RAW:
		raw_rules(w, fam, out);
		return;
	case IPT_MANGLE:
		mangle_rules(w, out);
		return;
	case IPT_NAT:
		nat_rules(w, out);
		return;
	case IPT_FILTER:
	case IPT_TABLES:
		input_rules(w, fam, out);
		forward_rules(w, fam, out);
		add_guard(w->cfg, fam, out);
		return;
	}
}

/* ---- texts ---- */

static void remove_jumps(size_t chain, const struct ipt_seen *seen, struct buf *out)
{
	const struct ipt_chain *c = &ipt_chains[chain];
	for (unsigned i = 0; i < seen->chain[chain].jumps && buf_ok(out); i++)
		buf_fmt(out, "-D %s -j %s\n", c->base, c->name);
}

/* A jump that is there keeps its place: others may have put theirs before it on purpose. */
static void set_jump(size_t chain, const struct ipt_seen *seen, struct buf *out)
{
	const struct ipt_chain *c = &ipt_chains[chain];
	if (!c->base || seen->chain[chain].jumps == 1)
		return;
	remove_jumps(chain, seen, out);
	buf_fmt(out, "-I %s 1 -j %s\n", c->base, c->name);
}

void ipt_apply_text(const struct ipt_want *w, enum ip_family fam, enum ipt_table t,
		    const struct ipt_seen *seen, struct buf *out)
{
	bool on = w->cfg->mode == RT_NETFILTER_ON;
	if (t == IPT_MANGLE && !fw_marks_connections(w->cfg)) {
		ipt_down_text(t, seen, out);
		return;
	}
	buf_fmt(out, "*%s\n", ipt_table_name(t));
	/* With --noflush this makes a chain, or empties the one that is there. */
	for (size_t i = 0; i < IPT_CHAINS; i++)
		if (ipt_chains[i].table == t)
			buf_fmt(out, ":%s - [0:0]\n", ipt_chains[i].name);
	add_rules(w, fam, t, out);
	for (size_t i = 0; i < IPT_CHAINS; i++) {
		if (ipt_chains[i].table != t)
			continue;
		if (on)
			set_jump(i, seen, out);
		else if (w->remove_jumps)
			remove_jumps(i, seen, out);
	}
	buf_add_str(out, "COMMIT\n");
}

void ipt_down_text(enum ipt_table t, const struct ipt_seen *seen, struct buf *out)
{
	if (!ipt_seen_any(seen, t))
		return;
	buf_fmt(out, "*%s\n", ipt_table_name(t));
	for (size_t i = 0; i < IPT_CHAINS; i++) {
		if (ipt_chains[i].table != t || !seen->chain[i].there)
			continue;
		remove_jumps(i, seen, out);
		buf_fmt(out, "-F %s\n", ipt_chains[i].name);
	}
	for (size_t i = 0; i < IPT_CHAINS; i++)
		if (ipt_chains[i].table == t && seen->chain[i].there &&
		    !seen->chain[i].used_by_others)
			buf_fmt(out, "-X %s\n", ipt_chains[i].name);
	buf_add_str(out, "COMMIT\n");
}

static unsigned rules_in(struct span text)
{
	unsigned n = 0;
	for (size_t i = 0; i + 4 <= text.len; i++)
		n += memcmp(text.p + i, "\n-A ", 4) == 0;
	return n;
}

bool ipt_applied(const struct ipt_want *w, enum ipt_table t, struct span text,
		 const struct ipt_seen *seen)
{
	bool on = w->cfg->mode == RT_NETFILTER_ON;
	if (t == IPT_MANGLE && !fw_marks_connections(w->cfg))
		return seen->rules[t] == 0;
	for (size_t i = 0; i < IPT_CHAINS; i++) {
		if (ipt_chains[i].table != t)
			continue;
		if (!seen->chain[i].there || (on && ipt_chains[i].base && !seen->chain[i].jumps))
			return false;
	}
	return seen->rules[t] == rules_in(text);
}
