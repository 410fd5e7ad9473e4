/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "daemon/coordinator/relay.h"

/* long enough to be a sealed disco message */
#define DISCO                                                                                      \
	"TS\xf0\x9f\x92\xac"                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789"

/* A client end: what it was sent is read with the same frame reader that real clients use. */
struct peer {
	struct node_priv priv;
	struct node_key key;
	struct relay_client *c;
	struct derp_reader reader;
	unsigned wakes, closes;
};

static struct relay *relay;
static struct rng_seeded rng;
static bool admit_all;
static mono_t now;

static bool on_admit(void *arg, const struct node_key *key)
{
	(void)arg;
	(void)key;
	return admit_all;
}

static void on_wake(void *arg)
{
	((struct peer *)arg)->wakes++;
}

static void on_close(void *arg)
{
	((struct peer *)arg)->closes++;
}

static const struct relay_ops ops = { on_admit, on_wake, on_close };

static int setup(void **state)
{
	struct node_priv key;

	(void)state;
	rng_seeded_init(&rng, 3);
	node_priv_generate(&key, &rng.rng);
	admit_all = true;
	now = (mono_t){ 1000 };
	relay = relay_new(&key, &rng.rng, &ops, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay_free(relay);
	return 0;
}

/* The next frame the relay has for this client; type 0 if none. Its body is good until the next
 * call. */
static struct derp_frame next(struct peer *p)
{
	static uint8_t copy[DERP_FRAME_MAX];
	struct span s = relay_client_next(p->c);
	struct derp_frame f = { 0 };

	if (!s.len)
		return f;
	assert_int_equal(derp_reader_next(&p->reader, &s, &f), 1);
	assert_int_equal(s.len, 0);
	memcpy(copy, f.body.p, f.body.len);
	f.body.p = copy;
	relay_client_sent(p->c);
	return f;
}

static void connect_peer(struct peer *p, bool new_key)
{
	struct derp_frame f;
	struct node_key server;

	if (new_key) {
		*p = (struct peer){ 0 };
		node_priv_generate(&p->priv, &rng.rng);
		node_priv_public(&p->priv, &p->key);
	}
	derp_reader_init(&p->reader, DERP_FRAME_MAX);
	p->c = relay_client_new(relay, p, now);
	f = next(p);
	assert_int_equal(derp_server_key_parse(&f, &server), 0);
	assert_true(node_key_eq(&server, relay_key(relay)));
}

static int send_login(struct peer *p, struct span json)
{
	uint8_t out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	struct box_key box;

	assert_int_equal(box_precompute(&box, p->priv.b, relay_key(relay)->b), 0);
	derp_client_info_build(&w, &p->key, &box, &rng.rng, json);
	return relay_client_input(p->c, wr_span_of(&w), now);
}

static void login(struct peer *p, bool new_key)
{
	connect_peer(p, new_key);
	assert_int_equal(send_login(p, derp_client_info_json()), 0);
	assert_int_equal(next(p).type, DERP_SERVER_INFO);
}

static void leave(struct peer *p)
{
	relay_client_free(p->c);
	derp_reader_fini(&p->reader);
	p->c = NULL;
}

static int send_text(struct peer *from, const struct node_key *to, const char *text)
{
	uint8_t out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));

	derp_send_build(&w, to, span_str(text));
	return relay_client_input(from->c, wr_span_of(&w), now);
}

static void expect_text(struct peer *p, const struct node_key *from, const char *text)
{
	struct derp_frame f = next(p);
	struct node_key src;
	struct span payload;

	assert_int_equal(f.type, DERP_RECV_PACKET);
	assert_int_equal(derp_packet_parse(&f, &src, &payload), 0);
	assert_true(node_key_eq(&src, from));
	assert_true(span_eq_str(payload, text));
}

static void packets_reach_the_key_they_name(void **state)
{
	struct peer a, b;

	(void)state;
	login(&a, true);
	login(&b, true);
	b.wakes = 0;
	assert_int_equal(send_text(&a, &b.key, "hello"), 0);
	assert_int_equal(b.wakes, 1);
	expect_text(&b, &a.key, "hello");
	assert_int_equal(next(&b).type, 0);
	assert_int_equal(relay_get_stats(relay).clients, 2);
	leave(&a);
	leave(&b);
	assert_int_equal(relay_get_stats(relay).clients, 0);
}

