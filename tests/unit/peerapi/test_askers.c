/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/peerapi/askers.h"

static struct askers a;
static const mono_t start = { 1000 * NS_PER_S };

static int setup(void **state)
{
	(void)state;
	askers_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	askers_fini(&a);
	return 0;
}

/* How many are taken one after the other. */
static unsigned run(int64_t id, mono_t now, unsigned max)
{
	unsigned n = 0;
	while (n < max && askers_begin(&a, id, now)) {
		askers_end(&a, id);
		n++;
	}
	return n;
}

static void rate(void **state)
{
	(void)state;
	assert_int_equal(run(1, start, 1000), ASKERS_BURST);
	assert_int_equal(run(2, start, 1000), ASKERS_BURST); /* another's are its own */
	assert_int_equal(run(1, mono_add_s(start, 1), 1000), ASKERS_RATE);
	assert_int_equal(run(1, mono_add_s(start, 100), 1000), ASKERS_BURST);
}

static void at_once(void **state)
{
	(void)state;
	unsigned n = 0;
	while (askers_begin(&a, 1, start))
		n++;
	assert_int_equal(n, ASKERS_OPEN_MAX);
	assert_true(askers_begin(&a, 2, start));
	askers_end(&a, 1);
	assert_true(askers_begin(&a, 1, start));
	assert_false(askers_begin(&a, 1, start));
}

static void all_together(void **state)
{
	(void)state;
	size_t n = 0;
	for (int64_t id = 0; id < 2 * ASKERS_ALL_OPEN_MAX / ASKERS_OPEN_MAX; id++)
		while (askers_begin(&a, id, start))
			n++;
	assert_int_equal(n, ASKERS_ALL_OPEN_MAX);
	askers_end(&a, 0);
	assert_true(askers_begin(&a, 100, start));
}

/* A tailnet of a hundred thousand leaves no hundred thousand notes. */
static void memory(void **state)
{
	(void)state;
	assert_true(askers_begin(&a, -1, start));
	for (int64_t id = 0; id < 10000; id++)
		assert_int_equal(run(id, mono_add_ms(start, 1000 * id), 1), 1);
	assert_true(map_len(&a.by_id) <= ASKERS_KEPT + 1);
	askers_end(&a, -1); /* whoever waits is not forgotten */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(rate), T(at_once), T(all_together), T(memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
