/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/registry_file.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/coordinator/authkeys.h"
#include "daemon/coordinator/routes.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_VERSION 1

void coord_state_init(struct coord_state *s, struct rng *rng)
{
	*s = (struct coord_state){ 0 };
	machine_priv_generate(&s->noise_key, rng);
	node_priv_generate(&s->derp_key, rng);
	registry_init(&s->reg, rng);
}

void coord_state_fini(struct coord_state *s)
{
	registry_fini(&s->reg);
	machine_priv_wipe(&s->noise_key);
	node_priv_wipe(&s->derp_key);
	free(s->policy);
	free(s->dns);
	free(s->cert_name);
	*s = (struct coord_state){ 0 };
}

/* ---- encode ---- */

static void set_hex(json_t *o, const char *name, const uint8_t *p, size_t n)
{
	char text[2 * 32 + 1];

	hex_encode(span_of(p, n), text);
	j_set_str(o, name, text);
}

static void set_ip(json_t *o, const char *name, struct ip ip)
{
	char text[IP_TEXT_MAX];

	j_set_str(o, name, ip_encode(ip, text));
}

static void set_time(json_t *o, const char *name, wall_t t)
{
	if (!wall_is_zero(t))
		j_set_time(o, name, t);
}

static json_t *endpoints_json(const struct node *n)
{
	json_t *arr = j_array();
	char text[EP_TEXT_MAX];

	for (size_t i = 0; i < n->n_endpoints; i++)
		j_add_str(arr, ep_encode(n->endpoints[i], text));
	return arr;
}

static json_t *node_json(const struct node *n)
{
	json_t *o = j_object();
	char text[KEY_TEXT_MAX];

	j_set_int(o, "id", n->id);
	j_set_str(o, "name", n->name);
	j_set_bool(o, "renamed", n->renamed);
	j_set_str(o, "machine", machine_key_encode(&n->machine, text));
	j_set_str(o, "key", node_key_encode(&n->key, text));
	j_set_str(o, "disco", disco_key_encode(&n->disco, text));
	j_set_int(o, "user", n->user);
	j_set_int(o, "auth_user", n->auth_user);
	j_set_bool(o, "ephemeral", n->ephemeral);
	set_ip(o, "v4", n->v4);
	set_ip(o, "v6", n->v6);
	set_time(o, "created", n->created);
	set_time(o, "expiry", n->expiry);
	set_time(o, "last_seen", n->last_seen);
	j_set(o, "tags", strv_json(&n->tags));
	j_set_int(o, "cap", n->cap);
	j_set_int(o, "home", n->home_derp);
	j_set(o, "endpoints", endpoints_json(n));
	j_set(o, "approved", prefixes_json(&n->approved));
	if (n->hostinfo)
		j_set(o, "hostinfo", j_ref(n->hostinfo));
	return o;
}

static json_t *user_json(const struct user *u)
{
	json_t *o = j_object();

	j_set_int(o, "id", u->id);
	j_set_str(o, "name", u->name);
	set_time(o, "created", u->created);
	return o;
}

static json_t *key_json(const struct auth_key *k)
{
	json_t *o = j_object();

	j_set_str(o, "id", k->id);
	set_hex(o, "hash", k->hash, sizeof(k->hash));
	j_set_int(o, "user", k->user);
	j_set(o, "tags", strv_json(&k->tags));
	j_set_bool(o, "reusable", k->reusable);
	j_set_bool(o, "ephemeral", k->ephemeral);
	j_set_bool(o, "used", k->used);
	j_set_bool(o, "revoked", k->revoked);
	set_time(o, "created", k->created);
	set_time(o, "expiry", k->expiry);
	return o;
}

static void encode_lists(const struct registry *r, json_t *o)
{
	json_t *users = j_array(), *nodes = j_array(), *keys = j_array();

	for (size_t i = 0; i < r->n_users; i++)
		j_add(users, user_json(r->users[i]));
	for (size_t i = 0; i < r->n_nodes; i++)
		j_add(nodes, node_json(r->nodes[i]));
	for (size_t i = 0; i < r->n_keys; i++)
		j_add(keys, key_json(r->keys[i]));
	j_set(o, "users", users);
	j_set(o, "auth_keys", keys);
	j_set(o, "nodes", nodes);
}

