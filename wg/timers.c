/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The five timers of a peer, spec 2.5:
 *   retransmit            5 s after an initiation, until a session comes of it
 *   passive keepalive     10 s after data came in and nothing went out
 *   new handshake         15 s after data went out and nothing came in
 *   zero keys             540 s after the last session was made
 *   persistent keepalive  an interval after the last packet, where asked for */
#include "wg/device_priv.h"

static int64_t draw_jitter(struct wg_peer *p)
{
	return rng_below(p->dev->rng, WG_JITTER_MAX_MS + 1) * NS_PER_MS;
}

void wg_timers_init(struct wg_timers *t)
{
	*t = (struct wg_timers){ .retransmit_at = MONO_NEVER,
				 .zero_at = MONO_NEVER,
				 .keepalive_look = MONO_NEVER,
				 .handshake_look = MONO_NEVER };
}

void wg_timers_on_initiation(struct wg_peer *p, mono_t now, int64_t gap)
{
	/* A short gap gets a jitter in proportion. */
	int64_t jitter = gap < WG_REKEY_TIMEOUT ? draw_jitter(p) / 4 : draw_jitter(p);
	p->timers.retransmit_at = mono_add_ns(now, gap + jitter);
}

void wg_timers_on_too_early(struct wg_peer *p, mono_t at)
{
	if (mono_is_never(p->timers.retransmit_at))
		p->timers.retransmit_at = mono_add_ns(at, draw_jitter(p));
}

void wg_timers_on_sent(struct wg_peer *p, mono_t now)
{
	if (p->act)
		wg_activity_on_control_tx(p->act, now);
}

void wg_timers_on_received(struct wg_peer *p, mono_t now)
{
	if (p->act)
		wg_activity_on_control_rx(p->act, now);
}

void wg_timers_on_session(struct wg_peer *p, mono_t now)
{
	p->timers.zero_at = mono_add_ns(now, WG_ZERO_KEYS_TIME);
}

void wg_timers_on_complete(struct wg_peer *p, mono_t now)
{
	p->timers.retransmit_at = MONO_NEVER;
	p->timers.attempts = 0;
	p->last_handshake = now;
}

/* ---- deadlines ------------------------------------------------------------------------------ */

static mono_t since(int64_t stamp, int64_t wait)
{
	return stamp ? mono_add_ns((mono_t){ stamp }, wait) : MONO_NEVER;
}

static mono_t keepalive_at(int64_t rx_since)
{
	return since(rx_since, WG_KEEPALIVE_TIMEOUT);
}

static mono_t new_handshake_at(struct wg_peer *p, int64_t tx_since)
{
	if (tx_since && tx_since != p->timers.unanswered) {
		p->timers.unanswered = tx_since;
		p->timers.jitter_ns = draw_jitter(p);
	}
	return since(tx_since, WG_NEW_HANDSHAKE_TIME + p->timers.jitter_ns);
}

/* Armed by any packet in either direction, so not before the first. */
static mono_t persistent_at(const struct wg_peer *p)
{
	mono_t last = p->act ? wg_activity_last(p->act) : MONO_ZERO;
	if (!p->timers.persistent_ns || mono_is_zero(last))
		return MONO_NEVER;
	if (mono_before(last, p->timers.last_persistent))
		last = p->timers.last_persistent;
	return mono_add_ns(last, p->timers.persistent_ns);
}

/* The deadline of a stamp that was set a moment ago; if it is clear again, from the last packet. */
static mono_t look_at(const struct wg_peer *p, const struct wg_stamp *s, mono_t at, int64_t wait)
{
	if (!mono_is_never(at) || !wg_stamp_is_watched(s))
		return at;
	int64_t stamp = wg_stamp_since(s);
	return mono_add_ns(stamp ? (mono_t){ stamp } : wg_activity_last(p->act), wait);
}

static mono_t activity_at(struct wg_peer *p)
{
	struct wg_timers *t = &p->timers;
	if (!p->act)
		return MONO_NEVER;
	t->keepalive_look = look_at(p, &p->act->rx_data, t->keepalive_look, WG_KEEPALIVE_TIMEOUT);
	t->handshake_look = look_at(p, &p->act->tx_data, t->handshake_look, WG_NEW_HANDSHAKE_TIME);
	return mono_min(t->keepalive_look, t->handshake_look);
}

void wg_timers_schedule(struct wg_peer *p)
{
	mono_t at = mono_min(p->timers.retransmit_at, p->timers.zero_at);
	at = mono_min(at, mono_min(activity_at(p), persistent_at(p)));
	if (mono_is_never(at))
		heap_remove(&p->dev->due, &p->due);
	else
		heap_set(&p->dev->due, &p->due, at);
}

/* ---- firing --------------------------------------------------------------------------------- */

static void give_up(struct wg_peer *p, mono_t now, const struct wg_out *out)
{
	if (p->act)
		wg_activity_cancel_keepalive(p->act);
	if (mono_is_never(p->timers.zero_at))
		p->timers.zero_at = mono_add_ns(now, WG_ZERO_KEYS_TIME);
	out->event(out->arg, p, WG_EV_GAVE_UP);
}

static void on_retransmit(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	p->timers.retransmit_at = MONO_NEVER;
	if (p->timers.attempts > WG_MAX_RETRIES) {
		give_up(p, now, out);
		return;
	}
	/* the extra tries of the first seconds do not count */
	if (!wg_handshake_is_eager(p, now))
		p->timers.attempts++;
	wg_handshake_initiate(p, now, wall, out);
}

/* Without a key to send it with, a keepalive asks for one like any packet. */
static void send_keepalive(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	if (p->current && wg_session_can_send(p->current, now))
		out->event(out->arg, p, WG_EV_KEEPALIVE);
	else
		wg_handshake_begin(p, now, wall, out);
}

static void on_zero(struct wg_peer *p, const struct wg_out *out)
{
	p->timers.zero_at = MONO_NEVER;
	wg_peer_zero(p);
	out->event(out->arg, p, WG_EV_SESSIONS);
	out->event(out->arg, p, WG_EV_ZEROED);
}

static void look_for_keepalive(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	int64_t rx = wg_stamp_watch(&p->act->rx_data);
	if (mono_due(keepalive_at(rx), now) && wg_activity_take_keepalive(p->act, rx, now))
		send_keepalive(p, now, wall, out);
	p->timers.keepalive_look = keepalive_at(wg_stamp_watch(&p->act->rx_data));
}

static void look_for_handshake(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	int64_t tx = wg_stamp_watch(&p->act->tx_data);
	if (mono_due(new_handshake_at(p, tx), now) && wg_activity_take_unanswered(p->act, tx))
		wg_handshake_begin(p, now, wall, out);
	p->timers.handshake_look = new_handshake_at(p, wg_stamp_watch(&p->act->tx_data));
}

static void run_activity(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	if (!p->act)
		return;
	if (mono_due(p->timers.keepalive_look, now))
		look_for_keepalive(p, now, wall, out);
	if (mono_due(p->timers.handshake_look, now))
		look_for_handshake(p, now, wall, out);
}

void wg_timers_run(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	if (mono_due(p->timers.retransmit_at, now))
		on_retransmit(p, now, wall, out);
	run_activity(p, now, wall, out);
	if (mono_due(persistent_at(p), now)) {
		p->timers.last_persistent = now;
		send_keepalive(p, now, wall, out);
	}
	if (mono_due(p->timers.zero_at, now))
		on_zero(p, out);
}
