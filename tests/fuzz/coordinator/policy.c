/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy texts: parsed whole or refused with a text; what is accepted compiles for every node, and
 * a visible pair is visible from both sides. */
#include "tests/fuzz/fuzz.h"

#include "daemon/coordinator/policy.h"

#include <stdlib.h>

static const char *const seeds[] = {
	"{ // c\n \"groups\": {\"group:g\": [\"alice@\",]}, \"hosts\": {\"h\": \"10.0.0.0/8\"},\n"
	"\"tagOwners\": {\"tag:a\": [\"group:g\"]}, \"autoApprovers\": {\"routes\": "
	"{\"10.0.0.0/8\": [\"tag:a\"]}, \"exitNode\": [\"*\"]},\n"
	"\"acls\": [{\"action\": \"accept\", \"proto\": \"tcp\", \"src\": [\"group:g\", \"h\"], "
	"\"dst\": [\"tag:a:22,80-90\", \"h:*\"]}],\n"
	"\"grants\": [{\"src\": [\"*\"], \"dst\": [\"autogroup:self\", \"h\"], \"ip\": "
	"[\"udp:53\", \"icmp:*\"], \"app\": {\"x/y\": [1]}}]}",
	"{\"acls\": [{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:*\"]}]}",
	"{\"acls\": "
	"[{\"action\":\"accept\",\"src\":[\"autogroup:tagged\"],\"dst\":[\"100.64.0.1:*\"]}] /* x "
	"*/ }",
	"{\"ssh\": []}",
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void join(struct registry *r, uint8_t n, const char *user, const char *tag)
{
	struct strv tags = { 0 };
	json_t *info = j_object(), *routes = j_array();
	struct join j = { .machine = { { n } }, .key = { { n } }, .tags = &tags, .hostinfo = info };

	if (*tag)
		strv_add(&tags, tag);
	j_add_str(routes, "10.0.0.0/8");
	j_set(info, "RoutableIPs", routes);
	j.user = registry_user_add(r, user, (wall_t){ 1, 0 })->id;
	registry_join(r, &j, (wall_t){ 1, 0 });
	strv_fini(&tags);
	j_free(info);
}

static void use(const struct policy *p, struct registry *r)
{
	for (size_t i = 0; i < r->n_nodes; i++) {
		struct node *n = r->nodes[i];

		j_free(policy_filter(p, r, n));
		for (size_t k = 0; k < r->n_nodes; k++)
			must(policy_visible(p, r, n, r->nodes[k]) ==
			     policy_visible(p, r, r->nodes[k], n));
		for (size_t k = 0; k < n->announced.n; k++)
			policy_auto_approves(p, r, n, n->announced.v[k]);
	}
	policy_may_tag(p, r->users[0], "tag:a");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct policy_error err;
	struct policy *policy = policy_parse(span_of(p, len), &err);
	struct rng_seeded rng;
	struct registry reg;

	must(policy || *err.text);
	if (!policy)
		return 0;
	rng_seeded_init(&rng, 1);
	registry_init(&reg, &rng.rng);
	join(&reg, 1, "alice", "");
	join(&reg, 2, "bob", "");
	join(&reg, 3, "alice", "tag:a");
	use(policy, &reg);
	policy_free(policy);
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
