/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/gro_seg.h"

#include "netstack/checksum.h"
#include "netstack/hdr.h"
#include "netstack/ip_wire.h"

#define TCP_PSH 0x08
#define IP4_VERSION_IHL 0x45  /* no options */
#define IP4_FRAGMENT 0x3fff   /* more fragments, offset */
#define TCP_ALIKE 0xfff7ffffu /* data offset, flags, window; without PSH */
#define PACKET_MAX 65535

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* ---- parse ---- */

static bool parse_ip4(struct span b, struct gro_seg *s, uint8_t *proto)
{
	const uint8_t *p = b.p;
	uint16_t frag = hdr_get16(p + IP4_FRAG);
	if (p[0] != IP4_VERSION_IHL || frag & IP4_FRAGMENT || hdr_get16(p + IP4_TOTAL_LEN) != b.len)
		return false;
	*proto = p[IP4_PROTO];
	s->ip_shape = (uint64_t)p[IP4_TOS] << 32 | (uint64_t)p[IP4_TTL] << 16 | frag;
	s->key.w[1] = load64(p + IP4_SRC);
	s->key.w[2] = s->key.w[3] = s->key.w[4] = 0;
	s->key.v6 = false;
	return true;
}

/* The flow label is part of the shape: a merged packet has only one. */
static bool parse_ip6(struct span b, struct gro_seg *s, uint8_t *proto)
{
	const uint8_t *p = b.p;
	if (p[0] >> 4 != 6 || (size_t)hdr_get16(p + IP6_PAYLOAD_LEN) + IP6_HDR_LEN != b.len)
		return false;
	*proto = p[IP6_NEXT];
	s->ip_shape = (uint64_t)hdr_get32(p) << 8 | p[IP6_HOP_LIMIT];
	for (size_t i = 0; i < 4; i++)
		s->key.w[1 + i] = load64(p + IP6_SRC + 8 * i);
	s->key.v6 = true;
	return true;
}

static bool parse_tcp(struct span l4, struct gro_seg *s)
{
	uint32_t word = hdr_get32(l4.p + TCP_OFF_FLAGS);
	size_t len = (word >> 28) * 4;
	uint8_t flags = (uint8_t)(word >> 16);
	if (len < TCP_HDR_LEN || len >= l4.len || (flags | TCP_PSH) != (TCP_ACK | TCP_PSH))
		return false;
	s->key.w[0] = (uint64_t)hdr_get32(l4.p) << 32 | hdr_get32(l4.p + TCP_ACK_NO);
	s->key.udp = false;
	s->tcp_shape = word & TCP_ALIKE;
	s->options = span_of(l4.p + TCP_HDR_LEN, len - TCP_HDR_LEN);
	s->seq = hdr_get32(l4.p + TCP_SEQ);
	s->len = (uint16_t)(l4.len - len);
	s->psh = flags & TCP_PSH;
	return true;
}

static bool parse_udp(struct span l4, struct gro_seg *s)
{
	if (hdr_get16(l4.p + UDP_LEN) != l4.len)
		return false;
	s->key.w[0] = hdr_get32(l4.p);
	s->key.udp = true;
	s->tcp_shape = 0;
	s->options = span_of(l4.p + UDP_HDR_LEN, 0);
	s->seq = 0;
	s->len = (uint16_t)(l4.len - UDP_HDR_LEN);
	s->psh = false;
	return true;
}

bool gro_seg_parse(struct span packet, struct gro_seg *s)
{
	uint8_t proto;
	if (packet.len < IP4_HDR_LEN + UDP_HDR_LEN || packet.len > PACKET_MAX)
		return false;
	bool v6 = packet.p[0] >> 4 == 6;
	size_t ip = v6 ? IP6_HDR_LEN : IP4_HDR_LEN;
	if (v6 && packet.len < IP6_HDR_LEN + UDP_HDR_LEN)
		return false;
	if (!(v6 ? parse_ip6(packet, s, &proto) : parse_ip4(packet, s, &proto)))
		return false;
	struct span l4 = span_of(packet.p + ip, packet.len - ip);
	bool ok = proto == IP_PROTO_TCP ? l4.len > TCP_HDR_LEN && parse_tcp(l4, s)
					: proto == IP_PROTO_UDP && parse_udp(l4, s);
	s->hdr_len = (uint16_t)(ok ? packet.len - s->len : 0);
	return ok;
}

/* ---- checksums ---- */

static size_t ip_len_of(const struct gro_seg *s)
{
	return s->key.v6 ? IP6_HDR_LEN : IP4_HDR_LEN;
}

static uint8_t proto_of(const struct gro_seg *s)
{
	return s->key.udp ? IP_PROTO_UDP : IP_PROTO_TCP;
}

/* In whatever byte order, all ones are all ones. */
static bool ip4_header_ok(const uint8_t *p)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < IP4_HDR_LEN; i += sizeof(uint32_t)) {
		uint32_t word;
		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	return csum_fold(sum) == 0xffff;
}

/* The addresses lie right before the transport header, so the pseudo header is summed with it. */
bool gro_seg_verify(struct span packet, const struct gro_seg *s)
{
	const uint8_t *p = packet.p;
	size_t l4 = ip_len_of(s), addresses = s->key.v6 ? IP6_SRC : IP4_SRC;
	if (!s->key.v6 && !ip4_header_ok(p))
		return false;
	if (s->key.udp && hdr_get16(p + l4 + UDP_CSUM) == 0)
		return false;
	uint64_t sum = (uint64_t)proto_of(s) + (packet.len - l4);
	return csum_fold(csum_add(sum, span_from(packet, addresses))) == 0xffff;
}

static void set_ip_len(uint8_t *p, const struct gro_seg *s, size_t len)
{
	if (s->key.v6) {
		hdr_put16(p + IP6_PAYLOAD_LEN, (uint16_t)(len - IP6_HDR_LEN));
		return;
	}
	hdr_put16(p + IP4_TOTAL_LEN, (uint16_t)len);
	hdr_put16(p + IP4_CSUM, 0);
	hdr_put16(p + IP4_CSUM, csum_finish(csum_add(0, span_of(p, IP4_HDR_LEN))));
}

struct vnet gro_seg_join(uint8_t *packet, const struct gro_seg *s, size_t payload,
			 uint16_t gso_size, bool psh)
{
	size_t l4 = ip_len_of(s), len = s->hdr_len + payload, l4_len = len - l4;
	uint16_t csum = s->key.udp ? UDP_CSUM : TCP_CSUM;
	struct span addresses =
	    s->key.v6 ? span_of(packet + IP6_SRC, 32) : span_of(packet + IP4_SRC, 8);
	set_ip_len(packet, s, len);
	if (s->key.udp)
		hdr_put16(packet + l4 + UDP_LEN, (uint16_t)l4_len);
	else if (psh)
		packet[l4 + TCP_OFF_FLAGS + 1] |= TCP_PSH;
	/* not complemented: the kernel adds the payload's sum */
	hdr_put16(packet + l4 + csum, csum_fold(csum_add(proto_of(s) + l4_len, addresses)));
	return (struct vnet){ .flags = VNET_F_NEEDS_CSUM,
			      .gso_type = s->key.udp  ? VNET_GSO_UDP_L4
					  : s->key.v6 ? VNET_GSO_TCP6
						      : VNET_GSO_TCP4,
			      .hdr_len = s->hdr_len,
			      .gso_size = gso_size,
			      .csum_start = (uint16_t)l4,
			      .csum_offset = csum };
}
