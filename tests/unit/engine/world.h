/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.h: engines with a made-up outside: what they send, command and publish lies in boxes, maps
 * are made by hand, and two engines can be joined by a wire. */
#ifndef TESTS_UNIT_ENGINE_WORLD_H
#define TESTS_UNIT_ENGINE_WORLD_H

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/engine/engine_priv.h"
#include "netstack/filter.h"
#include "netstack/icmp.h"
#include "netstack/tsmp.h"
#include "tests/lib/cm.h"
#include "wg/allowedips.h"
#include "wg/messages.h"
#include "wg/session.h"

#include <stdio.h>
#include <stdlib.h>

#define START ((mono_t){ 1000 * NS_PER_S })
#define SELF_ID 1
#define SENT_MAX 512
#define PEERS_MAX 64
#define REGION 7
#define RULES_ALL                                                                                  \
	"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65535}}" \
	"]}]"

struct sent {
	struct ep to; /* unset: by relay */
	int region;
	struct node_key key;
	struct dp_msg m; /* of a command */
	uint8_t *b;
	size_t len;
};

struct shell {
	struct engine *e;
	struct rng_seeded rng;
	struct node_priv key;
	struct node_key pub;
	mono_t now;
	struct dp_snapshot *s; /* published last */
	unsigned publishes;
	struct sent net[SENT_MAX], commands[SENT_MAX];
	size_t n_net, n_commands;
	unsigned forgotten, changed, rearmed, wanted_endpoints;
	bool derp_down;
	int no_route; /* nonzero: no relay leads anywhere */
};

static inline wall_t wall_at(mono_t now)
{
	return (wall_t){ 1700000000 + now.ns / NS_PER_S, 0 };
}

/* ---- the made-up outside --------------------------------------------------------------------- */

static inline struct sent *keep(struct sent *v, size_t *n, struct span b)
{
	assert_true(*n < SENT_MAX);
	struct sent *it = &v[(*n)++];
	*it = (struct sent){ .b = xcalloc(1, b.len + 1), .len = b.len };
	if (b.len)
		memcpy(it->b, b.p, b.len);
	return it;
}

static inline void drop_kept(struct sent *v, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free(v[i].b);
	*n = 0;
}

static inline struct span sent_span(const struct sent *it)
{
	return span_of(it->b, it->len);
}

static inline void shell_udp(void *arg, struct ep to, struct span d)
{
	struct shell *h = arg;
	keep(h->net, &h->n_net, d)->to = to;
}

static inline void shell_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	struct shell *h = arg;
	struct sent *it = keep(h->net, &h->n_net, d);
	it->region = region;
	it->key = *to;
}

static inline int shell_route(void *arg, const struct node_key *peer, int home)
{
	const struct shell *h = arg;
	(void)peer;
	return h->no_route ? 0 : home;
}

static inline bool shell_derp_up(void *arg, int region)
{
	const struct shell *h = arg;
	return region && !h->derp_down;
}

static inline void shell_forget(void *arg, const struct node_key *peer)
{
	struct shell *h = arg;
	(void)peer;
	h->forgotten++;
}

static inline size_t shell_endpoints(void *arg, struct ep *out, size_t max)
{
	(void)arg;
	(void)out;
	(void)max;
	return 0;
}

static inline void shell_want_endpoints(void *arg)
{
	((struct shell *)arg)->wanted_endpoints++;
}

static inline void shell_publish(void *arg, struct dp_snapshot *s)
{
	struct shell *h = arg;
	dp_snapshot_free(h->s);
	h->s = s;
	h->publishes++;
}

static inline void shell_command(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct shell *h = arg;
	keep(h->commands, &h->n_commands, bytes)->m = *m;
}

static inline void shell_rearm(void *arg)
{
	((struct shell *)arg)->rearmed++;
}

static inline void shell_changed(void *arg)
{
	((struct shell *)arg)->changed++;
}

static const struct engine_ops shell_ops = {
	.send_udp = shell_udp,
	.send_derp = shell_derp,
	.derp_route = shell_route,
	.derp_up = shell_derp_up,
	.derp_forget = shell_forget,
	.endpoints = shell_endpoints,
	.want_endpoints = shell_want_endpoints,
	.publish = shell_publish,
	.command = shell_command,
	.rearm = shell_rearm,
	.changed = shell_changed,
};

