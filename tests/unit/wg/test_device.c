/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every reason to refuse a handshake message, cookies under load, key rotation, peers that go. */
#include "tests/unit/wg/world.h"
#include "wg/load.h"
#include "wg/ratelimiter.h"

/* Sign again after a test has changed a message, as an attacker who knows the public key can. */
static void resign(struct world *w, int to, void *msg, size_t len)
{
	struct wg_cookie_jar jar = { .have_mac1 = false };
	wg_cookie_add_macs(&jar, w->now, &w->n[to].pub, mspan_of(msg, len));
}

/* A's initiation, taken off the wire. */
static struct wg_initiation take_initiation(struct world *w)
{
	struct wg_initiation m;
	want(w, A);
	assert_int_equal(w->n[A].last_handshake_len, sizeof(m));
	memcpy(&m, w->n[A].last_handshake, sizeof(m));
	w->n_wire = 0;
	return m;
}

/* B's response to A's initiation, taken off the wire. */
static struct wg_response take_response(struct world *w)
{
	struct wg_response m;
	want(w, A);
	run_ms(w, 15);
	assert_int_equal(w->n[B].last_handshake_len, sizeof(m));
	memcpy(&m, w->n[B].last_handshake, sizeof(m));
	w->n_wire = 0;
	return m;
}

#define SPAN(m) span_of(&(m), sizeof(m))

static void test_kind(void **state)
{
	(void)state;
	struct world *w = world_new(1);
	struct wg_initiation m = take_initiation(w);
	uint8_t longer[WG_INITIATION_LEN + 1] = { 0 };
	memcpy(longer, &m, sizeof(m));
	assert_int_equal(feed(w, B, SPAN(longer)), WG_DROP_KIND);
	for (size_t len = 0; len < sizeof(m); len++)
		assert_int_equal(feed(w, B, span_of(&m, len)), WG_DROP_KIND);
	for (unsigned type = 0; type < 256; type++) {
		memcpy(longer, &m, sizeof(m));
		longer[0] = (uint8_t)type;
		enum wg_verdict v = feed(w, B, span_of(longer, sizeof(m)));
		assert_int_equal(v, type == WG_KIND_INITIATION ? WG_PASS : WG_DROP_KIND);
	}
	for (int i = 1; i < 4; i++) {
		memcpy(longer, &m, sizeof(m));
		longer[i] = 1;
		assert_int_equal(feed(w, B, span_of(longer, sizeof(m))), WG_DROP_KIND);
	}
	/* the filler of one byte that some senders append */
	const uint8_t filler = 0x07;
	assert_int_equal(feed(w, B, span_of(&filler, 1)), WG_DROP_KIND);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 1);
	world_free(w);
}

static void test_every_bit_of_an_initiation_counts(void **state)
{
	(void)state;
	struct world *w = world_new(2);
	struct wg_initiation m = take_initiation(w);
	for (size_t i = 4; i < offsetof(struct wg_initiation, mac1); i++) {
		struct wg_initiation bad = m;
		((uint8_t *)&bad)[i] ^= 0x10;
		assert_int_equal(feed(w, B, SPAN(bad)), WG_DROP_MAC1);
		resign(w, B, &bad, sizeof(bad));
		if (i < offsetof(struct wg_initiation, ephemeral))
			continue; /* the sender's index is free to choose */
		assert_int_equal(feed(w, B, SPAN(bad)), WG_DROP_NOISE);
	}
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 0);
	assert_int_equal(feed(w, B, SPAN(m)), WG_PASS);
	world_free(w);
}

