/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headscale_trace.json: a whole conversation of a real Headscale, replayed. After every message the
 * map is compared with a plain model kept as JSON; after every step of the people involved with
 * what they would expect to see. */
#include "tests/lib/cm.h"
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "daemon/control/map_session.h"
#include "daemon/control/nm_node_json.h"
#include "daemon/control/register_wire.h"
#include "netstack/filter_parse.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *file;

static int load(void **state)
{
	(void)state;
	file = vec_load("headscale_trace.json");
	return crypto_init();
}

static int unload(void **state)
{
	(void)state;
	j_free(file);
	return 0;
}

/* ---- the model ------------------------------------------------------------------------------- */

struct model {
	json_t *peers; /* id -> Node */
	json_t *dns, *rules;
};

static void model_reset(struct model *m)
{
	j_free(m->peers);
	m->peers = j_object();
	m->dns = m->rules = NULL; /* borrowed */
}

static const char *id_key(int64_t id, char out[static 24])
{
	snprintf(out, 24, "%lld", (long long)id);
	return out;
}

static void model_apply(struct model *m, const json_t *msg)
{
	json_t *list = j_get(msg, "PeersRemoved");
	char key[24];
	for (size_t i = 0; i < j_len(list); i++)
		j_del(m->peers, id_key(j_integer(j_at(list, i)), key));
	list = j_get(msg, "PeersChanged");
	for (size_t i = 0; i < j_len(list); i++)
		j_set(m->peers, id_key(j_int(j_at(list, i), "ID", 0), key), j_copy(j_at(list, i)));
	list = j_get(msg, "PeersChangedPatch");
	for (size_t i = 0; i < j_len(list); i++) {
		json_t *p = j_at(list, i);
		json_t *n = j_get(m->peers, id_key(j_int(p, "NodeID", 0), key));
		for (void *it = j_iter(p); it; it = j_iter_next(p, it))
			if (n && strcmp(j_iter_key(it), "NodeID") != 0)
				j_set(n, j_iter_key(it), j_copy(j_iter_value(it)));
	}
	if (j_get(msg, "DNSConfig"))
		m->dns = j_get(msg, "DNSConfig");
	if (j_get(msg, "PacketFilters"))
		m->rules = j_get(j_get(msg, "PacketFilters"), "base");
}

static void same(const json_t *want, const json_t *got, const char *member)
{
	const json_t *a = j_get(want, member), *b = j_get(got, member);
	bool equal = j_is_nil(a) ? j_is_nil(b) : j_equal(a, b);
	if (!equal)
		print_error("%s differs\n", member);
	assert_true(equal);
}

static void compare_peer(const json_t *want, const struct nm_node *n)
{
	static const char *const members[] = {
		"ID",	     "StableID",   "Name",	"User",
		"Key",	     "KeyExpiry",  "Machine",	"DiscoKey",
		"Addresses", "AllowedIPs", "Endpoints", "HomeDERP",
		"Created",   "Cap",	   "Tags",	"PrimaryRoutes",
		"LastSeen",  "Online",	   "Expired",	"MachineAuthorized",
	};
	json_t *got = nm_node_to_json(n);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		same(want, got, members[i]);
	const json_t *hi = j_get(want, "Hostinfo");
	same(hi, j_get(got, "Hostinfo"), "Hostname");
	same(hi, j_get(got, "Hostinfo"), "RoutableIPs");
	same(hi, j_get(got, "Hostinfo"), "Services");
	j_free(got);
}

