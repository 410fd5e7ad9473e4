/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_accept_linux.h"

#include <string.h>

static const struct nft_step step_table = { NFT_PART_BASE, "make table ip filter" };
static const struct nft_step step_table6 = { NFT_PART_IPV6, "make table ip6 filter" };
static const struct nft_step step_base = { NFT_PART_BASE, "make chain INPUT or FORWARD" };
static const struct nft_step step_base6 = { NFT_PART_IPV6, "make chain INPUT or FORWARD for IPv6" };
static const struct nft_step step_chain = { NFT_PART_BASE, "make chain ts-input or ts-forward" };
static const struct nft_step step_rule = { NFT_PART_BASE, "add a rule to ts-input or ts-forward" };
static const struct nft_step step_jump = {
	NFT_PART_BASE, "jump to ts-input or ts-forward (chains of another kind have that name)"
};
static const struct nft_step step_clear = { NFT_PART_BASE, "delete rules of chains ts-*" };
static const struct nft_step step_tidy = { NFT_PART_BASE, "delete empty chains and tables" };

struct build {
	struct nft_at at; /* no chain */
	const struct nft_plan *p;
	const struct nft_place *place;
	const struct nft_place_view *v;
};

static struct nft_at in_chain(const struct build *x, const char *chain)
{
	struct nft_at at = x->at;
	at.chain = chain;
	return at;
}

static bool same_table(const struct nft_place *a, const struct nft_place *b)
{
	return a->fam == b->fam && strcmp(a->table, b->table) == 0;
}

static bool first_of_table(size_t i)
{
	return i == 0 || !same_table(&nft_places[i], &nft_places[i - 1]);
}

static bool last_of_table(size_t i, size_t n)
{
	return i + 1 == n || !same_table(&nft_places[i], &nft_places[i + 1]);
}

/* ---- rules ---- */

static void accept_if(const struct nft_at *at, enum nft_if dir, const char *name)
{
	struct nftnl_rule *r = nft_rule_begin(at);
	nft_rule_if(r, dir, name, true);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(at, r, step_rule);
}

static void accept_self(const struct nft_at *at, struct ip self)
{
	struct nftnl_rule *r = nft_rule_begin(at);
	nft_rule_if(r, NFT_IN, "lo", true);
	nft_rule_source(r, self);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(at, r, step_rule);
}

static void accept_port(const struct nft_at *at, uint16_t port)
{
	if (port == 0)
		return;
	struct nftnl_rule *r = nft_rule_begin(at);
	nft_rule_udp(r, port);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(at, r, step_rule);
}

static void accept_marked(const struct nft_at *at, const struct router_params *p)
{
	struct nftnl_rule *r = nft_rule_begin(at);
	nft_rule_mark(r, p->fwmark_mask, p->fwmark_subnet);
	nft_rule_count(r);
	nft_rule_verdict(r, NF_ACCEPT);
	nft_rule_append(at, r, step_rule);
}

static void input_rules(const struct build *x, const struct nft_at *at)
{
	const struct fw_config *want = x->p->want;
	bool v4 = x->place->fam == NFPROTO_IPV4;
	for (size_t i = 0; i < want->self.n; i++)
		if (want->self.v[i].ip.fam == (v4 ? IP_V4 : IP_V6))
			accept_self(at, want->self.v[i].ip);
	accept_if(at, NFT_IN, x->p->tun);
	accept_port(at, v4 ? want->port4 : want->port6);
}

static void forward_rules(const struct build *x, const struct nft_at *at)
{
	accept_marked(at, x->p->params);
	accept_if(at, NFT_OUT, x->p->tun);
}

/* ---- what is there and what should be ---- */

static void fill_chain(const struct build *x)
{
	struct nft_at at = in_chain(x, x->place->chain);
	if (x->v->chain.there)
		nft_chain_flush(&at, step_clear);
	else
		nft_chain_new(&at, NULL, step_chain);
	if (x->place->hook.num == NF_INET_LOCAL_IN)
		input_rules(x, &at);
	else
		forward_rules(x, &at);
}

