/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/staged.h"

#include "tests/lib/cm.h"

#define HEAD 32
#define TAIL 48

static int setup(void **state)
{
	*state = staged_new(HEAD, TAIL);
	return 0;
}

static int teardown(void **state)
{
	staged_free(*state);
	return 0;
}

static int put(struct staged *s, uint32_t peer, uint32_t number)
{
	uint8_t b[4];
	struct wr w = wr_init(mspan_of(b, sizeof(b)));
	wr_be32(&w, number);
	return staged_put(s, peer, span_of(b, sizeof(b)));
}

/* Takes exactly n, whose numbers are first, first + 1, ... */
static void expect(struct staged *s, uint32_t peer, uint32_t first, size_t n)
{
	struct mspan v[STAGED_PER_PEER + 1];
	size_t got = staged_take(s, peer, v, STAGED_PER_PEER + 1);
	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++) {
		struct rd r = rd_init(span_const(v[i]));
		assert_int_equal(rd_be32(&r), first + i);
		assert_true(rd_done(&r));
	}
	assert_int_equal(staged_count(s, peer), 0);
}

static void keeps_order_for_each_peer(void **state)
{
	struct staged *s = *state;
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(put(s, 1, i), 0);
		assert_int_equal(put(s, 2, 100 + i), 0);
	}
	assert_int_equal(staged_count(s, 1), 10);
	expect(s, 1, 0, 10);
	expect(s, 2, 100, 10);
	expect(s, 3, 0, 0);
}

static void takes_in_parts(void **state)
{
	struct staged *s = *state;
	struct mspan v[4];
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(put(s, 1, i), 0);
	assert_int_equal(staged_take(s, 1, v, 4), 4);
	assert_int_equal(v[3].p[3], 3);
	assert_int_equal(staged_count(s, 1), 2);
	expect(s, 1, 4, 2);
}

static void a_full_queue_loses_its_oldest(void **state)
{
	struct staged *s = *state;
	for (uint32_t i = 0; i < STAGED_PER_PEER; i++)
		assert_int_equal(put(s, 1, i), 0);
	assert_int_equal(put(s, 1, STAGED_PER_PEER), 1);
	assert_int_equal(put(s, 1, STAGED_PER_PEER + 1), 1);
	assert_int_equal(staged_count(s, 1), STAGED_PER_PEER);
	expect(s, 1, 2, STAGED_PER_PEER);
}

static void a_full_pool_loses_the_oldest_queues_head(void **state)
{
	struct staged *s = *state;
	for (uint32_t i = 0; i < STAGED_PACKETS; i++)
		assert_int_equal(put(s, i / STAGED_PER_PEER, i), 0);
	assert_int_equal(put(s, 1000, 1), 1);
	assert_int_equal(staged_count(s, 0), STAGED_PER_PEER - 1);
	assert_int_equal(staged_count(s, 1), STAGED_PER_PEER);
	expect(s, 1000, 1, 1);
	expect(s, 0, 1, STAGED_PER_PEER - 1);
	for (uint32_t p = 1; p < STAGED_PACKETS / STAGED_PER_PEER; p++)
		expect(s, p, p * STAGED_PER_PEER, STAGED_PER_PEER);
}

/* The pool is full and the queue that loses its head is the one the new packet joins. */
static void a_full_pool_may_cost_the_own_head(void **state)
{
	struct staged *s = *state;
	assert_int_equal(put(s, 7, 0), 0);
	for (uint32_t i = 0; i < STAGED_PACKETS - 1; i++)
		assert_int_equal(put(s, 100 + i / STAGED_PER_PEER, i), 0);
	assert_int_equal(put(s, 7, 1), 1);
	expect(s, 7, 1, 1);
	expect(s, 100, 0, STAGED_PER_PEER);
}

