/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/service_tcp.h"

#include "netstack/checksum.h"
#include "netstack/hdr.h"

#define TCP_DST_PORT 2

enum service_tcp service_tcp_classify(const struct net_self *self, const struct pkt *p)
{
	bool v6 = p->version == 6;
	struct ip own = v6 ? self->addr6 : self->addr4;
	uint16_t listener = v6 ? self->ports.dns6 : self->ports.dns4;
	if (listener == 0 || !ip_eq(p->src.ip, own))
		return SERVICE_TCP_REFUSE;
	if (p->src.port == listener)
		return SERVICE_TCP_TO_CLIENT;
	return p->dst.port == SERVICE_DNS_PORT ? SERVICE_TCP_TO_LISTENER : SERVICE_TCP_REFUSE;
}

/* The checksums count both addresses alike, so they stay as they are. */
static void swap_addresses(uint8_t *src, size_t len)
{
	uint8_t keep[16];
	memcpy(keep, src, len);
	memcpy(src, src + len, len);
	memcpy(src + len, keep, len);
}

static void set_port(uint8_t *tcp, size_t at, uint16_t port)
{
	uint8_t to[2];
	hdr_put16(to, port);
	uint16_t sum = csum_update(hdr_get16(tcp + TCP_CSUM), span_of(tcp + at, 2), span_of(to, 2));
	memcpy(tcp + at, to, 2);
	hdr_put16(tcp + TCP_CSUM, sum);
}

void service_tcp_turn(enum service_tcp way, const struct net_self *self, const struct pkt *p,
		      struct mspan bytes)
{
	bool v6 = p->version == 6;
	swap_addresses(bytes.p + (v6 ? IP6_SRC : IP4_SRC), ip_len(p->src.ip));
	if (way == SERVICE_TCP_TO_CLIENT)
		set_port(bytes.p + p->l4, 0, SERVICE_DNS_PORT);
	else
		set_port(bytes.p + p->l4, TCP_DST_PORT, v6 ? self->ports.dns6 : self->ports.dns4);
}

/* What the segment takes up of the sequence. */
static uint32_t segment_len(const struct pkt *p, struct span l4)
{
	size_t hdr = (l4.p[TCP_OFF_FLAGS] >> 4) * 4u;
	size_t data = hdr >= TCP_HDR_LEN && hdr <= l4.len ? l4.len - hdr : 0;
	return (uint32_t)data + !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);
}

size_t service_tcp_reset(struct mspan out, const struct pkt *p, struct span bytes)
{
	struct span l4 = pkt_l4(p, bytes);
	bool acks = p->tcp_flags & TCP_ACK;
	if (p->proto != IP_PROTO_TCP || l4.len < TCP_HDR_LEN || (p->tcp_flags & TCP_RST))
		return 0;
	struct wr w = wr_init(out);
	ip_hdr_build(&w, &(struct ip_hdr){ p->dst.ip, p->src.ip, IP_PROTO_TCP, 0 }, TCP_HDR_LEN);
	size_t at = wr_len(&w);
	wr_be16(&w, p->dst.port);
	wr_be16(&w, p->src.port);
	wr_be32(&w, acks ? hdr_get32(l4.p + TCP_ACK_NO) : 0);
	wr_be32(&w, acks ? 0 : hdr_get32(l4.p + TCP_SEQ) + segment_len(p, l4));
	wr_be16(&w, (uint16_t)(0x5000 | TCP_RST | (acks ? 0 : TCP_ACK)));
	wr_zero(&w, 6); /* window, checksum, urgent pointer */
	if (!wr_ok(&w))
		return 0;
	uint64_t sum = csum_pseudo(p->dst.ip, p->src.ip, IP_PROTO_TCP, TCP_HDR_LEN);
	hdr_put16(out.p + at + TCP_CSUM,
		  csum_finish(csum_add(sum, span_of(out.p + at, TCP_HDR_LEN))));
	return wr_len(&w);
}
