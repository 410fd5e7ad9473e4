/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_accept_linux.h: the accept rules in the tables that iptables uses, and the jumps to them, as
 * messages. All of them in forms that iptables-nft can print. */
#ifndef NETSTACK_NFT_ACCEPT_LINUX_H
#define NETSTACK_NFT_ACCEPT_LINUX_H

#include "netstack/nft_look_linux.h"
#include "netstack/nft_table_linux.h"

/* From what is there to what the plan has. */
void nft_accept_build(struct nft_batch *b, struct nft_sock *s, const struct nft_plan *p,
		      const struct nft_view *v);
/* Are the jumps there that the plan has? Of the rules, nft_view.print tells. */
bool nft_jumps_intact(const struct nft_plan *p, const struct nft_view *v);

/* Which of those that carry no mark are ours all the same. */
struct nft_reach {
	bool chains; /* ts-*; if jumps of others keep one, it is emptied */
	bool jumps;  /* to them, without condition, in INPUT, FORWARD and POSTROUTING */
};
/* Remove what is ours in the first n of the places. */
void nft_accept_remove(struct nft_batch *b, struct nft_sock *s, const struct nft_view *v, size_t n,
		       struct nft_reach reach);

#endif
