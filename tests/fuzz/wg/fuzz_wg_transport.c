/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transport data. Input: a mode byte, then packets, each a length byte and its bytes. Mode 0: they
 * are datagrams from outside and none may open. Mode 1: they are plaintexts of the peer: sealed,
 * opened in one batch, they must come out as they went in, and their inner length must lie inside.
 */
#include "tests/fuzz/fuzz.h"

#include "base/crypto/aead_batch.h"
#include "wg/inner.h"
#include "wg/session_priv.h"

#include <stdlib.h>

#define PACKETS_MAX 64
#define STRIDE (WG_HEADER_LEN + 256 + 15 + WG_TAG_LEN)

static const mono_t now = { 1 };

struct sessions {
	struct wg_session *tx, *rx;
};

static struct sessions make(void)
{
	struct wg_keys k = { { 1 }, { 2 } }, back = { { 2 }, { 1 } };
	return (struct sessions){ wg_session_new(&k, 1, 2, true, now),
				  wg_session_new(&back, 2, 1, false, now) };
}

static void foreign(struct wg_session *s, struct span *v, size_t n)
{
	struct wg_open_item items[PACKETS_MAX];
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(v[i].len ? v[i].len : 1);
		if (!copy)
			abort();
		memcpy(copy, v[i].p, v[i].len);
		items[i] = (struct wg_open_item){ .p = copy, .len = (uint32_t)v[i].len };
	}
	if (wg_session_open(s, now, items, n) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		free(items[i].p);
}

static void check_inner(struct span text)
{
	size_t len = wg_inner_len(text);
	if (len > text.len)
		abort();
	if (len && (!ip_is_set(wg_inner_source(text)) || !ip_is_set(wg_inner_destination(text))))
		abort();
}

static void round_trip(struct sessions s, struct span *v, size_t n)
{
	uint8_t *mem = malloc(PACKETS_MAX * STRIDE);
	struct wg_seal_item out[PACKETS_MAX];
	struct wg_open_item in[PACKETS_MAX];
	if (!mem)
		abort();
	for (size_t i = 0; i < n; i++) {
		out[i] =
		    (struct wg_seal_item){ mem + i * STRIDE + WG_HEADER_LEN, (uint32_t)v[i].len };
		memcpy(out[i].p, v[i].p, v[i].len);
	}
	if (wg_session_seal(s.tx, now, 0, out, n) != n)
		abort();
	for (size_t i = 0; i < n; i++)
		in[i] = (struct wg_open_item){ .p = out[i].p - WG_HEADER_LEN, .len = out[i].len };
	if (wg_session_open(s.rx, now, in, n) != n)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (in[i].len < v[i].len || in[i].len % 16 ||
		    memcmp(out[i].p, v[i].p, v[i].len) != 0)
			abort();
		check_inner(span_of(out[i].p, in[i].len));
	}
	free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rd r = rd_init(span_of(p, len));
	bool ours = rd_u8(&r) & 1;
	struct span v[PACKETS_MAX];
	size_t n = 0;
	while (rd_left(&r) && n < PACKETS_MAX) {
		size_t want = rd_u8(&r);
		v[n++] = rd_take(&r, want < rd_left(&r) ? want : rd_left(&r));
	}
	struct sessions s = make();
	if (ours)
		round_trip(s, v, n);
	else
		foreign(s.rx, v, n);
	wg_session_unref(s.tx);
	wg_session_unref(s.rx);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t datagrams[] = { 0, 33, 4, 0, 0, 0, 2, 0, 0, 0,
					     1, 0,  0, 0, 0, 0, 0, 0, 9 };
	static const uint8_t v4[] = { 1,  20, 0x45, 0, 0,  20, 0, 0, 0, 0, 64, 1, 0, 0,
				      10, 0,  0,    1, 10, 0,  0, 2, 0, 3, 1,  2, 3 };
	static uint8_t v6[2 + 44] = { 1, 44, 0x60, 0, 0, 0, 0, 4 };
	const struct span seeds[] = { span_of(datagrams, sizeof(datagrams)),
				      span_of(v4, sizeof(v4)), span_of(v6, sizeof(v6)) };
	if (i >= sizeof(seeds) / sizeof(seeds[0]))
		return false;
	*out = seeds[i];
	return true;
}
