/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "daemon/coordinator/addresses.h"

static struct registry reg;
static struct rng_seeded rng;
static unsigned seen; /* bits of all changes since the last look */
static int64_t seen_node;

static void on_change(void *arg, struct node *n, unsigned what)
{
	(void)arg;
	seen |= what;
	seen_node = n->id;
}

static int setup(void **state)
{
	(void)state;
	rng_seeded_init(&rng, 7);
	registry_init(&reg, &rng.rng);
	reg.on_change = on_change;
	seen = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	registry_fini(&reg);
	return 0;
}

static unsigned look(void)
{
	unsigned was = seen;

	seen = 0;
	return was;
}

static void addresses_skip_what_others_use(void **state)
{
	struct ip v4, v6, want;

	(void)state;
	assert_false(address_allowed(ip_v4(100, 64, 0, 0)));
	assert_false(address_allowed(ip_v4(100, 64, 3, 255)));
	assert_false(address_allowed(ip_v4(100, 100, 100, 100)));
	assert_false(address_allowed(ip_v4(100, 115, 92, 5)));
	assert_false(address_allowed(ip_v4(100, 115, 93, 5)));
	assert_true(address_allowed(ip_v4(100, 115, 94, 5)));
	reg.next_addr = (100 - 64) << 16 | 99 << 8 | 254;
	assert_true(address_pick(&reg, &v4, &v6));
	assert_true(ip_eq(v4, ip_v4(100, 100, 99, 254)));
	assert_true(address_pick(&reg, &v4, &v6));
	assert_true(ip_eq(v4, ip_v4(100, 100, 101, 1)));
	assert_int_equal(ip_decode(span_str("fd7a:115c:a1e0::24:6501"), &want), 0);
	assert_true(ip_eq(v6, want));
	reg.next_addr = ADDRESS_RANGE - 1; /* 100.127.255.255 */
	assert_true(address_pick(&reg, &v4, &v6));
	assert_true(ip_eq(v4, ip_v4(100, 64, 0, 1)));
}

static void an_address_in_use_is_not_given_twice(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b;

	(void)state;
	reg.next_addr = 1;
	b = join(&reg, 2, "alice", "b", "");
	assert_false(ip_eq(a->v4, b->v4));
	assert_false(ip_eq(a->v6, b->v6));
}

static void names_are_labels_and_unique(void **state)
{
	static const struct {
		const char *host, *label;
	} cases[] = {
		{ "Laptop", "laptop" },
		{ "my host_name!", "my-host-name" },
		{ "host.example.com", "host" },
		{ "--x--", "x" },
		{ "", "node" },
		{ "\xc3\xa4\xc3\xb6", "node" },
	};
	char out[LABEL_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		label_from_hostname(cases[i].host, out);
		assert_string_equal(out, cases[i].label);
		assert_true(label_ok(out));
	}
	assert_string_equal(join(&reg, 1, "alice", "box", "")->name, "box");
	assert_string_equal(join(&reg, 2, "alice", "box", "")->name, "box-1");
	assert_string_equal(join(&reg, 3, "alice", "box", "")->name, "box-2");
}

static void rename_holds_against_host_names(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b = join(&reg, 2, "alice", "b", "");
	json_t *info = json("{\"Hostname\":\"other\"}");
	struct node_report rep = { .hostinfo = info };

	(void)state;
	assert_int_equal(registry_rename(&reg, a, "b"), -ERR_EXIST);
	assert_int_equal(registry_rename(&reg, a, "B"), -ERR_SYNTAX);
	assert_int_equal(registry_rename(&reg, a, "x.y"), -ERR_SYNTAX);
	assert_int_equal(registry_rename(&reg, a, "boss"), 0);
	registry_report(&reg, a, &rep);
	registry_report(&reg, b, &rep);
	assert_string_equal(a->name, "boss");
	assert_string_equal(b->name, "other");
	j_free(info);
}

