/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routing, rights, headers and hostile HTTP. */
#include "tests/unit/localapi/api_fixture.h"

#include "daemon/localapi/routes.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

/* ---- rights ------------------------------------------------------------------------------- */

static struct api_uid known(unsigned uid)
{
	return (struct api_uid){ true, uid };
}

static void test_rights_matrix(void **state)
{
	const struct api_uid nobody = { 0 };
	static const struct {
		struct api_uid peer;
		unsigned daemon;
		struct api_uid oper, cert;
		bool write, permit_cert;
	} cases[] = {
		{ { true, 0 }, 0, { false, 0 }, { false, 0 }, true, true },
		{ { true, 0 }, 990, { false, 0 }, { false, 0 }, true, true },
		{ { true, 990 }, 990, { false, 0 }, { false, 0 }, true, true },
		{ { true, 1000 }, 0, { true, 1000 }, { false, 0 }, true, true },
		{ { true, 1000 }, 0, { true, 1001 }, { false, 0 }, false, false },
		{ { true, 1000 }, 0, { false, 1000 }, { false, 0 }, false, false },
		{ { true, 1000 }, 0, { false, 0 }, { true, 1000 }, false, true },
		{ { false, 0 }, 0, { false, 0 }, { false, 0 }, false, false },
		{ { false, 0 }, 0, { true, 0 }, { true, 0 }, false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct api_rights r =
		    api_rights_of(cases[i].peer, cases[i].daemon, cases[i].oper, cases[i].cert);
		assert_true(r.read);
		assert_int_equal(r.write, cases[i].write);
		assert_int_equal(r.cert, cases[i].permit_cert);
	}
	assert_false(api_rights_of(nobody, 0, known(1), known(2)).write);
}

/* Every route that asks for write refuses the others and changes nothing. */
static void test_others_change_nothing(void **state)
{
	struct fixture *f = *state;
	size_t refused = 0;
	f->rights = (struct api_rights){ .read = true };
	for (size_t i = 0; api_route_at(i); i++) {
		const struct api_route *route = api_route_at(i);
		bool guarded = route->need == NEED_WRITE || route->need == NEED_CERT ||
			       route->need == NEED_WRITE_UNLESS_GET;
		const char *method =
		    route->methods && strncmp(route->methods, "GET", 3) == 0 ? "GET" : "POST";
		char *uri = xasprintf("/localapi/v0/%s", route->name);
		if (guarded && route->need == NEED_WRITE_UNLESS_GET)
			method = strstr(route->methods, "PATCH") ? "PATCH" : "POST";
		if (guarded) {
			assert_int_equal(fixture_ask(f, method, uri, NULL, "{}"), 403);
			assert_non_null(strstr(fixture_body(f), "denied"));
			refused++;
		}
		free(uri);
	}
	assert_true(refused >= 20);
	assert_int_equal(f->b->edits + f->b->starts + f->b->logins + f->b->switches + f->b->creates,
			 0);
	assert_null(f->b->logout_done);
}

static void test_cert_uid_gets_cert_only(void **state)
{
	struct fixture *f = *state;
	f->rights = (struct api_rights){ .read = true, .cert = true };
	assert_int_equal(fixture_get(f, "cert/x.example.com?type=pair"), 500);
	assert_int_equal(fixture_get(f, "profiles/"), 403);
	f->rights.cert = false;
	assert_int_equal(fixture_get(f, "cert/x.example.com"), 403);
}

/* Real credentials: we are the daemon's uid, so we may write. */
static void test_peer_credentials(void **state)
{
	struct fixture *f = *state;
	api_set_rights(f->api, NULL, NULL);
	assert_int_equal(fixture_post(f, "login-interactive", NULL), 204);
	assert_int_equal(f->b->logins, 1);
}

static void test_operator_by_peer_credentials(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0)
		skip();
	api_set_rights(f->api, NULL, NULL);
	/* The effective uid at connect is what SO_PEERCRED reports; the daemon side runs as root
	 * again. */
	for (int pass = 0; pass < 2; pass++) {
		f->b->has_operator = pass == 1;
		f->b->operator_uid = 65534;
		chmod(f->dir, 0755);
		assert_int_equal(seteuid(65534), 0);
		int fd = fixture_connect(f);
		assert_int_equal(seteuid(0), 0);
		buf_reset(&f->got);
		fixture_send(f, fd,
			     span_str("POST /localapi/v0/login-interactive HTTP/1.1\r\nHost: "
				      "local-tailscaled.sock\r\nConnection: close\r\n"
				      "Content-Length: 0\r\n\r\n"));
		fixture_wait(f, fd, NULL);
		close(fd);
		assert_non_null(strstr(buf_cstr(&f->got), pass ? "HTTP/1.1 204" : "HTTP/1.1 403"));
		assert_int_equal(f->b->logins, pass);
	}
}

