/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/tcp_frame.h"

static const uint8_t stream[] = { 0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', 1 };

static void test_wherever_it_is_cut(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= sizeof(stream); piece++) {
		static const char *const want[] = { "abc", "", "d" };
		struct dns_frame f;
		size_t n = 0;

		dns_frame_init(&f, 100);
		for (size_t at = 0; at < sizeof(stream); at += piece) {
			size_t len = sizeof(stream) - at < piece ? sizeof(stream) - at : piece;
			struct span in = span_of(stream + at, len);
			int rc;

			while (in.len > 0 && (rc = dns_frame_feed(&f, &in)) != 0) {
				assert_int_equal(rc, 1);
				assert_false(dns_frame_is_partial(&f));
				assert_true(span_eq_str(dns_frame_msg(&f), want[n++]));
				dns_frame_next(&f);
			}
		}
		assert_int_equal(n, 3);
		assert_true(dns_frame_is_partial(&f));
		dns_frame_fini(&f);
	}
}

static void test_too_long_is_refused_by_its_length_alone(void **state)
{
	struct dns_frame f;
	struct span in = span_of("\x10\x01", 2);

	(void)state;
	dns_frame_init(&f, 4096);
	assert_int_equal(dns_frame_feed(&f, &in), -ERR_TOOBIG);
	assert_null(f.body);
	dns_frame_fini(&f);
	dns_frame_init(&f, 4096);
	in = span_of("\x10\x00", 2);
	assert_int_equal(dns_frame_feed(&f, &in), 0);
	dns_frame_fini(&f);
}

static void test_memory_follows_what_came(void **state)
{
	static const uint8_t zeros[65535];
	struct dns_frame f;
	struct span in = span_of("\xff\xff\x01", 3);

	(void)state;
	dns_frame_init(&f, 65535);
	assert_int_equal(dns_frame_feed(&f, &in), 0);
	assert_true(f.cap <= 512);
	in = span_of(zeros, 60000);
	assert_int_equal(dns_frame_feed(&f, &in), 0);
	in = span_of(zeros, 5534);
	assert_int_equal(dns_frame_feed(&f, &in), 1);
	assert_int_equal(dns_frame_msg(&f).len, 65535);
	assert_true(f.cap <= 65535);
	dns_frame_next(&f);
	assert_int_equal(f.cap, 0); /* one long message does not keep its memory */
	dns_frame_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wherever_it_is_cut),
		cmocka_unit_test(test_too_long_is_refused_by_its_length_alone),
		cmocka_unit_test(test_memory_follows_what_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
