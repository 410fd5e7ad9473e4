/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/httpd.h"
#include "tests/lib/raw_client.h"
#include "tests/unit/base/io_test.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MAX_BODY = 1000 };

static struct httpd *httpd;

/* ---- a client ----------------------------------------------------------------------------------
 */

static void client_open(struct client *c)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/run/s.sock", dir);
	client_init(c, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

/* ---- the handler ------------------------------------------------------------------------------
 */

static struct seen {
	int calls, aborts, closes;
	struct httpd_req *held;	     /* /hold */
	struct httpd_stream *stream; /* /stream */
	struct buf body;
	char method[16], path[128], x[64], header[64];
	bool has_x, has_y, peer_ok;
	uid_t uid;
	gid_t gid;
	pid_t pid;
} seen;

static void on_abort(void *arg)
{
	assert_ptr_equal(arg, &seen);
	seen.aborts++;
	seen.held = NULL;
}

static void on_stream_close(void *arg)
{
	assert_ptr_equal(arg, &seen);
	seen.closes++;
	seen.stream = NULL;
}

static void note_request(struct httpd_req *r)
{
	const char *x = httpd_query(r, "x"), *h = httpd_header(r, "x-test");

	seen.calls++;
	snprintf(seen.method, sizeof(seen.method), "%s", httpd_method(r));
	snprintf(seen.path, sizeof(seen.path), "%s", httpd_path(r));
	snprintf(seen.x, sizeof(seen.x), "%s", x ? x : "");
	snprintf(seen.header, sizeof(seen.header), "%s", h ? h : "(none)");
	seen.has_x = x != NULL;
	seen.has_y = httpd_query(r, "y") != NULL;
	buf_reset(&seen.body);
	buf_add_span(&seen.body, httpd_body(r));
	seen.peer_ok = httpd_peer(r, &seen.uid, &seen.gid, &seen.pid);
}

static void handler(void *arg, struct httpd_req *r)
{
	const char *path = httpd_path(r);

	assert_ptr_equal(arg, &seen);
	note_request(r);
	if (strcmp(path, "/hold") == 0) {
		seen.held = r;
		httpd_on_abort(r, on_abort, &seen);
	} else if (strcmp(path, "/forget") == 0) {
		seen.held = r;
	} else if (strcmp(path, "/stream") == 0) {
		httpd_add_header(r, "X-More", "stream");
		seen.stream =
		    httpd_stream_start(r, 200, "application/json", on_stream_close, &seen);
	} else if (strcmp(path, "/none") == 0) {
		httpd_reply(r, 204, NULL, span_of(NULL, 0));
	} else {
		httpd_add_header(r, "X-One", "1");
		httpd_add_header(r, "X-Bad", "a\r\nX-Injected: b");
		httpd_reply(r, 201, "text/plain", span_str("answer\n"));
	}
}

static int setup(void **state)
{
	struct httpd_opts o = { .max_body = MAX_BODY, .max_connections = 16 };
	int fd;

	(void)state;
	io_start(NULL);
	memset(&seen, 0, sizeof(seen));
	buf_init(&seen.body, 1 << 16);
	fd = httpd_listen_unix(in_dir("run/s.sock"));
	assert_true(fd >= 0);
	httpd = httpd_new(loop, fd, &o, handler, &seen);
	assert_non_null(httpd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	httpd_free(httpd);
	httpd = NULL;
	buf_fini(&seen.body);
	io_stop();
	return 0;
}

/* ---- plain requests ---------------------------------------------------------------------------
 */

static void test_request_and_answer(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c,
		    "GET /a%20b/c%2fd%00?x=1+2%26&y HTTP/1.1\r\nHost: h\r\nX-Test: yes\r\n\r\n");
	UNTIL(client_has(&c, "answer\n"));
	assert_true(client_has(&c, "HTTP/1.1 201 Created\r\n"));
	assert_true(client_has(&c, "Content-Type: text/plain\r\n"));
	assert_true(client_has(&c, "Content-Length: 7\r\n"));
	assert_true(client_has(&c, "X-One: 1\r\n"));
	assert_false(client_has(&c, "Injected"));
	assert_string_equal(seen.method, "GET");
	assert_string_equal(seen.path, "/a b/c/d%00");
	assert_string_equal(seen.x, "1 2&");
	assert_true(seen.has_y);
	assert_string_equal(seen.header, "yes");
	client_close(&c);
}

static void test_peer_credentials(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, "answer\n"));
	assert_true(seen.peer_ok);
	assert_int_equal(seen.uid, getuid());
	assert_int_equal(seen.gid, getgid());
	assert_int_equal(seen.pid, getpid());
	client_close(&c);
}

