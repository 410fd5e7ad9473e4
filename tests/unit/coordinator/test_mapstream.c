/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "daemon/coordinator/dns_conf.h"
#include "daemon/coordinator/mapgen.h"
#include "daemon/coordinator/mapstream.h"

static struct registry reg;
static struct rng_seeded rng;
static struct policy *policy;
static json_t *derp, *override, *dns;
static struct mapstream ms;

static void on_change(void *arg, struct node *n, unsigned what)
{
	(void)arg;
	mapstream_note(&ms, n->id, what);
}

static int setup(void **state)
{
	(void)state;
	rng_seeded_init(&rng, 7);
	registry_init(&reg, &rng.rng);
	derp = map_derp(&(struct map_relay){ "10.0.0.1", 8080, 3478, "sha256-raw:00" });
	dns = dns_conf_parse(span_str(""), "mesh.internal", NULL);
	mapstream_init(&ms, join(&reg, 1, "alice", "a", "")->id);
	reg.on_change = on_change;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	reg.on_change = NULL;
	mapstream_fini(&ms);
	registry_fini(&reg);
	policy_free(policy);
	policy = NULL;
	j_free(derp);
	j_free(dns);
	j_free(override);
	override = NULL;
	return 0;
}

static json_t *next(void)
{
	struct map_world w = { &reg, policy, override, "mesh.internal", derp, dns };

	return mapstream_next(&ms, &w, NOW);
}

static void nothing_left(void)
{
	json_t *m = next();

	assert_null(m);
	assert_false(mapstream_due(&ms));
}

/* The message must have exactly these members besides ControlTime. */
static json_t *expect(const char *members)
{
	json_t *m = next();
	struct strv list = { 0 };

	assert_non_null(m);
	strv_split(&list, members);
	for (size_t i = 0; i < list.n; i++)
		if (!j_get(m, list.v[i]))
			fail_msg("no %s in %s", list.v[i], j_dump(m));
	assert_true(j_has(m, "ControlTime"));
	if (j_len(m) != list.n + 1)
		fail_msg("more than %s in %s", members, j_dump(m));
	strv_fini(&list);
	return m;
}

static void skip_first(void)
{
	j_free(next());
}

static void the_first_message_has_everything(void **state)
{
	json_t *m, *n;

	(void)state;
	join(&reg, 2, "bob", "b", "");
	m = expect("Node,DERPMap,DNSConfig,Domain,PacketFilters,UserProfiles,Peers,Debug");
	n = j_get(m, "Node");
	assert_true(j_bool(n, "MachineAuthorized", false));
	assert_string_equal(j_str(n, "Name"), "a.mesh.internal.");
	assert_string_equal(j_str(n, "StableID"), "1");
	assert_int_equal(j_len(j_get(n, "Addresses")), 2);
	assert_int_equal(j_len(j_get(m, "Peers")), 1);
	assert_int_equal(j_len(j_get(m, "UserProfiles")), 2);
	assert_true(j_is_null(j_get(j_get(m, "DNSConfig"), "Routes"), "mesh.internal"));
	j_free(m);
	nothing_left();
}

static void a_peer_is_announced_with_its_disco_key(void **state)
{
	struct user *u = registry_user_add(&reg, "bob", NOW);
	struct join j = { .machine = mkey(2), .key = nkey(2), .user = u->id };
	struct node *b;
	json_t *m;

	(void)state;
	skip_first();
	b = registry_join(&reg, &j, NOW);
	nothing_left();
	registry_report(&reg, b, &(struct node_report){ .disco = dkey(2) });
	m = expect("PeersChanged,UserProfiles");
	assert_non_null(j_str(j_at(j_get(m, "PeersChanged"), 0), "DiscoKey"));
	j_free(m);
	nothing_left();
}

