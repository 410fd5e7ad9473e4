/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay fed with frames of a logged-in client and of a stranger: queues stay bounded, and
 * nothing but whole frames comes out. The first byte chooses how the rest is cut. */
#include "tests/fuzz/fuzz.h"

#include "daemon/coordinator/relay.h"

#include <stdlib.h>

struct end {
	struct node_priv priv;
	struct node_key key;
	struct relay_client *c;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static bool admit(void *arg, const struct node_key *key)
{
	(void)arg;
	(void)key;
	return true;
}

static void ignore(void *arg)
{
	(void)arg;
}

static const struct relay_ops ops = { admit, ignore, ignore };

static size_t drain(struct relay_client *c)
{
	size_t n = 0;
	struct span s;

	while ((s = relay_client_next(c)).len) {
		struct rd r = rd_init(s);

		rd_u8(&r);
		must(rd_be32(&r) == rd_left(&r));
		relay_client_sent(c);
		n++;
	}
	must(n <= 2 * RELAY_QUEUE_MAX + RELAY_CONTROL_MAX);
	return n;
}

static void login(struct relay *r, struct end *e, struct rng *rng)
{
	uint8_t out[256];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	struct box_key box;

	node_priv_generate(&e->priv, rng);
	node_priv_public(&e->priv, &e->key);
	e->c = relay_client_new(r, NULL, (mono_t){ 1 });
	must(box_precompute(&box, e->priv.b, relay_key(r)->b) == 0);
	derp_client_info_build(&w, &e->key, &box, rng, derp_client_info_json());
	must(relay_client_input(e->c, wr_span_of(&w), (mono_t){ 1 }) == 0);
	drain(e->c);
}

static void feed(struct relay_client *c, struct span in, size_t step)
{
	while (in.len) {
		size_t n = in.len < step ? in.len : step;

		if (relay_client_input(c, span_of(in.p, n), (mono_t){ 2 }) < 0)
			return;
		in = span_from(in, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct rng_seeded rng;
	struct node_priv key;
	struct relay *r;
	struct end a, b;
	struct relay_client *stranger;
	struct span in = span_from(span_of(p, len), 1);
	size_t step = len ? 1 + p[0] * 7u : 1;

	rng_seeded_init(&rng, 1);
	node_priv_generate(&key, &rng.rng);
	r = relay_new(&key, &rng.rng, &ops, NULL);
	login(r, &a, &rng.rng);
	login(r, &b, &rng.rng);
	stranger = relay_client_new(r, NULL, (mono_t){ 1 });
	feed(a.c, in, step);
	feed(stranger, in, step);
	drain(b.c);
	relay_client_free(a.c);
	drain(b.c);
	drain(stranger);
	relay_client_free(stranger);
	relay_client_free(b.c);
	relay_free(r);
	return 0;
}

/* Frames to the second client, whose key follows from the seeded generator. */
static struct span to_peer(void)
{
	static uint8_t out[400];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	struct rng_seeded rng;
	struct node_priv priv;
	struct node_key key;
	uint8_t data[8] = { 1 };

	rng_seeded_init(&rng, 1);
	node_priv_generate(&priv, &rng.rng);
	node_priv_public(&priv, &key);
	wr_u8(&w, 3);
	derp_send_build(&w, &key, span_str("payload"));
	derp_ping_build(&w, data);
	derp_note_preferred_build(&w, true);
	derp_frame_build(&w, (enum derp_type)0x7f, span_str("unknown"));
	derp_send_build(
	    &w, &key,
	    span_str("TS\xf0\x9f\x92\xac"
		     "0123456789012345678901234567890123456789012345678901234567890123456789"));
	return wr_span_of(&w);
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const uint8_t close_peer[] = { 0, DERP_CLOSE_PEER, 0, 0, 0, 0 };
	static const uint8_t huge[] = { 0, DERP_SEND_PACKET, 0, 0x10, 0, 1, 0 };

	if (i == 0)
		*out = to_peer();
	else if (i == 1)
		*out = span_of(close_peer, sizeof(close_peer));
	else if (i == 2)
		*out = span_of(huge, sizeof(huge));
	return i < 3;
}
