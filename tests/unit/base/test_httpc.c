/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/http1.h"
#include "base/httpc.h"
#include "tests/unit/base/io_test.h"

static struct server srv;

/* ---- the client's side -------------------------------------------------------------------------
 */

struct result {
	int calls, err, status;
	int64_t retry_after_s;
	struct buf body;
	char text[256], type[64];
	struct httpc_req *req;
};

static void on_answer(void *arg, const struct httpc_answer *a)
{
	struct result *r = arg;

	r->calls++;
	r->err = a->err;
	r->status = a->status;
	r->retry_after_s = a->retry_after_s;
	snprintf(r->text, sizeof(r->text), "%s", a->text);
	snprintf(r->type, sizeof(r->type), "%s", a->content_type);
	buf_add_span(&r->body, a->body);
	httpc_cancel(r->req); /* harmless here */
}

static void start(struct result *r, struct httpc_opts o)
{
	*r = (struct result){ .calls = 0 };
	buf_init(&r->body, 1 << 20);
	if (!o.method)
		o.method = "GET";
	if (!o.max_body)
		o.max_body = 1000;
	if (!o.timeout_ms)
		o.timeout_ms = 4000;
	r->req = httpc_start(net, &o, on_answer, r);
	assert_non_null(r->req);
	assert_int_equal(r->calls, 0);
}

static void run(struct result *r, struct httpc_opts o)
{
	start(r, o);
	UNTIL(r->calls);
}

static const char *url_of(const char *scheme, const char *host, const char *path)
{
	static char url[256];

	snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, srv.port, path);
	return url;
}

/* ---- the server's side: answers whatever the test said ---- */

static const char *canned;
static struct buf request; /* the last one, head and body */

static void serve(void *arg, struct span data)
{
	struct served *s = arg;
	struct http1_head h;
	struct span length;
	uint64_t n = 0;

	buf_add_span(&s->in, data);
	if (http1_parse(buf_span(&s->in), true, &h) < 0)
		return;
	length = http1_find(&h, "Content-Length");
	if (length.p && u64_decode(length, 100000, &n) < 0)
		fail_msg("bad length");
	if (s->in.len < h.len + n)
		return;
	buf_reset(&request);
	buf_add_span(&request, buf_span(&s->in));
	buf_reset(&s->in);
	s->data_calls++;
	if (!canned)
		return;
	assert_int_equal(conn_send(s->c, span_str(canned)), 0);
	if (!strstr(canned, "Content-Length"))
		conn_finish(s->c);
}

static void serve_conn(void *arg, struct conn *c)
{
	static const struct conn_ops ops = { serve, served_on_close, NULL };
	struct served *s;

	server_on_conn(arg, c);
	s = &srv.got[srv.n - 1];
	conn_set_ops(c, &ops, s);
}

static void serve_start(const char *cert, const char *answer)
{
	server_start(&srv, cert);
	listener_free(srv.l);
	srv.l =
	    listener_new(loop, (struct ep){ .ip = ip_v4(127, 0, 0, 1) }, srv.tls, serve_conn, &srv);
	assert_non_null(srv.l);
	srv.port = listener_addr(srv.l).port;
	canned = answer;
}

static bool request_has(const char *text)
{
	return strstr(buf_cstr(&request), text) != NULL;
}

static int setup(void **state)
{
	(void)state;
	io_start(in_dir("srv.crt"));
	buf_init(&request, 1 << 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	io_stop();
	buf_fini(&request);
	return 0;
}

static void end(struct result *r)
{
	buf_fini(&r->body);
	server_stop(&srv);
}

/* ---- answers ---- */

static void test_get(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/key?v=1") });
	assert_int_equal(r.err, 0);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.retry_after_s, -1);
	assert_true(span_eq_str(buf_span(&r.body), "hello"));
	assert_true(request_has("GET /key?v=1 HTTP/1.1\r\n"));
	assert_false(request_has("Content-Type"));
	assert_false(request_has("Cookie"));
	end(&r);
}

