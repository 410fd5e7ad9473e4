/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/bytes.h"

static const uint8_t digits[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static struct rd reader(size_t len)
{
	return rd_init(span_of(digits, len));
}

static void spans_compare(void **state)
{
	(void)state;
	assert_true(span_eq(span_str("ab"), span_str("ab")));
	assert_false(span_eq(span_str("ab"), span_str("abc")));
	assert_false(span_eq(span_str("ab"), span_str("aB")));
	assert_true(span_eq(span_of(NULL, 0), span_str("")));
	assert_true(span_eq_str(span_str("x"), "x"));
	assert_false(span_eq_str(span_of(NULL, 0), "x"));
	assert_true(span_eq_nocase(span_str("KeyID@["), "keyid@["));
	assert_false(span_eq_nocase(span_str("@"), "`"));
	assert_false(span_eq_nocase(span_str("ab"), "a"));
}

static void span_from_stops_at_the_end(void **state)
{
	(void)state;
	struct span s = span_str("abc");
	assert_int_equal(span_from(s, 1).len, 2);
	assert_int_equal(span_from(s, 3).len, 0);
	assert_int_equal(span_from(s, 99).len, 0);
	assert_int_equal(span_from(span_of(NULL, 0), 1).len, 0);
}

static void reads_both_orders(void **state)
{
	(void)state;
	struct rd r = reader(16);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_be16(&r), 0x0203);
	assert_int_equal(rd_be24(&r), 0x040506);
	assert_int_equal(rd_be32(&r), 0x0708090a);
	assert_int_equal(rd_le16(&r), 0x0c0b);
	assert_int_equal(rd_le32(&r), 0x100f0e0d);
	assert_true(rd_done(&r));
	r = reader(16);
	assert_true(rd_be64(&r) == UINT64_C(0x0102030405060708));
	assert_true(rd_le64(&r) == UINT64_C(0x100f0e0d0c0b0a09));
	assert_true(rd_done(&r));
}

static void takes_views(void **state)
{
	(void)state;
	uint8_t copy[3];
	struct rd r = reader(16);
	struct span s = rd_take(&r, 4);
	assert_ptr_equal(s.p, digits);
	assert_int_equal(s.len, 4);
	rd_skip(&r, 2);
	rd_copy(&r, copy, 3);
	assert_memory_equal(copy, digits + 6, 3);
	assert_true(rd_ok(&r));
	assert_false(rd_done(&r));
	assert_int_equal(rd_left(&r), 7);
	assert_int_equal(rd_rest(&r).len, 7);
	assert_true(rd_done(&r));
	assert_int_equal(rd_take(&r, 0).len, 0);
	assert_true(rd_done(&r));
}

/* Each read one byte beyond the end fails, gives zero, and everything after it does too. */
static void error_is_sticky(void **state)
{
	(void)state;
	static const size_t need[] = { 1, 2, 3, 4, 8, 2, 4, 8 };
	for (size_t i = 0; i < 8; i++) {
		struct rd r = reader(need[i] - 1);
		uint64_t v = i == 0   ? rd_u8(&r)
			     : i == 1 ? rd_be16(&r)
			     : i == 2 ? rd_be24(&r)
			     : i == 3 ? rd_be32(&r)
			     : i == 4 ? rd_be64(&r)
			     : i == 5 ? rd_le16(&r)
			     : i == 6 ? rd_le32(&r)
				      : rd_le64(&r);
		assert_true(v == 0);
		assert_false(rd_ok(&r));
		assert_false(rd_done(&r));
		assert_int_equal(rd_left(&r), 0);
		assert_int_equal(rd_take(&r, 0).len, 0);
		assert_int_equal(rd_rest(&r).len, 0);
		assert_int_equal(rd_u8(&r), 0);
	}
}

static void failing_copy_zeroes(void **state)
{
	(void)state;
	uint8_t out[4] = { 9, 9, 9, 9 };
	static const uint8_t zero[4];
	struct rd r = reader(3);
	rd_copy(&r, out, 4);
	assert_memory_equal(out, zero, 4);
	r = reader(3);
	rd_skip(&r, SIZE_MAX);
	assert_false(rd_ok(&r));
}

static void empty_input(void **state)
{
	(void)state;
	struct rd r = rd_init(span_of(NULL, 0));
	assert_true(rd_done(&r));
	assert_int_equal(rd_rest(&r).len, 0);
	assert_true(rd_ok(&r));
	assert_int_equal(rd_u8(&r), 0);
	assert_false(rd_ok(&r));
}

static void writes_both_orders(void **state)
{
	(void)state;
	uint8_t b[16];
	struct wr w = wr_init(mspan_of(b, sizeof(b)));
	wr_u8(&w, 1);
	wr_be16(&w, 0x0203);
	wr_be24(&w, 0x040506);
	wr_be32(&w, 0x0708090a);
	wr_le16(&w, 0x0c0b);
	wr_le32(&w, 0x100f0e0d);
	assert_true(wr_ok(&w));
	assert_true(span_eq(wr_span_of(&w), span_of(digits, 16)));
	w = wr_init(mspan_of(b, sizeof(b)));
	wr_be64(&w, UINT64_C(0x0102030405060708));
	wr_le64(&w, UINT64_C(0x100f0e0d0c0b0a09));
	assert_int_equal(wr_len(&w), 16);
	assert_memory_equal(b, digits, 16);
}

static void writes_text(void **state)
{
	(void)state;
	char b[12];
	struct wr w = wr_init(mspan_of(b, sizeof(b)));
	wr_str(&w, "ab");
	wr_span(&w, span_str("c"));
	wr_bytes(&w, "d", 1);
	wr_zero(&w, 1);
	wr_fmt(&w, "%s-%d", "xyz", 123); /* fills it to the last byte: no room for a NUL needed */
	assert_true(wr_ok(&w));
	assert_memory_equal(b, "abcd\0xyz-123", 12);
	wr_bytes(&w, NULL, 0);
	assert_true(wr_ok(&w));
}

static void full_writer_is_sticky(void **state)
{
	(void)state;
	uint8_t b[4] = { 7, 7, 7, 7 };
	struct wr w = wr_init(mspan_of(b, 3));
	wr_be16(&w, 0);
	wr_be16(&w, 0xffff);
	assert_false(wr_ok(&w));
	wr_u8(&w, 1);
	assert_int_equal(b[2], 7);
	assert_int_equal(b[3], 7);
	assert_int_equal(wr_span_of(&w).len, 0);
	assert_null(wr_reserve(&w, 0));
	w = wr_init(mspan_of(b, 3));
	wr_fmt(&w, "%d", 1234);
	assert_false(wr_ok(&w));
	w = wr_init(mspan_of(NULL, 0));
	assert_true(wr_ok(&w));
	wr_zero(&w, SIZE_MAX);
	assert_false(wr_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_compare),     cmocka_unit_test(span_from_stops_at_the_end),
		cmocka_unit_test(reads_both_orders), cmocka_unit_test(takes_views),
		cmocka_unit_test(error_is_sticky),   cmocka_unit_test(failing_copy_zeroes),
		cmocka_unit_test(empty_input),	     cmocka_unit_test(writes_both_orders),
		cmocka_unit_test(writes_text),	     cmocka_unit_test(full_writer_is_sticky),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