static void test_keep_alive_and_pipelining(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	for (int i = 1; i <= 3; i++) {
		client_send(&c, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
		UNTIL(client_has(&c, "204 No Content\r\n"));
		assert_int_equal(seen.calls, i);
		buf_reset(&c.in);
	}
	client_send(&c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, "201 Created") && client_has(&c, "204 No Content"));
	assert_false(client_closed(&c));
	client_close(&c);
}

static void test_body_with_length(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
	settle(20);
	assert_int_equal(seen.calls, 0);
	client_send(&c, "56789");
	UNTIL(client_has(&c, "answer\n"));
	assert_true(span_eq_str(buf_span(&seen.body), "0123456789"));
	client_close(&c);
}

static void test_chunked_body(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "PATCH /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			"5\r\nhello\r\n6;ext=1\r\n, chun\r\n");
	settle(20);
	client_send(&c, "2\r\nks\r\n0\r\n\r\n");
	UNTIL(client_has(&c, "answer\n"));
	assert_true(span_eq_str(buf_span(&seen.body), "hello, chunks"));
	assert_string_equal(seen.method, "PATCH");
	client_close(&c);
}

static void test_expect_continue(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
			"Expect: 100-continue\r\n\r\n");
	UNTIL(client_has(&c, "100 Continue\r\n"));
	client_send(&c, "ok");
	UNTIL(client_has(&c, "answer\n"));
	client_close(&c);
}

/* ---- refused without the handler ----------------------------------------------------------------
 */

static void check_refused(const char *request, const char *status)
{
	struct client c;

	client_open(&c);
	client_send(&c, request);
	UNTIL(client_has(&c, "\r\n\r\n"));
	if (!client_has(&c, status))
		fail_msg("wanted %s, got %s", status, buf_cstr(&c.in));
	UNTIL(client_closed(&c));
	assert_int_equal(seen.calls, 0);
	client_close(&c);
}

static void test_declared_too_large(void **state)
{
	(void)state;
	check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", " 413 ");
	check_refused("PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", " 413 ");
}

static void send_chunks(struct client *c, size_t n)
{
	char chunk[16 + 512];

	snprintf(chunk, sizeof(chunk), "1f4\r\n%0500d\r\n", 0);
	for (size_t i = 0; i < n; i++) {
		if (send(c->fd, chunk, strlen(chunk), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN)
			return;
		loop_turn(loop, 0);
	}
}

static void test_chunked_too_large(void **state)
{
	static const char head[] =
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, head);
	send_chunks(&c, 2); /* just fits */
	client_send(&c, "0\r\n\r\n");
	UNTIL(client_has(&c, " 201 "));
	assert_int_equal(seen.body.len, MAX_BODY);
	buf_reset(&c.in);
	client_send(&c, head);
	send_chunks(&c, 3);
	client_send(&c, "0\r\n\r\n");
	UNTIL(client_has(&c, " 413 "));
	assert_int_equal(seen.calls, 1);
	client_close(&c);
	client_open(&c);
	client_send(&c, head);
	send_chunks(&c, 4000); /* never ends: cut off */
	UNTIL(client_closed(&c));
	assert_int_equal(seen.calls, 1);
	client_close(&c);
}

static void test_two_lengths_are_refused(void **state)
{
	(void)state;
	check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		      " 400 ");
	check_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
		      "0\r\n\r\n",
		      " 400 ");
	check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", " 400 ");
	check_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
		      "content-length: 0\r\n\r\n",
		      " 400 ");
}

static void test_two_hosts_are_refused(void **state)
{
	(void)state;
	check_refused("GET / HTTP/1.1\r\nHost: h\r\nhost: other\r\n\r\n", " 400 ");
}

static void test_huge_head_is_refused(void **state)
{
	static char request[40000];

	(void)state;
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nX: %039000d\r\n\r\n", 0);
	check_refused(request, " 431 ");
}

/* ---- late answers ---- */

static void test_late_answer(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	settle(20);
	client_read(&c);
	assert_int_equal(c.in.len, 0);
	httpd_reply(seen.held, 200, "text/plain", span_str("late"));
	UNTIL(client_has(&c, "late"));
	client_send(&c, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, " 204 "));
	assert_int_equal(seen.aborts, 0);
	client_close(&c);
}

