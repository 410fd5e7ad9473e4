/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admin_nodes.c: node list|approve-login|expire|delete|rename|routes|approve-routes, policy
 * set|get. */
#include "base/log.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/api.h"
#include "daemon/coordinator/routes.h"

#include <inttypes.h>

static json_t *node_json(const struct registry *r, const struct node *n, wall_t now)
{
	const struct user *u = registry_user(r, n->auth_user);
	json_t *o = j_object();
	char text[KEY_TEXT_MAX];

	j_set_int(o, "id", n->id);
	j_set_str(o, "name", n->name);
	j_set_str(o, "user", u ? u->name : "");
	j_set(o, "tags", strv_json(&n->tags));
	j_set_str(o, "ipv4", ip_encode(n->v4, text));
	j_set_str(o, "ipv6", ip_encode(n->v6, text));
	j_set_bool(o, "online", node_online(n));
	j_set_bool(o, "expired", node_expired(n, now));
	j_set_bool(o, "ephemeral", n->ephemeral);
	j_set_str(o, "node_key", node_key_encode(&n->key, text));
	j_set_int(o, "home_derp", n->home_derp);
	j_set_time(o, "created", n->created);
	if (!wall_is_zero(n->last_seen))
		j_set_time(o, "last_seen", n->last_seen);
	if (!wall_is_zero(n->expiry))
		j_set_time(o, "expiry", n->expiry);
	return o;
}

static json_t *routes_json(const struct node *n)
{
	json_t *o = j_object();

	j_set_int(o, "id", n->id);
	j_set_str(o, "name", n->name);
	j_set(o, "announced", prefixes_json(&n->announced));
	j_set(o, "approved", prefixes_json(&n->approved));
	j_set(o, "serving", prefixes_json(&n->active));
	return o;
}

static json_t *login_json(const struct login *g)
{
	json_t *o = j_object();
	const char *host = j_str(g->hostinfo, "Hostname");

	j_set_str(o, "id", g->id);
	j_set_str(o, "hostname", host ? host : "");
	return o;
}

static void node_list(struct admin_call *call)
{
	const struct registry *r = &call->coord->st.reg;
	json_t *nodes = j_array(), *logins = j_array(), *result = j_object();
	wall_t now = wall_now();

	for (size_t i = 0; i < r->n_nodes; i++)
		j_add(nodes, node_json(r, r->nodes[i], now));
	LIST_EACH (it, &call->coord->logins.all)
		j_add(logins, login_json(LIST_ENTRY(it, struct login, link)));
	j_set(result, "nodes", nodes);
	j_set(result, "logins", logins);
	admin_ok(call, result);
}

static void approved(struct admin_call *call, struct login *g, struct node *n)
{
	struct coord *c = call->coord;
	char id[LOGIN_ID_LEN + 1];
	json_t *result = node_json(&c->st.reg, n, wall_now());

	memcpy(id, g->id, sizeof(id));
	login_remove(&c->logins, g);
	coord_auto_approve(c, n);
	register_waits_wake(c, id);
	admin_ok_stored(call, result);
}

static void node_approve_login(struct admin_call *call)
{
	struct register_env env = coord_env(call->coord);
	const char *text = admin_str(call, "login");
	const char *name = *admin_str(call, "user") ? admin_str(call, "user") : "default";
	struct login *g = strchr(text, '/') ? login_by_url(&call->coord->logins, text)
					    : login_find(&call->coord->logins, text);
	struct user *u = registry_user_add(&call->coord->st.reg, name, env.wall);
	struct node *n;
	int rc;

	if (!g || !u) {
		admin_fail(call,
			   g ? "\"%.64s\" is no user name"
			     : "no login \"%.64s\" waits; see: meshcoord node list",
			   g ? name : text);
		return;
	}
	rc = register_approve(&env, g, u, &n);
	if (rc == -ERR_PERM)
		admin_fail(
		    call, "it asks for tags that user %s may not give: see tagOwners in the policy",
		    name);
	else if (rc < 0)
		admin_fail(call,
			   "its node key is in use by another machine, or the network is full");
	else
		approved(call, g, n);
}

