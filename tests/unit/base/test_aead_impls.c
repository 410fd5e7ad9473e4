/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every implementation of the batch AEAD against libsodium. AEAD_CASES=n: random
 * batches (1000, 100 under a sanitizer). AEAD_LONG=1: no length is left out under a sanitizer. */
#include "tests/unit/base/aead_oracle.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <stdlib.h>

#ifdef __clang__
#define SLOW_BUILD (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD true
#else
#define SLOW_BUILD false
#endif
#define LEN_MAX 65535
#define STRIDE (LEN_MAX + TAG_LEN + 1)
#define SMALL_STRIDE 2304

static uint8_t *work, *want;

static struct aead_pkt at(size_t i, size_t stride, uint32_t len, uint64_t counter)
{
	return (struct aead_pkt){ work + i * stride, len, false, counter };
}

static void every_count(void **state)
{
	(void)state;
	static const uint32_t lens[] = { 1280, 0, 64, 1, 1279, 16, 100, 2047, 48, 1281, 1 };
	struct aead_pkt v[AEAD_BATCH_MAX];
	for (size_t n = 1; n <= AEAD_BATCH_MAX; n++) {
		for (size_t i = 0; i < n; i++)
			v[i] = at(i, SMALL_STRIDE, 1280, n + i);
		oracle_round_trip(v, n, want, SMALL_STRIDE);
		for (size_t i = 0; i < n; i++)
			v[i] = at(i, SMALL_STRIDE, lens[(i * 7 + n) % ARRAY_LEN(lens)], n * i);
		oracle_round_trip(v, n, want, SMALL_STRIDE);
	}
}

/* In a sanitized build, all up to 2 KiB and of the longer ones every 47th (AEAD_LONG=1: all).
 * In batches of eight, each beginning with a short one, so that none is left to a neighbour that
 * is better with few or with long packets. The multiplier is odd: each length comes once. */
static void every_length(void **state)
{
	(void)state;
	struct aead_pkt v[8];
	uint32_t next = 0;
	bool all = !SLOW_BUILD || getenv("AEAD_LONG");
	while (next <= LEN_MAX) {
		v[0] = at(0, STRIDE, next % 300, next);
		size_t n = 1;
		for (; n < 8 && next <= LEN_MAX; next++) {
			uint32_t len = (next * 40503 + 77) & LEN_MAX;
			if (all || len <= 2048 || len % 47 == 0)
				v[n] = at(n, STRIDE, len, next), n++;
		}
		oracle_round_trip(v, n, want, STRIDE);
	}
}

static void every_short_length_alone(void **state)
{
	(void)state;
	struct aead_pkt v[17];
	for (uint32_t len = 0; len <= 2100; len++) {
		for (size_t i = 0; i < 17; i++)
			v[i] = at(i, SMALL_STRIDE, len, len + i);
		oracle_round_trip(v, 1 + len % 3, want, SMALL_STRIDE);
		oracle_round_trip(v, 16 + len % 2, want, SMALL_STRIDE);
	}
}

static void counters(void **state)
{
	(void)state;
	static const uint64_t first[] = { 0,
					  UINT32_MAX - 20,
					  (UINT64_C(1) << 33) - 20,
					  UINT64_MAX - 8192 - 60,
					  UINT64_MAX - 60,
					  UINT64_C(0x7ffffffffffffff0) };
	struct aead_pkt v[48];
	for (size_t k = 0; k < ARRAY_LEN(first); k++) {
		for (size_t i = 0; i < 48; i++)
			v[i] = at(i, SMALL_STRIDE, k % 2 ? 1280 : 77 + (uint32_t)i, first[k] + i);
		oracle_round_trip(v, 48, want, SMALL_STRIDE);
		oracle_round_trip(v + 20, 1, want, SMALL_STRIDE);
		oracle_round_trip(v + 19, 3, want, SMALL_STRIDE);
	}
}

/* Open the n good packets of want with one of them damaged: that one is refused, and what it would
 * have said is not given away. */
static void damaged(const struct aead_impl *impl, struct aead_pkt *v, size_t n, size_t bad,
		    uint32_t bit)
{
	for (size_t i = 0; i < n; i++) {
		memcpy(v[i].p, want + i * SMALL_STRIDE, v[i].len + TAG_LEN);
		v[i].p[v[i].len + TAG_LEN] = ORACLE_CANARY;
		v[i].ok = i == bad;
	}
	v[bad].p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	impl->open(oracle_key, v, n);
	for (size_t i = 0; i < n; i++) {
		if (i != bad)
			oracle_check_opened(impl, &v[i]);
		else if (v[i].ok)
			fail_msg("%s: %zu of %zu, bit %u flipped, is believed", impl->name, i, n,
				 bit);
	}
	uint32_t len = v[bad].len, from = bit / 8 < 16 ? 16 : 0;
	if (len >= 32 && memcmp(v[bad].p + from, oracle_text() + from, 16) == 0)
		fail_msg("%s: what was refused is decrypted", impl->name);
}

