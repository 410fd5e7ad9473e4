/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_set_linux.h: named sets of address intervals in nf_tables. Each set is of one family; of the
 * ranges given it takes those. */
#ifndef NETSTACK_NFT_SET_LINUX_H
#define NETSTACK_NFT_SET_LINUX_H

#include "netstack/nft_rule_linux.h"
#include "netstack/ranges.h"

struct nft_set {
	const char *name; /* static */
	enum ip_family fam;
};

/* An empty one. id: different from other new ones of the batch. */
void nft_set_new(const struct nft_at *at, const struct nft_set *set, uint32_t id);
/* Messages that make a set that holds `from` hold `to`; both sorted. */
void nft_set_change(const struct nft_at *at, const struct nft_set *set, const struct ranges *from,
		    const struct ranges *to);

/* A number for the contents: what it must be for these ranges, and what it is in the kernel (0 or
 * errno). */
uint64_t nft_set_print(const struct nft_set *set, const struct ranges *of);
MUST_CHECK int nft_set_look(struct nft_sock *s, uint8_t fam, const char *table,
			    const struct nft_set *set, uint64_t *print);

#endif
