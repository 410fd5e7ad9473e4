/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packetfilter.json headscale_examples: for each policy our rules for each node allow exactly the
 * flows that Headscale's do. Headscale merges sources into ranges and we do not, so both lists are
 * asked the same questions instead of being compared as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "daemon/coordinator/policy.h"
#include "daemon/coordinator/routes.h"
#include "tests/lib/vec.h"

static const wall_t now = { 1800000000, 0 };

static bool between(struct ip a, struct ip low, struct ip high)
{
	return a.fam == low.fam && ip_cmp(low, a) <= 0 && ip_cmp(a, high) <= 0;
}

/* "*", an address, a prefix, or a range */
static bool covers(const char *text, struct ip ip)
{
	const char *dash = strchr(text, '-');
	struct prefix p;
	struct ip low, high;

	if (strcmp(text, "*") == 0)
		return true;
	if (ip_decode(span_str(text), &low) == 0)
		return ip_eq(low, ip);
	if (prefix_decode(span_str(text), &p) == 0)
		return prefix_contains(p, ip);
	assert_non_null(dash);
	assert_int_equal(ip_decode(span_of(text, (size_t)(dash - text)), &low), 0);
	assert_int_equal(ip_decode(span_str(dash + 1), &high), 0);
	return between(ip, low, high);
}

static bool source_matches(const json_t *rule, struct ip src)
{
	const json_t *arr = j_get(rule, "SrcIPs");

	for (size_t i = 0; i < j_len(arr); i++)
		if (covers(j_text(j_at(arr, i)), src))
			return true;
	return false;
}

static bool proto_matches(const json_t *rule, int proto)
{
	const json_t *arr = j_get(rule, "IPProto");

	if (!arr)
		return proto == 6 || proto == 17 || proto == 1 || proto == 58;
	for (size_t i = 0; i < j_len(arr); i++)
		if (j_integer(j_at(arr, i)) == proto)
			return true;
	return false;
}

static bool destination_matches(const json_t *rule, struct ip dst, int port)
{
	const json_t *arr = j_get(rule, "DstPorts");

	for (size_t i = 0; i < j_len(arr); i++) {
		const json_t *d = j_at(arr, i), *ports = j_get(d, "Ports");

		if (covers(j_str(d, "IP"), dst) && port >= j_int(ports, "First", 0) &&
		    port <= j_int(ports, "Last", 0))
			return true;
	}
	return false;
}

static bool allows(const json_t *rules, struct ip src, struct ip dst, int proto, int port)
{
	for (size_t i = 0; i < j_len(rules); i++) {
		const json_t *r = j_at(rules, i);

		if (source_matches(r, src) && proto_matches(r, proto) &&
		    destination_matches(r, dst, port))
			return true;
	}
	return false;
}

/* Capability values granted to src on dst, as one text. */
static char *grants(const json_t *rules, struct ip src, struct ip dst)
{
	json_t *out = j_array();
	char *text;

	for (size_t i = 0; i < j_len(rules); i++) {
		const json_t *g = j_get(j_at(rules, i), "CapGrant");

		for (size_t k = 0; k < j_len(g); k++) {
			const json_t *dsts = j_get(j_at(g, k), "Dsts");

			for (size_t d = 0; d < j_len(dsts); d++)
				if (source_matches(j_at(rules, i), src) &&
				    covers(j_text(j_at(dsts, d)), dst))
					j_add(out, j_copy(j_get(j_at(g, k), "CapMap")));
		}
	}
	text = j_dump(out);
	j_free(out);
	return text;
}

static const char *const sources[] = {
	"100.64.0.1",	     "100.64.0.2",	  "100.64.0.3", "100.64.0.4", "100.64.0.9",
	"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2", "10.33.0.9",	"10.99.0.1",  "8.8.8.8"
};
static const char *const targets[] = { "100.64.0.1", "100.64.0.2",	  "100.64.0.3",
				       "100.64.0.4", "fd7a:115c:a1e0::2", "10.33.0.5" };
static const int ports[] = { 0, 22, 53, 80, 85, 90, 91, 443, 65535 };
static const int protos[] = { 6, 17, 1, 58, 132 };

static struct ip ip(const char *text)
{
	struct ip out;

	assert_int_equal(ip_decode(span_str(text), &out), 0);
	return out;
}

static void same_flows(const char *name, const char *node, const json_t *ours, const json_t *theirs)
{
	for (size_t s = 0; s < sizeof(sources) / sizeof(sources[0]); s++)
		for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
			struct ip src = ip(sources[s]), dst = ip(targets[t]);
			char *a = grants(ours, src, dst), *b = grants(theirs, src, dst);

			assert_string_equal(a, b);
			free(a);
			free(b);
			for (size_t k = 0; k < 9 * 5; k++)
				if (allows(ours, src, dst, protos[k % 5], ports[k / 5]) !=
				    allows(theirs, src, dst, protos[k % 5], ports[k / 5]))
					fail_msg("%s, rules of %s: %s to %s protocol %d port %d",
						 name, node, sources[s], targets[t], protos[k % 5],
						 ports[k / 5]);
		}
}

static struct node *add(struct registry *r, uint8_t n, const char *host, const char *user,
			const char *routes)
{
	json_t *info = j_object();
	struct strv list = { 0 };
	struct prefixes p = { 0 };
	struct join j = { .machine = { { n } }, .key = { { n } }, .hostinfo = info };
	struct node *node;

	j_set_str(info, "Hostname", host);
	strv_split(&list, routes);
	j_set(info, "RoutableIPs", strv_json(&list));
	prefixes_from_json(&p, j_get(info, "RoutableIPs"), 10);
	j.user = registry_user_add(r, user, now)->id;
	node = registry_join(r, &j, now);
	registry_online(r, node, true, now);
	routes_approve(r, node, &p);
	prefixes_fini(&p);
	strv_fini(&list);
	j_free(info);
	return node;
}

static bool unsupported(const char *name)
{
	return strcmp(name, "exit internet") == 0; /* autogroup:internet, which we refuse */
}

static void one_example(struct registry *r, const json_t *e)
{
	const char *name = j_str(e, "name");
	char *text = j_dump(j_get(e, "policy"));
	struct policy_error err;
	struct policy *p = j_get(e, "policy") ? policy_parse(span_str(text), &err) : NULL;

	if (unsupported(name)) {
		assert_null(p);
		assert_non_null(strstr(err.text, "autogroup"));
	} else {
		assert_true(p || !j_get(e, "policy"));
		for (size_t i = 0; i < r->n_nodes; i++) {
			const char *node = r->nodes[i]->name;
			json_t *ours = policy_filter(p, r, r->nodes[i]);

			same_flows(name, node, ours,
				   j_get(j_get(e, "packet_filters_base_by_node"), node));
			j_free(ours);
		}
	}
	policy_free(p);
	free(text);
}

static void headscale_examples(void **state)
{
	const json_t *arr = j_get(vec_load("packetfilter.json"), "headscale_examples");
	struct rng_seeded rng;
	struct registry r;

	(void)state;
	rng_seeded_init(&rng, 1);
	registry_init(&r, &rng.rng);
	add(&r, 1, "a1", "alice", "");
	add(&r, 2, "b1", "bob", "");
	add(&r, 3, "router", "alice", "10.33.0.0/16");
	add(&r, 4, "exit", "alice", "0.0.0.0/0,::/0");
	assert_true(j_len(arr) >= 6);
	for (size_t i = 0; i < j_len(arr); i++)
		one_example(&r, j_at(arr, i));
	registry_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(headscale_examples) };

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
