/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small parts by themselves: cookies, rate limiter, load, window, inner packet. */
#include "base/crypto/crypto.h"
#include "wg/constants.h"
#include "wg/cookie.h"
#include "wg/inner.h"
#include "wg/load.h"
#include "wg/ratelimiter.h"
#include "wg/replay.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const mono_t t0 = { 1000 * NS_PER_S };

static struct node_key some_key(uint8_t tag)
{
	struct node_key k = { { tag, 1 } };
	return k;
}

/* ---- cookie --------------------------------------------------------------------------------- */

static void test_cookie_ages(void **state)
{
	(void)state;
	struct node_key self = some_key(1);
	struct wg_cookie_checker c;
	struct wg_cookie_jar jar = { .have_mac1 = false };
	struct rng_seeded rng;
	uint8_t msg[WG_RESPONSE_LEN] = { 2, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd };
	struct span m = span_of(msg, sizeof(msg)), src = span_str("192.0.2.1:7");
	struct wg_cookie_reply r;
	memset(&r, 0, sizeof(r));
	rng_seeded_init(&rng, 5);
	wg_cookie_checker_init(&c, &self);
	assert_int_equal(wg_cookie_consume(&jar, t0, &self, &r), -ERR_STATE);
	assert_false(wg_cookie_check_mac2(&c, t0, m, src)); /* no secret yet */
	wg_cookie_add_macs(&jar, t0, &self, mspan_of(msg, sizeof(msg)));
	wg_cookie_make_reply(&c, t0, &rng.rng, m, src, &r);
	assert_memory_equal(r.receiver, msg + 4, 4);
	assert_int_equal(wg_cookie_consume(&jar, t0, &self, &r), 0);

	mono_t at120 = mono_add_ns(t0, WG_COOKIE_REFRESH_TIME), later = mono_add_ns(at120, 1);
	wg_cookie_add_macs(&jar, at120, &self, mspan_of(msg, sizeof(msg)));
	assert_true(wg_cookie_check_mac2(&c, at120, m, src));
	assert_false(wg_cookie_check_mac2(&c, later, m, src));
	assert_false(wg_cookie_check_mac2(&c, at120, m, span_str("192.0.2.1:8")));
	wg_cookie_add_macs(&jar, later, &self, mspan_of(msg, sizeof(msg)));
	static const uint8_t zero[16];
	assert_memory_equal(msg + sizeof(msg) - 16, zero, 16);
	/* a new secret with the next reply */
	uint8_t old[32];
	memcpy(old, c.secret, 32);
	wg_cookie_make_reply(&c, at120, &rng.rng, m, src, &r);
	assert_memory_equal(c.secret, old, 32);
	wg_cookie_make_reply(&c, later, &rng.rng, m, src, &r);
	assert_memory_not_equal(c.secret, old, 32);
}

static void test_cookie_answers_the_last_message_only(void **state)
{
	(void)state;
	struct node_key self = some_key(2), other = some_key(3);
	struct wg_cookie_checker c;
	struct wg_cookie_jar jar = { .have_mac1 = false };
	struct rng_seeded rng;
	uint8_t msg[WG_INITIATION_LEN] = { 1 };
	struct wg_cookie_reply r;
	rng_seeded_init(&rng, 6);
	wg_cookie_checker_init(&c, &self);
	wg_cookie_add_macs(&jar, t0, &self, mspan_of(msg, sizeof(msg)));
	wg_cookie_make_reply(&c, t0, &rng.rng, span_of(msg, sizeof(msg)), span_str("x"), &r);
	assert_int_equal(wg_cookie_consume(&jar, t0, &other, &r), -ERR_AUTH);
	msg[20] = 1;
	wg_cookie_add_macs(&jar, t0, &self, mspan_of(msg, sizeof(msg)));
	assert_int_equal(wg_cookie_consume(&jar, t0, &self, &r), -ERR_AUTH);
	assert_false(jar.have_cookie);
}

/* ---- rate limiter --------------------------------------------------------------------------- */