static void test_every_bit_of_a_response_counts(void **state)
{
	(void)state;
	struct world *w = world_new(3);
	struct wg_response m = take_response(w);
	for (size_t i = 8; i < offsetof(struct wg_response, mac1); i++) {
		struct wg_response bad = m;
		((uint8_t *)&bad)[i] ^= 0x10;
		assert_int_equal(feed(w, A, SPAN(bad)), WG_DROP_MAC1);
		resign(w, A, &bad, sizeof(bad));
		bool index = i < offsetof(struct wg_response, ephemeral);
		assert_int_equal(feed(w, A, SPAN(bad)), index ? WG_DROP_STATE : WG_DROP_NOISE);
	}
	/* after all that the right one is still welcome */
	assert_int_equal(feed(w, A, SPAN(m)), WG_PASS);
	world_free(w);
}

static void test_unknown_peer(void **state)
{
	(void)state;
	struct world *w = world_new(4);
	struct wg_initiation m = take_initiation(w);
	node_drop(&w->n[B]);
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_PEER);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 0);
	run_ms(w, 100);
	/* a netmap that names the sender later makes the same message good, without another try */
	node_add(&w->n[B], &w->n[A]);
	w->lose = lose_all;
	run_ms(w, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 1);
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_REPLAY);
	world_free(w);
}

/* Who calls too early has an answer as soon as the other side knows of it. */
static void test_early_caller(void **state)
{
	(void)state;
	struct world *w = world_new(14);
	node_drop(&w->n[B]);
	send_data(w, A);
	run_ms(w, 1000);
	assert_int_equal(w->n[B].verdicts[WG_DROP_PEER], 1);
	node_add(&w->n[B], &w->n[A]);
	run_ms(w, 100);
	assert_int_equal(w->n[B].received, 1);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	world_free(w);
}

/* A call that is so old that another is on its way, or that was for another key, has none. */
static void test_late_or_other_caller(void **state)
{
	(void)state;
	struct world *w = world_new(15);
	struct wg_initiation m = take_initiation(w);
	node_drop(&w->n[B]);
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_PEER);
	w->lose = lose_all;
	run_ms(w, 5000);
	node_add(&w->n[B], &w->n[A]);
	run_ms(w, 100);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 0);
	node_drop(&w->n[B]);
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_PEER);
	struct node_priv other;
	node_priv_generate(&other, &w->n[B].rng.rng);
	wg_device_set_key(w->n[B].dev, &other, out_of(&w->n[B]));
	node_add(&w->n[B], &w->n[A]);
	run_ms(w, 100);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 0);
	world_free(w);
}

static void test_no_key(void **state)
{
	(void)state;
	struct world *w = world_new(5);
	struct wg_initiation m = take_initiation(w);
	wg_device_set_key(w->n[B].dev, NULL, out_of(&w->n[B]));
	assert_null(wg_device_public(w->n[B].dev));
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_NO_KEY);
	want(w, B);
	assert_int_equal(w->n[B].sent[WG_KIND_INITIATION], 0);
	wg_device_set_key(w->n[B].dev, &w->n[B].key, out_of(&w->n[B]));
	assert_int_equal(feed(w, B, SPAN(m)), WG_PASS);
	world_free(w);
}

static void test_relay_must_name_the_sender(void **state)
{
	(void)state;
	struct world *w = world_new(6);
	struct wg_initiation m = take_initiation(w);
	struct wg_from from = { .region = 3 };
	from.relay_key.b[0] = 1;
	assert_int_equal(wg_device_input(w->n[B].dev, w->now, &from, SPAN(m), out_of(&w->n[B])),
			 WG_DROP_RELAY);
	from.relay_key = w->n[A].pub;
	assert_int_equal(wg_device_input(w->n[B].dev, w->now, &from, SPAN(m), out_of(&w->n[B])),
			 WG_PASS);
	struct wg_response r;
	memcpy(&r, w->n[B].last_handshake, sizeof(r));
	assert_int_equal(wg_device_input(w->n[A].dev, w->now, &from, SPAN(r), out_of(&w->n[A])),
			 WG_DROP_RELAY);
	from.relay_key = w->n[B].pub;
	assert_int_equal(wg_device_input(w->n[A].dev, w->now, &from, SPAN(r), out_of(&w->n[A])),
			 WG_PASS);
	world_free(w);
}

