/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each way to sum, at each length and alignment, beside the slow one. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/seg.h"

#include "netstack/checksum.h"
#include "netstack/checksum_priv.h"

#include <endian.h>

#define LEN_MAX 2048
#define ALIGN_MAX 33
#define GUARD 0xa5

static uint8_t in[LEN_MAX + ALIGN_MAX + 1], out[LEN_MAX + ALIGN_MAX + 2];

typedef uint64_t words_fn(uint8_t *out, const uint8_t *p, size_t n);

static void fill(uint32_t seed)
{
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

static void check_at(words_fn *fn, size_t at, size_t to, size_t len)
{
	uint16_t want = seg_sum(0, span_of(in + at, len));
	assert_int_equal(be16toh(csum_fold(fn(NULL, in + at, len))), want);
	memset(out, GUARD, sizeof(out));
	assert_int_equal(be16toh(csum_fold(fn(out + 1 + to, in + at, len))), want);
	assert_memory_equal(out + 1 + to, in + at, len);
	assert_int_equal(out[to], GUARD);
	assert_int_equal(out[1 + to + len], GUARD);
}

static uint64_t both_public(uint8_t *to, const uint8_t *p, size_t n)
{
	uint64_t sum = to ? csum_copy(0, to, span_of(p, n)) : csum_add(0, span_of(p, n));
	return htobe16(csum_fold(sum));
}

static void each_length(words_fn *fn)
{
	fill(7);
	for (size_t len = 0; len <= LEN_MAX; len++)
		check_at(fn, len % ALIGN_MAX, (len * 5) % ALIGN_MAX, len);
	for (size_t at = 0; at < ALIGN_MAX; at++)
		for (size_t len = 0; len < 150; len++)
			check_at(fn, at, (at * 7 + len) % ALIGN_MAX, len);
}

static void lengths_and_alignments(void **state)
{
	(void)state;
	each_length(csum_words_portable);
	each_length(both_public);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		each_length(csum_words_avx2);
#endif
}

/* All ones: each addition carries. */
static void carries(void **state)
{
	static uint8_t ones[65536], copy[65536];
	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 65536; len > 65400; len--) {
		uint16_t want = seg_sum(0, span_of(ones, len));
		assert_int_equal(csum_fold(csum_add(0, span_of(ones, len))), want);
		assert_int_equal(csum_fold(csum_copy(0, copy, span_of(ones, len))), want);
		assert_int_equal(be16toh(csum_fold(csum_words_portable(NULL, ones, len))), want);
	}
	for (uint64_t sum = 1; sum; sum <<= 1) {
		assert_int_equal(csum_fold(sum), csum_fold(sum % 0xffff));
		assert_int_equal(csum_fold(UINT64_MAX - sum),
				 csum_fold((uint64_t)(0xffff - sum % 0xffff)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_and_alignments),
		cmocka_unit_test(carries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
