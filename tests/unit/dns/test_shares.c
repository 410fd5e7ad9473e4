/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/shares.h"

#include <stdlib.h>

struct member {
	struct list link;
	struct share *of;
};

static struct shares s;

static struct ep client(uint8_t n)
{
	return (struct ep){ ip_v4(100, 64, 0, n), 1000 };
}

static void take_away(struct member *m)
{
	shares_remove(&s, m->of, &m->link);
	free(m);
}

/* One more for that client, at the cost of another's if need be. */
static bool ask_from(struct ep who)
{
	struct list *victim;
	struct member *m;

	if (!shares_admit(&s, who, &victim))
		return false;
	if (victim)
		take_away(LIST_ENTRY(victim, struct member, link));
	m = calloc(1, sizeof(*m));
	assert_non_null(m);
	m->of = shares_add(&s, who, &m->link);
	assert_true(s.total <= s.max);
	return true;
}

static bool ask(uint8_t who)
{
	return ask_from(client(who));
}

static struct share *share_of(uint8_t who)
{
	struct ip ip = client(who).ip;
	const struct share_address *a = map_get(&s.addresses, &ip);

	return a ? LIST_ENTRY(list_first(&a->ports), struct share, link) : NULL;
}

static unsigned held(uint8_t who)
{
	struct ip ip = client(who).ip;
	const struct share_address *h = map_get(&s.addresses, &ip);

	return h ? h->n : 0;
}

static void end(void)
{
	size_t at = 0;
	struct share *h;

	while (s.total > 0) {
		at = 0;
		h = map_next(&s.ports, &at, NULL);
		take_away(LIST_ENTRY(list_first(&h->members), struct member, link));
	}
	assert_int_equal(map_len(&s.addresses) + map_len(&s.ports), 0);
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
	assert_true(ip_eq(m->of->address->ip, client(1).ip));
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
		take_away(LIST_ENTRY(list_first(&share_of(200)->members), struct member, link));
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

/* Programs of one host differ in their ports only. */
static void test_ports_of_one_address(void **state)
{
	struct ep flood = { ip_v4(100, 64, 0, 1), 1 }, quiet = { ip_v4(100, 64, 0, 1), 2 };

	(void)state;
	shares_init(&s, 10);
	while (ask_from(flood))
		;
	for (int i = 0; i < 5; i++)
		assert_true(ask_from(quiet));
	assert_false(ask_from(quiet));
	assert_false(ask_from(flood));
	/* another address comes before both */
	for (int i = 0; i < 5; i++)
		assert_true(ask(9));
	assert_false(ask(9));
	assert_int_equal(held(1), 5);
	end();
}

/* A program that takes all ports: nobody of its address has a right to more, others do. */
static void test_a_flood_from_all_ports(void **state)
{
	(void)state;
	shares_init(&s, 100);
	for (uint16_t port = 1; port <= 1000; port++)
		ask_from((struct ep){ ip_v4(100, 64, 0, 1), port });
	assert_int_equal(held(1), 100);
	for (int i = 0; i < 50; i++)
		assert_true(ask(2));
	assert_int_equal(held(1), 50);
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
		cmocka_unit_test(test_ports_of_one_address),
		cmocka_unit_test(test_a_flood_from_all_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
