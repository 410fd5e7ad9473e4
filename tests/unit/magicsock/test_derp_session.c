/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "magicsock/derp_session.h"

#include <stdlib.h>

static struct rng_seeded rng;
static struct node_priv server_priv, priv;
static struct node_key server, self;
static const struct node_key peer = { { 7 } };

struct seen {
	int packets, ups, gone;
	char health[64];
	struct derp_session *close_on_packet;
};

static void on_packet(void *arg, const struct node_key *src, struct span payload)
{
	struct seen *s = arg;
	(void)src, (void)payload;
	s->packets++;
	if (s->close_on_packet)
		derp_session_close(s->close_on_packet);
}
static void on_up(void *arg)
{
	((struct seen *)arg)->ups++;
}
static void on_gone(void *arg, const struct node_key *k, uint8_t reason)
{
	(void)k, (void)reason;
	((struct seen *)arg)->gone++;
}
static void on_health(void *arg, struct span text)
{
	struct seen *s = arg;
	memcpy(s->health, text.p, text.len);
	s->health[text.len] = 0;
}
static const struct derp_session_ops ops = { on_packet, on_up, on_gone, on_health };

static mono_t t(int64_t ms)
{
	return mono_add_ms(MONO_ZERO, 1000000 + ms);
}

static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n\r\n";

static struct derp_session *fresh(struct seen *seen, bool home)
{
	memset(seen, 0, sizeof(*seen));
	return derp_session_new(t(0), &priv, "relay.example", 443, NULL, home, &rng.rng, &ops,
				seen);
}

static int feed(struct derp_session *s, int64_t ms, const struct wr *w)
{
	assert_true(wr_ok(w));
	return derp_session_input(s, t(ms), wr_span_of(w));
}

static struct box_key server_box(void)
{
	struct box_key box;
	assert_int_equal(box_precompute(&box, server_priv.b, self.b), 0);
	return box;
}

static struct derp_session *logged_in(struct seen *seen, const char *info)
{
	struct derp_session *s = fresh(seen, true);
	uint8_t mem[512];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	struct box_key box = server_box();
	buf_reset(derp_session_output(s));
	wr_str(&w, upgrade);
	derp_server_key_build(&w, &server);
	derp_server_info_build(&w, &box, &rng.rng, span_str(info));
	assert_int_equal(feed(s, 10, &w), 0);
	assert_int_equal(derp_session_state(s), DERP_UP);
	assert_int_equal(seen->ups, 1);
	buf_reset(derp_session_output(s));
	return s;
}

/* The whole login in one piece, and what we send for it. */
static void login_sends_info_and_preferred(void **state)
{
	struct seen seen;
	struct derp_session *s = fresh(&seen, true);
	struct buf *out = derp_session_output(s);
	uint8_t mem[256];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	assert_memory_equal(out->p, "GET /derp HTTP/1.1\r\n", 20);
	assert_int_equal(derp_session_send(s, t(0), &peer, span_str("x")), -ERR_STATE);
	buf_reset(out);
	wr_str(&w, upgrade);
	derp_server_key_build(&w, &server);
	assert_int_equal(feed(s, 1, &w), 0);
	assert_int_equal(derp_session_state(s), DERP_LOGIN);
	struct derp_reader r;
	struct derp_frame f;
	struct derp_client_info info;
	struct box_key box = server_box();
	struct span in = buf_span(out);
	bool home = false;
	derp_reader_init(&r, DERP_FRAME_MAX);
	assert_int_equal(derp_reader_next(&r, &in, &f), 1);
	assert_int_equal(derp_client_info_open(&f, &box, &info), 0);
	assert_int_equal(info.version, 2);
	assert_int_equal(derp_reader_next(&r, &in, &f), 1);
	assert_int_equal(derp_note_preferred_parse(&f, &home), 0);
	assert_true(home);
	derp_reader_fini(&r);
	/* packets need not wait for ServerInfo */
	assert_int_equal(derp_session_send(s, t(2), &peer, span_str("x")), 0);
	derp_session_free(s);
}