/* ---- who is talking ------------------------------------------------------------------------ */

static void test_host_and_origin(void **state)
{
	static const struct {
		const char *headers;
		int status;
	} cases[] = {
		{ "Host: local-tailscaled.sock\r\n", 200 },
		{ "Host: \r\n", 200 },
		{ "Host: local-tailscaled.sock:80\r\n", 403 },
		{ "Host: LOCAL-TAILSCALED.SOCK\r\n", 403 },
		{ "Host: localhost\r\n", 403 },
		{ "Host: local-tailscaled.sock.evil.example\r\n", 403 },
		{ "Host: local-tailscaled.sock\r\nOrigin: null\r\n", 403 },
		{ "Host: local-tailscaled.sock\r\nOrigin: http://local-tailscaled.sock\r\n", 403 },
		{ "Host: local-tailscaled.sock\r\nReferer: http://x/\r\n", 403 },
		{ "Host: local-tailscaled.sock\r\nOrigin:\r\n", 200 },
		{ "Host: local-tailscaled.sock\r\nSec-Fetch-Site: cross-site\r\n", 200 },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
		    fixture_ask(f, "GET", "/localapi/v0/status", cases[i].headers, NULL),
		    cases[i].status);
		if (cases[i].status == 403)
			assert_string_equal(fixture_body(f), "invalid localapi request\n");
	}
}

/* A browser's page may send any method: nothing of it may happen. */
static void test_rebinding_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const char *evil = "Host: evil.example.com\r\nOrigin: http://evil.example.com\r\n";
	assert_int_equal(fixture_ask(f, "POST", "/localapi/v0/login-interactive", evil, ""), 403);
	assert_int_equal(
	    fixture_ask(f, "PATCH", "/localapi/v0/prefs", evil, "{\"WantRunning\":false}"), 403);
	assert_int_equal(f->b->logins + f->b->edits, 0);
}

static void test_headers(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "status"), 200);
	assert_true(fixture_has_header(f, "\r\nTailscale-Cap: "));
	assert_true(fixture_has_header(f, "\r\nX-Frame-Options: DENY\r\n"));
	assert_true(fixture_has_header(f, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_true(fixture_has_header(f, "\r\nContent-Security-Policy: default-src 'none';"));
	assert_true(fixture_has_header(f, "\r\nContent-Type: application/json\r\n"));
	assert_false(fixture_has_header(f, "\r\nTailscale-Version:"));
}

static void test_other_paths(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_ask(f, "GET", "/", NULL, NULL), 200);
	assert_int_equal(fixture_ask(f, "GET", "/server-status", NULL, NULL), 200);
	assert_string_equal(fixture_body(f), "{}\n");
	assert_int_equal(fixture_ask(f, "GET", "/debug/pprof", NULL, NULL), 404);
	assert_string_equal(fixture_body(f), "404 page not found\n");
	assert_int_equal(fixture_get(f, "nosuch"), 404);
	assert_int_equal(fixture_get(f, ""), 404);
	assert_int_equal(fixture_get(f, "status/"), 404);
	assert_int_equal(fixture_get(f, "STATUS"), 404);
}

/* ---- hostile HTTP (chapter 12.7) ---------------------------------------------------------------
 */

/* Send raw bytes; the status of the answer, 0 if the connection was just closed. */
static int raw(struct fixture *f, struct span s)
{
	int fd = fixture_connect(f);
	buf_reset(&f->got);
	fixture_send(f, fd, s);
	shutdown(fd, SHUT_WR);
	fixture_wait(f, fd, NULL);
	close(fd);
	loop_turn(f->loop, 0);
	return strncmp(buf_cstr(&f->got), "HTTP/1.1 ", 9) == 0 ? atoi(buf_cstr(&f->got) + 9) : 0;
}

static void assert_alive(struct fixture *f)
{
	assert_int_equal(fixture_get(f, "status"), 200);
}

static void test_hostile_requests(void **state)
{
	static const char *const requests[] = {
		"GARBAGE\r\n\r\n",
		"GET\r\n\r\n",
		"GET /localapi/v0/status\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n",
		"CONNECT x:1 HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n",
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nContent-Length: "
		 "99999999999999999999\r\n\r\n{}"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nContent-Length: -1\r\n\r\n{}"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nTransfer-Encoding: "
		 "chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nTransfer-Encoding: "
		 "chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"),
		("POST /localapi/v0/start HTTP/1.1\r\nHost: "
		 "local-tailscaled.sock\r\nContent-Length: 2\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n2\r\n{}\r\n"
		 "0\r\n\r\n"),
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		int status = raw(f, span_str(requests[i]));
		assert_true(status == 0 || status >= 400);
	}
	assert_int_equal(f->b->starts, 0);
	assert_alive(f);
}

