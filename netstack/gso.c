/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/gso.h"

#include "netstack/checksum.h"
#include "netstack/hdr.h"
#include "netstack/ip_wire.h"

#define TCP_PSH_FIN 0x09 /* what only the last segment keeps */

/* A computed zero would say that there is none (RFC 768). */
static uint16_t checksum_value(uint64_t sum, bool udp)
{
	uint16_t v = csum_finish(sum);
	return udp && v == 0 ? 0xffff : v;
}

/* ---- one packet ---- */

/* Where the checksum that is left to us belongs, 0: nowhere. */
static int parse_csum(const struct vnet *h, size_t len, uint16_t *at)
{
	size_t field = (size_t)h->csum_start + h->csum_offset;
	*at = 0;
	if (!(h->flags & VNET_F_NEEDS_CSUM))
		return 0;
	/* at an odd place the partial sum in the field would count with its bytes swapped */
	if (field + 2 > len || h->csum_offset % 2 != 0 || field == 0)
		return -ERR_RANGE;
	*at = (uint16_t)field;
	return 0;
}

static int parse_single(const struct vnet *h, struct span packet, struct gso *g)
{
	uint16_t at;
	int rc = packet.len == 0 ? -ERR_SHORT : parse_csum(h, packet.len, &at);
	if (rc)
		return rc;
	*g = (struct gso){ .n = 1,
			   .seg_len = packet.len,
			   .last_len = packet.len,
			   .packet = packet,
			   .l4 = at ? h->csum_start : 0,
			   .csum_at = at,
			   .udp = h->csum_offset == UDP_CSUM };
	return 0;
}

int gso_complete(const struct vnet *h, struct mspan packet)
{
	uint16_t at;
	if (h->gso_type != VNET_GSO_NONE)
		return -ERR_TYPE;
	int rc = parse_csum(h, packet.len, &at);
	if (rc == 0 && at)
		hdr_put16(packet.p + at,
			  checksum_value(csum_add(0, span_from(span_const(packet), h->csum_start)),
					 h->csum_offset == UDP_CSUM));
	return rc;
}

/* ---- what can be split ---- */

/* The length fields were set by the kernel that built the packet; another value means that this is
 * not what the vnet header says. */
static int check_ip4(struct span b, size_t l4, uint8_t proto)
{
	if (b.len < IP4_HDR_LEN)
		return -ERR_SHORT;
	if (b.p[0] >> 4 != 4 || b.p[IP4_PROTO] != proto)
		return -ERR_TYPE;
	if (l4 < IP4_HDR_LEN || (b.p[0] & 15) * 4u != l4 || hdr_get16(b.p + IP4_TOTAL_LEN) != b.len)
		return -ERR_RANGE;
	return 0;
}

/* Extension headers are the kernel's: where they end is csum_start. */
static int check_ip6(struct span b, size_t l4, uint8_t proto)
{
	if (b.len < IP6_HDR_LEN)
		return -ERR_SHORT;
	if (b.p[0] >> 4 != 6 || (l4 == IP6_HDR_LEN && b.p[IP6_NEXT] != proto))
		return -ERR_TYPE;
	if (l4 < IP6_HDR_LEN || l4 % 2 != 0 ||
	    hdr_get16(b.p + IP6_PAYLOAD_LEN) != b.len - IP6_HDR_LEN)
		return -ERR_RANGE;
	return 0;
}

static int check_ip(const struct vnet *h, struct span b, bool v6, bool udp)
{
	uint8_t proto = udp ? IP_PROTO_UDP : IP_PROTO_TCP;
	return v6 ? check_ip6(b, h->csum_start, proto) : check_ip4(b, h->csum_start, proto);
}

/* Length of IP and transport header, never from hdr_len: some drivers put the packet's there. */
static int header_len(const struct vnet *h, struct span b, bool udp, size_t *out)
{
	size_t l4 = h->csum_start, len = l4 + UDP_HDR_LEN;
	if (h->csum_offset != (udp ? UDP_CSUM : TCP_CSUM))
		return -ERR_RANGE;
	if (!udp) {
		if (b.len < l4 + TCP_HDR_LEN)
			return -ERR_SHORT;
		size_t tcp = (b.p[l4 + TCP_OFF_FLAGS] >> 4) * 4u;
		if (tcp < TCP_HDR_LEN)
			return -ERR_RANGE;
		len = l4 + tcp;
	}
	if (b.len < len)
		return -ERR_SHORT;
	*out = len;
	return 0;
}

static bool version_of(const struct vnet *h, struct span b, bool *v6, bool *udp)
{
	*v6 = b.len && b.p[0] >> 4 == 6;
	*udp = h->gso_type == VNET_GSO_UDP_L4;
	return *udp || h->gso_type == (*v6 ? VNET_GSO_TCP6 : VNET_GSO_TCP4);
}

/* ---- what the segments share ---- */

/* Without length and identification. */
static uint32_t ip4_sum(const uint8_t *p, size_t len)
{
	uint64_t sum = csum_add(0, span_of(p, IP4_TOTAL_LEN));
	sum = csum_add(sum, span_of(p + IP4_FRAG, IP4_CSUM - IP4_FRAG));
	return csum_fold(csum_add(sum, span_of(p + IP4_SRC, len - IP4_SRC)));
}

