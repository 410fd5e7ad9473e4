/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/device_priv.h"

#include <stdlib.h>

struct wg_device *wg_device_new(struct rng *rng)
{
	struct wg_device *d = xcalloc(1, sizeof(*d));
	d->rng = rng;
	map_init(&d->peers, sizeof(struct node_key));
	map_init(&d->indices, sizeof(uint32_t));
	heap_init(&d->due);
	d->gate = wg_gate_new(rng);
	return d;
}

void wg_device_free(struct wg_device *d)
{
	if (!d)
		return;
	size_t it = 0;
	struct wg_peer *p;
	while ((p = map_next(&d->peers, &it, NULL)))
		wg_peer_free(p);
	map_fini(&d->peers);
	map_fini(&d->indices);
	heap_fini(&d->due);
	wg_gate_free(d->gate);
	wipe(d, sizeof(*d));
	free(d);
}

uint32_t wg_index_new(struct wg_peer *p)
{
	uint32_t index;
	do
		index = rng_u32(p->dev->rng);
	while (map_get(&p->dev->indices, &index));
	map_put(&p->dev->indices, &index, p);
	return index;
}

void wg_index_del(struct wg_device *d, uint32_t index)
{
	map_del(&d->indices, &index);
}

struct wg_peer *wg_index_find(const struct wg_device *d, uint32_t index)
{
	return map_get(&d->indices, &index);
}

static void drop_self(struct wg_device *d, const struct wg_out *out)
{
	struct wg_peer *p = wg_peer_find(d, &d->self.pub);
	if (!p)
		return;
	out->event(out->arg, p, WG_EV_IS_SELF);
	wg_peer_remove(p);
}

void wg_device_set_key(struct wg_device *d, const struct node_priv *key, const struct wg_out *out)
{
	if (key && d->have_key && secret_eq(key->b, d->self.priv.b, sizeof(key->b)))
		return;
	wg_identity_wipe(&d->self);
	d->have_key = key != NULL;
	if (key)
		wg_identity_set(&d->self, key);
	wg_knock_forget(&d->knocks); /* they called another key */
	wg_gate_set_self(d->gate, wg_device_public(d));
	if (key)
		drop_self(d, out);
	size_t it = 0;
	struct wg_peer *p;
	while ((p = map_next(&d->peers, &it, NULL)))
		wg_peer_rekey(p);
}

const struct node_key *wg_device_public(const struct wg_device *d)
{
	return d->have_key ? &d->self.pub : NULL;
}

enum wg_verdict wg_device_input(struct wg_device *d, mono_t now, const struct wg_from *from,
				struct span datagram, const struct wg_out *out)
{
	enum wg_verdict v = wg_handshake_input(d, now, from, datagram, false, out);
	wg_verdict_count(v);
	return v;
}

enum wg_verdict wg_device_admitted(struct wg_device *d, mono_t now, const struct wg_from *from,
				   struct span datagram, const struct wg_out *out)
{
	enum wg_verdict v = wg_handshake_input(d, now, from, datagram, true, out);
	wg_verdict_count(v);
	return v;
}

void wg_device_knock(struct wg_device *d, mono_t now, const struct wg_from *from,
		     struct span datagram)
{
	struct wg_knock k = { .key = from->relay_key, .at = now, .from = *from };
	if (wg_classify(datagram) != WG_KIND_INITIATION)
		return;
	memcpy(&k.msg, datagram.p, sizeof(k.msg));
	wg_knock_put(&d->knocks, &k);
}

bool wg_device_take_knock(struct wg_device *d, mono_t now, struct wg_knock *out)
{
	return wg_knock_take(&d->knocks, now, out);
}

void wg_device_on_backlog(struct wg_device *d, mono_t now, size_t waiting, size_t capacity)
{
	wg_gate_on_backlog(d->gate, now, waiting, capacity);
}

bool wg_device_under_load(const struct wg_device *d, mono_t now)
{
	return wg_gate_under_load(d->gate, now);
}

void wg_device_set_eager(struct wg_device *d, mono_t until)
{
	d->eager_until = until;
}

mono_t wg_device_deadline(const struct wg_device *d)
{
	const struct heap_node *first = heap_min(&d->due);
	return mono_min(first ? first->at : MONO_NEVER, wg_knock_deadline(&d->knocks));
}

void wg_device_tick(struct wg_device *d, mono_t now, wall_t wall, const struct wg_out *out)
{
	struct heap_node *first;
	while ((first = heap_min(&d->due)) && mono_due(first->at, now)) {
		struct wg_peer *p = CONTAINER_OF(first, struct wg_peer, due);
		wg_timers_run(p, now, wall, out);
		wg_timers_schedule(p);
	}
}
