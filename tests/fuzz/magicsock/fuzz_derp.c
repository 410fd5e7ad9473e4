/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A DERP server's bytes, cut at random places: the frame reader must see the same frames as without
 * cuts, and a client session must survive them with bounded memory. Bytes 0 and 1 seed the cuts; if
 * bit 7 of byte 0 is set the session is brought to "up" first. */
#include "tests/fuzz/fuzz.h"

#include "magicsock/derp_session.h"

#include <stdlib.h>

static struct node_priv priv, server_priv;
static struct node_key self, server;
static struct box_key box;
static const struct node_key peer = { { 7 } };

static void on_packet(void *arg, const struct node_key *src, struct span payload)
{
	(void)arg, (void)src;
	if (payload.len > DERP_PACKET_MAX)
		abort();
}
static void on_up(void *arg)
{
	(void)arg;
}
static void on_gone(void *arg, const struct node_key *k, uint8_t reason)
{
	(void)arg, (void)k, (void)reason;
}
static void on_health(void *arg, struct span text)
{
	(void)arg, (void)text;
}
static const struct derp_session_ops ops = { on_packet, on_up, on_gone, on_health };

static void init(void)
{
	static bool ready;
	struct rng_seeded rng;
	if (ready)
		return;
	ready = true;
	if (crypto_init())
		abort();
	rng_seeded_init(&rng, 1);
	node_priv_generate(&priv, &rng.rng);
	node_priv_generate(&server_priv, &rng.rng);
	node_priv_public(&priv, &self);
	node_priv_public(&server_priv, &server);
	if (box_precompute(&box, server_priv.b, self.b))
		abort();
}

static struct span next_piece(struct rng *rng, struct span *in)
{
	size_t n = 1 + rng_below(rng, rng_below(rng, 4) ? 9 : 300);
	struct span piece = span_of(in->p, n < in->len ? n : in->len);
	*in = span_from(*in, piece.len);
	return piece;
}

/* Types, lengths and kept bytes of all frames, mixed into one number. */
static uint64_t digest(struct derp_reader *r, struct span *in, uint64_t h, int *rc)
{
	struct derp_frame f;
	while ((*rc = derp_reader_next(r, in, &f)) > 0) {
		uint32_t kept = f.len < r->keep ? f.len : r->keep;
		if (f.len > DERP_FRAME_MAX || f.body.len != kept)
			abort();
		h = (h ^ f.type) * 1099511628211u + f.len;
		for (size_t i = 0; i < f.body.len; i++)
			h = (h ^ f.body.p[i]) * 1099511628211u;
	}
	return h;
}

static void fuzz_reader(struct rng *rng, struct span in)
{
	struct derp_reader whole, cut;
	struct span all = in;
	int rc_whole, rc_cut = 0;
	uint64_t h = 5;
	derp_reader_init(&whole, 100);
	derp_reader_init(&cut, 100);
	uint64_t want = digest(&whole, &all, 5, &rc_whole);
	while (in.len && rc_cut >= 0) {
		struct span piece = next_piece(rng, &in);
		h = digest(&cut, &piece, h, &rc_cut);
		if (cut.head.cap > 8192)
			abort();
	}
	if (h != want || rc_cut != (rc_whole < 0 ? rc_whole : 0))
		abort();
	derp_reader_fini(&whole);
	derp_reader_fini(&cut);
}

static void login(struct derp_session *s, mono_t now, struct rng *rng)
{
	uint8_t mem[512];
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	wr_str(&w, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
	derp_server_key_build(&w, &server);
	derp_server_info_build(&w, &box, rng, span_str("{\"version\":2}"));
	if (derp_session_input(s, now, wr_span_of(&w)) || derp_session_state(s) != DERP_UP)
		abort();
}

static void fuzz_session(struct rng *rng, struct span in, bool up)
{
	mono_t now = mono_add_s(MONO_ZERO, 1000);
	struct derp_session *s =
	    derp_session_new(now, &priv, "relay.example", 443, NULL, true, rng, &ops, NULL);
	int rc = 0;
	if (up)
		login(s, now, rng);
	while (in.len && !rc) {
		now = mono_add_ms(now, 1);
		rc = derp_session_input(s, now, next_piece(rng, &in));
		if (derp_session_output(s)->len > 256u << 10)
			abort();
		if (!rc && rng_below(rng, 8) == 0)
			(void)!derp_session_send(s, now, &peer, span_str("x"));
	}
	if ((rc != 0) != (derp_session_state(s) == DERP_FAILED))
		abort();
	if (rc && !derp_session_error(s)[0])
		abort();
	derp_session_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rng_seeded rng;
	init();
	if (len < 2)
		return 0;
	rng_seeded_init(&rng, (uint64_t)p[0] << 8 | p[1]);
	fuzz_reader(&rng.rng, span_of(p + 2, len - 2));
	fuzz_session(&rng.rng, span_of(p + 2, len - 2), p[0] & 0x80);
	return 0;
}

static void every_frame(struct wr *w, struct rng *rng)
{
	static const uint8_t ping[DERP_PING_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	derp_recv_build(w, &peer, span_str("payload of a packet"));
	derp_keep_alive_build(w);
	derp_ping_build(w, ping);
	derp_pong_build(w, ping);
	derp_peer_gone_build(w, &peer, DERP_GONE_NOT_HERE);
	derp_health_build(w, "dup");
	derp_restarting_build(w, 1000, 5000);
	derp_server_key_build(w, &server);
	derp_server_info_build(w, &box, rng,
			       span_str("{\"version\":2,\"TokenBucketBytesPerSecond\":100}"));
	derp_frame_build(w, (enum derp_type)0x7f, span_str("unknown"));
}

bool fuzz_seed(size_t i, struct span *out)
{
	static uint8_t mem[2048];
	struct rng_seeded rng;
	struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
	init();
	rng_seeded_init(&rng, 2);
	switch (i) {
	case 0: /* from the start */
		wr_be16(&w, 1);
		wr_str(&w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n\r\n");
		derp_server_key_build(&w, &server);
		derp_server_info_build(&w, &box, &rng.rng, span_str("{\"version\":2}"));
		every_frame(&w, &rng.rng);
		break;
	case 1: /* after the login */
		wr_be16(&w, 0x8001);
		every_frame(&w, &rng.rng);
		break;
	case 2: /* frames alone */
		wr_be16(&w, 2);
		every_frame(&w, &rng.rng);
		break;
	default:
		return false;
	}
	*out = wr_span_of(&w);
	return true;
}
