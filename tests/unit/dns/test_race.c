/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/race.h"

static struct race race;
static mono_t now;
static struct race_step step;

static void begin(bool udp_client, bool tcp)
{
	now = mono_add_s(MONO_ZERO, 1000);
	race_init(&race, now, &(struct race_opts){ .udp_client = udp_client, .tcp = tcp });
}

static void add(enum dns_upstream_kind kind, uint32_t delay_ms)
{
	race_add(&race, kind, delay_ms, true);
}

static bool next(void)
{
	return race_next(&race, now, &step);
}

static void expect(enum race_act act, size_t lane, enum race_via via)
{
	assert_true(next());
	assert_int_equal(step.act, act);
	assert_int_equal(step.lane, lane);
	assert_int_equal(step.via, via);
}

static void pass_ms(int64_t ms)
{
	now = mono_add_ms(now, ms);
}

static void wait_for_deadline(int64_t ms)
{
	assert_int_equal(mono_diff_ns(race_deadline(&race), now) / NS_PER_MS, ms);
	pass_ms(ms);
}

static enum race_use reply(size_t lane, enum race_via via, enum dns_reply_verdict v)
{
	return race_on_reply(&race, now, lane, via, v, false);
}

static void test_each_after_its_delay(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_HTTPS, 0);
	add(DNS_UP_PLAIN, 500);
	add(DNS_UP_PLAIN, 700);
	expect(RACE_START, 0, RACE_HTTP);
	assert_false(next());
	wait_for_deadline(500);
	expect(RACE_START, 1, RACE_UDP);
	assert_false(next());
	wait_for_deadline(200);
	expect(RACE_START, 2, RACE_UDP);
	assert_false(next());
	assert_int_equal(reply(1, RACE_UDP, DNS_REPLY_ACCEPT), RACE_WIN);
	assert_int_equal(race.state, RACE_WON);
	assert_false(next());
	assert_true(mono_is_never(race_deadline(&race)));
	/* what comes late is nothing */
	assert_int_equal(reply(2, RACE_UDP, DNS_REPLY_ACCEPT), RACE_OVER);
	assert_int_equal(race.winner, 1);
}

static void test_nobody_waits_when_those_asked_have_failed(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_HTTPS, 0);
	add(DNS_UP_PLAIN, 500);
	add(DNS_UP_PLAIN, 700);
	expect(RACE_START, 0, RACE_HTTP);
	pass_ms(10);
	race_on_error(&race, now, 0, RACE_HTTP);
	expect(RACE_START, 1, RACE_UDP);
	assert_false(next());
	wait_for_deadline(690);
	expect(RACE_START, 2, RACE_UDP);
}

static void test_tcp_after_silence(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_false(next());
	wait_for_deadline(RACE_TCP_MS);
	expect(RACE_START, 0, RACE_TCP);
	assert_false(next());
	/* UDP may still answer */
	assert_int_equal(reply(0, RACE_UDP, DNS_REPLY_ACCEPT), RACE_WIN);
}

static void test_tcp_has_a_limit_and_all_has_one(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_false(next());
	pass_ms(RACE_TCP_MS);
	expect(RACE_START, 0, RACE_TCP);
	assert_false(next());
	wait_for_deadline(RACE_TCP_LIMIT_MS);
	expect(RACE_STOP, 0, RACE_TCP);
	assert_false(next());
	assert_int_equal(race.state, RACE_RUNNING);
	wait_for_deadline(RACE_LIMIT_MS - RACE_TCP_MS - RACE_TCP_LIMIT_MS);
	assert_false(next());
	assert_int_equal(race.state, RACE_LOST);
	assert_false(race_gives_kept(&race));
	assert_false(race_anybody_there(&race));
	assert_int_equal(race_mark(&race, now, 0), RACE_MARK_DEAD);
}

static void test_tcp_at_once_when_udp_fails(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	race_on_error(&race, now, 0, RACE_UDP);
	expect(RACE_START, 0, RACE_TCP);
	assert_false(next());
	race_on_error(&race, now, 0, RACE_TCP);
	assert_false(next());
	assert_int_equal(race.state, RACE_LOST);
}

static void test_without_tcp(void **state)
{
	(void)state;
	begin(true, false);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_false(next());
	wait_for_deadline(RACE_LIMIT_MS);
	assert_false(next());
	assert_int_equal(race.state, RACE_LOST);
}

