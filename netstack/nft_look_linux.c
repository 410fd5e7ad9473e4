/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_look_linux.h"

#include "netstack/nft_table_linux.h"

#include "base/hash.h"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

#include <errno.h>
#include <string.h>

#define HOOK_INPUT                                                                                 \
	{                                                                                          \
		"filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER                                       \
	}
#define HOOK_FORWARD                                                                               \
	{                                                                                          \
		"filter", NF_INET_FORWARD, NF_IP_PRI_FILTER                                        \
	}
#define HOOK_POSTROUTING                                                                           \
	{                                                                                          \
		"nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC                                     \
	}

const struct nft_place nft_places[NFT_PLACES] = {
	{ NFPROTO_IPV4, "filter", "INPUT", "ts-input", HOOK_INPUT },
	{ NFPROTO_IPV4, "filter", "FORWARD", "ts-forward", HOOK_FORWARD },
	{ NFPROTO_IPV6, "filter", "INPUT", "ts-input", HOOK_INPUT },
	{ NFPROTO_IPV6, "filter", "FORWARD", "ts-forward", HOOK_FORWARD },
	{ NFPROTO_IPV4, "nat", "POSTROUTING", "ts-postrouting", HOOK_POSTROUTING },
	{ NFPROTO_IPV6, "nat", "POSTROUTING", "ts-postrouting", HOOK_POSTROUTING },
};

static void mix(uint64_t *print, uint64_t v)
{
	*print = (*print ^ v) * 0x9e3779b97f4a7c15;
	*print ^= *print >> 32;
}

static bool marked(const struct nlmsghdr *h, uint16_t type)
{
	const struct nlattr *a = nft_attr(h, type);
	return a && nft_is_marked(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
}

/* Where there is none, or no such family, there is nothing. */
static int absent_is_fine(int err)
{
	return err == ENOENT || err == EAFNOSUPPORT || err == EOPNOTSUPP ? 0 : err;
}

/* It was there a moment ago. */
static int gone_meanwhile(int err)
{
	return err == ENOENT ? EINTR : err;
}

/* ---- tables and chains ---- */

static int on_table(const struct nlmsghdr *h, void *arg)
{
	struct nft_table_view *t = arg;
	t->there = true;
	t->marked = marked(h, NFTA_TABLE_USERDATA);
	t->use = (uint32_t)nft_attr_number(h, NFTA_TABLE_USE, 0);
	return MNL_CB_OK;
}

static int look_at_table(struct nft_sock *s, uint8_t fam, const char *name,
			 struct nft_table_view *t)
{
	NFT_ASK_BUFFER(buf);
	struct nlmsghdr *q = nft_ask_begin(s, buf, NFT_MSG_GETTABLE, fam, false);
	mnl_attr_put_strz(q, NFTA_TABLE_NAME, name);
	*t = (struct nft_table_view){ 0 };
	return absent_is_fine(nft_ask(s, q, on_table, t));
}

static int on_chain(const struct nlmsghdr *h, void *arg)
{
	struct nft_chain_view *c = arg;
	c->there = true;
	c->marked = marked(h, NFTA_CHAIN_USERDATA);
	c->accepts = nft_attr_number(h, NFTA_CHAIN_POLICY, NF_ACCEPT) == NF_ACCEPT;
	c->use = (uint32_t)nft_attr_number(h, NFTA_CHAIN_USE, 0);
	return MNL_CB_OK;
}

static int look_at_chain(struct nft_sock *s, uint8_t fam, const char *table, const char *name,
			 struct nft_chain_view *c)
{
	NFT_ASK_BUFFER(buf);
	struct nlmsghdr *q = nft_ask_begin(s, buf, NFT_MSG_GETCHAIN, fam, false);
	mnl_attr_put_strz(q, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(q, NFTA_CHAIN_NAME, name);
	return absent_is_fine(nft_ask(s, q, on_chain, c));
}

/* ---- rules ---- */

static int ask_rules(struct nft_sock *s, uint8_t fam, const char *table, const char *chain,
		     mnl_cb_t fn, void *arg)
{
	NFT_ASK_BUFFER(buf);
	struct nlmsghdr *q = nft_ask_begin(s, buf, NFT_MSG_GETRULE, fam, true);
	mnl_attr_put_strz(q, NFTA_RULE_TABLE, table);
	if (chain)
		mnl_attr_put_strz(q, NFTA_RULE_CHAIN, chain);
	return gone_meanwhile(nft_ask(s, q, fn, arg));
}

/* Kernels before 4.9 list more than was asked for. */
static bool is_in(const struct nlmsghdr *h, const char *table, const char *chain)
{
	const struct nlattr *t = nft_attr(h, NFTA_RULE_TABLE), *c = nft_attr(h, NFTA_RULE_CHAIN);
	return t && c && strcmp(mnl_attr_get_str(t), table) == 0 &&
	       (!chain || strcmp(mnl_attr_get_str(c), chain) == 0);
}

struct listing {
	const char *table, *chain;
	uint64_t *print;
	uint32_t n;
};

static void mix_bytes(uint64_t *print, const void *data, size_t len)
{
	*print = fnv1a(*print, span_of(data, len));
	mix(print, len);
}

/* Counters count, and somebody may set them back to zero. */
static bool is_counter(const struct nlattr *expr)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, expr)
	{
		if (mnl_attr_get_type(a) == NFTA_EXPR_NAME)
			return strcmp(mnl_attr_get_str(a), "counter") == 0;
	}
	return false;
}

static int on_rule(const struct nlmsghdr *h, void *arg)
{
	struct listing *l = arg;
	const struct nlattr *list = nft_attr(h, NFTA_RULE_EXPRESSIONS), *e;
	if (!list || !is_in(h, l->table, l->chain))
		return MNL_CB_OK;
	const char *chain = mnl_attr_get_str(nft_attr(h, NFTA_RULE_CHAIN));
	l->n++;
	mix_bytes(l->print, chain, strlen(chain));
	mnl_attr_for_each_nested(e, list)
	{
		if (!is_counter(e))
			mix_bytes(l->print, e, e->nla_len);
	}
	return MNL_CB_OK;
}

static bool jumps_to(struct nftnl_expr *e, const char *chain)
{
	const char *to = nftnl_expr_is_set(e, NFTNL_EXPR_IMM_CHAIN)
			     ? nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN)
			     : NULL;
	return to && nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT) == (uint32_t)NFT_JUMP &&
	       strcmp(to, chain) == 0;
}

