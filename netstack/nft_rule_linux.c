/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_rule_linux.h"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* User data is a list of type, length, value; tools pass over types they do not know. */
static const uint8_t our_mark[] = { 'm', 6, 'm', 'e', 's', 'h', 'd', 0 };

bool nft_is_marked(const void *userdata, size_t len)
{
	return userdata && len == sizeof(our_mark) && memcmp(userdata, our_mark, len) == 0;
}

/* ---- tables and chains ---- */

static struct nlmsghdr *message(const struct nft_at *at, uint16_t type, uint16_t flags,
				struct nft_step step)
{
	return nft_batch_add(at->b, at->s, type, at->fam, flags, step);
}

void nft_table_new(const struct nft_at *at, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_NEWTABLE, NLM_F_CREATE, step);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, at->table);
	mnl_attr_put(h, NFTA_TABLE_USERDATA, sizeof(our_mark), our_mark);
}

void nft_table_del(const struct nft_at *at, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_DELTABLE, 0, step);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, at->table);
}

void nft_chain_new(const struct nft_at *at, const struct nft_hook *hook, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_NEWCHAIN, NLM_F_CREATE, step);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, at->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, at->chain);
	mnl_attr_put(h, NFTA_CHAIN_USERDATA, sizeof(our_mark), our_mark);
	if (!hook)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, hook->type);
	mnl_attr_put_u32(h, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(h, NFTA_HOOK_HOOKNUM, htonl(hook->num));
	mnl_attr_put_u32(h, NFTA_HOOK_PRIORITY, htonl((uint32_t)hook->priority));
	mnl_attr_nest_end(h, nest);
}

void nft_chain_del(const struct nft_at *at, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_DELCHAIN, 0, step);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, at->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, at->chain);
}

void nft_chain_flush(const struct nft_at *at, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_DELRULE, 0, step);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, at->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, at->chain);
}

void nft_rule_del(const struct nft_at *at, uint64_t handle, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_DELRULE, 0, step);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, at->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, at->chain);
	mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(handle));
}

/* ---- rules ---- */

#define REG NFT_REG32_00

/* What libnftnl cannot do here is for want of memory. */
static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void done(int rc)
{
	if (rc)
		abort();
}

static struct nftnl_expr *part(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = must(nftnl_expr_alloc(name));
	nftnl_rule_add_expr(r, e);
	return e;
}

struct nftnl_rule *nft_rule_begin(const struct nft_at *at)
{
	struct nftnl_rule *r = must(nftnl_rule_alloc());
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, at->fam);
	done(nftnl_rule_set_str(r, NFTNL_RULE_TABLE, at->table));
	done(nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, at->chain));
	return r;
}

static void load_meta(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = part(r, "meta");
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, REG);
}

static void load_ct(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = part(r, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, REG);
}

static void load_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = part(r, "payload");
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, REG);
}

static void compare(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = part(r, "cmp");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	done(nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len));
}

static void compare_u32(struct nftnl_rule *r, uint32_t op, uint32_t v)
{
	compare(r, op, &v, sizeof(v));
}

/* value & mask ^ flip */
static void bitwise(struct nftnl_rule *r, uint32_t mask, uint32_t flip)
{
	struct nftnl_expr *e = part(r, "bitwise");
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	done(nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask)));
	done(nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &flip, sizeof(flip)));
}

/* All 16 bytes of a name are compared, or else it would be one's beginning. */
void nft_rule_if(struct nftnl_rule *r, enum nft_if dir, const char *name, bool is)
{
	char padded[IFNAMSIZ] = { 0 };
	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	load_meta(r, dir == NFT_IN ? NFT_META_IIFNAME : NFT_META_OIFNAME);
	compare(r, is ? NFT_CMP_EQ : NFT_CMP_NEQ, padded, sizeof(padded));
}

void nft_rule_family(struct nftnl_rule *r, enum ip_family fam)
{
	uint8_t proto = fam == IP_V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	if (nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY) != NFPROTO_INET)
		return;
	load_meta(r, NFT_META_NFPROTO);
	compare(r, NFT_CMP_EQ, &proto, sizeof(proto));
}

void nft_rule_udp(struct nftnl_rule *r, uint16_t dport)
{
	uint8_t proto = IPPROTO_UDP;
	uint16_t wire = htons(dport);
	load_meta(r, NFT_META_L4PROTO);
	compare(r, NFT_CMP_EQ, &proto, sizeof(proto));
	load_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(wire));
	compare(r, NFT_CMP_EQ, &wire, sizeof(wire));
}

/* RFC 791 3.1, RFC 8200 3 */
static void load_address(struct nftnl_rule *r, enum ip_family fam, bool source)
{
	if (fam == IP_V4)
		load_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4);
	else
		load_payload(r, NFT_PAYLOAD_NETWORK_HEADER, source ? 8 : 24, 16);
}

void nft_rule_source(struct nftnl_rule *r, struct ip ip)
{
	load_address(r, ip.fam, true);
	compare(r, NFT_CMP_EQ, ip.b, (uint32_t)ip_len(ip));
}

void nft_rule_in_set(struct nftnl_rule *r, enum ip_family fam, bool source, const char *set)
{
	nft_rule_family(r, fam);
	load_address(r, fam, source);
	struct nftnl_expr *e = part(r, "lookup");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, REG);
	done(nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set));
}

void nft_rule_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value)
{
	load_meta(r, NFT_META_MARK);
	bitwise(r, mask, 0);
	compare_u32(r, NFT_CMP_EQ, value);
}

void nft_rule_ct_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value)
{
	load_ct(r, NFT_CT_MARK);
	bitwise(r, mask, 0);
	compare_u32(r, NFT_CMP_EQ, value);
}

void nft_rule_ct_state(struct nftnl_rule *r, uint32_t states, bool one)
{
	load_ct(r, NFT_CT_STATE);
	bitwise(r, states, 0);
	compare_u32(r, one ? NFT_CMP_NEQ : NFT_CMP_EQ, 0);
}

void nft_rule_set_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value)
{
	load_meta(r, NFT_META_MARK);
	bitwise(r, ~mask, value);
	struct nftnl_expr *e = part(r, "meta");
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, REG);
}

void nft_rule_set_ct_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value)
{
	load_ct(r, NFT_CT_MARK);
	bitwise(r, ~mask, value);
	struct nftnl_expr *e = part(r, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, REG);
}

void nft_rule_count(struct nftnl_rule *r)
{
	part(r, "counter");
}

void nft_rule_verdict(struct nftnl_rule *r, int verdict)
{
	struct nftnl_expr *e = part(r, "immediate");
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
}

void nft_rule_jump(struct nftnl_rule *r, const char *chain)
{
	struct nftnl_expr *e = part(r, "immediate");
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)NFT_JUMP);
	done(nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain));
}

void nft_rule_masquerade(struct nftnl_rule *r)
{
	struct nftnl_expr *e = part(r, "masq");
	nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
}

static void put(const struct nft_at *at, struct nftnl_rule *r, uint16_t flags, struct nft_step step)
{
	struct nlmsghdr *h = message(at, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, step);
	nftnl_rule_nlmsg_build_payload(h, r);
	nftnl_rule_free(r);
}

void nft_rule_append(const struct nft_at *at, struct nftnl_rule *r, struct nft_step step)
{
	put(at, r, NLM_F_APPEND, step);
}

void nft_rule_insert(const struct nft_at *at, struct nftnl_rule *r, struct nft_step step)
{
	done(nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, our_mark, sizeof(our_mark)));
	put(at, r, 0, step);
}
