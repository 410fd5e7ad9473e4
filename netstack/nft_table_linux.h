/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_table_linux.h: our own table, `inet meshd`, as messages; what is in it says nft_linux.h. */
#ifndef NETSTACK_NFT_TABLE_LINUX_H
#define NETSTACK_NFT_TABLE_LINUX_H

#include "netstack/firewall.h"
#include "netstack/nft_set_linux.h"

/* What the rules are made from; all borrowed. */
struct nft_plan {
	const struct fw_config *want;
	const struct router_params *params;
	const char *tun;
	const struct ranges *self, *guard;
	uint32_t parts; /* bits (1 << NFT_PART_*): what the kernel can do */
};

static inline bool nft_plan_has(const struct nft_plan *p, enum nft_part part)
{
	return p->parts & 1u << part;
}

/* Families that the table exists in with these parts; returns how many. */
#define NFT_FAMILIES_MAX 2
size_t nft_table_families(uint32_t parts, uint8_t out[static NFT_FAMILIES_MAX]);
/* Chains that it may have; NULL past the last. */
const char *nft_table_chain(size_t i);
/* Sets of the table in this family, with what they hold by the plan; returns how many. */
#define NFT_SETS_MAX 4
struct nft_table_set {
	struct nft_set set;
	const struct ranges *holds;
};
size_t nft_table_sets(const struct nft_plan *p, uint8_t fam,
		      struct nft_table_set out[static NFT_SETS_MAX]);

/* The whole table, which is not there. */
void nft_table_build(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p);
/* From one guard to that of the plan, in a table that is as the plan has it but for this. */
void nft_table_change_guard(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p,
			    const struct ranges *from);

#endif
