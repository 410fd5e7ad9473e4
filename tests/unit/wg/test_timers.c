/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every timer of the chapter under a virtual clock. */
#include "tests/unit/wg/world.h"

static mono_t created(const struct world *w, int who)
{
	return wg_session_created(wg_peer_current(w->n[who].peer));
}

static void run_to_age(struct world *w, int who, int64_t ms)
{
	run_until(w, mono_add_ms(created(w, who), ms));
}

static void test_rekey_after_120_s_of_sending(void **state)
{
	(void)state;
	struct world *w = world_connected(1);
	struct wg_session *first = wg_peer_current(w->n[A].peer);
	mono_t born = created(w, A);
	run_to_age(w, A, 119990);
	send_data(w, A);
	run_to_age(w, A, 120000); /* not older than 120 s yet */
	send_data(w, A);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	run_ms(w, 1);
	send_data(w, A);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_int_equal(ms_between(born, w->n[A].last_sent[WG_KIND_INITIATION]), 120001);
	run_ms(w, 100);
	assert_ptr_not_equal(wg_peer_current(w->n[A].peer), first);
	assert_ptr_equal(wg_peer_previous(w->n[A].peer), first);
	assert_int_equal(w->n[B].received, 4);
	world_free(w);
}

static void test_no_rekey_without_traffic(void **state)
{
	(void)state;
	struct world *w = world_connected(2);
	run_s(w, 500);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	world_free(w);
}

static void test_ten_minutes_without_loss(void **state)
{
	(void)state;
	struct world *w = world_connected(3);
	for (int i = 0; i < 6000; i++) {
		send_data(w, A);
		send_data(w, B);
		run_ms(w, 100);
	}
	assert_int_equal(w->n[B].received, 6001);
	assert_int_equal(w->n[A].received, 6000);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 5);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	assert_int_equal(w->n[A].staged + w->n[B].staged, 0);
	assert_int_equal(w->n[A].unknown + w->n[B].unknown, 0);
	world_free(w);
}

static void test_initiator_that_only_receives_rekeys_at_165_s(void **state)
{
	(void)state;
	struct world *w = world_connected(4);
	mono_t born = created(w, A);
	while (ms_between(born, w->now) < 164000) {
		send_data(w, B);
		run_ms(w, 1000);
	}
	/* A's keepalives are sent too, and count as sending: hence it has rekeyed by the 120 s rule
	 */
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	world_free(w);

	w = world_connected(5);
	born = created(w, A);
	run_to_age(w, A, 165000);
	send_data(w, B); /* arrives 10 ms later */
	run_ms(w, 9);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	run_ms(w, 1);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_int_equal(ms_between(born, w->n[A].last_sent[WG_KIND_INITIATION]), 165010);
	world_free(w);
}

static void test_165_s_rule_fires_once_a_session(void **state)
{
	(void)state;
	struct world *w = world_connected(6);
	struct wg_session *s = wg_peer_current(w->n[A].peer);
	struct wg_activity *a = &w->n[A].act;
	mono_t at = mono_add_ms(created(w, A), 165000);
	assert_int_equal(wg_activity_on_rx(a, s, at, false) & WG_ACT_REKEY, 0);
	at = mono_add_ns(at, 1);
	assert_int_equal(wg_activity_on_rx(a, s, at, false), WG_ACT_REKEY);
	at = mono_add_s(at, 5);
	assert_int_equal(wg_activity_on_rx(a, s, at, false), 0);
	/* never for the responder */
	s = wg_peer_current(w->n[B].peer);
	assert_int_equal(wg_activity_on_rx(&w->n[B].act, s, at, false), 0);
	world_free(w);
}

