/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bucket.h"
#include "tests/lib/cm.h"

#define PERIOD NS_PER_S
#define BURST 3

static mono_t at_ms(int64_t ms)
{
	return mono_add_ms((mono_t){ 1000 * NS_PER_S }, ms);
}

static void a_burst_and_then_one_a_period(void **state)
{
	struct bucket b = { 0 };
	(void)state;
	for (int i = 0; i < BURST; i++)
		assert_true(bucket_take(&b, at_ms(0), PERIOD, BURST));
	assert_false(bucket_take(&b, at_ms(0), PERIOD, BURST));
	assert_false(bucket_has(&b, at_ms(999), PERIOD, BURST));
	assert_true(bucket_take(&b, at_ms(1000), PERIOD, BURST));
	assert_false(bucket_take(&b, at_ms(1001), PERIOD, BURST));
	/* full again after a rest, and no fuller */
	for (int i = 0; i < BURST; i++)
		assert_true(bucket_take(&b, at_ms(60000), PERIOD, BURST));
	assert_false(bucket_take(&b, at_ms(60000), PERIOD, BURST));
}

static void what_is_reserved_comes_in_turn(void **state)
{
	struct bucket b = { 0 };
	(void)state;
	for (int i = 0; i < BURST; i++)
		assert_int_equal(bucket_reserve(&b, at_ms(0), PERIOD, BURST).ns, at_ms(0).ns);
	assert_int_equal(bucket_when(&b, at_ms(10), PERIOD, BURST).ns, at_ms(1000).ns);
	assert_int_equal(bucket_reserve(&b, at_ms(10), PERIOD, BURST).ns, at_ms(1000).ns);
	assert_int_equal(bucket_reserve(&b, at_ms(20), PERIOD, BURST).ns, at_ms(2000).ns);
	assert_int_equal(bucket_when(&b, at_ms(2500), PERIOD, BURST).ns, at_ms(3000).ns);
	assert_int_equal(bucket_reserve(&b, at_ms(3100), PERIOD, BURST).ns, at_ms(3100).ns);
	assert_int_equal(bucket_reserve(&b, at_ms(90000), PERIOD, BURST).ns, at_ms(90000).ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_one_a_period),
		cmocka_unit_test(what_is_reserved_comes_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
