/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_rule_linux.h: rules of nf_tables, put together from what they look at and what they do, and
 * the tables and chains they stand in. Over libnftnl. Parts run in the order they are appended; the
 * first that does not match ends the rule. */
#ifndef NETSTACK_NFT_RULE_LINUX_H
#define NETSTACK_NFT_RULE_LINUX_H

#include "base/ip.h"
#include "netstack/nft_msg_linux.h"

#include <netinet/in.h> /* before the kernel headers, which else declare the same */
#include <linux/netfilter.h>

#define NFT_OUR_TABLE "meshd"

struct nftnl_rule;

/* Is this the user data of what we made? It tells that from another's of the same name; listing
 * tools do not show it. */
bool nft_is_marked(const void *userdata, size_t len);

/* ---- tables and chains: one message each ---- */

struct nft_hook {
	const char *type; /* "filter" or "nat" */
	uint32_t num;	  /* NF_INET_* */
	int32_t priority;
};

/* Where things go: the family and name of the table, and for rules the chain. */
struct nft_at {
	struct nft_batch *b;
	struct nft_sock *s;
	uint8_t fam; /* NFPROTO_* */
	const char *table, *chain;
};

/* The mark is set on them. */
void nft_table_new(const struct nft_at *at, struct nft_step step);
void nft_table_del(const struct nft_at *at, struct nft_step step);
/* hook: NULL for a chain that is jumped to; else with policy accept. */
void nft_chain_new(const struct nft_at *at, const struct nft_hook *hook, struct nft_step step);
void nft_chain_del(const struct nft_at *at, struct nft_step step);
/* Delete the chain's rules. */
void nft_chain_flush(const struct nft_at *at, struct nft_step step);

/* ---- rules ---- */

enum nft_if { NFT_IN, NFT_OUT };

struct nftnl_rule *nft_rule_begin(const struct nft_at *at);
void nft_rule_if(struct nftnl_rule *r, enum nft_if dir, const char *name, bool is);
/* IPv4 or IPv6 packets only; says nothing where the table has only those. */
void nft_rule_family(struct nftnl_rule *r, enum ip_family fam);
void nft_rule_udp(struct nftnl_rule *r, uint16_t dport);
void nft_rule_source(struct nftnl_rule *r, struct ip ip);
/* The source or the destination is in a set of addresses of this family. */
void nft_rule_in_set(struct nftnl_rule *r, enum ip_family fam, bool source, const char *set);
void nft_rule_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value);
void nft_rule_ct_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value);
/* states: bits of NF_CT_STATE_*; one of them, or none. */
void nft_rule_ct_state(struct nftnl_rule *r, uint32_t states, bool one);

/* Bits outside the mask stay. */
void nft_rule_set_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value);
void nft_rule_set_ct_mark(struct nftnl_rule *r, uint32_t mask, uint32_t value);
void nft_rule_count(struct nftnl_rule *r);
void nft_rule_verdict(struct nftnl_rule *r, int verdict); /* NF_ACCEPT, NF_DROP */
void nft_rule_jump(struct nftnl_rule *r, const char *chain);
void nft_rule_masquerade(struct nftnl_rule *r); /* ports at random */

/* Behind the chain's other rules, or marked before them. Takes r. */
void nft_rule_append(const struct nft_at *at, struct nftnl_rule *r, struct nft_step step);
void nft_rule_insert(const struct nft_at *at, struct nftnl_rule *r, struct nft_step step);
void nft_rule_del(const struct nft_at *at, uint64_t handle, struct nft_step step);

#endif
