/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.h: two nodes that know each other, a virtual clock, and a wire with a delay that a test may
 * make lossy. Each node has a device and, in place of a worker, the few lines a worker needs. */
#ifndef TESTS_UNIT_WG_WORLD_H
#define TESTS_UNIT_WG_WORLD_H

#include "base/crypto/aead_batch.h"
#include "base/crypto/crypto.h"
#include "wg/device_priv.h"
#include "wg/messages.h"
#include "wg/session_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DELAY (10 * NS_PER_MS)
#define MTU 1280
#define WIRE_MAX 4096
#define DATAGRAM_MAX 256
#define EVENTS (WG_EV_IS_SELF + 1)
#define START (1000 * NS_PER_S)

enum { A, B, NODES };

struct node {
	struct wg_device *dev;
	struct wg_peer *peer; /* the other node */
	struct wg_activity act;
	struct rng_seeded rng;
	struct node_priv key;
	struct node_key pub;
	int64_t wall_offset_s;
	unsigned staged;     /* data packets without a key */
	unsigned acts;	     /* what the worker has to tell control */
	bool wanted;	     /* control was asked for a session */
	unsigned received;   /* data packets */
	unsigned keepalives; /* received */
	unsigned sent[WG_KIND_TRANSPORT + 1];
	mono_t first_sent[WG_KIND_TRANSPORT + 1], last_sent[WG_KIND_TRANSPORT + 1];
	mono_t last_received; /* data */
	unsigned opened[WG_OPEN_VERDICTS];
	unsigned unknown; /* transport for no session */
	unsigned verdicts[WG_VERDICTS];
	unsigned events[EVENTS];
	mono_t last_event[EVENTS];
	uint8_t last_handshake[WG_INITIATION_LEN];
	size_t last_handshake_len;
};

struct datagram {
	mono_t at;
	int to;
	size_t len;
	uint8_t b[DATAGRAM_MAX];
};

struct world {
	mono_t now;
	struct node n[NODES];
	struct datagram *wire;
	size_t n_wire;
	/* NULL: nothing is lost */
	bool (*lose)(struct world *w, int from, struct span d);
};

static struct world *the_world; /* callbacks get a node; the rest is here */

static inline wall_t wall_of(const struct world *w, int who)
{
	return (wall_t){ 1700000000 + w->n[who].wall_offset_s + w->now.ns / NS_PER_S,
			 (int32_t)(w->now.ns % NS_PER_S) };
}

static inline struct wg_from from_node(int who)
{
	return (struct wg_from){ .ep = { ip_v4(192, 0, 2, (uint8_t)(who + 1)), 41641 } };
}

static inline void transmit(struct world *w, int from, struct span d)
{
	struct node *n = &w->n[from];
	enum wg_kind k = wg_classify(d);
	assert_int_not_equal(k, WG_KIND_NONE);
	if (n->sent[k]++ == 0)
		n->first_sent[k] = w->now;
	n->last_sent[k] = w->now;
	if (k != WG_KIND_TRANSPORT) {
		memcpy(n->last_handshake, d.p, d.len);
		n->last_handshake_len = d.len;
	}
	if (w->lose && w->lose(w, from, d))
		return;
	assert_true(w->n_wire < WIRE_MAX && d.len <= DATAGRAM_MAX);
	struct datagram *g = &w->wire[w->n_wire++];
	g->at = mono_add_ns(w->now, DELAY);
	g->to = from == A ? B : A;
	g->len = d.len;
	memcpy(g->b, d.p, d.len);
}

/* ---- the worker's part ---------------------------------------------------------------------- */

/* len 0: a keepalive. False: no key to send it with. */
static inline bool seal_and_send(struct world *w, int who, uint32_t len, bool asked)
{
	struct node *n = &w->n[who];
	struct wg_session *s = wg_peer_current(n->peer);
	uint8_t room[DATAGRAM_MAX] = { 0 };
	if (len)
		room[WG_HEADER_LEN] = 0x45;
	struct wg_seal_item it = { room + WG_HEADER_LEN, len };
	if (!s || wg_session_seal(s, w->now, MTU, &it, 1) != 1)
		return false;
	transmit(w, who, span_of(room, it.len));
	n->acts |= asked ? wg_activity_on_keepalive(&n->act, s, w->now)
			 : wg_activity_on_tx(&n->act, s, w->now, len > 0);
	return true;
}

static const struct wg_out *out_of(struct node *n);

