/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random rules and packets over few addresses, so that they meet: the compiled filter must say what
 * the slow one says, packet by packet with state.
 * Input: one byte of rules count, 16 bytes a rule, then 8 bytes a packet. */
#include "tests/fuzz/fuzz.h"

#include "base/alloc.h"
#include "netstack/filter.h"
#include "tests/fuzz/netstack/slow_filter.h"

#include <stdlib.h>

#define RULES_MAX 12

static struct ip addr(uint8_t fam, uint8_t n)
{
	struct ip ip = ip_v4(100, 64, 0, n & 31);
	if (!fam)
		return ip;
	return (struct ip){ IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = n & 31 } };
}

static struct ip_range range(uint8_t fam, uint8_t a, uint8_t b)
{
	a &= 31;
	b &= 31;
	return (struct ip_range){ addr(fam, a < b ? a : b), addr(fam, a < b ? b : a) };
}

static uint8_t proto_of(uint8_t n)
{
	static const uint8_t protos[] = { 6, 17, 1, 58, 132, 99, 47, 255 };
	return protos[n % sizeof(protos)];
}

static void read_rule(struct rd *r, struct flt_rule *out)
{
	static char *names[2] = { (char *)(uintptr_t) "x", (char *)(uintptr_t) "y" };
	uint8_t shape = rd_u8(r);
	out->srcs = xcalloc(3, sizeof(*out->srcs));
	out->dsts = xcalloc(3, sizeof(*out->dsts));
	for (uint8_t i = 0; i < (shape & 3); i++) {
		uint8_t fam = rd_u8(r), a = rd_u8(r);
		out->srcs[out->n_srcs++] = range(fam & 1, a, rd_u8(r));
	}
	for (uint8_t i = 0; i < (shape >> 2 & 3); i++) {
		uint8_t fam = rd_u8(r), a = rd_u8(r);
		struct ip_range net = range(fam & 1, a, (uint8_t)(a + (fam >> 1)));
		uint8_t ports = rd_u8(r);
		uint16_t first = ports & 1 ? 0 : ports >> 4;
		out->dsts[out->n_dsts++] =
		    (struct flt_dst){ net, first, ports & 1 ? 65535 : first + (ports >> 1 & 3) };
	}
	if (shape & 0x10) {
		out->src_caps = xcalloc(1, sizeof(*out->src_caps));
		out->src_caps[out->n_src_caps++] = xstrdup(names[shape >> 5 & 1]);
	}
	for (uint8_t i = 0; i < 3; i++)
		flt_protos_add(&out->protos, proto_of(rd_u8(r)));
}

/* Decoded packets are made directly: the decoder has its own target. */
static struct pkt read_packet(struct rd *r, bool *out)
{
	uint8_t how = rd_u8(r), fam = how & 1, type = rd_u8(r);
	struct pkt p = {
		.version = fam ? 6 : 4, .proto = proto_of(how >> 1), .len = 100, .l4 = 40
	};
	*out = how & 0x80;
	p.src.ip = addr(fam, rd_u8(r));
	p.dst.ip = addr(fam, rd_u8(r));
	bool ports = p.proto == 6 || p.proto == 17 || p.proto == 132;
	uint8_t sport = rd_u8(r) & 3, dport = rd_u8(r) & 15;
	if (ports) {
		p.src.port = sport;
		p.dst.port = dport;
	}
	if (p.proto == 6)
		p.tcp_flags = type;
	if (p.proto == (fam ? 58 : 1))
		p.icmp_type = type;
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct rd r = rd_init(span_of(b, len));
	struct flt_rule v[RULES_MAX] = { 0 };
	struct flt_rules rules = { xcalloc(RULES_MAX, sizeof(v[0])), rd_u8(&r) % (RULES_MAX + 1),
				   RULES_MAX };
	struct prefix local[2] = { prefix_host(addr(0, 1)), { addr(1, 0), 124 } };
	struct flt_cap_holder holders[3] = { { addr(0, 2), "x" },
					     { addr(1, 3), "x" },
					     { addr(0, 4), "y" } };
	static struct slow slow;
	struct ranges set = { 0 };
	for (size_t i = 0; i < rules.n; i++)
		read_rule(&r, &rules.v[i]);
	for (int i = 0; i < 2; i++)
		ranges_add_prefix(&set, local[i]);
	ranges_sort(&set);
	slow = (struct slow){ &rules, local, 2, holders, 3, { .n = 0 } };
	struct flt *f = flt_new(&rules, &set, holders, 3);
	struct flt_flows *flows = flt_flows_new(len);
	while (f && rd_left(&r)) {
		bool out;
		struct pkt p = read_packet(&r, &out);
		enum flt_verdict got = out ? flt_out(f, flows, &p, 100) : flt_in(f, flows, &p, 100);
		enum flt_verdict want =
		    out ? slow_verdict_out(&slow, &p, 100) : slow_verdict_in(&slow, &p, 100);
		if (got != want || flt_flows_len(flows) != slow.flows.n)
			abort();
	}
	flt_free(f);
	flt_flows_free(flows);
	ranges_fini(&set);
	flt_rules_fini(&rules);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t seed[4][400];
	if (i >= 4)
		return false;
	/* Any bytes are rules and packets; mutation does the rest. */
	for (size_t k = 0; k < sizeof(seed[0]); k++)
		seed[i][k] = (uint8_t)((k * (37 + 2 * i) + (k >> 3) * 101 + i * 11) ^ (k * k >> 5));
	seed[i][0] = (uint8_t)(i * 4);
	*out = span_of(seed[i], sizeof(seed[i]));
	return true;
}
