/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/dead.h"

static struct dead d;
static mono_t now = { 1000 * NS_PER_S };

static void miss(uint64_t key, int times)
{
	for (int i = 0; i < times; i++)
		dead_on_miss(&d, now, key);
}

static void test_dead_after_some_misses_in_a_row(void **state)
{
	(void)state;
	dead_clear(&d);
	miss(7, DEAD_AFTER - 1);
	assert_false(dead_is(&d, 7));
	dead_on_alive(&d, 7);
	miss(7, DEAD_AFTER - 1);
	assert_false(dead_is(&d, 7));
	miss(7, 1);
	assert_true(dead_is(&d, 7));
	assert_false(dead_is(&d, 8));
	dead_on_alive(&d, 7);
	assert_false(dead_is(&d, 7));
}

static void test_probes_are_rare_and_rarer(void **state)
{
	int probes = 0;

	(void)state;
	dead_clear(&d);
	miss(7, DEAD_AFTER);
	assert_false(dead_take_probe(&d, now, 7));
	for (int s = 0; s < 600; s++, now = mono_add_s(now, 1))
		if (dead_take_probe(&d, now, 7)) {
			assert_false(dead_take_probe(&d, now, 7));
			miss(7, 1);
			probes++;
		}
	assert_in_range(probes, 600 * 1000 / DEAD_PROBE_MAX_MS, 16);
	assert_true(dead_is(&d, 7));
	assert_false(dead_take_probe(&d, now, 99));
}

static void test_forgets_the_oldest(void **state)
{
	(void)state;
	dead_clear(&d);
	for (uint64_t k = 1; k <= DEAD_KNOWN_MAX + 10; k++) {
		now = mono_add_ms(now, 1);
		miss(k, DEAD_AFTER);
		assert_true(dead_is(&d, k));
	}
	assert_false(dead_is(&d, 1));
	assert_true(dead_is(&d, 11));
	dead_clear(&d);
	assert_false(dead_is(&d, 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_after_some_misses_in_a_row),
		cmocka_unit_test(test_probes_are_rare_and_rarer),
		cmocka_unit_test(test_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
