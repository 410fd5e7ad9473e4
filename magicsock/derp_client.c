/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/derp_client.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "magicsock/derp_client_priv.h"

#include <stdlib.h>

static void on_sweep(struct loop_defer *d);

struct derp_mgr *derp_mgr_new(struct net *net, struct rng *rng, const struct derp_mgr_ops *ops,
			      void *arg)
{
	struct derp_mgr *m = xcalloc(1, sizeof(*m));
	m->net = net;
	m->loop = net_loop(net);
	m->rng = rng;
	m->ops = ops;
	m->arg = arg;
	m->network_up = true;
	map_init(&m->routes, sizeof(struct node_key));
	loop_defer_init(m->loop, &m->sweep, on_sweep, m);
	return m;
}

void derp_mgr_free(struct derp_mgr *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_links; i++)
		derp_link_free(m->links[i]);
	free(m->links);
	loop_defer_cancel(&m->sweep);
	map_fini(&m->routes);
	derp_map_free(m->map);
	node_priv_wipe(&m->key);
	free(m);
}

/* ---- connections ---------------------------------------------------------------------------- */

static struct derp_link *find(const struct derp_mgr *m, int region)
{
	for (size_t i = 0; i < m->n_links; i++)
		if (m->links[i]->region == region)
			return m->links[i];
	return NULL;
}

static struct derp_link *find_or_new(struct derp_mgr *m, int region)
{
	struct derp_link *c = find(m, region);
	if (c)
		return c;
	m->links = xrealloc(m->links, m->n_links + 1, sizeof(struct derp_link *));
	c = derp_link_new(m, region);
	m->links[m->n_links++] = c;
	return c;
}

/* We could have a connection there. */
static bool usable(const struct derp_mgr *m, int region)
{
	const struct derp_region *r = derp_map_find(m->map, region);
	return m->has_key && m->network_up && r && derp_region_dialable(r);
}

void derp_mgr_sweep_later(struct derp_mgr *m)
{
	loop_defer_arm(&m->sweep);
}

/* Tell the owner what changed. It may call us back, which at most arms another sweep. */
static void tell(struct derp_link *c)
{
	struct derp_mgr *m = c->mgr;
	bool broken = c->broken, news = c->news;
	c->broken = c->news = false;
	if (news)
		m->ops->on_state(m->arg, c->region, c->up, c->text);
	if (broken && m->ops->on_want_restun)
		m->ops->on_want_restun(m->arg);
}

static void remove_unwanted(struct derp_mgr *m, mono_t now)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->n_links; i++) {
		struct derp_link *c = m->links[i];
		if (c->state == LINK_IDLE && !c->news && !derp_link_wanted(c, now))
			derp_link_free(c);
		else
			m->links[kept++] = c;
	}
	m->n_links = kept;
}

/* Runs with no callback of ours on the stack. */
static void on_sweep(struct loop_defer *d)
{
	struct derp_mgr *m = d->arg;
	mono_t now = loop_now(m->loop);
	if (usable(m, m->home))
		find_or_new(m, m->home);
	for (size_t i = 0; i < m->n_links; i++) {
		derp_link_reap(m->links[i]);
		derp_link_flush(m->links[i]);
		derp_link_settle(m->links[i], now);
	}
	for (size_t i = 0; i < m->n_links; i++)
		tell(m->links[i]);
	remove_unwanted(m, now);
}

/* ---- settings ---------------------------------------------------------------------------------
 */

void derp_mgr_set_map(struct derp_mgr *m, const struct derp_map *map)
{
	struct derp_map *old = m->map;
	m->map = map ? derp_map_copy(map) : NULL;
	for (size_t i = 0; i < m->n_links; i++) {
		int id = m->links[i]->region;
		const struct derp_region *was = derp_map_find(old, id);
		const struct derp_region *is = derp_map_find(m->map, id);
		if (!was || !is || !derp_region_equal(was, is))
			derp_link_close(m->links[i], "the relay map changed");
	}
	derp_map_free(old);
	derp_mgr_sweep_later(m);
}

static bool same_key(const struct derp_mgr *m, const struct node_priv *key)
{
	if (!key || !m->has_key)
		return !key == !m->has_key;
	return secret_eq(m->key.b, key->b, sizeof(key->b));
}

static void close_all(struct derp_mgr *m, const char *why)
{
	for (size_t i = 0; i < m->n_links; i++) {
		derp_link_close(m->links[i], why);
		m->links[i]->fails = 0;
		m->links[i]->retry_at = MONO_ZERO;
	}
	derp_mgr_sweep_later(m);
}

