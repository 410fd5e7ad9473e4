/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/map_msg.h"

#include "base/alloc.h"
#include "daemon/control/jd.h"
#include "daemon/control/json_scan.h"
#include "netstack/filter_parse.h"

#include <stdlib.h>

/* Room for one more element of a growing array. */
static void *grow(void *v, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return v;
	*room = *room ? *room * 2 : 8;
	return xrealloc(v, *room, size);
}

static void free_nodes(struct map_nodes *l)
{
	for (size_t i = 0; i < l->n; i++)
		nm_node_unref(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static void free_patches(struct map_patches *l)
{
	for (size_t i = 0; i < l->n; i++)
		j_free(l->trees[i]);
	free(l->trees);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static void free_filters(struct map_filters *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].raw);
	}
	free(l->v);
	memset(l, 0, sizeof(*l));
}

void map_msg_fini(struct map_msg *m)
{
	json_t *const trees[] = { m->ping,  m->pop_url, m->control_time, m->client_version,
				  m->debug, m->derp,	m->dns,		 m->ssh_policy,
				  m->users, m->health,	m->messages,	 m->tka };
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		j_free(trees[i]);
	nm_node_unref(m->self);
	free_nodes(&m->peers);
	free_nodes(&m->changed);
	free(m->removed.v);
	free(m->seen.v);
	free(m->online.v);
	free_patches(&m->patches);
	free_filters(&m->filters);
	free(m->base_filter);
	free(m->domain);
}

/* ---- member readers: each replaces what an earlier member of the same name left ---------------
 */

typedef int member_fn(struct map_msg *m, struct span value, const char **why);

static int parse_value(struct span value, json_t **out)
{
	*out = j_parse(value, MAP_VALUE_MAX, NULL);
	if (*out)
		return 0;
	return value.len > MAP_VALUE_MAX ? -ERR_TOOBIG : -ERR_SYNTAX;
}

/* A member kept as a tree: an object, array or string; null becomes NULL. */
static int read_tree(json_t **at, struct span value, bool (*is)(const json_t *))
{
	json_t *v;
	int err = parse_value(value, &v);
	if (err)
		return err;
	if (!j_is_nil(v) && !is(v)) {
		j_free(v);
		return -ERR_SYNTAX;
	}
	j_free(*at);
	*at = j_is_nil(v) ? NULL : v;
	if (!*at)
		j_free(v);
	return 0;
}

#define TREE_MEMBER(field, is)                                                                     \
	static int read_##field(struct map_msg *m, struct span value, const char **why)            \
	{                                                                                          \
		(void)why;                                                                         \
		return read_tree(&m->field, value, is);                                            \
	}
TREE_MEMBER(ping, j_is_object)
TREE_MEMBER(pop_url, j_is_string)
TREE_MEMBER(control_time, j_is_string)
TREE_MEMBER(client_version, j_is_object)
TREE_MEMBER(debug, j_is_object)
TREE_MEMBER(derp, j_is_object)
TREE_MEMBER(dns, j_is_object)
TREE_MEMBER(ssh_policy, j_is_object)
TREE_MEMBER(users, j_is_array)
TREE_MEMBER(health, j_is_array)
TREE_MEMBER(messages, j_is_object)
TREE_MEMBER(tka, j_is_object)

static int read_keepalive(struct map_msg *m, struct span value, const char **why)
{
	(void)why;
	m->keepalive = span_eq_str(value, "true");
	return m->keepalive || span_eq_str(value, "false") || json_scan_is_null(value)
		   ? 0
		   : -ERR_SYNTAX;
}

static int read_collect(struct map_msg *m, struct span value, const char **why)
{
	(void)why;
	m->collect_services = span_eq_str(value, "true")    ? J_TRUE
			      : span_eq_str(value, "false") ? J_FALSE
							    : J_UNSET;
	return m->collect_services != J_UNSET || json_scan_is_null(value) ? 0 : -ERR_SYNTAX;
}

static int read_domain(struct map_msg *m, struct span value, const char **why)
{
	json_t *v = NULL;
	(void)why;
	int err = read_tree(&v, value, j_is_string);
	if (!err)
		str_set(&m->domain, v ? j_text(v) : NULL);
	j_free(v);
	return err;
}

static int node_of(struct span value, struct nm_node **out, const char **why)
{
	json_t *v = j_parse(value, MAP_NODE_MAX, NULL);
	if (!v)
		return value.len > MAP_NODE_MAX ? -ERR_TOOBIG : -ERR_SYNTAX;
	int err = nm_node_from_json(v, out, why);
	j_free(v);
	return err;
}

