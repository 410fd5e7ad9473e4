/* SPDX-License-Identifier: GPL-2.0-or-later */
/* offload.json: what one read of the TUN becomes, what a batch of packets becomes before it is
 * written, and the checksums of both. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "netstack/checksum.h"
#include "netstack/gro.h"
#include "netstack/gso.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool good, const json_t *c, const char *what, size_t i)
{
	checked++;
	if (good)
		return;
	failed++;
	printf("%s: %s %zu\n", j_str(c, "name"), what, i);
}

/* new */
static struct mspan hex(const char *text)
{
	size_t n = strlen(text) / 2;
	struct mspan m = mspan_of(xcalloc(1, n + 1), n);
	if (hex_decode(span_str(text), m.p, n))
		exit(1);
	return m;
}

static bool is_hex(struct span got, const char *text)
{
	struct mspan want = hex(text);
	bool same = span_eq(got, span_const(want));
	free(want.p);
	return same;
}

/* ---- checksum ---- */

/* The longest one is only described. */
static struct mspan checksum_data(const json_t *c)
{
	if (j_str(c, "data"))
		return hex(j_str(c, "data"));
	struct mspan m = mspan_of(xcalloc(1, 65535), 65535);
	memset(m.p, 0xff, m.len);
	return m;
}

static void checksums(const json_t *c, size_t i)
{
	struct mspan data = checksum_data(c);
	uint8_t sum[2][2], *copy = xcalloc(1, data.len + 1);
	uint64_t initial = (uint64_t)j_int(c, "initial", -1);
	uint16_t got[2] = { csum_fold(csum_add(initial, span_const(data))),
			    csum_fold(csum_copy(0, copy, span_const(data))) };
	vec_hex_into(c, "sum", sum[0], 2);
	vec_hex_into(c, "sum0", sum[1], 2);
	for (size_t k = 0; k < 2; k++)
		check(got[k] == (sum[k][0] << 8 | sum[k][1]), c, "checksum", i);
	check(memcmp(copy, data.p, data.len) == 0, c, "copy", i);
	free(copy);
	free(data.p);
}

/* ---- split ---- */

static void split_alone(const json_t *c, const struct vnet *h, struct span packet)
{
	uint8_t *copy = xcalloc(1, packet.len);
	memcpy(copy, packet.p, packet.len);
	check(gso_complete(h, mspan_of(copy, packet.len)) == 0, c, "complete", 0);
	check(is_hex(span_of(copy, packet.len), j_text(j_at(j_get(c, "packets"), 0))), c,
	      "complete", 1);
	free(copy);
}

static void split(const json_t *c)
{
	struct mspan read = hex(j_str(c, "read"));
	struct vnet h = vnet_get(read.p);
	struct span packet = span_from(span_const(read), VNET_HDR_LEN);
	const json_t *packets = j_get(c, "packets");
	uint8_t out[2048];
	struct gso g = { 0 };
	int rc = gso_parse(&h, packet, &g);
	check((rc < 0) == j_bool(c, "error", false), c, "refused", 0);
	check(g.n == j_len(packets), c, "segments", g.n);
	for (uint32_t i = 0; i < g.n && i < j_len(packets); i++) {
		gso_segment(&g, i, out);
		check(is_hex(span_of(out, gso_segment_len(&g, i)), j_text(j_at(packets, i))), c,
		      "segment", i);
	}
	if (rc == 0 && h.gso_type == VNET_GSO_NONE)
		split_alone(c, &h, packet);
	free(read.p);
}

/* ---- coalesce ---- */

static bool item_is(const struct gro_item *it, const json_t *want)
{
	uint8_t hdr[VNET_HDR_LEN], *flat = xcalloc(1, it->len + 1);
	size_t len = 0;
	for (size_t i = 0; i < it->n_pieces; i++) {
		memcpy(flat + len, it->pieces[i].p, it->pieces[i].len);
		len += it->pieces[i].len;
	}
	vnet_put(hdr, &it->hdr);
	bool same = len == it->len && is_hex(span_of(flat, len), j_str(want, "packet")) &&
		    is_hex(span_of(hdr, sizeof(hdr)), j_str(want, "vnet_hdr"));
	free(flat);
	return same;
}

static void coalesce(const json_t *c)
{
	const json_t *in = j_get(c, "in"), *out = j_get(c, "out");
	struct gro *g = gro_new(j_len(in), GRO_TCP | GRO_UDP);
	struct mspan *packets = xcalloc(j_len(in), sizeof(*packets));
	const struct gro_item *items;
	for (size_t i = 0; i < j_len(in); i++) {
		packets[i] = hex(j_text(j_at(in, i)));
		gro_add(g, packets[i]);
	}
	size_t n = gro_items(g, &items);
	check(n == j_len(out), c, "items", n);
	for (size_t i = 0; i < n && i < j_len(out); i++)
		check(item_is(&items[i], j_at(out, i)), c, "item", i);
	for (size_t i = 0; i < j_len(in); i++)
		free(packets[i].p);
	free(packets);
	gro_free(g);
}

int main(void)
{
	json_t *v = vec_load("offload.json");
	const json_t *sums = j_get(v, "checksum"), *splits = j_get(v, "split"),
		     *merges = j_get(v, "coalesce");
	for (size_t i = 0; i < j_len(sums); i++)
		checksums(j_at(sums, i), i);
	for (size_t i = 0; i < j_len(splits); i++)
		split(j_at(splits, i));
	for (size_t i = 0; i < j_len(merges); i++)
		coalesce(j_at(merges, i));
	printf("offload: %d checks, %d failed\n", checked, failed);
	return failed || checked < 150;
}