static void test_rekey_request_repeats_each_second(void **state)
{
	(void)state;
	struct world *w = world_connected(7);
	struct wg_session *s = wg_peer_current(w->n[A].peer);
	mono_t at = mono_add_ms(created(w, A), 121000);
	assert_true(wg_activity_on_tx(&w->n[A].act, s, at, true) & WG_ACT_REKEY);
	assert_false(wg_activity_on_tx(&w->n[A].act, s, mono_add_ms(at, 999), true) & WG_ACT_REKEY);
	assert_true(wg_activity_on_tx(&w->n[A].act, s, mono_add_ms(at, 1000), true) & WG_ACT_REKEY);
	/* time is no reason for the responder, 2^60 messages are */
	s = wg_peer_current(w->n[B].peer);
	assert_false(wg_activity_on_tx(&w->n[B].act, s, at, true) & WG_ACT_REKEY);
	atomic_store(&s->next_counter, WG_REKEY_AFTER_MESSAGES + 1);
	assert_true(wg_activity_on_tx(&w->n[B].act, s, at, true) & WG_ACT_REKEY);
	world_free(w);
}

static void test_responder_sends_until_180_s_and_then_initiates(void **state)
{
	(void)state;
	struct world *w = world_connected(8);
	w->lose = lose_handshakes;
	mono_t born = created(w, B);
	run_until(w, mono_add_ns(born, WG_REJECT_AFTER_TIME - 1));
	send_data(w, B);
	assert_int_equal(w->n[B].staged, 0);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	run_until(w, mono_add_ns(born, WG_REJECT_AFTER_TIME));
	send_data(w, B);
	assert_int_equal(w->n[B].staged, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 1);
	world_free(w);
}

static void test_idle_then_send(void **state)
{
	(void)state;
	for (int s = 170; s < 700; s += 60) {
		struct world *w = world_connected((uint64_t)s);
		run_s(w, s);
		mono_t start = w->now;
		send_data(w, A);
		run_ms(w, 500);
		assert_int_equal(w->n[B].received, 2);
		assert_true(ms_between(start, w->n[B].last_received) <= 30);
		send_data(w, B);
		run_ms(w, 500);
		assert_int_equal(w->n[A].received, 1);
		world_free(w);
	}
}

static void test_zero_keys_after_540_s(void **state)
{
	(void)state;
	struct world *w = world_connected(9);
	/* another reference, as a snapshot holds one */
	struct wg_session *s = wg_session_ref(wg_peer_current(w->n[A].peer));
	mono_t born = created(w, A);
	run_until(w, mono_add_ns(born, WG_ZERO_KEYS_TIME - 1));
	assert_non_null(wg_peer_current(w->n[A].peer));
	assert_int_equal(w->n[A].events[WG_EV_ZEROED], 0);
	run_until(w, mono_add_ns(born, WG_ZERO_KEYS_TIME));
	assert_null(wg_peer_current(w->n[A].peer));
	assert_int_equal(w->n[A].events[WG_EV_ZEROED], 1);
	assert_int_equal(map_len(&w->n[A].dev->indices), 0);
	assert_int_equal(s->refs, 1);
	wg_session_unref(s);
	run_s(w, 10); /* B derived its half a little earlier or later */
	assert_null(wg_peer_current(w->n[B].peer));
	assert_true(mono_is_never(wg_device_deadline(w->n[A].dev)));
	assert_true(mono_is_never(wg_device_deadline(w->n[B].dev)));
	world_free(w);
}

static void test_gives_up_after_20_initiations(void **state)
{
	(void)state;
	struct world *w = world_new(10);
	mono_t start = w->now;
	w->lose = lose_all;
	send_data(w, A);
	for (unsigned n = 1; n < 20; n++) {
		assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], n);
		mono_t last = w->n[A].last_sent[WG_KIND_INITIATION];
		run_until(w, mono_add_ms(last, 5000 - 1));
		assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], n);
		run_until(w, mono_add_ms(last, 5000 + WG_JITTER_MAX_MS));
	}
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 20);
	assert_int_equal(w->n[A].events[WG_EV_GAVE_UP], 0);
	run_s(w, 6);
	assert_int_equal(w->n[A].events[WG_EV_GAVE_UP], 1);
	assert_int_equal(w->n[A].staged, 0);
	assert_between(ms_between(start, w->n[A].last_event[WG_EV_GAVE_UP]), 100000, 106700);
	assert_false(wg_peer_is_handshaking(w->n[A].peer));
	run_s(w, 600);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 20);
	assert_int_equal(w->n[A].events[WG_EV_GAVE_UP], 1);
	assert_int_equal(w->n[A].events[WG_EV_ZEROED], 1);
	/* asked again, it starts again */
	w->lose = NULL;
	send_data(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[B].received, 1);
	world_free(w);
}

