/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any batch of packets: each is written once, what was joined splits into what it was made of, and
 * the datagrams of a flow keep their order. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/netstack/seg.h"

#include "netstack/gro.h"
#include "netstack/gro_seg.h"

#define PACKETS_MAX 96
#define PACKET_ROOM 2048

static struct {
	struct span was[PACKETS_MAX]; /* as it came */
	struct mspan is[PACKETS_MAX]; /* lent */
	bool written[PACKETS_MAX];
	size_t n, bytes;
} batch;

static void must(bool good)
{
	if (!good)
		abort();
}

static void batch_add(struct span b)
{
	if (batch.n == PACKETS_MAX)
		return;
	uint8_t *was = malloc(b.len + 1), *is = malloc(b.len ? b.len : 1);
	must(was && is);
	if (b.len) {
		memcpy(was, b.p, b.len);
		memcpy(is, b.p, b.len);
	}
	batch.was[batch.n] = span_of(was, b.len);
	batch.is[batch.n++] = mspan_of(is, b.len);
}

static void batch_clear(void)
{
	for (size_t i = 0; i < batch.n; i++) {
		free(batch.is[i].p);
		free((void *)(uintptr_t)batch.was[i].p);
	}
	memset(&batch, 0, sizeof(batch));
}

/* ---- from bytes to packets ---- */

/* Six bytes make a packet that is likely to be joined; one that begins with 0xff carries its own
 * bytes. */
static void take_packet(struct rd *r, uint32_t seq[static 16])
{
	static uint8_t b[PACKET_ROOM];
	uint8_t kind = rd_u8(r);
	if (kind == 0xff) {
		batch_add(rd_take(r, rd_be16(r) % PACKET_ROOM));
		return;
	}
	uint8_t what = rd_u8(r), step = rd_u8(r), odd = rd_u8(r);
	uint16_t len = rd_be16(r) % 1400;
	uint32_t *next = &seq[kind & 15];
	struct seg t = { .v6 = kind & 1, .udp = kind & 2, .flow = (kind >> 2) & 3, .len = len };
	t.seq = *next + (step < 240 ? 0 : (uint32_t)(step - 248) * len);
	t.flags = what & 1 ? TCP_ACK | SEG_PSH : what == 0xfe ? TCP_ACK | TCP_FIN : TCP_ACK;
	t.ttl = odd == 1 ? 63 : 0;
	t.option = odd == 2;
	t.ack = odd == 3;
	t.tos = odd == 4;
	t.window = odd == 5;
	t.frag = odd == 6 ? 0x4000 : odd == 7 ? 0x2000 : 0;
	*next = t.seq + len;
	size_t n = seg_build(&t, b);
	if (odd == 8)
		b[n - 1] ^= 1;
	batch_add(span_of(b, n));
}

/* ---- checks ---- */

static size_t owner_of(struct span piece)
{
	for (size_t i = 0; i < batch.n; i++)
		if (piece.p >= batch.is[i].p &&
		    piece.p + piece.len == batch.is[i].p + batch.is[i].len)
			return i;
	abort();
}

static bool same_sum(const uint8_t *a, const uint8_t *b)
{
	uint16_t x = hdr_get16(a), y = hdr_get16(b);
	return x == y || (x % 0xffff == 0 && y % 0xffff == 0); /* two forms of zero */
}

/* Of IPv4 the identification is not kept, and what it changes. */
static void must_be(uint8_t *got, struct span was)
{
	struct mspan copy = mspan_of(got, was.len);
	must(got[0] == was.p[0]);
	must(same_sum(seg_csum_at(copy), was.p + (seg_csum_at(copy) - got)));
	memcpy(seg_csum_at(copy), was.p + (seg_csum_at(copy) - got), 2);
	if (got[0] >> 4 == 4) {
		memcpy(got + IP4_ID, was.p + IP4_ID, 2);
		memcpy(got + IP4_CSUM, was.p + IP4_CSUM, 2);
	}
	must(memcmp(got, was.p, was.len) == 0);
}