void coord_state_encode(const struct coord_state *s, struct buf *out)
{
	json_t *o = j_object();
	char text[KEY_TEXT_MAX];

	j_set_int(o, "version", FILE_VERSION);
	machine_priv_encode_secret(&s->noise_key, text);
	j_set_str(o, "noise_key", text);
	node_priv_encode_secret(&s->derp_key, text);
	j_set_str(o, "derp_key", text);
	wipe(text, sizeof(text));
	set_hex(o, "auth_hash_key", s->reg.hash_key, sizeof(s->reg.hash_key));
	j_set_int(o, "next_node", s->reg.next_node);
	j_set_int(o, "next_user", s->reg.next_user);
	j_set_int(o, "next_addr", s->reg.next_addr);
	if (s->policy)
		j_set_str(o, "policy", s->policy);
	if (s->dns)
		j_set_str(o, "dns", s->dns);
	if (s->cert_name)
		j_set_str(o, "cert_name", s->cert_name);
	encode_lists(&s->reg, o);
	j_write(o, J_INDENT_2, false, out);
	buf_add_str(out, "\n");
	j_free(o);
}

/* ---- decode ---- */

static int bad(struct j_error *err, const char *what, size_t index)
{
	snprintf(err->text, sizeof(err->text), "%s %zu: a field is missing or not valid", what,
		 index);
	return -ERR_RANGE;
}

static bool get_ip(const json_t *o, const char *name, enum ip_family fam, struct ip *out)
{
	return ip_decode(j_span(o, name), out) == 0 && out->fam == fam;
}

static void endpoints_decode(struct node *n, const json_t *arr)
{
	for (size_t i = 0; i < j_len(arr) && n->n_endpoints < NODE_ENDPOINTS_MAX; i++)
		if (ep_decode(j_text_span(j_at(arr, i)), &n->endpoints[n->n_endpoints]) == 0)
			n->n_endpoints++;
}

static bool node_keys_decode(struct node *n, const json_t *o)
{
	return machine_key_decode(j_span(o, "machine"), &n->machine) == 0 &&
	       node_key_decode(j_span(o, "key"), &n->key) == 0 &&
	       disco_key_decode(j_span(o, "disco"), &n->disco) == 0 &&
	       get_ip(o, "v4", IP_V4, &n->v4) && get_ip(o, "v6", IP_V6, &n->v6);
}

static struct node *node_decode(const json_t *o)
{
	struct node *n = node_new();
	json_t *info = j_get(o, "hostinfo");

	n->id = j_int(o, "id", 0);
	n->name = xstrdup(j_str(o, "name") ? j_str(o, "name") : "");
	n->renamed = j_bool(o, "renamed", false);
	n->user = j_int(o, "user", 0);
	n->auth_user = j_int(o, "auth_user", 0);
	n->ephemeral = j_bool(o, "ephemeral", false);
	n->created = j_time(o, "created");
	n->expiry = j_time(o, "expiry");
	n->last_seen = j_time(o, "last_seen");
	n->cap = (int)j_int(o, "cap", 0);
	n->home_derp = (int)j_int(o, "home", 0);
	strv_from_json(&n->tags, j_get(o, "tags"), NODE_TAGS_MAX);
	endpoints_decode(n, j_get(o, "endpoints"));
	prefixes_from_json(&n->approved, j_get(o, "approved"), NODE_ROUTES_MAX);
	if (j_is_object(info))
		n->hostinfo = j_ref(info);
	prefixes_from_json(&n->announced, j_get(info, "RoutableIPs"), NODE_ROUTES_MAX);
	if (n->id <= 0 || !label_ok(n->name) || !node_keys_decode(n, o)) {
		node_free(n);
		return NULL;
	}
	return n;
}

static int nodes_decode(struct registry *r, const json_t *arr, struct j_error *err)
{
	for (size_t i = 0; i < j_len(arr); i++) {
		struct node *n = node_decode(j_at(arr, i));

		if (!n || !registry_adopt(r, n)) {
			node_free(n);
			return bad(err, "node", i);
		}
		if (n->id >= r->next_node)
			r->next_node = n->id + 1;
	}
	return 0;
}