/* Control reads what the worker put into the ring; never inside a callback. */
static inline void settle(struct world *w)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->n[i];
		unsigned acts = n->acts;
		n->acts = 0;
		if (acts & WG_ACT_WATCH)
			wg_peer_on_active(n->peer);
		if (acts & WG_ACT_REKEY)
			wg_peer_want_session(n->peer, w->now, wall_of(w, i), out_of(n));
	}
}

static inline void want(struct world *w, int who)
{
	struct node *n = &w->n[who];
	wg_peer_want_session(n->peer, w->now, wall_of(w, who), out_of(n));
	settle(w);
}

static inline void send_data(struct world *w, int who)
{
	struct node *n = &w->n[who];
	if (seal_and_send(w, who, 100, false)) {
		settle(w);
		return;
	}
	n->staged++;
	if (!n->wanted) {
		n->wanted = true;
		want(w, who);
	}
}

static inline struct wg_session *session_of(const struct node *n, uint32_t index)
{
	struct wg_session *v[] = { n->peer ? wg_peer_previous(n->peer) : NULL,
				   n->peer ? wg_peer_current(n->peer) : NULL,
				   n->peer ? wg_peer_next(n->peer) : NULL,
				   n->peer ? wg_peer_retired(n->peer, 0) : NULL,
				   n->peer ? wg_peer_retired(n->peer, 1) : NULL };
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (v[i] && wg_session_local_index(v[i]) == index)
			return v[i];
	return NULL;
}

static inline void receive_transport(struct world *w, int who, struct datagram *g)
{
	struct node *n = &w->n[who];
	uint32_t index = wg_transport_receiver(span_of(g->b, g->len));
	struct wg_session *s = session_of(n, index);
	if (!s) {
		n->unknown++;
		return;
	}
	struct wg_open_item it = { .p = g->b, .len = (uint32_t)g->len };
	size_t good = wg_session_open(s, w->now, &it, 1);
	n->opened[it.verdict]++;
	if (!good)
		return;
	if (s == wg_peer_next(n->peer))
		wg_peer_on_confirmed(n->peer, w->now, index, out_of(n));
	bool data = it.verdict == WG_OPEN_DATA;
	n->received += data;
	n->keepalives += !data;
	if (data)
		n->last_received = w->now;
	n->acts |= wg_activity_on_rx(&n->act, wg_peer_current(n->peer), w->now, data);
}

/* ---- the engine's part ---------------------------------------------------------------------- */

static inline int who_is(const struct node *n)
{
	return n == &the_world->n[A] ? A : B;
}

static inline void world_send(void *arg, struct wg_peer *p, struct span d)
{
	struct node *n = arg;
	(void)p;
	transmit(the_world, who_is(n), d);
}

static inline void world_reply(void *arg, const struct wg_from *to, struct span d)
{
	struct node *n = arg;
	struct wg_from other = from_node(who_is(n) == A ? B : A);
	assert_true(ep_eq(to->ep, other.ep));
	transmit(the_world, who_is(n), d);
}

static inline void flush(struct node *n)
{
	unsigned staged = n->staged;
	n->staged = 0;
	n->wanted = false;
	for (unsigned i = 0; i < staged; i++)
		assert_true(seal_and_send(the_world, who_is(n), 100, false));
	if (!staged && wg_session_we_initiated(wg_peer_current(n->peer)))
		seal_and_send(the_world, who_is(n), 0, false);
}

static inline void world_event(void *arg, struct wg_peer *p, enum wg_event ev)
{
	struct node *n = arg;
	(void)p;
	n->events[ev]++;
	n->last_event[ev] = the_world->now;
	if (ev == WG_EV_READY)
		flush(n);
	if (ev == WG_EV_KEEPALIVE)
		seal_and_send(the_world, who_is(n), 0, true);
	if (ev == WG_EV_GAVE_UP || ev == WG_EV_ZEROED) {
		n->staged = 0;
		n->wanted = false;
	}
}

static inline const struct wg_out *out_of(struct node *n)
{
	static struct wg_out outs[NODES];
	outs[who_is(n)] = (struct wg_out){ n, world_send, world_reply, world_event };
	return &outs[who_is(n)];
}

static inline enum wg_verdict feed(struct world *w, int who, struct span d)
{
	struct node *n = &w->n[who];
	struct wg_from from = from_node(who == A ? B : A);
	enum wg_verdict v = wg_device_input(n->dev, w->now, &from, d, out_of(n));
	n->verdicts[v]++;
	return v;
}