static void check_joined(const struct gro_item *it)
{
	static uint8_t flat[GSO_PACKET_MAX], out[PACKET_ROOM];
	struct gso g;
	size_t len = 0;
	must(it->len <= sizeof(flat));
	for (size_t i = 0; i < it->n_pieces; i++) {
		memcpy(flat + len, it->pieces[i].p, it->pieces[i].len);
		len += it->pieces[i].len;
	}
	must(len == it->len && gso_parse(&it->hdr, span_of(flat, len), &g) == 0);
	must(g.n == it->n_pieces && it->hdr.hdr_len == g.hdr_len);
	must(g.v6 || seg_sum(0, span_of(flat, IP4_HDR_LEN)) == 0xffff);
	for (uint32_t i = 0; i < g.n; i++) {
		struct span was = batch.was[owner_of(it->pieces[i])];
		must(gso_segment_len(&g, i) == was.len);
		gso_segment(&g, i, out);
		must_be(out, was);
	}
}

static void check_item(const struct gro_item *it)
{
	static const struct vnet plain;
	for (size_t i = 0; i < it->n_pieces; i++) {
		size_t k = owner_of(it->pieces[i]);
		must(!batch.written[k]);
		batch.written[k] = true;
	}
	if (it->n_pieces > 1) {
		check_joined(it);
		return;
	}
	must(memcmp(&it->hdr, &plain, sizeof(plain)) == 0 && it->len == it->pieces[0].len);
	must(span_eq(it->pieces[0], batch.was[owner_of(it->pieces[0])]));
}

/* In the order they are written, packet by packet. */
static void check_order(const struct gro_item *items, size_t n)
{
	struct gro_seg s[PACKETS_MAX];
	size_t k = 0, index[PACKETS_MAX];
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < items[i].n_pieces; j++) {
			size_t at = owner_of(items[i].pieces[j]);
			if (!gro_seg_parse(batch.was[at], &s[k]) || !s[k].key.udp)
				continue;
			index[k] = at;
			for (size_t before = 0; before < k; before++)
				must(!gro_key_eq(&s[before].key, &s[k].key) ||
				     index[before] < index[k]);
			k++;
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	static struct gro *g;
	const struct gro_item *items;
	uint32_t seq[16] = { 0, 0, 0, 0, UINT32_MAX - 700, UINT32_MAX };
	struct rd r = rd_init(span_of(b, len));
	size_t empty = 0, pieces = 0;
	if (!g)
		g = gro_new(PACKETS_MAX, GRO_TCP | GRO_UDP);
	gro_enable(g, rd_u8(&r) % 8 == 7 ? 0 : GRO_TCP | GRO_UDP);
	while (rd_left(&r) && batch.n < PACKETS_MAX)
		take_packet(&r, seq);
	for (size_t i = 0; i < batch.n; i++) {
		empty += batch.is[i].len == 0;
		gro_add(g, batch.is[i]);
	}
	size_t n = gro_items(g, &items);
	for (size_t i = 0; i < n; i++) {
		check_item(&items[i]);
		pieces += items[i].n_pieces;
	}
	must(pieces + empty == batch.n);
	check_order(items, n);
	gro_reset(g);
	batch_clear();
	return 0;
}

long fuzz_runs(void)
{
	return 3000;
}

/* One flow; two; all sixteen; datagrams of all lengths. */
bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t b[1 + 6 * PACKETS_MAX];
	static const uint8_t kinds[] = { 0, 1, 2, 3 };
	struct wr w = wr_init(mspan_of(b, sizeof(b)));
	if (i >= 12)
		return false;
	wr_u8(&w, 0);
	for (size_t k = 0; k < PACKETS_MAX; k++) {
		size_t flow = i < 4 ? 0 : i < 8 ? k % 2 : k % 4;
		wr_u8(&w, (uint8_t)(kinds[i % 4] | flow << 2));
		wr_u8(&w, k % 50 == 49);
		wr_be16(&w, i >= 8 && k % 7 == 6 ? 0xf100 : 0); /* step, odd */
		wr_be16(&w, k % 50 == 49 ? 300 : i % 2 ? 1208 : 900);
	}
	*out = wr_span_of(&w);
	return true;
}