static void test_jitter_differs(void **state)
{
	(void)state;
	int64_t gaps[8];
	for (int i = 0; i < 8; i++) {
		struct world *w = world_new(100 + (uint64_t)i);
		w->lose = lose_all;
		want(w, A);
		run_s(w, 6);
		gaps[i] = ms_between(w->n[A].first_sent[WG_KIND_INITIATION],
				     w->n[A].last_sent[WG_KIND_INITIATION]);
		assert_between(gaps[i], 5000, 5000 + WG_JITTER_MAX_MS);
		world_free(w);
	}
	int same = 0;
	for (int i = 1; i < 8; i++)
		same += gaps[i] == gaps[0];
	assert_true(same < 4);
}

static void test_five_second_rule(void **state)
{
	(void)state;
	struct world *w = world_new(11);
	w->lose = lose_all;
	want(w, A);
	mono_t again = w->n[A].peer->timers.retransmit_at;
	for (int i = 0; i < 100; i++) {
		want(w, A);
		assert_true(w->n[A].peer->timers.retransmit_at.ns == again.ns);
		run_ms(w, 49);
	}
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	/* asking all the time neither hurries the retransmission nor takes its jitter away */
	mono_t first = w->n[A].first_sent[WG_KIND_INITIATION];
	run_s(w, 2);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_between(ms_between(first, w->n[A].last_sent[WG_KIND_INITIATION]), 5000, 5333);
	world_free(w);
}

/* ---- passive keepalive ---------------------------------------------------------------------- */

static void test_passive_keepalive(void **state)
{
	(void)state;
	struct world *w = world_connected(12);
	unsigned before = w->n[B].sent[WG_KIND_TRANSPORT];
	mono_t got = w->n[B].last_received;
	run_until(w, mono_add_ms(got, 9999));
	assert_int_equal(w->n[B].sent[WG_KIND_TRANSPORT], before);
	run_until(w, mono_add_ms(got, 10000));
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_TRANSPORT], before + 1);
	/* one is enough, and a keepalive is not answered by another */
	run_s(w, 100);
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 1);
	assert_int_equal(w->n[A].events[WG_EV_KEEPALIVE], 0);
	world_free(w);
}

static void test_passive_keepalive_again_when_more_came(void **state)
{
	(void)state;
	struct world *w = world_connected(13);
	mono_t got = w->n[B].last_received;
	run_s(w, 5);
	send_data(w, A);
	run_until(w, mono_add_ms(got, 10000));
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 1);
	run_until(w, mono_add_ms(got, 19999));
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 1);
	run_until(w, mono_add_ms(got, 20000));
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 2);
	run_s(w, 60);
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 2);
	world_free(w);
}

static void test_sending_cancels_passive_keepalive(void **state)
{
	(void)state;
	struct world *w = world_connected(14);
	run_s(w, 9);
	send_data(w, B);
	run_s(w, 60);
	assert_int_equal(w->n[B].events[WG_EV_KEEPALIVE], 0);
	assert_int_equal(w->n[A].events[WG_EV_KEEPALIVE], 1);
	world_free(w);
}

static void test_persistent_keepalive(void **state)
{
	(void)state;
	struct world *w = world_connected(15);
	wg_peer_set_persistent_keepalive(w->n[A].peer, w->now, 25);
	run_s(w, 101);
	/* B's passive keepalive at 10 s moved the first one */
	assert_int_equal(w->n[A].events[WG_EV_KEEPALIVE], 3);
	assert_true(w->n[B].keepalives >= 3);
	wg_peer_set_persistent_keepalive(w->n[A].peer, w->now, 0);
	run_s(w, 60);
	assert_int_equal(w->n[A].events[WG_EV_KEEPALIVE], 3);
	world_free(w);
}