static void bad_http_answers(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 426 Upgrade Required\r\n\r\n",
		"garbage\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct seen seen;
		struct derp_session *s = fresh(&seen, false);
		int rc = derp_session_input(s, t(1), span_str(answers[i]));
		assert_int_equal(rc, -ERR_PROTO);
		assert_int_equal(derp_session_state(s), DERP_FAILED);
		assert_true(derp_session_error(s)[0] != 0);
		assert_int_equal(derp_session_tick(s, t(2)), -ERR_CLOSED);
		derp_session_free(s);
	}
}

/* A head without end costs 16 KiB and no more. */
static void endless_head(void **state)
{
	struct seen seen;
	struct derp_session *s = fresh(&seen, false);
	int rc = derp_session_input(s, t(1), span_str("HTTP/1.1 101 X\r\n"));
	size_t fed = 0;
	(void)state;
	while (!rc && fed < 1u << 20) {
		rc = derp_session_input(s, t(1), span_str("X-Header: aaaaaaaaaaaaaaa\r\n"));
		fed += 26;
	}
	assert_int_equal(rc, -ERR_PROTO);
	assert_true(fed < 20000);
	derp_session_free(s);
}

static void timeouts(void **state)
{
	struct seen seen;
	struct derp_session *s = fresh(&seen, false);
	uint8_t mem[16];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	assert_int_equal(derp_session_deadline(s).ns, t(10000).ns);
	assert_int_equal(derp_session_tick(s, t(9999)), 0);
	assert_int_equal(derp_session_tick(s, t(10000)), -ERR_TIMEOUT);
	assert_true(mono_is_never(derp_session_deadline(s)));
	derp_session_free(s);
	s = logged_in(&seen, "{\"version\":2}");
	assert_int_equal(derp_session_deadline(s).ns, t(120010).ns);
	derp_keep_alive_build(&w);
	assert_int_equal(feed(s, 60000, &w), 0);
	assert_int_equal(derp_session_last_frame(s).ns, t(60000).ns);
	assert_int_equal(derp_session_tick(s, t(179999)), 0);
	assert_int_equal(derp_session_tick(s, t(180000)), -ERR_TIMEOUT);
	derp_session_free(s);
}

static void probe_after_link_change(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(&seen, "{}");
	struct buf *out = derp_session_output(s);
	uint8_t ping[DERP_PING_LEN], mem[64];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	derp_session_probe(s, t(100));
	assert_int_equal(out->len, DERP_HEADER_LEN + DERP_PING_LEN);
	memcpy(ping, out->p + DERP_HEADER_LEN, sizeof(ping));
	assert_int_equal(derp_session_deadline(s).ns, t(3100).ns);
	derp_pong_build(&w, (const uint8_t *)"otherone");
	assert_int_equal(feed(s, 200, &w), 0);
	assert_int_equal(derp_session_deadline(s).ns, t(3100).ns);
	w = wr_init(mspan_of(mem, sizeof(mem)));
	derp_pong_build(&w, ping);
	assert_int_equal(feed(s, 300, &w), 0);
	assert_int_equal(derp_session_tick(s, t(3100)), 0);
	derp_session_probe(s, t(4000));
	assert_int_equal(derp_session_tick(s, t(7000)), -ERR_TIMEOUT);
	derp_session_free(s);
}

static void rate_limit_of_the_server(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(
	    &seen,
	    "{\"version\":2,\"TokenBucketBytesPerSecond\":1000,\"TokenBucketBytesBurst\":2000}");
	static uint8_t data[463]; /* 500 bytes with header and key */
	struct span d = span_of(data, sizeof(data));
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(derp_session_send(s, t(10), &peer, d), 0);
	assert_int_equal(derp_session_send(s, t(10), &peer, d), -ERR_FULL);
	assert_int_equal(derp_session_send(s, t(400), &peer, d), -ERR_FULL);
	assert_int_equal(derp_session_send(s, t(511), &peer, d), 0);
	assert_int_equal(derp_session_send(s, t(511), &peer, d), -ERR_FULL);
	derp_session_free(s);
}

