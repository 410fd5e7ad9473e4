/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_look_linux.h: what the kernel has of the objects that concern us, at one moment. */
#ifndef NETSTACK_NFT_LOOK_LINUX_H
#define NETSTACK_NFT_LOOK_LINUX_H

#include "netstack/nft_rule_linux.h"

/* A chain of ours in a table of iptables, and the chain there that should jump to it. */
struct nft_place {
	uint8_t fam;
	const char *table, *base, *chain;
	struct nft_hook hook; /* of base */
};
/* The first NFT_ACCEPT_PLACES are ours; the others are those of the agent we are compatible with,
 * for cleaning up. Places of one table are neighbours. */
#define NFT_PLACES 6
#define NFT_ACCEPT_PLACES 4
extern const struct nft_place nft_places[NFT_PLACES];

struct nft_jump {
	uint64_t handle;
	bool marked; /* ours, not the user's */
};
#define NFT_JUMPS_MAX 16

struct nft_chain_view {
	bool there, marked, accepts; /* accepts: the policy, or none */
	uint32_t use;		     /* rules in it and jumps to it */
	uint32_t rules;
};

struct nft_place_view {
	struct nft_chain_view base, chain;
	/* Rules in base that do nothing but count and jump to chain; more than fit are not told. */
	struct nft_jump jumps[NFT_JUMPS_MAX];
	size_t n_jumps;
};

struct nft_table_view {
	bool there, marked;
	uint32_t use; /* chains, sets and the like */
};

struct nft_view {
	uint32_t gen;
	bool own[NFPROTO_NUMPROTO];		  /* families in which table meshd is there */
	struct nft_table_view tables[NFT_PLACES]; /* of the place */
	struct nft_place_view places[NFT_PLACES];
	/* A number for what the rules in table meshd and in our chains of the first
	 * NFT_ACCEPT_PLACES say, and in which order. */
	uint64_t print;
};

/* 0, or errno: EINTR if things changed meanwhile. */
MUST_CHECK int nft_look(struct nft_sock *s, struct nft_view *v);

#endif
