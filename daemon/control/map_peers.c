/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/map_peers.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ---- the sorted array ---- */

/* Index of the id, or where it belongs. */
static size_t place_of(const struct netmap *nm, int64_t id)
{
	size_t lo = 0, hi = nm->n_peers;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (nm->peers[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct netmap *nm, size_t i, int64_t id)
{
	return i < nm->n_peers && nm->peers[i]->id == id;
}

static void touch(struct map_peers *p, int64_t id)
{
	if (p->n_ids == p->room_ids) {
		p->room_ids = p->room_ids ? p->room_ids * 2 : 16;
		p->ids = xrealloc(p->ids, p->room_ids, sizeof(*p->ids));
	}
	p->ids[p->n_ids++] = id;
}

static size_t bytes_of(const struct nm_node *n)
{
	return n->size + (size_t)n->n_addresses * NM_BYTES_PER_ADDRESS;
}

static void forget(struct netmap *nm, const struct nm_node *n)
{
	map_del(&nm->by_key, &n->key);
	nm_addresses_drop(&nm->by_address, n);
	nm->bytes -= bytes_of(n);
	nm_node_unref(n);
}

static void enter(struct netmap *nm, const struct nm_node *n)
{
	map_put(&nm->by_key, &n->key, (void *)(uintptr_t)n);
	nm->bytes += bytes_of(n);
}

static void remove_id(struct map_peers *p, int64_t id)
{
	struct netmap *nm = p->nm;
	size_t i = place_of(nm, id);
	if (!is_at(nm, i, id))
		return;
	touch(p, id);
	forget(nm, nm->peers[i]);
	nm->n_peers--;
	memmove(nm->peers + i, nm->peers + i + 1, (nm->n_peers - i) * sizeof(*nm->peers));
}

static void insert_at(struct netmap *nm, size_t i, const struct nm_node *n)
{
	if (nm->n_peers == nm->cap_peers) {
		nm->cap_peers = nm->cap_peers ? nm->cap_peers * 2 : 16;
		nm->peers = xrealloc(nm->peers, nm->cap_peers, sizeof(*nm->peers));
	}
	memmove(nm->peers + i + 1, nm->peers + i, (nm->n_peers - i) * sizeof(*nm->peers));
	nm->peers[i] = n;
	nm->n_peers++;
}

/* ---- rules ---- */

/* Counted and true if the server must not get this node into the map. */
static bool refuse(struct map_peers *p, const struct nm_node *n, size_t bytes_freed)
{
	const struct netmap *nm = p->nm;
	const struct nm_node *holder = netmap_peer_by_key(nm, &n->key);
	size_t limit = NM_BYTES_BASE + (size_t)NM_BYTES_PER_PEER * (nm->n_peers + 1);
	if (nm->self && (n->id == nm->self->id || node_key_eq(&n->key, &nm->self->key)))
		p->refused->self_as_peer++;
	else if (nm_key_is_low_order(n->key.b))
		p->refused->low_order++;
	else if (holder && holder->id != n->id)
		p->refused->same_key++;
	else if (nm->n_peers >= NM_PEERS_MAX || nm->bytes - bytes_freed + bytes_of(n) > limit)
		p->refused->too_many++;
	else
		return false;
	return true;
}

void map_peers_put(struct map_peers *p, struct nm_node *n)
{
	struct netmap *nm = p->nm;
	size_t i = place_of(nm, n->id);
	const struct nm_node *old = is_at(nm, i, n->id) ? nm->peers[i] : NULL;
	if (old && nm_node_equal(old, n)) {
		nm_node_unref(n);
		return;
	}
	if (refuse(p, n, old ? bytes_of(old) : 0)) {
		remove_id(p, n->id);
		nm_node_unref(n);
		return;
	}
	touch(p, n->id);
	nm_addresses_add(&nm->by_address, n); /* first: what old has as well stays its own */
	if (old) {
		forget(nm, old);
		nm->peers[i] = n;
	} else {
		insert_at(nm, i, n);
	}
	enter(nm, n);
}

void map_peers_set_self(struct map_peers *p, struct nm_node *self)
{
	struct netmap *nm = p->nm;
	const struct nm_node *twin = netmap_peer_by_key(nm, &self->key);
	nm_node_unref(nm->self);
	nm->self = self;
	if (twin) {
		p->refused->self_as_peer++;
		remove_id(p, twin->id);
	}
	if (netmap_peer(nm, self->id)) {
		p->refused->self_as_peer++;
		remove_id(p, self->id);
	}
}

/* ---- message members ---- */

static int by_id(const void *a, const void *b)
{
	const struct nm_node *x = *(struct nm_node *const *)a, *y = *(struct nm_node *const *)b;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Complete replacement. Peers that are gone go first, so that their keys are free. */
static void replace_all(struct map_peers *p, struct map_nodes *l)
{
	qsort(l->v, l->n, sizeof(struct nm_node *), by_id);
	for (size_t i = p->nm->n_peers; i-- > 0;) {
		const struct nm_node *old = p->nm->peers[i];
		if (!bsearch(&old, l->v, l->n, sizeof(struct nm_node *), by_id))
			remove_id(p, old->id);
	}
	for (size_t i = 0; i < l->n; i++)
		map_peers_put(p, l->v[i]);
	l->n = 0;
}

static void upsert(struct map_peers *p, struct map_nodes *l)
{
	for (size_t i = 0; i < l->n; i++)
		map_peers_put(p, l->v[i]);
	l->n = 0;
}

static void change_seen(struct map_peers *p, const struct map_id_bools *l, wall_t now)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct nm_node *old = netmap_peer(p->nm, l->v[i].id);
		if (!old)
			continue;
		struct nm_node spec = *old;
		spec.last_seen = l->v[i].value ? now : WALL_ZERO;
		struct nm_node *n = nm_node_new(&spec);
		if (n)
			map_peers_put(p, n);
	}
}

static void change_online(struct map_peers *p, const struct map_id_bools *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct nm_node *old = netmap_peer(p->nm, l->v[i].id);
		if (!old)
			continue;
		struct nm_node spec = *old;
		spec.online = l->v[i].value ? J_TRUE : J_FALSE;
		struct nm_node *n = nm_node_new(&spec);
		if (n)
			map_peers_put(p, n);
	}
}

