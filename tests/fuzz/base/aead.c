/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A batch for the AEAD, by every implementation. Input: a byte of flips, then packets, each two
 * bytes of length, one of counter and one of alignment. All must seal as libsodium does; after one
 * bit is flipped, all but that packet must open. */
#include "tests/fuzz/fuzz.h"

#include "base/crypto/aead_impl.h"
#include "base/crypto/crypto.h"

#include <stdlib.h>

#define PACKETS_MAX 64
#define LEN_MAX 4096
#define ROOM (64 + LEN_MAX + TAG_LEN)

static const uint8_t key[32] = { 7, 7 };
static uint8_t work[PACKETS_MAX * ROOM], want[PACKETS_MAX * ROOM];

static void must(bool good)
{
	if (!good)
		abort();
}

static uint64_t counter_of(uint8_t b)
{
	static const uint64_t base[] = { 0, UINT32_MAX - 8, UINT64_MAX - 64 };
	return base[b % 3] + b / 3 % 16;
}

static size_t read_batch(struct rd *r, struct aead_pkt *v)
{
	size_t n = 0;
	while (n < PACKETS_MAX && rd_left(r) >= 4) {
		uint32_t len = rd_be16(r) % (LEN_MAX + 1);
		uint64_t counter = counter_of(rd_u8(r));
		uint8_t *p = work + n * ROOM + rd_u8(r) % 64;
		v[n++] = (struct aead_pkt){ p, len, false, counter };
	}
	return n;
}

static void check(const struct aead_impl *impl, struct aead_pkt *v, size_t n, uint32_t flip)
{
	for (size_t i = 0; i < n; i++)
		memset(v[i].p, (int)i, v[i].len);
	impl->seal(key, v, n);
	for (size_t i = 0; i < n; i++)
		must(memcmp(v[i].p, want + i * ROOM, v[i].len + TAG_LEN) == 0);
	struct aead_pkt *bad = &v[flip % n];
	bad->p[flip * 31 % (bad->len + TAG_LEN)] ^= (uint8_t)(1u << flip % 8);
	impl->open(key, v, n);
	for (size_t i = 0; i < n; i++) {
		must(v[i].ok == (&v[i] != bad));
		for (uint32_t b = 0; v[i].ok && b < v[i].len; b++)
			must(v[i].p[b] == (uint8_t)i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct aead_pkt v[PACKETS_MAX], w[PACKETS_MAX];
	const struct aead_impl *impl;
	struct rd r = rd_init(span_of(p, len));
	uint8_t flip = rd_u8(&r);
	size_t n = read_batch(&r, v);
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		w[i] = v[i];
		w[i].p = want + i * ROOM;
		memset(w[i].p, (int)i, w[i].len);
	}
	aead_sodium.seal(key, w, n);
	for (size_t i = 0; (impl = aead_impl_at(i)); i++)
		if (impl->usable() && aead_batch_protects(impl->name))
			check(impl, v, n, flip);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t seeds[][33] = {
		{ 1, 5, 0, 0, 0, 5, 0, 3, 0, 5, 0, 6, 0, 5, 0, 9, 0, 1, 0, 12, 0 },
		{ 9, 0, 64, 1, 1, 4, 0, 2, 2, 0, 0, 4, 7, 0, 1, 5, 9, 5, 140, 5, 63, 5, 0, 6, 8 },
		{ 3, 15, 255, 2, 5 },
	};
	static const size_t lens[] = { 21, 25, 5 };
	if (i >= 3)
		return false;
	*out = span_of(seeds[i], lens[i]);
	return true;
}