static void number(uint8_t key[static WG_RATE_KEY_LEN], uint32_t n)
{
	memset(key, 0, WG_RATE_KEY_LEN);
	wg_put_le32(key, n);
}

static void test_ratelimiter(void **state)
{
	(void)state;
	struct wg_ratelimiter *l = wg_ratelimiter_new();
	uint8_t a[WG_RATE_KEY_LEN], b[WG_RATE_KEY_LEN];
	number(a, 1);
	number(b, 2);
	mono_t now = t0;
	for (int i = 0; i < WG_RATE_BURST; i++)
		assert_true(wg_ratelimiter_allow(l, now, a));
	assert_false(wg_ratelimiter_allow(l, now, a));
	assert_true(wg_ratelimiter_allow(l, now, b));
	assert_false(wg_ratelimiter_allow(l, mono_add_ms(now, 49), a));
	assert_true(wg_ratelimiter_allow(l, mono_add_ms(now, 50), a));
	unsigned in_10_s = 0;
	for (int ms = 51; ms <= 10051; ms++)
		in_10_s += wg_ratelimiter_allow(l, mono_add_ms(now, ms), a);
	assert_in_range(in_10_s, 10 * WG_RATE_PER_S - 1, 10 * WG_RATE_PER_S + 1);
	assert_int_equal(wg_ratelimiter_len(l), 1); /* b was forgotten */
	wg_ratelimiter_free(l);
}

static void test_ratelimiter_is_bounded(void **state)
{
	(void)state;
	struct wg_ratelimiter *l = wg_ratelimiter_new();
	uint8_t key[WG_RATE_KEY_LEN];
	for (uint32_t i = 0; i < WG_RATE_SOURCES_MAX; i++) {
		number(key, i);
		assert_true(wg_ratelimiter_allow(l, t0, key));
	}
	number(key, WG_RATE_SOURCES_MAX);
	assert_false(wg_ratelimiter_allow(l, t0, key));
	number(key, 7);
	assert_true(wg_ratelimiter_allow(l, t0, key));
	assert_int_equal(wg_ratelimiter_len(l), WG_RATE_SOURCES_MAX);
	number(key, WG_RATE_SOURCES_MAX);
	assert_true(wg_ratelimiter_allow(l, mono_add_ms(t0, 1001), key));
	assert_int_equal(wg_ratelimiter_len(l), 1);
	wg_ratelimiter_free(l);
}

/* ---- load ----------------------------------------------------------------------------------- */

static void test_load_by_backlog(void **state)
{
	(void)state;
	struct wg_load l;
	wg_load_init(&l);
	assert_false(wg_load_is_high(&l, t0));
	wg_load_on_backlog(&l, t0, 127, 1024);
	wg_load_on_backlog(&l, t0, 0, 0);
	assert_false(wg_load_is_high(&l, t0));
	wg_load_on_backlog(&l, t0, 128, 1024);
	assert_true(wg_load_is_high(&l, t0));
	assert_true(wg_load_is_high(&l, mono_add_ms(t0, 999)));
	assert_false(wg_load_is_high(&l, mono_add_ms(t0, 1000)));
}

static void test_load_by_rate(void **state)
{
	(void)state;
	struct wg_load l;
	wg_load_init(&l);
	for (int i = 0; i < 9000; i++) { /* 900 a second */
		wg_load_on_arrival(&l, mono_add_ns(t0, i * (NS_PER_S / 900)));
		assert_false(wg_load_is_high(&l, mono_add_ns(t0, i * (NS_PER_S / 900))));
	}
	mono_t later = mono_add_s(t0, 20);
	for (int i = 0; i < 300; i++)
		wg_load_on_arrival(&l, mono_add_ns(later, i * (NS_PER_S / 1200)));
	assert_true(wg_load_is_high(&l, mono_add_ms(later, 250)));
}

/* ---- window --------------------------------------------------------------------------------- */