static void test_post(void **state)
{
	static const uint8_t body[] = { 'a', 0, 'b', 0xff };
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/p"),
				     .method = "POST",
				     .body = span_of(body, sizeof(body)),
				     .content_type = "application/dns-message",
				     .accept = "application/dns-message" });
	assert_int_equal(r.status, 201);
	assert_true(request_has("POST /p HTTP/1.1\r\n"));
	assert_true(request_has("Content-Type: application/dns-message\r\n"));
	assert_true(request_has("Accept: application/dns-message\r\n"));
	assert_true(request_has("Content-Length: 4\r\n"));
	assert_memory_equal(request.p + request.len - 4, body, 4);
	end(&r);
}

static void test_head(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .method = "HEAD" });
	assert_int_equal(r.err, 0);
	assert_int_equal(r.status, 204);
	assert_true(request_has("HEAD / HTTP/1.1\r\n"));
	end(&r);
}

static void test_redirect_is_not_followed(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
			  "0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_int_equal(r.status, 302);
	assert_int_equal(srv.n, 1);
	end(&r);
}

static void check_retry_after(const char *answer, int64_t low, int64_t high)
{
	struct result r;

	serve_start(NULL, answer);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_int_equal(r.status, 429);
	if (r.retry_after_s < low || r.retry_after_s > high)
		fail_msg("%lld", (long long)r.retry_after_s);
	end(&r);
}

static void test_retry_after(void **state)
{
	(void)state;
	check_retry_after("HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n", 17,
			  17);
	check_retry_after("HTTP/1.1 429 Slow\r\nretry-after:  3 \r\nContent-Length: 0\r\n\r\n", 3,
			  3);
	check_retry_after("HTTP/1.1 429 Slow\r\nRetry-After: -3\r\nContent-Length: 0\r\n\r\n", -1,
			  -1);
	check_retry_after("HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", -1,
			  -1);
	check_retry_after("HTTP/1.1 429 Slow\r\nRetry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n"
			  "Content-Length: 0\r\n\r\n",
			  365 * 86400, INT64_MAX);
	check_retry_after("HTTP/1.1 429 Slow\r\nRetry-After: Fri, 01 Jan 2010 00:00:00 GMT\r\n"
			  "Content-Length: 0\r\n\r\n",
			  0, 0);
}

/* ---- caps ---- */

static void test_body_above_the_cap(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .max_body = 6 });
	assert_int_equal(r.err, 0);
	buf_fini(&r.body);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .max_body = 5 });
	assert_int_equal(r.err, -ERR_TOOBIG);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.body.len, 0);
	end(&r);
}

static void test_body_of_unknown_length_above_the_cap(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\n\r\nhello!");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .max_body = 5 });
	assert_int_equal(r.err, -ERR_TOOBIG);
	end(&r);
}

static void test_headers_above_the_cap(void **state)
{
	static char answer[80000];
	size_t n;
	struct result r;

	(void)state;
	n = (size_t)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n");
	while (n < 70000)
		n += (size_t)snprintf(answer + n, sizeof(answer) - n, "X-Fill: %0500d\r\n", 0);
	snprintf(answer + n, sizeof(answer) - n, "Content-Length: 0\r\n\r\n");
	serve_start(NULL, answer);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_int_equal(r.err, -ERR_TOOBIG);
	end(&r);
}

static void test_broken_answer(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
	start(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	UNTIL(srv.n == 1 && srv.got[0].data_calls == 1);
	conn_finish(srv.got[0].c);
	UNTIL(r.calls);
	assert_int_equal(r.err, -ERR_CLOSED);
	end(&r);
}

static void test_answer_that_is_no_http(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "SSH-2.0-whatever\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_true(r.err < 0);
	assert_int_equal(r.status, 0);
	end(&r);
}

static void test_timeout(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, NULL);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .timeout_ms = 80 });
	assert_int_equal(r.err, -ERR_TIMEOUT);
	end(&r);
}

