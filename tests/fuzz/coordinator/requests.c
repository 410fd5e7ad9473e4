/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of /machine/register and /machine/map through the whole decision, against one registry:
 * whatever a node says, another node's machine key is never touched and the registry stays
 * consistent. */
#include "tests/fuzz/fuzz.h"

#include "base/crypto/crypto.h"
#include "daemon/coordinator/authkeys.h"
#include "daemon/coordinator/map_request.h"
#include "daemon/coordinator/mapstream.h"
#include "daemon/coordinator/register.h"

#include <stdlib.h>

static const char *const seeds[] = {
	"{\"Version\":131,\"NodeKey\":\"nodekey:"
	"0202020202020202020202020202020202020202020202020202020202020202\","
	"\"Auth\":{\"AuthKey\":\"meshkey-auth-000000000000-"
	"000000000000000000000000000000000000000000000000\"},"
	"\"Expiry\":\"0001-01-01T00:00:00Z\",\"Followup\":\"\",\"Hostinfo\":{\"Hostname\":\"x\","
	"\"RoutableIPs\":"
	"[\"10.0.0.0/8\",\"::/0\"],\"RequestTags\":[\"tag:a\"]}}",
	"{\"Version\":131,\"NodeKey\":\"nodekey:"
	"0303030303030303030303030303030303030303030303030303030303030303\","
	"\"Expiry\":\"1970-01-01T00:02:03Z\",\"Followup\":\"http://x/register/"
	"000000000000000000000000\"}",
	"{\"Version\":131,\"Compress\":\"zstd\",\"NodeKey\":"
	"\"nodekey:0202020202020202020202020202020202020202020202020202020202020202\",\"DiscoKey\":"
	"\"discokey:0505050505050505050505050505050505050505050505050505050505050505\",\"Stream\":"
	"true,"
	"\"Hostinfo\":{\"Hostname\":\"y\",\"NetInfo\":{\"PreferredDERP\":900}},\"Endpoints\":[\"1."
	"2.3.4:5\",\"[::1]:6\"]}",
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void check(const struct registry *r)
{
	for (size_t i = 0; i < r->n_nodes; i++) {
		const struct node *n = r->nodes[i];

		must(registry_node_by_key(r, &n->key) == n && label_ok(n->name));
		must(n->n_endpoints <= NODE_ENDPOINTS_MAX && n->announced.n <= NODE_ROUTES_MAX);
		must(n->tags.n == 0);
	}
}

static void make_map(const struct registry *r, const struct node *n)
{
	json_t *derp = j_object();
	struct map_world w = { .reg = r, .base_domain = "mesh.internal", .derp_map = derp };
	struct mapstream ms;

	mapstream_init(&ms, n->id);
	j_free(mapstream_next(&ms, &w, (wall_t){ 1, 0 }));
	mapstream_fini(&ms);
	j_free(derp);
}

static void take_map(struct registry *r, struct span body)
{
	struct map_request q;
	int rc = map_request_parse(body, &q);
	struct node *n = rc == 0 ? registry_node_by_key(r, &q.key) : NULL;
	struct node_report rep = { q.disco, q.endpoints, q.n_endpoints, q.hostinfo, q.version };

	if (n) {
		registry_report(r, n, &rep);
		make_map(r, n);
	}
	map_request_fini(&q);
}

static void take_register(struct register_env *e, const struct machine_key *m, struct span body)
{
	struct register_request q;
	struct register_outcome o;

	if (register_parse(body, e->wall, &q) == 0) {
		register_decide(e, m, &q, &o);
		must(o.verdict != REGISTER_OK || machine_key_eq(&o.node->machine, m));
		j_free(register_answer(&o, "http://x"));
	}
	register_request_fini(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	const struct machine_key victim = { { 1 } }, attacker = { { 2 } };
	struct rng_seeded rng;
	struct registry reg;
	struct logins logins;
	struct register_env e = { &reg, &logins, NULL, &rng.rng, { 1800000000, 0 }, { 1 } };
	struct join j = { .machine = victim, .cap = 131 };
	struct node *n;
	struct span body = span_of(p, len);

	rng_seeded_init(&rng, 1);
	registry_init(&reg, &rng.rng);
	logins_init(&logins);
	memset(j.key.b, 2, 32);
	j.user = registry_user_add(&reg, "alice", e.wall)->id;
	n = registry_join(&reg, &j, e.wall);
	take_register(&e, &attacker, body);
	must(machine_key_eq(&n->machine, &victim) && node_key_eq(&n->key, &j.key) &&
	     wall_is_zero(n->expiry));
	take_map(&reg, body);
	check(&reg);
	take_register(&e, &victim, body);
	check(&reg);
	logins_fini(&logins);
	registry_fini(&reg);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	if (i >= sizeof(seeds) / sizeof(seeds[0]))
		return false;
	*out = span_str(seeds[i]);
	return true;
}
