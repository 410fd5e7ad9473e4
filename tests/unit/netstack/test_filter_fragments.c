/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragments: whatever of them is let in, nothing can be put together from it that would not have
 * been let in whole. And what stands before the transport header of IPv6. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/rng.h"
#include "netstack/filter.h"
#include "netstack/filter_parse.h"

#define SELF "100.64.0.1"
#define PEER "100.64.0.2"
#define SELF6 "fd7a:115c:a1e0::1"
#define PEER6 "fd7a:115c:a1e0::2"

#define BODY_MAX 160 /* of one datagram, as bytes of its transport header and data */
#define PIECES_MAX 24
#define FRAG6 8

static struct flt *filter;
static struct flt_flows *flows;

static struct flt *filter_of(const char *text)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	struct ranges local = { 0 };
	json_t *v = j_parse(span_str(text), 1 << 16, NULL);
	assert_int_equal(flt_rules_parse(v, &rules, &err), 0);
	ranges_add_prefix(&local, prefix_host(pk_ip(SELF)));
	ranges_add_prefix(&local, prefix_host(pk_ip(SELF6)));
	ranges_sort(&local);
	struct flt *f = flt_new(&rules, &local, NULL, 0);
	assert_non_null(f);
	flt_set_narrowed(f);
	ranges_fini(&local);
	flt_rules_fini(&rules);
	j_free(v);
	return f;
}

static int setup(void **state)
{
	(void)state;
	filter =
	    filter_of("[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":22,"
		      "\"Last\":22}}]}]");
	flows = flt_flows_new(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flt_free(filter);
	flt_flows_free(flows);
	return 0;
}

static enum flt_verdict judge(struct span bytes)
{
	struct pkt p;
	pkt_decode(bytes, &p);
	return flt_in(filter, flows, &p, bytes.len);
}

/* ---- making fragments ---- */

struct piece {
	uint8_t body[BODY_MAX];
	size_t len;
	unsigned block; /* offset / 8 */
	bool more;
};

static struct pk pack(bool v6, uint8_t proto, const struct piece *p)
{
	uint8_t l4[FRAG6 + BODY_MAX] = { proto };
	uint16_t field = (uint16_t)(p->block << 3 | p->more);
	l4[2] = (uint8_t)(field >> 8);
	l4[3] = (uint8_t)field;
	memcpy(l4 + FRAG6, p->body, p->len);
	if (v6)
		return pk_raw(PEER6, SELF6, IP_PROTO_FRAG6, span_of(l4, FRAG6 + p->len));
	struct pk k = pk_raw(PEER, SELF, proto, span_of(p->body, p->len));
	k.b[6] = (uint8_t)((p->more ? 0x20 : 0) | p->block >> 8);
	k.b[7] = (uint8_t)p->block;
	return k;
}

/* A transport header to one of two ports, one of which is open, and bytes of no meaning. */
static void fill(struct rng *rng, uint8_t proto, uint8_t body[static BODY_MAX])
{
	rng_fill(rng, body, BODY_MAX);
	body[2] = 0;
	body[3] = rng_u64(rng) & 1 ? 22 : 23;
	if (proto == IP_PROTO_TCP) {
		body[12] = 0x50;
		body[13] = rng_u64(rng) & 1 ? TCP_SYN : TCP_ACK;
	}
}

static size_t upto(struct rng *rng, size_t n)
{
	return (size_t)(rng_u64(rng) % (n + 1));
}

/* Any cut of one of two datagrams; pieces overlap as they like. */
static struct piece cut(struct rng *rng, uint8_t bodies[2][BODY_MAX])
{
	struct piece p = { .more = rng_u64(rng) & 3 };
	const uint8_t *from = bodies[rng_u64(rng) & 1];
	p.block = rng_u64(rng) & 1 ? 0 : (unsigned)upto(rng, BODY_MAX / 8 - 1);
	p.len = upto(rng, BODY_MAX - p.block * 8);
	memcpy(p.body, from + p.block * 8, p.len);
	return p;
}

/* ---- putting them together ---- */

struct whole {
	uint8_t body[BODY_MAX];
	bool have[BODY_MAX];
};

/* Where pieces overlap, kernels differ: the first one wins, or the last. */
static void put(struct whole *w, const struct piece *p, bool last_wins)
{
	for (size_t i = 0; i < p->len; i++) {
		size_t at = p->block * 8 + i;
		if (w->have[at] && !last_wins)
			continue;
		w->have[at] = true;
		w->body[at] = p->body[i];
	}
}

static size_t length(const struct whole *w)
{
	size_t n = 0;
	while (n < BODY_MAX && w->have[n])
		n++;
	return n;
}

static void must_be_allowed(const struct whole *w, bool v6, uint8_t proto)
{
	struct piece p = { .len = length(w) };
	memcpy(p.body, w->body, p.len);
	struct pk k = v6 ? pk_raw(PEER6, SELF6, proto, span_of(p.body, p.len))
			 : pk_raw(PEER, SELF, proto, span_of(p.body, p.len));
	if (p.len > 0)
		assert_int_equal(judge(pk_span(&k)), FLT_PASS);
}

static void one_run(struct rng *rng, bool v6, uint8_t proto)
{
	uint8_t bodies[2][BODY_MAX];
	struct whole w[4] = { 0 };
	struct piece passed[PIECES_MAX];
	size_t n = 0;
	fill(rng, proto, bodies[0]);
	fill(rng, proto, bodies[1]);
	for (size_t i = 0; i < PIECES_MAX; i++) {
		struct piece p = cut(rng, bodies);
		struct pk k = pack(v6, proto, &p);
		if (judge(pk_span(&k)) == FLT_PASS)
			passed[n++] = p;
	}
	for (size_t i = 0; i < n; i++) {
		put(&w[0], &passed[i], false);
		put(&w[1], &passed[i], true);
		put(&w[2], &passed[n - 1 - i], false);
		put(&w[3], &passed[n - 1 - i], true);
	}
	for (size_t i = 0; i < 4; i++)
		must_be_allowed(&w[i], v6, proto);
}

static void nothing_is_put_together_that_would_be_refused_whole(void **state)
{
	struct rng_seeded rng;
	(void)state;
	rng_seeded_init(&rng, 4);
	for (int i = 0; i < 20000; i++) {
		one_run(&rng.rng, i & 1, IP_PROTO_TCP);
		one_run(&rng.rng, i & 1, IP_PROTO_UDP);
	}
}

/* ---- each kind by itself ---- */

static enum flt_verdict fragment(bool v6, uint8_t proto, unsigned block, size_t len, bool more)
{
	struct piece p = { .block = block, .len = len, .more = more };
	p.body[3] = 22;
	p.body[13] = TCP_SYN;
	struct pk k = pack(v6, proto, &p);
	return judge(pk_span(&k));
}

static void tiny_and_near_ones(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t len = 0; len < 20; len++)
			assert_int_equal(fragment(v6, IP_PROTO_TCP, 0, len, true),
					 FLT_DROP_UNKNOWN_PROTO);
		assert_int_equal(fragment(v6, IP_PROTO_TCP, 0, 20, true), FLT_PASS);
		assert_int_equal(fragment(v6, IP_PROTO_UDP, 0, 7, true), FLT_DROP_UNKNOWN_PROTO);
		assert_int_equal(fragment(v6, IP_PROTO_UDP, 0, 8, true), FLT_PASS);
		for (unsigned block = 1; block < 10; block++)
			assert_int_equal(fragment(v6, IP_PROTO_UDP, block, 64, block & 1),
					 FLT_DROP_UNKNOWN_PROTO);
		assert_int_equal(fragment(v6, IP_PROTO_UDP, 10, 64, false), FLT_PASS);
		assert_int_equal(fragment(v6, IP_PROTO_UDP, 0x1ff, 64, true), FLT_PASS);
	}
}