/* Points of small order on the curve and its twist, and 2^255-19 times them. */
static const uint8_t low_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

static void test_low_order_points(void **state)
{
	(void)state;
	struct world *w = world_new(7);
	struct wg_response r = take_response(w);
	for (size_t i = 0; i < ARRAY_LEN(low_order); i++) {
		struct wg_initiation bad;
		memset(&bad, 0, sizeof(bad));
		wg_put_le32(bad.type, WG_KIND_INITIATION);
		memcpy(bad.ephemeral, low_order[i], 32);
		resign(w, B, &bad, sizeof(bad));
		assert_int_equal(feed(w, B, SPAN(bad)), WG_DROP_NOISE);
		struct wg_response forged = r;
		memcpy(forged.ephemeral, low_order[i], 32);
		resign(w, A, &forged, sizeof(forged));
		assert_int_equal(feed(w, A, SPAN(forged)), WG_DROP_NOISE);
	}
	assert_int_equal(feed(w, A, SPAN(r)), WG_PASS);
	world_free(w);
}

static void test_peer_with_low_order_key_never_gets_a_handshake(void **state)
{
	(void)state;
	struct world *w = world_new(8);
	for (size_t i = 0; i < ARRAY_LEN(low_order); i++) {
		struct node_key k;
		memcpy(k.b, low_order[i], 32);
		struct wg_peer *p = wg_peer_add(w->n[A].dev, &k, 9, NULL);
		assert_non_null(p);
		wg_peer_want_session(p, w->now, wall_of(w, A), out_of(&w->n[A]));
		assert_false(wg_peer_is_handshaking(p));
	}
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 0);
	world_free(w);
}

/* ---- under load ----------------------------------------------------------------------------- */

static void load(struct world *w, int who)
{
	wg_device_on_backlog(w->n[who].dev, w->now, 128, 1024);
}

static void test_cookie_for_the_initiator(void **state)
{
	(void)state;
	struct world *w = world_new(20);
	load(w, B);
	assert_true(wg_device_under_load(w->n[B].dev, w->now));
	send_data(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[B].verdicts[WG_DROP_COOKIE], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_COOKIE], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 0);
	assert_int_equal(w->n[A].verdicts[WG_PASS], 1);
	/* not at once: with the retransmission */
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	run_s(w, 4);
	for (int i = 0; i < 15; i++) {
		load(w, B);
		run_ms(w, 100);
	}
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 1);
	assert_int_equal(w->n[B].received, 1);
	assert_int_equal(w->n[B].sent[WG_KIND_COOKIE], 1);
	world_free(w);
}

static void test_cookie_for_the_responder(void **state)
{
	(void)state;
	struct world *w = world_new(21);
	send_data(w, A);
	for (int i = 0; i < 60; i++) {
		load(w, A);
		run_ms(w, 100);
	}
	/* the first response got a cookie, the second one carried it */
	assert_int_equal(w->n[A].verdicts[WG_DROP_COOKIE], 1);
	assert_int_equal(w->n[A].sent[WG_KIND_COOKIE], 1);
	assert_int_equal(w->n[B].sent[WG_KIND_RESPONSE], 2);
	assert_int_equal(w->n[B].received, 1);
	world_free(w);
}

static void test_cookie_expires(void **state)
{
	(void)state;
	struct world *w = world_new(22);
	load(w, B);
	send_data(w, A);
	run_ms(w, 100);
	w->lose = lose_all;
	run_s(w, 6); /* the retransmission, with mac2 */
	struct wg_initiation m;
	memcpy(&m, w->n[A].last_handshake, sizeof(m));
	static const uint8_t zero[WG_MAC_LEN];
	assert_memory_not_equal(m.mac2, zero, sizeof(zero));
	run_s(w, 120);
	/* the issuer's secret is too old, and so is the cookie for whoever holds it */
	load(w, B);
	assert_int_equal(feed(w, B, SPAN(m)), WG_DROP_COOKIE);
	want(w, A);
	memcpy(&m, w->n[A].last_handshake, sizeof(m));
	assert_memory_equal(m.mac2, zero, sizeof(zero));
	world_free(w);
}