static inline void shell_start(struct shell *h, uint64_t seed)
{
	memset(h, 0, sizeof(*h));
	h->now = START;
	rng_seeded_init(&h->rng, seed);
	node_priv_generate(&h->key, &h->rng.rng);
	node_priv_public(&h->key, &h->pub);
	struct engine_opts o = {
		.ops = &shell_ops, .arg = h, .rng = &h->rng.rng, .now = h->now, .mtu = 1280
	};
	h->e = engine_new(&o);
	engine_set_key(h->e, h->now, &h->key);
}

static inline void shell_forget_sent(struct shell *h)
{
	drop_kept(h->net, &h->n_net);
	drop_kept(h->commands, &h->n_commands);
}

static inline void shell_stop(struct shell *h)
{
	engine_free(h->e);
	dp_snapshot_free(h->s);
	shell_forget_sent(h);
}

static inline void flush(struct shell *h)
{
	engine_flush(h->e, h->now);
}

static inline void tick_at(struct shell *h, mono_t at)
{
	h->now = at;
	engine_tick(h->e, at, wall_at(at));
	flush(h);
}

static inline void event(struct shell *h, enum dp_msg_type type, uint32_t slot, uint32_t index,
			 struct span bytes)
{
	struct dp_msg m = { .type = (uint8_t)type, .peer = slot, .index = index };
	engine_event(h->e, h->now, wall_at(h->now), &m, bytes);
	flush(h);
}

static inline size_t count_commands(const struct shell *h, enum dp_msg_type type, uint32_t slot)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n_commands; i++)
		n += h->commands[i].m.type == type && h->commands[i].m.peer == slot;
	return n;
}

/* ---- maps --------------------------------------------------------------------------------------
 */

static inline struct ip node_ip(int64_t id)
{
	return ip_v4(100, 64, 0, (uint8_t)id);
}

static inline struct ep node_ep(int64_t id)
{
	return (struct ep){ ip_v4(192, 0, 2, (uint8_t)id), 41641 };
}

/* A peer as the map has it; a test changes what it is about. Lists are storage for the spec. */
struct peer_spec {
	struct nm_node n;
	struct prefix prefixes[4];
	struct ep endpoints[4];
	struct nm_cap caps[4];
	char name[32];
};

static inline struct peer_spec spec_of(int64_t id, const struct node_key *key,
				       const struct disco_key *disco)
{
	struct peer_spec p = { .prefixes[0] = prefix_host(node_ip(id)),
			       .endpoints[0] = node_ep(id) };
	p.n = (struct nm_node){
		.id = id,
		.user = 1,
		.key = *key,
		.home_derp = REGION,
		.flags = NM_MACHINE_AUTHORIZED,
		.online = J_TRUE,
		.n_addresses = 1,
		.n_allowed_ips = 1,
		.n_endpoints = 1,
	};
	if (disco)
		p.n.disco = *disco;
	snprintf(p.name, sizeof(p.name), "n%d.test.", (int)id);
	return p;
}

/* A peer nobody plays: made-up keys from a number. */
static inline struct peer_spec stranger(int64_t id)
{
	struct node_key key = { { 9, (uint8_t)id } };
	struct disco_key disco = { { 5, (uint8_t)id } };
	return spec_of(id, &key, &disco);
}

static inline const struct nm_node *node_of(const struct peer_spec *p)
{
	struct nm_node n = p->n;
	n.stable_id = n.name = n.hostname = p->name;
	n.os = n.location = n.exit_dns = "";
	n.addresses = n.allowed_ips = p->prefixes;
	n.endpoints = p->endpoints;
	n.caps = p->caps;
	return nm_node_new(&n);
}

struct map_spec {
	struct peer_spec *peers;
	size_t n;
	const char *filter;   /* NULL: none came */
	const int64_t *delta; /* ids of a change; NULL: all */
	size_t n_delta;
	unsigned mask;
	bool shields;
	const char *self_cap;	       /* NULL: none */
	void (*tune)(struct prefs *p); /* changes the preferences; NULL: as at first */
};

