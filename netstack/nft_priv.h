/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_priv.h: what the files of nft_linux.h tell each other. */
#ifndef NETSTACK_NFT_PRIV_H
#define NETSTACK_NFT_PRIV_H

#include "netstack/nft_linux.h"
#include "netstack/nft_table_linux.h"

/* Netlink's name for its socket: changes that carry it are ours. */
uint32_t nft_port(const struct nft *n);

/* ---- nft_text_linux.c: what the user is told ---- */

/* Put a refusal into the report; returns it as a code of ours. */
int nft_report_refusal(struct router_report *rep, const struct nft_refusal *r);
/* Parts (bits) that this configuration needs. */
uint32_t nft_parts_of(const struct fw_config *want);
/* What is lost without the part; NULL if nothing is. */
const char *nft_loss(enum nft_part part);
/* The kernel says that it does not know what the message is about. */
bool nft_is_unsupported(int err);

#endif