static void test_window_edges(void **state)
{
	(void)state;
	struct wg_replay w = { 0 };
	assert_int_equal(wg_replay_floor(&w), 0);
	assert_true(wg_replay_accept(&w, 20000));
	assert_int_equal(wg_replay_floor(&w), 20000 - WG_REPLAY_WINDOW);
	assert_true(wg_replay_accept(&w, 20000 - WG_REPLAY_WINDOW));
	assert_false(wg_replay_accept(&w, 20000 - WG_REPLAY_WINDOW));
	assert_false(wg_replay_accept(&w, 20000 - WG_REPLAY_WINDOW - 1));
	assert_false(wg_replay_accept(&w, WG_REJECT_AFTER_MESSAGES));
	assert_false(wg_replay_accept(&w, UINT64_MAX));
	assert_true(wg_replay_accept(&w, WG_REJECT_AFTER_MESSAGES - 1));
	assert_false(wg_replay_accept(&w, 20001));
}

/* ---- inner packet --------------------------------------------------------------------------- */

static size_t v4(size_t there, size_t total)
{
	uint8_t p[128] = { 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total };
	return wg_inner_len(span_of(p, there));
}

static size_t v6(size_t there, size_t payload)
{
	uint8_t p[128] = { 0x60, 0, 0, 0, (uint8_t)(payload >> 8), (uint8_t)payload };
	return wg_inner_len(span_of(p, there));
}

static void test_inner_len(void **state)
{
	(void)state;
	assert_int_equal(wg_inner_len(span_of(NULL, 0)), 0);
	assert_int_equal(v4(64, 50), 50);
	assert_int_equal(v4(64, 64), 64);
	assert_int_equal(v4(64, 65), 0);
	assert_int_equal(v4(64, 20), 20);
	assert_int_equal(v4(64, 19), 0);
	assert_int_equal(v4(19, 19), 0);
	assert_int_equal(v4(3, 20), 0);
	assert_int_equal(v6(64, 24), 64);
	assert_int_equal(v6(64, 25), 0);
	assert_int_equal(v6(64, 0), 40);
	assert_int_equal(v6(39, 0), 0);
	/* 65495 + 40 is the last that fits 16 bits; beyond, a sum of 16 bits would be small */
	assert_int_equal(v6(64, 65495), 0);
	assert_int_equal(v6(64, 65535), 0);
	for (unsigned version = 0; version < 16; version++) {
		uint8_t p[64] = { (uint8_t)(version << 4 | 5), 0, 0, 40 };
		assert_int_equal(wg_inner_len(span_of(p, 64)) != 0, version == 4 || version == 6);
	}
}

static void test_inner_addresses(void **state)
{
	(void)state;
	uint8_t p[40] = { 0x45 }, q[40] = { 0x60 };
	const uint8_t four[8] = { 100, 64, 0, 1, 100, 64, 0, 2 };
	memcpy(p + 12, four, sizeof(four));
	assert_true(ip_eq(wg_inner_source(span_of(p, 20)), ip_v4(100, 64, 0, 1)));
	assert_true(ip_eq(wg_inner_destination(span_of(p, 20)), ip_v4(100, 64, 0, 2)));
	q[8] = 0xfd;
	q[23] = 1;
	q[24] = 0xfd;
	q[39] = 2;
	struct ip src, dst;
	assert_int_equal(ip_decode(span_str("fd00::1"), &src), 0);
	assert_int_equal(ip_decode(span_str("fd00::2"), &dst), 0);
	assert_true(ip_eq(wg_inner_source(span_of(q, 40)), src));
	assert_true(ip_eq(wg_inner_destination(span_of(q, 40)), dst));
}

static int setup(void **state)
{
	(void)state;
	return crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookie_ages),
		cmocka_unit_test(test_cookie_answers_the_last_message_only),
		cmocka_unit_test(test_ratelimiter),
		cmocka_unit_test(test_ratelimiter_is_bounded),
		cmocka_unit_test(test_load_by_backlog),
		cmocka_unit_test(test_load_by_rate),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_inner_len),
		cmocka_unit_test(test_inner_addresses),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
