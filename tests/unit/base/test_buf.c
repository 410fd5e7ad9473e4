/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/bytes.h"

static void grows_to_its_ceiling(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_add(&b, "x", 1);
	assert_true(buf_ok(&b));
	assert_int_equal(buf_span(&b).len, 1000);
	assert_int_equal(strlen(buf_cstr(&b)), 1000);
	buf_add(&b, "y", 1);
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	assert_string_equal(buf_cstr(&b), "");
	buf_reset(&b);
	buf_add_str(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
	buf_fini(&b);
}

static void refuses_more_than_the_ceiling_at_once(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 10);
	buf_add_str(&b, "abc");
	assert_null(buf_reserve(&b, 8));
	assert_false(buf_ok(&b));
	assert_null(buf_reserve(&b, 1)); /* sticky */
	assert_memory_equal(b.p, "abc", 3);
	buf_reset(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_fini(&b);
	buf_init(&b, 0);
	buf_add(&b, NULL, 0);
	assert_true(buf_ok(&b));
	buf_add(&b, "x", 1);
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

static void reserve_counts_after_commit(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	uint8_t *p = buf_reserve(&b, 10);
	memcpy(p, "0123456789", 10);
	assert_int_equal(b.len, 0);
	buf_commit(&b, 4);
	assert_string_equal(buf_cstr(&b), "0123");
	buf_commit(&b, b.cap); /* more than was reserved is our own bug: refused */
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

static void drops_from_the_front(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	buf_drop(&b, 5);
	buf_add_str(&b, "abcdef");
	buf_drop(&b, 2);
	assert_string_equal(buf_cstr(&b), "cdef");
	buf_drop(&b, 0);
	buf_drop(&b, 99);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_cstr(&b), "");
	buf_fini(&b);
}

static void formats(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 200);
	buf_fmt(&b, "%s=%d;", "a", 1);
	buf_fmt(&b, "%0150d", 7);
	assert_int_equal(b.len, 154);
	assert_memory_equal(b.p, "a=1;000", 7);
	buf_fmt(&b, "%0150d", 7);
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 154);
	buf_fini(&b);
	buf_init(&b, 6);
	buf_fmt(&b, "%d", 123456); /* exactly full */
	assert_string_equal(buf_cstr(&b), "123456");
	buf_fini(&b);
}

static void empty_text(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 10);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(buf_span(&b).len, 0);
	buf_fini(&b);
	buf_fini(&b);
}

/* The bytes themselves, while the memory is still ours. */
static void secret_bytes_are_wiped(void **state)
{
	(void)state;
	static const uint8_t zero[64];
	struct buf b;
	buf_init(&b, 4096);
	b.secret = true;
	buf_add_str(&b, "hunter2hunter2");
	buf_drop(&b, 7);
	assert_memory_equal(b.p + 7, zero, 7);
	buf_reset(&b);
	assert_memory_equal(b.p, zero, 14);
	for (int i = 0; i < 500; i++)
		buf_add_str(&b, "secret");
	assert_int_equal(b.len, 3000);
	for (int i = 0; i < 500; i++)
		assert_memory_equal(b.p + i * 6, "secret", 6);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_ceiling),
		cmocka_unit_test(refuses_more_than_the_ceiling_at_once),
		cmocka_unit_test(reserve_counts_after_commit),
		cmocka_unit_test(drops_from_the_front),
		cmocka_unit_test(formats),
		cmocka_unit_test(empty_text),
		cmocka_unit_test(secret_bytes_are_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