static void rejoin_keeps_id_and_addresses(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	struct join j = {
		.machine = mkey(1), .key = nkey(9), .user = a->user, .hostinfo = a->hostinfo
	};
	struct ip v4 = a->v4;

	(void)state;
	look();
	assert_ptr_equal(registry_join(&reg, &j, NOW), a);
	assert_true(ip_eq(a->v4, v4));
	assert_null(registry_node_by_key(&reg, &(struct node_key){ { 2, 1 } }));
	assert_true(disco_key_is_zero(&a->disco)); /* announced again with its disco key */
	assert_int_equal(look() & (NODE_KEY | NODE_NEW), NODE_KEY);
	assert_int_equal(reg.n_nodes, 1);
}

static void a_node_key_belongs_to_one_machine(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	struct join j = { .machine = mkey(2), .key = a->key, .user = a->user };

	(void)state;
	assert_null(registry_join(&reg, &j, NOW));
	assert_int_equal(reg.n_nodes, 1);
	j.machine = mkey(1);
	j.key = (struct node_key){ { 0 } };
	assert_null(registry_join(&reg, &j, NOW));
}

static void one_machine_may_serve_two_users(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	struct user *bob = registry_user_add(&reg, "bob", NOW);
	struct join j = { .machine = mkey(1), .key = nkey(2), .user = bob->id };
	struct node *b = registry_join(&reg, &j, NOW);

	(void)state;
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
}

static void ids_are_never_used_again(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	int64_t id = a->id;

	(void)state;
	look();
	registry_remove(&reg, a);
	assert_int_equal(look() & NODE_GONE, NODE_GONE);
	assert_int_equal(seen_node, id);
	assert_int_not_equal(join(&reg, 1, "alice", "a", "")->id, id);
}

static void reports_name_what_changed(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	struct ep eps[2] = { { ip_v4(10, 0, 0, 1), 41641 }, { ip_v4(192, 0, 2, 1), 5 } };
	json_t *info = json("{\"Hostname\":\"a\",\"NetInfo\":{\"PreferredDERP\":900}}");
	json_t *latency = json("{\"Hostname\":\"a\",\"NetInfo\":{\"PreferredDERP\":900,"
			       "\"DERPLatency\":{\"900-v4\":0.1}}}");
	json_t *bare = json("{\"Hostname\":\"a\"}");
	struct node_report rep = { .disco = dkey(1), .endpoints = eps, .n_endpoints = 2 };

	(void)state;
	look();
	registry_report(&reg, a, &rep);
	assert_int_equal(look(), NODE_ENDPOINTS);
	registry_report(&reg, a, &rep);
	assert_int_equal(look(), 0);
	registry_report(&reg, a, &(struct node_report){ .n_endpoints = 0 }); /* keeps all */
	assert_int_equal(look(), 0);
	assert_int_equal(a->n_endpoints, 2);
	registry_report(&reg, a, &(struct node_report){ .hostinfo = info });
	assert_int_equal(look(), NODE_HOME);
	registry_report(&reg, a, &(struct node_report){ .hostinfo = latency });
	assert_int_equal(look(), 0); /* a new measurement is no news */
	registry_report(&reg, a, &(struct node_report){ .hostinfo = bare });
	assert_int_equal(a->home_derp, 900); /* absent NetInfo keeps the home */
	registry_report(&reg, a, &(struct node_report){ .disco = dkey(5) });
	assert_int_equal(look(), NODE_DISCO);
	j_free(info);
	j_free(latency);
	j_free(bare);
}

static void a_report_has_a_size(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");
	json_t *info = j_object();
	char *text = calloc(1, NODE_HOSTINFO_MAX + 1);

	(void)state;
	memset(text, 'x', NODE_HOSTINFO_MAX);
	j_set_str(info, "Hostname", "b");
	j_set_str(info, "OS", text);
	look();
	registry_report(&reg, a, &(struct node_report){ .hostinfo = info });
	assert_int_equal(look(), 0);
	assert_string_equal(a->name, "a");
	free(text);
	j_free(info);
}

