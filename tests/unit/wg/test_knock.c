/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Initiations of nodes that are not peers: which are kept, and for how long. */
#include "tests/lib/cm.h"
#include "wg/constants.h"
#include "wg/knock.h"

static const mono_t start = { 1000 * NS_PER_S };
static struct wg_knocks k;

static struct node_key key_of(unsigned who)
{
	struct node_key key = { { 0 } };
	key.b[0] = (uint8_t)who;
	return key;
}

static void put(unsigned who, int64_t ms, uint8_t mark)
{
	struct wg_knock n = { .key = key_of(who), .at = mono_add_ms(start, ms) };
	n.msg.sender[0] = mark;
	wg_knock_put(&k, &n);
}

static void open_for(unsigned who)
{
	struct node_key key = key_of(who);
	wg_knock_open(&k, &key);
}

/* Mark of the next one; -1: none. */
static int take(int64_t ms)
{
	struct wg_knock n;
	return wg_knock_take(&k, mono_add_ms(start, ms), &n) ? n.msg.sender[0] : -1;
}

static int setup(void **state)
{
	(void)state;
	wg_knock_forget(&k);
	return 0;
}

static void nothing_is_due_before_the_sender_is_a_peer(void **state)
{
	(void)state;
	put(1, 0, 10);
	assert_int_equal(wg_knock_deadline(&k).ns, MONO_NEVER.ns);
	assert_int_equal(take(1), -1);
	open_for(2);
	assert_int_equal(wg_knock_deadline(&k).ns, MONO_NEVER.ns);
	open_for(1);
	assert_int_equal(wg_knock_deadline(&k).ns, start.ns);
	assert_int_equal(take(1), 10);
	assert_int_equal(take(1), -1);
	assert_int_equal(wg_knock_deadline(&k).ns, MONO_NEVER.ns);
	open_for(1);
	assert_int_equal(take(1), -1);
}

static void the_newest_of_a_sender_stays(void **state)
{
	(void)state;
	put(1, 0, 10);
	put(2, 1, 20);
	put(1, 2, 11);
	open_for(1);
	open_for(2);
	assert_int_equal(take(3), 11);
	assert_int_equal(take(3), 20);
	assert_int_equal(take(3), -1);
}

static void what_comes_again_waits_again(void **state)
{
	(void)state;
	put(1, 0, 10);
	open_for(1);
	put(1, 1, 11); /* removed, and calling once more */
	assert_int_equal(take(2), -1);
	open_for(1);
	assert_int_equal(take(2), 11);
}

static void the_old_ones_are_passed_over(void **state)
{
	(void)state;
	int64_t limit = WG_REKEY_TIMEOUT / NS_PER_MS;
	put(1, 0, 10);
	put(2, 1, 20);
	open_for(1);
	open_for(2);
	assert_int_equal(take(limit), 20);
	assert_int_equal(take(limit), -1);
	assert_int_equal(wg_knock_deadline(&k).ns, MONO_NEVER.ns);
}

static void many_push_the_oldest_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= WG_KNOCKS_MAX; i++)
		put(i + 1, (int64_t)i, (uint8_t)(i + 1));
	for (unsigned i = 0; i <= WG_KNOCKS_MAX; i++)
		open_for(i + 1);
	bool seen[WG_KNOCKS_MAX + 2] = { false };
	for (int mark; (mark = take(100)) >= 0;)
		seen[mark] = true;
	assert_false(seen[1]);
	for (unsigned i = 2; i <= WG_KNOCKS_MAX + 1; i++)
		assert_true(seen[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_due_before_the_sender_is_a_peer, setup),
		cmocka_unit_test_setup(the_newest_of_a_sender_stays, setup),
		cmocka_unit_test_setup(what_comes_again_waits_again, setup),
		cmocka_unit_test_setup(the_old_ones_are_passed_over, setup),
		cmocka_unit_test_setup(many_push_the_oldest_out, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
