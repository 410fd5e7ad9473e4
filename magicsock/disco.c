/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/disco.h"

#include "base/alloc.h"
#include "magicsock/disco_priv.h"

#include <stdlib.h>

/* ---- deadlines --------------------------------------------------------------------------- */

mono_t disco_deadline(const struct disco *d)
{
	struct heap_node *min = heap_min(&d->timers);
	return min ? min->at : MONO_NEVER;
}

void disco_settle(struct disco *d, struct disco_member *p)
{
	mono_t at = path_deadline(p->pub.path);
	if (mono_is_never(at))
		heap_remove(&d->timers, &p->timer);
	else
		heap_set(&d->timers, &p->timer, at);
	mono_t first = disco_deadline(d);
	bool earlier = mono_before(first, d->announced);
	d->announced = first;
	if (earlier)
		d->ops->rearm(d->arg);
}

void disco_tick(struct disco *d, mono_t now)
{
	struct heap_node *min;
	while ((min = heap_min(&d->timers)) && mono_due(min->at, now)) {
		struct disco_member *p = CONTAINER_OF(min, struct disco_member, timer);
		path_tick(p->pub.path, now);
		disco_settle(d, p);
	}
}

/* ---- keys ---------------------------------------------------------------------------------- */

bool disco_ensure_box(struct disco_member *p)
{
	if (!p->has_box && !disco_key_is_zero(&p->pub.key) && !disco_priv_is_zero(&p->set->priv))
		p->has_box = box_precompute(&p->box, p->set->priv.b, p->pub.key.b) == 0;
	return p->has_box;
}

static void drop_box(struct disco_member *p)
{
	wipe(&p->box, sizeof(p->box));
	p->has_box = false;
}

static void link_key(struct disco *d, struct disco_member *p)
{
	if (disco_key_is_zero(&p->pub.key))
		return;
	p->same_key = map_put(&d->by_key, p->pub.key.b, p);
}

static void unlink_key(struct disco *d, struct disco_member *p)
{
	struct disco_member *first = map_get(&d->by_key, p->pub.key.b);
	if (first == p) {
		if (p->same_key)
			map_put(&d->by_key, p->pub.key.b, p->same_key);
		else
			map_del(&d->by_key, p->pub.key.b);
	}
	for (struct disco_member *it = first; it && it != p; it = it->same_key)
		if (it->same_key == p)
			it->same_key = p->same_key;
	p->same_key = NULL;
}

void disco_set_self(struct disco *d, const struct node_key *node, const struct disco_priv *priv)
{
	d->self_node = *node;
	d->priv = *priv;
	disco_priv_public(priv, &d->self);
	size_t it = 0;
	struct disco_member *p;
	while ((p = map_next(&d->by_node, &it, NULL)))
		drop_box(p);
}

const struct disco_key *disco_self(const struct disco *d)
{
	return &d->self;
}

/* ---- the set ------------------------------------------------------------------------------------
 */

struct disco *disco_new(const struct disco_ops *ops, void *arg, struct rng *rng)
{
	struct disco *d = xcalloc(1, sizeof(*d));
	d->ops = ops;
	d->arg = arg;
	d->rng = rng;
	d->announced = MONO_NEVER;
	path_node_init(&d->node, &disco_path_ops, d, rng);
	map_init(&d->by_node, sizeof(struct node_key));
	map_init(&d->by_key, sizeof(struct disco_key));
	heap_init(&d->timers);
	return d;
}

static void peer_free(struct disco *d, struct disco_member *p)
{
	heap_remove(&d->timers, &p->timer);
	path_free(p->pub.path);
	drop_box(p);
	free(p);
}

void disco_free(struct disco *d)
{
	if (!d)
		return;
	size_t it = 0;
	struct disco_member *p;
	while ((p = map_next(&d->by_node, &it, NULL)))
		peer_free(d, p);
	map_fini(&d->by_node);
	map_fini(&d->by_key);
	heap_fini(&d->timers);
	disco_priv_wipe(&d->priv);
	free(d);
}

struct path_node *disco_node(struct disco *d)
{
	return &d->node;
}

struct disco_peer *disco_peer_find(const struct disco *d, const struct node_key *node)
{
	struct disco_member *p = map_get(&d->by_node, node->b);
	return p ? &p->pub : NULL;
}

struct disco_peer *disco_peer_add(struct disco *d, const struct node_key *node, void *user)
{
	struct disco_peer *old = disco_peer_find(d, node);
	if (old)
		return old;
	struct disco_member *p = xcalloc(1, sizeof(*p));
	p->set = d;
	p->pub.node = *node;
	p->pub.user = user;
	p->pub.path = path_new(&d->node, p);
	map_put(&d->by_node, node->b, p);
	return &p->pub;
}

static struct disco_member *inner(struct disco_peer *p)
{
	return CONTAINER_OF(p, struct disco_member, pub);
}

void disco_peer_remove(struct disco *d, struct disco_peer *pub)
{
	struct disco_member *p = inner(pub);
	unlink_key(d, p);
	map_del(&d->by_node, pub->node.b);
	peer_free(d, p);
}

bool disco_peer_set_key(struct disco *d, struct disco_peer *pub, const struct disco_key *key)
{
	struct disco_member *p = inner(pub);
	if (disco_key_eq(&pub->key, key))
		return false;
	bool had = !disco_key_is_zero(&pub->key);
	if (had)
		unlink_key(d, p);
	drop_box(p);
	pub->key = *key;
	link_key(d, p);
	return had && !disco_key_is_zero(key);
}

void disco_peer_set_netmap(struct disco *d, struct disco_peer *p, mono_t now,
			   const struct path_netmap *nm)
{
	path_on_netmap(p->path, now, nm);
	disco_settle(d, inner(p));
}

size_t disco_n_peers(const struct disco *d)
{
	return map_len(&d->by_node);
}

struct disco_peer *disco_peer_next(const struct disco *d, size_t *it)
{
	struct disco_member *p = map_next(&d->by_node, it, NULL);
	return p ? &p->pub : NULL;
}

/* ---- events ---- */

struct path_route disco_on_send(struct disco *d, struct disco_peer *p, mono_t now)
{
	struct path_route r = path_on_send(p->path, now);
	disco_settle(d, inner(p));
	return r;
}

void disco_on_activity(struct disco *d, struct disco_peer *p, mono_t now)
{
	path_on_activity(p->path, now);
	disco_settle(d, inner(p));
}

void disco_on_heard(struct disco *d, struct disco_peer *p, mono_t now, struct ep from)
{
	path_on_heard(p->path, now, from);
	disco_settle(d, inner(p));
}

void disco_on_rebind(struct disco *d, mono_t now)
{
	size_t it = 0;
	struct disco_member *p;
	d->node.endpoints_at = MONO_ZERO; /* a call-me-maybe shall not name what was left behind */
	while ((p = map_next(&d->by_node, &it, NULL))) {
		path_on_rebind(p->pub.path, now);
		disco_settle(d, p);
	}
}

void disco_on_unreachable(struct disco *d, struct disco_peer *p, mono_t now, struct ep to)
{
	path_on_unreachable(p->path, now, to);
	disco_settle(d, inner(p));
}

void disco_on_endpoints(struct disco *d, mono_t now)
{
	path_node_endpoints_fresh(&d->node, now);
}

int disco_ping_start(struct disco *d, struct disco_peer *p, mono_t now, size_t size, void *token)
{
	int rc = path_ping_start(p->path, now, size, token);
	disco_settle(d, inner(p));
	return rc;
}

void disco_ping_stop(struct disco_peer *p, void *token)
{
	path_ping_stop(p->path, token);
}
