/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes between two devices: the good way, loss, crossing, and what is never answered. */
#include "tests/unit/wg/world.h"

static void test_first_data_after_one_round_trip(void **state)
{
	(void)state;
	struct world *w = world_new(1);
	mono_t start = w->now;
	send_data(w, A);
	send_data(w, A);
	run_ms(w, 1000);
	assert_int_equal(w->n[B].received, 2);
	assert_int_equal(ms_between(start, w->n[B].last_received), 30);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 1);
	assert_int_equal(w->n[A].events[WG_EV_READY], 1);
	assert_int_equal(w->n[B].events[WG_EV_READY], 1);
	assert_true(wg_session_we_initiated(wg_peer_current(w->n[A].peer)));
	assert_false(wg_session_we_initiated(wg_peer_current(w->n[B].peer)));
	assert_null(wg_peer_next(w->n[B].peer));
	assert_false(wg_peer_is_handshaking(w->n[A].peer));
	assert_true(wg_peer_last_handshake(w->n[A].peer).ns > 0);
	world_free(w);
}

static void test_keepalive_when_nothing_is_staged(void **state)
{
	(void)state;
	struct world *w = world_new(2);
	want(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[A].sent[WG_KIND_TRANSPORT], 1);
	assert_int_equal(w->n[B].keepalives, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_TRANSPORT], 0);
	send_data(w, B);
	run_ms(w, 100);
	assert_int_equal(w->n[A].received, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	world_free(w);
}

static void test_responder_waits_for_confirmation(void **state)
{
	(void)state;
	struct world *w = world_new(3);
	w->lose = lose_transport;
	want(w, A);
	run_ms(w, 100);
	assert_non_null(wg_peer_next(w->n[B].peer));
	assert_null(wg_peer_current(w->n[B].peer));
	send_data(w, B);
	assert_int_equal(w->n[B].staged, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_TRANSPORT], 0);
	/* refused by the 5 s rule, since a response is a handshake message too, but not forgotten
	 */
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	w->lose = NULL;
	run_s(w, 6);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 1);
	assert_int_equal(w->n[A].received, 1);
	world_free(w);
}

static void test_confirmation_cancels_what_the_limiter_put_off(void **state)
{
	(void)state;
	struct world *w = world_new(4);
	want(w, A);
	run_ms(w, 15); /* B has answered, its packet is under way */
	send_data(w, B);
	run_s(w, 9);
	assert_int_equal(w->n[A].received, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	world_free(w);
}

static void test_psk(void **state)
{
	(void)state;
	uint8_t psk[32] = { 1, 2, 3 }, wrong[32] = { 9 };
	struct world *w = world_new(5);
	wg_peer_set_psk(w->n[A].peer, psk);
	wg_peer_set_psk(w->n[B].peer, wrong);
	send_data(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[A].verdicts[WG_DROP_NOISE], 1);
	assert_null(wg_peer_current(w->n[A].peer));
	wg_peer_set_psk(w->n[B].peer, psk);
	run_s(w, 6);
	assert_int_equal(w->n[B].received, 1);
	world_free(w);
}

/* ---- loss ----------------------------------------------------------------------------------- */

static unsigned to_lose;
static enum wg_kind kind_to_lose;

static bool lose_some(struct world *w, int from, struct span d)
{
	(void)w;
	(void)from;
	return wg_classify(d) == kind_to_lose && to_lose && to_lose--;
}

static void check_recovery(enum wg_kind kind, uint64_t seed)
{
	struct world *w = world_new(seed);
	mono_t start = w->now;
	kind_to_lose = kind;
	to_lose = 1;
	w->lose = lose_some;
	send_data(w, A);
	run_s(w, 6);
	assert_int_equal(w->n[B].received, 1);
	assert_between(ms_between(start, w->n[B].last_received), 5030, 5030 + WG_JITTER_MAX_MS);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	world_free(w);
}

static void test_lost_initiation(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 20; seed++)
		check_recovery(WG_KIND_INITIATION, seed);
}

static void test_lost_response(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 20; seed++)
		check_recovery(WG_KIND_RESPONSE, seed);
}

static bool lose_third(struct world *w, int from, struct span d)
{
	(void)from;
	(void)d;
	return rng_below(&w->n[A].rng.rng, 3) == 0;
}

static void test_heavy_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct world *w = world_new(seed);
		w->lose = lose_third;
		for (int i = 0; i < 600; i++) {
			send_data(w, i % 2 ? A : B);
			run_ms(w, 500);
		}
		/* 300 each way, a third lost, and a stall of a few seconds now and then */
		assert_true(w->n[A].received > 150);
		assert_true(w->n[B].received > 150);
		world_free(w);
	}
}

/* ---- crossing initiations ------------------------------------------------------------------- */

static void test_crossing(void **state)
{
	(void)state;
	for (int64_t skew_ms = 0; skew_ms <= 25; skew_ms++) {
		struct world *w = world_new(30 + (uint64_t)skew_ms);
		send_data(w, A);
		run_ms(w, skew_ms);
		mono_t second = w->now;
		send_data(w, B);
		run_ms(w, 4000);
		assert_int_equal(w->n[A].received, 1);
		assert_int_equal(w->n[B].received, 1);
		assert_true(ms_between(second, w->n[A].last_received) <= 30);
		assert_true(ms_between(second, w->n[B].last_received) <= 30);
		/* and nobody has to try again later */
		run_s(w, 30);
		assert_true(w->n[A].sent[WG_KIND_INITIATION] + w->n[B].sent[WG_KIND_INITIATION] <=
			    2);
		send_data(w, A);
		send_data(w, B);
		run_ms(w, 50);
		assert_int_equal(w->n[A].received, 2);
		assert_int_equal(w->n[B].received, 2);
		world_free(w);
	}
}

