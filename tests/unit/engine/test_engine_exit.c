/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From preferences to where the rest of the world goes: while an exit node is wanted, both default
 * routes lead into the tunnel, and packets to the one that is named, or to nobody. */
#include "tests/unit/engine/world.h"

#define EXIT_ID 10
#define OTHER_ID 11

static int setup(void **state)
{
	struct shell *h = xcalloc(1, sizeof(*h));
	assert_int_equal(crypto_init(), 0);
	shell_start(h, 1);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	shell_stop(*state);
	free(*state);
	return 0;
}

static struct prefix all_of(enum ip_family fam)
{
	return (struct prefix){ { .fam = fam }, 0 };
}

/* Two that offer. */
static void map_with(struct shell *h, void (*tune)(struct prefs *p))
{
	struct peer_spec p[] = { stranger(EXIT_ID), stranger(OTHER_ID) };
	for (size_t i = 0; i < 2; i++) {
		p[i].prefixes[p[i].n.n_allowed_ips++] = all_of(IP_V4);
		p[i].prefixes[p[i].n.n_allowed_ips++] = all_of(IP_V6);
	}
	snprintf(p[0].name, sizeof(p[0].name), "ten");
	snprintf(p[1].name, sizeof(p[1].name), "eleven");
	set_map(h, &(struct map_spec){ .peers = p, .n = 2, .filter = RULES_ALL, .tune = tune });
}

static bool both_routed(const struct shell *h)
{
	struct router_in in;
	struct router_config c;
	assert_true(engine_router_in(h->e, &in));
	router_config_build(&in, &c);
	bool v4 = prefix_list_has(&c.routes, all_of(IP_V4)),
	     v6 = prefix_list_has(&c.routes, all_of(IP_V6));
	router_config_fini(&c);
	assert_int_equal(v4, v6);
	return v4;
}

static uint32_t owner_of_world(const struct shell *h)
{
	struct ip six = { .fam = IP_V6, .b = { 0x20, 0x01, 0x0d, 0xb8 } };
	uint32_t slot = wg_allowedips_lookup(h->s->tables->allowed, ip_v4(192, 0, 2, 1));
	assert_int_equal(wg_allowedips_lookup(h->s->tables->allowed, six), slot);
	return slot;
}

static void by_id(struct prefs *p)
{
	str_set(&p->exit_node_id, "ten");
}

static void by_id_with_routes(struct prefs *p)
{
	by_id(p);
	p->route_all = true;
}

static void by_lost_id(struct prefs *p)
{
	str_set(&p->exit_node_id, "gone");
}

static void by_address(struct prefs *p)
{
	p->exit_node_ip = ip_v4(100, 64, 99, 99);
}

static void automatic(struct prefs *p)
{
	str_set(&p->auto_exit_node, "any");
}

static void automatic_undecided(struct prefs *p)
{
	automatic(p);
	str_set(&p->exit_node_id, "auto:any");
}

static void by_list(struct prefs *p)
{
	p->exit_node_priority.v = xcalloc(1, sizeof(char *));
	p->exit_node_priority.v[0] = xstrdup("fra");
	p->exit_node_priority.n = 1;
	p->exit_node_priority.set = true;
}

static void routes_only(struct prefs *p)
{
	p->route_all = true;
}

static void the_one_that_is_named(void **state)
{
	struct shell *h = *state;
	void (*const ways[])(struct prefs *) = { by_id, by_id_with_routes };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		map_with(h, ways[i]);
		assert_true(both_routed(h));
		assert_int_equal(owner_of_world(h), slot_of(h, EXIT_ID));
	}
}

/* Wanted, and not decided or not there: into the tunnel, and no further. */
static void nobody_while_it_is_not_known(void **state)
{
	struct shell *h = *state;
	void (*const ways[])(struct prefs *) = { by_lost_id, by_address, automatic,
						 automatic_undecided, by_list };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		map_with(h, ways[i]);
		assert_true(both_routed(h));
		assert_int_equal(owner_of_world(h), WG_NO_PEER);
	}
}

/* Accepting routes is no wish for an exit node. */
static void none_is_wanted(void **state)
{
	struct shell *h = *state;
	void (*const ways[])(struct prefs *) = { NULL, routes_only };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		map_with(h, ways[i]);
		assert_false(both_routed(h));
		assert_int_equal(owner_of_world(h), WG_NO_PEER);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_one_that_is_named),
		TEST(nobody_while_it_is_not_known),
		TEST(none_is_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
