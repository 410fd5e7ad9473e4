/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/icmp.h"

#include "netstack/checksum.h"

#define ICMP_CSUM_OFF 2
#define ICMP4_QUOTE 8 /* bytes of transport header in an error (RFC 792) */

enum { T4_ECHO_REPLY = 0, T4_UNREACHABLE = 3, T4_ECHO = 8 };
enum { T6_UNREACHABLE = 1, T6_ECHO = 128, T6_ECHO_REPLY = 129 };
enum { C4_HOST_UNREACHABLE = 1, C6_ADDR_UNREACHABLE = 3 };

struct icmp_msg {
	uint8_t type, code;
	const uint8_t *rest; /* the 4 bytes behind the checksum */
	struct span data;
};

/* h->proto is set here from the family. */
static size_t build(struct mspan out, struct ip_hdr h, const struct icmp_msg *m)
{
	bool v6 = h.src.fam == IP_V6;
	size_t len = ICMP_ECHO_LEN + m->data.len;
	h.proto = v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	struct wr w = wr_init(out);
	ip_hdr_build(&w, &h, len);
	size_t at = wr_len(&w);
	wr_u8(&w, m->type);
	wr_u8(&w, m->code);
	wr_be16(&w, 0);
	wr_bytes(&w, m->rest, 4);
	wr_span(&w, m->data);
	if (!wr_ok(&w))
		return 0;
	uint64_t sum = v6 ? csum_pseudo(h.src, h.dst, h.proto, (uint32_t)len) : 0;
	uint16_t field = csum_finish(csum_add(sum, span_of(out.p + at, len)));
	out.p[at + ICMP_CSUM_OFF] = (uint8_t)(field >> 8);
	out.p[at + ICMP_CSUM_OFF + 1] = (uint8_t)field;
	return wr_len(&w);
}

size_t icmp_echo_request_build(struct mspan out, struct ip src, struct ip dst,
			       const uint8_t token[static 4], struct span data)
{
	struct ip_hdr h = { .src = src, .dst = dst };
	uint8_t type = src.fam == IP_V6 ? T6_ECHO : T4_ECHO;
	return build(out, h, &(struct icmp_msg){ type, 0, token, data });
}

size_t icmp_echo_reply_build(struct mspan out, const struct pkt *req, struct span bytes)
{
	uint8_t token[4];
	if (!pkt_is_echo_request(req) || !pkt_echo_token(req, bytes, token))
		return 0;
	struct ip_hdr h = { .src = req->dst.ip, .dst = req->src.ip, .id = ~req->id };
	uint8_t type = req->version == 6 ? T6_ECHO_REPLY : T4_ECHO_REPLY;
	struct span data = span_from(pkt_l4(req, bytes), ICMP_ECHO_LEN);
	return build(out, h, &(struct icmp_msg){ type, 0, token, data });
}

size_t icmp_unreachable_build(struct mspan out, const struct pkt *inv, struct span bytes)
{
	static const uint8_t unused[4];
	if (inv->proto == IP_PROTO_UNKNOWN || inv->len > bytes.len)
		return 0;
	bool v6 = inv->version == 6;
	size_t quote = v6 ? ICMP_ERROR_MAX - IP6_HDR_LEN - ICMP_ECHO_LEN : inv->l4 + ICMP4_QUOTE;
	if (quote > inv->len)
		quote = inv->len;
	struct ip_hdr h = { .src = inv->dst.ip, .dst = inv->src.ip };
	struct icmp_msg m = { v6 ? T6_UNREACHABLE : T4_UNREACHABLE,
			      v6 ? C6_ADDR_UNREACHABLE : C4_HOST_UNREACHABLE, unused,
			      span_of(bytes.p, quote) };
	return build(out, h, &m);
}
