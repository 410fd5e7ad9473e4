/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/ip_nat.h"

#include "netstack/checksum.h"

#define IP4_CSUM_OFF 10
#define IP4_SRC_OFF 12
#define IP6_SRC_OFF 8

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Where the transport checksum that covers the addresses is, behind the start of its header; 0 if
 * there is none (SCTP and ICMPv4 do not cover them). */
static size_t l4_csum_off(const struct pkt *p)
{
	switch (p->proto) {
	case IP_PROTO_TCP:
		return 16;
	case IP_PROTO_UDP:
		return 6;
	case IP_PROTO_ICMP6:
		return p->version == 6 ? 2 : 0;
	default:
		return 0;
	}
}

static void fix_l4(struct mspan bytes, const struct pkt *p, struct span from, struct span to)
{
	size_t off = l4_csum_off(p);
	if (off == 0)
		return;
	uint8_t *field = bytes.p + p->l4 + off;
	uint16_t old = get16(field);
	bool udp = p->proto == IP_PROTO_UDP;
	if (udp && old == 0)
		return; /* not used (RFC 768) */
	uint16_t sum = csum_update(old, from, to);
	put16(field, udp && sum == 0 ? 0xffff : sum);
}

static bool rewrite(struct mspan bytes, const struct pkt *p, size_t addr_off, struct ip *field,
		    struct ip to)
{
	if (p->proto == IP_PROTO_UNKNOWN || p->version != to.fam || p->len > bytes.len)
		return false;
	struct ip from = *field;
	struct span from_b = span_of(from.b, ip_len(from));
	struct span to_b = span_of(to.b, ip_len(to));
	if (p->version == 4)
		put16(bytes.p + IP4_CSUM_OFF,
		      csum_update(get16(bytes.p + IP4_CSUM_OFF), from_b, to_b));
	fix_l4(bytes, p, from_b, to_b);
	memcpy(bytes.p + addr_off, to_b.p, to_b.len);
	*field = to;
	return true;
}

bool ip_nat_src(struct mspan bytes, struct pkt *p, struct ip to)
{
	size_t off = p->version == 4 ? IP4_SRC_OFF : IP6_SRC_OFF;
	return rewrite(bytes, p, off, &p->src.ip, to);
}

bool ip_nat_dst(struct mspan bytes, struct pkt *p, struct ip to)
{
	size_t off = p->version == 4 ? IP4_SRC_OFF + 4 : IP6_SRC_OFF + 16;
	return rewrite(bytes, p, off, &p->dst.ip, to);
}
