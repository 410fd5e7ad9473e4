/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/registry.h"

#include "base/alloc.h"
#include "daemon/coordinator/addresses.h"
#include "daemon/coordinator/authkeys.h"
#include "daemon/coordinator/hostinfo.h"
#include "daemon/coordinator/routes.h"

#include <stdlib.h>

static void changed(struct registry *r, struct node *n, unsigned what)
{
	if (what && r->on_change)
		r->on_change(r->arg, n, what);
}

void registry_init(struct registry *r, struct rng *rng)
{
	*r = (struct registry){ .next_node = 1, .next_user = 1, .next_addr = 1 };
	map_init(&r->by_key, 32);
	map_init(&r->by_v4, 4);
	rng_fill(rng, r->hash_key, sizeof(r->hash_key));
}

void registry_fini(struct registry *r)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		node_free(r->nodes[i]);
	for (size_t i = 0; i < r->n_users; i++) {
		free(r->users[i]->name);
		free(r->users[i]);
	}
	for (size_t i = 0; i < r->n_keys; i++)
		auth_key_free(r->keys[i]);
	free(r->nodes);
	free(r->users);
	free(r->keys);
	free(r->primaries);
	map_fini(&r->by_key);
	map_fini(&r->by_v4);
	*r = (struct registry){ 0 };
}

/* ---- users ---- */

struct user *registry_user(const struct registry *r, int64_t id)
{
	for (size_t i = 0; i < r->n_users; i++)
		if (r->users[i]->id == id)
			return r->users[i];
	return NULL;
}

struct user *registry_user_by_name(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n_users; i++)
		if (strcmp(r->users[i]->name, name) == 0)
			return r->users[i];
	return NULL;
}

struct user *registry_user_add(struct registry *r, const char *name, wall_t now)
{
	struct user *u = registry_user_by_name(r, name);

	if (u || !user_name_ok(name) || r->n_users >= REGISTRY_USERS_MAX)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->id = r->next_user++;
	u->name = xstrdup(name);
	u->created = now;
	r->users = xrealloc(r->users, r->n_users + 1, sizeof(*r->users));
	r->users[r->n_users++] = u;
	return u;
}

/* ---- nodes: storage ---- */

struct node *node_new(void)
{
	return xcalloc(1, sizeof(struct node));
}

void node_free(struct node *n)
{
	if (!n)
		return;
	free(n->name);
	strv_fini(&n->tags);
	strv_fini(&n->caps);
	prefixes_fini(&n->announced);
	prefixes_fini(&n->approved);
	prefixes_fini(&n->active);
	j_free(n->hostinfo);
	free(n);
}

