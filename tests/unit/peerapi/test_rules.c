/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "daemon/peerapi/rules.h"

static struct ip own[2];

static struct peerapi_head head(void)
{
	return (struct peerapi_head){ .method = "GET", .path = "/", .host = "100.64.0.1:50000" };
}

static int status_of(const struct peerapi_head *h)
{
	return peerapi_check(h, own, ARRAY_LEN(own), true).status;
}

static void hosts(void **state)
{
	(void)state;
	static const char *const good[] = {
		"peer",		"100.64.0.1:50000",	 "100.64.0.1:1",
		"100.64.0.1:0", "[fd7a:115c:a1e0::1]:9", "[fd7a:115c:a1e0:0::1]:9"
	};
	static const char *const bad[] = {
		"",
		"peer.",
		"Peer",
		"peer:80",
		"100.64.0.1",
		"100.64.0.1:",
		"100.64.0.1:65536",
		"100.64.0.1:50000 ",
		"100.064.0.1:50000",
		"[100.64.0.1]:50000",
		"[::ffff:100.64.0.1]:50000",
		"fd7a:115c:a1e0::1",
		"[fd7a:115c:a1e0::1]",
		"[fd7a:115c:a1e0::1%eth0]:1",
		"100.64.0.2:50000",
		"127.0.0.1:50000",
		"localhost:50000",
		"evil.example.com:50000",
		"100.64.0.1.evil.example.com:50000",
	};
	struct peerapi_head h = head();
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		h.host = good[i];
		assert_int_equal(status_of(&h), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		h.host = bad[i];
		assert_int_equal(status_of(&h), 403);
	}
	h.host = NULL;
	assert_int_equal(status_of(&h), 403);
}

static void where_from(void **state)
{
	(void)state;
	struct peerapi_head h = head();
	h.origin = "";
	assert_int_equal(status_of(&h), 403);
	h.origin = "null";
	assert_int_equal(status_of(&h), 403);
	h = head();
	h.referer = "http://100.64.0.1:50000/";
	assert_int_equal(status_of(&h), 403);
	h.referer = "";
	assert_int_equal(status_of(&h), 0);
}

/* The refusals that say the least come first. */
static void order(void **state)
{
	(void)state;
	struct peerapi_head h = head();
	h.path = "/dns-query";
	assert_int_equal(peerapi_check(&h, own, 2, true).status, 0);
	assert_string_equal(peerapi_check(&h, own, 2, false).text, "DNS access denied\n");
	h.host = "evil";
	assert_string_equal(peerapi_check(&h, own, 2, false).text, "invalid peerapi request\n");
	h = head();
	h.path = "/v0/env";
	h.origin = "x";
	assert_string_equal(peerapi_check(&h, own, 2, true).text, "invalid peerapi request\n");
}

static void paths(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int status;
	} cases[] = {
		{ "/", 0 },
		{ "/dns-query", 0 },
		{ "/dns-query/", 0 },
		{ "/dns-query2", 0 }, /* by prefix, as others do */
		{ "/dns-quer", 404 },
		{ "", 404 },
		{ "*", 404 },
		{ "//", 404 },
		{ "/../", 404 },
		{ "example.com:443", 404 }, /* CONNECT */
		{ "http://100.64.0.1:50000/", 404 },
		{ "/v0/", 404 },
		{ "/v0/doh", 404 },
		{ "/v0/drive", 404 },
		{ "/v0/wol", 404 },
		{ "/v0/put", 404 },
		{ "/v0/put/", 500 },
		{ "/v0/put/../../etc/passwd", 500 },
		{ "/v0/ingress", 403 },
		{ "/v0/env", 403 },
		{ "/v0/env/", 404 },
		{ "/v0/sockstats", 403 },
		{ "/v0/doctor", 403 },
	};
	struct peerapi_head h = head();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		h.path = cases[i].path;
		struct peerapi_refusal r = peerapi_check(&h, own, 2, true);
		assert_int_equal(r.status, cases[i].status);
		assert_true((r.text != NULL) == (r.status != 0));
	}
}

static void browsers(void **state)
{
	(void)state;
	static const struct {
		const char *encoding, *language, *agent;
		bool is;
	} cases[] = {
		{ NULL, NULL, NULL, false },
		{ "gzip", NULL, "Go-http-client/1.1", false },
		{ "gzip, deflate", NULL, NULL, true },
		{ "gzip,Deflate;q=0.5", NULL, NULL, true },
		{ ",,, ,deflate", NULL, NULL, true },
		{ "deflated, xdeflate", NULL, NULL, false },
		{ "", "", "", true },
		{ NULL, "de", NULL, true },
		{ NULL, NULL, "Mozilla/5.0", true },
		{ NULL, NULL, "mozilla", false },
		{ NULL, NULL, "a b c", false },
		{ NULL, NULL, "a b c d", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peerapi_head h = head();
		h.accept_encoding = cases[i].encoding;
		h.accept_language = cases[i].language;
		h.user_agent = cases[i].agent;
		assert_int_equal(peerapi_is_browser(&h), cases[i].is);
	}
}

static void page(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	peerapi_greeting("<script>'\"&", ip_v4(100, 64, 0, 2), "<b>", false, &b);
	assert_non_null(
	    strstr(buf_cstr(&b), "Hello, &lt;script&gt;&#39;&#34;&amp; (100.64.0.2)</h1>"));
	assert_non_null(strstr(buf_cstr(&b), "Your device is &lt;b&gt;.\n"));
	assert_null(strstr(buf_cstr(&b), "owner"));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts), cmocka_unit_test(where_from), cmocka_unit_test(order),
		cmocka_unit_test(paths), cmocka_unit_test(browsers),   cmocka_unit_test(page),
	};
	own[0] = ip_v4(100, 64, 0, 1);
	if (ip_decode(span_str("fd7a:115c:a1e0::1"), &own[1]) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