static void compare(const struct model *m, const struct netmap *nm)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *none = j_array(), *filter = netmap_filter_json(nm), *dns = netmap_dns_json(nm);
	char key[24];
	assert_int_equal(nm->n_peers, j_len(m->peers));
	for (size_t i = 0; i < nm->n_peers; i++)
		compare_peer(j_get(m->peers, id_key(nm->peers[i]->id, key)), nm->peers[i]);
	assert_true(j_equal(filter, m->rules ? m->rules : none));
	assert_int_equal(flt_rules_parse(filter, &rules, &err), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(rules.n, j_len(filter));
	assert_true(j_equal(dns, m->dns));
	assert_int_equal(nm->dns.n_routes, j_len(j_get(m->dns, "Routes")));
	flt_rules_fini(&rules);
	j_free(filter);
	j_free(none);
	j_free(dns);
}

/* ---- what people expect after their steps ---- */

static const struct nm_node *named(const struct netmap *nm, const char *name)
{
	for (size_t i = 0; i < nm->n_peers; i++)
		if (strncmp(nm->peers[i]->name, name, strlen(name)) == 0)
			return nm->peers[i];
	return NULL;
}

static bool routes(const struct nm_node *n, const char *prefix)
{
	struct prefix p;
	assert_int_equal(prefix_decode(span_str(prefix), &p), 0);
	for (size_t i = 0; n && i < n->n_allowed_ips; i++)
		if (prefix_eq(n->allowed_ips[i], p))
			return true;
	return false;
}

static size_t n_rules(const struct netmap *nm)
{
	json_t *v = netmap_filter_json(nm);
	size_t n = j_len(v);
	j_free(v);
	return n;
}

static void after_first_up(const struct netmap *nm)
{
	assert_int_equal(nm->n_peers, 0);
	assert_string_equal(nm->self->name, "node-a.lab.example.");
	assert_string_equal(nm->domain, "hs.lab.test");
	assert_true(nm->dns.proxied);
	assert_non_null(nm->derp);
	assert_non_null(nm->ssh_policy);
	assert_non_null(nm_node_cap(nm->self, "https://tailscale.com/cap/ssh"));
	char suffix[64];
	netmap_dns_suffix(nm, suffix, sizeof(suffix));
	assert_string_equal(suffix, "lab.example");
}

static void after_b_joins(const struct netmap *nm)
{
	const struct nm_node *b = named(nm, "node-b");
	assert_non_null(b);
	assert_string_equal(b->tags[0], "tag:server");
	assert_int_equal(b->n_routable_ips, 2);
	assert_false(routes(b, "10.81.2.0/24")); /* waits for approval */
	assert_false(routes(b, "10.99.1.0/24")); /* the policy does not let node-a see it yet */
	assert_int_equal(b->online, J_TRUE);
	assert_int_equal(b->home_derp, 999);
	assert_true(b->n_endpoints > 0);
	assert_string_equal(netmap_user(nm, b->user)->login, "tagged-devices");
}

static void after_c_joins(const struct netmap *nm)
{
	assert_int_equal(nm->n_peers, 2);
	assert_false(routes(named(nm, "node-c"), "0.0.0.0/0"));
}

static void after_exit_approved(const struct netmap *nm)
{
	assert_true(routes(named(nm, "node-c"), "0.0.0.0/0"));
	assert_true(routes(named(nm, "node-c"), "::/0"));
}

static void after_routes_approved(const struct netmap *nm)
{
	assert_true(routes(named(nm, "node-b"), "10.81.2.0/24"));
	assert_int_equal(named(nm, "node-b")->n_primary_routes, 1);
}

static void after_rename(const struct netmap *nm)
{
	assert_null(named(nm, "node-b"));
	assert_non_null(named(nm, "renamed-b"));
}

static void after_narrow_policy(const struct netmap *nm)
{
	assert_int_equal(nm->n_peers, 1);
	assert_null(named(nm, "node-c"));
	assert_int_equal(n_rules(nm), 0);
}

static void after_open_policy(const struct netmap *nm)
{
	assert_non_null(named(nm, "node-c"));
	assert_true(routes(named(nm, "renamed-b"), "10.99.1.0/24"));
	assert_int_equal(n_rules(nm), 1);
}

static void after_c_leaves(const struct netmap *nm)
{
	assert_null(named(nm, "node-c"));
	assert_int_equal(nm->n_peers, 1);
}

