/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/shares.h"

#include <stdlib.h>

struct member {
	struct list link;
	struct share *of;
};

static struct shares s;

static struct ip client(uint8_t n)
{
	return ip_v4(100, 64, 0, n);
}

static void take_away(struct member *m)
{
	shares_remove(&s, m->of, &m->link);
	free(m);
}

/* One more for that client, at the cost of another's if need be. */
static bool ask(uint8_t who)
{
	struct list *victim;
	struct member *m;

	if (!shares_admit(&s, client(who), &victim))
		return false;
	if (victim)
		take_away(LIST_ENTRY(victim, struct member, link));
	m = calloc(1, sizeof(*m));
	assert_non_null(m);
	m->of = shares_add(&s, client(who), &m->link);
	assert_true(s.total <= s.max);
	return true;
}

static unsigned held(uint8_t who)
{
	struct ip ip = client(who);
	const struct share *h = map_get(&s.by_who, &ip);

	return h ? h->n : 0;
}

static void end(void)
{
	size_t at = 0;
	struct share *h;

	while (s.total > 0) {
		at = 0;
		h = map_next(&s.by_who, &at, NULL);
		take_away(LIST_ENTRY(list_first(&h->members), struct member, link));
	}
	assert_int_equal(map_len(&s.by_who), 0);
	shares_fini(&s);
}

static void test_one_may_use_what_nobody_wants(void **state)
{
	(void)state;
	shares_init(&s, 10);
	for (int i = 0; i < 10; i++)
		assert_true(ask(1));
	assert_false(ask(1));
	assert_int_equal(held(1), 10);
	end();
}

static void test_a_flood_makes_room(void **state)
{
	(void)state;
	shares_init(&s, 10);
	while (ask(1))
		;
	for (int i = 0; i < 5; i++)
		assert_true(ask(2));
	assert_false(ask(2)); /* half and half */
	assert_false(ask(1));
	assert_int_equal(held(1), 5);
	assert_true(ask(3));
	assert_true(ask(3));
	assert_true(ask(3));
	assert_false(ask(3));
	assert_true(held(1) >= 3 && held(2) >= 3);
	end();
}

static void test_the_newest_of_the_biggest_goes(void **state)
{
	struct member *m;
	struct list *victim;

	(void)state;
	shares_init(&s, 6);
	assert_true(ask(2));
	assert_true(ask(2));
	for (int i = 0; i < 4; i++)
		assert_true(ask(1));
	assert_true(shares_admit(&s, client(3), &victim));
	m = LIST_ENTRY(victim, struct member, link);
	assert_true(ip_eq(m->of->who, client(1)));
	assert_ptr_equal(victim, m->of->members.prev);
	end();
}

/* Many floods at once: the quiet ones are always served. */
static void test_quiet_clients_among_floods(void **state)
{
	(void)state;
	shares_init(&s, 100);
	for (int round = 0; round < 1000; round++) {
		for (uint8_t who = 1; who <= 5; who++)
			for (int i = 0; i < 50; i++)
				ask(who);
		assert_true(ask(200));
		assert_int_equal(held(200), 1);
		struct ip quiet = client(200);
		struct share *h = map_get(&s.by_who, &quiet);
		take_away(LIST_ENTRY(list_first(&h->members), struct member, link));
	}
	end();
}

static void test_more_clients_than_places(void **state)
{
	(void)state;
	shares_init(&s, 3);
	for (uint8_t who = 1; who <= 3; who++)
		assert_true(ask(who));
	assert_false(ask(4)); /* nobody has more than one */
	end();
	shares_init(&s, 0);
	assert_false(ask(1));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_may_use_what_nobody_wants),
		cmocka_unit_test(test_a_flood_makes_room),
		cmocka_unit_test(test_the_newest_of_the_biggest_goes),
		cmocka_unit_test(test_quiet_clients_among_floods),
		cmocka_unit_test(test_more_clients_than_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
