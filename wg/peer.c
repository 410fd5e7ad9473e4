/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/device_priv.h"

#include <stdlib.h>

struct wg_peer *wg_peer_add(struct wg_device *d, const struct node_key *key, uint32_t id,
			    void *user)
{
	if (map_get(&d->peers, key) || map_len(&d->peers) >= WG_PEERS_MAX)
		return NULL;
	if (d->have_key && node_key_eq(key, &d->self.pub))
		return NULL;
	struct wg_peer *p = xcalloc(1, sizeof(*p));
	p->dev = d;
	p->key = *key;
	p->id = id;
	p->user = user;
	wg_timers_init(&p->timers);
	map_put(&d->peers, key, p);
	wg_knock_open(&d->knocks, key);
	return p;
}

static void end_session(struct wg_device *d, struct wg_session **slot)
{
	if (!*slot)
		return;
	wg_index_del(d, wg_session_local_index(*slot));
	wg_session_unref(*slot);
	*slot = NULL;
}

void wg_peer_finish_pending(struct wg_peer *p)
{
	wg_pending_wipe(p->pending);
	free(p->pending);
	p->pending = NULL;
}

void wg_peer_drop_pending(struct wg_peer *p)
{
	if (!p->pending)
		return;
	wg_index_del(p->dev, p->pending->index);
	wg_peer_finish_pending(p);
}

void wg_peer_zero(struct wg_peer *p)
{
	wg_peer_drop_pending(p);
	end_session(p->dev, &p->previous);
	end_session(p->dev, &p->current);
	end_session(p->dev, &p->next);
	for (int i = 0; i < WG_PEER_RETIRED; i++)
		end_session(p->dev, &p->retired[i]);
}

void wg_peer_free(struct wg_peer *p)
{
	wg_peer_zero(p);
	wg_peer_set_psk(p, NULL);
	heap_remove(&p->dev->due, &p->due);
	wipe(p, sizeof(*p));
	free(p);
}

void wg_peer_remove(struct wg_peer *p)
{
	map_del(&p->dev->peers, &p->key);
	wg_peer_free(p);
}

struct wg_peer *wg_peer_find(const struct wg_device *d, const struct node_key *key)
{
	return map_get(&d->peers, key);
}

size_t wg_peer_count(const struct wg_device *d)
{
	return map_len(&d->peers);
}

/* ---- slots, spec 2.3 ------------------------------------------------------------------------ */

/* Empty a slot. By the chapter its session ends here. But the other side may send on it for one
 * more flight: on our current one if our handshake crosses theirs, on our previous one from then
 * on. In the usual course it is too old by now. */
static void retire(struct wg_peer *p, struct wg_session **slot, mono_t now)
{
	struct wg_session **last = &p->retired[WG_PEER_RETIRED - 1];
	for (int i = 0; i < WG_PEER_RETIRED; i++)
		if (p->retired[i] && !wg_session_can_receive(p->retired[i], now))
			end_session(p->dev, &p->retired[i]);
	if (!*slot || !wg_session_can_receive(*slot, now)) {
		end_session(p->dev, slot);
		return;
	}
	end_session(p->dev, last);
	memmove(p->retired + 1, p->retired, sizeof(p->retired) - sizeof(p->retired[0]));
	p->retired[0] = *slot;
	*slot = NULL;
}

void wg_peer_install_initiator(struct wg_peer *p, struct wg_session *s)
{
	mono_t now = wg_session_created(s);
	retire(p, &p->previous, now);
	if (p->next) {
		retire(p, &p->current, now);
		p->previous = p->next;
		p->next = NULL;
	} else {
		p->previous = p->current;
	}
	p->current = s;
}

void wg_peer_install_responder(struct wg_peer *p, struct wg_session *s)
{
	end_session(p->dev, &p->next);
	p->next = s;
	retire(p, &p->previous, wg_session_created(s));
}

void wg_peer_on_confirmed(struct wg_peer *p, mono_t now, uint32_t local_index,
			  const struct wg_out *out)
{
	if (!p->next || wg_session_local_index(p->next) != local_index)
		return;
	retire(p, &p->previous, now);
	p->previous = p->current;
	p->current = p->next;
	p->next = NULL;
	p->heard = true;
	wg_timers_on_complete(p, now);
	wg_timers_schedule(p);
	out->event(out->arg, p, WG_EV_SESSIONS);
	out->event(out->arg, p, WG_EV_READY);
}

/* ---- what others ask for -------------------------------------------------------------------- */

void wg_peer_rekey(struct wg_peer *p)
{
	wipe(p->shared, sizeof(p->shared));
	p->shared_state = WG_SHARED_UNKNOWN;
	if (p->current)
		wg_session_stop_sending(p->current);
	if (p->next)
		wg_session_stop_sending(p->next);
	wg_peer_drop_pending(p);
	p->last_handshake_tx = MONO_ZERO;
	/* who was waiting for a session still is: try with the new key at once */
	if (!mono_is_never(p->timers.retransmit_at))
		p->timers.retransmit_at = MONO_ZERO;
	wg_timers_schedule(p);
}

static bool needs_session(const struct wg_peer *p, mono_t now)
{
	return !p->current || !wg_session_can_send(p->current, now) ||
	       wg_session_wants_rekey(p->current, now);
}

void wg_peer_want_session(struct wg_peer *p, mono_t now, wall_t wall, const struct wg_out *out)
{
	if (!needs_session(p, now))
		return;
	wg_handshake_begin(p, now, wall, out);
	wg_timers_schedule(p);
}

void wg_peer_on_active(struct wg_peer *p)
{
	wg_timers_schedule(p);
}

void wg_peer_on_heard(struct wg_peer *p)
{
	p->heard = true;
}

void wg_peer_set_psk(struct wg_peer *p, const uint8_t *psk)
{
	if (p->psk)
		wipe(p->psk, 32);
	free(p->psk);
	p->psk = NULL;
	if (!psk)
		return;
	p->psk = xcalloc(1, 32);
	memcpy(p->psk, psk, 32);
}

void wg_peer_set_activity(struct wg_peer *p, struct wg_activity *a)
{
	p->act = a;
	wg_timers_schedule(p);
}

void wg_peer_set_persistent_keepalive(struct wg_peer *p, mono_t now, unsigned seconds)
{
	p->timers.persistent_ns = seconds * NS_PER_S;
	p->timers.last_persistent = now;
	wg_timers_schedule(p);
}

void wg_peer_set_id(struct wg_peer *p, uint32_t id)
{
	p->id = id;
}

/* ---- reading -------------------------------------------------------------------------------- */

const struct node_key *wg_peer_key(const struct wg_peer *p)
{
	return &p->key;
}

uint32_t wg_peer_id(const struct wg_peer *p)
{
	return p->id;
}

void *wg_peer_user(const struct wg_peer *p)
{
	return p->user;
}

struct wg_session *wg_peer_previous(const struct wg_peer *p)
{
	return p->previous;
}

struct wg_session *wg_peer_current(const struct wg_peer *p)
{
	return p->current;
}

struct wg_session *wg_peer_next(const struct wg_peer *p)
{
	return p->next;
}

struct wg_session *wg_peer_retired(const struct wg_peer *p, unsigned i)
{
	return p->retired[i];
}

mono_t wg_peer_last_handshake(const struct wg_peer *p)
{
	return p->last_handshake;
}

bool wg_peer_is_handshaking(const struct wg_peer *p)
{
	return p->pending && !mono_is_never(p->timers.retransmit_at);
}