static void after_b_expires(const struct netmap *nm)
{
	assert_true(nm_node_is_expired(named(nm, "renamed-b")));
}

static void after_b_deleted(const struct netmap *nm)
{
	assert_int_equal(nm->n_peers, 0);
}

static const struct {
	const char *step; /* how its description starts */
	void (*check)(const struct netmap *nm);
} CHECKS[] = {
	{ "node-a: up with a reusable", after_first_up },
	{ "node-b joins", after_b_joins },
	{ "node-c joins", after_c_joins },
	{ "admin approves the exit-node", after_exit_approved },
	{ "admin approves the routes", after_routes_approved },
	{ "admin renames", after_rename },
	{ "policy replaced: users", after_narrow_policy },
	{ "policy replaced: allow", after_open_policy },
	{ "node-c logs out", after_c_leaves },
	{ "admin expires", after_b_expires },
	{ "admin deletes", after_b_deleted },
};

static size_t check_step(const char *step, const struct netmap *nm)
{
	for (size_t i = 0; step && i < ARRAY_LEN(CHECKS); i++) {
		if (strncmp(step, CHECKS[i].step, strlen(CHECKS[i].step)) != 0)
			continue;
		CHECKS[i].check(nm);
		return 1;
	}
	return 0;
}

static void apply(struct map_session *s, const json_t *msg)
{
	struct map_result res;
	const char *why;
	wall_t now = { INT64_C(1795170660), 0 };
	char *text = j_dump(msg);
	int err = map_session_apply(s, span_str(text), now, &res, &why);
	if (err)
		print_error("%s\n", why);
	assert_int_equal(err, 0);
	free(text);
}

static void test_replay(void **state)
{
	json_t *trace = j_get(file, "trace");
	struct map_session *s = NULL;
	struct model m = { 0 };
	const char *step = NULL;
	size_t checked = 0, sessions = 0, messages = 0;
	(void)state;
	for (size_t i = 0; i < j_len(trace); i++) {
		const json_t *e = j_at(trace, i), *msg = j_get(e, "json");
		const char *kind = j_str(e, "kind");
		if (!kind) {
			checked += s ? check_step(step, map_session_netmap(s)) : 0;
			step = j_str(e, "step");
			continue;
		}
		if (strcmp(kind, "MapResponse") != 0)
			continue;
		if (j_get(msg, "DERPMap") && j_get(msg, "Node")) {
			map_session_free(s);
			s = map_session_new();
			model_reset(&m);
			sessions++;
		}
		apply(s, msg);
		model_apply(&m, msg);
		compare(&m, map_session_netmap(s));
		messages++;
	}
	assert_int_equal(checked, ARRAY_LEN(CHECKS));
	assert_int_equal(sessions, 2);
	assert_true(messages > 40);
	assert_int_equal(map_session_netmap(s)->n_peers, 0);
	j_free(m.peers);
	map_session_free(s);
}

static void test_registrations(void **state)
{
	json_t *trace = j_get(file, "trace");
	size_t n = 0, urls = 0;
	(void)state;
	for (size_t i = 0; i < j_len(trace); i++) {
		const json_t *e = j_at(trace, i), *msg = j_get(e, "json");
		const char *kind = j_str(e, "kind"), *why;
		struct register_answer a;
		struct register_request r;
		if (kind && strcmp(kind, "RegisterRequest") == 0)
			assert_int_equal(register_request_from_json(msg, &r, &why), 0);
		if (!kind || strcmp(kind, "RegisterResponse") != 0)
			continue;
		char *text = j_dump(msg);
		assert_int_equal(register_answer_parse(span_str(text), &a), 0);
		urls += *a.auth_url != 0;
		n++;
		register_answer_fini(&a);
		free(text);
	}
	assert_int_equal(n, 5);
	assert_int_equal(urls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_registrations),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
