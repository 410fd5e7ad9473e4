/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of packets through two workers: sessions, paths, staging. */
#include "tests/unit/dataplane/world.h"

#define OTHER_SLOT 6
#define OTHER_IP ip_v4(100, 64, 0, 7)

/* ---- sessions ------------------------------------------------------------------------------- */

static void data_goes_both_ways(void **state)
{
	struct world *w = *state;
	for (uint32_t i = 0; i < 5; i++)
		send_number(w, A, i);
	carry(w, A);
	assert_numbers(&w->side[B], 0, 5);
	for (uint32_t i = 10; i < 13; i++)
		send_number(w, B, i);
	carry(w, B);
	assert_numbers(&w->side[A], 10, 3);
	/* 44 bytes, padded to 48, in a datagram of 32 more: both sides count the same */
	assert_true(atomic_load(&w->side[A].live->tx_bytes) == 5 * 80);
	assert_true(atomic_load(&w->side[B].live->rx_bytes) == 5 * 80);
	assert_true(atomic_load(&w->side[A].live->last_tx_ns) == w->now.ns);
}

static void a_batch_keeps_its_order(void **state)
{
	struct world *w = *state;
	static struct packet p[DP_BATCH];
	struct dp_frame v[DP_BATCH];
	for (uint32_t i = 0; i < DP_BATCH; i++) {
		p[i] = udp_packet(side_ip(A), side_ip(B), 80, i, 1000);
		v[i] = (struct dp_frame){ .bytes = packet_bytes(&p[i]) };
	}
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, v, DP_BATCH);
	carry(w, A);
	assert_numbers(&w->side[B], 0, DP_BATCH);
}

/* A second peer without a session, in the same batch. */
static void peers_do_not_mix_in_a_batch(void **state)
{
	struct world *w = *state;
	struct dp_snapshot *s = w->side[A].s;
	struct dp_live *live = dp_live_new();
	uint64_t staged = counted("dataplane_tx_staged");
	static struct packet p[6];
	struct dp_frame v[6];
	assert_int_equal(
	    wg_allowedips_insert(s->tables->allowed, prefix_host(OTHER_IP), OTHER_SLOT), 0);
	dp_snapshot_set_peer(s, OTHER_SLOT, &(struct dp_peer){ .live = live });
	for (uint32_t i = 0; i < 6; i++) {
		bool other = i == 1 || i == 2 || i == 5;
		p[i] = udp_packet(side_ip(A), other ? OTHER_IP : side_ip(B), 80, i, 16);
		v[i] = (struct dp_frame){ .bytes = packet_bytes(&p[i]) };
	}
	p[3] = udp_packet(side_ip(A), ip_v4(9, 9, 9, 9), 80, 3, 16); /* nobody's */
	dp_worker_tun(w->side[A].w, s, w->now, WALL, v, 6);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 2);
	assert_int_equal(number_of(&w->side[B].tun.v[0]), 0);
	assert_int_equal(number_of(&w->side[B].tun.v[1]), 4);
	const struct item *want = event_of(&w->side[A], DP_EV_WANT_SESSION);
	assert_non_null(want);
	assert_int_equal(want->m.peer, OTHER_SLOT);
	assert_int_equal(counted("dataplane_tx_staged"), staged + 3);
	dp_live_unref(live);
}

static void the_first_packet_on_next_is_told(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = RULES_ALL, .is_next = true });
	send_number(w, A, 1);
	carry(w, A);
	assert_numbers(&w->side[B], 1, 1);
	const struct item *told = event_of(&w->side[B], DP_EV_CONFIRMED);
	assert_non_null(told);
	assert_int_equal(told->m.peer, slot_of_other[B]);
	assert_int_equal(told->m.index, wg_session_local_index(w->session[B]));
}

/* A restarted peer knows no session but the next one, and the first packet on it may be a question:
 * the answer cannot wait until the control thread has made it the current one. */