/* Nothing but a counter and the jump. */
static bool is_plain_jump(struct nftnl_rule *r, const char *chain)
{
	struct nftnl_expr_iter *it = nftnl_expr_iter_create(r);
	struct nftnl_expr *e;
	bool jump = false, other = !it;
	while (it && (e = nftnl_expr_iter_next(it))) {
		const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
		if (strcmp(name, "immediate") == 0 && jumps_to(e, chain))
			jump = true;
		else if (strcmp(name, "counter") != 0)
			other = true;
	}
	if (it)
		nftnl_expr_iter_destroy(it);
	return jump && !other;
}

struct base_listing {
	const struct nft_place *place;
	struct nft_place_view *v;
};

static int on_base_rule(const struct nlmsghdr *h, void *arg)
{
	const struct base_listing *l = arg;
	struct nftnl_rule *r = nftnl_rule_alloc();
	if (r && is_in(h, l->place->table, l->place->base) && nftnl_rule_nlmsg_parse(h, r) == 0) {
		l->v->base.rules++;
		if (l->v->n_jumps < NFT_JUMPS_MAX && is_plain_jump(r, l->place->chain))
			l->v->jumps[l->v->n_jumps++] = (struct nft_jump){
				nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE),
				marked(h, NFTA_RULE_USERDATA),
			};
	}
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

/* ---- the whole ---- */

static int look_at_place(struct nft_sock *s, size_t i, struct nft_view *v)
{
	const struct nft_place *p = &nft_places[i];
	struct nft_place_view *pv = &v->places[i];
	struct base_listing bl = { p, pv };
	uint64_t unused = 0;
	struct listing l = { p->table, p->chain, i < NFT_ACCEPT_PLACES ? &v->print : &unused, 0 };
	int err = look_at_table(s, p->fam, p->table, &v->tables[i]);
	if (err || !v->tables[i].there)
		return err;
	err = look_at_chain(s, p->fam, p->table, p->base, &pv->base);
	if (!err && pv->base.there)
		err = ask_rules(s, p->fam, p->table, p->base, on_base_rule, &bl);
	if (!err)
		err = look_at_chain(s, p->fam, p->table, p->chain, &pv->chain);
	if (!err && pv->chain.there)
		err = ask_rules(s, p->fam, p->table, p->chain, on_rule, &l);
	pv->chain.rules = l.n;
	return err;
}

static int on_own_table(const struct nlmsghdr *h, void *arg)
{
	mix(arg, nft_attr_number(h, NFTA_TABLE_FLAGS, 0));
	return MNL_CB_OK;
}

/* Its flags can put it to sleep, and policies make its chains drop. */
static int look_at_own_state(struct nft_sock *s, uint8_t fam, uint64_t *print)
{
	NFT_ASK_BUFFER(buf);
	struct nlmsghdr *q = nft_ask_begin(s, buf, NFT_MSG_GETTABLE, fam, false);
	mnl_attr_put_strz(q, NFTA_TABLE_NAME, NFT_OUR_TABLE);
	int err = gone_meanwhile(nft_ask(s, q, on_own_table, print));
	for (size_t i = 0; !err && nft_table_chain(i); i++) {
		struct nft_chain_view c = { 0 };
		err = look_at_chain(s, fam, NFT_OUR_TABLE, nft_table_chain(i), &c);
		mix(print, (c.there ? 1u : 0) | (c.accepts ? 2u : 0));
	}
	return err;
}

static int look_at_own(struct nft_sock *s, uint8_t fam, struct nft_view *v)
{
	struct nft_table_view t;
	struct listing l = { NFT_OUR_TABLE, NULL, &v->print, 0 };
	int err = look_at_table(s, fam, NFT_OUR_TABLE, &t);
	v->own[fam] = !err && t.there;
	mix(&v->print, v->own[fam]);
	if (!v->own[fam])
		return err;
	err = look_at_own_state(s, fam, &v->print);
	return err ? err : ask_rules(s, fam, NFT_OUR_TABLE, NULL, on_rule, &l);
}

int nft_look(struct nft_sock *s, struct nft_view *v)
{
	static const uint8_t fams[] = { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 };
	*v = (struct nft_view){ 0 };
	int err = nft_generation(s, &v->gen);
	for (size_t i = 0; !err && i < sizeof(fams); i++)
		err = look_at_own(s, fams[i], v);
	for (size_t i = 0; !err && i < NFT_PLACES; i++)
		err = look_at_place(s, i, v);
	return err;
}
