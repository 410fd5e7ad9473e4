/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many routes: in slices, with bounded work for each. Times are printed; what is judged is how much
 * a slice does. */
#include "tests/unit/netstack/router_kernel.h"

#include "base/mono.h"

#define MANY 10000
#define VERY_MANY 100000

static const struct router_params params = ROUTER_PARAMS_DEFAULT;

static struct tun tun;
static struct router *r;
static struct router_report rep;

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	tun = netns_tun(KERNEL_TUN);
	r = router_new(KERNEL_TUN, &params, &rep);
	assert_non_null(r);
	router_up(r, &rep);
	kernel_ok(&rep);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	router_free(r);
	tun_close(&tun);
	return 0;
}

/* Half of them IPv6; every `step`th from `first` on, which makes two configurations overlap. */
static struct router_config many(size_t n, size_t first, size_t step)
{
	struct router_config c = { .mtu = 1280 };
	prefix_list_add(&c.addrs, pk_prefix("100.64.0.1/32"));
	prefix_list_add(&c.addrs, pk_prefix("fd7a:115c:a1e0::1/128"));
	for (size_t i = first; i < n; i += step) {
		uint8_t hi = (uint8_t)(i >> 16), mid = (uint8_t)(i >> 8), lo = (uint8_t)i;
		struct ip six = { IP_V6, { 0x20, 1, 0x0d, 0xb8, hi, mid, lo } };
		struct ip four = ip_v4((uint8_t)(20 + hi), mid, lo, 0);
		prefix_list_add(&c.routes, (struct prefix){ i % 2 ? six : four, i % 2 ? 64 : 24 });
	}
	prefix_list_sort(&c.routes);
	return c;
}

struct count {
	size_t ok, missing, extra;
};

static void on_item(void *arg, const struct router_item *item)
{
	struct count *c = arg;
	c->ok += item->state == RT_OK;
	c->missing += item->state == RT_MISSING;
	c->extra += item->state == RT_EXTRA;
}

static void assert_compare(size_t ok, size_t missing, size_t extra)
{
	struct count c = { 0 };
	assert_int_equal(router_compare(r, on_item, &c), 0);
	assert_int_equal(c.ok, ok);
	assert_int_equal(c.missing, missing);
	assert_int_equal(c.extra, extra);
}

static int64_t us_since(mono_t from)
{
	return (mono_now().ns - from.ns) / 1000;
}

/* To the goal in slices; how many. */
static size_t work(const char *what, const struct router_config *c)
{
	mono_t start = mono_now();
	int64_t longest = 0;
	size_t slices = 0;
	bool more = true;
	router_want(r, c);
	int64_t wanted = us_since(start), first = 0;
	for (; more; slices++) {
		mono_t from = mono_now();
		more = router_work(r, ROUTER_SLICE, &rep);
		int64_t took = us_since(from);
		longest = took > longest ? took : longest;
		first = slices ? first : took;
	}
	kernel_ok(&rep);
	printf("%s: %zu slices in %lld us; goal %lld us, first slice %lld us, longest %lld us\n",
	       what, slices, (long long)us_since(start), (long long)wanted, (long long)first,
	       (long long)longest);
	return slices;
}

static size_t slices_of(size_t steps)
{
	return (steps + ROUTER_SLICE - 1) / ROUTER_SLICE;
}

static void check(const char *what)
{
	size_t drift;
	mono_t from = mono_now();
	router_check(r, &rep, &drift);
	printf("%s: check %lld us\n", what, (long long)us_since(from));
	kernel_ok(&rep);
	assert_int_equal(drift, 0);
}

static void ten_thousand(void **state)
{
	struct router_config all = many(MANY, 0, 1), odd = many(MANY, 0, 3), none = many(0, 0, 1);
	(void)state;
	assert_int_equal(work("10000 routes set", &all), slices_of(MANY + 2));
	assert_compare(MANY + 2 + 8, 0, 0);
	assert_int_equal(work("the same again", &all), 1);
	check("10000 routes");
	assert_int_equal(work("two thirds gone", &odd), slices_of(MANY - odd.routes.n));
	assert_int_equal(work("two thirds back", &all), slices_of(MANY - odd.routes.n));
	assert_int_equal(work("all gone", &none), slices_of(MANY));
	assert_compare(2 + 8, 0, 0);
	assert_int_equal(work("and set", &all), slices_of(MANY));
	mono_t from = mono_now();
	router_down(r, false, &rep);
	printf("down: %lld us\n", (long long)us_since(from));
	kernel_ok(&rep);
	kernel_assert((const char *const[]){ NULL });
	router_config_fini(&all);
	router_config_fini(&odd);
	router_config_fini(&none);
}

static void a_hundred_thousand(void **state)
{
	struct router_config all = many(VERY_MANY, 0, 1), none = many(0, 0, 1);
	(void)state;
	netns_write("/proc/sys/net/ipv6/route/max_size", "1000000");
	assert_int_equal(work("100000 routes set", &all), slices_of(VERY_MANY + 2));
	check("100000 routes");
	assert_int_equal(work("all gone", &none), slices_of(VERY_MANY));
	assert_compare(2 + 8, 0, 0);
	router_config_fini(&all);
	router_config_fini(&none);
}

static void another_goal_in_the_middle(void **state)
{
	struct router_config a = many(3000, 0, 2), b = many(3000, 0, 3), c = many(1000, 0, 1);
	const struct router_config *goals[] = { &a, &b, &c, &a, &c };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(goals); i++) {
		router_want(r, goals[i]);
		for (size_t k = 0; k < 3 + i; k++)
			assert_true(router_work(r, 100 - i, &rep));
		kernel_ok(&rep);
	}
	work("the last of five goals", &b);
	assert_compare(b.routes.n + 2 + 8, 0, 0);
	router_config_fini(&a);
	router_config_fini(&b);
	router_config_fini(&c);
}

static void a_check_in_the_middle(void **state)
{
	struct router_config a = many(1000, 0, 1);
	size_t drift;
	(void)state;
	router_want(r, &a);
	assert_true(router_work(r, 300, &rep));
	router_check(r, &rep, &drift);
	kernel_ok(&rep);
	assert_int_equal(drift, 0);
	size_t slices = 1;
	while (router_work(r, 300, &rep))
		slices++;
	assert_int_equal(slices, 3); /* 702 steps are left */
	assert_compare(1000 + 2 + 8, 0, 0);
	router_config_fini(&a);
}

static void what_others_flush_is_set_again(void **state)
{
	struct router_config a = many(2000, 0, 1);
	struct nl_sock *s = netmsg_socket();
	size_t drift;
	(void)state;
	work("2000 routes set", &a);
	assert_int_equal(kroute_table_flush(s, IP_V6, 52), 0);
	router_check(r, &rep, &drift);
	kernel_ok(&rep);
	assert_int_equal(drift, 1000);
	size_t slices = 1;
	while (router_work(r, ROUTER_SLICE, &rep))
		slices++;
	assert_int_equal(slices, slices_of(1000));
	check("2000 routes");
	assert_compare(2000 + 2 + 8, 0, 0);
	nl_socket_free(s);
	router_config_fini(&a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ten_thousand),
		T(a_hundred_thousand),
		T(another_goal_in_the_middle),
		T(a_check_in_the_middle),
		T(what_others_flush_is_set_again),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
