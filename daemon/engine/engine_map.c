/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the network map to peers, allowed addresses and the filter. */
#include "daemon/engine/engine_priv.h"

#include "base/log.h"
#include "wg/allowedips.h"

#include <stdlib.h>

struct epeer *engine_peer(const struct engine *e, const struct node_key *key)
{
	return map_get(&e->by_key, key);
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static uint32_t take_slot(struct engine *e)
{
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (!e->slots[i] && mono_due(mono_add_s(e->freed_at[i], SLOT_QUARANTINE_S), e->now))
			return i;
	uint32_t old = e->n_slots, n = old ? old * 2 : 16;
	e->slots = xrealloc(e->slots, n, sizeof(*e->slots));
	e->freed_at = xrealloc(e->freed_at, n, sizeof(*e->freed_at));
	for (uint32_t i = old; i < n; i++) {
		e->slots[i] = NULL;
		e->freed_at[i] = mono_add_s(MONO_ZERO, -2 * SLOT_QUARANTINE_S);
	}
	e->n_slots = n;
	return old;
}

/* ---- one peer ----------------------------------------------------------------------------------
 */

static struct rt_peer rt_of(const struct nm_node *n)
{
	return (struct rt_peer){
		.id = (uint64_t)n->id,
		.addresses = n->addresses,
		.n_addresses = n->n_addresses,
		.allowed = n->allowed_ips,
		.n_allowed = n->n_allowed_ips,
		.expired = nm_node_is_expired(n),
		.has_disco = !disco_key_is_zero(&n->disco),
		.wireguard_only = n->flags & NM_WIREGUARD_ONLY,
		.home_derp = n->home_derp,
	};
}

static void add_wg(struct engine *e, struct epeer *p)
{
	p->wg = wg_peer_add(e->wg, &p->node->key, p->slot, p);
	if (p->wg)
		wg_peer_set_activity(p->wg, &p->live->act);
}

static void drop_wg(struct engine *e, struct epeer *p)
{
	if (!p->wg)
		return;
	wg_peer_remove(p->wg);
	p->wg = NULL;
	atomic_store_explicit(&p->live->session_wanted, false, memory_order_relaxed);
	engine_command(e, DP_CMD_DROP_STAGED, p, false, span_of(NULL, 0));
	e->dirty = true;
}

static void drop_disco(struct engine *e, struct epeer *p)
{
	if (!p->disco)
		return;
	disco_peer_remove(e->disco, p->disco);
	p->disco = NULL;
	e->dirty = true;
}

void engine_reset_sessions(struct engine *e, struct epeer *p)
{
	if (!p->wg)
		return;
	drop_wg(e, p);
	add_wg(e, p);
}

static void remove_peer(struct engine *e, struct epeer *p)
{
	engine_pings_forget(e, p);
	drop_wg(e, p);
	drop_disco(e, p);
	list_remove(&p->active);
	e->ops->derp_forget(e->arg, &p->node->key);
	map_del(&e->by_key, &p->node->key);
	map_del(&e->by_id, &p->node->id);
	e->slots[p->slot] = NULL;
	e->freed_at[p->slot] = e->now;
	nm_node_unref(p->node);
	dp_live_unref(p->live);
	free(p);
	e->dirty = true;
}

void engine_remove_all(struct engine *e)
{
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (e->slots[i])
			remove_peer(e, e->slots[i]);
}

static struct epeer *new_peer(struct engine *e, const struct nm_node *n)
{
	struct epeer *p = xcalloc(1, sizeof(*p));
	p->slot = take_slot(e);
	p->node = nm_node_ref(n);
	p->live = dp_live_new();
	list_init(&p->active);
	e->slots[p->slot] = p;
	map_put(&e->by_id, &n->id, p);
	map_put(&e->by_key, &n->key, p);
	e->dirty = true;
	return p;
}

/* A key that came in-band wins over an older word of the server (transport.md 5), and over one that
 * the server only repeats: a change of something else carries the key that it knew before, and no
 * peer goes back to a key. */
static bool server_key_is_stale(const struct epeer *p, const struct nm_node *n)
{
	if (disco_key_is_zero(&p->tsmp_key))
		return false;
	if (disco_key_eq(&p->server_key, &n->disco) && !disco_key_eq(&p->tsmp_key, &n->disco))
		return true;
	return n->online == J_FALSE && !wall_before(p->tsmp_at, n->last_seen);
}

static void update_disco(struct engine *e, struct epeer *p)
{
	const struct nm_node *n = p->node;
	if (!p->disco) {
		p->disco = disco_peer_add(e->disco, &n->key, p);
		e->dirty = true;
	}
	if (!server_key_is_stale(p, n) && disco_peer_set_key(e->disco, p->disco, &n->disco)) {
		bool known = disco_key_eq(&p->tsmp_key, &n->disco);
		p->tsmp_key = (struct disco_key){ { 0 } };
		if (!known)
			engine_reset_sessions(e, p);
	}
	struct path_netmap pm = {
		.eps = n->endpoints,
		.n_eps = n->n_endpoints,
		.home = n->home_derp,
		.expired = nm_node_is_expired(n),
	};
	disco_peer_set_netmap(e->disco, p->disco, e->now, &pm);
}

/* Make one peer what the map says. */
static void update_peer(struct engine *e, struct epeer *p, const struct nm_node *n)
{
	if (p->node != n) {
		if (p->node->home_derp != n->home_derp || (p->node->flags ^ n->flags) & NM_JAILED ||
		    !ip_eq(p->node->masq_v4, n->masq_v4) || !ip_eq(p->node->masq_v6, n->masq_v6))
			e->dirty = true;
		nm_node_ref(n);
		nm_node_unref(p->node);
		p->node = n;
	}
	struct rt_peer r = rt_of(n);
	if (!rt_peer_used(&r)) {
		drop_wg(e, p);
		drop_disco(e, p);
		return;
	}
	if (!p->wg) {
		add_wg(e, p);
		e->dirty = true;
	}
	if (disco_key_is_zero(&n->disco))
		drop_disco(e, p);
	else
		update_disco(e, p);
}

static bool same_caps(const struct nm_node *a, const struct nm_node *b)
{
	if (a->n_caps != b->n_caps)
		return false;
	for (uint32_t i = 0; i < a->n_caps; i++)
		if (strcmp(a->caps[i].name, b->caps[i].name) != 0)
			return false;
	return true;
}

/* Does the difference change who owns which address, or whom the filter lets in? */
static bool changes_tables(const struct nm_node *a, const struct nm_node *b)
{
	struct rt_peer ra = rt_of(a), rb = rt_of(b);
	return rt_peer_used(&ra) != rt_peer_used(&rb) || a->n_addresses != b->n_addresses ||
	       a->n_allowed_ips != b->n_allowed_ips ||
	       ((a->flags ^ b->flags) & (NM_UNSIGNED_PEERAPI_ONLY | NM_JAILED)) ||
	       memcmp(a->addresses, b->addresses, a->n_addresses * sizeof(*a->addresses)) != 0 ||
	       memcmp(a->allowed_ips, b->allowed_ips, a->n_allowed_ips * sizeof(*a->allowed_ips)) !=
		   0 ||
	       !same_caps(a, b);
}

/* Bring the peer with that id up to date; true if the tables must be made anew. */
static bool reconcile(struct engine *e, const struct netmap *nm, int64_t id)
{
	struct epeer *p = map_get(&e->by_id, &id);
	const struct nm_node *n = netmap_peer(nm, id);
	bool tables = false;
	if (p && (!n || !node_key_eq(&p->node->key, &n->key))) {
		remove_peer(e, p);
		p = NULL;
		tables = true;
	}
	if (!n)
		return tables;
	/* A key can only be one peer's; the map gives it to this one now. */
	struct epeer *holder = p ? NULL : engine_peer(e, &n->key);
	if (holder)
		remove_peer(e, holder);
	if (!p) {
		p = new_peer(e, n);
		tables = true;
	} else {
		tables |= changes_tables(p->node, n);
		e->jail_narrowed |= ~p->node->flags & n->flags & NM_JAILED;
	}
	if (tables)
		engine_tell_odd_routes(e, n);
	update_peer(e, p, n);
	p->seen = true;
	return tables;
}

static bool reconcile_all(struct engine *e, const struct netmap *nm)
{
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (e->slots[i])
			e->slots[i]->seen = false;
	for (size_t i = 0; i < nm->n_peers; i++)
		reconcile(e, nm, nm->peers[i]->id);
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (e->slots[i] && !e->slots[i]->seen)
			remove_peer(e, e->slots[i]);
	return true;
}

/* ---- tables ---- */

static void note_self(struct engine *e, const struct nm_node *self)
{
	free(e->self_ips);
	e->self_ips = xcalloc(self->n_addresses + 1, sizeof(*e->self_ips));
	e->n_self = 0;
	for (size_t i = 0; i < self->n_addresses; i++)
		if (prefix_is_host(self->addresses[i]))
			e->self_ips[e->n_self++] = self->addresses[i].ip;
}

static void note_choice(struct engine *e, const struct netmap *nm, const struct prefs *p)
{
	e->choice = (struct rt_choice){
		.exit_node = prefs_wants_exit_node(p),
		.one_cgnat = nm_node_cap(nm->self, "one-cgnat?v=true") != NULL,
		.disable_ipv4 = nm_node_cap(nm->self, "disable-ipv4") != NULL,
	};
	for (size_t i = 0; p->exit_node_id[0] && i < nm->n_peers; i++)
		if (strcmp(nm->peers[i]->stable_id, p->exit_node_id) == 0)
			e->choice.exit_node_id = (uint64_t)nm->peers[i]->id;
	e->allow_lan = p->exit_node_allow_lan;
	engine_note_accepted(e, p);
	engine_note_firewall(e, nm->self, p);
}

/* only-tcp-443: relays and nothing else. */
static void note_udp(struct engine *e, const struct nm_node *self)
{
	bool no_udp = nm_node_cap(self, "only-tcp-443") != NULL;
	if (disco_node(e->disco)->no_udp == no_udp)
		return;
	disco_node(e->disco)->no_udp = no_udp;
	disco_on_rebind(e->disco, e->now); /* no path is to be used any more */
}

static void note_peers(struct engine *e)
{
	e->rt = xrealloc(e->rt, e->n_slots + 1, sizeof(*e->rt));
	e->rt_slot = xrealloc(e->rt_slot, e->n_slots + 1, sizeof(*e->rt_slot));
	e->n_rt = 0;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		if (!e->slots[i] || !e->slots[i]->wg)
			continue;
		e->rt_slot[e->n_rt] = i;
		e->rt[e->n_rt++] = rt_of(e->slots[i]->node);
	}
}

