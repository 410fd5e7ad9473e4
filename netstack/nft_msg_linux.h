/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_msg_linux.h: questions to nf_tables, and batches of messages that it does whole or not at
 * all. Over libmnl. */
#ifndef NETSTACK_NFT_MSG_LINUX_H
#define NETSTACK_NFT_MSG_LINUX_H

#include "base/err.h"

#include <libmnl/libmnl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nft_sock {
	struct mnl_socket *nl;
	uint32_t port;
	uint32_t seq;
};

/* 0 or errno. */
MUST_CHECK int nft_sock_open(struct nft_sock *s);
void nft_sock_close(struct nft_sock *s); /* a zeroed one is fine */

/* ---- questions ---- */

#define NFT_ASK_BYTES 512
#define NFT_ASK_BUFFER(name) _Alignas(struct nlmsghdr) uint8_t name[NFT_ASK_BYTES]

/* The head of a question (NFT_MSG_GET*) in an NFT_ASK_BUFFER; append attributes. One answer, or
 * with dump all. */
struct nlmsghdr *nft_ask_begin(struct nft_sock *s, uint8_t buf[static NFT_ASK_BYTES], uint16_t type,
			       uint8_t fam, bool dump);
/* Ask, and call fn for each answer; blocks for a round trip. 0 or errno; ENOENT: no such object. */
MUST_CHECK int nft_ask(struct nft_sock *s, struct nlmsghdr *q, mnl_cb_t fn, void *arg);
/* A number in an answer, big-endian there; missing: `otherwise`. */
uint64_t nft_attr_number(const struct nlmsghdr *h, uint16_t type, uint64_t otherwise);
/* NULL: not in the answer. */
const struct nlattr *nft_attr(const struct nlmsghdr *h, uint16_t type);
/* The ruleset's generation; each change by anybody makes a new one. 0 or errno. */
MUST_CHECK int nft_generation(struct nft_sock *s, uint32_t *gen);

/* ---- batches ---- */

/* What a message needs of the kernel beyond the least, so that a refusal tells what to do without;
 * NFT_PART_BASE: it cannot be done without. */
enum nft_part {
	NFT_PART_BASE,
	NFT_PART_INET,	   /* one table for both families, with NAT */
	NFT_PART_IPV6,	   /* tables of family ip6 */
	NFT_PART_SETS,	   /* intervals of addresses */
	NFT_PART_STATEFUL, /* states of connections */
	NFT_PART_CONNMARK, /* and their marks */
	NFT_PART_SNAT4,	   /* masquerade; with NFT_PART_INET for both families */
	NFT_PART_SNAT6,
};

struct nft_step {
	enum nft_part part;
	const char *what; /* static: what the message does, to tell the user */
};

struct nft_batch {
	uint8_t *buf;
	size_t len, cap; /* len: without the last message, which may still grow */
	struct nlmsghdr *last;
	uint32_t seq; /* of the first message */
	struct nft_step *steps;
	size_t n_steps, cap_steps;
};

/* As many bytes of attributes may follow the head of a message. */
#define NFT_MSG_ROOM (60 * 1024)

/* gen: the batch is refused with ERESTART if the ruleset is of another generation by then. */
void nft_batch_init(struct nft_batch *b, struct nft_sock *s, uint32_t gen);
void nft_batch_fini(struct nft_batch *b);
/* Head of the next message; append attributes until the next call on the batch. flags: NLM_F_*
 * besides REQUEST. */
struct nlmsghdr *nft_batch_add(struct nft_batch *b, struct nft_sock *s, uint16_t type, uint8_t fam,
			       uint16_t flags, struct nft_step step);

struct nft_refusal {
	int err;	      /* errno; 0: done */
	struct nft_step step; /* the first message refused; what is NULL if it was the batch */
};
/* Send it and hear what became of it. Nothing to do is done. */
struct nft_refusal nft_batch_commit(struct nft_batch *b, struct nft_sock *s);

#endif