static void next_is_sent_on_when_it_was_heard(void **state)
{
	struct world *w = *state;
	struct wg_keys keys = { .send = { 0x33 }, .recv = { 0x44 } };
	struct wg_session *before = wg_session_new(&keys, 0x0c0c0c0c, 0x0d0d0d0d, false, w->now);
	look(w, B, (struct view){ .rules = RULES_ALL, .is_next = true, .before = before });
	send_number(w, B, 1);
	assert_int_equal(wg_transport_receiver(item_span(&w->side[B].udp.v[0])), 0x0d0d0d0d);
	empty_all(&w->side[B]);
	send_number(w, A, 2);
	carry(w, A);
	send_number(w, B, 3);
	carry(w, B);
	assert_numbers(&w->side[A], 3, 1);
	command(w, B, DP_CMD_KEEPALIVE, false, NO_BYTES);
	assert_int_equal(wg_transport_receiver(item_span(&w->side[B].udp.v[0])),
			 wg_session_local_index(w->session[A]));
	wg_session_unref(before);
}

/* What waits goes first, also then. */
static void what_waits_goes_when_next_was_heard(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = RULES_ALL, .is_next = true });
	send_number(w, B, 1);
	assert_int_equal(w->side[B].udp.n, 0);
	assert_non_null(event_of(&w->side[B], DP_EV_WANT_SESSION));
	send_number(w, A, 2);
	carry(w, A);
	send_number(w, B, 2);
	carry(w, B);
	assert_numbers(&w->side[A], 1, 2);
}

static void a_forged_packet_confirms_nothing(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_auth");
	look(w, B, (struct view){ .rules = RULES_ALL, .is_next = true });
	send_number(w, A, 1);
	w->side[A].udp.v[0].b[20] ^= 1;
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(w->side[B].events.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_auth"), before + 1);
	assert_true(atomic_load(&w->side[B].live->act.last_rx) == 0);
}

static void an_old_session_is_not_used(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_expired");
	send_number(w, A, 1);
	w->now = mono_add_s(w->now, 181);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_expired"), before + 1);
	send_number(w, A, 2);
	assert_int_equal(w->side[A].udp.n, 0);
	assert_non_null(event_of(&w->side[A], DP_EV_WANT_SESSION));
}

static void a_duplicate_is_delivered_once(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_duplicate");
	send_number(w, A, 1);
	box_add(&w->side[A].udp, item_span(&w->side[A].udp.v[0]));
	carry(w, A);
	assert_numbers(&w->side[B], 1, 1);
	assert_int_equal(counted("dataplane_rx_duplicate"), before + 1);
}

static void an_unknown_session_is_told_now_and_then(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_no_session");
	look(w, B, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 4; i++)
		send_number(w, A, i);
	carry(w, A);
	assert_int_equal(counted("dataplane_rx_drop_no_session"), before + 4);
	const struct item *told = event_of(&w->side[B], DP_EV_NO_SESSION);
	assert_non_null(told);
	assert_true(ep_eq(told->m.ep, side_ep(A)));
	w->now = mono_add_ms(w->now, DP_NO_SESSION_MS - 1);
	send_number(w, A, 5);
	carry(w, A);
	assert_int_equal(count_events(&w->side[B], DP_EV_NO_SESSION), 1);
	w->now = mono_add_ms(w->now, 1);
	send_number(w, A, 6);
	carry(w, A);
	assert_int_equal(count_events(&w->side[B], DP_EV_NO_SESSION), 2);
}

/* ---- staging -------------------------------------------------------------------------------- */

static void packets_wait_for_a_session(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[A];
	uint64_t before = counted("dataplane_tx_staged");
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 3; i++)
		send_number(w, A, i);
	assert_int_equal(a->udp.n, 0);
	assert_int_equal(a->events.n, 1); /* asked once */
	assert_int_equal(a->events.v[0].m.type, DP_EV_WANT_SESSION);
	assert_int_equal(a->events.v[0].m.peer, slot_of_other[A]);
	assert_int_equal(counted("dataplane_tx_staged"), before + 3);

	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	assert_int_equal(a->udp.n, 3); /* no keepalive: data does its work */
	carry(w, A);
	assert_numbers(&w->side[B], 0, 3);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	assert_int_equal(a->udp.n, 0);
}

