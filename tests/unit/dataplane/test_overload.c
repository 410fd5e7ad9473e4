/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the kernel is asked to thin out a flood, and when no more. */
#include "daemon/dataplane/overload.h"
#include "tests/lib/cm.h"

#define START ((mono_t){ 1000 * NS_PER_S })

static mono_t come(struct overload *o, mono_t from, unsigned per_s, unsigned ms)
{
	mono_t now = from;
	for (uint64_t i = 1; i <= (uint64_t)per_s * ms / 1000; i++) {
		now = mono_add_ns(from, (int64_t)i * NS_PER_S / per_s);
		overload_count(o, now);
	}
	return mono_add_ms(from, ms);
}

static void little_is_no_overload(void **state)
{
	(void)state;
	struct overload o = { .on = false };
	mono_t now = come(&o, START, OVERLOAD_BEGINS * 9 / 10, 5000);
	assert_false(overload_is(&o, now));
}

static void much_is_at_once(void **state)
{
	(void)state;
	struct overload o = { .on = false };
	mono_t now = come(&o, START, 100000, 30);
	assert_true(overload_is(&o, now));
}

/* A sixteenth of what is sent still comes, and keeps it on. */
static void what_is_left_keeps_it_on(void **state)
{
	(void)state;
	struct overload o = { .on = false };
	mono_t now = come(&o, START, OVERLOAD_BEGINS * 2, 500);
	now = come(&o, now, OVERLOAD_BEGINS * 2 / 16, 5000);
	assert_true(overload_is(&o, now));
	now = come(&o, now, OVERLOAD_ENDS / 2, 1000);
	assert_false(overload_is(&o, now));
}

static void silence_ends_it(void **state)
{
	(void)state;
	struct overload o = { .on = false };
	mono_t now = come(&o, START, 100000, 300);
	assert_true(overload_is(&o, now));
	assert_false(overload_is(&o, mono_add_ns(now, 2 * OVERLOAD_WINDOW)));
	now = come(&o, mono_add_s(now, 10), 100000, 300);
	assert_true(overload_is(&o, now));
	for (int i = 0; i < 3; i++) /* as an idle thread looks */
		overload_is(&o, now = mono_add_ns(now, OVERLOAD_WINDOW));
	assert_false(o.on);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_is_no_overload),
		cmocka_unit_test(much_is_at_once),
		cmocka_unit_test(what_is_left_keeps_it_on),
		cmocka_unit_test(silence_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
