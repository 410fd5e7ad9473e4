/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/mapstream.h"

#include "base/crypto/crypto.h"
#include "daemon/coordinator/mapgen.h"

#include <stdlib.h>

/* Sets of ids: a map whose values only say "here", or carry a few bits. */
static void *bits_value(unsigned bits)
{
	return (void *)(uintptr_t)(bits | 1u << 31);
}

static unsigned value_bits(const void *v)
{
	return (unsigned)(uintptr_t)v & ~(1u << 31);
}

static bool set_has(const struct map *s, int64_t id)
{
	return map_get(s, &id) != NULL;
}

static void set_add(struct map *s, int64_t id)
{
	map_put(s, &id, bits_value(0));
}

void mapstream_init(struct mapstream *m, int64_t node)
{
	*m = (struct mapstream){ .node = node, .first = true };
	map_init(&m->known, sizeof(int64_t));
	map_init(&m->dirty, sizeof(int64_t));
	map_init(&m->users, sizeof(int64_t));
}

void mapstream_fini(struct mapstream *m)
{
	map_fini(&m->known);
	map_fini(&m->dirty);
	map_fini(&m->users);
}

void mapstream_note(struct mapstream *m, int64_t node, unsigned what)
{
	/* who may send to us depends on who is there, with which tags and routes */
	if (what & (NODE_NEW | NODE_GONE | NODE_INFO))
		m->filter = true;
	if (node == m->node) {
		if (what & (NODE_KEY | NODE_EXPIRY | NODE_INFO))
			m->self = true;
		if (what & NODE_INFO) /* our tags and routes decide whom we see */
			m->peers_all = true;
		return;
	}
	map_put(&m->dirty, &node, bits_value(value_bits(map_get(&m->dirty, &node)) | what));
}

void mapstream_note_policy(struct mapstream *m)
{
	m->filter = true;
	m->peers_all = true;
}

bool mapstream_due(const struct mapstream *m)
{
	return m->first || m->self || m->filter || m->derp || m->dns || m->peers_all || map_len(&m->dirty);
}

/* A peer is announced once it has a disco key (official clients ignore it before) and the policy
 * lets one of the two reach the other. */
static bool visible(const struct map_world *w, const struct node *self, const struct node *peer)
{
	return peer && peer != self && !disco_key_is_zero(&peer->disco) &&
	       policy_visible(w->policy, w->reg, self, peer);
}

/* ---- parts of a message ---- */

static void add_profile(struct mapstream *m, const struct map_world *w, json_t *profiles,
			int64_t user)
{
	if (set_has(&m->users, user))
		return;
	set_add(&m->users, user);
	j_add(profiles, map_user_profile(w->reg, user));
}

static void set_filter(struct mapstream *m, const struct map_world *w, const struct node *self,
		       json_t *msg, bool always)
{
	json_t *rules = w->filter_override ? j_copy(w->filter_override)
					   : policy_filter(w->policy, w->reg, self);
	json_t *named = j_object();
	char *text = j_dump(rules);
	uint8_t hash[32];

	blake2s_hash(hash, span_str(text), span_of(NULL, 0));
	free(text);
	j_set(named, "base", rules);
	if (always || memcmp(hash, m->filter_hash, sizeof(hash)) != 0)
		j_set(msg, "PacketFilters", named);
	else
		j_free(named);
	memcpy(m->filter_hash, hash, sizeof(hash));
	m->filter = false;
}

/* Moves a list into the message unless it is empty. */
static void set_list(json_t *msg, const char *name, json_t *list)
{
	if (j_len(list))
		j_set(msg, name, list);
	else
		j_free(list);
}

static void forget_marks(struct mapstream *m)
{
	map_fini(&m->dirty);
	map_init(&m->dirty, sizeof(int64_t));
	m->peers_all = false;
}

