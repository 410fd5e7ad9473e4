/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions, datagrams and the worker's records. */
#include "tests/unit/engine/world.h"

static int setup(void **state)
{
	struct pair *p = xcalloc(1, sizeof(*p));
	assert_int_equal(crypto_init(), 0);
	pair_start(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	pair_stop(*state);
	free(*state);
	return 0;
}

static struct wg_session *current(const struct shell *h, int64_t id)
{
	uint32_t slot = slot_of(h, id);
	assert_true(slot < h->s->n_peers);
	return h->s->peers[slot].current;
}

/* ---- handshakes ------------------------------------------------------------------------------ */

static void a_wanted_session_comes_by_relay(void **state)
{
	struct pair *p = *state;
	uint32_t slot = slot_of(&p->a, 3);
	atomic_store(&p->a.s->peers[slot].live->session_wanted, true);
	pair_shake_hands(p);
	assert_false(atomic_load(&p->a.s->peers[slot].live->session_wanted));
	struct engine_peer_status st;
	assert_true(engine_peer_status(p->a.e, &p->b.pub, p->a.now, &st));
	assert_true(st.in_engine);
	assert_true(st.last_handshake.ns == p->a.now.ns);
	uint64_t rx, tx;
	assert_int_equal(engine_live(p->a.e, p->a.now, &rx, &tx), 1);
}

/* The initiator's worker is told to speak first, and to whom our disco key must go. */
static void the_worker_is_told_of_its_session(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	uint32_t slot = slot_of(&p->a, 3);
	assert_int_equal(count_commands(&p->a, DP_CMD_SESSION, slot), 1);
	const struct sent *advert = &p->a.commands[p->a.n_commands - 2];
	const struct sent *go = &p->a.commands[p->a.n_commands - 1];
	assert_int_equal(go->m.type, DP_CMD_SESSION);
	assert_true(go->m.flag);
	struct pkt pkt;
	struct tsmp t;
	assert_int_equal(advert->m.type, DP_CMD_SEND_INNER);
	assert_false(advert->m.flag);
	pkt_decode(sent_span(advert), &pkt);
	assert_int_equal(tsmp_parse(&pkt, sent_span(advert), &t), 0);
	assert_int_equal(t.type, TSMP_DISCO);
	assert_true(disco_key_eq(&t.disco, engine_disco_key(p->a.e)));
	assert_true(ip_eq(pkt.dst.ip, node_ip(3)));
}

/* The worker asked just when the session came: it is told again, and may ask the next time. */
static void a_late_question_is_answered(void **state)
{
	struct pair *p = *state;
	uint32_t slot = slot_of(&p->a, 3);
	pair_shake_hands(p);
	_Atomic bool *wanted = &p->a.s->peers[slot].live->session_wanted;
	size_t before = count_commands(&p->a, DP_CMD_SESSION, slot);
	size_t sent = p->a.n_net;
	atomic_store(wanted, true);
	event(&p->a, DP_EV_WANT_SESSION, slot, 0, span_of(NULL, 0));
	assert_false(atomic_load(wanted));
	assert_int_equal(count_commands(&p->a, DP_CMD_SESSION, slot), before + 1);
	assert_int_equal(p->a.n_net, sent);
	/* A peer that cannot be spoken to now, but may be later. */
	p->b_of_a.n.flags |= NM_EXPIRED;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	atomic_store(&p->a.s->peers[slot].live->session_wanted, true);
	event(&p->a, DP_EV_WANT_SESSION, slot, 0, span_of(NULL, 0));
	assert_false(atomic_load(&p->a.s->peers[slot].live->session_wanted));
}

static void a_responder_sends_after_the_first_packet(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	assert_null(current(&p->b, 2));
	const struct dp_index *next = NULL;
	for (uint32_t i = 0; i <= p->b.s->index_mask; i++)
		if (p->b.s->index[i].session)
			next = &p->b.s->index[i];
	assert_non_null(next);
	assert_true(next->is_next);
	assert_int_equal(next->peer, slot_of(&p->b, 2));
	uint32_t index = next->index;
	event(&p->b, DP_EV_CONFIRMED, slot_of(&p->b, 2), index + 1, span_of(NULL, 0));
	assert_null(current(&p->b, 2));
	event(&p->b, DP_EV_CONFIRMED, slot_of(&p->b, 2), index, span_of(NULL, 0));
	assert_non_null(current(&p->b, 2));
	assert_false(dp_snapshot_find(p->b.s, index)->is_next);
	assert_false(p->b.commands[p->b.n_commands - 1].m.flag); /* need not speak */
}

static void a_handshake_that_fails_drops_what_waits(void **state)
{
	struct pair *p = *state;
	uint32_t slot = slot_of(&p->a, 3);
	atomic_store(&p->a.s->peers[slot].live->session_wanted, true);
	event(&p->a, DP_EV_WANT_SESSION, slot, 0, span_of(NULL, 0));
	size_t initiations = 0;
	for (int i = 0; i < 200 && !count_commands(&p->a, DP_CMD_DROP_STAGED, slot); i++) {
		initiations += p->a.n_net;
		drop_kept(p->a.net, &p->a.n_net);
		tick_at(&p->a, engine_deadline(p->a.e));
	}
	assert_int_equal(count_commands(&p->a, DP_CMD_DROP_STAGED, slot), 1);
	assert_true(initiations >= 15);
	assert_true(p->a.now.ns - START.ns >= 90 * NS_PER_S);
	assert_false(atomic_load(&p->a.s->peers[slot].live->session_wanted));
}

static void without_a_relay_it_knocks_on_known_addresses(void **state)
{
	struct pair *p = *state;
	p->a.derp_down = true;
	p->udp = true;
	event(&p->a, DP_EV_WANT_SESSION, slot_of(&p->a, 3), 0, span_of(NULL, 0));
	bool knocked = false;
	for (size_t i = 0; i < p->a.n_net; i++)
		knocked |= ep_eq(p->a.net[i].to, node_ep(3)) &&
			   wg_classify(sent_span(&p->a.net[i])) == WG_KIND_INITIATION;
	assert_true(knocked);
	carry(p);
	assert_non_null(current(&p->a, 3));
}

/* ---- restarts of the peer -----------------------------------------------------------------------
 */

static const struct disco_key other_key = { { 0x77, 1 } };

static void a_new_disco_key_ends_the_sessions(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	p->b_of_a.endpoints[0].port = 7;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_non_null(current(&p->a, 3)); /* other changes do not */
	p->b_of_a.n.disco = other_key;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_null(current(&p->a, 3));
	uint64_t rx, tx;
	assert_int_equal(engine_live(p->a.e, p->a.now, &rx, &tx), 0);
	for (uint32_t i = 0; i <= p->a.s->index_mask; i++)
		assert_null(p->a.s->index[i].session);
}

static void tell_disco_key(struct pair *p, const struct disco_key *key)
{
	uint8_t b[TSMP_PACKET_MAX];
	size_t n = tsmp_disco_build(mspan_of(b, sizeof(b)), node_ip(3), node_ip(SELF_ID), key);
	event(&p->a, DP_EV_INNER, slot_of(&p->a, 3), 0, span_of(b, n));
}

/* The session that brought the key works; the server's word that follows changes nothing. */
static void a_key_told_in_band_keeps_the_session(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	tell_disco_key(p, &other_key);
	assert_non_null(current(&p->a, 3));
	p->b_of_a.n.disco = other_key;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_non_null(current(&p->a, 3));
	/* The next restart counts again. */
	p->b_of_a.n.disco.b[5] ^= 1;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_null(current(&p->a, 3));
}

/* An offline peer's entry that is older than what the peer itself said. */
static void an_older_word_of_the_server_loses(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	tell_disco_key(p, &other_key);
	p->b_of_a.n.online = J_FALSE;
	p->b_of_a.n.last_seen = wall_at(mono_add_s(p->a.now, -60));
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_non_null(current(&p->a, 3));
	p->b_of_a.n.disco.b[7] ^= 1;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_non_null(current(&p->a, 3));
	p->b_of_a.n.last_seen = wall_at(mono_add_s(p->a.now, 60));
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_null(current(&p->a, 3));
}

/* A change of another field brings along the key that the server knew before. */
static void a_repeated_word_of_the_server_loses(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	tell_disco_key(p, &other_key);
	p->b_of_a.n.online = J_TRUE;
	p->b_of_a.n.home_derp = REGION + 1;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	full_map(&p->a, &p->b_of_a, 1);
	assert_non_null(current(&p->a, 3));
	/* What it has not said before counts. */
	p->b_of_a.n.disco.b[7] ^= 1;
	delta_map(&p->a, &p->b_of_a, 1, 3);
	assert_null(current(&p->a, 3));
}

static void a_removed_peers_sessions_end(void **state)
{
	struct pair *p = *state;
	pair_shake_hands(p);
	full_map(&p->a, NULL, 0);
	for (uint32_t i = 0; i <= p->a.s->index_mask; i++)
		assert_null(p->a.s->index[i].session);
}

static void our_new_key_ends_sending(void **state)
{
	struct pair *p = *state;
	struct node_priv key;
	pair_shake_hands(p);
	node_priv_generate(&key, &p->a.rng.rng);
	engine_set_key(p->a.e, p->a.now, &key);
	flush(&p->a);
	struct wg_session *s = current(&p->a, 3);
	assert_true(!s || !wg_session_can_send(s, p->a.now));
	uint64_t rx, tx;
	assert_int_equal(engine_live(p->a.e, p->a.now, &rx, &tx), 0);
}

/* ---- datagrams ---- */

static void the_relays_strangers_are_refused(void **state)
{
	struct pair *p = *state;
	struct node_key nobody = { { 1, 2, 3 } };
	uint8_t data[64] = { WG_KIND_TRANSPORT };
	shell_forget_sent(&p->a);
	assert_false(engine_input_derp(p->a.e, p->a.now, wall_at(p->a.now), REGION, &nobody,
				       span_of(data, sizeof(data))));
	assert_int_equal(p->a.n_net + p->a.n_commands, 0);
}

/* It has just joined: our map names it a moment later, and its relay later still. */
static void who_calls_before_we_know_it_is_answered(void **state)
{
	struct pair *p = *state;
	full_map(&p->b, NULL, 0);
	event(&p->a, DP_EV_WANT_SESSION, slot_of(&p->a, 3), 0, span_of(NULL, 0));
	carry(p);
	assert_null(current(&p->a, 3));
	p->a_of_b.n.home_derp = 0;
	p->a_of_b.n.n_endpoints = 0;
	full_map(&p->b, &p->a_of_b, 1);
	assert_true(mono_due(engine_deadline(p->b.e), p->b.now));
	tick_at(&p->b, p->b.now);
	assert_int_equal(p->b.net[0].region, REGION);
	carry(p);
	assert_non_null(current(&p->a, 3));
}

static void relayed_data_goes_to_the_worker(void **state)
{
	struct pair *p = *state;
	uint8_t data[64] = { WG_KIND_TRANSPORT, 0, 0, 0, 9 };
	pair_shake_hands(p);
	shell_forget_sent(&p->a);
	assert_true(engine_input_derp(p->a.e, p->a.now, wall_at(p->a.now), REGION, &p->b.pub,
				      span_of(data, sizeof(data))));
	assert_int_equal(p->a.n_commands, 1);
	assert_int_equal(p->a.commands[0].m.type, DP_CMD_DERP_IN);
	assert_int_equal(p->a.commands[0].m.peer, slot_of(&p->a, 3));
	assert_true(span_eq(sent_span(&p->a.commands[0]), span_of(data, sizeof(data))));
	assert_int_equal(p->a.n_net, 0); /* a session is there: no handshake */
}

/* Data for a session that we lost: the peer learns it from a handshake, at most one in 5 s. */
static void data_of_a_lost_session_starts_a_new_one(void **state)
{
	struct pair *p = *state;
	uint8_t data[64] = { WG_KIND_TRANSPORT, 0, 0, 0, 9 };
	shell_forget_sent(&p->a);
	for (int i = 0; i < 10; i++) {
		struct dp_msg m = { .type = DP_EV_NO_SESSION,
				    .peer = DP_NO_PEER,
				    .ep = node_ep(3) };
		engine_event(p->a.e, p->a.now, wall_at(p->a.now), &m, span_of(NULL, 0));
		engine_input_derp(p->a.e, p->a.now, wall_at(p->a.now), REGION, &p->b.pub,
				  span_of(data, sizeof(data)));
	}
	size_t initiations = 0;
	for (size_t i = 0; i < p->a.n_net; i++)
		initiations += wg_classify(sent_span(&p->a.net[i])) == WG_KIND_INITIATION;
	assert_int_equal(initiations, 1);
	struct dp_msg m = { .type = DP_EV_NO_SESSION, .peer = DP_NO_PEER, .ep = node_ep(99) };
	shell_forget_sent(&p->b);
	engine_event(p->b.e, p->b.now, wall_at(p->b.now), &m, span_of(NULL, 0));
	assert_int_equal(p->b.n_net, 0);
}

static void sealed_datagrams_go_by_the_relay(void **state)
{
	struct pair *p = *state;
	uint32_t slot = slot_of(&p->a, 3);
	shell_forget_sent(&p->a);
	event(&p->a, DP_EV_DERP_OUT, slot, 0, span_str("sealed"));
	assert_int_equal(p->a.n_net, 1);
	assert_int_equal(p->a.net[0].region, REGION);
	assert_true(node_key_eq(&p->a.net[0].key, &p->b.pub));
	assert_true(span_eq_str(sent_span(&p->a.net[0]), "sealed"));
	p->a.no_route = 1;
	event(&p->a, DP_EV_DERP_OUT, slot, 0, span_str("sealed"));
	assert_int_equal(p->a.n_net, 1);
}

static void noise_from_outside_changes_nothing(void **state)
{
	struct pair *p = *state;
	struct rng_seeded rng;
	uint8_t b[200];
	rng_seeded_init(&rng, 3);
	pair_shake_hands(p);
	shell_forget_sent(&p->a);
	unsigned publishes = p->a.publishes;
	for (int i = 0; i < 2000; i++) {
		size_t n = rng_below(&rng.rng, sizeof(b));
		rng_fill(&rng.rng, b, n);
		if (n > 4 && i % 2) {
			memset(b, 0, 4);
			b[0] = (uint8_t)(1 + i % 3);
		}
		if (i % 5 == 0 && n > 6)
			memcpy(b, "TS\xf0\x9f\x92\xac", 6);
		engine_input_udp(p->a.e, p->a.now, wall_at(p->a.now), node_ep(3), span_of(b, n));
		if (wg_classify(span_of(b, n)) != WG_KIND_TRANSPORT)
			assert_true(engine_input_derp(p->a.e, p->a.now, wall_at(p->a.now), REGION,
						      &p->b.pub, span_of(b, n)));
	}
	flush(&p->a);
	assert_int_equal(p->a.n_net, 0);
	assert_int_equal(p->a.publishes, publishes);
	assert_non_null(current(&p->a, 3));
}

/* ---- paths ---- */

/* Traffic finds the direct way: disco goes to and fro, and the snapshot gets the address. */
static void a_direct_path_reaches_the_snapshot(void **state)
{
	struct pair *p = *state;
	p->udp = true;
	pair_shake_hands(p);
	uint32_t slot = slot_of(&p->a, 3);
	event(&p->a, DP_EV_WANT_PATH, slot, 0, span_of(NULL, 0));
	carry(p);
	for (int i = 0; i < 20 && !ep_is_set(p->a.s->peers[slot].best); i++) {
		mono_t at = mono_min(engine_deadline(p->a.e), engine_deadline(p->b.e));
		tick_at(&p->a, at);
		tick_at(&p->b, at);
		event(&p->a, DP_EV_WANT_PATH, slot, 0, span_of(NULL, 0));
		carry(p);
	}
	assert_true(ep_eq(p->a.s->peers[slot].best, node_ep(3)));
	assert_true(atomic_load(&p->a.s->peers[slot].live->trust_until_ns) > p->a.now.ns);
	assert_true(p->a.changed > 0);
	struct engine_peer_status st;
	atomic_store(&p->a.s->peers[slot].live->last_tx_ns, p->a.now.ns);
	assert_true(engine_peer_status(p->a.e, &p->b.pub, p->a.now, &st));
	assert_true(ep_eq(st.cur, node_ep(3)));
	assert_true(st.active);
	assert_true(engine_in_use(p->a.e, p->a.now));
	assert_false(engine_in_use(p->a.e, mono_add_s(p->a.now, PATH_ACTIVE_S)));

	/* The system refuses that address: the path is not trusted any more. */
	struct dp_msg m = { .type = DP_EV_UNREACHABLE, .peer = slot, .ep = node_ep(3) };
	engine_event(p->a.e, p->a.now, wall_at(p->a.now), &m, span_of(NULL, 0));
	assert_true(atomic_load(&p->a.s->peers[slot].live->trust_until_ns) <= p->a.now.ns);
}

/* Disco, handshakes, knocking and the proven path: all end when the network forbids UDP. */
static void only_tcp_443_means_relays_alone(void **state)
{
	struct pair *p = *state;
	struct map_spec m = {
		.peers = &p->b_of_a, .n = 1, .filter = RULES_ALL, .self_cap = "only-tcp-443"
	};
	a_direct_path_reaches_the_snapshot(state);
	uint32_t slot = slot_of(&p->a, 3);
	shell_forget_sent(&p->a);
	set_map(&p->a, &m);
	assert_true(engine_no_udp(p->a.e));
	assert_false(ep_is_set(p->a.s->peers[slot].best));
	for (int down = 0; down < 2; down++) {
		p->a.derp_down = down;
		engine_on_relay(p->a.e, p->a.now);
		flush(&p->a);
		assert_false(ep_is_set(p->a.s->peers[slot].last_resort));
		p->a.now = mono_add_s(p->a.now, 200); /* the session is over */
		event(&p->a, DP_EV_WANT_PATH, slot, 0, span_of(NULL, 0));
		event(&p->a, DP_EV_WANT_SESSION, slot, 0, span_of(NULL, 0));
	}
	assert_true(p->a.n_net > 0);
	for (size_t i = 0; i < p->a.n_net; i++)
		assert_false(ep_is_set(p->a.net[i].to));
	m.self_cap = NULL;
	set_map(&p->a, &m);
	assert_false(engine_no_udp(p->a.e));
}

static void quiet_engines_have_nothing_to_do(void **state)
{
	struct pair *p = *state;
	for (int i = 0; i < 1000 && !mono_is_never(engine_deadline(p->a.e)); i++)
		tick_at(&p->a, engine_deadline(p->a.e));
	assert_true(mono_is_never(engine_deadline(p->a.e)));
}

static void debug_view_shows_no_secrets(void **state)
{
	struct pair *p = *state;
	char priv[2 * sizeof(p->a.key) + 1];
	pair_shake_hands(p);
	json_t *j = engine_debug_peers(p->a.e, p->a.now);
	assert_int_equal(j_len(j), 1);
	char *text = j_dump(j);
	hex_encode(span_of(&p->a.key, sizeof(p->a.key)), priv);
	assert_null(strstr(text, priv));
	assert_non_null(strstr(text, "\"Session\":true"));
	free(text);
	j_free(j);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wanted_session_comes_by_relay),
		T(the_worker_is_told_of_its_session),
		T(a_late_question_is_answered),
		T(a_responder_sends_after_the_first_packet),
		T(a_handshake_that_fails_drops_what_waits),
		T(without_a_relay_it_knocks_on_known_addresses),
		T(a_new_disco_key_ends_the_sessions),
		T(a_key_told_in_band_keeps_the_session),
		T(an_older_word_of_the_server_loses),
		T(a_repeated_word_of_the_server_loses),
		T(a_removed_peers_sessions_end),
		T(our_new_key_ends_sending),
		T(the_relays_strangers_are_refused),
		T(who_calls_before_we_know_it_is_answered),
		T(relayed_data_goes_to_the_worker),
		T(data_of_a_lost_session_starts_a_new_one),
		T(sealed_datagrams_go_by_the_relay),
		T(noise_from_outside_changes_nothing),
		T(a_direct_path_reaches_the_snapshot),
		T(only_tcp_443_means_relays_alone),
		T(quiet_engines_have_nothing_to_do),
		T(debug_view_shows_no_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