static int users_decode(struct registry *r, const json_t *arr, struct j_error *err)
{
	for (size_t i = 0; i < j_len(arr); i++) {
		const json_t *o = j_at(arr, i);
		const char *name = j_str(o, "name");
		struct user *u = name ? registry_user_add(r, name, j_time(o, "created")) : NULL;

		if (!u || j_int(o, "id", 0) <= 0)
			return bad(err, "user", i);
		u->id = j_int(o, "id", 0);
	}
	return 0;
}

static struct auth_key *key_decode(const json_t *o)
{
	struct auth_key *k = xcalloc(1, sizeof(*k));
	struct span id = j_span(o, "id");

	if (id.len != AUTH_KEY_ID_LEN ||
	    hex_decode(j_span(o, "hash"), k->hash, sizeof(k->hash)) < 0) {
		auth_key_free(k);
		return NULL;
	}
	memcpy(k->id, id.p, id.len);
	k->user = j_int(o, "user", 0);
	strv_from_json(&k->tags, j_get(o, "tags"), NODE_TAGS_MAX);
	k->reusable = j_bool(o, "reusable", false);
	k->ephemeral = j_bool(o, "ephemeral", false);
	k->used = j_bool(o, "used", true);
	k->revoked = j_bool(o, "revoked", true);
	k->created = j_time(o, "created");
	k->expiry = j_time(o, "expiry");
	return k;
}

static int keys_decode(struct registry *r, const json_t *arr, struct j_error *err)
{
	for (size_t i = 0; i < j_len(arr) && i < REGISTRY_KEYS_MAX; i++) {
		struct auth_key *k = key_decode(j_at(arr, i));

		if (!k)
			return bad(err, "auth key", i);
		r->keys = xrealloc(r->keys, r->n_keys + 1, sizeof(struct auth_key *));
		r->keys[r->n_keys++] = k;
	}
	return 0;
}

static int secrets_decode(struct coord_state *s, const json_t *o, struct j_error *err)
{
	if (machine_priv_decode(j_span(o, "noise_key"), &s->noise_key) == 0 &&
	    node_priv_decode(j_span(o, "derp_key"), &s->derp_key) == 0 &&
	    hex_decode(j_span(o, "auth_hash_key"), s->reg.hash_key, sizeof(s->reg.hash_key)) == 0)
		return 0;
	snprintf(err->text, sizeof(err->text), "noise_key, derp_key or auth_hash_key is not valid");
	return -ERR_RANGE;
}

static int registry_decode(struct registry *r, const json_t *o, struct j_error *err)
{
	int rc = users_decode(r, j_get(o, "users"), err);

	r->next_node = j_int(o, "next_node", 1);
	r->next_addr = (uint32_t)(j_int(o, "next_addr", 1) & ((1 << 22) - 1));
	if (rc == 0)
		rc = keys_decode(r, j_get(o, "auth_keys"), err);
	if (rc == 0)
		rc = nodes_decode(r, j_get(o, "nodes"), err);
	r->next_user = j_int(o, "next_user", 1);
	for (size_t i = 0; i < r->n_users; i++)
		if (r->users[i]->id >= r->next_user)
			r->next_user = r->users[i]->id + 1;
	return rc;
}

int coord_state_decode(struct coord_state *s, struct span text, struct j_error *err)
{
	json_t *o = j_parse(text, STATE_FILE_MAX, err);
	int rc;

	if (!o)
		return -ERR_SYNTAX;
	if (!j_is_object(o) || j_int(o, "version", 0) != FILE_VERSION) {
		snprintf(err->text, sizeof(err->text), "not a state file of this version (%d)",
			 FILE_VERSION);
		j_free(o);
		return -ERR_SYNTAX;
	}
	rc = secrets_decode(s, o, err);
	if (rc == 0)
		rc = registry_decode(&s->reg, o, err);
	str_set(&s->policy, j_str(o, "policy"));
	str_set(&s->dns, j_str(o, "dns"));
	str_set(&s->cert_name, j_str(o, "cert_name"));
	j_free(o);
	return rc;
}