static void many_staged_packets_go_in_order(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_staged");
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 200; i++)
		send_number(w, A, i);
	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	carry(w, A);
	assert_numbers(&w->side[B], 72, 128); /* STAGED_PER_PEER, the oldest went */
	assert_int_equal(counted("dataplane_tx_drop_staged"), before + 72);
}

/* The session is in the snapshot, and the command that tells of it still on its way. */
static void staged_packets_go_before_later_ones(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	send_number(w, A, 1);
	send_number(w, A, 2);
	look(w, A, plain);
	send_number(w, A, 3);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	send_number(w, A, 4);
	carry(w, A);
	assert_numbers(&w->side[B], 1, 4);
}

/* The session ends while the queue is flushed: the batch under way is lost, the rest waits. */
static void a_session_may_end_in_a_flush(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_staged");
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 3; i++)
		send_number(w, A, i);
	look(w, A, plain);
	atomic_store(&w->session[A]->next_counter, WG_REJECT_AFTER_MESSAGES - 1);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	carry(w, A);
	assert_numbers(&w->side[B], 0, 1);
	assert_int_equal(counted("dataplane_tx_drop_staged"), before + 2);
}

static void a_session_that_cannot_send_flushes_nothing(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 3; i++)
		send_number(w, A, i);
	look(w, A, plain);
	wg_session_stop_sending(w->session[A]);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
	pair_up(w);
	look(w, A, plain);
	look(w, B, plain);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	carry(w, A);
	assert_numbers(&w->side[B], 0, 3);
}

static void a_batch_may_outlive_its_session(void **state)
{
	struct world *w = *state;
	static struct packet p[4];
	struct dp_frame v[4];
	for (uint32_t i = 0; i < 4; i++) {
		p[i] = udp_packet(side_ip(A), side_ip(B), 80, i, 16);
		v[i] = (struct dp_frame){ .bytes = packet_bytes(&p[i]) };
	}
	atomic_store(&w->session[A]->next_counter, WG_REJECT_AFTER_MESSAGES - 2);
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, v, 4);
	assert_int_equal(w->side[A].udp.n, 2);
	assert_true(count_events(&w->side[A], DP_EV_WANT_SESSION) >= 1);
	pair_up(w);
	look(w, A, plain);
	look(w, B, plain);
	box_empty(&w->side[A].udp);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	carry(w, A);
	assert_numbers(&w->side[B], 2, 2);
}

/* While packets waited, their destination became another peer's: this one must not see them. */
static void staged_packets_of_others_are_dropped(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_staged");
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	for (uint32_t i = 0; i < 3; i++)
		send_number(w, A, i);
	look(w, A, (struct view){ .rules = RULES_ALL, .moved = true });
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	assert_int_equal(counted("dataplane_tx_drop_staged"), before + 3);
	assert_int_equal(w->side[A].udp.n, 1); /* the keepalive that the peer waits for */
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
}

static void staged_packets_can_be_dropped(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	send_number(w, A, 1);
	command(w, A, DP_CMD_DROP_STAGED, false, NO_BYTES);
	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void too_long_to_wait(void **state)
{
	struct world *w = *state;
	uint64_t big = counted("dataplane_tx_drop_too_big"),
		 staged = counted("dataplane_tx_staged");
	struct packet p = udp_packet(side_ip(A), side_ip(B), 80, 1, 1573); /* 1601 in all */
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	from_tun(w, A, &p);
	assert_int_equal(counted("dataplane_tx_drop_too_big"), big + 1);
	assert_int_equal(counted("dataplane_tx_staged"), staged);
	assert_non_null(event_of(&w->side[A], DP_EV_WANT_SESSION));
	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
	from_tun(w, A, &p); /* with a session it goes */
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 1);
	assert_int_equal(w->side[B].tun.v[0].len, 1601);
}

/* ---- keepalives ----------------------------------------------------------------------------- */