static int read_self(struct map_msg *m, struct span value, const char **why)
{
	nm_node_unref(m->self);
	m->self = NULL;
	return json_scan_is_null(value) ? 0 : node_of(value, &m->self, why);
}

/* Start on an array member; 1: null, nothing to do. */
static int start_array(struct json_scan *s, struct span value)
{
	if (json_scan_is_null(value))
		return 1;
	return json_scan_start(s, value, '[') ? -ERR_SYNTAX : 0;
}

/* A null element is skipped, as the reference does. */
static int read_nodes(struct map_nodes *l, struct span value, const char **why)
{
	struct json_scan s;
	struct span key, item;
	free_nodes(l);
	int err = start_array(&s, value);
	if (err)
		return err < 0 ? err : 0;
	while (json_scan_next(&s, &key, &item)) {
		if (json_scan_is_null(item))
			continue;
		if (l->n == NM_PEERS_MAX)
			return -ERR_TOOBIG;
		l->v = grow(l->v, l->n, &l->room, sizeof(struct nm_node *));
		err = node_of(item, &l->v[l->n], why);
		if (err)
			return err;
		l->n++;
	}
	return 0;
}

static int read_peers(struct map_msg *m, struct span value, const char **why)
{
	return read_nodes(&m->peers, value, why);
}

static int read_changed(struct map_msg *m, struct span value, const char **why)
{
	return read_nodes(&m->changed, value, why);
}

static int add_id(struct map_id_bools *l, int64_t id, bool value)
{
	if (l->n == NM_PEERS_MAX)
		return -ERR_TOOBIG;
	l->v = grow(l->v, l->n, &l->room, sizeof(*l->v));
	l->v[l->n++] = (struct map_id_bool){ id, value };
	return 0;
}

/* Decimal int64, as the map's keys and the removed ids are written. */
static int id_of(struct span text, int64_t *out)
{
	uint64_t v;
	bool neg = text.len && text.p[0] == '-';
	if (u64_decode(span_from(text, neg), INT64_MAX, &v))
		return -ERR_SYNTAX;
	*out = neg ? -(int64_t)v : (int64_t)v;
	return 0;
}

static int read_removed(struct map_msg *m, struct span value, const char **why)
{
	struct json_scan s;
	struct span key, item;
	int64_t id;
	(void)why;
	m->removed.n = 0;
	int err = start_array(&s, value);
	while (!err && json_scan_next(&s, &key, &item)) {
		err = id_of(item, &id);
		if (!err)
			err = add_id(&m->removed, id, true);
	}
	return err < 0 ? err : 0;
}

static int read_id_bools(struct map_id_bools *l, struct span value)
{
	struct json_scan s;
	struct span key, item;
	int64_t id;
	l->n = 0;
	if (json_scan_is_null(value))
		return 0;
	if (json_scan_start(&s, value, '{'))
		return -ERR_SYNTAX;
	while (json_scan_next(&s, &key, &item)) {
		bool yes = span_eq_str(item, "true");
		if (id_of(key, &id) || (!yes && !span_eq_str(item, "false")))
			return -ERR_SYNTAX;
		int err = add_id(l, id, yes);
		if (err)
			return err;
	}
	return 0;
}

static int read_seen(struct map_msg *m, struct span value, const char **why)
{
	(void)why;
	return read_id_bools(&m->seen, value);
}

static int read_online(struct map_msg *m, struct span value, const char **why)
{
	(void)why;
	return read_id_bools(&m->online, value);
}

/* Its lists are decoded when it is applied: see now whether they can be. */
static int try_patch(const struct nm_patch *p)
{
	static const struct nm_node blank;
	struct nm_node *n = nm_patch_apply(&blank, p);
	nm_node_unref(n);
	return n ? 0 : -ERR_SYNTAX;
}

static int add_patch(struct map_patches *l, struct span item, const char **why)
{
	json_t *v = j_parse(item, MAP_NODE_MAX, NULL);
	size_t room = l->room;
	if (!v)
		return -ERR_SYNTAX;
	if (l->n == NM_PEERS_MAX) {
		j_free(v);
		return -ERR_TOOBIG;
	}
	l->trees = grow(l->trees, l->n, &room, sizeof(json_t *));
	l->v = grow(l->v, l->n, &l->room, sizeof(*l->v));
	struct nm_patch *p = &l->v[l->n];
	l->trees[l->n++] = v;
	int err = nm_patch_from_json(v, p, why);
	return err ? err : try_patch(p);
}