static void test_megabyte_header(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	buf_init(&b, 4u << 20);
	buf_add_str(&b, "GET /localapi/v0/status HTTP/1.1\r\nHost: local-tailscaled.sock\r\nX: ");
	for (int i = 0; i < 1024; i++)
		buf_fmt(&b, "%01024d", 7);
	buf_add_str(&b, "\r\n\r\n");
	int status = raw(f, buf_span(&b));
	assert_true(status == 0 || status >= 400);
	buf_fini(&b);
	assert_alive(f);
}

static void test_body_above_the_cap(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	buf_init(&b, 8u << 20);
	buf_add_str(&b, "POST /localapi/v0/start HTTP/1.1\r\nHost: "
			"local-tailscaled.sock\r\nContent-Length: 4194304\r\n\r\n{\"AuthKey\":\"");
	for (int i = 0; i < 4096; i++)
		buf_fmt(&b, "%01024d", 7);
	int status = raw(f, buf_span(&b));
	assert_true(status == 0 || status == 413);
	assert_int_equal(f->b->starts, 0);
	buf_fini(&b);
	assert_alive(f);
}

static void test_chunked_body(void **state)
{
	struct fixture *f = *state;
	int status =
	    raw(f, span_str("POST /localapi/v0/start HTTP/1.1\r\nHost: local-tailscaled.sock\r\n"
			    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
			    "5\r\n{\"Aut\r\n9\r\nhKey\":\"k\"\r\n1\r\n}\r\n0\r\n\r\n"));
	assert_int_equal(status, 204);
	assert_string_equal(j_str(f->b->last_start, "AuthKey"), "k");
}

static void test_pipelined_requests(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	buf_reset(&f->got);
	fixture_send(
	    f, fd,
	    span_str("GET /localapi/v0/usermetrics HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n"
		     "GET /localapi/v0/nosuch HTTP/1.1\r\nHost: local-tailscaled.sock\r\n"
		     "Connection: close\r\n\r\n"));
	fixture_wait(f, fd, NULL);
	close(fd);
	assert_non_null(strstr(buf_cstr(&f->got), "HTTP/1.1 200"));
	assert_non_null(strstr(buf_cstr(&f->got), "HTTP/1.1 404"));
}

static void test_slow_clients(void **state)
{
	struct fixture *f = *state;
	int fds[200];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = fixture_connect(f);
		fixture_send(
		    f, fds[i],
		    span_str(
			"POST /localapi/v0/start HTTP/1.1\r\nHost: local-tailscaled.sock\r\nX: "));
		loop_turn(f->loop, 0);
	}
	assert_alive(f);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 1);
	assert_alive(f);
}

static void test_hostile_json(void **state)
{
	struct fixture *f = *state;
	struct buf deep;
	static const char *const bodies[] = {
		"",
		"null",
		"[]",
		"{bad",
		"\"x\"",
		"{\"a\":1}x",
		"{\"WantRunning\":18446744073709551616",
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		assert_int_equal(fixture_post(f, "start", bodies[i]), 400);
		assert_int_equal(fixture_ask(f, "PATCH", "/localapi/v0/prefs", NULL, bodies[i]),
				 400);
	}
	buf_init(&deep, 1u << 20);
	buf_add_str(&deep, "{\"a\":");
	for (int i = 0; i < 10000; i++)
		buf_add_str(&deep, "[");
	assert_int_equal(fixture_post(f, "start", buf_cstr(&deep)), 400);
	buf_fini(&deep);
	assert_int_equal(f->b->starts + f->b->edits, 0);
	assert_int_equal(fixture_post(f, "start", "{\"Hostname\":\"a\\u0000b\\ud800\xff\"}"), 204);
}

static void test_traversal(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_get(f, "profiles/..%2f..%2fetc%2fpasswd"), 404);
	assert_int_equal(fixture_post(f, "profiles/..%2fx", NULL), 500);
	assert_string_equal(fixture_body(f), "profile not found\n");
	assert_int_equal(fixture_get(f, "cert/../../x"), 500);
	assert_int_equal(fixture_get(f, "files/..%2f..%2fetc%2fpasswd"), 404);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights_matrix),
		T(test_others_change_nothing),
		T(test_cert_uid_gets_cert_only),
		T(test_peer_credentials),
		T(test_operator_by_peer_credentials),
		T(test_host_and_origin),
		T(test_rebinding_changes_nothing),
		T(test_headers),
		T(test_other_paths),
		T(test_hostile_requests),
		T(test_megabyte_header),
		T(test_body_above_the_cap),
		T(test_chunked_body),
		T(test_pipelined_requests),
		T(test_slow_clients),
		T(test_hostile_json),
		T(test_traversal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
