/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet decoder against a second one, written straight from the table of spec/routing.md 7.3
 * with nothing in common, and what must hold for any decoded packet. */
#include "tests/fuzz/netstack/seeds.h"

#include "netstack/ip_nat.h"

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

struct view {
	unsigned version, proto, sport, dport, flags;
};

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] * 256 + p[1];
}

static struct view transport(const uint8_t *p, size_t len, unsigned version, unsigned proto)
{
	static const struct {
		unsigned proto, min, version; /* version 0: both */
	} table[] = { { 6, 20, 0 }, { 17, 8, 0 }, { 132, 12, 0 }, { 1, 4, 4 },
		      { 58, 4, 6 }, { 2, 8, 0 },  { 99, 7, 0 } };
	struct view v = { version, proto, 0, 0, 0 };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].proto == proto && len < table[i].min &&
		    (!table[i].version || table[i].version == version))
			proto = 0;
	if (proto == 0 || proto == 255)
		return (struct view){ version, 0, 0, 0, 0 };
	if (proto == 6 || proto == 17 || proto == 132) {
		v.sport = be16(p);
		v.dport = be16(p + 2);
	}
	if (proto == 6)
		v.flags = p[13];
	return v;
}

static struct view fragment(const uint8_t *p, size_t len, unsigned version, unsigned proto,
			    unsigned block)
{
	if (block == 0)
		return transport(p, len, version, proto);
	return (struct view){ version, block < 10 ? 0 : 255, 0, 0, 0 };
}

static bool mapped(const uint8_t *ip)
{
	static const uint8_t head[12] = { [10] = 0xff, 0xff };
	return memcmp(ip, head, 12) == 0;
}

static struct view second_opinion(const uint8_t *p, size_t len)
{
	unsigned version = len < 20 ? 0 : p[0] / 16;
	struct view none = { version == 4 || (version == 6 && len >= 40) ? version : 0, 0, 0, 0,
			     0 };
	if (version == 4) {
		size_t hdr = p[0] % 16 * 4u, total = be16(p + 2);
		bool more = p[6] & 0x20;
		if (hdr < 20 || total < hdr || len < total || (p[9] == 99 && more))
			return none;
		return fragment(p + hdr, total - hdr, 4, p[9], be16(p + 6) & 0x1fff);
	}
	if (version == 6 && len >= 40) {
		size_t body = be16(p + 4);
		if (40 + body > len || mapped(p + 8) || mapped(p + 24))
			return none;
		if (p[6] != 44)
			return transport(p + 40, body, 6, p[6]);
		if (body < 8)
			return none;
		return fragment(p + 48, body - 8, 6, p[40], be16(p + 42) >> 3);
	}
	return none;
}

static void same(const struct pkt *p, struct span in)
{
	struct view v = second_opinion(in.p, in.len);
	must(p->version == v.version && p->proto == v.proto);
	must(p->src.port == v.sport && p->dst.port == v.dport && p->tcp_flags == v.flags);
}

static void holds(const struct pkt *p, struct span in)
{
	struct span l4 = pkt_l4(p, in), data = pkt_udp_data(p, in);
	struct pkt again;
	must(l4.len == 0 || (l4.p >= in.p && l4.p + l4.len <= in.p + in.len));
	must(data.len == 0 || data.p + data.len == l4.p + l4.len);
	must(!(pkt_is_echo_request(p) && pkt_is_echo_reply(p)) &&
	     !(pkt_is_tcp_syn(p) && p->proto != 6));
	if (p->proto == IP_PROTO_UNKNOWN)
		return;
	must(p->l4 >= 20 && p->l4 <= p->len && p->len <= in.len);
	must(p->src.ip.fam == p->version && p->dst.ip.fam == p->version);
	pkt_decode(span_of(in.p, p->len), &again);
	must(memcmp(&again, p, sizeof(again)) == 0);
}

static void rewrite(const struct pkt *p, struct span in)
{
	struct ip to = p->version == 4 ? ip_v4(1, 2, 3, 4) : (struct ip){ IP_V6, { 0x20, 1 } };
	uint8_t *copy = malloc(in.len ? in.len : 1);
	struct pkt q = *p, again;
	must(copy);
	memcpy(copy, in.p, in.len);
	bool done = ip_nat_src(mspan_of(copy, in.len), &q, to);
	must(done == (p->proto != IP_PROTO_UNKNOWN));
	must(done == ip_nat_dst(mspan_of(copy, in.len), &q, to));
	pkt_decode(span_of(copy, in.len), &again);
	must(memcmp(&again, &q, sizeof(q)) == 0);
	must(!done || memcmp(copy + p->len, in.p + p->len, in.len - p->len) == 0);
	free(copy);
}

static void answers(const struct pkt *p, struct span in)
{
	static uint8_t out[70000];
	uint8_t token[4];
	struct pkt q;
	bool echo = pkt_is_echo_request(p);
	size_t n = icmp_echo_reply_build(mspan_of(out, sizeof(out)), p, in);
	must((n > 0) == (echo && pkt_echo_token(p, in, token)));
	must(n <= in.len);
	pkt_decode(span_of(out, n), &q);
	must(n == 0 || pkt_is_echo_reply(&q));
	n = icmp_unreachable_build(mspan_of(out, sizeof(out)), p, in);
	must(n <= ICMP_ERROR_MAX && (n > 0) == (p->proto != IP_PROTO_UNKNOWN));
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct span in = span_of(b, len);
	struct pkt p;
	pkt_decode(in, &p);
	same(&p, in);
	holds(&p, in);
	rewrite(&p, in);
	answers(&p, in);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	const struct seeds *s = seeds_packets();
	if (i >= s->n)
		return false;
	*out = s->v[i];
	return true;
}