static unsigned replies;

static void count_reply(void *arg, const struct wg_from *to, struct span d)
{
	(void)arg;
	(void)to;
	assert_int_equal(wg_classify(d), WG_KIND_COOKIE);
	replies++;
}

static enum wg_verdict feed_from(struct world *w, const struct wg_from *from, struct span d)
{
	struct wg_out out = *out_of(&w->n[B]);
	out.reply = count_reply;
	return wg_device_input(w->n[B].dev, w->now, from, d, &out);
}

static void test_rate_limit(void **state)
{
	(void)state;
	struct world *w = world_new(23);
	load(w, B);
	want(w, A);
	run_ms(w, 100);
	w->lose = lose_all;
	run_s(w, 6);
	struct wg_initiation m;
	memcpy(&m, w->n[A].last_handshake, sizeof(m));
	struct wg_from from = from_node(A);
	load(w, B);
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_PASS);
	for (int i = 1; i < WG_RATE_BURST; i++)
		assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_REPLAY);
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_RATE);
	w->now = mono_add_ms(w->now, 1000 / WG_RATE_PER_S);
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_REPLAY);
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_RATE);
	/* the cookie is not for another source, nor for a relay */
	replies = 0;
	from.ep.port++;
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_COOKIE);
	struct wg_from relay = { .region = 1, .relay_key = w->n[A].pub };
	assert_int_equal(feed_from(w, &relay, SPAN(m)), WG_DROP_COOKIE);
	assert_int_equal(replies, 2);
	world_free(w);
}

static void test_flood_of_right_mac1_brings_cookies(void **state)
{
	(void)state;
	struct world *w = world_new(24);
	struct wg_initiation m;
	memset(&m, 0x5a, sizeof(m));
	wg_put_le32(m.type, WG_KIND_INITIATION);
	resign(w, B, &m, sizeof(m));
	unsigned worked = 0, cookies = 0, unread = 0;
	for (int i = 0; i < 10000; i++) {
		struct wg_from from = { .ep = { ip_v4(198, 51, (uint8_t)(i >> 8), (uint8_t)i),
						9 } };
		enum wg_verdict v = feed_from(w, &from, SPAN(m));
		worked += v == WG_DROP_NOISE;
		cookies += v == WG_DROP_COOKIE;
		unread += v == WG_DROP_LOAD;
		w->now = mono_add_ns(w->now, NS_PER_S / 10000);
	}
	assert_true(worked <= WG_LOAD_PER_S / 4 + 1);
	assert_int_equal(worked + cookies + unread, 10000);
	assert_true(cookies > 0);
	/* a wrong mac1 is no load and gets no answer */
	w->now = mono_add_s(w->now, 2);
	m.mac1[0] ^= 1;
	replies = 0;
	struct wg_from from = from_node(A);
	assert_int_equal(feed_from(w, &from, SPAN(m)), WG_DROP_MAC1);
	assert_int_equal(replies, 0);
	world_free(w);
}

static void test_cookie_reply_refused(void **state)
{
	(void)state;
	struct world *w = world_new(25);
	load(w, B);
	want(w, A);
	w->now = mono_add_ms(w->now, 10);
	run_step(w); /* B has replied */
	struct wg_cookie_reply r;
	memcpy(&r, w->n[B].last_handshake, sizeof(r));
	w->n_wire = 0;
	struct wg_cookie_reply bad = r;
	bad.receiver[0] ^= 1;
	assert_int_equal(feed(w, A, SPAN(bad)), WG_DROP_STATE);
	for (size_t i = offsetof(struct wg_cookie_reply, nonce); i < sizeof(bad); i++) {
		bad = r;
		((uint8_t *)&bad)[i] ^= 4;
		assert_int_equal(feed(w, A, SPAN(bad)), WG_DROP_NOISE);
	}
	assert_false(w->n[A].peer->jar.have_cookie);
	assert_int_equal(feed(w, A, SPAN(r)), WG_PASS);
	assert_true(w->n[A].peer->jar.have_cookie);
	world_free(w);
}