/* An offline notice that is no newer than what we know must not bring an old disco key back. */
static bool is_stale(const struct nm_node *old, const struct nm_patch *p)
{
	unsigned both = NM_PATCH_DISCO | NM_PATCH_ONLINE | NM_PATCH_LAST_SEEN;
	return (p->has & both) == both && !p->online && !wall_is_zero(old->last_seen) &&
	       !wall_before(old->last_seen, p->last_seen);
}

static void patch(struct map_peers *p, const struct map_patches *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct nm_node *old = netmap_peer(p->nm, l->v[i].id);
		if (!old || is_stale(old, &l->v[i]))
			continue;
		struct nm_node *n = nm_patch_apply(old, &l->v[i]);
		if (n)
			map_peers_put(p, n);
	}
}

void map_peers_apply(struct map_peers *p, struct map_msg *m, wall_t now)
{
	if (m->peers.n) {
		replace_all(p, &m->peers);
		return;
	}
	for (size_t i = 0; i < m->removed.n; i++)
		remove_id(p, m->removed.v[i].id);
	upsert(p, &m->changed);
	change_seen(p, &m->seen, now);
	change_online(p, &m->online);
	patch(p, &m->patches);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

void map_peers_end(struct map_peers *p)
{
	size_t kept = 0;
	if (p->n_ids)
		qsort(p->ids, p->n_ids, sizeof(*p->ids), by_number);
	for (size_t i = 0; i < p->n_ids; i++)
		if (kept == 0 || p->ids[kept - 1] != p->ids[i])
			p->ids[kept++] = p->ids[i];
	p->n_ids = kept;
	nm_addresses_settle(&p->nm->by_address, p->nm->peers, p->nm->n_peers);
}