/* Pings are answered, but a flood does not pile up pongs without end. */
static void ping_flood_is_bounded(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(&seen, "{}");
	uint8_t mem[64];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	derp_ping_build(&w, (const uint8_t *)"12345678");
	assert_int_equal(feed(s, 20, &w), 0);
	assert_int_equal(derp_session_output(s)->len, DERP_HEADER_LEN + DERP_PING_LEN);
	assert_int_equal(derp_session_output(s)->p[0], DERP_PONG);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(feed(s, 20, &w), 0);
	assert_true(derp_session_output(s)->len < 20000);
	derp_session_free(s);
}

static void output_is_bounded(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(&seen, "{}");
	static uint8_t big[DERP_PACKET_MAX + 1];
	int n = 0;
	(void)state;
	assert_int_equal(derp_session_send(s, t(20), &peer, span_of(big, sizeof(big))),
			 -ERR_TOOBIG);
	while (n < 100 && !derp_session_send(s, t(20), &peer, span_of(big, 60000)))
		n++;
	assert_in_range(n, 2, 5);
	derp_session_free(s);
}

static void events_and_home_notes(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(&seen, "{}");
	uint8_t mem[256];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	derp_recv_build(&w, &peer, span_str("data"));
	derp_peer_gone_build(&w, &peer, DERP_GONE_DISCONNECTED);
	derp_health_build(&w, "dup");
	assert_int_equal(feed(s, 20, &w), 0);
	assert_int_equal(seen.packets, 1);
	assert_int_equal(seen.gone, 1);
	assert_string_equal(seen.health, "dup");
	derp_session_set_home(s, true); /* it is already */
	assert_int_equal(derp_session_output(s)->len, 0);
	derp_session_set_home(s, false);
	assert_memory_equal(derp_session_output(s)->p, "\7\0\0\0\1\0", 6);
	derp_session_free(s);
}

static void closing_inside_a_callback_stops(void **state)
{
	struct seen seen;
	struct derp_session *s = logged_in(&seen, "{}");
	uint8_t mem[256];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	seen.close_on_packet = s;
	derp_recv_build(&w, &peer, span_str("one"));
	derp_recv_build(&w, &peer, span_str("two"));
	assert_int_equal(feed(s, 20, &w), -ERR_CLOSED);
	assert_int_equal(seen.packets, 1);
	derp_session_free(s);
}

static void low_order_server_key(void **state)
{
	struct seen seen;
	struct derp_session *s = fresh(&seen, false);
	struct node_key zero = { { 0 } };
	uint8_t mem[256];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	(void)state;
	wr_str(&w, upgrade);
	derp_server_key_build(&w, &zero);
	assert_int_equal(feed(s, 1, &w), -ERR_AUTH);
	derp_session_free(s);
}

static int setup(void **state)
{
	(void)state;
	if (crypto_init())
		return -1;
	rng_seeded_init(&rng, 11);
	node_priv_generate(&priv, &rng.rng);
	node_priv_generate(&server_priv, &rng.rng);
	node_priv_public(&priv, &self);
	node_priv_public(&server_priv, &server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_sends_info_and_preferred),
		cmocka_unit_test(bad_http_answers),
		cmocka_unit_test(endless_head),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(probe_after_link_change),
		cmocka_unit_test(rate_limit_of_the_server),
		cmocka_unit_test(ping_flood_is_bounded),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(events_and_home_notes),
		cmocka_unit_test(closing_inside_a_callback_stops),
		cmocka_unit_test(low_order_server_key),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
