/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gso.h: the read side of TUN offload: what one read gave becomes packets of the tunnel's size,
 * with every header field and checksum in place. Pure; allocates nothing. Rules:
 * spec/datapath.md 6.2. */
#ifndef NETSTACK_GSO_H
#define NETSTACK_GSO_H

#include "base/bytes.h"
#include "netstack/vnet.h"

#define GSO_PACKET_MAX 65535
#define GSO_READ_MAX (VNET_HDR_LEN + GSO_PACKET_MAX) /* the room a read needs */

/* One read, checked. Fields above the line are for callers, the others for gso.c. */
struct gso {
	uint32_t n;	   /* segments, >= 1 */
	uint16_t hdr_len;  /* IP and transport header; 0 if it is not to be split (n is 1) */
	uint16_t gso_size; /* payload of each segment but the last */
	size_t seg_len;	   /* whole packet but the last: hdr_len + gso_size; n is 1: its length */
	size_t last_len;   /* whole packet, the last one */
	/* ---- */
	struct span packet; /* borrowed */
	uint64_t l4_sum;    /* what all segments' transport checksums share */
	uint32_t ip_sum;    /* the same of the IPv4 header */
	uint32_t seq;	    /* TCP: of the first segment */
	uint16_t id;	    /* IPv4 identification of the first segment */
	uint16_t l4;	    /* offset of the transport header */
	uint16_t csum_at;   /* offset of its checksum; 0: none to complete */
	bool v6, udp;
};

/* Check one read before any byte of it is used.
 *   h       vnet header as read
 *   packet  what followed it; untrusted, any length; borrowed for as long as g is used
 * A gso_size of 1 is legal, so n may be 65495: split in portions. 0; -ERR_TYPE (gso_type is not one
 * of enum vnet_gso, or not for this IP version or protocol), -ERR_SHORT (a header does not fit),
 * -ERR_RANGE (gso_size 0, data offset, csum_start, csum_offset or IP length are wrong, or
 * a checksum is not left to us). g is untouched on error. */
MUST_CHECK int gso_parse(const struct vnet *h, struct span packet, struct gso *g);

/* Bytes of segment i, i < g->n: what gso_segment writes. */
static inline size_t gso_segment_len(const struct gso *g, uint32_t i)
{
	return i + 1 < g->n ? g->seg_len : g->last_len;
}

/* Write segment i to out, which has room for gso_segment_len bytes and does not overlap the packet.
 * In any order, each as often as wanted. Also right for the only segment of a packet that is not to
 * be split: a copy with its checksum completed. */
void gso_segment(const struct gso *g, uint32_t i, uint8_t *out);

/* The other way for a packet with h->gso_type VNET_GSO_NONE: complete its checksum where it lies.
 * 0; -ERR_TYPE (another gso_type), -ERR_RANGE (the checksum field is outside of the packet); the
 * packet is untouched on error. */
MUST_CHECK int gso_complete(const struct vnet *h, struct mspan packet);

#endif
