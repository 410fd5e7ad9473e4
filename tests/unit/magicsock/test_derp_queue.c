/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "magicsock/derp_queue.h"

#include <string.h>

#define DATA 4 /* first byte of transport data; handshakes have 1 to 3 */
#define BIG 1312

static const mono_t T0 = { 1000 * NS_PER_S };

static struct node_key peer(unsigned i)
{
	return (struct node_key){ { (uint8_t)i, (uint8_t)(i >> 8) } };
}

/* A datagram of len bytes (>= 6) that says which one it is. */
static size_t put(struct derp_queue *q, mono_t now, unsigned to, uint8_t type, uint32_t id,
		  size_t len)
{
	static uint8_t d[DERP_QUEUE_BYTES + 1];
	struct node_key dst = peer(to);
	d[0] = type;
	memcpy(d + 1, &id, sizeof(id));
	return derp_queue_put(q, now, &dst, span_of(d, len));
}

struct taken {
	unsigned to;
	uint8_t type;
	uint32_t id;
	size_t len;
};

static struct taken take(struct derp_queue *q)
{
	const struct node_key *dst;
	struct span d;
	struct taken t = { .len = 0 };
	assert_true(derp_queue_next(q, &dst, &d));
	t.to = dst->b[0] | (unsigned)dst->b[1] << 8;
	t.type = d.p[0];
	memcpy(&t.id, d.p + 1, sizeof(t.id));
	t.len = d.len;
	derp_queue_pop(q);
	return t;
}

static void first_in_first_out(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	const struct node_key *dst;
	struct span d;
	assert_false(derp_queue_next(q, &dst, &d));
	derp_queue_pop(q); /* nothing there: harmless */
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(put(q, T0, 1, DATA, i, 10 + 50 * i), 0);
	assert_int_equal(derp_queue_len(q), 50);
	for (uint32_t i = 0; i < 50; i++) {
		struct taken t = take(q);
		assert_int_equal(t.id, i);
		assert_int_equal(t.len, 10 + 50 * i);
	}
	assert_int_equal(derp_queue_len(q), 0);
	assert_int_equal(derp_queue_bytes(q), 0);
	derp_queue_free(q);
	derp_queue_free(NULL);
}

static void full_drops_the_oldest(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	for (uint32_t i = 0; i < DERP_QUEUE_MAX; i++)
		assert_int_equal(put(q, T0, 1, DATA, i, 6), 0);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(put(q, T0, 1, DATA, DERP_QUEUE_MAX + i, 6), 1);
	assert_int_equal(derp_queue_len(q), DERP_QUEUE_MAX);
	assert_int_equal(take(q).id, 7);
	assert_int_equal(derp_queue_clear(q), DERP_QUEUE_MAX - 1);
	derp_queue_free(q);
}

static void bytes_are_bounded_too(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	size_t dropped = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		dropped += put(q, T0, i % 3, DATA, i, 60000);
		assert_true(derp_queue_bytes(q) <= DERP_QUEUE_BYTES);
	}
	assert_int_equal(derp_queue_len(q), DERP_QUEUE_BYTES / 60000);
	assert_int_equal(dropped, 1000 - DERP_QUEUE_BYTES / 60000);
	/* the largest that can be takes all others' room */
	assert_int_equal(put(q, T0, 5, DATA, 1, DERP_QUEUE_BYTES), DERP_QUEUE_BYTES / 60000);
	assert_int_equal(derp_queue_len(q), 1);
	/* one that can not be pushes nobody out */
	assert_int_equal(put(q, T0, 5, DATA, 2, DERP_QUEUE_BYTES + 1), 1);
	assert_int_equal(take(q).id, 1);
	derp_queue_free(q);
}

/* Peer 1 floods in bursts that never end; what peer 2 sends now and then is not lost and waits for
 * no more than a turn of the others. */
static void a_flood_leaves_others_alone(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	size_t flood = 0, lost = 0;
	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < 300; i++, flood++)
			lost += put(q, T0, 1, DATA, i, BIG);
		lost += put(q, T0, 2, DATA, round, 100);
		unsigned waited = 0;
		for (struct taken t = take(q); t.to != 2; t = take(q))
			waited++;
		assert_true(waited <= 2);
	}
	assert_true(lost > 0 && lost < flood);
	derp_queue_free(q);
}

static void turns_are_by_bytes(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	size_t bytes[4] = { 0 };
	for (uint32_t i = 0; i < 60; i++) {
		put(q, T0, 1, DATA, i, BIG);
		put(q, T0, 2, DATA, i, 650);
		put(q, T0, 3, DATA, i, BIG);
	}
	for (int i = 0; i < 100; i++) {
		struct taken t = take(q);
		bytes[t.to] += t.len;
	}
	for (int i = 2; i <= 3; i++) {
		assert_true(bytes[i] > bytes[1] * 8 / 10);
		assert_true(bytes[i] < bytes[1] * 12 / 10);
	}
	derp_queue_free(q);
}

/* The handshake that a peer's next session needs outlives a flood of data to the same peer. */
static void data_does_not_push_handshakes_out(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	put(q, T0, 1, 1, 77, 148);
	put(q, T0, 1, 'T', 78, 120);
	for (uint32_t i = 0; i < 3 * DERP_QUEUE_MAX; i++)
		put(q, T0, 1, DATA, i, BIG);
	assert_int_equal(take(q).id, 77);
	assert_int_equal(take(q).id, 78);
	derp_queue_free(q);
}

static void waits_have_an_end(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	for (uint32_t i = 0; i < 20; i++)
		put(q, mono_add_ms(T0, i), i % 2, DATA, i, 100);
	assert_int_equal(derp_queue_expire(q, T0), 0);
	assert_int_equal(derp_queue_expire(q, mono_add_ms(T0, 15)), 15);
	assert_int_equal(derp_queue_len(q), 5);
	uint32_t sum = 0;
	while (derp_queue_len(q) > 0)
		sum += take(q).id;
	assert_int_equal(sum, 15 + 16 + 17 + 18 + 19);
	assert_int_equal(derp_queue_expire(q, MONO_NEVER), 0);
	derp_queue_free(q);
}

static void many_peers_and_empty_datagrams(void **state)
{
	(void)state;
	struct derp_queue *q = derp_queue_new();
	struct node_key nobody = peer(9999);
	for (uint32_t i = 0; i < 2000; i++)
		put(q, T0, i, DATA, i, 6);
	assert_int_equal(derp_queue_len(q), DERP_QUEUE_MAX);
	for (int i = 0; i < 2 * DERP_QUEUE_MAX; i++)
		derp_queue_put(q, T0, &nobody, span_of(NULL, 0));
	assert_int_equal(derp_queue_len(q), DERP_QUEUE_MAX);
	const struct node_key *dst;
	struct span d;
	size_t empty = 0, others = 0;
	for (; derp_queue_next(q, &dst, &d); derp_queue_pop(q))
		(*(d.len == 0 ? &empty : &others))++;
	assert_int_equal(empty + others, DERP_QUEUE_MAX);
	assert_true(empty > 0);
	derp_queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(full_drops_the_oldest),
		cmocka_unit_test(bytes_are_bounded_too),
		cmocka_unit_test(a_flood_leaves_others_alone),
		cmocka_unit_test(turns_are_by_bytes),
		cmocka_unit_test(data_does_not_push_handshakes_out),
		cmocka_unit_test(waits_have_an_end),
		cmocka_unit_test(many_peers_and_empty_datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