static void test_cancel(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, NULL);
	for (int turns = 0; turns < 8; turns++) {
		start(&r, (struct httpc_opts){ .url = url_of("http", "localhost", "/") });
		for (int i = 0; i < turns; i++)
			loop_turn(loop, 1);
		httpc_cancel(r.req);
	}
	settle(20);
	assert_int_equal(r.calls, 0);
	httpc_cancel(NULL);
	end(&r);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[] = { "ftp://127.0.0.1/",	  "file:///etc/passwd",
					   "127.0.0.1",		  "http://",
					   "http://a b/",	  "http://a_/\r\n",
					   "http://h.test:99999/" };
	struct result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		run(&r, (struct httpc_opts){ .url = bad[i] });
		if (r.err != -ERR_SYNTAX)
			fail_msg("%s: %d", bad[i], r.err);
		buf_fini(&r.body);
	}
	run(&r, (struct httpc_opts){ .url = "http://127.0.0.1/", .method = "DELETE" });
	assert_int_equal(r.err, -ERR_UNSUPPORTED);
	buf_fini(&r.body);
}

/* ---- names, TLS, connections ---- */

static void test_given_addresses(void **state)
{
	struct ip local = ip_v4(127, 0, 0, 1);
	struct result r;
	char want[64];

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){
		    .url = url_of("http", "doh.test", "/"), .addrs = &local, .n_addrs = 1 });
	assert_int_equal(r.status, 200);
	snprintf(want, sizeof(want), "Host: doh.test:%u\r\n", srv.port);
	assert_true(request_has(want));
	end(&r);
}

/* Nobody listens at the first ones. */
static void test_addresses_in_turn(void **state)
{
	const struct ip addrs[] = { ip_v4(127, 0, 0, 9), ip_v4(127, 0, 0, 8), ip_v4(127, 0, 0, 1) };
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "many.test", "/"),
				     .addrs = addrs,
				     .n_addrs = ARRAY_LEN(addrs),
				     .timeout_ms = 60000 });
	assert_int_equal(r.err, 0);
	assert_int_equal(r.status, 200);
	end(&r);
}

/* The server of this test listens on 127.0.0.1: nothing may reach it. */
static void test_private_addresses_are_refused(void **state)
{
	static const char *const hosts[] = { "127.0.0.1",  "127.1",	"2130706433", "0x7f000001",
					     "0177.0.0.1", "localhost", "localhost." };
	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct result r;

		run(&r, (struct httpc_opts){ .url = url_of("http", hosts[i], "/"),
					     .public_only = true });
		assert_int_not_equal(r.err, 0);
		buf_fini(&r.body);
	}
	assert_int_equal(srv.n, 0);
	server_stop(&srv);
}

static void check_tls(const char *cert, const char *host, bool verify_none, int want)
{
	struct ip local = ip_v4(127, 0, 0, 1);
	struct result r;

	serve_start(cert, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("https", host, "/"),
				     .addrs = &local,
				     .n_addrs = 1,
				     .verify_none = verify_none });
	if (r.err != want)
		fail_msg("%s: %s", host, r.text);
	end(&r);
}

static void test_tls_is_verified(void **state)
{
	(void)state;
	check_tls("srv", "srv.test", false, 0);
	check_tls("srv", "other.test", false, -ERR_AUTH);
	check_tls("stranger", "srv.test", false, -ERR_AUTH);
	check_tls("stranger", "other.test", true, 0);
}

