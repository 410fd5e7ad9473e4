/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of addresses against plain bit maps over 0.0.0.0 - 0.0.0.255, and the edges of the families.
 */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/rng.h"
#include "netstack/local_set.h"
#include "netstack/ranges.h"

#define N 256

static struct ip low(unsigned i)
{
	return ip_v4(0, 0, 0, (uint8_t)i);
}

static void random_set(struct rng *rng, struct ranges *s, bool map[static N])
{
	*s = (struct ranges){ 0 };
	memset(map, 0, N);
	for (uint32_t n = rng_below(rng, 12); n > 0; n--) {
		unsigned a = rng_below(rng, N), b = a + rng_below(rng, N - a);
		struct ip_range r = { low(a), low(b) };
		ranges_add(s, &r);
		memset(map + a, 1, b - a + 1);
	}
	ranges_sort(s);
}

static void assert_same(const struct ranges *s, const bool map[static N])
{
	size_t runs = 0;
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(ranges_contains(s, low(i)), map[i]);
		runs += map[i] && (i == 0 || !map[i - 1]);
	}
	assert_int_equal(s->n, runs); /* merged and disjoint */
	assert_false(ranges_contains(s, ip_v4(0, 0, 1, 0)));
}

static void sets_are_sets(void **state)
{
	struct rng_seeded seeded;
	(void)state;
	rng_seeded_init(&seeded, 7);
	for (int round = 0; round < 300; round++) {
		struct ranges a, b;
		bool ma[N], mb[N];
		random_set(&seeded.rng, &a, ma);
		random_set(&seeded.rng, &b, mb);
		assert_same(&a, ma);
		for (unsigned i = 0; i < N; i++) {
			struct ip_range one = { low(i), low(i) };
			assert_int_equal(ranges_overlap(&a, &one), ma[i]);
			ma[i] = ma[i] && !mb[i];
		}
		ranges_subtract(&a, &b);
		assert_same(&a, ma);
		ranges_fini(&a);
		ranges_fini(&b);
	}
}

static void prefixes_cover_a_range_exactly(void **state)
{
	struct rng_seeded seeded;
	(void)state;
	rng_seeded_init(&seeded, 8);
	for (int round = 0; round < 300; round++) {
		unsigned a = rng_below(&seeded.rng, N), b = a + rng_below(&seeded.rng, N - a);
		struct ip_range r = { low(a), low(b) };
		struct prefix p;
		unsigned at = a;
		while (range_next_prefix(&r, &p)) {
			struct ip_range got = range_of_prefix(p);
			assert_true(ip_eq(got.first, low(at)));
			at = got.last.b[3] + 1u;
		}
		assert_int_equal(at, b + 1);
	}
}

static void the_ends_of_the_families(void **state)
{
	struct ranges s = { 0 };
	struct prefix p;
	(void)state;
	ranges_add_prefix(&s, pk_prefix("0.0.0.0/0"));
	ranges_add_prefix(&s, pk_prefix("::/0"));
	ranges_sort(&s);
	assert_int_equal(s.n, 2); /* 255.255.255.255 does not touch :: */
	assert_true(ranges_contains(&s, pk_ip("255.255.255.255")));
	assert_true(range_next_prefix(&s.v[0], &p) && p.bits == 0 && p.ip.fam == IP_V4);
	assert_false(range_next_prefix(&s.v[0], &p));
	assert_true(range_next_prefix(&s.v[1], &p) && p.bits == 0 && p.ip.fam == IP_V6);
	assert_false(range_next_prefix(&s.v[1], &p));
	ranges_fini(&s);
}

static void own_addresses_stay_with_an_exit_node(void **state)
{
	struct ip self = pk_ip("100.64.0.1");
	struct prefix adv[2] = { pk_prefix("0.0.0.0/0"), pk_prefix("10.1.0.0/16") };
	struct prefix ifs[2] = { pk_prefix("203.0.113.9/24"), pk_prefix("100.64.0.1/32") };
	struct local_set_in in = { &self, 1, adv, 2, ifs, 2, true };
	struct ranges out = { 0 };
	(void)state;
	assert_true(local_set_build(&in, &out));
	const struct {
		const char *ip;
		bool in;
	} t[] = {
		{ "100.64.0.1", true },	  { "100.64.0.2", false },  { "203.0.113.9", true },
		{ "203.0.113.1", false }, { "10.1.2.3", true },	    { "10.2.0.1", false },
		{ "8.8.8.8", true },	  { "192.168.1.1", false }, { "0.0.0.0", true },
		{ "::", true },		  { "2001:db8::1", false }, { "169.254.169.254", false }
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(ranges_contains(&out, pk_ip(t[i].ip)), t[i].in);
	ranges_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_sets),
		cmocka_unit_test(prefixes_cover_a_range_exactly),
		cmocka_unit_test(the_ends_of_the_families),
		cmocka_unit_test(own_addresses_stay_with_an_exit_node),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
