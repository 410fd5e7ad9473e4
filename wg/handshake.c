/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshake messages sent and received, and what they do to a peer. Spec: datapath.md 1 and 2.4. */
#include "wg/device_priv.h"

#include <stdlib.h>

static const uint8_t no_psk[32];

static const uint8_t *psk_of(const struct wg_peer *p)
{
	return p->psk ? p->psk : no_psk;
}

/* The DH of both static keys; false disables the peer (a low-order key). */
static bool have_shared(struct wg_peer *p)
{
	if (p->shared_state == WG_SHARED_UNKNOWN) {
		int rc = wg_noise_static_shared(p->shared, &p->dev->self, &p->key);
		p->shared_state = rc ? WG_SHARED_BAD : WG_SHARED_OK;
	}
	return p->shared_state == WG_SHARED_OK;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void send_handshake(struct wg_peer *p, mono_t now, struct mspan msg,
			   const struct wg_out *out)
{
	wg_cookie_add_macs(&p->jar, now, &p->key, msg);
	p->last_handshake_tx = now;
	wg_timers_on_sent(p, now);
	out->send(out->arg, p, span_const(msg));
}

/* Time stamps count in slots of 2^24 ns, of which 60 begin in a second. */
#define SLOT_BITS 24
#define SLOTS_PER_S 60

static uint64_t slot_of(wall_t wall)
{
	return wall.s < 0 ? 0
			  : (uint64_t)wall.s * SLOTS_PER_S + (uint32_t)wall.ns / (1u << SLOT_BITS);
}

/* The stamp of the next initiation to p: never older than any we saw, newer than p's last, even
 * when the wall clock steps back. */
static void next_stamp(struct wg_peer *p, wall_t wall, uint8_t stamp[static WG_TAI64N_LEN])
{
	uint64_t slot = slot_of(wall);
	if (slot < p->dev->last_slot)
		slot = p->dev->last_slot;
	p->dev->last_slot = slot;
	if (slot <= p->last_slot)
		slot = p->last_slot + 1;
	p->last_slot = slot;
	wall_t at = { (int64_t)(slot / SLOTS_PER_S), (int32_t)(slot % SLOTS_PER_S << SLOT_BITS) };
	wall_tai64n(at, stamp);
}

bool wg_handshake_is_eager(const struct wg_peer *p, mono_t now)
{
	return !p->heard && mono_before(now, p->dev->eager_until);
}

static void send_initiation(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	struct wg_initiation msg;
	uint8_t stamp[WG_TAI64N_LEN];
	wg_peer_drop_pending(p);
	next_stamp(p, wall, stamp);
	p->pending = xcalloc(1, sizeof(*p->pending));
	p->pending->index = wg_index_new(p);
	if (wg_noise_create_initiation(p->pending, &p->dev->self, &p->key, p->shared, stamp,
				       p->dev->rng, &msg)) {
		wg_peer_drop_pending(p);
		return;
	}
	send_handshake(p, now, mspan_of(&msg, sizeof(msg)), out);
}

void wg_handshake_initiate(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	if (!p->dev->have_key || !have_shared(p))
		return;
	int64_t gap = wg_handshake_is_eager(p, now) ? WG_EAGER_TIMEOUT : WG_REKEY_TIMEOUT;
	if (!mono_is_zero(p->last_handshake_tx) && mono_diff_ns(now, p->last_handshake_tx) < gap) {
		wg_timers_on_too_early(p, mono_add_ns(p->last_handshake_tx, gap));
		return;
	}
	send_initiation(p, now, wall, out);
	wg_timers_on_initiation(p, now, gap);
}

void wg_handshake_begin(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	p->timers.attempts = 0;
	wg_handshake_initiate(p, now, wall, out);
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* What a message must pass before it costs a curve operation. */
static enum wg_verdict admit(struct wg_device *d, mono_t now, const struct wg_from *from,
			     struct span msg, const struct wg_out *out)
{
	struct wg_cookie_reply reply;
	enum wg_verdict v = wg_gate_admit(d->gate, now, from, msg, &reply);
	if (v == WG_DROP_COOKIE)
		out->reply(out->arg, from, span_of(&reply, sizeof(reply)));
	return v;
}

/* A relay tells who sent; it must be who the message says. */
static bool is_from(const struct wg_from *from, const struct wg_peer *p)
{
	return ep_is_set(from->ep) || node_key_eq(&from->relay_key, &p->key);
}

static enum wg_verdict judge_stamp(const struct wg_peer *p, mono_t now,
				   const uint8_t stamp[static WG_TAI64N_LEN])
{
	if (!p->have_stamp)
		return WG_PASS;
	/* big-endian: byte order is time order */
	if (memcmp(stamp, p->stamp, WG_TAI64N_LEN) <= 0)
		return WG_DROP_REPLAY;
	return mono_diff_ns(now, p->stamp_at) <= WG_FLOOD_TIME ? WG_DROP_FLOOD : WG_PASS;
}

/* Who sent it and whether it is new; on WG_PASS *peer has accepted it. */
static enum wg_verdict read_initiation(struct wg_device *d, mono_t now, const struct wg_from *from,
				       const struct wg_initiation *msg, struct wg_received *r,
				       struct wg_peer **peer)
{
	struct node_key key;
	uint8_t stamp[WG_TAI64N_LEN];
	if (wg_noise_read_static(r, &d->self, msg, &key))
		return WG_DROP_NOISE;
	struct wg_peer *p = wg_peer_find(d, &key);
	if (!p) {
		wg_knock_put(&d->knocks,
			     &(struct wg_knock){ .key = key, .at = now, .from = *from, .msg = *msg });
		return WG_DROP_PEER;
	}
	if (!have_shared(p) || wg_noise_read_stamp(r, p->shared, msg, stamp))
		return WG_DROP_NOISE;
	if (!is_from(from, p))
		return WG_DROP_RELAY;
	enum wg_verdict v = judge_stamp(p, now, stamp);
	if (v != WG_PASS)
		return v;
	memcpy(p->stamp, stamp, WG_TAI64N_LEN);
	p->stamp_at = now;
	p->have_stamp = true;
	p->heard = true;
	*peer = p;
	return WG_PASS;
}

/* A session as responder. It costs no state: a pending initiation of ours stays as it is. */
static enum wg_verdict respond(struct wg_peer *p, mono_t now, struct wg_received *r,
			       const struct wg_out *out)
{
	struct wg_response msg;
	struct wg_keys keys;
	uint32_t remote = r->sender, local = wg_index_new(p);
	if (wg_noise_create_response(r, &p->key, psk_of(p), local, p->dev->rng, &msg, &keys)) {
		wg_index_del(p->dev, local);
		return WG_DROP_NOISE;
	}
	wg_peer_install_responder(p, wg_session_new(&keys, local, remote, false, now));
	wipe(&keys, sizeof(keys));
	wg_timers_on_received(p, now);
	wg_timers_on_session(p, now);
	/* published before the answer leaves: the first packet may be back at once */
	out->event(out->arg, p, WG_EV_SESSIONS);
	send_handshake(p, now, mspan_of(&msg, sizeof(msg)), out);
	wg_timers_schedule(p);
	return WG_PASS;
}

static enum wg_verdict on_initiation(struct wg_device *d, mono_t now, const struct wg_from *from,
				     const struct wg_initiation *msg, const struct wg_out *out)
{
	struct wg_received r;
	struct wg_peer *p = NULL;
	enum wg_verdict v = read_initiation(d, now, from, msg, &r, &p);
	if (v == WG_PASS)
		v = respond(p, now, &r, out);
	wipe(&r, sizeof(r));
	return v;
}

static enum wg_verdict on_response(struct wg_device *d, mono_t now, const struct wg_from *from,
				   const struct wg_response *msg, const struct wg_out *out)
{
	uint32_t index = wg_le32(msg->receiver);
	struct wg_peer *p = wg_index_find(d, index);
	if (!p || !p->pending || p->pending->index != index)
		return WG_DROP_STATE;
	if (!is_from(from, p))
		return WG_DROP_RELAY;
	struct wg_keys keys;
	if (wg_noise_consume_response(p->pending, &d->self, psk_of(p), msg, &keys))
		return WG_DROP_NOISE;
	struct wg_session *s = wg_session_new(&keys, index, wg_le32(msg->sender), true, now);
	wipe(&keys, sizeof(keys));
	p->heard = true;
	wg_peer_finish_pending(p);
	wg_peer_install_initiator(p, s);
	wg_timers_on_received(p, now);
	wg_timers_on_session(p, now);
	wg_timers_on_complete(p, now);
	wg_timers_schedule(p);
	out->event(out->arg, p, WG_EV_SESSIONS);
	out->event(out->arg, p, WG_EV_READY);
	return WG_PASS;
}

static enum wg_verdict on_cookie(struct wg_device *d, mono_t now, const struct wg_cookie_reply *msg)
{
	struct wg_peer *p = wg_index_find(d, wg_le32(msg->receiver));
	if (!p)
		return WG_DROP_STATE;
	/* not sent again at once: the retransmit timer does, with mac2 */
	int rc = wg_cookie_consume(&p->jar, now, &p->key, msg);
	return rc == 0 ? WG_PASS : rc == -ERR_STATE ? WG_DROP_STATE : WG_DROP_NOISE;
}

enum wg_verdict wg_handshake_input(struct wg_device *d, mono_t now, const struct wg_from *from,
				   struct span datagram, bool admitted, const struct wg_out *out)
{
	enum wg_kind kind = wg_classify(datagram);
	if (kind == WG_KIND_NONE || kind == WG_KIND_TRANSPORT)
		return WG_DROP_KIND;
	if (!d->have_key)
		return WG_DROP_NO_KEY;
	if (kind == WG_KIND_COOKIE)
		return on_cookie(d, now, (const struct wg_cookie_reply *)datagram.p);
	enum wg_verdict v = admitted ? WG_PASS : admit(d, now, from, datagram, out);
	if (v != WG_PASS)
		return v;
	if (kind == WG_KIND_INITIATION)
		return on_initiation(d, now, from, (const struct wg_initiation *)datagram.p, out);
	return on_response(d, now, from, (const struct wg_response *)datagram.p, out);
}
