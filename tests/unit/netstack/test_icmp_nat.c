/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/checksum.h"
#include "netstack/icmp.h"
#include "netstack/ip_nat.h"

static const uint8_t token[4] = { 1, 2, 3, 4 };

/* Sums to all ones with its checksum in place. */
static void assert_l4_sum(const struct pkt *p, struct span bytes)
{
	struct span l4 = pkt_l4(p, bytes);
	uint64_t sum = p->proto == IP_PROTO_ICMP
			   ? 0
			   : csum_pseudo(p->src.ip, p->dst.ip, p->proto, (uint32_t)l4.len);
	assert_int_equal(csum_fold(csum_add(sum, l4)), 0xffff);
	if (p->version == 4)
		assert_int_equal(csum_fold(csum_add(0, span_of(bytes.p, 20))), 0xffff);
}

static void an_echo_there_and_back(void **state)
{
	static const char *const ends[][2] = { { "10.0.0.1", "10.0.0.2" },
					       { "fd00::1", "fd00::2" } };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t req[128], rep[128], got[4];
		struct pkt p, q;
		size_t n = icmp_echo_request_build(mspan_of(req, sizeof(req)), pk_ip(ends[i][0]),
						   pk_ip(ends[i][1]), token, span_str("hello"));
		pkt_decode(span_of(req, n), &p);
		assert_true(pkt_is_echo_request(&p));
		assert_l4_sum(&p, span_of(req, n));
		size_t m = icmp_echo_reply_build(mspan_of(rep, sizeof(rep)), &p, span_of(req, n));
		assert_int_equal(m, n);
		pkt_decode(span_of(rep, m), &q);
		assert_true(pkt_is_echo_reply(&q));
		assert_l4_sum(&q, span_of(rep, m));
		assert_true(pkt_echo_token(&q, span_of(rep, m), got));
		assert_memory_equal(got, token, 4);
		assert_true(ip_eq(q.src.ip, p.dst.ip) && ip_eq(q.dst.ip, p.src.ip));
	}
}

static void builders_refuse(void **state)
{
	uint8_t out[64];
	struct pk syn = pk_tcp("10.0.0.1", "10.0.0.2", 1, TCP_SYN);
	struct pkt p = pk_decode(&syn), unknown = { .version = 4 };
	(void)state;
	assert_int_equal(icmp_echo_reply_build(mspan_of(out, sizeof(out)), &p, pk_span(&syn)), 0);
	assert_int_equal(
	    icmp_unreachable_build(mspan_of(out, sizeof(out)), &unknown, pk_span(&syn)), 0);
	assert_int_equal(icmp_unreachable_build(mspan_of(out, 30), &p, pk_span(&syn)), 0);
	assert_int_equal(icmp_echo_request_build(mspan_of(out, sizeof(out)), pk_ip("10.0.0.1"),
						 pk_ip("fd00::1"), token, span_str("")),
			 0);
}

static void an_error_never_exceeds_1280(void **state)
{
	static uint8_t big[3000], out[3000];
	struct ip_hdr h = { pk_ip("fd00::1"), pk_ip("fd00::2"), IP_PROTO_UDP, 0 };
	struct wr w = wr_init(mspan_of(big, sizeof(big)));
	struct pkt p;
	(void)state;
	ip_hdr_build(&w, &h, sizeof(big) - 40);
	pkt_decode(span_of(big, sizeof(big)), &p);
	assert_int_equal(
	    icmp_unreachable_build(mspan_of(out, sizeof(out)), &p, span_of(big, sizeof(big))),
	    ICMP_ERROR_MAX);
}

static void fill_l4_sum(struct pk *pk, size_t off)
{
	struct pkt p = pk_decode(pk);
	struct span l4 = pkt_l4(&p, pk_span(pk));
	uint16_t sum =
	    csum_finish(csum_add(csum_pseudo(p.src.ip, p.dst.ip, p.proto, (uint32_t)l4.len), l4));
	pk->b[p.l4 + off] = (uint8_t)(sum >> 8);
	pk->b[p.l4 + off + 1] = (uint8_t)sum;
}

static void rewriting_keeps_sums_true(void **state)
{
	(void)state;
	struct pk t = pk_tcp("10.0.0.1", "10.0.0.2", 80, TCP_SYN);
	struct pk u = pk_udp("fd00::1", 1, "fd00::2", 2);
	struct pk e = pk_echo("fd00::1", "fd00::2", false);
	fill_l4_sum(&t, 16);
	fill_l4_sum(&u, 6);
	fill_l4_sum(&e, 2);
	struct {
		struct pk *pk;
		const char *to;
	} c[] = { { &t, "192.0.2.77" }, { &u, "2001:db8::77" }, { &e, "2001:db8::78" } };
	for (size_t i = 0; i < 3; i++) {
		struct pkt p = pk_decode(c[i].pk);
		struct mspan b = mspan_of(c[i].pk->b, c[i].pk->len);
		assert_l4_sum(&p, pk_span(c[i].pk));
		assert_true(ip_nat_src(b, &p, pk_ip(c[i].to)));
		assert_true(ip_nat_dst(b, &p, pk_ip(c[i].to)));
		struct pkt again = pk_decode(c[i].pk);
		assert_memory_equal(&again, &p, sizeof(p));
		assert_true(ip_eq(p.src.ip, pk_ip(c[i].to)) && ip_eq(p.dst.ip, pk_ip(c[i].to)));
		assert_l4_sum(&p, pk_span(c[i].pk));
	}
}

static void an_unused_udp_sum_stays_unused(void **state)
{
	struct pk u = pk_udp("10.0.0.1", 1, "10.0.0.2", 2);
	struct pkt p = pk_decode(&u);
	(void)state;
	assert_true(ip_nat_src(mspan_of(u.b, u.len), &p, pk_ip("10.9.9.9")));
	assert_int_equal(u.b[26] | u.b[27], 0);
}

static void a_later_fragment_keeps_its_data(void **state)
{
	struct pk u = pk_udp("10.0.0.1", 1, "10.0.0.2", 2), before;
	(void)state;
	u.b[7] = 20;
	before = u;
	struct pkt p = pk_decode(&u);
	assert_true(ip_nat_src(mspan_of(u.b, u.len), &p, pk_ip("10.9.9.9")));
	assert_memory_equal(u.b + 20, before.b + 20, u.len - 20);
}

static void rewriting_refuses(void **state)
{
	struct pk u = pk_udp("10.0.0.1", 1, "10.0.0.2", 2), before = u;
	struct pkt p = pk_decode(&u), unknown = { .version = 4 };
	(void)state;
	assert_false(ip_nat_src(mspan_of(u.b, u.len), &p, pk_ip("fd00::1")));
	assert_false(ip_nat_dst(mspan_of(u.b, u.len), &unknown, pk_ip("10.0.0.9")));
	assert_false(ip_nat_dst(mspan_of(u.b, u.len - 1), &p, pk_ip("10.0.0.9")));
	assert_memory_equal(u.b, before.b, u.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_there_and_back),
		cmocka_unit_test(builders_refuse),
		cmocka_unit_test(an_error_never_exceeds_1280),
		cmocka_unit_test(rewriting_keeps_sums_true),
		cmocka_unit_test(an_unused_udp_sum_stays_unused),
		cmocka_unit_test(a_later_fragment_keeps_its_data),
		cmocka_unit_test(rewriting_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
