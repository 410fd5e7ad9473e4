/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/service_udp.h"

#include "netstack/checksum.h"
#include "netstack/hdr.h"

bool service_udp_data(const struct pkt *p, struct span bytes, struct span *data)
{
	struct span l4 = pkt_l4(p, bytes);
	if (p->proto != IP_PROTO_UDP || l4.len < UDP_HDR_LEN)
		return false;
	/* The first fragment of a datagram names the length of all of it. */
	size_t len = hdr_get16(l4.p + UDP_LEN);
	if (len < UDP_HDR_LEN || len > l4.len)
		return false;
	*data = span_of(l4.p + UDP_HDR_LEN, len - UDP_HDR_LEN);
	return true;
}

size_t service_udp_offset(struct ip addr)
{
	return ip_hdr_len(addr) + UDP_HDR_LEN;
}

size_t service_udp_build(struct mspan out, struct ep from, struct ep to, size_t len)
{
	size_t l4 = ip_hdr_len(from.ip), udp_len = UDP_HDR_LEN + len;
	struct wr w = wr_init(out);
	if (len > UINT16_MAX - UDP_HDR_LEN || l4 + udp_len > out.len)
		return 0;
	ip_hdr_build(&w, &(struct ip_hdr){ from.ip, to.ip, IP_PROTO_UDP, 0 }, udp_len);
	wr_be16(&w, from.port);
	wr_be16(&w, to.port);
	wr_be16(&w, (uint16_t)udp_len);
	wr_be16(&w, 0);
	if (!wr_ok(&w))
		return 0;
	uint64_t sum = csum_pseudo(from.ip, to.ip, IP_PROTO_UDP, (uint32_t)udp_len);
	uint16_t field = csum_finish(csum_add(sum, span_of(out.p + l4, udp_len)));
	hdr_put16(out.p + l4 + UDP_CSUM, field ? field : 0xffff); /* 0 says: none (RFC 768) */
	return l4 + udp_len;
}