static size_t node_index(const struct registry *r, int64_t id)
{
	size_t lo = 0, hi = r->n_nodes;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (r->nodes[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct node *registry_node(const struct registry *r, int64_t id)
{
	size_t at = node_index(r, id);

	return at < r->n_nodes && r->nodes[at]->id == id ? r->nodes[at] : NULL;
}

struct node *registry_node_by_key(const struct registry *r, const struct node_key *key)
{
	return node_key_is_zero(key) ? NULL : map_get(&r->by_key, key->b);
}

static struct node *node_by_name(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		if (strcmp(r->nodes[i]->name, name) == 0)
			return r->nodes[i];
	return NULL;
}

struct node *registry_node_by_text(const struct registry *r, const char *text)
{
	uint64_t id;
	struct ip ip;

	if (u64_decode(span_str(text), INT64_MAX, &id) == 0)
		return registry_node(r, (int64_t)id);
	if (ip_decode(span_str(text), &ip) == 0) {
		for (size_t i = 0; i < r->n_nodes; i++)
			if (ip_eq(r->nodes[i]->v4, ip) || ip_eq(r->nodes[i]->v6, ip))
				return r->nodes[i];
		return NULL;
	}
	return node_by_name(r, text);
}

bool node_expired(const struct node *n, wall_t now)
{
	return !wall_is_zero(n->expiry) && !wall_before(now, n->expiry);
}

bool registry_adopt(struct registry *r, struct node *n)
{
	size_t at = node_index(r, n->id);

	if (r->n_nodes >= REGISTRY_NODES_MAX || registry_node(r, n->id) ||
	    node_key_is_zero(&n->key) || map_get(&r->by_key, n->key.b) ||
	    map_get(&r->by_v4, n->v4.b) || node_by_name(r, n->name))
		return false;
	r->nodes = xrealloc(r->nodes, r->n_nodes + 1, sizeof(struct node *));
	memmove(r->nodes + at + 1, r->nodes + at, (r->n_nodes - at) * sizeof(struct node *));
	r->nodes[at] = n;
	r->n_nodes++;
	map_put(&r->by_key, n->key.b, n);
	map_put(&r->by_v4, n->v4.b, n);
	return true;
}

/* ---- names ---- */

/* The host name's label, with "-N" where another node has it. New. */
static char *free_name(const struct registry *r, const struct node *self, const char *hostname)
{
	char label[LABEL_MAX + 1];
	char *name;

	label_from_hostname(hostname ? hostname : "", label);
	name = xstrdup(label);
	for (unsigned i = 1;; i++) {
		const struct node *other = node_by_name(r, name);

		if (!other || other == self)
			return name;
		free(name);
		name = xasprintf("%.*s-%u", LABEL_MAX - 11, label, i);
	}
}

static bool rename_from_hostname(struct registry *r, struct node *n)
{
	char *name;
	bool differs;

	if (n->renamed)
		return false;
	name = free_name(r, n, j_str(n->hostinfo, "Hostname"));
	differs = !n->name || strcmp(name, n->name) != 0;
	free(n->name);
	n->name = name;
	return differs;
}

int registry_rename(struct registry *r, struct node *n, const char *name)
{
	const struct node *other = node_by_name(r, name);

	if (!label_ok(name))
		return -ERR_SYNTAX;
	if (other && other != n)
		return -ERR_EXIST;
	n->renamed = true;
	str_set(&n->name, name);
	changed(r, n, NODE_INFO);
	return 0;
}

/* ---- join, leave ---- */

struct node *registry_rejoin_target(const struct registry *r, const struct join *j)
{
	bool tagged = j->tags && j->tags->n;

	for (size_t i = 0; i < r->n_nodes; i++) {
		struct node *n = r->nodes[i];

		if (!machine_key_eq(&n->machine, &j->machine))
			continue;
		if (n->auth_user == j->user && (tagged || n->user != USER_TAGGED))
			return n;
	}
	return NULL;
}

static bool hostinfo_too_large(const json_t *info)
{
	char *text = j_dump(info);
	bool large = strlen(text) > NODE_HOSTINFO_MAX;

	free(text);
	return large;
}

static unsigned take_hostinfo(struct registry *r, struct node *n, json_t *hostinfo)
{
	json_t *info;
	struct prefixes routes = { 0 };
	int home;
	unsigned what = 0;

	if (!j_is_object(hostinfo) || (n->hostinfo && j_equal(n->hostinfo, hostinfo)) ||
	    hostinfo_too_large(hostinfo))
		return 0;
	info = j_copy(hostinfo);
	/* NetInfo absent means "as before" */
	if (!j_get(info, "NetInfo") && j_get(n->hostinfo, "NetInfo"))
		j_set(info, "NetInfo", j_ref(j_get(n->hostinfo, "NetInfo")));
	home = (int)j_int(j_get(info, "NetInfo"), "PreferredDERP", n->home_derp);
	if (home != n->home_derp && home >= 0 && home <= 65535) {
		n->home_derp = home;
		what |= NODE_HOME;
	}
	prefixes_from_json(&routes, j_get(info, "RoutableIPs"), NODE_ROUTES_MAX);
	if (!hostinfo_same_for_peers(n->hostinfo, info))
		what |= NODE_INFO;
	j_free(n->hostinfo);
	n->hostinfo = info;
	if (rename_from_hostname(r, n))
		what |= NODE_INFO;
	if (!prefixes_equal(&routes, &n->announced)) {
		prefixes_copy(&n->announced, &routes);
		what |= NODE_INFO;
	}
	prefixes_fini(&routes);
	return what;
}

static struct node *join_new(struct registry *r, const struct join *j, wall_t now)
{
	struct node *n;
	struct ip v4, v6;

	if (r->n_nodes >= REGISTRY_NODES_MAX || !address_pick(r, &v4, &v6))
		return NULL;
	n = node_new();
	n->id = r->next_node++;
	n->machine = j->machine;
	n->key = j->key;
	n->created = now;
	n->v4 = v4;
	n->v6 = v6;
	n->name = free_name(r, n, j_str(j->hostinfo, "Hostname"));
	if (!registry_adopt(r, n)) {
		node_free(n);
		return NULL;
	}
	return n;
}

static unsigned set_key(struct registry *r, struct node *n, const struct node_key *key)
{
	if (node_key_eq(&n->key, key))
		return 0;
	map_del(&r->by_key, n->key.b);
	n->key = *key;
	map_put(&r->by_key, n->key.b, n);
	/* peers hear of the new key together with the disco key of the process that has it */
	n->disco = (struct disco_key){ 0 };
	return NODE_KEY | NODE_DISCO;
}

struct node *registry_join(struct registry *r, const struct join *j, wall_t now)
{
	const struct node *holder = registry_node_by_key(r, &j->key);
	struct node *n = registry_rejoin_target(r, j);
	unsigned what = NODE_EXPIRY | NODE_INFO;
	bool tagged = j->tags && j->tags->n;

	if (node_key_is_zero(&j->key) || (holder && holder != n))
		return NULL;
	if (!n) {
		n = join_new(r, j, now);
		what = NODE_NEW;
	}
	if (!n)
		return NULL;
	what |= set_key(r, n, &j->key);
	n->user = tagged ? USER_TAGGED : j->user;
	n->auth_user = j->user;
	strv_fini(&n->tags);
	if (tagged)
		strv_copy(&n->tags, j->tags);
	n->ephemeral = j->ephemeral;
	n->expiry = tagged ? WALL_ZERO : j->expiry;
	n->cap = j->cap;
	what |= take_hostinfo(r, n, j->hostinfo);
	changed(r, n, what);
	routes_refresh(r);
	return n;
}

void registry_remove(struct registry *r, struct node *n)
{
	size_t at = node_index(r, n->id);

	map_del(&r->by_key, n->key.b);
	map_del(&r->by_v4, n->v4.b);
	memmove(r->nodes + at, r->nodes + at + 1, (r->n_nodes - at - 1) * sizeof(struct node *));
	r->n_nodes--;
	changed(r, n, NODE_GONE);
	node_free(n);
	routes_refresh(r);
}

void registry_expire(struct registry *r, struct node *n, wall_t when)
{
	n->expiry = when;
	changed(r, n, NODE_EXPIRY);
}

void registry_set_tags(struct registry *r, struct node *n, const struct strv *tags)
{
	strv_copy(&n->tags, tags);
	n->user = tags->n ? USER_TAGGED : n->auth_user;
	changed(r, n, NODE_INFO);
}

void registry_online(struct registry *r, struct node *n, bool on, wall_t now)
{
	bool before = node_online(n);

	if (on)
		n->sessions++;
	else if (n->sessions)
		n->sessions--;
	if (before == node_online(n))
		return;
	n->last_seen = on ? WALL_ZERO : now;
	changed(r, n, NODE_ONLINE);
	routes_refresh(r);
}

/* ---- map requests ---- */

static bool same_endpoints(const struct node *n, const struct node_report *rep, size_t count)
{
	if (n->n_endpoints != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!ep_eq(n->endpoints[i], rep->endpoints[i]))
			return false;
	return true;
}

void registry_report(struct registry *r, struct node *n, const struct node_report *rep)
{
	size_t count =
	    rep->n_endpoints < NODE_ENDPOINTS_MAX ? rep->n_endpoints : NODE_ENDPOINTS_MAX;
	unsigned what = take_hostinfo(r, n, rep->hostinfo);

	if (!disco_key_is_zero(&rep->disco) && !disco_key_eq(&rep->disco, &n->disco)) {
		n->disco = rep->disco;
		what |= NODE_DISCO;
	}
	if (count && !same_endpoints(n, rep, count)) {
		memcpy(n->endpoints, rep->endpoints, count * sizeof(n->endpoints[0]));
		n->n_endpoints = count;
		what |= NODE_ENDPOINTS;
	}
	if (rep->cap && rep->cap != n->cap) {
		n->cap = rep->cap;
		what |= NODE_INFO;
	}
	changed(r, n, what);
	if (what & NODE_INFO)
		routes_refresh(r);
}