static void test_connections_are_shared_only_on_request(void **state)
{
	struct result r;

	(void)state;
	serve_start("srv", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	for (int i = 0; i < 3; i++, buf_fini(&r.body))
		run(&r, (struct httpc_opts){ .url = url_of("https", "localhost", "/"),
					     .verify_none = true,
					     .keep_alive = true });
	assert_int_equal(srv.n, 1);
	assert_false(srv.got[0].closed);
	for (int i = 0; i < 2; i++, buf_fini(&r.body))
		run(&r, (struct httpc_opts){ .url = url_of("https", "localhost", "/"),
					     .verify_none = true });
	assert_int_equal(srv.n, 3);
	UNTIL(srv.got[1].closed && srv.got[2].closed);
	/* a connection that was not verified is not taken for one that is */
	run(&r,
	    (struct httpc_opts){ .url = url_of("https", "localhost", "/"), .keep_alive = true });
	assert_int_equal(r.err, -ERR_AUTH);
	end(&r);
}

static void test_ca_file_from_the_environment(void **state)
{
	struct net *saved = net;

	(void)state;
	setenv("SSL_CERT_FILE", in_dir("stranger.crt"), 1);
	net = net_new(loop, NULL);
	unsetenv("SSL_CERT_FILE");
	check_tls("stranger", "stranger.test", false, 0);
	check_tls("srv", "srv.test", false, -ERR_AUTH); /* replaces, does not add */
	net_free(net);
	net = saved;
}

static void test_http_proxy(void **state)
{
	struct result r;
	char url[64];

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", srv.port);
	setenv("http_proxy", url, 1);
	run(&r, (struct httpc_opts){ .url = "http://control.test/key" });
	assert_int_equal(r.status, 200);
	assert_true(request_has("GET http://control.test/key HTTP/1.1\r\n"));
	end(&r);
}

static void test_a_proxy_can_be_passed_by(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.2", "/") });
	assert_int_not_equal(r.err, 0);
	buf_fini(&r.body);
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"), .no_proxy = true });
	assert_int_equal(r.status, 200);
	end(&r);
}

static void test_content_type(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Type: a/b; c=d\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_string_equal(r.type, "a/b; c=d");
	end(&r);
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/") });
	assert_string_equal(r.type, "");
	end(&r);
}

/* An unmarked request must not go out on a connection that was opened with the mark. */
static void test_marked_and_unmarked_share_no_connection(void **state)
{
	struct result r;

	(void)state;
	serve_start(NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	for (int i = 0; i < 4; i++, buf_fini(&r.body))
		run(&r, (struct httpc_opts){ .url = url_of("http", "127.0.0.1", "/"),
					     .keep_alive = true,
					     .no_mark = i % 2 == 1 });
	assert_int_equal(srv.n, 2);
	end(&r);
}

static void test_newest_tls_and_http2_asked_for(void **state)
{
	struct ip local = ip_v4(127, 0, 0, 1);
	struct result r;

	(void)state;
	serve_start("srv", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	for (int i = 0; i < 2; i++, buf_fini(&r.body)) {
		run(&r, (struct httpc_opts){ .url = url_of("https", "srv.test", "/"),
					     .addrs = &local,
					     .n_addrs = 1,
					     .keep_alive = true,
					     .tls13 = true,
					     .http2 = true });
		assert_int_equal(r.status, 200); /* the server knows HTTP/1.1 alone */
	}
	assert_int_equal(srv.n, 1);
	end(&r);
}

static int make_certs(void **state)
{
	if (io_make_dir(state) < 0)
		return -1;
	server_cert("srv.test", "srv");
	server_cert("stranger.test", "stranger");
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_get),
		T(test_post),
		T(test_head),
		T(test_redirect_is_not_followed),
		T(test_retry_after),
		T(test_body_above_the_cap),
		T(test_body_of_unknown_length_above_the_cap),
		T(test_headers_above_the_cap),
		T(test_broken_answer),
		T(test_answer_that_is_no_http),
		T(test_timeout),
		T(test_cancel),
		T(test_bad_requests),
		T(test_given_addresses),
		T(test_addresses_in_turn),
		T(test_private_addresses_are_refused),
		T(test_tls_is_verified),
		T(test_connections_are_shared_only_on_request),
		T(test_ca_file_from_the_environment),
		T(test_http_proxy),
		T(test_a_proxy_can_be_passed_by),
		T(test_content_type),
		T(test_marked_and_unmarked_share_no_connection),
		T(test_newest_tls_and_http2_asked_for),
	};

	return cmocka_run_group_tests(tests, make_certs, io_remove_dir);
}