static void too_many_peers_lose_the_oldest_queue(void **state)
{
	struct staged *s = *state;
	assert_int_equal(put(s, 0, 0), 0);
	assert_int_equal(put(s, 0, 1), 0);
	for (uint32_t p = 1; p < STAGED_PEERS; p++)
		assert_int_equal(put(s, p, p), 0);
	assert_int_equal(put(s, STAGED_PEERS, 9), 2);
	assert_int_equal(staged_count(s, 0), 0);
	expect(s, 1, 1, 1);
	expect(s, STAGED_PEERS, 9, 1);
}

static void an_emptied_queue_is_young_again(void **state)
{
	struct staged *s = *state;
	assert_int_equal(put(s, 0, 0), 0);
	for (uint32_t p = 1; p < STAGED_PEERS; p++)
		assert_int_equal(put(s, p, p), 0);
	expect(s, 0, 0, 1);
	assert_int_equal(put(s, 0, 5), 0);
	assert_int_equal(put(s, STAGED_PEERS, 9), 1); /* peer 1's is the oldest now */
	assert_int_equal(staged_count(s, 1), 0);
	expect(s, 0, 5, 1);
}

static void drops_one_peer(void **state)
{
	struct staged *s = *state;
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(put(s, 1, i), 0);
	assert_int_equal(put(s, 2, 7), 0);
	assert_int_equal(staged_drop(s, 1), 5);
	assert_int_equal(staged_drop(s, 1), 0);
	expect(s, 1, 0, 0);
	expect(s, 2, 7, 1);
}

static void length_limits(void **state)
{
	static uint8_t big[STAGED_LEN_MAX + 1];
	struct staged *s = *state;
	struct mspan v;
	memset(big, 0xa5, sizeof(big));
	assert_int_equal(staged_put(s, 1, span_of(big, sizeof(big))), -ERR_TOOBIG);
	assert_int_equal(staged_count(s, 1), 0);
	assert_int_equal(staged_put(s, 1, span_of(big, STAGED_LEN_MAX)), 0);
	assert_int_equal(staged_take(s, 1, &v, 1), 1);
	assert_true(span_eq(span_const(v), span_of(big, STAGED_LEN_MAX)));
}

/* The room around a taken packet may be written without hurting its neighbours. */
static void room_around_each_packet(void **state)
{
	static uint8_t big[STAGED_LEN_MAX];
	struct staged *s = *state;
	struct mspan v[3];
	for (int i = 0; i < 3; i++) {
		memset(big, 'a' + i, sizeof(big));
		assert_int_equal(staged_put(s, 1, span_of(big, sizeof(big))), 0);
	}
	assert_int_equal(staged_take(s, 1, v, 3), 3);
	for (int i = 0; i < 3; i++) {
		memset(v[i].p - HEAD, 0, HEAD);
		memset(v[i].p + v[i].len, 0, TAIL);
	}
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; k < v[i].len; k++)
			assert_int_equal(v[i].p[k], 'a' + i);
}

/* Nothing leaks away: after any mixture, the whole pool can be filled again. */
static void slots_come_back(void **state)
{
	struct staged *s = *state;
	struct mspan v[16];
	for (uint32_t round = 0; round < 5000; round++) {
		uint32_t peer = (round * 7919) % (STAGED_PEERS + 50);
		assert_true(put(s, peer, round) >= 0);
		if (round % 5 == 0)
			staged_take(s, (round * 31) % STAGED_PEERS, v, 16);
		if (round % 11 == 0)
			staged_drop(s, (round * 17) % STAGED_PEERS);
	}
	for (uint32_t p = 0; p < STAGED_PEERS + 50; p++)
		staged_drop(s, p);
	for (uint32_t i = 0; i < STAGED_PACKETS; i++)
		assert_int_equal(put(s, i / STAGED_PER_PEER, i), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keeps_order_for_each_peer),
		T(takes_in_parts),
		T(a_full_queue_loses_its_oldest),
		T(a_full_pool_loses_the_oldest_queues_head),
		T(a_full_pool_may_cost_the_own_head),
		T(too_many_peers_lose_the_oldest_queue),
		T(an_emptied_queue_is_young_again),
		T(drops_one_peer),
		T(length_limits),
		T(room_around_each_packet),
		T(slots_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
