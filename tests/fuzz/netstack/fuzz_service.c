/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets to service addresses, any bytes: data is found inside the packet only; a packet that is
 * turned has its addresses swapped and one port changed, and its checksum is as right or wrong as
 * before; a reset is whole and answers nobody twice. The first byte chooses the own address. */
#include "tests/fuzz/netstack/seeds.h"

#include "netstack/checksum.h"
#include "netstack/service_tcp.h"
#include "netstack/service_udp.h"

#define LISTENER 4444

static void must(bool good)
{
	if (!good)
		abort();
}

static uint16_t l4_sum(const struct pkt *p, struct span b)
{
	struct span l4 = pkt_l4(p, b);
	return csum_fold(
	    csum_add(csum_pseudo(p->src.ip, p->dst.ip, IP_PROTO_TCP, (uint32_t)l4.len), l4));
}

/* 0 and 0xffff are one number. */
static bool same_sum(uint16_t a, uint16_t b)
{
	return a % 0xffff == b % 0xffff;
}

static void udp(const struct pkt *p, struct span in)
{
	struct span data;
	if (!service_udp_data(p, in, &data))
		return;
	must(data.p >= in.p && data.len <= in.len && data.p + data.len <= in.p + in.len);
	uint8_t *out = malloc(SERVICE_UDP_HDR_MAX + data.len);
	must(out);
	if (data.len)
		memcpy(out + service_udp_offset(p->dst.ip), data.p, data.len);
	size_t n = service_udp_build(mspan_of(out, SERVICE_UDP_HDR_MAX + data.len), p->dst, p->src,
				     data.len);
	struct pkt back;
	struct span again;
	pkt_decode(span_of(out, n), &back);
	must(ep_eq(back.src, p->dst) && ep_eq(back.dst, p->src) && back.len == n);
	must(service_udp_data(&back, span_of(out, n), &again) && span_eq(data, again));
	free(out);
}

static void tcp(const struct net_self *self, const struct pkt *p, struct span in)
{
	uint8_t *copy = malloc(in.len), reset[SERVICE_TCP_RESET_MAX];
	struct mspan b = mspan_of(copy, in.len);
	struct pkt q;
	must(copy);
	memcpy(copy, in.p, in.len);
	enum service_tcp way = service_tcp_classify(self, p);
	if (way != SERVICE_TCP_REFUSE) {
		service_tcp_turn(way, self, p, b);
		pkt_decode(span_const(b), &q);
		must(ip_eq(q.src.ip, p->dst.ip) && ip_eq(q.dst.ip, p->src.ip));
		must(way == SERVICE_TCP_TO_LISTENER
			 ? q.src.port == p->src.port && q.dst.port == LISTENER
			 : q.dst.port == p->dst.port && q.src.port == SERVICE_DNS_PORT);
		must(same_sum(l4_sum(p, in), l4_sum(&q, span_const(b))));
	}
	size_t n = service_tcp_reset(mspan_of(reset, sizeof(reset)), p, in);
	pkt_decode(span_of(reset, n), &q);
	must(n == 0 ||
	     (q.len == n && (q.tcp_flags & TCP_RST) && l4_sum(&q, span_of(reset, n)) == 0xffff));
	must(n == 0 || ep_eq(q.src, p->dst));
	must(service_tcp_reset(mspan_of(copy, in.len), &q, span_of(reset, n)) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	if (len < 2)
		return 0;
	struct span in = span_of(b + 1, len - 1);
	struct pkt p;
	pkt_decode(in, &p);
	struct net_self self = { .ports = { .dns4 = LISTENER, .dns6 = LISTENER } };
	if (b[0] & 1)
		*(p.version == 6 ? &self.addr6 : &self.addr4) = p.src.ip;
	if (p.proto == IP_PROTO_UDP)
		udp(&p, in);
	if (p.proto == IP_PROTO_TCP)
		tcp(&self, &p, in);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t b[70000];
	const struct seeds *s = seeds_packets();
	if (i / 2 >= s->n)
		return false;
	b[0] = (uint8_t)(i % 2);
	memcpy(b + 1, s->v[i / 2].p, s->v[i / 2].len);
	*out = span_of(b, 1 + s->v[i / 2].len);
	return true;
}
