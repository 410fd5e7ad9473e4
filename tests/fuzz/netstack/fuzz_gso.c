/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any vnet header before any packet: nothing is read or written outside, the lengths of the
 * segments add up, their payloads are those of the packet in order, and their checksums are right.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/netstack/seg.h"

#define SEGMENTS_MAX 64 /* of the front; the last one is looked at as well */

static void must(bool good)
{
	if (!good)
		abort();
}

/* With the addresses of the first header also behind extension headers. */
static bool transport_ok(const struct gso *g, struct span b)
{
	bool v6 = b.p[0] >> 4 == 6;
	uint32_t sum = (uint32_t)(b.len - g->l4) + (g->udp ? IP_PROTO_UDP : IP_PROTO_TCP);
	sum = seg_sum(sum, v6 ? span_of(b.p + IP6_SRC, 32) : span_of(b.p + IP4_SRC, 8));
	return seg_sum(sum, span_from(b, g->l4)) == 0xffff;
}

static void check_segment(const struct gso *g, uint32_t i, struct span packet)
{
	size_t len = gso_segment_len(g, i), at = g->hdr_len + (size_t)i * g->gso_size;
	uint8_t *out = malloc(len);
	must(out && len > g->hdr_len && at + len - g->hdr_len <= packet.len);
	gso_segment(g, i, out);
	must(memcmp(out + g->hdr_len, packet.p + at, len - g->hdr_len) == 0);
	must(transport_ok(g, span_of(out, len)));
	if (!g->v6)
		must(seg_sum(0, span_of(out, g->l4)) == 0xffff && hdr_get16(out + 2) == len);
	else
		must(hdr_get16(out + IP6_PAYLOAD_LEN) + (size_t)IP6_HDR_LEN == len);
	if (g->udp)
		must(hdr_get16(out + g->l4 + UDP_LEN) == len - g->l4);
	free(out);
}

/* The only segment, and the same packet completed where it lies. */
static void check_single(const struct gso *g, const struct vnet *h, struct span packet)
{
	uint8_t *out = malloc(packet.len), *same = malloc(packet.len);
	struct vnet plain = *h;
	plain.gso_type = VNET_GSO_NONE;
	must(out && same && g->last_len == packet.len && g->seg_len == packet.len);
	gso_segment(g, 0, out);
	memcpy(same, packet.p, packet.len);
	must(gso_complete(&plain, mspan_of(same, packet.len)) == 0);
	must(memcmp(out, same, packet.len) == 0);
	if (!(h->flags & VNET_F_NEEDS_CSUM))
		must(memcmp(out, packet.p, packet.len) == 0);
	free(out);
	free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *b, size_t len)
{
	struct gso g = { 0 };
	if (len < VNET_HDR_LEN)
		return 0;
	struct vnet h = vnet_get(b);
	struct span packet = span_of(b + VNET_HDR_LEN, len - VNET_HDR_LEN);
	if (gso_parse(&h, packet, &g)) {
		must(g.n == 0);
		return 0;
	}
	if (g.n == 1) {
		check_single(&g, &h, packet);
		return 0;
	}
	must((g.n - 1) * (g.seg_len - g.hdr_len) + g.last_len == packet.len);
	for (uint32_t i = 0; i < g.n && i < SEGMENTS_MAX; i++)
		check_segment(&g, i, packet);
	check_segment(&g, g.n - 1, packet);
	return 0;
}

/* v4 and v6, TCP and UDP, split or not. */
bool fuzz_seed(size_t i, struct span *out)
{
	static const uint16_t sizes[] = { 0, 1, 100, 200, 333, 1000 };
	static uint8_t b[2048];
	size_t kind = i % 4, size = i / 4;
	if (size >= sizeof(sizes) / sizeof(sizes[0]))
		return false;
	struct seg t = { .v6 = kind & 1, .udp = kind & 2, .len = 1000, .flags = TCP_ACK | SEG_PSH };
	struct mspan m = mspan_of(b + VNET_HDR_LEN, 0);
	m.len = seg_build(&t, m.p);
	struct vnet h = seg_leave(m, sizes[size]);
	vnet_put(b, &h);
	*out = span_of(b, VNET_HDR_LEN + m.len);
	return true;
}