static void online_counts_streams(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");

	(void)state;
	look();
	registry_online(&reg, a, true, NOW);
	assert_int_equal(look(), NODE_ONLINE);
	registry_online(&reg, a, true, NOW);
	registry_online(&reg, a, false, NOW);
	assert_int_equal(look(), 0);
	assert_true(wall_is_zero(a->last_seen));
	registry_online(&reg, a, false, NOW);
	assert_int_equal(look(), NODE_ONLINE);
	assert_int_equal(a->last_seen.s, NOW.s);
}

static struct prefix px(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	return p;
}

static void routes_need_approval_and_one_primary(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b = join(&reg, 2, "alice", "b", "");

	(void)state;
	registry_online(&reg, a, true, NOW);
	registry_online(&reg, b, true, NOW);
	announce(&reg, b, "10.5.0.0/16", true);
	assert_true(prefixes_has(&b->active, px("10.5.0.0/16")));
	announce(&reg, a, "10.5.0.0/16", false);
	assert_int_equal(a->active.n, 0);
	announce(&reg, a, "10.5.0.0/16", true);
	assert_int_equal(a->active.n, 0); /* the present one stays */
	registry_online(&reg, b, false, NOW);
	assert_true(prefixes_has(&a->active, px("10.5.0.0/16")));
	assert_int_equal(b->active.n, 0);
	registry_online(&reg, b, true, NOW);
	assert_true(prefixes_has(&a->active, px("10.5.0.0/16")));
	announce(&reg, a, "", false); /* withdrawn */
	assert_true(prefixes_has(&b->active, px("10.5.0.0/16")));
}

static void exit_routes_have_no_primary(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", ""), *b = join(&reg, 2, "alice", "b", "");

	(void)state;
	registry_online(&reg, a, true, NOW);
	registry_online(&reg, b, true, NOW);
	announce(&reg, a, "0.0.0.0/0,::/0", true);
	announce(&reg, b, "0.0.0.0/0,::/0", true);
	assert_int_equal(a->active.n, 2);
	assert_int_equal(b->active.n, 2);
}

static void nodes_are_found_by_text(void **state)
{
	struct node *a = join(&reg, 1, "alice", "a", "");

	(void)state;
	assert_ptr_equal(registry_node_by_text(&reg, "1"), a);
	assert_ptr_equal(registry_node_by_text(&reg, "a"), a);
	assert_ptr_equal(registry_node_by_text(&reg, "100.64.0.1"), a);
	assert_ptr_equal(registry_node_by_text(&reg, "fd7a:115c:a1e0::1"), a);
	assert_null(registry_node_by_text(&reg, "2"));
	assert_null(registry_node_by_text(&reg, ""));
}

static void tagged_nodes_have_no_user_and_no_expiry(void **state)
{
	struct strv tags = { 0 };
	struct user *u = registry_user_add(&reg, "alice", NOW);
	struct join j = { .machine = mkey(1),
			  .key = nkey(1),
			  .user = u->id,
			  .tags = &tags,
			  .expiry = { NOW.s + 60, 0 } };
	struct node *n;

	(void)state;
	strv_add(&tags, "tag:web");
	n = registry_join(&reg, &j, NOW);
	assert_int_equal(n->user, USER_TAGGED);
	assert_true(wall_is_zero(n->expiry));
	strv_fini(&tags);
	assert_true(tag_ok("tag:web-1"));
	assert_false(tag_ok("tag:1web"));
	assert_false(tag_ok("tag:"));
	assert_false(tag_ok("web"));
	assert_false(user_name_ok("1x"));
	assert_false(user_name_ok("a b"));
	assert_true(user_name_ok("alice.b-c_d"));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(addresses_skip_what_others_use),
		T(an_address_in_use_is_not_given_twice),
		T(names_are_labels_and_unique),
		T(rename_holds_against_host_names),
		T(rejoin_keeps_id_and_addresses),
		T(a_node_key_belongs_to_one_machine),
		T(one_machine_may_serve_two_users),
		T(ids_are_never_used_again),
		T(reports_name_what_changed),
		T(a_report_has_a_size),
		T(online_counts_streams),
		T(routes_need_approval_and_one_primary),
		T(exit_routes_have_no_primary),
		T(nodes_are_found_by_text),
		T(tagged_nodes_have_no_user_and_no_expiry),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
