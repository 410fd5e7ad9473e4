/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/checksum.h"

static void sums_join_and_fold(void **state)
{
	/* The example of RFC 1071, section 3. */
	static const uint8_t b[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	(void)state;
	assert_int_equal(csum_fold(csum_add(0, span_of(b, 8))), 0xddf2);
	for (size_t cut = 0; cut <= 8; cut += 2)
		assert_int_equal(
		    csum_fold(csum_add(csum_add(0, span_of(b, cut)), span_of(b + cut, 8 - cut))),
		    0xddf2);
	assert_int_equal(csum_fold(csum_add(0, span_of(b, 3))), 0xf201);
	assert_int_equal(csum_finish(0), 0xffff);
	assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
}

static void an_update_equals_a_new_sum(void **state)
{
	uint8_t b[40];
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(b); i++)
			b[i] = (uint8_t)(i * 37 + round * 101);
		uint16_t old = csum_finish(csum_add(0, span_of(b, sizeof(b))));
		uint8_t to[8] = { (uint8_t)round, 0xff, 0, 0, (uint8_t)(round * 3), 1, 0xff, 0xff };
		uint16_t updated = csum_update(old, span_of(b + 8, 8), span_of(to, 8));
		memcpy(b + 8, to, 8);
		assert_int_equal(updated, csum_finish(csum_add(0, span_of(b, sizeof(b)))));
	}
}

static uint8_t proto_of(struct pk *p, size_t len)
{
	struct pkt d;
	pkt_decode(span_of(p->b, len), &d);
	return d.proto;
}

static void a_cut_packet_is_unknown(void **state)
{
	struct pk all[] = { pk_tcp("100.64.0.2", "100.64.0.1", 22, TCP_SYN),
			    pk_udp("fd7a::1", 1, "fd7a::2", 2),
			    pk_echo("10.0.0.1", "10.0.0.2", 0) };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = 0; len < all[i].len; len++)
			assert_int_equal(proto_of(&all[i], len), IP_PROTO_UNKNOWN);
		assert_int_not_equal(proto_of(&all[i], all[i].len), IP_PROTO_UNKNOWN);
	}
}

static void an_unknown_packet_has_no_fields(void **state)
{
	struct pk p = pk_tcp("100.64.0.2", "100.64.0.1", 22, TCP_SYN);
	struct pkt d, zero = { .version = 4 };
	(void)state;
	p.b[9] = 255;
	pkt_decode(pk_span(&p), &d);
	assert_memory_equal(&d, &zero, sizeof(d));
	p.b[9] = IP_PROTO_TCP;
	p.b[0] = 0x44; /* a header of 16 bytes would be read from the addresses */
	pkt_decode(pk_span(&p), &d);
	assert_memory_equal(&d, &zero, sizeof(d));
	p.b[0] = 0x4f; /* longer than the packet */
	pkt_decode(pk_span(&p), &d);
	assert_memory_equal(&d, &zero, sizeof(d));
}

static void mapped_addresses_are_refused(void **state)
{
	struct pk p = pk_udp("2001:db8::1", 1, "2001:db8::2", 2);
	(void)state;
	memset(p.b + 24, 0, 10);
	memset(p.b + 34, 0xff, 2);
	assert_int_equal(proto_of(&p, p.len), IP_PROTO_UNKNOWN);
}

static void ports_belong_to_three_protocols(void **state)
{
	uint8_t l4[16] = { 1, 2, 3, 4 };
	(void)state;
	for (int proto = 1; proto < 255; proto++) {
		struct pk p = pk_raw("10.0.0.1", "10.0.0.2", (uint8_t)proto, span_of(l4, 20 - 4));
		struct pkt d = pk_decode(&p);
		bool ports = proto == IP_PROTO_UDP || proto == IP_PROTO_SCTP;
		assert_int_equal(d.src.port, ports ? 0x0102 : 0);
		assert_int_equal(d.dst.port, ports ? 0x0304 : 0);
		assert_int_equal(d.proto, proto == IP_PROTO_TCP ? 0 : proto);
	}
}

static void later_fragments_have_no_transport(void **state)
{
	struct pk p = pk_udp("10.0.0.1", 1, "10.0.0.2", 2);
	(void)state;
	p.b[7] = 10;
	struct pkt d = pk_decode(&p);
	assert_int_equal(d.proto, IP_PROTO_FRAGMENT);
	assert_int_equal(d.src.port, 0);
	assert_int_equal(pkt_l4(&d, pk_span(&p)).len, 0);
	assert_int_equal(pkt_udp_data(&d, pk_span(&p)).len, 0);
}

static void bytes_behind_the_packet_do_not_count(void **state)
{
	struct pk p = pk_udp("10.0.0.1", 1, "10.0.0.2", 2);
	(void)state;
	p.len += 9;
	struct pkt d = pk_decode(&p);
	assert_int_equal(d.len, 32);
	assert_int_equal(pkt_udp_data(&d, pk_span(&p)).len, 4);
}