static void small_changes_are_patches(void **state)
{
	struct node *b = join(&reg, 2, "bob", "b", "");
	struct ep e = { ip_v4(192, 0, 2, 1), 41641 };
	json_t *m, *p;

	(void)state;
	skip_first();
	registry_online(&reg, b, true, NOW);
	registry_report(&reg, b, &(struct node_report){ .endpoints = &e, .n_endpoints = 1 });
	m = expect("PeersChangedPatch");
	assert_int_equal(j_len(j_get(m, "PeersChangedPatch")), 1); /* both in one */
	p = j_at(j_get(m, "PeersChangedPatch"), 0);
	assert_int_equal(j_int(p, "NodeID", 0), b->id);
	assert_true(j_bool(p, "Online", false));
	assert_string_equal(j_text(j_at(j_get(p, "Endpoints"), 0)), "192.0.2.1:41641");
	j_free(m);
	registry_online(&reg, b, false, NOW);
	m = expect("PeersChangedPatch");
	assert_true(j_has(j_at(j_get(m, "PeersChangedPatch"), 0), "LastSeen"));
	j_free(m);
	registry_expire(&reg, b, NOW);
	m = expect("PeersChangedPatch");
	assert_non_null(j_str(j_at(j_get(m, "PeersChangedPatch"), 0), "KeyExpiry"));
	j_free(m);
}

static void a_new_login_hides_a_peer_until_its_disco_key_comes(void **state)
{
	struct node *b = join(&reg, 2, "bob", "b", "");
	struct join j = { .machine = mkey(2), .key = nkey(9), .user = b->user };
	json_t *m;

	(void)state;
	skip_first();
	registry_join(&reg, &j, NOW);
	m = expect("PeersRemoved");
	j_free(m);
	registry_report(&reg, b, &(struct node_report){ .disco = dkey(3) });
	m = expect("PeersChanged");
	assert_int_equal(j_int(j_at(j_get(m, "PeersChanged"), 0), "ID", 0), b->id);
	j_free(m);
	/* both within one batch: the peer stays, with its new key, whole */
	j.key = nkey(10);
	registry_join(&reg, &j, NOW);
	registry_report(&reg, b, &(struct node_report){ .disco = dkey(4) });
	j_free(expect("PeersChanged"));
}

static void removed_peers_are_said_once(void **state)
{
	struct node *b = join(&reg, 2, "bob", "b", "");
	int64_t id = b->id;
	json_t *m;

	(void)state;
	skip_first();
	registry_remove(&reg, b);
	m = expect("PeersRemoved");
	assert_int_equal(j_integer(j_at(j_get(m, "PeersRemoved"), 0)), id);
	j_free(m);
	nothing_left();
	b = join(&reg, 3, "bob", "c",
		 ""); /* comes and goes between two messages: not worth a word */
	registry_remove(&reg, b);
	nothing_left();
}

static void own_changes_are_the_node(void **state)
{
	struct node *a = registry_node(&reg, 1);

	(void)state;
	skip_first();
	registry_report(&reg, a, &(struct node_report){ .disco = dkey(7) });
	nothing_left(); /* an echo of what it told us would only cost */
	assert_int_equal(registry_rename(&reg, a, "boss"), 0);
	j_free(expect("Node"));
}

static void changed_names_are_told_alone(void **state)
{
	json_t *m;

	(void)state;
	skip_first();
	ms.dns = true;
	m = expect("DNSConfig");
	assert_true(j_equal(j_get(m, "DNSConfig"), dns));
	j_free(m);
	nothing_left();
}

static void capabilities_given_to_a_node_are_seen_by_all(void **state)
{
	struct node *b = join(&reg, 2, "bob", "b", ""), *a = registry_node(&reg, 1);
	json_t *m;

	(void)state;
	skip_first();
	strv_add(&b->caps, "dns-subdomain-resolve");
	mapstream_note(&ms, b->id, NODE_INFO);
	m = expect("PeersChanged");
	assert_true(j_has(j_get(j_at(j_get(m, "PeersChanged"), 0), "CapMap"),
			  "dns-subdomain-resolve"));
	j_free(m);
	strv_add(&a->caps, "magicdns-aaaa");
	mapstream_note(&ms, a->id, NODE_INFO);
	m = expect("Node");
	assert_true(j_has(j_get(j_get(m, "Node"), "CapMap"), "magicdns-aaaa"));
	j_free(m);
}