/* Headers from the base header on, each of 8 bytes, the last one TCP. */
static struct pk chained(const uint8_t *protos)
{
	uint8_t l4[4 * 8 + 20] = { 0 };
	size_t at = 0;
	for (size_t i = 0; protos[i] != IP_PROTO_TCP; i++, at += 8)
		l4[at] = protos[i + 1];
	l4[at + 3] = 22;
	l4[at + 12] = 0x50;
	l4[at + 13] = TCP_SYN;
	return pk_raw(PEER6, SELF6, protos[0], span_of(l4, at + 20));
}

static void what_stands_before_the_transport_header(void **state)
{
	enum { HOP = 0, ROUTING = 43, FRAG = 44, AUTH = 51, NONE = 59, OPTIONS = 60 };
	static const struct {
		uint8_t protos[4];
		enum flt_verdict v;
	} t[] = {
		{ { IP_PROTO_TCP }, FLT_PASS },
		{ { FRAG, IP_PROTO_TCP }, FLT_PASS },
		{ { HOP, IP_PROTO_TCP }, FLT_DROP_UNKNOWN_PROTO },
		{ { HOP, HOP, IP_PROTO_TCP }, FLT_DROP_UNKNOWN_PROTO },
		{ { HOP, FRAG, IP_PROTO_TCP }, FLT_DROP_UNKNOWN_PROTO },
		{ { FRAG, HOP, IP_PROTO_TCP }, FLT_DROP_UNKNOWN_PROTO },
		{ { FRAG, FRAG, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { FRAG, OPTIONS, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { OPTIONS, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { OPTIONS, FRAG, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { ROUTING, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { AUTH, IP_PROTO_TCP }, FLT_DROP_ACL },
		{ { NONE, IP_PROTO_TCP }, FLT_DROP_ACL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pk p = chained(t[i].protos);
		if (judge(pk_span(&p)) != t[i].v)
			fail_msg("chain %zu", i);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_is_put_together_that_would_be_refused_whole),
		T(tiny_and_near_ones),
		T(what_stands_before_the_transport_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