static struct wg_allowedips *build_allowed(struct engine *e)
{
	struct wg_allowedips *a = wg_allowedips_new(rng_u64(e->rng));
	size_t n = 0;
	struct rt_owner *owners = rt_owners(&e->choice, e->rt, e->n_rt, &n);
	for (size_t i = 0; i < n; i++)
		if (wg_allowedips_insert(a, owners[i].prefix, e->rt_slot[owners[i].peer]) != 0)
			log_error("engine: no memory for an allowed prefix");
	free(owners);
	return a;
}

static void build_tables(struct engine *e, const struct netmap *nm, const struct prefs *p)
{
	note_self(e, nm->self);
	note_udp(e, nm->self);
	note_choice(e, nm, p);
	note_peers(e);
	struct dp_tables *t = xcalloc(1, sizeof(*t));
	t->refs = 1;
	t->mtu = e->mtu;
	t->self.addr4 = nm_node_address(nm->self, IP_V4);
	t->self.addr6 = nm_node_address(nm->self, IP_V6);
	t->self.disco = *disco_self(e->disco);
	t->allowed = build_allowed(e);
	engine_build_filters(e, t, nm, p);
	dp_tables_unref(e->tables);
	e->tables = t;
	e->dirty = true;
}

/* ---- the map ---- */