static void node_expire(struct admin_call *call)
{
	struct node *n = admin_node(call);

	if (!n)
		return;
	registry_expire(&call->coord->st.reg, n, wall_now());
	admin_ok_stored(call, NULL);
}

static void node_delete(struct admin_call *call)
{
	struct node *n = admin_node(call);

	if (!n)
		return;
	coord_remove_node(call->coord, n);
	admin_ok_stored(call, NULL);
}

static void node_rename(struct admin_call *call)
{
	const char *name = admin_str(call, "name");
	struct node *n = admin_node(call);
	int rc;

	if (!n)
		return;
	rc = registry_rename(&call->coord->st.reg, n, name);
	if (rc == -ERR_EXIST)
		admin_fail(call, "another node is called %s", name);
	else if (rc < 0)
		admin_fail(call, "\"%.64s\" is no DNS label (a-z, 0-9, '-')", name);
	else
		admin_ok_stored(call, NULL);
}

static void node_routes(struct admin_call *call)
{
	const struct registry *r = &call->coord->st.reg;
	json_t *arr;

	if (*admin_str(call, "node")) {
		struct node *n = admin_node(call);

		if (!n)
			return;
		arr = j_array();
		j_add(arr, routes_json(n));
		admin_ok(call, arr);
		return;
	}
	arr = j_array();
	for (size_t i = 0; i < r->n_nodes; i++)
		if (r->nodes[i]->announced.n || r->nodes[i]->approved.n)
			j_add(arr, routes_json(r->nodes[i]));
	admin_ok(call, arr);
}

/* The list replaces what was approved; "" takes all back. An exit node is both default routes. */
static bool parse_routes(struct admin_call *call, struct prefixes *out)
{
	struct strv list = { 0 };
	bool ok = true;

	strv_split(&list, admin_str(call, "routes"));
	for (size_t i = 0; i < list.n && ok; i++) {
		struct prefix p;

		ok = prefix_decode(span_str(list.v[i]), &p) == 0;
		if (!ok)
			admin_fail(call, "\"%.64s\" is no prefix; routes look like 10.1.0.0/16",
				   list.v[i]);
		else
			prefixes_add(out, p);
		if (ok && prefix_is_default(p)) {
			prefixes_add(out, (struct prefix){ ip_v4(0, 0, 0, 0), 0 });
			prefixes_add(out, (struct prefix){ { IP_V6, { 0 } }, 0 });
		}
	}
	strv_fini(&list);
	return ok;
}

static void node_approve_routes(struct admin_call *call)
{
	struct prefixes routes = { 0 };
	struct node *n;

	if (parse_routes(call, &routes)) {
		n = admin_node(call);
		if (n) {
			routes_approve(&call->coord->st.reg, n, &routes);
			admin_ok_stored(call, routes_json(n));
		}
	}
	prefixes_fini(&routes);
}

static void policy_set(struct admin_call *call)
{
	struct policy_error err;
	struct span text = j_span(call->args, "text");
	struct policy *p = policy_parse(text, &err);

	if (!p) {
		admin_fail(call, "%s", err.text);
		return;
	}
	coord_set_policy(call->coord, p, admin_str(call, "text"));
	log_info("policy: replaced");
	admin_ok_stored(call, NULL);
}

static void policy_get(struct admin_call *call)
{
	json_t *o = j_object();

	j_set_str(o, "text", call->coord->st.policy);
	admin_ok(call, o);
}

const struct admin_verb admin_node_verbs[] = {
	{ "node list", node_list },
	{ "node approve-login", node_approve_login },
	{ "node expire", node_expire },
	{ "node delete", node_delete },
	{ "node rename", node_rename },
	{ "node routes", node_routes },
	{ "node approve-routes", node_approve_routes },
	{ "policy set", policy_set },
	{ "policy get", policy_get },
	{ NULL, NULL },
};