static void bytes_may_be_cut_anywhere(void **state)
{
	struct peer a, b;
	uint8_t out[256];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));

	(void)state;
	login(&a, true);
	login(&b, true);
	derp_send_build(&w, &b.key, span_str("one"));
	derp_send_build(&w, &b.key, span_str("two"));
	for (size_t i = 0; i < wr_len(&w); i++)
		assert_int_equal(relay_client_input(a.c, span_of(out + i, 1), now), 0);
	expect_text(&b, &a.key, "one");
	expect_text(&b, &a.key, "two");
	leave(&a);
	leave(&b);
}

static void a_full_queue_drops_its_oldest(void **state)
{
	struct peer a, b;
	char text[8] = "p000";

	(void)state;
	login(&a, true);
	login(&b, true);
	for (int i = 0; i < RELAY_QUEUE_MAX + 5; i++) {
		text[2] = (char)('0' + i / 10);
		text[3] = (char)('0' + i % 10);
		assert_int_equal(send_text(&a, &b.key, text), 0);
	}
	assert_int_equal(send_text(&a, &b.key, DISCO "d"), 0);
	assert_int_equal(relay_get_stats(relay).dropped_full, 5);
	expect_text(&b, &a.key, DISCO "d"); /* disco has its own queue and goes first */
	expect_text(&b, &a.key, "p005");
	for (int i = 1; i < RELAY_QUEUE_MAX; i++)
		assert_int_equal(next(&b).type, DERP_RECV_PACKET);
	assert_int_equal(next(&b).type, 0);
	leave(&a);
	leave(&b);
}

static void unknown_destinations_are_told_sparingly(void **state)
{
	struct peer a;
	struct node_key ghost = { { 9 } }, who;
	struct derp_frame f;
	uint8_t reason;
	int told = 0;

	(void)state;
	login(&a, true);
	assert_int_equal(send_text(&a, &ghost, "data"), 0);
	assert_int_equal(next(&a).type, 0); /* only disco is answered */
	for (int i = 0; i < 20; i++)
		assert_int_equal(send_text(&a, &ghost, DISCO "x"), 0);
	while ((f = next(&a)).type) {
		assert_int_equal(derp_peer_gone_parse(&f, &who, &reason), 0);
		assert_true(node_key_eq(&who, &ghost));
		assert_int_equal(reason, DERP_GONE_NOT_HERE);
		told++;
	}
	assert_int_equal(told, 3);
	now = mono_add_ms(now, 1000);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send_text(&a, &ghost, DISCO "x"), 0);
	assert_int_equal(next(&a).type, DERP_PEER_GONE);
	assert_int_equal(next(&a).type, 0);
	assert_int_equal(relay_get_stats(relay).dropped_unknown, 26);
	leave(&a);
}

static void those_it_sent_to_hear_that_it_left(void **state)
{
	struct peer a, b, c;
	struct derp_frame f;
	struct node_key who;
	uint8_t reason = 99;

	(void)state;
	login(&a, true);
	login(&b, true);
	login(&c, true);
	assert_int_equal(send_text(&a, &b.key, "x"), 0);
	expect_text(&b, &a.key, "x");
	leave(&a);
	f = next(&b);
	assert_int_equal(derp_peer_gone_parse(&f, &who, &reason), 0);
	assert_int_equal(reason, DERP_GONE_DISCONNECTED);
	assert_int_equal(next(&c).type, 0);
	leave(&b);
	leave(&c);
}

static void of_two_connections_the_last_to_speak_gets_packets(void **state)
{
	struct peer a, b1, b2;

	(void)state;
	login(&a, true);
	login(&b1, true);
	b2 = b1;
	login(&b2, false);
	assert_int_equal(send_text(&a, &b1.key, "to2"), 0);
	expect_text(&b2, &a.key, "to2");
	assert_int_equal(send_text(&b1, &a.key, "here"), 0);
	assert_int_equal(send_text(&a, &b1.key, "to1"), 0);
	expect_text(&b1, &a.key, "to1");
	expect_text(&a, &b1.key, "here");
	leave(&b1); /* the key is still connected: nobody is told */
	assert_int_equal(next(&a).type, 0);
	assert_int_equal(send_text(&a, &b2.key, "again"), 0);
	expect_text(&b2, &a.key, "again");
	leave(&b2);
	leave(&a);
}

