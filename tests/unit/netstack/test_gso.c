/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Splitting: what comes out is what would have been built one by one; what is wrong is refused. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/seg.h"

#include "netstack/gso.h"

static uint8_t big[GSO_PACKET_MAX + 1], want[GSO_PACKET_MAX], got[GSO_PACKET_MAX];

static struct mspan build(const struct seg *t)
{
	return mspan_of(big, seg_build(t, big));
}

/* Of IPv4 each segment counts the identification on. */
static size_t build_part(const struct seg *whole, uint32_t i, uint16_t size)
{
	struct seg t = *whole;
	uint32_t at = i * size;
	t.seq += at;
	t.len = (uint16_t)(whole->len - at < size ? whole->len - at : size);
	if (at + t.len < whole->len)
		t.flags &= (uint8_t) ~(SEG_PSH | TCP_FIN);
	size_t len = seg_build(&t, want);
	if (!t.v6) {
		hdr_put16(want + IP4_ID, (uint16_t)(hdr_get16(want + IP4_ID) + i));
		seg_finish(mspan_of(want, len));
	}
	return len;
}

static void check_split(const struct seg *t, uint16_t size)
{
	struct gso g;
	struct mspan m = build(t);
	struct vnet h = seg_leave(m, size);
	h.hdr_len = 0xffff;
	assert_int_equal(gso_parse(&h, span_const(m), &g), 0);
	assert_int_equal(g.n, t->len ? (t->len + size - 1u) / size : 1);
	for (uint32_t k = 0; k < g.n; k++) {
		uint32_t i = g.n - 1 - k; /* in any order */
		size_t len = build_part(t, i, size);
		assert_int_equal(gso_segment_len(&g, i), len);
		got[len] = 0xa5;
		gso_segment(&g, i, got);
		assert_memory_equal(got, want, len);
		assert_int_equal(got[len], 0xa5);
	}
}

static void as_built_one_by_one(void **state)
{
	static const uint16_t lens[] = { 1, 2, 99, 100, 101, 1000, 3333 };
	static const uint16_t sizes[] = { 1, 7, 100, 1228, 65535 };
	(void)state;
	for (size_t i = 0; i < 7 * 5 * 4; i++) {
		struct seg t = { .v6 = i & 1,
				 .udp = i & 2,
				 .seq = UINT32_MAX - 500,
				 .len = lens[i / 4 % 7],
				 .flags = TCP_ACK | TCP_FIN | SEG_PSH,
				 .window = 99 };
		check_split(&t, sizes[i / 28]);
	}
	check_split(&(struct seg){ .len = GSO_PACKET_MAX - 52, .flags = TCP_ACK }, 1228);
	check_split(&(struct seg){ .len = GSO_PACKET_MAX - 28, .udp = true }, 1000);
}

static void behind_extension_headers(void **state)
{
	struct seg t = { .v6 = true, .udp = true, .len = 250 };
	struct gso g;
	(void)state;
	struct mspan m = build(&t);
	struct vnet h = seg_leave(m, 100);
	memmove(m.p + 48, m.p + 40, m.len - 40);
	memcpy(m.p + 40, (const uint8_t[8]){ IP_PROTO_UDP, 0, 1, 4 }, 8);
	m.len += 8;
	m.p[IP6_NEXT] = 60; /* destination options */
	hdr_put16(m.p + IP6_PAYLOAD_LEN, (uint16_t)(m.len - 40));
	h.csum_start += 8;
	assert_int_equal(gso_parse(&h, span_const(m), &g), 0);
	assert_int_equal(g.n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		size_t len = gso_segment_len(&g, i);
		gso_segment(&g, i, got);
		assert_int_equal(len, i < 2 ? 48 + 8 + 100 : 48 + 8 + 50);
		assert_memory_equal(got + 40, m.p + 40, 8);
		/* the same without them must verify */
		memmove(got + 40, got + 48, len - 48);
		got[IP6_NEXT] = IP_PROTO_UDP;
		assert_true(seg_sums_ok(span_of(got, len - 8)));
	}
}

/* Its payload makes the sum all ones, so that the checksum is computed as zero. */
static struct mspan build_zero_sum(struct seg *t)
{
	struct mspan m = build(t);
	uint8_t *word =
	    seg_csum_at(m) + 2; /* behind the UDP header; 6 behind the window of TCP's */
	hdr_put16(word, 0);
	seg_finish(m);
	hdr_put16(word, hdr_get16(seg_csum_at(m)));
	return m;
}