static void test_client_gone_before_the_answer(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	client_close(&c);
	UNTIL(seen.aborts == 1);
	settle(20);
	assert_int_equal(seen.aborts, 1);
}

static void test_client_gone_and_nobody_asked_to_know(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "POST /forget HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
	UNTIL(seen.held);
	client_close(&c);
	settle(30);
	assert_true(span_eq_str(httpd_body(seen.held), "hi"));
	assert_null(httpd_header(seen.held, "Host"));
	assert_null(httpd_query(seen.held, "x"));
	assert_false(httpd_peer(seen.held, &seen.uid, &seen.gid, &seen.pid));
	httpd_reply(seen.held, 200, "text/plain", span_str("to nobody"));
}

static void test_stream_for_a_client_that_is_gone(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "GET /forget HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	client_close(&c);
	settle(30);
	seen.stream = httpd_stream_start(seen.held, 200, NULL, on_stream_close, &seen);
	assert_non_null(seen.stream);
	assert_int_equal(httpd_stream_send(seen.stream, span_str("x"), 100), -ERR_CLOSED);
	UNTIL(seen.closes == 1);
}

static void test_free_aborts_what_is_pending(void **state)
{
	struct client c, d;

	(void)state;
	client_open(&c);
	client_send(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	client_open(&d);
	client_send(&d, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&d, "\r\n\r\n"));
	httpd_free(httpd);
	httpd = NULL;
	assert_int_equal(seen.aborts, 1);
	assert_int_equal(seen.closes, 1);
	assert_true(client_closed(&c));
	assert_true(client_closed(&d));
	client_close(&c);
	client_close(&d);
}

static void test_answer_after_free(void **state)
{
	struct client c;

	(void)state;
	client_open(&c);
	client_send(&c, "GET /forget HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	httpd_free(httpd);
	httpd = NULL;
	httpd_reply(seen.held, 200, NULL, span_str("x"));
	client_close(&c);
}

/* ---- streams ---- */

static void stream_open_by(struct client *c)
{
	client_open(c);
	client_send(c, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.stream && client_has(c, "\r\n\r\n"));
}

static void test_stream_head_comes_before_any_byte(void **state)
{
	struct client c;

	(void)state;
	stream_open_by(&c);
	assert_true(client_has(&c, "HTTP/1.1 200 OK\r\n"));
	assert_true(client_has(&c, "Transfer-Encoding: chunked\r\n"));
	assert_true(client_has(&c, "Content-Type: application/json\r\n"));
	assert_true(client_has(&c, "X-More: stream\r\n"));
	for (int i = 0; i < 3; i++) {
		char want[32];

		snprintf(want, sizeof(want), "{\"n\":%d}", i);
		assert_int_equal(httpd_stream_send(seen.stream, span_str(want), 1000), 0);
		UNTIL(client_has(&c, want));
		settle(5); /* goes to sleep between */
	}
	httpd_stream_end(seen.stream);
	seen.stream = NULL;
	UNTIL(client_has(&c, "\r\n0\r\n\r\n"));
	client_send(&c, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, " 204 "));
	assert_int_equal(seen.closes, 0);
	client_close(&c);
}

static void test_stream_end_sends_what_is_queued(void **state)
{
	struct client c;

	(void)state;
	stream_open_by(&c);
	assert_int_equal(httpd_stream_send(seen.stream, span_str("first "), 1000), 0);
	assert_int_equal(httpd_stream_send(seen.stream, span_str("last"), 1000), 0);
	httpd_stream_end(seen.stream);
	UNTIL(client_has(&c, "first last\r\n0\r\n\r\n"));
	client_close(&c);
}

static void test_stream_client_vanishes(void **state)
{
	struct client c;

	(void)state;
	stream_open_by(&c);
	settle(10);
	client_close(&c);
	UNTIL(seen.closes == 1);
	settle(20);
	assert_int_equal(seen.closes, 1);
}

static void test_stream_client_vanishes_while_data_is_on_its_way(void **state)
{
	static uint8_t block[200000];
	struct client c;

	(void)state;
	stream_open_by(&c);
	while (httpd_stream_send(seen.stream, span_of(block, sizeof(block)), 1 << 20) == 0 &&
	       seen.calls++ < 3)
		loop_turn(loop, 1);
	client_close(&c);
	UNTIL(seen.closes == 1);
}

