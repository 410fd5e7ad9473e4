/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of responses: three framings, any cut, hostile chunks. */
#include "base/alloc.h"
#include "cli/http_body.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

struct outcome {
	int rc;
	bool done;
	char text[64];
	size_t left; /* bytes behind the body */
};

/* Head and body in pieces of `step` bytes. */
static struct outcome read_response(const char *wire, size_t step)
{
	struct http1_head head;
	struct http_body body;
	struct outcome o = { 0 };
	struct buf out;
	size_t at;
	buf_init(&out, 4096);
	assert_int_equal(http1_parse(span_str(wire), false, &head), 0);
	o.rc = http_body_init(&body, &head);
	at = head.len;
	while (o.rc == 0 && !body.done && at < strlen(wire)) {
		size_t n = strlen(wire) - at < step ? strlen(wire) - at : step, used;
		o.rc = http_body_feed(&body, span_of(wire + at, n), &out, &used);
		at += used;
	}
	if (o.rc == 0 && !body.done)
		o.rc = http_body_end(&body);
	o.done = body.done;
	o.left = strlen(wire) - at;
	snprintf(o.text, sizeof(o.text), "%s", buf_cstr(&out));
	buf_fini(&out);
	return o;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void test_bodies(void **state)
{
	static const struct {
		const char *wire;
		int rc;
		const char *text;
		size_t left;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, "hello", 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloXY", 0, "hello", 2 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "", 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", -ERR_SHORT, "hello", 0 },
		{ "HTTP/1.1 200 OK\r\n\r\nhello", 0, "hello", 0 },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 0, "", 0 },
		{ CHUNKED "5\r\nhello\r\n0\r\n\r\n", 0, "hello", 0 },
		{ CHUNKED "2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX: y\r\n\r\nZ", 0, "hello", 1 },
		{ CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789", 0 },
		{ CHUNKED "0\r\n\r\n", 0, "", 0 },
		{ CHUNKED "5\r\nhello\r\n", -ERR_SHORT, "hello", 0 },
		{ CHUNKED "5\r\nhello!0\r\n\r\n", -ERR_PROTO, "hello", 0 },
		{ CHUNKED "-5\r\nhello\r\n", -ERR_PROTO, "", 0 },
		{ CHUNKED "zz\r\nhello\r\n", -ERR_PROTO, "", 0 },
		{ CHUNKED "\r\nhello\r\n", -ERR_PROTO, "", 0 },
		{ CHUNKED "ffffffffffffffff\r\nhello\r\n", -ERR_PROTO, "", 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", -ERR_PROTO, "", 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n0\r\n\r\n",
		  -ERR_PROTO, "", 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 64; step += 7) {
			struct outcome o = read_response(cases[i].wire, step);
			assert_int_equal(o.rc, cases[i].rc);
			assert_string_equal(o.text, cases[i].text);
			assert_int_equal(o.done, cases[i].rc == 0);
			if (o.rc == 0 && step > 32)
				assert_int_equal(o.left, cases[i].left);
		}
	}
}

/* A trailer without end costs no memory and does not go on for ever. */
static void test_endless_trailer(void **state)
{
	struct http1_head head;
	struct http_body body;
	struct buf out;
	size_t used;
	int rc = 0, rounds = 0;
	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(http1_parse(span_str(CHUNKED), false, &head), 0);
	assert_int_equal(http_body_init(&body, &head), 0);
	assert_int_equal(http_body_feed(&body, span_str("0\r\n"), &out, &used), 0);
	while (rc == 0 && rounds++ < 100000)
		rc = http_body_feed(&body, span_str("X: y\r\n"), &out, &used);
	assert_int_equal(rc, -ERR_PROTO);
	assert_true(rounds < 10000);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_endless_trailer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