static void headers_that_cannot_be(void **state)
{
	uint8_t b[64];
	struct ip_hdr mixed = { pk_ip("10.0.0.1"), pk_ip("fd00::1"), 6, 0 };
	struct ip_hdr none = { { 0 }, { 0 }, 6, 0 };
	struct ip_hdr v4 = { pk_ip("10.0.0.1"), pk_ip("10.0.0.2"), 6, 0 };
	struct ip_hdr v6 = { pk_ip("fd00::2"), pk_ip("fd00::1"), 6, 0 };
	(void)state;
	const struct {
		const struct ip_hdr *h;
		size_t payload;
		bool ok;
	} t[] = { { &mixed, 1, false },	 { &none, 1, false },  { &v4, 65515, true },
		  { &v4, 65516, false }, { &v6, 65535, true }, { &v6, 65536, false } };
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct wr w = wr_init(mspan_of(b, sizeof(b)));
		ip_hdr_build(&w, t[i].h, t[i].payload);
		assert_int_equal(wr_ok(&w), t[i].ok);
	}
	struct wr small = wr_init(mspan_of(b, 39));
	ip_hdr_build(&small, &v6, 0);
	assert_false(wr_ok(&small));
}

static void echo_tokens(void **state)
{
	uint8_t token[4];
	struct pk p = pk_echo("10.0.0.1", "10.0.0.2", true);
	struct pkt d = pk_decode(&p);
	static const uint8_t want[4] = { 0xab, 0xcd, 0, 1 };
	(void)state;
	assert_true(pkt_is_echo_reply(&d) && !pkt_is_echo_request(&d));
	assert_true(pkt_echo_token(&d, pk_span(&p), token));
	assert_memory_equal(token, want, 4);
	p.b[21] = 1; /* a code that echoes do not have */
	d = pk_decode(&p);
	assert_false(pkt_echo_token(&d, pk_span(&p), token));
}

/* ---- one TCP connection ---- */

static bool continues(const struct pk *a, const struct pk *b)
{
	return pkt_continues_tcp(pk_span(a), pk_span(b));
}

static void tcp_goes_on_in_the_same_connection_only(void **state)
{
	(void)state;
	static const char *const side[][2] = { { "100.64.0.1", "100.64.0.2" },
					       { "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2" } };
	for (size_t v = 0; v < 2; v++) {
		const char *x = side[v][0], *y = side[v][1];
		struct pk a = pk_tcp(x, y, 80, TCP_ACK), b = a;
		struct pk back = pk_tcp(y, x, 80, TCP_ACK), port = pk_tcp(x, y, 81, TCP_ACK);
		struct pk syn = pk_tcp(x, y, 80, TCP_SYN), udp = pk_udp(x, 5000, y, 80);
		assert_true(continues(&a, &b));
		b.b[b.len - 1] ^= 1; /* of no header field that is decided by */
		assert_true(continues(&a, &b));
		assert_false(continues(&a, &back));
		assert_false(continues(&a, &port));
		assert_false(continues(&a, &syn));
		assert_false(continues(&syn, &a));
		assert_false(continues(&syn, &syn));
		assert_false(continues(&udp, &udp));
		for (b.len = 0; b.len < a.len; b.len++) {
			assert_false(continues(&a, &b));
			assert_false(continues(&b, &a));
		}
	}
	struct pk a = pk_tcp(side[0][0], side[0][1], 80, TCP_ACK), b = a;
	b.b[6] = 0x20; /* more fragments */
	assert_false(continues(&a, &b));
	assert_false(continues(&b, &b));
	b.b[6] = 0;
	b.b[7] = 1; /* a later one */
	assert_false(continues(&a, &b));
	b.b[7] = 0;
	b.b[6] = 0x40; /* "do not fragment" is no fragment */
	assert_true(continues(&a, &b));
	b.b[0] = 0x46; /* options */
	assert_false(continues(&b, &b));
}

/* Whatever bit is another: if it goes on, all that a decision looks at is the same. */
static void what_goes_on_decodes_alike(void **state)
{
	(void)state;
	static const char *const side[][2] = { { "100.64.0.1", "100.64.0.2" },
					       { "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2" } };
	for (size_t v = 0; v < 2; v++) {
		struct pk a = pk_tcp(side[v][0], side[v][1], 80, TCP_ACK);
		size_t went_on = 0;
		for (size_t bit = 0; bit < a.len * 8; bit++) {
			struct pk b = a;
			b.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (!continues(&a, &b))
				continue;
			went_on++;
			struct pkt p = pk_decode(&a), q = pk_decode(&b);
			if (q.len != b.len)
				continue; /* a length that lies */
			assert_int_equal(q.version, p.version);
			assert_int_equal(q.proto, IP_PROTO_TCP);
			assert_true(ip_eq(p.src.ip, q.src.ip) && ip_eq(p.dst.ip, q.dst.ip));
			assert_true(p.src.port == q.src.port && p.dst.port == q.dst.port);
			assert_false(pkt_is_tcp_syn(&q));
		}
		assert_true(went_on > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_join_and_fold),
		cmocka_unit_test(an_update_equals_a_new_sum),
		cmocka_unit_test(a_cut_packet_is_unknown),
		cmocka_unit_test(an_unknown_packet_has_no_fields),
		cmocka_unit_test(mapped_addresses_are_refused),
		cmocka_unit_test(ports_belong_to_three_protocols),
		cmocka_unit_test(later_fragments_have_no_transport),
		cmocka_unit_test(bytes_behind_the_packet_do_not_count),
		cmocka_unit_test(headers_that_cannot_be),
		cmocka_unit_test(echo_tokens),
		cmocka_unit_test(tcp_goes_on_in_the_same_connection_only),
		cmocka_unit_test(what_goes_on_decodes_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