static inline void set_map(struct shell *h, const struct map_spec *m)
{
	struct netmap nm;
	struct prefs prefs;
	struct peer_spec self = spec_of(SELF_ID, &h->pub, engine_disco_key(h->e));
	netmap_init(&nm);
	prefs_init(&prefs);
	prefs.shields_up = m->shields;
	if (m->tune)
		m->tune(&prefs);
	if (m->self_cap)
		self.caps[self.n.n_caps++] = (struct nm_cap){ m->self_cap, "" };
	nm.self = node_of(&self);
	nm.peers = xcalloc(m->n + 1, sizeof(*nm.peers));
	for (size_t i = 0; i < m->n; i++) {
		nm.peers[nm.n_peers++] = node_of(&m->peers[i]);
		map_put(&nm.by_key, &nm.peers[i]->key, (void *)(uintptr_t)nm.peers[i]);
		nm_addresses_add(&nm.by_address, nm.peers[i]);
	}
	if (m->filter) {
		nm.filters = xcalloc(1, sizeof(*nm.filters));
		nm.filters[0] = (struct nm_filter){ xstrdup("base"), xstrdup(m->filter) };
		nm.n_filters = 1;
	}
	struct nm_change ch = { .mask = m->mask | NM_CHANGED_PEERS,
				.ids = m->delta,
				.n_ids = m->n_delta };
	engine_set_map(h->e, h->now, wall_at(h->now), &nm, &prefs, m->delta ? &ch : NULL);
	netmap_fini(&nm);
	prefs_fini(&prefs);
	flush(h);
}

/* A full map of these peers under a filter that allows all. */
static inline void full_map(struct shell *h, struct peer_spec *peers, size_t n)
{
	set_map(h, &(struct map_spec){ .peers = peers, .n = n, .filter = RULES_ALL });
}

static inline void delta_map(struct shell *h, struct peer_spec *peers, size_t n, int64_t id)
{
	set_map(h, &(struct map_spec){
		       .peers = peers, .n = n, .filter = RULES_ALL, .delta = &id, .n_delta = 1 });
}

/* The slot that has the peer's address in the published snapshot; WG_NO_PEER if none. */
static inline uint32_t slot_of(const struct shell *h, int64_t id)
{
	return wg_allowedips_lookup(h->s->tables->allowed, node_ip(id));
}

static inline bool is_known(const struct shell *h, const struct peer_spec *p)
{
	struct engine_peer_status st;
	return engine_peer_status(h->e, &p->n.key, h->now, &st);
}

/* ---- a wire between two engines ---- */

struct pair {
	struct shell a, b; /* ids 1 in their own eyes; A sees B as 3, B sees A as 2 */
	struct peer_spec b_of_a, a_of_b;
	bool udp; /* datagrams to node_ep(3) and node_ep(2) arrive */
};

/* Deliver everything both have sent, and what that causes. Transport data is left out. */
static inline void carry_from(struct pair *p, struct shell *from, struct shell *to, int64_t to_id,
			      int64_t from_id)
{
	for (size_t i = 0; i < from->n_net; i++) {
		struct sent *it = &from->net[i];
		if (!ep_is_set(it->to) && node_key_eq(&it->key, &to->pub))
			engine_input_derp(to->e, to->now, wall_at(to->now), it->region, &from->pub,
					  sent_span(it));
		else if (p->udp && ep_eq(it->to, node_ep(to_id)))
			engine_input_udp(to->e, to->now, wall_at(to->now), node_ep(from_id),
					 sent_span(it));
		flush(to);
	}
	drop_kept(from->net, &from->n_net);
}

static inline void carry(struct pair *p)
{
	for (int round = 0; round < 20 && p->a.n_net + p->b.n_net > 0; round++) {
		carry_from(p, &p->a, &p->b, 3, 2);
		carry_from(p, &p->b, &p->a, 2, 3);
	}
	assert_int_equal(p->a.n_net + p->b.n_net, 0);
}

static inline void pair_start(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	shell_start(&p->a, 1);
	shell_start(&p->b, 2);
	p->b_of_a = spec_of(3, &p->b.pub, engine_disco_key(p->b.e));
	p->a_of_b = spec_of(2, &p->a.pub, engine_disco_key(p->a.e));
	full_map(&p->a, &p->b_of_a, 1);
	full_map(&p->b, &p->a_of_b, 1);
}

/* A session, asked for by A's worker, confirmed to B's engine. */
static inline void pair_shake_hands(struct pair *p)
{
	uint32_t slot = slot_of(&p->a, 3);
	event(&p->a, DP_EV_WANT_SESSION, slot, 0, span_of(NULL, 0));
	carry(p);
	assert_non_null(p->a.s->peers[slot].current);
}

static inline void pair_stop(struct pair *p)
{
	shell_stop(&p->a);
	shell_stop(&p->b);
}

#endif
