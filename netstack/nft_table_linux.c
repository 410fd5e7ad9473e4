/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_table_linux.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>

#define PRIORITY_OURS -10 /* before the chains of iptables, ufw and firewalld */

#define ESTABLISHED NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
#define RELATED NF_CT_STATE_BIT(IP_CT_RELATED)
#define NEW NF_CT_STATE_BIT(IP_CT_NEW)
#define UNTRACKED NF_CT_STATE_UNTRACKED_BIT

static const struct nft_hook hook_raw = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW };
static const struct nft_hook hook_prerouting = { "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE };
static const struct nft_hook hook_output = { "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_MANGLE };
static const struct nft_hook hook_input = { "filter", NF_INET_LOCAL_IN, PRIORITY_OURS };
static const struct nft_hook hook_forward = { "filter", NF_INET_FORWARD, PRIORITY_OURS };
static const struct nft_hook hook_postrouting = { "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC };

static const struct nft_set self4 = { "self4", IP_V4 }, self6 = { "self6", IP_V6 };
static const struct nft_set guard4 = { "guard4", IP_V4 }, guard6 = { "guard6", IP_V6 };

static const struct nft_step step_base = { NFT_PART_BASE, "make table meshd" };
static const struct nft_step step_inet = { NFT_PART_INET, "make table inet meshd" };
static const struct nft_step step_ip6 = { NFT_PART_IPV6, "make table ip6 meshd" };
static const struct nft_step step_guard = { NFT_PART_SETS, "drop forged tailnet addresses" };
static const struct nft_step step_stateful = { NFT_PART_STATEFUL, "filter by connection state" };
static const struct nft_step step_connmark = { NFT_PART_CONNMARK, "mark connections" };

size_t nft_table_families(uint32_t parts, uint8_t out[static NFT_FAMILIES_MAX])
{
	size_t n = 0;
	if (parts & 1u << NFT_PART_INET) {
		out[n++] = NFPROTO_INET;
		return n;
	}
	out[n++] = NFPROTO_IPV4;
	if (parts & 1u << NFT_PART_IPV6)
		out[n++] = NFPROTO_IPV6;
	return n;
}

const char *nft_table_chain(size_t i)
{
	static const char *const names[] = { "raw",   "prerouting", "output",
					     "input", "forward",    "postrouting" };
	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

/* ---- the shape of each family's table ---- */

struct build {
	struct nft_at at;
	const struct nft_plan *p;
};

static bool has_family(const struct build *x, enum ip_family fam)
{
	return x->at.fam == NFPROTO_INET ||
	       x->at.fam == (fam == IP_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

size_t nft_table_sets(const struct nft_plan *p, uint8_t fam,
		      struct nft_table_set out[static NFT_SETS_MAX])
{
	struct build x = { { .fam = fam }, p };
	size_t n = 0;
	if (!nft_plan_has(p, NFT_PART_SETS))
		return 0;
	if (has_family(&x, IP_V4))
		out[n++] = (struct nft_table_set){ self4, p->self };
	if (has_family(&x, IP_V6))
		out[n++] = (struct nft_table_set){ self6, p->self };
	if (has_family(&x, IP_V4) && !p->want->no_guard)
		out[n++] = (struct nft_table_set){ guard4, p->guard };
	if (has_family(&x, IP_V6) && !p->want->no_guard)
		out[n++] = (struct nft_table_set){ guard6, p->guard };
	return n;
}

static void sets(const struct build *x)
{
	static const struct ranges none;
	struct nft_table_set v[NFT_SETS_MAX];
	size_t n = nft_table_sets(x->p, x->at.fam, v);
	for (size_t i = 0; i < n; i++) {
		nft_set_new(&x->at, &v[i].set, (uint32_t)i + 1);
		nft_set_change(&x->at, &v[i].set, &none, v[i].holds);
	}
}

static struct build in_chain(const struct build *x, const char *chain, const struct nft_hook *hook,
			     struct nft_step step)
{
	struct build y = *x;
	y.at.chain = chain;
	nft_chain_new(&y.at, hook, step);
	return y;
}

static struct nft_step base_of(const struct build *x)
{
	return x->at.fam == NFPROTO_INET   ? step_inet
	       : x->at.fam == NFPROTO_IPV6 ? step_ip6
					   : step_base;
}

/* ---- what comes in ---- */

static void drop_outsiders(const struct build *x, const struct nft_set *set, bool source)
{
	if (!has_family(x, set->fam))
		return;
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_if(r, NFT_IN, "lo", false);
	nft_rule_if(r, NFT_IN, x->p->tun, false);
	nft_rule_in_set(r, set->fam, source, set->name);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_DROP);
	nft_rule_append(&x->at, r, step_guard);
}

/* An address of the tunnel answers in the tunnel: a neighbour who sends to it by another interface
 * could probe connections in the tunnel, and send into them (CVE-2019-14899). */
static void raw(const struct build *x)
{
	if (!nft_plan_has(x->p, NFT_PART_SETS))
		return;
	struct build y = in_chain(x, "raw", &hook_raw, base_of(x));
	drop_outsiders(&y, &self4, false);
	drop_outsiders(&y, &self6, false);
}

static void accept_port(const struct build *x, enum ip_family fam, uint16_t port)
{
	if (port == 0 || !has_family(x, fam))
		return;
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_family(r, fam);
	nft_rule_udp(r, port);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(&x->at, r, base_of(x));
}

/* The ports first: a peer behind its provider's NAT in 100.64/10 may reach us from an address that
 * is guarded. */
static void input(const struct build *x)
{
	if (x->p->want->no_guard || !nft_plan_has(x->p, NFT_PART_SETS))
		return;
	struct build y = in_chain(x, "input", &hook_input, base_of(x));
	accept_port(&y, IP_V4, x->p->want->port4);
	accept_port(&y, IP_V6, x->p->want->port6);
	drop_outsiders(&y, &guard4, true);
	drop_outsiders(&y, &guard6, true);
}

/* ---- what is forwarded ---- */

/* Postrouting cannot see where a packet came in. */
static void mark_from_tun(const struct build *x)
{
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_if(r, NFT_IN, x->p->tun, true);
	nft_rule_set_mark(r, x->p->params->fwmark_mask, x->p->params->fwmark_subnet);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(&x->at, r, base_of(x));
}

static void guard_tun(const struct build *x, const struct nft_set *set)
{
	if (!has_family(x, set->fam))
		return;
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_if(r, NFT_OUT, x->p->tun, true);
	nft_rule_in_set(r, set->fam, true, set->name);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_DROP);
	nft_rule_append(&x->at, r, step_guard);
}

static void only_answers(const struct build *x)
{
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_if(r, NFT_OUT, x->p->tun, true);
	nft_rule_ct_state(r, ESTABLISHED | RELATED | UNTRACKED, false);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_DROP);
	nft_rule_append(&x->at, r, step_stateful);
}

static void forward(const struct build *x)
{
	struct build y = in_chain(x, "forward", &hook_forward, base_of(x));
	mark_from_tun(&y);
	if (!x->p->want->no_guard && nft_plan_has(x->p, NFT_PART_SETS)) {
		guard_tun(&y, &guard4);
		guard_tun(&y, &guard6);
	}
	if (x->p->want->stateful && nft_plan_has(x->p, NFT_PART_STATEFUL))
		only_answers(&y);
}

/* Ports at random, so that one client cannot foresee and take another's (CVE-2021-3773). */
static void postrouting(const struct build *x)
{
	bool inet = x->at.fam == NFPROTO_INET;
	enum nft_part part = x->at.fam == NFPROTO_IPV6 ? NFT_PART_SNAT6 : NFT_PART_SNAT4;
	const struct nft_step step = { part, "masquerade" };
	if (!x->p->want->snat || !nft_plan_has(x->p, part))
		return;
	struct build y = in_chain(x, "postrouting", &hook_postrouting, inet ? step_inet : step);
	struct nftnl_rule *r = nft_rule_begin(&y.at);
	nft_rule_mark(r, x->p->params->fwmark_mask, x->p->params->fwmark_subnet);
	nft_rule_count(r);
	nft_rule_masquerade(r);
	nft_rule_append(&y.at, r, step);
}

/* ---- marks of connections ---- */

/* A mark is restored as a constant, one rule for each value: the kernel cannot merge the two marks,
 * and bits of others shall stay. */
static void restore_mark(const struct build *x, uint32_t mask, uint32_t value)
{
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_ct_state(r, ESTABLISHED | RELATED, true);
	nft_rule_ct_mark(r, mask, value);
	nft_rule_set_mark(r, mask, value);
	nft_rule_append(&x->at, r, step_connmark);
}

static void save_mark(const struct build *x, uint32_t mask, uint32_t value)
{
	struct nftnl_rule *r = nft_rule_begin(&x->at);
	nft_rule_ct_state(r, NEW, true);
	nft_rule_mark(r, mask, value);
	nft_rule_set_ct_mark(r, mask, value);
	nft_rule_append(&x->at, r, step_connmark);
}

/* With a strict reverse-path filter the answer to a marked packet of ours is taken only if it is
 * marked like it. */
static void connmark(const struct build *x)
{
	const struct router_params *p = x->p->params;
	if (!fw_marks_connections(x->p->want) || !nft_plan_has(x->p, NFT_PART_CONNMARK))
		return;
	struct build in = in_chain(x, "prerouting", &hook_prerouting, base_of(x));
	restore_mark(&in, p->fwmark_mask, p->fwmark_bypass);
	restore_mark(&in, p->fwmark_mask, p->fwmark_subnet);
	struct build out = in_chain(x, "output", &hook_output, base_of(x));
	save_mark(&out, p->fwmark_mask, p->fwmark_bypass);
	save_mark(&out, p->fwmark_mask, p->fwmark_subnet);
}

/* ---- the whole ---- */

void nft_table_build(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p)
{
	uint8_t fams[NFT_FAMILIES_MAX];
	size_t n = nft_table_families(p->parts, fams);
	for (size_t i = 0; i < n; i++) {
		struct build x = { { b, s, fams[i], NFT_OUR_TABLE, NULL }, p };
		nft_table_new(&x.at, base_of(&x));
		sets(&x);
		raw(&x);
		connmark(&x);
		input(&x);
		forward(&x);
		postrouting(&x);
	}
}

void nft_table_change_guard(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p,
			    const struct ranges *from)
{
	uint8_t fams[NFT_FAMILIES_MAX];
	size_t n = nft_table_families(p->parts, fams);
	for (size_t i = 0; i < n; i++) {
		struct build x = { { b, s, fams[i], NFT_OUR_TABLE, NULL }, p };
		struct nft_table_set v[NFT_SETS_MAX];
		size_t n_sets = nft_table_sets(p, fams[i], v);
		for (size_t j = 0; j < n_sets; j++)
			if (v[j].holds == p->guard)
				nft_set_change(&x.at, &v[j].set, from, p->guard);
	}
}