/* ---- keys and peers ------------------------------------------------------------------------- */

static void test_key_rotation(void **state)
{
	(void)state;
	struct world *w = world_connected(40);
	struct wg_session *old = wg_peer_current(w->n[A].peer);
	send_data(w, B); /* on the old session, under way while A's key changes */
	struct node_priv fresh;
	node_priv_generate(&fresh, &w->n[A].rng.rng);
	wg_device_set_key(w->n[A].dev, &fresh, out_of(&w->n[A]));
	node_priv_public(&fresh, &w->n[A].pub);
	assert_false(wg_session_can_send(old, w->now));
	assert_true(wg_session_can_receive(old, w->now));
	wg_peer_remove(w->n[B].peer);
	struct wg_peer *p = node_add(&w->n[B], &w->n[A]);
	run_ms(w, 20);
	assert_int_equal(w->n[A].received, 1);
	send_data(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	assert_int_equal(w->n[B].received, 2);
	assert_ptr_not_equal(wg_peer_current(w->n[A].peer), old);
	assert_non_null(wg_peer_current(p));
	/* the same key again changes nothing */
	wg_device_set_key(w->n[A].dev, &fresh, out_of(&w->n[A]));
	assert_true(wg_session_can_send(wg_peer_current(w->n[A].peer), w->now));
	world_free(w);
}

static void test_key_rotation_while_handshaking(void **state)
{
	(void)state;
	struct world *w = world_new(41);
	send_data(w, A);
	run_ms(w, 15);
	struct wg_response late;
	memcpy(&late, w->n[B].last_handshake, sizeof(late));
	struct node_priv fresh;
	node_priv_generate(&fresh, &w->n[A].rng.rng);
	wg_device_set_key(w->n[A].dev, &fresh, out_of(&w->n[A]));
	node_priv_public(&fresh, &w->n[A].pub);
	wg_peer_remove(w->n[B].peer);
	node_add(&w->n[B], &w->n[A]);
	assert_int_equal(feed(w, A, SPAN(late)), WG_DROP_MAC1);
	w->n_wire = 0;
	/* what was staged does not wait for the old retransmission */
	run_ms(w, 100);
	assert_int_equal(w->n[B].received, 1);
	world_free(w);
}

static void test_own_key_is_no_peer(void **state)
{
	(void)state;
	struct world *w = world_new(42);
	assert_null(wg_peer_add(w->n[A].dev, &w->n[A].pub, 1, NULL));
	/* A takes B's key: the peer B of A is A itself now */
	wg_device_set_key(w->n[A].dev, &w->n[B].key, out_of(&w->n[A]));
	assert_int_equal(w->n[A].events[WG_EV_IS_SELF], 1);
	assert_null(wg_peer_find(w->n[A].dev, &w->n[B].pub));
	assert_int_equal(wg_peer_count(w->n[A].dev), 0);
	world_free(w);
}

static void test_removal_while_handshaking(void **state)
{
	(void)state;
	struct world *w = world_new(43);
	struct wg_response r = take_response(w);
	node_drop(&w->n[A]);
	assert_int_equal(map_len(&w->n[A].dev->indices), 0);
	assert_true(mono_is_never(wg_device_deadline(w->n[A].dev)));
	assert_int_equal(feed(w, A, SPAN(r)), WG_DROP_STATE);
	world_free(w);
}

static void test_peer_table(void **state)
{
	(void)state;
	struct world *w = world_new(44);
	struct wg_device *d = w->n[A].dev;
	struct node_key k = { { 9 } };
	int tag;
	struct wg_peer *p = wg_peer_add(d, &k, 5, &tag);
	assert_ptr_equal(wg_peer_find(d, &k), p);
	assert_null(wg_peer_add(d, &k, 6, NULL));
	assert_int_equal(wg_peer_id(p), 5);
	wg_peer_set_id(p, 8);
	assert_int_equal(wg_peer_id(p), 8);
	assert_ptr_equal(wg_peer_user(p), &tag);
	assert_memory_equal(wg_peer_key(p)->b, k.b, 32);
	assert_int_equal(wg_peer_count(d), 2);
	assert_true(mono_is_zero(wg_peer_last_handshake(p)));
	wg_peer_remove(p);
	assert_null(wg_peer_find(d, &k));
	world_free(w);
}

static void test_slots(void **state)
{
	(void)state;
	struct world *w = world_new(45);
	struct wg_peer *p = w->n[A].peer;
	struct wg_keys keys = { { 1 }, { 2 } };
	struct wg_session *s[6];
	for (int i = 0; i < 6; i++)
		s[i] = wg_session_new(&keys, wg_index_new(p), 1, i % 2, w->now);
	wg_peer_install_initiator(p, s[0]); /* next empty */
	assert_true(!p->previous && p->current == s[0] && !p->next);
	wg_peer_install_initiator(p, s[1]);
	assert_true(p->previous == s[0] && p->current == s[1] && !p->next);
	wg_peer_install_responder(p, s[2]);
	assert_true(!p->previous && p->current == s[1] && p->next == s[2]);
	wg_peer_install_responder(p, s[3]);
	assert_true(!p->previous && p->current == s[1] && p->next == s[3]);
	wg_peer_install_initiator(p, s[4]); /* next present */
	assert_true(p->previous == s[3] && p->current == s[4] && !p->next);
	/* what was dropped may still be received on; only the next that nobody confirmed is gone */
	assert_true(p->retired[0] == s[1] && p->retired[1] == s[0]);
	wg_peer_install_responder(p, s[5]);
	wg_peer_on_confirmed(p, w->now, wg_session_local_index(s[4]), out_of(&w->n[A]));
	assert_true(!p->previous && p->current == s[4] && p->next == s[5]);
	assert_true(p->retired[0] == s[3] && p->retired[1] == s[1]);
	wg_peer_on_confirmed(p, w->now, wg_session_local_index(s[5]), out_of(&w->n[A]));
	assert_true(p->previous == s[4] && p->current == s[5] && !p->next);
	assert_int_equal(map_len(&w->n[A].dev->indices), 4);
	/* until they are too old */
	mono_t later = mono_add_ns(w->now, WG_REJECT_AFTER_TIME + 1);
	wg_peer_install_responder(p, wg_session_new(&keys, wg_index_new(p), 1, false, later));
	assert_true(!p->previous && p->current == s[5] && p->next);
	assert_true(!p->retired[0] && !p->retired[1]);
	assert_int_equal(map_len(&w->n[A].dev->indices), 2);
	world_free(w);
}

/* ---- stamps and eagerness ------------------------------------------------------------------- */

static void test_stamps_grow_when_the_clock_steps_back(void **state)
{
	(void)state;
	struct world *w = world_new(60);
	for (int i = 0; i < 6; i++) {
		send_data(w, A);
		run_ms(w, 100);
		assert_int_equal(w->n[B].received, (unsigned)i + 1);
		/* B's memory of the last stamp stays, A needs a new handshake at another wall time
		 */
		w->n[A].wall_offset_s -= 1000;
		run_s(w, 200);
	}
	assert_int_equal(w->n[B].verdicts[WG_DROP_REPLAY], 0);
	world_free(w);
}

static void test_two_initiations_in_one_slot_of_time(void **state)
{
	(void)state;
	struct world *w = world_new(61);
	uint64_t last = 0;
	for (int i = 0; i < 200; i++) {
		w->n[A].peer->last_handshake_tx = MONO_ZERO;
		want(w, A);
		assert_true(w->n[A].peer->last_slot > last);
		last = w->n[A].peer->last_slot;
	}
	w->n_wire = 0;
	/* other peers' stamps are not driven into the future by that */
	assert_true(w->n[A].dev->last_slot + 199 <= last);
	world_free(w);
}

static void test_eager_towards_a_peer_never_heard_from(void **state)
{
	(void)state;
	struct world *w = world_new(62);
	node_drop(&w->n[B]); /* its map does not name A yet */
	wg_device_set_eager(w->n[A].dev, mono_add_s(w->now, 10));
	send_data(w, A);
	run_ms(w, 260 + WG_JITTER_MAX_MS / 4);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 2);
	run_until(w, (mono_t){ START + 10 * NS_PER_S });
	unsigned eager = w->n[A].sent[WG_KIND_INITIATION];
	assert_between(eager, 28, 41);
	/* afterwards the usual twenty */
	run_s(w, 130);
	assert_between(w->n[A].sent[WG_KIND_INITIATION], eager + 18, eager + 20);
	assert_int_equal(w->n[A].events[WG_EV_GAVE_UP], 1);
	world_free(w);
}