static inline void receive(struct world *w, struct datagram *g)
{
	if (wg_classify(span_of(g->b, g->len)) == WG_KIND_TRANSPORT)
		receive_transport(w, g->to, g);
	else
		feed(w, g->to, span_of(g->b, g->len));
}

/* ---- time ----------------------------------------------------------------------------------- */

static inline mono_t next_deadline(const struct world *w)
{
	mono_t at = mono_min(wg_device_deadline(w->n[A].dev), wg_device_deadline(w->n[B].dev));
	return w->n_wire ? mono_min(at, w->wire[0].at) : at;
}

static inline void run_step(struct world *w)
{
	while (w->n_wire && mono_due(w->wire[0].at, w->now)) {
		struct datagram g = w->wire[0];
		memmove(w->wire, w->wire + 1, --w->n_wire * sizeof(g));
		receive(w, &g);
		settle(w);
	}
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->n[i];
		struct wg_knock k;
		while (wg_device_take_knock(n->dev, w->now, &k))
			wg_device_admitted(n->dev, w->now, &k.from, span_of(&k.msg, sizeof(k.msg)),
					   out_of(n));
		wg_device_tick(n->dev, w->now, wall_of(w, i), out_of(n));
	}
	settle(w);
}

static inline void run_until(struct world *w, mono_t end)
{
	mono_t at;
	unsigned steps = 0;
	while (mono_due(at = next_deadline(w), end)) {
		if (mono_before(w->now, at))
			w->now = at;
		run_step(w);
		assert_true(++steps < 1000000); /* a deadline that stays in the past */
	}
	w->now = end;
}

static inline void run_ms(struct world *w, int64_t ms)
{
	run_until(w, mono_add_ms(w->now, ms));
}

static inline void run_s(struct world *w, int64_t s)
{
	run_ms(w, s * 1000);
}

/* ---- making one ----------------------------------------------------------------------------- */

static inline void node_init(struct node *n, uint64_t seed)
{
	rng_seeded_init(&n->rng, seed);
	node_priv_generate(&n->key, &n->rng.rng);
	node_priv_public(&n->key, &n->pub);
	n->dev = wg_device_new(&n->rng.rng);
	wg_device_set_key(n->dev, &n->key, out_of(n));
}

static inline struct wg_peer *node_add(struct node *n, const struct node *other)
{
	n->peer = wg_peer_add(n->dev, &other->pub, 7, n);
	assert_non_null(n->peer);
	wg_peer_set_activity(n->peer, &n->act);
	return n->peer;
}

static inline void node_drop(struct node *n)
{
	wg_peer_remove(n->peer);
	n->peer = NULL;
}

static inline struct world *world_new(uint64_t seed)
{
	struct world *w = xcalloc(1, sizeof(*w));
	the_world = w;
	w->wire = xcalloc(WIRE_MAX, sizeof(*w->wire));
	w->now = (mono_t){ START };
	for (int i = 0; i < NODES; i++)
		node_init(&w->n[i], seed * NODES + (uint64_t)i);
	node_add(&w->n[A], &w->n[B]);
	node_add(&w->n[B], &w->n[A]);
	return w;
}

static inline void world_free(struct world *w)
{
	for (int i = 0; i < NODES; i++)
		wg_device_free(w->n[i].dev);
	free(w->wire);
	free(w);
	the_world = NULL;
}

/* A session with A as initiator, confirmed both ways; one data packet went A to B. */
static inline struct world *world_connected(uint64_t seed)
{
	struct world *w = world_new(seed);
	send_data(w, A);
	run_ms(w, 100);
	assert_int_equal(w->n[B].received, 1);
	assert_non_null(wg_peer_current(w->n[B].peer));
	return w;
}

static inline bool lose_all(struct world *w, int from, struct span d)
{
	(void)w;
	(void)from;
	(void)d;
	return true;
}

static inline bool lose_handshakes(struct world *w, int from, struct span d)
{
	(void)w;
	(void)from;
	return wg_classify(d) != WG_KIND_TRANSPORT;
}

static inline bool lose_transport(struct world *w, int from, struct span d)
{
	return !lose_handshakes(w, from, d);
}

static inline int64_t ms_between(mono_t a, mono_t b)
{
	return mono_diff_ns(b, a) / NS_PER_MS;
}

#define assert_between(v, lo, hi) assert_in_range((uint64_t)(v), (uint64_t)(lo), (uint64_t)(hi))

static inline int crypto_setup(void **state)
{
	(void)state;
	return crypto_init() || aead_batch_init(NULL);
}

#endif