static json_t *first_message(struct mapstream *m, const struct map_world *w,
			     const struct node *self, wall_t now)
{
	json_t *msg = j_object(), *peers = j_array(), *profiles = j_array(), *debug = j_object();

	j_set(msg, "Node", map_self(self, w->base_domain, now));
	j_set(msg, "DERPMap", j_copy(w->derp_map));
	j_set(msg, "DNSConfig", j_copy(w->dns));
	j_set_str(msg, "Domain", w->base_domain);
	set_filter(m, w, self, msg, true);
	add_profile(m, w, profiles, self->user);
	for (size_t i = 0; i < w->reg->n_nodes; i++) {
		const struct node *p = w->reg->nodes[i];

		if (!visible(w, self, p))
			continue;
		set_add(&m->known, p->id);
		add_profile(m, w, profiles, p->user);
		j_add(peers, map_peer(p, w->base_domain, now));
	}
	set_list(msg, "UserProfiles", profiles);
	set_list(msg, "Peers", peers);
	j_set_bool(debug, "DisableLogTail", true);
	j_set(msg, "Debug", debug);
	forget_marks(m);
	m->first = m->self = m->derp = m->dns = false;
	return msg;
}

/* ---- deltas ---- */

struct delta {
	json_t *changed, *patches, *removed, *profiles;
};

static void delta_peer(struct mapstream *m, const struct map_world *w, const struct node *self,
		       int64_t id, unsigned what, struct delta *d, wall_t now)
{
	const struct node *p = registry_node(w->reg, id);
	bool known = set_has(&m->known, id);

	if (!visible(w, self, p)) {
		if (known) {
			map_del(&m->known, &id);
			j_add(d->removed, j_from_int(id));
		}
		return;
	}
	if (known && !what)
		return;
	add_profile(m, w, d->profiles, p->user);
	if (known && !(what & ~(unsigned)NODE_PATCHABLE) && !(what & NODE_KEY)) {
		j_add(d->patches, map_patch(p, what));
		return;
	}
	set_add(&m->known, id);
	j_add(d->changed, map_peer(p, w->base_domain, now));
}

static void delta_peers(struct mapstream *m, const struct map_world *w, const struct node *self,
			json_t *msg, wall_t now)
{
	struct delta d = { j_array(), j_array(), j_array(), j_array() };
	const void *key;
	size_t it = 0;
	void *v;
	int64_t id;

	while ((v = map_next(&m->dirty, &it, &key))) {
		memcpy(&id, key, sizeof(id));
		delta_peer(m, w, self, id, value_bits(v), &d, now);
	}
	for (size_t i = 0; m->peers_all && i < w->reg->n_nodes; i++) {
		id = w->reg->nodes[i]->id;
		if (!set_has(&m->dirty, id))
			delta_peer(m, w, self, id, 0, &d, now);
	}
	forget_marks(m);
	set_list(msg, "PeersChanged", d.changed);
	set_list(msg, "PeersRemoved", d.removed);
	set_list(msg, "PeersChangedPatch", d.patches);
	set_list(msg, "UserProfiles", d.profiles);
}

static json_t *delta_message(struct mapstream *m, const struct map_world *w,
			     const struct node *self, wall_t now)
{
	json_t *msg = j_object();

	if (m->self)
		j_set(msg, "Node", map_self(self, w->base_domain, now));
	if (m->derp)
		j_set(msg, "DERPMap", j_copy(w->derp_map));
	if (m->dns)
		j_set(msg, "DNSConfig", j_copy(w->dns));
	m->self = m->derp = m->dns = false;
	delta_peers(m, w, self, msg, now);
	if (m->filter)
		set_filter(m, w, self, msg, false);
	return msg;
}

json_t *mapstream_next(struct mapstream *m, const struct map_world *w, wall_t now)
{
	const struct node *self = registry_node(w->reg, m->node);
	json_t *msg;

	if (!self || !mapstream_due(m))
		return NULL;
	msg = m->first ? first_message(m, w, self, now) : delta_message(m, w, self, now);
	if (!j_len(msg)) {
		j_free(msg);
		return NULL;
	}
	j_set_time(msg, "ControlTime", now);
	return msg;
}
