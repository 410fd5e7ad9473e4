/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small parts under the I/O doors: the mark, proxy choice, write queue, socket addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/net.h"
#include "base/outq.h"
#include "base/proxy.h"
#include "base/sockaddr.h"

#include <netinet/in.h>
#include <unistd.h>

/* ---- the bypass mark ---- */

static uint32_t mark_after(struct net *n, struct ip dst)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);

	assert_true(fd >= 0);
	net_mark_to(n, fd, dst);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	close(fd);
	return mark;
}

static bool may_mark(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mark = 1;
	bool may = setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0;

	close(fd);
	return may;
}

static void test_mark_all_but_loopback(void **state)
{
	struct loop *l = loop_new();
	struct net *n = net_new(l, &(struct net_opts){ .fwmark = 0x80000 });
	struct net *plain = net_new(l, NULL);
	uint32_t want = may_mark() ? 0x80000 : 0; /* refused quietly without the right */

	(void)state;
	assert_int_equal(mark_after(n, ip_v4(192, 0, 2, 1)), want);
	assert_int_equal(mark_after(n, ip_v4(127, 0, 0, 53)), 0);
	assert_int_equal(mark_after(plain, ip_v4(192, 0, 2, 1)), 0);
	net_free(n);
	net_free(plain);
	loop_free(l);
}

/* ---- proxies ------------------------------------------------------------------------------------
 */

static void test_proxy_by_scheme(void **state)
{
	struct proxy_env env = { .https = "http://s", .http = "http://p", .all = "http://a" };

	(void)state;
	assert_string_equal(proxy_for(&env, true, "h.test"), "http://s");
	assert_string_equal(proxy_for(&env, false, "h.test"), "http://p");
	env.https = NULL;
	env.http = "";
	assert_string_equal(proxy_for(&env, true, "h.test"), "http://a");
	assert_string_equal(proxy_for(&env, false, "h.test"), "http://a");
	env.all = NULL;
	assert_null(proxy_for(&env, true, "h.test"));
}

static void test_proxy_never_for_loopback(void **state)
{
	struct proxy_env env = { .all = "http://a" };

	(void)state;
	assert_null(proxy_for(&env, true, "localhost"));
	assert_null(proxy_for(&env, true, "127.0.0.53"));
	assert_null(proxy_for(&env, true, "::1"));
	assert_non_null(proxy_for(&env, true, "192.0.2.1"));
}

static void test_no_proxy(void **state)
{
	static const struct {
		const char *no, *host;
		bool direct;
	} cases[] = {
		{ "*", "h.test", true },
		{ "*", "192.0.2.1", true },
		{ "example.com", "example.com", true },
		{ "example.com", "EXAMPLE.com", true },
		{ "example.com", "a.example.com", true },
		{ ".example.com", "a.example.com", true },
		{ ".example.com", "example.com", true },
		{ "example.com", "notexample.com", false },
		{ "example.com", "example.com.test", false },
		{ "a.test, example.com", "example.com", true },
		{ "a.test example.com", "example.com", true },
		{ "", "h.test", false },
		{ ", ,", "h.test", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.10", false },
		{ "192.0.2.0/24", "192.0.2.10", true },
		{ "192.0.2.0/24", "192.0.3.10", false },
		{ "2001:db8::/32", "2001:db8::5", true },
		{ "2.1", "192.0.2.1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct proxy_env env = { .all = "http://a", .no = cases[i].no };

		if ((proxy_for(&env, true, cases[i].host) == NULL) != cases[i].direct)
			fail_msg("no_proxy=%s host %s", cases[i].no, cases[i].host);
	}
}

/* ---- write queue ---- */

static void test_outq_keeps_order(void **state)
{
	struct outq q = { .max = 100000 };
	uint8_t in[700], expect = 0, next = 0;
	size_t added = 0, dropped = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)(round * 37 % 700), take;

		for (size_t i = 0; i < n; i++)
			in[i] = next++;
		assert_int_equal(outq_add(&q, span_of(in, n)), 0);
		added += n;
		take = outq_pending(&q).len * (size_t)(round % 4) / 3;
		for (size_t i = 0; i < take; i++)
			assert_int_equal(outq_pending(&q).p[i], expect++);
		outq_drop(&q, take);
		dropped += take;
		assert_int_equal(outq_pending(&q).len, added - dropped);
	}
	outq_fini(&q);
}

static void test_outq_ceiling_and_drain(void **state)
{
	static const uint8_t block[100];
	struct outq q = { .max = 100 };

	(void)state;
	assert_false(outq_drained(&q));
	assert_int_equal(outq_add(&q, span_of(block, 100)), 0);
	assert_int_equal(outq_add(&q, span_of(block, 0)), 0);
	assert_int_equal(outq_add(&q, span_of(block, 1)), -ERR_FULL);
	assert_int_equal(outq_pending(&q).len, 100);
	outq_drop(&q, 50);
	assert_false(outq_drained(&q));
	outq_drop(&q, 1);
	assert_true(outq_drained(&q));
	assert_false(outq_drained(&q)); /* once */
	assert_int_equal(outq_add(&q, span_of(block, 52)), -ERR_FULL);
	assert_int_equal(outq_add(&q, span_of(block, 51)), 0);
	q.max = 10; /* lowered below what waits */
	assert_int_equal(outq_add(&q, span_of(block, 1)), -ERR_FULL);
	outq_fini(&q);
}

static void test_outq_gives_a_burst_back(void **state)
{
	static const uint8_t block[200000];
	struct outq q = { .max = 1 << 20 };

	(void)state;
	assert_int_equal(outq_add(&q, span_of(block, sizeof(block))), 0);
	outq_drop(&q, sizeof(block));
	assert_int_equal(q.cap, 0);
	assert_int_equal(outq_add(&q, span_of(block, 10)), 0);
	outq_drop(&q, 10);
	assert_true(q.cap > 0);
	outq_fini(&q);
}

/* ---- socket addresses ---- */

static void test_sockaddr_round_trip(void **state)
{
	static const char *const texts[] = { "192.0.2.1:53", "[2001:db8::1]:65535", "0.0.0.0:0" };
	struct sockaddr_storage ss;
	struct ep e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(ep_decode(span_str(texts[i]), &e), 0);
		assert_true(sockaddr_from_ep(e, &ss) > 0);
		assert_true(ep_eq(sockaddr_to_ep((struct sockaddr *)&ss), e));
	}
	assert_int_equal(sockaddr_from_ep((struct ep){ .port = 1 }, &ss), 0);
}

static void test_sockaddr_of_other_kinds(void **state)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
	struct sockaddr un = { .sa_family = AF_UNIX };
	struct ep e;

	(void)state;
	ip_to_16(ip_v4(192, 0, 2, 1), mapped.sin6_addr.s6_addr);
	e = sockaddr_to_ep((struct sockaddr *)&mapped);
	assert_true(ep_eq(e, (struct ep){ ip_v4(192, 0, 2, 1), 7 }));
	assert_false(ep_is_set(sockaddr_to_ep(&un)));
	assert_false(ep_is_set(sockaddr_of_fd(-1, false)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mark_all_but_loopback),
		cmocka_unit_test(test_proxy_by_scheme),
		cmocka_unit_test(test_proxy_never_for_loopback),
		cmocka_unit_test(test_no_proxy),
		cmocka_unit_test(test_outq_keeps_order),
		cmocka_unit_test(test_outq_ceiling_and_drain),
		cmocka_unit_test(test_outq_gives_a_burst_back),
		cmocka_unit_test(test_sockaddr_round_trip),
		cmocka_unit_test(test_sockaddr_of_other_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