static void test_persistent_keepalive_keeps_a_session(void **state)
{
	(void)state;
	struct world *w = world_connected(16);
	wg_peer_set_persistent_keepalive(w->n[B].peer, w->now, 25);
	run_s(w, 1000);
	assert_true(wg_session_can_receive(wg_peer_current(w->n[A].peer), w->now));
	assert_true(wg_session_can_send(wg_peer_current(w->n[B].peer), w->now));
	world_free(w);
}

/* ---- new handshake -------------------------------------------------------------------------- */

static void test_new_handshake_when_nothing_comes_back(void **state)
{
	(void)state;
	struct world *w = world_connected(17);
	run_s(w, 20); /* B's keepalive has answered the first packet */
	w->lose = lose_all;
	mono_t sent = w->now;
	send_data(w, A);
	run_s(w, 7);
	send_data(w, A); /* does not put it off */
	run_until(w, mono_add_ms(sent, 14999));
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	run_until(w, mono_add_ms(sent, 15000 + WG_JITTER_MAX_MS));
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_true(ms_between(sent, w->n[A].last_sent[WG_KIND_INITIATION]) >= 15000);
	world_free(w);
}

static void test_answer_cancels_new_handshake(void **state)
{
	(void)state;
	struct world *w = world_connected(18);
	for (int i = 0; i < 10; i++) {
		send_data(w, A);
		run_s(w, 10);
	}
	/* B only ever answered by keepalives */
	assert_int_equal(w->n[B].sent[WG_KIND_TRANSPORT], w->n[A].keepalives);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	world_free(w);
}

static void test_keepalives_do_not_arm_new_handshake(void **state)
{
	(void)state;
	struct world *w = world_new(20);
	want(w, A);
	run_ms(w, 100);
	w->lose = lose_all;
	assert_true(seal_and_send(w, A, 0, false));
	run_s(w, 60);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	world_free(w);
}

static void test_peer_restarted(void **state)
{
	(void)state;
	/* we only send: new handshake after 15 s; it ends in a session */
	struct world *w = world_connected(21);
	run_s(w, 20);
	wg_peer_remove(w->n[B].peer);
	node_add(&w->n[B], &w->n[A]);
	mono_t sent = w->now;
	unsigned before = w->n[B].received;
	for (int i = 0; i < 40; i++) {
		send_data(w, A);
		run_ms(w, 500);
	}
	assert_true(w->n[B].received > before);
	assert_between(ms_between(sent, w->n[B].last_event[WG_EV_READY]), 15000, 15400);
	world_free(w);
}

/* ---- activity ------------------------------------------------------------------------------- */

static void test_watch_is_told_once(void **state)
{
	(void)state;
	struct world *w = world_connected(22);
	struct wg_session *s = wg_peer_current(w->n[A].peer);
	struct wg_activity a = { .last_tx = 0 };
	mono_t t = w->now;
	assert_int_equal(wg_activity_on_tx(&a, s, t, false), 0);
	assert_int_equal(wg_activity_on_tx(&a, s, t, true), WG_ACT_WATCH);
	assert_int_equal(wg_activity_on_tx(&a, s, t, true), 0);
	/* each stamp for itself: control may have a late deadline for the other */
	assert_int_equal(wg_activity_on_rx(&a, s, t, true), WG_ACT_WATCH);
	assert_int_equal(wg_activity_on_rx(&a, s, t, true), 0);
	assert_true(wg_stamp_watch(&a.rx_data) == t.ns);
	assert_true(wg_stamp_watch(&a.tx_data) == 0);
	assert_int_equal(wg_activity_on_tx(&a, s, t, false), 0);
	assert_true(wg_stamp_watch(&a.rx_data) == 0);
	assert_int_equal(wg_activity_on_rx(&a, s, t, true), WG_ACT_WATCH);
	/* control could not be told */
	wg_activity_untold(&a);
	assert_int_equal(wg_activity_on_rx(&a, s, t, true), WG_ACT_WATCH);
	assert_int_equal(wg_activity_on_rx(&a, s, t, true), 0);
	/* a stamp that moved is not taken */
	assert_int_equal(wg_activity_on_tx(&a, s, t, true), WG_ACT_WATCH);
	int64_t tx = wg_stamp_watch(&a.tx_data);
	assert_false(wg_activity_take_unanswered(&a, tx + 1));
	assert_true(wg_activity_take_unanswered(&a, tx));
	assert_false(wg_activity_take_unanswered(&a, tx));
	/* without a session there is nothing to rekey */
	assert_int_equal(wg_activity_on_rx(&a, NULL, t, false), 0);
	world_free(w);
}

