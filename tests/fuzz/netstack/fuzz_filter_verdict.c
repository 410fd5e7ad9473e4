/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random rules and packets over few addresses, so that they meet: the compiled filter must say what
 * the slow one says, packet by packet with state, while rules come and go.
 * Input: one byte of rules count, the rules, then 6 bytes a packet; before each 16th a byte that
 * says how many of the rules are in force from there. */
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

/* Both filters of the same rules. */
struct pair {
	struct flt_rules rules; /* the first of all */
	size_t most;		/* that have been in force at once */
	struct flt *f;
	struct slow slow;
};

static const struct flt_cap_holder *holders(void)
{
	static struct flt_cap_holder v[3];
	v[0] = (struct flt_cap_holder){ addr(0, 2), "x" };
	v[1] = (struct flt_cap_holder){ addr(1, 3), "x" };
	v[2] = (struct flt_cap_holder){ addr(0, 4), "y" };
	return v;
}

/* A filter of the first n rules takes the place of the one before. */
static void next_filter(struct pair *p, const struct ranges *set, size_t n)
{
	struct flt *old = p->f;
	bool fewer = n < p->rules.n;
	p->rules.n = n;
	p->most = n > p->most ? n : p->most;
	p->f = flt_new(&p->rules, set, holders(), 3);
	if (!p->f)
		abort();
	if (old)
		flt_succeed(p->f, old);
	/* More rules never take away; fewer may say as much as before. */
	bool narrowed = flt_is_narrowed(p->f);
	if (narrowed && !fewer && !(old && flt_is_narrowed(old)) && !flt_rules_use_caps(&p->rules))
		abort();
	p->slow.narrowed = narrowed;
	flt_free(old);
}

static bool would_be_let_in(struct pair *p, const struct pkt *k, size_t n_rules)
{
	size_t n = p->rules.n;
	p->rules.n = n_rules;
	bool yes = slow_rules(&p->slow, k);
	p->rules.n = n;
	return yes;
}

static void one_packet(struct pair *p, struct flt_flows *flows, struct rd *r)
{
	bool out;
	struct pkt k = read_packet(r, &out);
	enum flt_verdict got = out ? flt_out(p->f, flows, &k, 100) : flt_in(p->f, flows, &k, 100);
	enum flt_verdict want =
	    out ? slow_verdict_out(&p->slow, &k, 100) : slow_verdict_in(&p->slow, &k, 100);
	if (got != want || flt_flows_len(flows) != p->slow.ours.n)
		abort();
	/* Nothing was taken away: nobody is let in less than before. */
	if (!p->slow.narrowed && would_be_let_in(p, &k, p->most) &&
	    !would_be_let_in(p, &k, p->rules.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct rd r = rd_init(span_of(b, len));
	static struct pair p;
	struct prefix local[2] = { prefix_host(addr(0, 1)), { addr(1, 0), 124 } };
	struct ranges set = { 0 };
	memset(&p, 0, sizeof(p));
	size_t n_rules = rd_u8(&r) % (RULES_MAX + 1);
	p.rules = (struct flt_rules){ xcalloc(RULES_MAX, sizeof(*p.rules.v)), n_rules, RULES_MAX };
	for (size_t i = 0; i < n_rules; i++)
		read_rule(&r, &p.rules.v[i]);
	for (int i = 0; i < 2; i++)
		ranges_add_prefix(&set, local[i]);
	ranges_sort(&set);
	p.slow = (struct slow){ .rules = &p.rules,
				.local = local,
				.n_local = 2,
				.holders = holders(),
				.n_holders = 3 };
	next_filter(&p, &set, n_rules);
	struct flt_flows *flows = flt_flows_new(len);
	for (size_t i = 0; i < SLOW_FLOWS_MAX && rd_left(&r); i++) {
		if (i % 16 == 15 && n_rules > 0)
			next_filter(&p, &set, rd_u8(&r) % (n_rules + 1));
		one_packet(&p, flows, &r);
	}
	p.rules.n = n_rules;
	flt_free(p.f);
	flt_flows_free(flows);
	ranges_fini(&set);
	flt_rules_fini(&p.rules);
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
