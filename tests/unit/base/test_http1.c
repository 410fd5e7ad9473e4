/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/http1.h"

#include <stdlib.h>

static struct http1_head head;

static int request(const char *s)
{
	return http1_parse(span_str(s), true, &head);
}

static int response(const char *s)
{
	return http1_parse(span_str(s), false, &head);
}

static void whole_request(void **state)
{
	(void)state;
	static const char text[] = "POST /ts2021 HTTP/1.1\r\nHost: example.com\r\nUpgrade:\t "
				   "tailscale-control-protocol \t\r\nEmpty:\r\n\r\nbody";
	assert_int_equal(request(text), 0);
	assert_true(span_eq_str(head.method, "POST"));
	assert_true(span_eq_str(head.target, "/ts2021"));
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.n_headers, 3);
	assert_string_equal(text + head.len, "body");
	assert_true(span_eq_str(http1_find(&head, "upgrade"), "tailscale-control-protocol"));
	assert_non_null(http1_find(&head, "EMPTY").p);
	assert_int_equal(http1_find(&head, "EMPTY").len, 0);
	assert_null(http1_find(&head, "Accept").p);
}

static void whole_response(void **state)
{
	(void)state;
	assert_int_equal(response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n\r\n"), 0);
	assert_int_equal(head.status, 101);
	assert_true(span_eq_str(http1_find(&head, "Upgrade"), "DERP"));
	assert_int_equal(response("HTTP/1.0 204 \r\n\r\n"), 0);
	assert_int_equal(head.minor, 0);
	assert_int_equal(response("HTTP/1.1 500\r\n\r\n"), 0); /* some leave the blank out */
	assert_int_equal(head.status, 500);
	assert_int_equal(head.n_headers, 0);
}

/* Every cut of a good head asks for more and never reads as complete or wrong. */
static void every_prefix_needs_more(void **state)
{
	(void)state;
	static const char text[] = "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n";
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(http1_parse(span_of(text, n), true, &head), -ERR_AGAIN);
	assert_int_equal(http1_parse(span_of(text, sizeof(text) - 1), true, &head), 0);
	assert_int_equal(head.len, sizeof(text) - 1);
}

static void bad_requests(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\r\n",
		" GET / HTTP/1.1\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		"GET /\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.x\r\n\r\n",
		"GET / http/1.1\r\n\r\n",
		"GET / HTTP/1.11\r\n\r\n",
		"G(T / HTTP/1.1\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\n\r\n",
		"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\n\n",
		"GET / HTTP/1.1\r\nA: b\n\r\n",
		"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
		"GET / HTTP/1.1\r\r\n\r\n",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\n: v\r\n\r\n",
		"GET / HTTP/1.1\r\nA : b\r\n\r\n",
		"GET / HTTP/1.1\r\n A: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\x1b[0m\r\n\r\n",
		"GET / HTTP/1.1\r\nA\xc3: b\r\n\r\n",
		"GET / HTTP/1.1\rX",
		"\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (request(bad[i]) != -ERR_SYNTAX)
			fail_msg("%zu: %s", i, bad[i]);
	static const char nul[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
	assert_int_equal(http1_parse(span_of(nul, sizeof(nul) - 1), true, &head), -ERR_SYNTAX);
	assert_int_equal(request("HTTP/1.1 200 OK\r\n\r\n"), -ERR_SYNTAX);
}

static void bad_responses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"HTTP/1.1\r\n\r\n",
		"HTTP/1.1 \r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\n\r\n",
		"ICY 200 OK\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (response(bad[i]) != -ERR_SYNTAX)
			fail_msg("%zu: %s", i, bad[i]);
}

static void too_many_headers(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, HTTP1_HEAD_MAX);
	buf_add_str(&b, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < HTTP1_HEADERS_MAX; i++)
		buf_add_str(&b, "A: b\r\n");
	size_t len = b.len;
	buf_add_str(&b, "\r\n");
	assert_int_equal(http1_parse(buf_span(&b), true, &head), 0);
	assert_int_equal(head.n_headers, HTTP1_HEADERS_MAX);
	b.len = len;
	buf_add_str(&b, "A: b\r\n");
	assert_int_equal(http1_parse(buf_span(&b), true, &head), -ERR_TOOBIG);
	buf_fini(&b);
}

static void head_without_end(void **state)
{
	(void)state;
	char *s = xcalloc(HTTP1_HEAD_MAX + 100, 1);
	memset(s, 'a', HTTP1_HEAD_MAX + 100);
	memcpy(s, "GET / HTTP/1.1\r\nA: ", 19);
	assert_int_equal(http1_parse(span_of(s, HTTP1_HEAD_MAX - 1), true, &head), -ERR_AGAIN);
	assert_int_equal(http1_parse(span_of(s, HTTP1_HEAD_MAX), true, &head), -ERR_TOOBIG);
	assert_int_equal(http1_parse(span_of(s, HTTP1_HEAD_MAX + 100), true, &head), -ERR_TOOBIG);
	memcpy(s + HTTP1_HEAD_MAX - 4, "\r\n\r\n", 4); /* exactly the cap */
	assert_int_equal(http1_parse(span_of(s, HTTP1_HEAD_MAX + 100), true, &head), 0);
	assert_int_equal(head.len, HTTP1_HEAD_MAX);
	free(s);
}

static void token_lists(void **state)
{
	(void)state;
	assert_int_equal(request("GET / HTTP/1.1\r\nConnection: keep-alive ,\tUPGRADE,\r\n"
				 "connection: x\r\nOther: upgrade2\r\n\r\n"),
			 0);
	assert_true(http1_has_token(&head, "Connection", "upgrade"));
	assert_true(http1_has_token(&head, "connection", "Keep-Alive"));
	assert_true(http1_has_token(&head, "connection", "x")); /* in the second of that name */
	assert_false(http1_has_token(&head, "connection", "upgr"));
	assert_false(http1_has_token(&head, "other", "upgrade"));
	assert_false(http1_has_token(&head, "absent", "upgrade"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_request),	   cmocka_unit_test(whole_response),
		cmocka_unit_test(every_prefix_needs_more), cmocka_unit_test(bad_requests),
		cmocka_unit_test(bad_responses),	   cmocka_unit_test(too_many_headers),
		cmocka_unit_test(head_without_end),	   cmocka_unit_test(token_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
