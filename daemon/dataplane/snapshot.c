/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/snapshot.h"

#include "base/alloc.h"
#include "base/map.h"
#include "dns/local.h"
#include "netstack/filter.h"
#include "wg/allowedips.h"
#include "wg/session.h"

#include <stdlib.h>

struct dp_live *dp_live_new(void)
{
	struct dp_live *l = xcalloc(1, sizeof(*l));
	l->refs = 1;
	return l;
}

void dp_live_ref(struct dp_live *l)
{
	l->refs++;
}

void dp_live_unref(struct dp_live *l)
{
	if (l && --l->refs == 0)
		free(l);
}

void dp_tables_unref(struct dp_tables *t)
{
	if (!t || --t->refs > 0)
		return;
	wg_allowedips_free(t->allowed);
	flt_free(t->filter);
	flt_free(t->jail);
	free(t);
}

/* Twice as many slots as entries keeps probes short. */
static uint32_t index_slots(uint32_t n)
{
	uint32_t slots = 8;
	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

struct dp_snapshot *dp_snapshot_new(struct dp_tables *tables, uint32_t n_peers, uint32_t n_sessions)
{
	struct dp_snapshot *s = xcalloc(1, sizeof(*s));
	uint32_t slots = index_slots(n_sessions);
	s->tables = tables;
	s->own = tables->self;
	tables->refs++;
	s->peers = xcalloc(n_peers ? n_peers : 1, sizeof(*s->peers));
	s->n_peers = n_peers;
	s->index = xcalloc(slots, sizeof(*s->index));
	s->index_mask = slots - 1;
	slots = index_slots(n_peers);
	s->known = xcalloc(slots, sizeof(*s->known));
	s->known_mask = slots - 1;
	return s;
}

/* Its slot, or the empty one where it belongs. */
static struct ep *known_slot(const struct dp_snapshot *s, struct ep ep)
{
	uint8_t key[sizeof(ep.ip) + sizeof(ep.port)];
	memcpy(key, &ep.ip, sizeof(ep.ip));
	memcpy(key + sizeof(ep.ip), &ep.port, sizeof(ep.port));
	uint32_t at = (uint32_t)map_hash(key, sizeof(key)) & s->known_mask;
	while (ep_is_set(s->known[at]) && !ep_eq(s->known[at], ep))
		at = (at + 1) & s->known_mask;
	return &s->known[at];
}

bool dp_snapshot_knows(const struct dp_snapshot *s, struct ep ep)
{
	return ep_is_set(*known_slot(s, ep));
}

void dp_snapshot_set_dns(struct dp_snapshot *s, struct dns_local *dns)
{
	s->dns = dns ? dns_local_ref(dns) : NULL;
}

void dp_snapshot_set_peer(struct dp_snapshot *s, uint32_t peer, const struct dp_peer *p)
{
	s->peers[peer] = *p;
	dp_live_ref(p->live);
	if (ep_is_set(p->best))
		*known_slot(s, p->best) = p->best;
	if (p->current)
		wg_session_ref(p->current);
}

void dp_snapshot_add_session(struct dp_snapshot *s, uint32_t index, uint32_t peer,
			     struct wg_session *session, bool is_next)
{
	/* Indices are random, so they are their own hash. */
	uint32_t at = index & s->index_mask;
	while (s->index[at].session)
		at = (at + 1) & s->index_mask;
	s->index[at] = (struct dp_index){ index, peer, wg_session_ref(session), is_next };
}

const struct dp_index *dp_snapshot_find(const struct dp_snapshot *s, uint32_t index)
{
	for (uint32_t at = index & s->index_mask; s->index[at].session;
	     at = (at + 1) & s->index_mask)
		if (s->index[at].index == index)
			return &s->index[at];
	return NULL;
}

struct wg_session *dp_peer_session(const struct dp_peer *p)
{
	return p->next && wg_session_is_heard(p->next) ? p->next : p->current;
}

void dp_snapshot_free(struct dp_snapshot *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_peers; i++) {
		wg_session_unref(s->peers[i].current);
		dp_live_unref(s->peers[i].live);
	}
	for (uint32_t i = 0; i <= s->index_mask; i++)
		wg_session_unref(s->index[i].session);
	dp_tables_unref(s->tables);
	dns_local_unref(s->dns);
	free(s->peers);
	free(s->index);
	free(s->known);
	free(s);
}

struct dp_exchange {
	_Atomic(struct dp_snapshot *) current;
	_Atomic(struct dp_snapshot *) hazard[DP_WORKERS_MAX];
	struct dp_snapshot *retired; /* control thread only */
	uint64_t published;	     /* likewise */
};

struct dp_exchange *dp_exchange_new(void)
{
	return xcalloc(1, sizeof(struct dp_exchange));
}

static bool is_held(struct dp_exchange *x, const struct dp_snapshot *s)
{
	for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
		if (atomic_load(&x->hazard[i]) == s)
			return true;
	return false;
}

void dp_reclaim(struct dp_exchange *x)
{
	struct dp_snapshot **at = &x->retired;
	while (*at) {
		struct dp_snapshot *s = *at;
		if (is_held(x, s)) {
			at = &s->next_retired;
			continue;
		}
		*at = s->next_retired;
		dp_snapshot_free(s);
	}
}

void dp_publish(struct dp_exchange *x, struct dp_snapshot *s)
{
	if (s)
		s->number = ++x->published;
	struct dp_snapshot *old = atomic_exchange(&x->current, s);
	if (old) {
		old->next_retired = x->retired;
		x->retired = old;
	}
	dp_reclaim(x);
}

const struct dp_snapshot *dp_acquire(struct dp_exchange *x, unsigned worker)
{
	struct dp_snapshot *s = atomic_load(&x->current);
	for (;;) {
		atomic_store(&x->hazard[worker], s);
		/* The engine may have retired s before it could see the hazard. */
		struct dp_snapshot *again = atomic_load(&x->current);
		if (again == s)
			return s;
		s = again;
	}
}

void dp_release(struct dp_exchange *x, unsigned worker)
{
	atomic_store(&x->hazard[worker], NULL);
}

void dp_exchange_free(struct dp_exchange *x)
{
	if (!x)
		return;
	for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
		atomic_store(&x->hazard[i], NULL);
	dp_publish(x, NULL);
	free(x);
}