static void test_eager_ends_when_heard(void **state)
{
	(void)state;
	struct world *w = world_new(63);
	w->lose = lose_all;
	wg_device_set_eager(w->n[A].dev, mono_add_s(w->now, 10));
	wg_peer_on_heard(w->n[A].peer);
	send_data(w, A);
	run_s(w, 4);
	assert_int_equal(w->n[A].sent[WG_KIND_INITIATION], 1);
	world_free(w);
	/* and it makes the first contact quick */
	w = world_new(64);
	wg_device_set_eager(w->n[A].dev, mono_add_s(w->now, 10));
	node_drop(&w->n[B]);
	send_data(w, A);
	run_ms(w, 500);
	node_add(&w->n[B], &w->n[A]);
	run_ms(w, 900);
	assert_int_equal(w->n[B].received, 1);
	world_free(w);
}

static void test_verdict_names(void **state)
{
	(void)state;
	for (int v = 0; v < WG_VERDICTS; v++)
		for (int u = 0; u < v; u++)
			assert_string_not_equal(wg_verdict_name((enum wg_verdict)v),
						wg_verdict_name((enum wg_verdict)u));
	assert_non_null(wg_verdict_name(WG_VERDICTS));
	wg_counters_register();
	wg_counters_register();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind),
		cmocka_unit_test(test_every_bit_of_an_initiation_counts),
		cmocka_unit_test(test_every_bit_of_a_response_counts),
		cmocka_unit_test(test_unknown_peer),
		cmocka_unit_test(test_early_caller),
		cmocka_unit_test(test_late_or_other_caller),
		cmocka_unit_test(test_no_key),
		cmocka_unit_test(test_relay_must_name_the_sender),
		cmocka_unit_test(test_low_order_points),
		cmocka_unit_test(test_peer_with_low_order_key_never_gets_a_handshake),
		cmocka_unit_test(test_cookie_for_the_initiator),
		cmocka_unit_test(test_cookie_for_the_responder),
		cmocka_unit_test(test_cookie_expires),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_flood_of_right_mac1_brings_cookies),
		cmocka_unit_test(test_cookie_reply_refused),
		cmocka_unit_test(test_key_rotation),
		cmocka_unit_test(test_key_rotation_while_handshaking),
		cmocka_unit_test(test_own_key_is_no_peer),
		cmocka_unit_test(test_removal_while_handshaking),
		cmocka_unit_test(test_peer_table),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_stamps_grow_when_the_clock_steps_back),
		cmocka_unit_test(test_two_initiations_in_one_slot_of_time),
		cmocka_unit_test(test_eager_towards_a_peer_never_heard_from),
		cmocka_unit_test(test_eager_ends_when_heard),
		cmocka_unit_test(test_verdict_names),
	};
	return cmocka_run_group_tests(tests, crypto_setup, NULL);
}