static void test_truncated(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_int_equal(race_on_reply(&race, now, 0, RACE_UDP, DNS_REPLY_ACCEPT, true), RACE_WIN);

	begin(false, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_int_equal(race_on_reply(&race, now, 0, RACE_UDP, DNS_REPLY_ACCEPT, true), RACE_OVER);
	expect(RACE_START, 0, RACE_TCP);
	assert_int_equal(race_on_reply(&race, now, 0, RACE_TCP, DNS_REPLY_ACCEPT, true), RACE_WIN);
}

static void test_what_is_no_answer_is_waited_past(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	for (int i = 0; i < 100; i++)
		assert_int_equal(reply(0, RACE_UDP, DNS_REPLY_IGNORE), RACE_WAIT_ON);
	assert_false(next());
	assert_false(race_anybody_there(&race));
	pass_ms(RACE_TCP_MS);
	expect(RACE_START, 0, RACE_TCP);
	assert_int_equal(reply(0, RACE_TCP, DNS_REPLY_IGNORE), RACE_OVER);
	assert_int_equal(reply(0, RACE_UDP, DNS_REPLY_ACCEPT), RACE_WIN);
}

/* Two upstreams, all ways of both fail as said; which answer is kept? */
static bool lose(enum dns_reply_verdict a, enum dns_reply_verdict b, enum race_use *first)
{
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	expect(RACE_START, 1, RACE_UDP);
	*first = reply(0, RACE_UDP, a);
	assert_int_not_equal(reply(1, RACE_UDP, b), RACE_WIN);
	expect(RACE_START, 0, RACE_TCP);
	expect(RACE_START, 1, RACE_TCP);
	assert_int_equal(reply(0, RACE_TCP, a), RACE_OVER);
	assert_int_equal(reply(1, RACE_TCP, b), RACE_OVER);
	assert_false(next());
	assert_int_equal(race.state, RACE_LOST);
	assert_true(race_anybody_there(&race));
	return race_gives_kept(&race);
}

static void test_what_the_client_gets_when_all_fail(void **state)
{
	enum race_use first;

	(void)state;
	assert_true(lose(DNS_REPLY_SERVFAIL, DNS_REPLY_REFUSED, &first));
	assert_int_equal(first, RACE_KEEP);
	assert_true(lose(DNS_REPLY_REFUSED, DNS_REPLY_REFUSED, &first));
	assert_int_equal(first, RACE_KEEP);
	assert_false(lose(DNS_REPLY_REFUSED, DNS_REPLY_SERVFAIL, &first));
	assert_false(lose(DNS_REPLY_ERROR, DNS_REPLY_ERROR, &first));
	assert_int_equal(first, RACE_OVER);
	assert_false(lose(DNS_REPLY_ERROR, DNS_REPLY_REFUSED, &first));
}

/* Refusing by UDP and deaf by TCP is refusing. */
static void test_refused_by_one_who_has_no_tcp(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	assert_int_equal(reply(0, RACE_UDP, DNS_REPLY_REFUSED), RACE_KEEP);
	expect(RACE_START, 0, RACE_TCP);
	race_on_error(&race, now, 0, RACE_TCP);
	assert_false(next());
	assert_true(race_gives_kept(&race));
}

static void test_who_looks_dead(void **state)
{
	(void)state;
	begin(true, true);
	add(DNS_UP_HTTPS, 0);
	add(DNS_UP_PLAIN, 500);
	add(DNS_UP_PLAIN, 700);
	expect(RACE_START, 0, RACE_HTTP);
	assert_false(next());
	pass_ms(500);
	expect(RACE_START, 1, RACE_UDP);
	pass_ms(20);
	assert_int_equal(reply(1, RACE_UDP, DNS_REPLY_ACCEPT), RACE_WIN);
	assert_int_equal(race_mark(&race, now, 0), RACE_MARK_DEAD); /* had half a second more */
	assert_int_equal(race_mark(&race, now, 1), RACE_MARK_ALIVE);
	assert_int_equal(race_mark(&race, now, 2), RACE_MARK_NONE); /* was never asked */

	begin(true, true);
	add(DNS_UP_PLAIN, 0);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 0, RACE_UDP);
	expect(RACE_START, 1, RACE_UDP);
	pass_ms(20);
	assert_int_equal(reply(1, RACE_UDP, DNS_REPLY_ACCEPT), RACE_WIN);
	assert_int_equal(race_mark(&race, now, 0), RACE_MARK_NONE); /* a little slower is not dead */
}

static void test_one_that_sits_out(void **state)
{
	(void)state;
	begin(true, true);
	race_add(&race, DNS_UP_PLAIN, 0, false);
	add(DNS_UP_PLAIN, 0);
	expect(RACE_START, 1, RACE_UDP);
	assert_false(next());
	assert_int_equal(reply(1, RACE_UDP, DNS_REPLY_REFUSED), RACE_KEEP);
	expect(RACE_START, 1, RACE_TCP);
	assert_int_equal(reply(1, RACE_TCP, DNS_REPLY_REFUSED), RACE_OVER);
	assert_false(next());
	assert_int_equal(race.state, RACE_LOST);
	assert_true(race_gives_kept(&race));
	assert_int_equal(race_mark(&race, now, 0), RACE_MARK_NONE);
}

static void test_no_more_than_eight(void **state)
{
	(void)state;
	begin(true, true);
	for (int i = 0; i < 20; i++)
		add(DNS_UP_PLAIN, 0);
	for (size_t i = 0; i < DNS_GROUP_MAX; i++)
		expect(RACE_START, i, RACE_UDP);
	assert_false(next());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_after_its_delay),
		cmocka_unit_test(test_nobody_waits_when_those_asked_have_failed),
		cmocka_unit_test(test_tcp_after_silence),
		cmocka_unit_test(test_tcp_has_a_limit_and_all_has_one),
		cmocka_unit_test(test_tcp_at_once_when_udp_fails),
		cmocka_unit_test(test_without_tcp),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_what_is_no_answer_is_waited_past),
		cmocka_unit_test(test_what_the_client_gets_when_all_fail),
		cmocka_unit_test(test_refused_by_one_who_has_no_tcp),
		cmocka_unit_test(test_who_looks_dead),
		cmocka_unit_test(test_one_that_sits_out),
		cmocka_unit_test(test_no_more_than_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