/* Before all rules that are there. One that somebody moved stays where it is, or two managers would
 * move theirs for ever. */
static void divert(const struct build *x)
{
	struct nft_at at = in_chain(x, x->place->base);
	if (x->v->n_jumps > 0)
		return;
	if (!x->v->base.there)
		nft_chain_new(&at, &x->place->hook,
			      x->place->fam == NFPROTO_IPV4 ? step_base : step_base6);
	struct nftnl_rule *r = nft_rule_begin(&at);
	nft_rule_count(r);
	nft_rule_jump(r, x->place->chain);
	nft_rule_insert(&at, r, step_jump);
}

static uint32_t remove_jumps(const struct build *x, bool all)
{
	struct nft_at at = in_chain(x, x->place->base);
	uint32_t gone = 0;
	for (size_t i = 0; i < x->v->n_jumps; i++)
		if (all || x->v->jumps[i].marked) {
			nft_rule_del(&at, x->v->jumps[i].handle, step_clear);
			gone++;
		}
	return gone;
}

/* Chains of iptables that we made, and nobody used: true if it goes. */
static bool tidy_base(const struct build *x, uint32_t rules_gone)
{
	const struct nft_chain_view *c = &x->v->base;
	struct nft_at at = in_chain(x, x->place->base);
	if (!c->there || !c->marked || !c->accepts || c->use != rules_gone)
		return false;
	nft_chain_del(&at, step_tidy);
	return true;
}

static struct build build_at(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p,
			     const struct nft_view *v, size_t i)
{
	const struct nft_place *place = &nft_places[i];
	return (struct build){ { b, s, place->fam, place->table, NULL }, p, place, &v->places[i] };
}

static bool possible(const struct nft_plan *p, size_t i)
{
	return nft_places[i].fam == NFPROTO_IPV4 || nft_plan_has(p, NFT_PART_IPV6);
}

void nft_accept_build(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p,
		      const struct nft_view *v)
{
	for (size_t i = 0; i < NFT_ACCEPT_PLACES; i++) {
		struct build x = build_at(b, s, p, v, i);
		if (!possible(p, i))
			continue;
		if (first_of_table(i) && !v->tables[i].there)
			nft_table_new(&x.at,
				      x.place->fam == NFPROTO_IPV4 ? step_table : step_table6);
		fill_chain(&x);
		if (p->want->mode == RT_NETFILTER_ON)
			divert(&x);
		else
			tidy_base(&x, remove_jumps(&x, false));
	}
}

bool nft_jumps_intact(const struct nft_plan *p, const struct nft_view *v)
{
	for (size_t i = 0; i < NFT_ACCEPT_PLACES; i++)
		if (possible(p, i) && p->want->mode == RT_NETFILTER_ON && v->places[i].n_jumps == 0)
			return false;
	return true;
}

/* ---- removing ---- */

/* Returns the chains that go. */
static uint32_t remove_place(const struct build *x, struct nft_reach reach)
{
	const struct nft_chain_view *c = &x->v->chain;
	struct nft_at at = in_chain(x, x->place->chain);
	bool ours = c->there && (reach.chains || c->marked);
	uint32_t jumps = remove_jumps(x, reach.jumps), gone = 0;
	if (ours && c->rules > 0)
		nft_chain_flush(&at, step_clear);
	if (ours && c->use == c->rules + jumps) {
		nft_chain_del(&at, step_tidy);
		gone++;
	}
	return gone + tidy_base(x, jumps);
}

void nft_accept_remove(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, size_t n,
		       struct nft_reach reach)
{
	uint32_t gone = 0;
	for (size_t i = 0; i < n; i++) {
		struct build x = build_at(b, s, NULL, v, i);
		if (first_of_table(i))
			gone = 0;
		gone += remove_place(&x, reach);
		if (last_of_table(i, n) && v->tables[i].marked && v->tables[i].use == gone)
			nft_table_del(&x.at, step_tidy);
	}
}
