/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seg.h: TCP and UDP packets for the tests of offload, and a slow checksum to compare with. */
#ifndef TESTS_UNIT_NETSTACK_SEG_H
#define TESTS_UNIT_NETSTACK_SEG_H

#include "netstack/gso.h"
#include "netstack/hdr.h"
#include "netstack/ip_wire.h"

#include <stdlib.h>

#define SEG_PSH 8

/* Zero means: IPv4, TCP with flags ACK and timestamps, TTL 64. */
struct seg {
	bool v6, udp;
	uint8_t flow; /* of source address and port */
	uint32_t seq, ack;
	uint16_t len; /* payload */
	uint8_t flags, ttl, tos, option;
	uint16_t window, frag;
	uint32_t label;
};

/* One word after the other. */
static inline uint16_t seg_sum(uint32_t sum, struct span b)
{
	for (size_t i = 0; i < b.len; i++)
		sum += i % 2 ? b.p[i] : (uint32_t)b.p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline size_t seg_l4(struct span b)
{
	return b.p[0] >> 4 == 6 ? IP6_HDR_LEN : (b.p[0] & 15) * 4u;
}

static inline uint16_t seg_pseudo(struct span b, uint8_t proto)
{
	bool v6 = b.p[0] >> 4 == 6;
	return seg_sum(proto + (uint32_t)(b.len - seg_l4(b)),
		       v6 ? span_of(b.p + IP6_SRC, 32) : span_of(b.p + IP4_SRC, 8));
}

/* IPv6 without extension headers. */
static inline uint8_t seg_proto(struct span b)
{
	return b.p[b.p[0] >> 4 == 6 ? IP6_NEXT : IP4_PROTO];
}

/* Those of IPv4 and of the transport. */
static inline bool seg_sums_ok(struct span b)
{
	size_t l4 = seg_l4(b);
	return (b.p[0] >> 4 == 6 || seg_sum(0, span_of(b.p, l4)) == 0xffff) &&
	       seg_sum(seg_pseudo(b, seg_proto(b)), span_from(b, l4)) == 0xffff;
}

static inline uint8_t *seg_csum_at(struct mspan b)
{
	size_t l4 = seg_l4(span_const(b));
	return b.p + l4 + (seg_proto(span_const(b)) == IP_PROTO_UDP ? UDP_CSUM : TCP_CSUM);
}

/* After a change: both checksums anew. */
static inline void seg_finish(struct mspan b)
{
	struct span s = span_const(b);
	size_t l4 = seg_l4(s);
	if (b.p[0] >> 4 == 4) {
		hdr_put16(b.p + IP4_CSUM, 0);
		hdr_put16(b.p + IP4_CSUM, (uint16_t)~seg_sum(0, span_of(b.p, l4)));
	}
	hdr_put16(seg_csum_at(b), 0);
	uint16_t sum = (uint16_t)~seg_sum(seg_pseudo(s, seg_proto(s)), span_from(s, l4));
	hdr_put16(seg_csum_at(b), sum == 0 && seg_proto(s) == IP_PROTO_UDP ? 0xffff : sum);
}

static inline void seg_ip(const struct seg *t, struct wr *w, size_t len)
{
	struct ip src = ip_v4(100, 64, 1, t->flow), dst = ip_v4(100, 64, 0, 1);
	if (t->v6) {
		src = (struct ip){ IP_V6, { 0xfd, [15] = t->flow } };
		dst = (struct ip){ IP_V6, { 0xfd, [14] = 1 } };
	}
	uint8_t *p = w->p;
	struct ip_hdr h = { src, dst, t->udp ? IP_PROTO_UDP : IP_PROTO_TCP, t->v6 ? t->label : 5 };
	ip_hdr_build(w, &h, len);
	if (!wr_ok(w))
		abort();
	p[t->v6 ? IP6_HOP_LIMIT : IP4_TTL] = t->ttl ? t->ttl : 64;
	if (t->v6) {
		p[0] |= t->tos >> 4;
		p[1] |= (uint8_t)(t->tos << 4);
	} else {
		p[IP4_TOS] = t->tos;
		hdr_put16(p + IP4_FRAG, t->frag);
	}
}

/* The payload depends on seq alone, so that it shows where it came from. Returns the length. */
static inline size_t seg_build(const struct seg *t, uint8_t *out)
{
	struct wr w = wr_init(mspan_of(out, GSO_PACKET_MAX));
	size_t l4 = t->udp ? UDP_HDR_LEN : 32;
	seg_ip(t, &w, l4 + t->len);
	wr_be16(&w, (uint16_t)(5000 + t->flow));
	wr_be16(&w, 80);
	if (t->udp) {
		wr_be16(&w, (uint16_t)(l4 + t->len));
		wr_be16(&w, 0);
	} else {
		wr_be32(&w, t->seq);
		wr_be32(&w, t->ack);
		wr_u8(&w, 8 << 4);
		wr_u8(&w, t->flags ? t->flags : TCP_ACK);
		wr_be16(&w, t->window);
		wr_be32(&w, 0);
		wr_be32(&w, 0x0101080a);
		wr_be32(&w, 77);
		wr_be32(&w, t->option);
	}
	for (uint32_t i = 0; i < t->len; i++)
		wr_u8(&w, (uint8_t)((t->seq + i) * 7 + ((t->seq + i) >> 8)));
	if (!wr_ok(&w))
		abort();
	seg_finish(mspan_of(out, wr_len(&w)));
	return wr_len(&w);
}

/* The same as the kernel leaves it to us: only the pseudo header is summed. Returns what stands
 * before it. */
static inline struct vnet seg_leave(struct mspan b, uint16_t gso_size)
{
	struct span s = span_const(b);
	bool udp = seg_proto(s) == IP_PROTO_UDP, v6 = b.p[0] >> 4 == 6;
	hdr_put16(seg_csum_at(b), seg_pseudo(s, seg_proto(s)));
	return (struct vnet){ .flags = VNET_F_NEEDS_CSUM,
			      .gso_type = !gso_size ? VNET_GSO_NONE
					  : udp	    ? VNET_GSO_UDP_L4
					  : v6	    ? VNET_GSO_TCP6
						    : VNET_GSO_TCP4,
			      .gso_size = gso_size,
			      .csum_start = (uint16_t)seg_l4(s),
			      .csum_offset = udp ? UDP_CSUM : TCP_CSUM };
}

#endif