/* A peer of the stock kind forgets its own initiation when it consumes another. */
static bool stock_forgets(struct world *w, int from, struct span d)
{
	if (from == B && wg_classify(d) == WG_KIND_RESPONSE)
		wg_peer_drop_pending(w->n[B].peer);
	return false;
}

static void test_crossing_with_a_stock_peer(void **state)
{
	(void)state;
	struct world *w = world_new(60);
	mono_t start = w->now;
	w->lose = stock_forgets;
	send_data(w, A);
	send_data(w, B);
	run_ms(w, 1000);
	assert_int_equal(w->n[A].received, 1);
	assert_int_equal(w->n[B].received, 1);
	assert_true(ms_between(start, w->n[B].last_received) <= 40);
	assert_true(ms_between(start, w->n[A].last_received) <= 40);
	world_free(w);
}

/* ---- duplicates ----------------------------------------------------------------------------- */

static void test_duplicate_initiation(void **state)
{
	(void)state;
	struct world *w = world_new(70);
	want(w, A);
	uint8_t copy[WG_INITIATION_LEN];
	memcpy(copy, w->n[A].last_handshake, sizeof(copy));
	run_ms(w, 100);
	assert_int_equal(feed(w, B, span_of(copy, sizeof(copy))), WG_DROP_REPLAY);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 1);
	world_free(w);
}

static void test_duplicate_response(void **state)
{
	(void)state;
	struct world *w = world_new(71);
	want(w, A);
	run_ms(w, 15);
	uint8_t copy[WG_RESPONSE_LEN];
	memcpy(copy, w->n[B].last_handshake, sizeof(copy));
	run_ms(w, 100);
	struct wg_session *s = wg_peer_current(w->n[A].peer);
	assert_int_equal(feed(w, A, span_of(copy, sizeof(copy))), WG_DROP_STATE);
	assert_ptr_equal(wg_peer_current(w->n[A].peer), s);
	world_free(w);
}

static bool duplicate(struct world *w, int from, struct span d)
{
	struct datagram *g = &w->wire[w->n_wire++];
	*g = (struct datagram){ .at = mono_add_ns(w->now, DELAY),
				.to = from == A ? B : A,
				.len = d.len };
	memcpy(g->b, d.p, d.len);
	return false;
}

static void test_everything_twice(void **state)
{
	(void)state;
	struct world *w = world_new(72);
	w->lose = duplicate;
	for (int i = 0; i < 20; i++) {
		send_data(w, A);
		send_data(w, B);
		run_ms(w, 1000);
	}
	assert_int_equal(w->n[A].received, 20);
	assert_int_equal(w->n[B].received, 20);
	assert_int_equal(w->n[A].opened[WG_OPEN_AUTH] + w->n[B].opened[WG_OPEN_AUTH], 0);
	assert_true(w->n[A].opened[WG_OPEN_REPLAY] >= 20);
	world_free(w);
}

static void test_flood_window(void **state)
{
	(void)state;
	struct world *w = world_new(73);
	uint8_t first[WG_INITIATION_LEN], second[WG_INITIATION_LEN];
	w->lose = lose_all;
	want(w, A);
	memcpy(first, w->n[A].last_handshake, sizeof(first));
	run_s(w, 6); /* the retransmission has a newer stamp */
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	memcpy(second, w->n[A].last_handshake, sizeof(second));
	assert_int_equal(feed(w, B, span_of(first, sizeof(first))), WG_PASS);
	w->now = mono_add_ms(w->now, 20);
	assert_int_equal(feed(w, B, span_of(second, sizeof(second))), WG_DROP_FLOOD);
	w->now = mono_add_ns(w->now, 1);
	assert_int_equal(feed(w, B, span_of(second, sizeof(second))), WG_PASS);
	assert_int_equal(feed(w, B, span_of(first, sizeof(first))), WG_DROP_REPLAY);
	world_free(w);
}

/* A response that comes after its initiation was replaced answers nothing. */
static void test_late_response(void **state)
{
	(void)state;
	struct world *w = world_new(74);
	want(w, A);
	run_ms(w, 15);
	uint8_t copy[WG_RESPONSE_LEN];
	memcpy(copy, w->n[B].last_handshake, sizeof(copy));
	w->n_wire = 0;
	w->lose = lose_all;
	run_s(w, 6);
	assert_int_equal(feed(w, A, span_of(copy, sizeof(copy))), WG_DROP_STATE);
	assert_null(wg_peer_current(w->n[A].peer));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_data_after_one_round_trip),
		cmocka_unit_test(test_keepalive_when_nothing_is_staged),
		cmocka_unit_test(test_responder_waits_for_confirmation),
		cmocka_unit_test(test_confirmation_cancels_what_the_limiter_put_off),
		cmocka_unit_test(test_psk),
		cmocka_unit_test(test_lost_initiation),
		cmocka_unit_test(test_lost_response),
		cmocka_unit_test(test_heavy_loss),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_crossing_with_a_stock_peer),
		cmocka_unit_test(test_duplicate_initiation),
		cmocka_unit_test(test_duplicate_response),
		cmocka_unit_test(test_everything_twice),
		cmocka_unit_test(test_flood_window),
		cmocka_unit_test(test_late_response),
	};
	return cmocka_run_group_tests(tests, crypto_setup, NULL);
}