static void a_policy_hides_and_shows(void **state)
{
	struct policy_error err;
	json_t *m;

	(void)state;
	join(&reg, 2, "bob", "b", "");
	skip_first();
	policy = policy_parse(span_str("{}"), &err);
	mapstream_note_policy(&ms);
	m = expect("PacketFilters,PeersRemoved");
	assert_int_equal(j_len(j_get(j_get(m, "PacketFilters"), "base")), 0);
	j_free(m);
	mapstream_note_policy(&ms);
	nothing_left(); /* the same filter is not sent again */
	policy_free(policy);
	policy = NULL;
	mapstream_note_policy(&ms);
	j_free(expect("PacketFilters,PeersChanged"));
	override = json("[{\"SrcIPs\":[]}]");
	mapstream_note_policy(&ms);
	j_free(expect("PacketFilters"));
}

static void a_filter_follows_who_is_there(void **state)
{
	struct policy_error err;
	json_t *m;

	(void)state;
	policy = policy_parse(
	    span_str(
		"{\"acls\":[{\"action\":\"accept\",\"src\":[\"bob@\"],\"dst\":[\"alice@:22\"]}]}"),
	    &err);
	m = next();
	assert_int_equal(j_len(j_get(j_get(m, "PacketFilters"), "base")), 0);
	j_free(m);
	join(&reg, 2, "bob", "b", "");
	m = expect("PacketFilters,PeersChanged,UserProfiles");
	assert_int_equal(j_len(j_get(j_get(m, "PacketFilters"), "base")), 1);
	j_free(m);
}

static void marks_of_a_slow_client_coalesce(void **state)
{
	struct node *b = join(&reg, 2, "bob", "b", "");
	json_t *m;

	(void)state;
	skip_first();
	for (int i = 0; i < 1000; i++) {
		struct ep e = { ip_v4(192, 0, 2, 1), (uint16_t)(i + 1) };

		registry_report(&reg, b,
				&(struct node_report){ .endpoints = &e, .n_endpoints = 1 });
	}
	m = expect("PeersChangedPatch");
	assert_int_equal(j_len(j_get(m, "PeersChangedPatch")), 1);
	j_free(m);
	nothing_left();
}

static void an_address_host_names_its_family(void **state)
{
	json_t *n = j_at(j_get(j_get(j_get(derp, "Regions"), "900"), "Nodes"), 0), *named;

	(void)state;
	assert_string_equal(j_str(n, "IPv4"), "10.0.0.1");
	assert_string_equal(j_str(n, "IPv6"), "none");
	assert_string_equal(j_str(n, "CertName"), "sha256-raw:00");
	assert_int_equal(j_int(n, "DERPPort", 0), 8080);
	named = map_derp(&(struct map_relay){ "relay.example.com", 443, -1, NULL });
	n = j_at(j_get(j_get(j_get(named, "Regions"), "900"), "Nodes"), 0);
	assert_null(j_get(n, "IPv4"));
	assert_null(j_get(n, "CertName"));
	assert_int_equal(j_int(n, "STUNPort", 0), -1);
	j_free(named);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_message_has_everything),
		T(a_peer_is_announced_with_its_disco_key),
		T(small_changes_are_patches),
		T(a_new_login_hides_a_peer_until_its_disco_key_comes),
		T(removed_peers_are_said_once),
		T(own_changes_are_the_node),
		T(changed_names_are_told_alone),
		T(capabilities_given_to_a_node_are_seen_by_all),
		T(a_policy_hides_and_shows),
		T(a_filter_follows_who_is_there),
		T(marks_of_a_slow_client_coalesce),
		T(an_address_host_names_its_family),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