static int read_patches(struct map_msg *m, struct span value, const char **why)
{
	struct json_scan s;
	struct span key, item;
	free_patches(&m->patches);
	int err = start_array(&s, value);
	while (!err && json_scan_next(&s, &key, &item))
		if (!json_scan_is_null(item))
			err = add_patch(&m->patches, item, why);
	return err < 0 ? err : 0;
}

/* A rule list as compact text after checking that it decodes; NULL in *raw for null. */
static int read_rules(struct span value, char **raw, const char **why)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error why_not;
	json_t *v = NULL;
	*raw = NULL;
	*why = "PacketFilter";
	int err = read_tree(&v, value, j_is_array);
	if (err || !v)
		return err;
	/* What decodes but is not supported must not end the session for ever: the engine, which
	 * compiles the rules, refuses it too and then lets nothing in. */
	err = flt_rules_parse(v, &rules, &why_not);
	flt_rules_fini(&rules);
	if (err == -ERR_UNSUPPORTED)
		err = 0;
	if (!err)
		*raw = j_dump(v);
	j_free(v);
	return err;
}

static int read_base_filter(struct map_msg *m, struct span value, const char **why)
{
	char *raw;
	int err = read_rules(value, &raw, why);
	if (err)
		return err;
	free(m->base_filter);
	m->base_filter = raw;
	return 0;
}

static int add_filter(struct map_filters *l, const char *name, const json_t *rules,
		      const char **why)
{
	struct nm_filter f = { 0 };
	char *text = j_dump(rules);
	int err = read_rules(span_str(text), &f.raw, why);
	free(text);
	if (err)
		return err;
	if (strcmp(name, "*") == 0) {
		/* only null has a meaning under this name */
		l->star = f.raw == NULL;
		free(f.raw);
		return 0;
	}
	f.name = xstrdup(name);
	l->v = grow(l->v, l->n, &l->room, sizeof(*l->v));
	l->v[l->n++] = f;
	return 0;
}

static int read_filters(struct map_msg *m, struct span value, const char **why)
{
	json_t *v = NULL;
	free_filters(&m->filters);
	int err = read_tree(&v, value, j_is_object);
	if (!err && v && j_len(v) > NM_FILTERS_MAX)
		err = -ERR_TOOBIG;
	for (void *it = err ? NULL : j_iter(v); it && !err; it = j_iter_next(v, it))
		err = add_filter(&m->filters, j_iter_key(it), j_iter_value(it), why);
	j_free(v);
	return err;
}

/* ---- the message -------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	member_fn *read;
} MEMBERS[] = {
	{ "KeepAlive", read_keepalive },
	{ "PingRequest", read_ping },
	{ "PopBrowserURL", read_pop_url },
	{ "Node", read_self },
	{ "DERPMap", read_derp },
	{ "Peers", read_peers },
	{ "PeersChanged", read_changed },
	{ "PeersRemoved", read_removed },
	{ "PeersChangedPatch", read_patches },
	{ "PeerSeenChange", read_seen },
	{ "OnlineChange", read_online },
	{ "DNSConfig", read_dns },
	{ "Domain", read_domain },
	{ "CollectServices", read_collect },
	{ "PacketFilter", read_base_filter },
	{ "PacketFilters", read_filters },
	{ "UserProfiles", read_users },
	{ "Health", read_health },
	{ "DisplayMessages", read_messages },
	{ "SSHPolicy", read_ssh_policy },
	{ "ControlTime", read_control_time },
	{ "TKAInfo", read_tka },
	{ "Debug", read_debug },
	{ "ClientVersion", read_client_version },
};

static int decode_member(struct map_msg *m, struct span key, struct span value, const char **why)
{
	for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
		if (!span_eq_str(key, MEMBERS[i].name))
			continue;
		*why = MEMBERS[i].name;
		return MEMBERS[i].read(m, value, why);
	}
	return 0;
}

int map_msg_decode(struct map_msg *m, struct span json, const char **why)
{
	struct json_scan s;
	struct span key, value;
	memset(m, 0, sizeof(*m));
	*why = "JSON";
	int err = json_check(json);
	if (err)
		return err;
	/* A bare null is an empty message. */
	if (json_scan_start(&s, json, '{'))
		return json_scan_start(&s, json, 'n') ? -ERR_SYNTAX : 0;
	while (!err && json_scan_next(&s, &key, &value))
		err = decode_member(m, key, value, why);
	if (!err && m->control_time && wall_decode(j_text_span(m->control_time), &m->time)) {
		*why = "ControlTime";
		err = -ERR_SYNTAX;
	}
	return err;
}
