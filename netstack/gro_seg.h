/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gro_seg.h: one packet as gro.c sees it: may it be joined with others, with which, in which order;
 * and the headers of the joined one. Pure. */
#ifndef NETSTACK_GRO_SEG_H
#define NETSTACK_GRO_SEG_H

#include "base/bytes.h"
#include "netstack/vnet.h"

/* Which flow. The words hold ports, acknowledgement number (TCP) and addresses. */
struct gro_key {
	uint64_t w[5];
	bool v6, udp;
};

struct gro_seg {
	struct gro_key key;
	/* The other header fields that all packets of a super-packet share. */
	uint64_t ip_shape;
	uint32_t tcp_shape; /* data offset, flags without PSH, window */
	struct span options;
	uint32_t seq;	  /* TCP */
	uint16_t hdr_len; /* IP and transport */
	uint16_t len;	  /* of the payload; 0 for UDP only */
	bool psh;
};

static inline bool gro_key_eq(const struct gro_key *a, const struct gro_key *b)
{
	uint64_t diff = 0;
	for (int i = 0; i < 5; i++)
		diff |= a->w[i] ^ b->w[i];
	return diff == 0 && a->v6 == b->v6 && a->udp == b->udp;
}

/* May they lie in one super-packet, whatever their order is? */
static inline bool gro_seg_alike(const struct gro_seg *a, const struct gro_seg *b)
{
	return a->ip_shape == b->ip_shape && a->tcp_shape == b->tcp_shape &&
	       a->options.len == b->options.len &&
	       memcmp(a->options.p, b->options.p, a->options.len) == 0;
}

/* False: the packet is none that could be joined. An empty UDP datagram is told as well, it keeps
 * its place in the flow. */
bool gro_seg_parse(struct span packet, struct gro_seg *s);
/* Are the checksums of a parsed packet right? Joined packets get new ones, and an error would be
 * lost with the old. A UDP checksum of 0, none, is not right. */
bool gro_seg_verify(struct span packet, const struct gro_seg *s);
/* Make the headers of a parsed packet those of a super-packet with `payload` bytes in segments of
 * gso_size. Returns its vnet header. */
struct vnet gro_seg_join(uint8_t *packet, const struct gro_seg *s, size_t payload,
			 uint16_t gso_size, bool psh);

#endif
