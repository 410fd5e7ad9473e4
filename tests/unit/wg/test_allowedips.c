/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/allowedips.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
	struct ip v;
	assert_int_equal(ip_decode(span_str(text), &v), 0);
	return v;
}

static void insert(struct wg_allowedips *t, const char *text, uint32_t peer)
{
	struct prefix p;
	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	assert_int_equal(wg_allowedips_insert(t, p, peer), 0);
}

static void test_empty(void **state)
{
	(void)state;
	struct wg_allowedips *t = wg_allowedips_new(1);
	assert_int_equal(wg_allowedips_lookup(t, ip("1.2.3.4")), WG_NO_PEER);
	assert_int_equal(wg_allowedips_lookup(t, ip("::1")), WG_NO_PEER);
	assert_int_equal(wg_allowedips_lookup(t, (struct ip){ IP_NONE, { 0 } }), WG_NO_PEER);
	assert_false(wg_allowedips_source_ok(t, 1, ip("1.2.3.4")));
	assert_false(wg_allowedips_contains(t, WG_NO_PEER, ip("1.2.3.4")));
	wg_allowedips_remove_peer(t, 1);
	wg_allowedips_remove_peer(t, WG_NO_PEER);
	assert_int_equal(wg_allowedips_len(t), 0);
	wg_allowedips_free(t);
	wg_allowedips_free(NULL);
}

static void test_refused(void **state)
{
	(void)state;
	struct wg_allowedips *t = wg_allowedips_new(2);
	struct prefix p = { { IP_NONE, { 0 } }, 0 };
	assert_int_equal(wg_allowedips_insert(t, p, 1), -ERR_RANGE);
	p = (struct prefix){ ip_v4(1, 2, 3, 4), 33 };
	assert_int_equal(wg_allowedips_insert(t, p, 1), -ERR_RANGE);
	p.bits = 32;
	assert_int_equal(wg_allowedips_insert(t, p, WG_NO_PEER), -ERR_RANGE);
	p = (struct prefix){ ip("::1"), 129 };
	assert_int_equal(wg_allowedips_insert(t, p, 1), -ERR_RANGE);
	assert_int_equal(wg_allowedips_len(t), 0);
	wg_allowedips_free(t);
}

/* The rule stricter than the reference: nobody speaks for another node's own address. */
static void test_source(void **state)
{
	(void)state;
	enum { NODE, ROUTER, EXIT };
	struct wg_allowedips *t = wg_allowedips_new(3);
	insert(t, "100.64.0.1/32", NODE);
	insert(t, "fd7a:115c:a1e0::1/128", NODE);
	insert(t, "100.64.0.2/32", ROUTER);
	insert(t, "10.0.0.0/8", ROUTER);
	insert(t, "10.1.0.0/16", NODE);
	insert(t, "100.64.0.3/32", EXIT);
	insert(t, "0.0.0.0/0", EXIT);
	insert(t, "::/0", EXIT);
	assert_true(wg_allowedips_source_ok(t, NODE, ip("100.64.0.1")));
	assert_true(wg_allowedips_source_ok(t, NODE, ip("fd7a:115c:a1e0::1")));
	assert_false(wg_allowedips_source_ok(t, NODE, ip("100.64.0.2")));
	assert_false(wg_allowedips_source_ok(t, NODE, ip("8.8.8.8")));
	assert_true(wg_allowedips_source_ok(t, EXIT, ip("8.8.8.8")));
	assert_true(wg_allowedips_source_ok(t, EXIT, ip("2001:db8::1")));
	assert_false(wg_allowedips_source_ok(t, EXIT, ip("100.64.0.1")));
	assert_false(wg_allowedips_source_ok(t, EXIT, ip("fd7a:115c:a1e0::1")));
	assert_true(wg_allowedips_contains(t, EXIT, ip("100.64.0.1")));
	/* overlapping subnets: both routers are let through, as the reference does */
	assert_true(wg_allowedips_source_ok(t, ROUTER, ip("10.1.2.3")));
	assert_true(wg_allowedips_source_ok(t, NODE, ip("10.1.2.3")));
	assert_false(wg_allowedips_source_ok(t, NODE, ip("10.2.2.3")));
	assert_false(wg_allowedips_source_ok(t, WG_NO_PEER, ip("8.8.8.8")));
	wg_allowedips_free(t);
}

static struct ip node_v4(uint32_t i)
{
	return ip_v4(100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i);
}

static struct ip node_v6(uint32_t i)
{
	struct ip a = ip("fd7a:115c:a1e0::");
	a.b[13] = (uint8_t)(i >> 16);
	a.b[14] = (uint8_t)(i >> 8);
	a.b[15] = (uint8_t)i;
	return a;
}

static void test_ten_thousand_peers(void **state)
{
	(void)state;
	enum { N = 10000 };
	struct wg_allowedips *t = wg_allowedips_new(4);
	insert(t, "0.0.0.0/0", N);
	insert(t, "10.0.0.0/8", N + 1);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(wg_allowedips_insert(t, prefix_host(node_v4(i)), i), 0);
		assert_int_equal(wg_allowedips_insert(t, prefix_host(node_v6(i)), i), 0);
	}
	assert_int_equal(wg_allowedips_len(t), 2 * N + 2);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(wg_allowedips_lookup(t, node_v4(i)), i);
		assert_int_equal(wg_allowedips_lookup(t, node_v6(i)), i);
	}
	assert_int_equal(wg_allowedips_lookup(t, node_v4(N)), N);
	assert_int_equal(wg_allowedips_lookup(t, node_v6(N)), WG_NO_PEER);
	for (uint32_t i = 0; i < N; i += 100)
		wg_allowedips_remove_peer(t, i);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(wg_allowedips_lookup(t, node_v4(i)), i % 100 ? i : (uint32_t)N);
	assert_int_equal(wg_allowedips_len(t), 2 * N + 2 - 2 * N / 100);
	wg_allowedips_free(t);
}

static void test_every_length(void **state)
{
	(void)state;
	struct wg_allowedips *t = wg_allowedips_new(5);
	struct ip a = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), four = ip("255.255.255.255");
	for (unsigned bits = 0; bits <= 128; bits++)
		assert_int_equal(wg_allowedips_insert(t, (struct prefix){ a, (uint8_t)bits }, bits),
				 0);
	for (unsigned bits = 0; bits <= 32; bits++)
		assert_int_equal(
		    wg_allowedips_insert(t, (struct prefix){ four, (uint8_t)bits }, bits), 0);
	for (unsigned bits = 0; bits < 128; bits++) {
		struct ip b = a;
		b.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8); /* first difference at `bits` */
		assert_int_equal(wg_allowedips_lookup(t, b), bits);
	}
	for (unsigned bits = 0; bits < 32; bits++) {
		struct ip b = four;
		b.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		assert_int_equal(wg_allowedips_lookup(t, b), bits);
	}
	assert_int_equal(wg_allowedips_lookup(t, a), 128);
	assert_int_equal(wg_allowedips_lookup(t, four), 32);
	wg_allowedips_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_source),	     cmocka_unit_test(test_ten_thousand_peers),
		cmocka_unit_test(test_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
