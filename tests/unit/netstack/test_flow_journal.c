/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flow journal alone, under two tables, and between two threads. */
#include "netstack/filter_flows.h"
#include "netstack/flow_journal.h"
#include "tests/lib/cm.h"

#include <pthread.h>

#define PUTS 400000

/* All words tell the same number, so that a torn copy shows. */
static struct flow_key key_of(uint64_t n)
{
	struct flow_key k;
	uint64_t words[sizeof(k) / sizeof(n)];
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i] = n;
	memcpy(&k, words, sizeof(k));
	return k;
}

/* UINT64_MAX: torn. */
static uint64_t number_of(const struct flow_key *k)
{
	uint64_t n;
	memcpy(&n, k, sizeof(n));
	struct flow_key whole = key_of(n);
	return memcmp(&whole, k, sizeof(whole)) == 0 ? n : UINT64_MAX;
}

static void put_many(struct flow_journal *j, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		struct flow_key k = key_of(i);
		flow_journal_put(j, &k);
	}
}

/* Would the answer be let in as one to something of ours? */
static bool knows(struct flt_flows *s, const struct flow_key *k)
{
	struct pkt p = { .proto = k->proto, .version = k->version };
	memcpy(p.src.ip.b, k->src, 16);
	memcpy(p.dst.ip.b, k->dst, 16);
	p.src.port = k->sport;
	p.dst.port = k->dport;
	struct flow_ref r = flt_flows_ref_in(s, &p);
	return k->proto == IP_PROTO_TCP ? flt_flows_is_ours_tcp(s, &r, TCP_ACK)
					: flt_flows_is_ours(s, &r);
}

static void in_order_and_the_oldest_are_lost(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flow_key k;
	uint64_t at = 0;
	assert_false(flow_journal_next(j, FLOW_STATE, &at, &k));
	put_many(j, 0, 10);
	for (uint64_t i = 0; i < 10; i++) {
		assert_true(flow_journal_next(j, FLOW_STATE, &at, &k));
		assert_int_equal(number_of(&k), i);
	}
	assert_false(flow_journal_next(j, FLOW_STATE, &at, &k));
	put_many(j, 10, 10 + 3 * FLOW_JOURNAL_LEN);
	for (uint64_t i = 11 + 2 * FLOW_JOURNAL_LEN; i < 10 + 3 * FLOW_JOURNAL_LEN; i++) {
		assert_true(flow_journal_next(j, FLOW_STATE, &at, &k));
		assert_int_equal(number_of(&k), i);
	}
	assert_false(flow_journal_next(j, FLOW_STATE, &at, &k));
	flow_journal_free(j);
}

static void the_reader_knows_what_the_writer_used_last(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *out = flt_flows_new(1), *in = flt_flows_new(2);
	flt_flows_write(out, j);
	flt_flows_read(in, j);
	struct flow_key steady = key_of(1);
	for (uint64_t i = 0; i < 5000; i++) {
		struct flow_key k = key_of(100 + i);
		flt_flows_note(out, &steady);
		flt_flows_note(out, &k);
		if (i % 700 == 0)
			assert_true(knows(in, &k)); /* right after it was noted */
	}
	assert_true(knows(in, &steady));
	for (uint64_t i = 0; i < 300; i++) {
		struct flow_key k = key_of(5099 - i);
		assert_true(knows(in, &k));
	}
	struct flow_key old = key_of(100);
	assert_false(knows(in, &old));
	assert_int_equal(flt_flows_len(in), FLT_FLOWS);
	flt_flows_free(out);
	flt_flows_free(in);
	flow_journal_free(j);
}

static void a_flow_noted_again_is_told_once(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *out = flt_flows_new(1);
	flt_flows_write(out, j);
	struct flow_key k = key_of(7);
	for (int i = 0; i < 1000; i++)
		flt_flows_note(out, &k);
	assert_int_equal(flow_journal_head(j, FLOW_STATE), 1);
	flt_flows_free(out);
	flow_journal_free(j);
}

/* What was noted before the shields went up is no flow after it, read or not. */
static void shields_forget_what_is_still_in_the_journal(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *out = flt_flows_new(1), *in = flt_flows_new(2);
	flt_flows_write(out, j);
	flt_flows_read(in, j);
	struct flow_key before = key_of(7), after = key_of(8);
	flt_flows_note(out, &before);
	flt_flows_follow(in, true);
	flt_flows_follow(out, true);
	flt_flows_note(out, &after);
	assert_false(knows(in, &before));
	assert_true(knows(in, &after));
	flt_flows_free(out);
	flt_flows_free(in);
	flow_journal_free(j);
}

static struct flow_key tcp_of(uint64_t n)
{
	struct flow_key k = { .proto = IP_PROTO_TCP, .version = 4 };
	memcpy(k.src, &n, sizeof(n));
	return k;
}

/* A scan of ours, and a reader that is far behind: it loses of one kind only. */
static void tcp_has_a_ring_of_its_own(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *out = flt_flows_new(1), *in = flt_flows_new(2);
	flt_flows_write(out, j);
	flt_flows_read(in, j);
	struct flow_key udp = key_of(7), first = tcp_of(0), last = tcp_of(99999);
	flt_flows_note(out, &udp);
	for (uint64_t i = 0; i < 100000; i++) {
		struct flow_key k = tcp_of(i);
		flt_flows_note(out, &k);
	}
	assert_int_equal(flow_journal_head(j, FLOW_STATE), 1);
	assert_int_equal(flow_journal_head(j, FLOW_TCP), 100000);
	assert_true(knows(in, &udp));
	assert_true(knows(in, &last));
	assert_false(knows(in, &first));
	flt_flows_free(out);
	flt_flows_free(in);
	flow_journal_free(j);
}

/* Quiet flows are told again now and then: the reader may have taken one for theirs meanwhile. */
static void a_flow_is_told_again_after_a_while(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *out = flt_flows_new(1);
	struct flow_key k = key_of(7);
	flt_flows_write(out, j);
	for (int64_t s = 1; s <= 60; s++) {
		flt_flows_tick(out, (mono_t){ s * NS_PER_S });
		flt_flows_note(out, &k);
	}
	assert_int_equal(flow_journal_head(j, FLOW_STATE), 12);
	flt_flows_free(out);
	flow_journal_free(j);
}

static void *writer(void *arg)
{
	put_many(arg, 1, PUTS + 1);
	return NULL;
}

static void no_torn_entry_between_threads(void **state)
{
	(void)state;
	struct flow_journal *j = flow_journal_new();
	struct flow_key k;
	uint64_t at = 0, last = 0, n = 0;
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, writer, j), 0);
	while (last < PUTS) {
		if (!flow_journal_next(j, FLOW_STATE, &at, &k))
			continue;
		uint64_t got = number_of(&k);
		assert_int_not_equal(got, UINT64_MAX);
		assert_true(got > last);
		last = got;
		n++;
	}
	pthread_join(t, NULL);
	assert_true(n > 0 && n <= PUTS);
	flow_journal_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_the_oldest_are_lost),
		cmocka_unit_test(the_reader_knows_what_the_writer_used_last),
		cmocka_unit_test(a_flow_noted_again_is_told_once),
		cmocka_unit_test(shields_forget_what_is_still_in_the_journal),
		cmocka_unit_test(tcp_has_a_ring_of_its_own),
		cmocka_unit_test(a_flow_is_told_again_after_a_while),
		cmocka_unit_test(no_torn_entry_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
