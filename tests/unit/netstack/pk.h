/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pk.h: small packets for the tests of netstack/. */
#ifndef TESTS_UNIT_NETSTACK_PK_H
#define TESTS_UNIT_NETSTACK_PK_H

#include "netstack/ip_wire.h"

#include <stdlib.h>

struct pk {
	uint8_t b[256];
	size_t len;
};

static inline struct ip pk_ip(const char *text)
{
	struct ip ip = { 0 };
	if (ip_decode(span_str(text), &ip))
		abort();
	return ip;
}

static inline struct prefix pk_prefix(const char *text)
{
	struct prefix p = { 0 };
	if (prefix_decode(span_str(text), &p))
		abort();
	return p;
}

/* IP header and the given transport bytes. */
static inline struct pk pk_raw(const char *src, const char *dst, uint8_t proto, struct span l4)
{
	struct pk p;
	struct ip_hdr h = { pk_ip(src), pk_ip(dst), proto, 0x1234 };
	struct wr w = wr_init(mspan_of(p.b, sizeof(p.b)));
	ip_hdr_build(&w, &h, l4.len);
	wr_span(&w, l4);
	if (!wr_ok(&w))
		abort();
	p.len = wr_len(&w);
	return p;
}

static inline struct pk pk_tcp(const char *src, const char *dst, uint16_t dport, uint8_t flags)
{
	uint8_t l4[20] = { 0x13, 0x88, (uint8_t)(dport >> 8), (uint8_t)dport };
	l4[12] = 0x50;
	l4[13] = flags;
	return pk_raw(src, dst, IP_PROTO_TCP, span_of(l4, sizeof(l4)));
}

static inline struct pk pk_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	uint8_t l4[12] = {
		(uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport, 0, 12
	};
	return pk_raw(src, dst, IP_PROTO_UDP, span_of(l4, sizeof(l4)));
}

static inline struct pk pk_echo(const char *src, const char *dst, bool reply)
{
	bool v6 = pk_ip(src).fam == IP_V6;
	uint8_t l4[12] = { [4] = 0xab, 0xcd, 0, 1, 'd', 'a', 't', 'a' };
	l4[0] = v6 ? (reply ? 129 : 128) : (reply ? 0 : 8);
	return pk_raw(src, dst, v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, span_of(l4, sizeof(l4)));
}

static inline struct span pk_span(const struct pk *p)
{
	return span_of(p->b, p->len);
}

static inline struct pkt pk_decode(const struct pk *p)
{
	struct pkt out;
	pkt_decode(pk_span(p), &out);
	return out;
}

#endif