static void one_flipped_bit(void **state)
{
	(void)state;
	static const size_t counts[] = { 1, 2, 3, 5, 8, 16, 17, 48, 128 };
	struct aead_pkt v[AEAD_BATCH_MAX];
	const struct aead_impl *impl;
	for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
		size_t n = counts[k];
		for (size_t i = 0; i < n; i++) {
			v[i] = at(i, SMALL_STRIDE, k % 2 ? 333 : (uint32_t)(i * 37) % 700, i);
			oracle_seal(want + i * SMALL_STRIDE, v[i].len, i);
		}
		for (size_t m = 0; (impl = oracle_impl(m)); m++)
			for (size_t bad = 0; bad < n; bad++) {
				uint32_t bits = v[bad].len * 8;
				damaged(impl, v, n, bad, bits + (uint32_t)(bad * 11) % 128);
				if (bits)
					damaged(impl, v, n, bad, (uint32_t)(bad * 7919) % bits);
			}
	}
}

/* Every bit of a short packet and its tag. */
static void each_bit(void **state)
{
	(void)state;
	struct aead_pkt v[5];
	const struct aead_impl *impl;
	for (size_t i = 0; i < 5; i++) {
		v[i] = at(i, SMALL_STRIDE, 70, i);
		oracle_seal(want + i * SMALL_STRIDE, 70, i);
	}
	for (size_t m = 0; (impl = oracle_impl(m)); m++)
		for (uint32_t bit = 0; bit < (70 + TAG_LEN) * 8; bit++)
			damaged(impl, v, 5, bit % 5, bit);
}

static uint32_t random_length(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return rng_below(rng, 130);
	case 1:
		return rng_below(rng, 9000);
	case 2:
		return 64 * rng_below(rng, 33) + rng_below(rng, 3);
	default:
		return rng_below(rng, 1500);
	}
}

static void random_batches(void **state)
{
	(void)state;
	const char *cases = getenv("AEAD_CASES");
	struct rng_seeded r;
	struct aead_pkt v[AEAD_BATCH_MAX];
	rng_seeded_init(&r, 4);
	for (long left = cases	      ? strtol(cases, NULL, 10)
			 : SLOW_BUILD ? 100
				      : 1000;
	     left > 0; left--) {
		size_t n = 1 + rng_below(&r.rng, rng_below(&r.rng, 4) ? 20 : AEAD_BATCH_MAX);
		bool alike = rng_below(&r.rng, 3) == 0;
		uint32_t len = random_length(&r.rng);
		uint8_t *p = work + rng_below(&r.rng, 64);
		for (size_t i = 0; i < n; i++) {
			v[i] = (struct aead_pkt){ p, alike ? len : random_length(&r.rng), false,
						  rng_u64(&r.rng) };
			p += v[i].len + TAG_LEN + 1 + (alike ? 0 : rng_below(&r.rng, 64));
		}
		oracle_round_trip(v, n, want, 9000 + TAG_LEN);
	}
}

/* No binary but the benchmarks' has an implementation that protects nothing. */
static void none_is_not_there(void **state)
{
	(void)state;
#ifdef MESH_BENCH_NO_CRYPTO
	assert_int_equal(aead_batch_init("none"), 0);
	assert_false(aead_batch_protects(aead_batch_name()));
	assert_int_equal(aead_batch_init(NULL), 0);
	assert_true(aead_batch_protects(aead_batch_name()));
#else
	const struct aead_impl *impl;
	assert_int_equal(aead_batch_init("none"), -ERR_NOENT);
	for (size_t i = 0; (impl = aead_impl_at(i)); i++) {
		assert_string_not_equal(impl->name, "none");
		assert_true(aead_batch_protects(impl->name));
		assert_true(!impl->usable() || aead_selfcheck(impl));
	}
#endif
}

/* A batch of nothing is fine. */
static void empty_batch(void **state)
{
	(void)state;
	const struct aead_impl *impl;
	for (size_t i = 0; (impl = oracle_impl(i)); i++) {
		impl->seal(oracle_key, NULL, 0);
		impl->open(oracle_key, NULL, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_not_there),
		cmocka_unit_test(empty_batch),
		cmocka_unit_test(every_count),
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_short_length_alone),
		cmocka_unit_test(counters),
		cmocka_unit_test(one_flipped_bit),
		cmocka_unit_test(each_bit),
		cmocka_unit_test(random_batches),
	};
	if (crypto_init())
		return 1;
	work = xcalloc(AEAD_BATCH_MAX + 1, 9000 + STRIDE / 16 + 128);
	want = xcalloc(AEAD_BATCH_MAX + 1, 9000 + STRIDE / 16 + 128);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(work);
	free(want);
	return rc;
}