static void one_pong_waits_at_most(void **state)
{
	struct peer a;
	uint8_t out[64], data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, got[8];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	struct derp_frame f;

	(void)state;
	login(&a, true);
	derp_ping_build(&w, data);
	for (int i = 0; i < 10; i++)
		assert_int_equal(relay_client_input(a.c, wr_span_of(&w), now), 0);
	f = next(&a);
	assert_int_equal(f.type, DERP_PONG);
	assert_int_equal(derp_ping_parse(&f, got), 0);
	assert_memory_equal(got, data, 8);
	assert_int_equal(next(&a).type, 0);
	assert_int_equal(relay_client_input(a.c, wr_span_of(&w), now), 0);
	assert_int_equal(next(&a).type, DERP_PONG);
	leave(&a);
}

static void strangers_are_not_admitted(void **state)
{
	struct peer a;

	(void)state;
	admit_all = false;
	connect_peer(&a, true);
	assert_true(send_login(&a, derp_client_info_json()) < 0);
	leave(&a);
	assert_int_equal(relay_get_stats(relay).clients, 0);
}

static void kicked_keys_are_closed(void **state)
{
	struct peer a;

	(void)state;
	login(&a, true);
	relay_kick(relay, &a.key);
	assert_int_equal(a.closes, 1);
	relay_kick(relay, &(struct node_key){ { 7 } });
	leave(&a);
}

static void time_ends_a_login_and_keeps_a_client_alive(void **state)
{
	struct peer a, b;

	(void)state;
	connect_peer(&a, true);
	login(&b, true);
	assert_int_equal(relay_client_tick(a.c, mono_add_ms(now, RELAY_LOGIN_MS - 1)), 0);
	assert_true(relay_client_tick(a.c, mono_add_ms(now, RELAY_LOGIN_MS)) < 0);
	assert_int_equal(relay_client_tick(b.c, mono_add_ms(now, RELAY_KEEP_ALIVE_MS - 1)), 0);
	assert_int_equal(next(&b).type, 0);
	assert_int_equal(relay_client_tick(b.c, mono_add_ms(now, RELAY_KEEP_ALIVE_MS + 5000)), 0);
	assert_int_equal(next(&b).type, DERP_KEEP_ALIVE);
	assert_true(
	    mono_before(mono_add_ms(now, 2 * RELAY_KEEP_ALIVE_MS), relay_client_deadline(b.c)));
	leave(&a);
	leave(&b);
}

static void a_stranger_cannot_make_us_hold_a_megabyte(void **state)
{
	static const uint8_t send[] = { DERP_SEND_PACKET, 0, 1, 0, 0 };
	static const uint8_t huge[] = { DERP_CLIENT_INFO, 0, 4, 0, 1 };
	static const uint8_t tiny[] = { DERP_CLIENT_INFO, 0, 0, 0, 55 };
	struct peer a;

	(void)state;
	for (int i = 0; i < 3; i++) {
		const uint8_t *head = i == 0 ? send : i == 1 ? huge : tiny;

		connect_peer(&a, true);
		assert_true(relay_client_input(a.c, span_of(head, 5), now) < 0);
		leave(&a);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packets_reach_the_key_they_name),
		T(bytes_may_be_cut_anywhere),
		T(a_full_queue_drops_its_oldest),
		T(unknown_destinations_are_told_sparingly),
		T(those_it_sent_to_hear_that_it_left),
		T(of_two_connections_the_last_to_speak_gets_packets),
		T(one_pong_waits_at_most),
		T(strangers_are_not_admitted),
		T(kicked_keys_are_closed),
		T(time_ends_a_login_and_keeps_a_client_alive),
		T(a_stranger_cannot_make_us_hold_a_megabyte),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