static uint64_t pseudo_sum(const struct gso *g)
{
	const uint8_t *p = g->packet.p;
	uint64_t sum = g->udp ? IP_PROTO_UDP : IP_PROTO_TCP;
	return csum_add(sum, g->v6 ? span_of(p + IP6_SRC, 32) : span_of(p + IP4_SRC, 8));
}

/* The transport header without the fields that gso_segment sets. */
static uint64_t header_sum(const struct gso *g)
{
	const uint8_t *l4 = g->packet.p + g->l4;
	if (g->udp)
		return csum_add(0, span_of(l4, UDP_LEN));
	uint64_t sum = csum_add(0, span_of(l4, TCP_SEQ));
	sum = csum_add(sum, span_of(l4 + TCP_ACK_NO, TCP_OFF_FLAGS - TCP_ACK_NO));
	sum = csum_add(sum, span_of(l4 + TCP_OFF_FLAGS + 2, 2)); /* window */
	return csum_add(sum,
			span_of(l4 + TCP_CSUM + 2, (size_t)(g->hdr_len - g->l4) - TCP_CSUM - 2));
}

static void prepare(struct gso *g)
{
	const uint8_t *p = g->packet.p;
	if (!g->v6) {
		g->id = hdr_get16(p + IP4_ID);
		g->ip_sum = ip4_sum(p, g->l4);
	}
	if (!g->udp)
		g->seq = hdr_get32(p + g->l4 + TCP_SEQ);
	g->csum_at = (uint16_t)(g->l4 + (g->udp ? UDP_CSUM : TCP_CSUM));
	g->l4_sum = pseudo_sum(g) + header_sum(g);
}

int gso_parse(const struct vnet *h, struct span packet, struct gso *g)
{
	bool v6, udp;
	size_t hdr;
	if (h->gso_type == VNET_GSO_NONE)
		return parse_single(h, packet, g);
	if (!version_of(h, packet, &v6, &udp))
		return -ERR_TYPE;
	if (packet.len > GSO_PACKET_MAX || h->gso_size == 0 || !(h->flags & VNET_F_NEEDS_CSUM))
		return -ERR_RANGE;
	int rc = check_ip(h, packet, v6, udp);
	if (rc == 0)
		rc = header_len(h, packet, udp, &hdr);
	if (rc)
		return rc;
	size_t payload = packet.len - hdr, size = h->gso_size;
	if (payload <= size)
		return parse_single(h, packet, g);
	uint32_t n = (uint32_t)((payload + size - 1) / size);
	*g = (struct gso){ .n = n,
			   .hdr_len = (uint16_t)hdr,
			   .gso_size = h->gso_size,
			   .seg_len = hdr + size,
			   .last_len = hdr + payload - (n - 1) * size,
			   .packet = packet,
			   .l4 = h->csum_start,
			   .v6 = v6,
			   .udp = udp };
	prepare(g);
	return 0;
}

/* ---- segments ---- */

static void copy_single(const struct gso *g, uint8_t *out)
{
	struct span b = g->packet;
	if (!g->csum_at) {
		memcpy(out, b.p, b.len);
		return;
	}
	memcpy(out, b.p, g->l4);
	uint64_t sum = csum_copy(0, out + g->l4, span_from(b, g->l4));
	hdr_put16(out + g->csum_at, checksum_value(sum, g->udp));
}

static void set_ip(const struct gso *g, uint32_t i, uint16_t len, uint8_t *out)
{
	if (g->v6) {
		hdr_put16(out + IP6_PAYLOAD_LEN, (uint16_t)(len - IP6_HDR_LEN));
		return;
	}
	uint16_t id = (uint16_t)(g->id + i);
	hdr_put16(out + IP4_TOTAL_LEN, len);
	hdr_put16(out + IP4_ID, id);
	hdr_put16(out + IP4_CSUM, csum_finish((uint64_t)g->ip_sum + len + id));
}

/* Returns the sum of the fields that were set. */
static uint64_t set_tcp(const struct gso *g, uint32_t i, uint8_t *l4)
{
	uint32_t seq = g->seq + i * g->gso_size;
	uint16_t off_flags = hdr_get16(l4 + TCP_OFF_FLAGS);
	if (i + 1 < g->n)
		off_flags &= (uint16_t)~TCP_PSH_FIN;
	hdr_put32(l4 + TCP_SEQ, seq);
	hdr_put16(l4 + TCP_OFF_FLAGS, off_flags);
	return (uint64_t)seq + off_flags; /* 2^16 is 1 in this arithmetic */
}

static uint64_t set_udp(uint16_t len, uint8_t *l4)
{
	hdr_put16(l4 + UDP_LEN, len);
	return len;
}

void gso_segment(const struct gso *g, uint32_t i, uint8_t *out)
{
	if (!g->hdr_len) {
		copy_single(g, out);
		return;
	}
	uint16_t len = (uint16_t)gso_segment_len(g, i), l4_len = (uint16_t)(len - g->l4);
	struct span payload =
	    span_of(g->packet.p + g->hdr_len + (size_t)i * g->gso_size, (size_t)(len - g->hdr_len));
	uint64_t sum = g->l4_sum + l4_len;
	memcpy(out, g->packet.p, g->hdr_len);
	set_ip(g, i, len, out);
	sum += g->udp ? set_udp(l4_len, out + g->l4) : set_tcp(g, i, out + g->l4);
	sum = csum_copy(sum, out + g->hdr_len, payload);
	hdr_put16(out + g->csum_at, checksum_value(sum, g->udp));
}
