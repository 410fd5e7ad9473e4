/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Joining: what the vectors do not show. Bounds, order, and what must not be joined. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/seg.h"

#include "base/alloc.h"
#include "netstack/gro.h"

#define BATCH 1100
#define ROOM 1400

static uint8_t mem[BATCH][ROOM];
static struct mspan packets[BATCH];
static struct gro *gro;
static const struct gro_item *items;
static size_t n;

static int setup(void **state)
{
	(void)state;
	gro = gro_new(BATCH, GRO_TCP | GRO_UDP);
	n = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gro_free(gro);
	gro_free(NULL);
	return 0;
}

static struct mspan put(struct seg t)
{
	assert_true(n < BATCH);
	packets[n] = mspan_of(mem[n], seg_build(&t, mem[n]));
	return packets[n++];
}

/* How many items the packets put so far become. */
static size_t run(void)
{
	gro_reset(gro);
	for (size_t i = 0; i < n; i++)
		gro_add(gro, packets[i]);
	n = 0;
	return gro_items(gro, &items);
}

/* Packets of 100 bytes each, one behind the other. */
static struct seg nth(uint32_t i)
{
	return (struct seg){ .seq = i * 100, .len = 100 };
}

static void two_alike_become_one(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct seg t = { .v6 = kind & 1, .udp = kind & 2, .seq = UINT32_MAX, .len = 50 };
		put(t);
		t.seq += 50;
		struct mspan second = put(t);
		assert_int_equal(run(), 1);
		assert_int_equal(items[0].n_pieces, 2);
		assert_int_equal(items[0].hdr.gso_size, 50);
		assert_int_equal(items[0].len, items[0].hdr.hdr_len + 100);
		assert_ptr_equal(items[0].pieces[0].p, mem[0]);
		assert_ptr_equal(items[0].pieces[1].p, second.p + second.len - 50);
	}
}

/* Beside a packet of TTL 64, timestamps and so on: what is different in a second one. */
static void what_differs_stays_apart(void **state)
{
	static const struct seg others[] = {
		{ .flow = 1 },
		{ .ack = 1 },
		{ .ttl = 63 },
		{ .tos = 4 },
		{ .option = 1 },
		{ .window = 1 },
		{ .frag = 0x4000 },
		{ .frag = 0x2000 },
		{ .frag = 1 },
		{ .frag = 0x8000 },
		{ .flags = TCP_ACK | TCP_FIN },
		{ .flags = TCP_ACK | 0x20 },
		{ .flags = TCP_ACK | 0x40 },
		{ .flags = TCP_ACK | 0x80 },
		{ .flags = TCP_ACK | TCP_SYN },
		{ .flags = SEG_PSH },
		{ .seq = 1 },
		{ .v6 = true, .label = 1 },
		{ .v6 = true, .tos = 0x80 },
		{ .v6 = true, .ttl = 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct seg a = { .v6 = others[i].v6, .len = 100 }, b = others[i];
		b.len = 100;
		b.seq += 100;
		put(a);
		put(b);
		assert_int_equal(run(), 2);
		put(b);
		put(a);
		assert_int_equal(run(), 2);
	}
}

/* One byte is wrong; the checksums are right unless said otherwise. */
static void malformed_stays_apart(void **state)
{
	static const struct {
		struct seg seg;
		int at, byte;
		bool finish;
	} rows[] = {
		{ { .seq = 100 }, 0, 0x46, false },
		{ { .seq = 100 }, 0, 0x55, false },
		{ { .seq = 100 }, IP4_TOTAL_LEN + 1, 0x99, false },
		{ { .seq = 100 }, IP4_CSUM, 0x99, false },
		{ { .seq = 100 }, IP4_PROTO, 47, true },
		{ { .seq = 100 }, IP4_ID, 0x99, false }, /* the header's own checksum */
		{ { .seq = 100 }, 20 + TCP_OFF_FLAGS, 0x40, true },
		{ { .seq = 100 }, 20 + TCP_OFF_FLAGS, 0x90, true },
		{ { .seq = 100 }, 20 + TCP_OFF_FLAGS, 0xf0, true },
		{ { .seq = 100 }, 20 + TCP_CSUM, 0x99, false },
		{ { .seq = 100 }, 20 + 32 + 99, 0x99, false },
		{ { .v6 = true, .seq = 100 }, IP6_PAYLOAD_LEN + 1, 0x99, false },
		{ { .v6 = true, .seq = 100 }, IP6_NEXT, 0, false },
		{ { .udp = true }, 20 + UDP_LEN + 1, 0x60, true },
		{ { .udp = true }, 20 + UDP_CSUM, 0x99, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seg a = rows[i].seg, b = rows[i].seg;
		a.seq = 0;
		a.len = b.len = 100;
		for (int bad_first = 0; bad_first < 2; bad_first++) {
			struct mspan first = put(a), m = put(b);
			m = bad_first ? first : m;
			m.p[rows[i].at] = (uint8_t)rows[i].byte;
			if (rows[i].finish)
				seg_finish(m);
			if (run() != 2)
				fail_msg("row %zu, %d", i, bad_first);
		}
	}
}

static void short_ones_are_left(void **state)
{
	struct seg kinds[2] = { { .len = 1 }, { .v6 = true, .udp = true, .len = 1 } };
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct mspan m = put(kinds[k]);
		size_t len = m.len;
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *exact = xcalloc(1, cut ? cut : 1);
			memcpy(exact, m.p, cut);
			packets[0] = mspan_of(exact, cut);
			n = 1;
			assert_int_equal(run(), cut > 0);
			free(exact);
		}
		n = 0;
	}
}