void engine_set_map(struct engine *e, mono_t now, wall_t wall, const struct netmap *nm,
		    const struct prefs *p, const struct nm_change *ch)
{
	engine_enter(e, now, wall);
	bool tables =
	    !e->tables || !ch || ch->full || (ch->mask & (NM_CHANGED_SELF | NM_CHANGED_FILTER));
	if (!ch || ch->full || !e->tables)
		tables |= reconcile_all(e, nm);
	else
		for (size_t i = 0; i < ch->n_ids; i++)
			tables |= reconcile(e, nm, ch->ids[i]);
	if (tables)
		build_tables(e, nm, p);
	else
		note_peers(e); /* it borrows from nodes that may have been replaced */
	e->ops->rearm(e->arg);
}

void engine_clear(struct engine *e, mono_t now)
{
	engine_enter(e, now, e->wall);
	engine_remove_all(e);
	e->narrowed |= e->tables != NULL;
	e->filter_void = false;
	dp_tables_unref(e->tables);
	e->tables = NULL;
	e->n_rt = 0;
	e->n_self = 0;
	e->dirty = true;
	e->ops->rearm(e->arg);
}

bool engine_router_in(const struct engine *e, struct router_in *out)
{
	if (!e->tables)
		return false;
	*out = (struct router_in){
		.self = e->self_ips,
		.n_self = e->n_self,
		.peers = e->rt,
		.n_peers = e->n_rt,
		.choice = e->choice,
		.lan = e->interfaces,
		.n_lan = e->n_interfaces,
		.allow_lan = e->allow_lan,
		.mtu = e->mtu,
	};
	return true;
}
