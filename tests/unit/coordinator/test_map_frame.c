/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <zstd.h>

#include "daemon/coordinator/map_frame.h"

static void plain_frames_are_length_and_text(void **state)
{
	static const uint8_t want[] = { 2, 0, 0, 0, '{', '}' };
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(map_frame_build(span_str("{}"), false, &b), 0);
	assert_int_equal(map_frame_build(span_str("{}"), false, &b), 0);
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.p, want, 6);
	assert_memory_equal(b.p + 6, want, 6);
	buf_fini(&b);
}

static void compressed_frames_open_to_the_text(void **state)
{
	static const char text[] =
	    "{\"KeepAlive\":true,\"x\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}";
	char out[200];
	struct buf b, again;
	struct rd r;
	struct span frame;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&again, 4096);
	assert_int_equal(map_frame_build(span_str(text), true, &b), 0);
	assert_int_equal(map_frame_build(span_str(text), true, &again), 0);
	assert_true(
	    span_eq(buf_span(&b), buf_span(&again))); /* clients compare keep-alives by bytes */
	r = rd_init(buf_span(&b));
	frame = rd_take(&r, rd_le32(&r));
	assert_true(rd_done(&r));
	assert_int_equal(ZSTD_findFrameCompressedSize(frame.p, frame.len), frame.len);
	assert_int_equal(ZSTD_decompress(out, sizeof(out), frame.p, frame.len), sizeof(text) - 1);
	assert_memory_equal(out, text, sizeof(text) - 1);
	buf_fini(&b);
	buf_fini(&again);
}

static void a_full_buffer_is_an_error(void **state)
{
	struct buf b;

	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		buf_init(&b, 5);
		assert_int_equal(map_frame_build(span_str("{\"a\":1}"), zstd, &b), -ERR_NOMEM);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_frames_are_length_and_text),
		cmocka_unit_test(compressed_frames_open_to_the_text),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
