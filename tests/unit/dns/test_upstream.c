/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/route.h"
#include "dns/upstream.h"

#include "base/alloc.h"

#define S(text) ((char[]){ text }) /* one that may be written */

static void check(const char *addr, enum dns_upstream_kind kind, const char *ep, const char *scope)
{
	struct dns_target t = { 0 };
	char text[EP_TEXT_MAX];

	dns_upstream_parse(addr, &t);
	if (t.kind != kind)
		fail_msg("%s: kind %d", addr, t.kind);
	if (ep)
		assert_string_equal(ep_encode(t.ep, text), ep);
	assert_string_equal(t.scope, scope);
	assert_int_equal(t.url != NULL, kind == DNS_UP_HTTP || kind == DNS_UP_HTTPS);
	dns_target_fini(&t);
}

static void test_forms(void **state)
{
	(void)state;
	check("192.0.2.1", DNS_UP_PLAIN, "192.0.2.1:53", "");
	check("192.0.2.1:5353", DNS_UP_PLAIN, "192.0.2.1:5353", "");
	check("2001:db8::1", DNS_UP_PLAIN, "[2001:db8::1]:53", "");
	check("[2001:db8::1]:99", DNS_UP_PLAIN, "[2001:db8::1]:99", "");
	check("fe80::1%eth0", DNS_UP_PLAIN, "[fe80::1]:53", "eth0");
	check("2001:db8::1%eth0", DNS_UP_PLAIN, "[2001:db8::1]:53", "");
	check("http://100.64.0.3:12345/dns-query", DNS_UP_HTTP, "100.64.0.3:12345", "");
	check("http://[fd7a:115c:a1e0::3]:80/dns-query", DNS_UP_HTTP, "[fd7a:115c:a1e0::3]:80", "");
	check("http://100.64.0.3", DNS_UP_HTTP, "100.64.0.3:80", "");
	check("https://dns.google/dns-query", DNS_UP_HTTPS, NULL, "");
}

static void test_what_cannot_be_asked(void **state)
{
	static const char *const bad[] = {
		"",
		"bogus",
		"tls://1.1.1.1",
		"https://example.com/dns-query",
		"http://exit.example/dns-query", /* looking that up would lead back to us */
		"http://user@100.64.0.3/",
		"http://100.64.0.3:0/",
		"http://",
		"http://[/",
		"https://",
		"quic://192.0.2.1",
		"192.0.2.1:0",
		"192.0.2.1:70000",
		"fe80::1%",
		"fe80::1%an-interface-name-too-long",
		"192.0.2.1%eth0",
		"%eth0",
		/* our own addresses: we would ask ourselves */
		"100.100.100.100",
		"100.100.100.100:53",
		"fd7a:115c:a1e0::53",
		"[fd7a:115c:a1e0::53]:53",
		"http://100.100.100.100/dns-query",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(bad[i], DNS_UP_BAD, NULL, "");
}

static size_t schedule(struct dns_upstream *v, size_t n, struct dns_target *out, size_t *bad)
{
	return dns_schedule(&(struct dns_upstreams){ v, n }, out, bad);
}

static void test_garbage_does_not_stop_others(void **state)
{
	char garbage[] = "garbage", good[] = "192.0.2.1";
	struct dns_upstream v[64];
	struct dns_target out[DNS_GROUP_MAX];
	size_t bad, n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = (struct dns_upstream){ .addr = i < 40 ? garbage : good };
	n = schedule(v, ARRAY_LEN(v), out, &bad);
	assert_int_equal(n, DNS_GROUP_MAX);
	assert_int_equal(bad, 40);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(out[i].kind, DNS_UP_PLAIN);
		dns_target_fini(&out[i]);
	}
}

static void test_a_provider_is_asked_once(void **state)
{
	struct dns_upstream v[] = { { .addr = S("https://dns.google/dns-query") },
				    { .addr = S("8.8.8.8") },
				    { .addr = S("https://dns.google/dns-query") } };
	struct dns_target out[DNS_GROUP_MAX];
	size_t bad, n = schedule(v, 3, out, &bad);

	(void)state;
	assert_int_equal(n, 2);
	assert_int_equal(out[0].kind, DNS_UP_HTTPS);
	assert_int_equal(out[0].n_addrs, 4);
	assert_int_equal(out[1].delay_ms, 500);
	dns_target_fini(&out[0]);
	dns_target_fini(&out[1]);
}

static void test_longest_suffix(void **state)
{
	struct dns_route v[] = { { S("example"), S("a") },
				 { S("corp.example"), S("b") },
				 { S("x.corp.example"), S("c") },
				 { S("10.in-addr.arpa"), S("d") } };
	static const char *const want[][2] = {
		{ "example", "a" },	      { "corp.example", "b" },
		{ "notcorp.example", "a" },   { "y.corp.example", "b" },
		{ "z.x.corp.example", "c" },  { "1.10.in-addr.arpa", "d" },
		{ "1.110.in-addr.arpa", "-" }, { "", "-" },
		{ "examples", "-" },	      { "example.org", "-" },
	};
	struct dns_route root[] = { { S(""), S("r") }, { S("b"), S("b") } };

	(void)state;
	dns_routes_sort(v, ARRAY_LEN(v));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct dns_route *r = dns_route_find(v, ARRAY_LEN(v), want[i][0]);

		if (strcmp(r ? r->to : "-", want[i][1]) != 0)
			fail_msg("%s", want[i][0]);
	}
	assert_string_equal(dns_route_find(root, 2, "")->to, "r");
	assert_string_equal(dns_route_find(root, 2, "a")->to, "r");
	assert_string_equal(dns_route_find(root, 2, "a.b")->to, "b");
	assert_null(dns_route_find(NULL, 0, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_what_cannot_be_asked),
		cmocka_unit_test(test_garbage_does_not_stop_others),
		cmocka_unit_test(test_a_provider_is_asked_once),
		cmocka_unit_test(test_longest_suffix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