static void an_initiator_without_data_sends_a_keepalive(void **state)
{
	struct world *w = *state;
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 1);
	assert_int_equal(w->side[A].udp.v[0].len, WG_TRANSPORT_MIN);
	look(w, B, (struct view){ .rules = RULES_ALL, .is_next = true });
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_non_null(event_of(&w->side[B], DP_EV_CONFIRMED));
}

static void a_responder_without_data_sends_nothing(void **state)
{
	struct world *w = *state;
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void a_keepalive_when_asked(void **state)
{
	struct world *w = *state;
	command(w, A, DP_CMD_KEEPALIVE, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 1);
	assert_int_equal(w->side[A].udp.v[0].len, WG_TRANSPORT_MIN);
	assert_true(atomic_load(&w->side[A].live->act.tx_data.since) == 0);
}

static void no_keepalive_while_packets_wait(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	send_number(w, A, 1);
	look(w, A, plain);
	command(w, A, DP_CMD_KEEPALIVE, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void no_keepalive_without_a_session(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	command(w, A, DP_CMD_KEEPALIVE, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 0);
	assert_int_equal(w->side[A].events.n, 0);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static void a_proven_path_is_used_alone(void **state)
{
	struct world *w = *state;
	send_number(w, A, 1);
	assert_int_equal(w->side[A].udp.n, 1);
	assert_true(ep_eq(w->side[A].udp.v[0].to, side_ep(B)));
	assert_int_equal(w->side[A].udp.v[0].peer, slot_of_other[A]);
	assert_null(event_of(&w->side[A], DP_EV_DERP_OUT));
	assert_null(event_of(&w->side[A], DP_EV_WANT_PATH));
	w->now = mono_add_s(w->now, 5); /* trusted up to and with that instant */
	send_number(w, A, 2);
	assert_null(event_of(&w->side[A], DP_EV_DERP_OUT));
	w->now = mono_add_ns(w->now, 1);
	send_number(w, A, 3);
	assert_non_null(event_of(&w->side[A], DP_EV_DERP_OUT));
}

static void an_unproven_path_has_the_relay_beside_it(void **state)
{
	struct world *w = *state;
	trust(w, A, false);
	send_number(w, A, 1);
	assert_int_equal(w->side[A].udp.n, 1);
	const struct item *relayed = event_of(&w->side[A], DP_EV_DERP_OUT);
	assert_non_null(relayed);
	assert_int_equal(relayed->m.peer, slot_of_other[A]);
	assert_true(span_eq(item_span(relayed), item_span(&w->side[A].udp.v[0])));
	const struct item *want = event_of(&w->side[A], DP_EV_WANT_PATH);
	assert_non_null(want);
	assert_int_equal(want->m.peer, slot_of_other[A]);
	carry(w, A);
	carry_relayed(w, A, slot_of_other[B]);
	assert_numbers(&w->side[B], 1, 1);
}

static void discovery_is_asked_for_now_and_then(void **state)
{
	struct world *w = *state;
	trust(w, A, false);
	for (uint32_t i = 0; i < 5; i++)
		send_number(w, A, i);
	assert_int_equal(count_events(&w->side[A], DP_EV_WANT_PATH), 1);
	w->now = mono_add_ms(w->now, DP_PATH_WANT_MS);
	send_number(w, A, 6);
	assert_int_equal(count_events(&w->side[A], DP_EV_WANT_PATH), 2);
}

static void without_an_address_all_goes_by_relay(void **state)
{
	struct world *w = *state;
	struct dp_traffic before, after;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_path = true });
	dp_traffic_get(&before);
	for (uint32_t i = 0; i < 3; i++)
		send_number(w, A, i);
	assert_int_equal(w->side[A].udp.n, 0);
	assert_int_equal(count_events(&w->side[A], DP_EV_DERP_OUT), 3);
	carry_relayed(w, A, slot_of_other[B]);
	assert_numbers(&w->side[B], 0, 3);
	dp_traffic_get(&after);
	assert_int_equal(after.out_packets[DP_RELAY], before.out_packets[DP_RELAY] + 3);
	assert_int_equal(after.in_packets[DP_RELAY], before.in_packets[DP_RELAY] + 3);
	assert_int_equal(after.out_packets[DP_DIRECT4], before.out_packets[DP_DIRECT4]);
}

static void the_relay_must_name_the_right_sender(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_wrong_peer");
	struct side *b = &w->side[B];
	struct dp_live *live = dp_live_new();
	dp_snapshot_set_peer(b->s, OTHER_SLOT, &(struct dp_peer){ .live = live });
	send_number(w, A, 1);
	struct span sealed = item_span(&w->side[A].udp.v[0]);
	uint8_t copy[256];
	memcpy(copy, sealed.p, sealed.len);
	struct dp_msg m = { .type = DP_CMD_DERP_IN, .peer = OTHER_SLOT };
	dp_worker_command(b->w, b->s, w->now, &m, mspan_of(copy, sealed.len));
	assert_int_equal(b->tun.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_wrong_peer"), before + 1);
	/* The genuine one has not been spoilt by that. */
	m.peer = slot_of_other[B];
	dp_worker_command(b->w, b->s, w->now, &m, mspan_of(copy, sealed.len));
	assert_numbers(b, 1, 1);
	dp_live_unref(live);
}

static void only_transport_data_comes_by_that_command(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_junk");
	uint8_t init[WG_INITIATION_LEN] = { WG_KIND_INITIATION };
	command(w, B, DP_CMD_DERP_IN, false, mspan_of(init, sizeof(init)));
	assert_int_equal(counted("dataplane_rx_drop_junk"), before + 1);
	assert_int_equal(w->side[B].events.n, 0);
}

/* ---- what is not transport data -----------------------------------------------------------------
 */

static void udp_in(struct world *w, int i, struct span b, bool snapshot)
{
	uint8_t copy[2048];
	memcpy(copy, b.p, b.len);
	struct dp_datagram d = { .ep = side_ep(B), .bytes = mspan_of(copy, b.len) };
	dp_worker_udp(w->side[i].w, snapshot ? w->side[i].s : NULL, w->now, &d, 1);
}

static void disco_goes_up_even_without_a_network(void **state)
{
	struct world *w = *state;
	uint8_t disco[100] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	udp_in(w, A, span_of(disco, sizeof(disco)), false);
	assert_int_equal(count_events(&w->side[A], DP_EV_DATAGRAM), 1);
	assert_true(span_eq(item_span(&w->side[A].events.v[0]), span_of(disco, sizeof(disco))));
	assert_true(ep_eq(w->side[A].events.v[0].m.ep, side_ep(B)));
	assert_int_equal(w->side[A].events.v[0].m.peer, DP_NO_PEER);
}

static void junk_is_counted(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_junk");
	uint8_t junk[64] = { 9, 0, 0, 0 };
	udp_in(w, A, span_of(junk, sizeof(junk)), true);
	udp_in(w, A, span_of(junk, 1), true);
	udp_in(w, A, span_of(junk, 0), true);
	assert_int_equal(counted("dataplane_rx_drop_junk"), before + 3);
	assert_int_equal(w->side[A].events.n, 0);
}

/* ---- full ring, odd commands ---- */

static void what_found_no_room_is_said_again(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[A];
	uint64_t before = counted("dataplane_ring_full");
	trust(w, A, false);
	a->ring_full = true;
	send_number(w, A, 1);
	assert_int_equal(a->udp.n, 1);				      /* data goes on */
	assert_int_equal(counted("dataplane_ring_full"), before + 3); /* relay, path, active */
	a->ring_full = false;
	send_number(w, A, 2);
	assert_non_null(event_of(a, DP_EV_WANT_PATH));
	assert_non_null(event_of(a, DP_EV_ACTIVE));
	empty_all(a);
	send_number(w, A, 3);
	assert_null(event_of(a, DP_EV_ACTIVE));

	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	a->ring_full = true;
	send_number(w, A, 4);
	a->ring_full = false;
	send_number(w, A, 5);
	assert_non_null(event_of(a, DP_EV_WANT_SESSION));
}

static void commands_for_nobody_are_ignored(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[A];
	static const uint8_t types[] = { DP_CMD_SESSION,
					 DP_CMD_SEND_INNER,
					 DP_CMD_KEEPALIVE,
					 DP_CMD_DERP_IN,
					 DP_CMD_DROP_STAGED,
					 200,
					 0 };
	static const uint32_t peers[] = { 0, 7, 8, DP_NO_PEER };
	uint8_t b[64] = { 0x45 };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		for (size_t k = 0; k < ARRAY_LEN(peers); k++) {
			struct dp_msg m = { .type = types[i], .flag = true, .peer = peers[k] };
			dp_worker_command(a->w, a->s, w->now, &m, mspan_of(b, sizeof(b)));
			dp_worker_command(a->w, NULL, w->now, &m, mspan_of(b, sizeof(b)));
		}
	assert_int_equal(a->udp.n + a->tun.n + a->events.n, 0);
}

static void control_writes_to_the_host(void **state)
{
	struct world *w = *state;
	uint8_t b[3] = { 1, 2, 3 };
	struct dp_msg m = { .type = DP_CMD_TUN_WRITE, .peer = DP_NO_PEER };
	dp_worker_command(w->side[A].w, NULL, w->now, &m, mspan_of(b, sizeof(b)));
	assert_int_equal(w->side[A].tun.n, 1);
	assert_true(span_eq(item_span(&w->side[A].tun.v[0]), span_of(b, sizeof(b))));
}

static void control_sends_its_own_packets(void **state)
{
	struct world *w = *state;
	struct packet p = udp_packet(side_ip(A), side_ip(B), 80, 9, 16);
	uint64_t big = counted("dataplane_tx_drop_too_big");
	command(w, A, DP_CMD_SEND_INNER, false, packet_bytes(&p));
	carry(w, A);
	assert_numbers(&w->side[B], 9, 1);

	/* Unflagged ones do not wait for a session, flagged ones do. */
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	command(w, A, DP_CMD_SEND_INNER, false, packet_bytes(&p));
	assert_int_equal(w->side[A].events.n, 1); /* ACTIVE, of before */
	command(w, A, DP_CMD_SEND_INNER, true, packet_bytes(&p));
	assert_non_null(event_of(&w->side[A], DP_EV_WANT_SESSION));
	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, false, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 1);

	static uint8_t huge[DP_PACKET_MAX + 1];
	command(w, A, DP_CMD_SEND_INNER, true, mspan_of(huge, sizeof(huge)));
	assert_int_equal(counted("dataplane_tx_drop_too_big"), big + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_goes_both_ways),
		T(a_batch_keeps_its_order),
		T(peers_do_not_mix_in_a_batch),
		T(the_first_packet_on_next_is_told),
		T(next_is_sent_on_when_it_was_heard),
		T(what_waits_goes_when_next_was_heard),
		T(a_forged_packet_confirms_nothing),
		T(an_old_session_is_not_used),
		T(a_duplicate_is_delivered_once),
		T(an_unknown_session_is_told_now_and_then),
		T(packets_wait_for_a_session),
		T(many_staged_packets_go_in_order),
		T(staged_packets_go_before_later_ones),
		T(a_session_may_end_in_a_flush),
		T(a_session_that_cannot_send_flushes_nothing),
		T(a_batch_may_outlive_its_session),
		T(staged_packets_of_others_are_dropped),
		T(staged_packets_can_be_dropped),
		T(too_long_to_wait),
		T(an_initiator_without_data_sends_a_keepalive),
		T(a_responder_without_data_sends_nothing),
		T(a_keepalive_when_asked),
		T(no_keepalive_while_packets_wait),
		T(no_keepalive_without_a_session),
		T(a_proven_path_is_used_alone),
		T(an_unproven_path_has_the_relay_beside_it),
		T(discovery_is_asked_for_now_and_then),
		T(without_an_address_all_goes_by_relay),
		T(the_relay_must_name_the_right_sender),
		T(only_transport_data_comes_by_that_command),
		T(disco_goes_up_even_without_a_network),
		T(junk_is_counted),
		T(what_found_no_room_is_said_again),
		T(commands_for_nobody_are_ignored),
		T(control_writes_to_the_host),
		T(control_sends_its_own_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