static void zero_of_udp_is_all_ones(void **state)
{
	struct gso g;
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		struct seg t = { .udp = udp, .len = 64 };
		struct mspan m = build_zero_sum(&t);
		struct vnet h = seg_leave(m, 0);
		uint16_t expect = udp ? 0xffff : 0;
		assert_int_equal(gso_parse(&h, span_const(m), &g), 0);
		gso_segment(&g, 0, got);
		assert_int_equal(hdr_get16(seg_csum_at(mspan_of(got, m.len))), expect);
		assert_int_equal(gso_complete(&h, m), 0);
		assert_int_equal(hdr_get16(seg_csum_at(m)), expect);
	}
	struct seg t = { .udp = true, .len = 64 };
	struct mspan m = build_zero_sum(&t);
	/* the second half adds nothing, the headers differ by the shorter length, twice */
	memset(m.p + 28 + 32, 0, 32);
	hdr_put16(m.p + 28, 0);
	hdr_put16(m.p + 20 + UDP_LEN, 40);
	hdr_put16(m.p + IP4_TOTAL_LEN, 60);
	seg_finish(mspan_of(m.p, 60));
	hdr_put16(m.p + 28, hdr_get16(seg_csum_at(m)));
	hdr_put16(m.p + 20 + UDP_LEN, 72);
	hdr_put16(m.p + IP4_TOTAL_LEN, 92);
	struct vnet h = seg_leave(m, 32);
	assert_int_equal(gso_parse(&h, span_const(m), &g), 0);
	gso_segment(&g, 0, got);
	assert_int_equal(hdr_get16(seg_csum_at(mspan_of(got, 60))), 0xffff);
}

static void plain_packets_stay(void **state)
{
	struct seg t = { .len = 100 };
	struct vnet h = { .flags = VNET_F_DATA_VALID, .csum_start = 9999 };
	struct gso g;
	(void)state;
	struct mspan m = build(&t);
	memcpy(want, m.p, m.len);
	assert_int_equal(gso_complete(&h, m), 0);
	assert_memory_equal(m.p, want, m.len);
	assert_int_equal(gso_parse(&h, span_const(m), &g), 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.hdr_len, 0);
	gso_segment(&g, 0, got);
	assert_memory_equal(got, want, m.len);
}

/* ---- refused ---- */

struct wrong {
	const char *what;
	struct seg seg;
	int rc;
	struct vnet or ; /* added to the header */
	int at, byte;	 /* of the packet, if at >= 0 */
	int cut;	 /* bytes taken off the end */
};

#define TCP4                                                                                       \
	{                                                                                          \
		.len = 400                                                                         \
	}
#define TCP6                                                                                       \
	{                                                                                          \
		.v6 = true, .len = 400                                                             \
	}
#define UDP4                                                                                       \
	{                                                                                          \
		.udp = true, .len = 400                                                            \
	}
#define UDP6                                                                                       \
	{                                                                                          \
		.v6 = true, .udp = true, .len = 400                                                \
	}

static const struct wrong wrongs[] = {
	{ "ECN", TCP4, -ERR_TYPE, { .gso_type = 0x80 }, -1, 0, 0 },
	{ "fragments of UDP (3)", TCP4, -ERR_TYPE, { .gso_type = 3 }, -1, 0, 0 },
	{ "TCPv6 on IPv4", TCP4, -ERR_TYPE, { .gso_type = 5 ^ 1 }, 0, 0x45, 0 },
	{ "IPv5", TCP4, -ERR_TYPE, { 0 }, 0, 0x55, 0 },
	{ "IPv6 in an IPv4 super-packet", TCP4, -ERR_TYPE, { 0 }, 0, 0x65, 0 },
	{ "IPv4 in an IPv6 super-packet", TCP6, -ERR_TYPE, { 0 }, 0, 0x45, 0 },
	{ "another protocol, IPv4", TCP4, -ERR_TYPE, { 0 }, IP4_PROTO, 17, 0 },
	{ "another protocol, IPv6", UDP6, -ERR_TYPE, { 0 }, IP6_NEXT, 6, 0 },
	{ "IHL 4", TCP4, -ERR_RANGE, { 0 }, 0, 0x44, 0 },
	{ "IHL 6", TCP4, -ERR_RANGE, { 0 }, 0, 0x46, 0 },
	{ "IPv4 length", UDP4, -ERR_RANGE, { 0 }, IP4_TOTAL_LEN + 1, 0, 0 },
	{ "IPv6 length", TCP6, -ERR_RANGE, { 0 }, IP6_PAYLOAD_LEN + 1, 0, 0 },
	{ "one byte less", TCP6, -ERR_RANGE, { 0 }, -1, 0, 1 },
	{ "csum_start", TCP4, -ERR_RANGE, { .csum_start = 1 }, -1, 0, 0 },
	{ "csum_start, odd, IPv6", UDP6, -ERR_RANGE, { .csum_start = 1 }, -1, 0, 0 },
	{ "csum_start far away, IPv6", TCP6, -ERR_SHORT, { .csum_start = 0x4000 }, -1, 0, 0 },
	{ "csum_offset", TCP4, -ERR_RANGE, { .csum_offset = 6 }, -1, 0, 0 },
	{ "data offset 16", TCP4, -ERR_RANGE, { 0 }, 20 + TCP_OFF_FLAGS, 0x40, 0 },
	{ "less than an IPv4 header", TCP4, -ERR_SHORT, { 0 }, -1, 0, 452 - 19 },
	{ "less than an IPv6 header", TCP6, -ERR_SHORT, { 0 }, -1, 0, 472 - 39 },
	{ "nothing", TCP4, -ERR_SHORT, { 0 }, -1, 0, 452 },
};