static void test_stream_to_slow_client_is_cut(void **state)
{
	static uint8_t block[60000];
	struct client c;
	int rc = 0;

	(void)state;
	stream_open_by(&c);
	for (int i = 0; i < 100 && rc == 0; i++) {
		rc = httpd_stream_send(seen.stream, span_of(block, sizeof(block)), 200000);
		loop_turn(loop, 0);
	}
	assert_int_equal(rc, -ERR_FULL);
	UNTIL(seen.closes == 1);
	UNTIL(client_closed(&c));
	client_close(&c);
}

static void test_stream_error_comes_once(void **state)
{
	struct client c;

	(void)state;
	stream_open_by(&c);
	assert_int_equal(httpd_stream_send(seen.stream, span_str("0123456789"), 5), -ERR_FULL);
	assert_int_equal(httpd_stream_send(seen.stream, span_str("0"), 5), -ERR_CLOSED);
	assert_int_equal(seen.closes, 0); /* never from inside a call */
	UNTIL(seen.closes == 1);
	client_close(&c);
}

static void test_stream_end_after_client_has_gone(void **state)
{
	struct client c;

	(void)state;
	stream_open_by(&c);
	client_close(&c);
	httpd_stream_end(seen.stream);
	settle(30);
	assert_int_equal(seen.closes, 0);
}

static void test_many_streams_and_requests(void **state)
{
	struct client c[10];
	struct httpd_stream *s[10];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		stream_open_by(&c[i]);
		s[i] = seen.stream;
		seen.stream = NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(c); i += 2)
		client_close(&c[i]);
	UNTIL(seen.closes == 5);
	for (size_t i = 1; i < ARRAY_LEN(c); i += 2) {
		assert_int_equal(httpd_stream_send(s[i], span_str("still here"), 100), 0);
		UNTIL(client_has(&c[i], "still here"));
		httpd_stream_end(s[i]);
		client_close(&c[i]);
	}
}

/* ---- the socket ---- */

static void test_listen_refuses_a_living_socket(void **state)
{
	(void)state;
	assert_int_equal(httpd_listen_unix(in_dir("run/s.sock")), -ERR_BUSY);
}

static void test_listen_replaces_a_stale_socket(void **state)
{
	struct stat st;
	int fd, again;

	(void)state;
	fd = httpd_listen_unix(in_dir("new/deep.sock"));
	assert_true(fd >= 0);
	close(fd);
	again = httpd_listen_unix(in_dir("new/deep.sock"));
	assert_true(again >= 0);
	assert_int_equal(stat(in_dir("new/deep.sock"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(stat(in_dir("new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	close(again);
}

static void test_listen_keeps_other_files(void **state)
{
	char path[200];

	(void)state;
	assert_int_equal(fs_write_atomic(in_dir("precious"), span_str("x"), 0600), 0);
	assert_int_equal(httpd_listen_unix(in_dir("precious")), -ERR_EXIST);
	assert_int_equal(access(in_dir("precious"), F_OK), 0);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(httpd_listen_unix(path), -ERR_RANGE);
	assert_int_equal(httpd_listen_unix(""), -ERR_RANGE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_request_and_answer),
		T(test_peer_credentials),
		T(test_keep_alive_and_pipelining),
		T(test_body_with_length),
		T(test_chunked_body),
		T(test_expect_continue),
		T(test_declared_too_large),
		T(test_chunked_too_large),
		T(test_two_lengths_are_refused),
		T(test_two_hosts_are_refused),
		T(test_huge_head_is_refused),
		T(test_late_answer),
		T(test_client_gone_before_the_answer),
		T(test_client_gone_and_nobody_asked_to_know),
		T(test_stream_for_a_client_that_is_gone),
		T(test_free_aborts_what_is_pending),
		T(test_answer_after_free),
		T(test_stream_head_comes_before_any_byte),
		T(test_stream_end_sends_what_is_queued),
		T(test_stream_client_vanishes),
		T(test_stream_client_vanishes_while_data_is_on_its_way),
		T(test_stream_to_slow_client_is_cut),
		T(test_stream_error_comes_once),
		T(test_stream_end_after_client_has_gone),
		T(test_many_streams_and_requests),
		T(test_listen_refuses_a_living_socket),
		T(test_listen_replaces_a_stale_socket),
		T(test_listen_keeps_other_files),
	};

	return cmocka_run_group_tests(tests, io_make_dir, io_remove_dir);
}
