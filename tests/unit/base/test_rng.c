/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/rng.h"

#include <string.h>

static void one_seed_one_sequence(void **state)
{
	(void)state;
	struct rng_seeded a, b, c;
	uint8_t x[100], y[100];
	rng_seeded_init(&a, 7);
	rng_seeded_init(&b, 7);
	rng_seeded_init(&c, 8);
	rng_fill(&a.rng, x, sizeof(x));
	rng_fill(&b.rng, y, sizeof(y));
	assert_memory_equal(x, y, sizeof(x));
	assert_true(rng_u64(&a.rng) == rng_u64(&b.rng));
	rng_fill(&c.rng, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
	rng_fill(&a.rng, y, sizeof(y)); /* each call is new */
	assert_memory_not_equal(x, y, sizeof(x));
}

static void script_comes_first(void **state)
{
	(void)state;
	struct rng_script s;
	struct rng_seeded plain;
	uint8_t out[8], more[4], want[4];
	rng_script_init(&s, (const uint8_t *)"abcdef", 6);
	rng_fill(&s.seeded.rng, out, 4);
	assert_memory_equal(out, "abcd", 4);
	rng_fill(&s.seeded.rng, out, 6); /* two from the script, then four of the seeded one */
	assert_memory_equal(out, "ef", 2);
	memcpy(more, out + 2, 4);
	rng_seeded_init(&plain, 0);
	rng_fill(&plain.rng, want, 4);
	assert_memory_equal(more, want, 4);
}

static void below_is_uniform(void **state)
{
	(void)state;
	struct rng_seeded r;
	int count[6] = { 0 };
	rng_seeded_init(&r, 9);
	for (int i = 0; i < 60000; i++) {
		uint32_t v = rng_below(&r.rng, 6);
		assert_true(v < 6);
		count[v]++;
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(count[i], 9500, 10500);
	assert_int_equal(rng_below(&r.rng, 1), 0);
	/* 2^31+1: without rejection the lower half would come twice as often */
	int low = 0;
	for (int i = 0; i < 1000; i++)
		low += rng_below(&r.rng, (1u << 31) + 1) < 1u << 30;
	assert_in_range(low, 420, 580);
}

static void system_differs(void **state)
{
	(void)state;
	uint8_t a[32], b[32];
	rng_fill(rng_system(), a, sizeof(a));
	rng_fill(rng_system(), b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	rng_fill(rng_system(), a, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_one_sequence),
		cmocka_unit_test(script_comes_first),
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(system_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