static void wrong_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct gso g, before;
		struct mspan m = build(&w->seg);
		struct vnet h = seg_leave(m, 100);
		h.gso_type |= w->or.gso_type;
		h.csum_start |= w->or.csum_start;
		h.csum_offset |= w->or.csum_offset;
		if (w->at >= 0)
			m.p[w->at] = (uint8_t)w->byte;
		memset(&g, 0x5a, sizeof(g));
		before = g;
		int rc = gso_parse(&h, span_of(m.p, m.len - (size_t)w->cut), &g);
		if (rc != w->rc)
			fail_msg("%s: %d", w->what, rc);
		assert_memory_equal(&g, &before, sizeof(g));
	}
}

/* The IP length is right, the transport header is not whole. */
static void short_transport_headers(void **state)
{
	struct gso g;
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct seg t = { .v6 = kind & 1, .udp = kind & 2 };
		struct mspan m = build(&t);
		struct vnet h = seg_leave(m, 100);
		size_t l4 = seg_l4(span_const(m)), need = m.len;
		for (m.len = l4; m.len < need; m.len++) {
			hdr_put16(m.p + (t.v6 ? IP6_PAYLOAD_LEN : IP4_TOTAL_LEN),
				  (uint16_t)(t.v6 ? m.len - 40 : m.len));
			assert_int_equal(gso_parse(&h, span_const(m), &g), -ERR_SHORT);
		}
	}
}

static void wrong_headers(void **state)
{
	struct seg t = { .len = 400 };
	struct gso g;
	(void)state;
	struct mspan m = build(&t);
	struct vnet h = seg_leave(m, 100), bad = h;
	bad.gso_size = 0;
	assert_int_equal(gso_parse(&bad, span_const(m), &g), -ERR_RANGE);
	bad = h;
	bad.flags = VNET_F_DATA_VALID;
	assert_int_equal(gso_parse(&bad, span_const(m), &g), -ERR_RANGE);
	assert_int_equal(gso_complete(&h, m), -ERR_TYPE);
	assert_int_equal(gso_parse(&h, span_of(big, GSO_PACKET_MAX + 1), &g), -ERR_RANGE);
}

static void a_checksum_that_is_nowhere(void **state)
{
	static const struct {
		uint16_t start, offset;
		int rc;
	} rows[] = {
		{ 20, 16, 0 },
		{ 150, 0, 0 },
		{ 151, 0, -ERR_RANGE },
		{ 20, 132, -ERR_RANGE },
		{ 0, 0, -ERR_RANGE },
		{ 20, 5, -ERR_RANGE },
		{ 65535, 65534, -ERR_RANGE },
		{ 65535, 2, -ERR_RANGE },
	};
	struct seg t = { .len = 100 };
	struct gso g;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mspan m = build(&t);
		struct vnet h = { .flags = VNET_F_NEEDS_CSUM,
				  .csum_start = rows[i].start,
				  .csum_offset = rows[i].offset };
		memcpy(want, m.p, m.len);
		assert_int_equal(gso_parse(&h, span_const(m), &g), rows[i].rc);
		assert_int_equal(gso_complete(&h, m), rows[i].rc);
		if (rows[i].rc)
			assert_memory_equal(m.p, want, m.len);
	}
}

static void the_header_is_as_on_the_wire(void **state)
{
	static const uint8_t b[VNET_HDR_LEN] = { 1, 5, 3, 4, 5, 6, 7, 8, 9, 10 };
	uint8_t again[VNET_HDR_LEN];
	struct vnet h = vnet_get(b);
	uint16_t gso_size;
	(void)state;
	memcpy(&gso_size, b + 4, 2);
	assert_true(h.flags == 1 && h.gso_type == VNET_GSO_UDP_L4 && h.gso_size == gso_size);
	vnet_put(again, &h);
	assert_memory_equal(again, b, sizeof(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_built_one_by_one),
		cmocka_unit_test(behind_extension_headers),
		cmocka_unit_test(zero_of_udp_is_all_ones),
		cmocka_unit_test(plain_packets_stay),
		cmocka_unit_test(wrong_reads),
		cmocka_unit_test(short_transport_headers),
		cmocka_unit_test(wrong_headers),
		cmocka_unit_test(a_checksum_that_is_nowhere),
		cmocka_unit_test(the_header_is_as_on_the_wire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