static void length_and_pieces_are_bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		put((struct seg){ .seq = i * 1228, .len = 1228 });
	assert_int_equal(run(), 2);
	assert_int_equal(items[0].n_pieces, (65535 - 52) / 1228);
	assert_true(items[0].len <= 65535 && items[0].len + 1228 > 65535);
	for (uint32_t i = 0; i < GRO_PIECES_MAX + 2; i++)
		put((struct seg){ .seq = i, .len = 1 });
	assert_int_equal(run(), 2);
	assert_int_equal(items[0].n_pieces, GRO_PIECES_MAX);
	assert_int_equal(items[1].n_pieces, 2);
}

static void backwards(void **state)
{
	(void)state;
	for (uint32_t i = 50; i > 0; i--)
		put(nth(i));
	assert_int_equal(run(), 1);
	assert_int_equal(items[0].n_pieces, 50);
	for (size_t i = 0; i < 50; i++)
		assert_true(items[0].pieces[i].p >= mem[49 - i] &&
			    items[0].pieces[i].p < mem[49 - i] + ROOM);
}

/* A gap is filled at the newest item that it touches; items are not joined with each other. */
static void a_gap_is_filled_at_the_newest(void **state)
{
	(void)state;
	put(nth(0));
	put(nth(3));
	put(nth(1));
	put(nth(2));
	assert_int_equal(run(), 2);
	assert_int_equal(items[0].n_pieces, 2);
	assert_int_equal(items[1].n_pieces, 2);
	assert_true(items[1].pieces[0].p == mem[3]);
}

static void the_first_is_the_largest(void **state)
{
	(void)state;
	put((struct seg){ .seq = 0, .len = 50 });
	put((struct seg){ .seq = 50, .len = 51 });
	assert_int_equal(run(), 2);
	put((struct seg){ .seq = 300, .len = 50 });
	put((struct seg){ .seq = 200, .len = 100 });
	put((struct seg){ .seq = 50, .len = 150 });
	assert_int_equal(run(), 2);
	assert_int_equal(items[0].n_pieces, 2);
	assert_int_equal(items[0].hdr.gso_size, 100);
}

static void push_is_told_by_the_head(void **state)
{
	(void)state;
	put(nth(1));
	struct seg last = nth(2);
	last.flags = TCP_ACK | SEG_PSH;
	put(last);
	put(nth(0));
	assert_int_equal(run(), 1);
	assert_int_equal(items[0].pieces[0].p[20 + TCP_OFF_FLAGS + 1], TCP_ACK | SEG_PSH);
	put(last);
	put(nth(3)); /* behind a push */
	assert_int_equal(run(), 2);
}

static void datagrams_keep_their_order(void **state)
{
	static const uint16_t lens[] = { 100, 100, 40, 100, 0, 100, 100, 0, 0, 200, 100 };
	static const size_t pieces[] = { 3, 1, 1, 2, 1, 1, 2 };
	size_t at = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		put((struct seg){ .udp = true, .len = lens[i] });
	assert_int_equal(run(), sizeof(pieces) / sizeof(pieces[0]));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(items[i].n_pieces, pieces[i]);
		assert_ptr_equal(items[i].pieces[0].p, mem[at]);
		at += pieces[i];
	}
}

/* More flows than are looked through; each packet of a flow is still behind the one before. */
static void many_flows(void **state)
{
	uint32_t next[256] = { 0 };
	(void)state;
	for (uint32_t i = 0; i < 1024; i++)
		put((struct seg){ .flow = (uint8_t)(i % 256), .seq = i / 256 * 10, .len = 10 });
	size_t count = run(), total = 0;
	assert_true(count >= 256 && count <= 300);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = items[i].pieces[0].p;
		assert_int_equal(hdr_get32(p + 20 + TCP_SEQ), next[p[15]]);
		next[p[15]] += (uint32_t)items[i].n_pieces * 10;
		total += items[i].n_pieces;
	}
	assert_int_equal(total, 1024);
}

static void many_gaps(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		put(nth(i * 2));
	put(nth(1)); /* behind an item that is too long ago */
	put(nth(999));
	assert_int_equal(run(), 501);
	assert_int_equal(items[499].n_pieces, 2);
	assert_int_equal(items[500].n_pieces, 1);
}

static void by_protocol(void **state)
{
	static const struct {
		unsigned enable;
		size_t expect;
	} rows[] = { { 0, 4 }, { GRO_TCP, 3 }, { GRO_UDP, 3 }, { GRO_TCP | GRO_UDP, 2 } };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		gro_enable(gro, rows[i].enable);
		put(nth(0));
		put((struct seg){ .udp = true, .len = 9 });
		put(nth(1));
		put((struct seg){ .udp = true, .len = 9 });
		assert_int_equal(run(), rows[i].expect);
	}
}

static void too_many(void **state)
{
	struct gro *small = gro_new(2, GRO_TCP);
	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		gro_add(small, put(nth(i)));
	gro_add(small, mspan_of(NULL, 0));
	assert_int_equal(gro_items(small, &items), 1);
	assert_int_equal(items[0].n_pieces, 2);
	gro_reset(small);
	assert_int_equal(gro_items(small, &items), 0);
	gro_free(small);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(two_alike_become_one),
		T(what_differs_stays_apart),
		T(malformed_stays_apart),
		T(short_ones_are_left),
		T(length_and_pieces_are_bounded),
		T(backwards),
		T(a_gap_is_filled_at_the_newest),
		T(the_first_is_the_largest),
		T(push_is_told_by_the_head),
		T(datagrams_keep_their_order),
		T(many_flows),
		T(many_gaps),
		T(by_protocol),
		T(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