/* Data to and fro: each packet clears one stamp and sets the other, and control hears of it once.
 */
static void test_traffic_both_ways_is_told_once(void **state)
{
	(void)state;
	struct world *w = world_connected(25);
	run_s(w, 60);
	struct wg_peer *p = w->n[A].peer;
	struct wg_session *s = wg_peer_current(p);
	unsigned told = 0;
	mono_t t = w->now;
	for (int i = 0; i < 5000; i++) {
		t = mono_add_ns(t, NS_PER_MS);
		unsigned act = wg_activity_on_tx(p->act, s, t, true);
		act |= wg_activity_on_rx(p->act, s, t, i % 2 == 0);
		told += (act & WG_ACT_WATCH) != 0;
		if (act & WG_ACT_WATCH)
			wg_peer_on_active(p);
	}
	assert_in_range(told, 1, 2);
	world_free(w);
}

static void test_quiet_peer_has_no_deadline_but_zero(void **state)
{
	(void)state;
	struct world *w = world_connected(23);
	run_s(w, 60);
	mono_t zero = mono_add_ns(created(w, A), WG_ZERO_KEYS_TIME);
	assert_true(wg_device_deadline(w->n[A].dev).ns == zero.ns);
	assert_false(atomic_load(&w->n[A].act.rx_data.watched));
	assert_false(atomic_load(&w->n[A].act.tx_data.watched));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey_after_120_s_of_sending),
		cmocka_unit_test(test_no_rekey_without_traffic),
		cmocka_unit_test(test_ten_minutes_without_loss),
		cmocka_unit_test(test_initiator_that_only_receives_rekeys_at_165_s),
		cmocka_unit_test(test_165_s_rule_fires_once_a_session),
		cmocka_unit_test(test_rekey_request_repeats_each_second),
		cmocka_unit_test(test_responder_sends_until_180_s_and_then_initiates),
		cmocka_unit_test(test_idle_then_send),
		cmocka_unit_test(test_zero_keys_after_540_s),
		cmocka_unit_test(test_gives_up_after_20_initiations),
		cmocka_unit_test(test_jitter_differs),
		cmocka_unit_test(test_five_second_rule),
		cmocka_unit_test(test_passive_keepalive),
		cmocka_unit_test(test_passive_keepalive_again_when_more_came),
		cmocka_unit_test(test_sending_cancels_passive_keepalive),
		cmocka_unit_test(test_persistent_keepalive),
		cmocka_unit_test(test_persistent_keepalive_keeps_a_session),
		cmocka_unit_test(test_new_handshake_when_nothing_comes_back),
		cmocka_unit_test(test_answer_cancels_new_handshake),
		cmocka_unit_test(test_keepalives_do_not_arm_new_handshake),
		cmocka_unit_test(test_peer_restarted),
		cmocka_unit_test(test_watch_is_told_once),
		cmocka_unit_test(test_traffic_both_ways_is_told_once),
		cmocka_unit_test(test_quiet_peer_has_no_deadline_but_zero),
	};
	return cmocka_run_group_tests(tests, crypto_setup, NULL);
}