void derp_mgr_set_key(struct derp_mgr *m, const struct node_priv *key)
{
	if (same_key(m, key))
		return;
	node_priv_wipe(&m->key);
	m->has_key = key != NULL;
	if (key)
		m->key = *key;
	close_all(m, "the node key changed");
}

void derp_mgr_set_home(struct derp_mgr *m, int region)
{
	if (m->home == region)
		return;
	struct derp_link *old = find(m, m->home);
	if (old) /* it idles out */
		old->last_use = loop_now(m->loop);
	m->home = region;
	for (size_t i = 0; i < m->n_links; i++)
		if (m->links[i]->session)
			derp_session_set_home(m->links[i]->session, m->links[i]->region == region);
	derp_mgr_sweep_later(m);
}

int derp_mgr_home(const struct derp_mgr *m)
{
	return m->home;
}

void derp_mgr_set_have_v6(struct derp_mgr *m, bool have)
{
	m->have_v6 = have;
}

/* ---- datagrams ----------------------------------------------------------------------------------
 */

int derp_mgr_send(struct derp_mgr *m, int region, const struct node_key *dst, struct span datagram)
{
	if (datagram.len > DERP_PACKET_MAX)
		return -ERR_TOOBIG;
	if (!usable(m, region))
		return -ERR_NOENT;
	struct derp_link *c = find_or_new(m, region);
	c->last_use = loop_now(m->loop);
	derp_link_push(c, dst, datagram);
	derp_mgr_sweep_later(m);
	return 0;
}

/* ---- routes ---- */

void derp_mgr_learn_route(struct derp_mgr *m, const struct node_key *peer, int region)
{
	map_put(&m->routes, peer->b, (void *)(intptr_t)region);
}

void derp_mgr_forget_routes(struct derp_mgr *m, int region)
{
	size_t it = 0;
	const void *key;
	void *v;
	while ((v = map_next(&m->routes, &it, &key)))
		if ((intptr_t)v == region)
			map_del(&m->routes, key);
}

static bool is_open(const struct derp_mgr *m, int region)
{
	const struct derp_link *c = region ? find(m, region) : NULL;
	return c && c->up;
}

int derp_mgr_route_for(const struct derp_mgr *m, const struct node_key *peer, int peer_home)
{
	if (is_open(m, peer_home))
		return peer_home;
	int heard = (int)(intptr_t)map_get(&m->routes, peer->b);
	if (is_open(m, heard))
		return heard;
	return derp_map_find(m->map, peer_home) ? peer_home : 0;
}

void derp_mgr_forget_peer(struct derp_mgr *m, const struct node_key *peer)
{
	map_del(&m->routes, peer->b);
}

/* ---- link ---- */

static bool has_ip(const struct ip *list, size_t n, struct ip ip)
{
	for (size_t i = 0; i < n; i++)
		if (ip_eq(list[i], ip))
			return true;
	return n == 0;
}

void derp_mgr_on_link_change(struct derp_mgr *m, const struct ip *local, size_t n)
{
	mono_t now = loop_now(m->loop);
	for (size_t i = 0; i < m->n_links; i++) {
		struct derp_link *c = m->links[i];
		c->fails = 0;
		if (c->state == LINK_OPEN && has_ip(local, n, stream_local(c->stream).ip))
			derp_session_probe(c->session, now);
		else
			derp_link_close(c, "the network changed");
		c->retry_at = MONO_ZERO;
	}
	derp_mgr_sweep_later(m);
}

void derp_mgr_set_network_up(struct derp_mgr *m, bool up)
{
	if (m->network_up == up)
		return;
	m->network_up = up;
	close_all(m, "the network is down");
}

/* ---- status ---- */

bool derp_mgr_status(const struct derp_mgr *m, int region, struct derp_region_status *out)
{
	const struct derp_link *c = find(m, region);
	if (!c)
		return false;
	*out = (struct derp_region_status){
		.region = region,
		.home = m->home == region,
		.connected = c->up,
		.connecting = c->state != LINK_IDLE && !c->up,
		.since = c->since,
		.last_frame = c->last_frame,
		.text = c->text,
		.health = c->health,
		.tx_dropped = c->tx_dropped,
	};
	if (c->stream)
		out->remote = stream_remote(c->stream);
	return true;
}

size_t derp_mgr_regions(const struct derp_mgr *m, int *ids, size_t max)
{
	for (size_t i = 0; i < m->n_links && i < max; i++)
		ids[i] = m->links[i]->region;
	return m->n_links;
}
