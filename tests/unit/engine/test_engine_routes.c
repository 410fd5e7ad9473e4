/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What preferences and interfaces make of accepted routes and of the firewall. */
#include "tests/unit/engine/world.h"

#include "base/log.h"

#define LAN_ROUTE "10.1.2.0/24"

static struct prefix pfx(const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	return p;
}

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
	struct shell *h = *state;
	shell_stop(h);
	free(h);
	return 0;
}

/* A peer that serves 10.1.2.0/24. */
static struct peer_spec router(void)
{
	struct peer_spec p = stranger(10);
	p.prefixes[p.n.n_allowed_ips++] = pfx(LAN_ROUTE);
	return p;
}

static void accept_on(struct prefs *p)
{
	p->route_all = true;
}

static void accept_auto(struct prefs *p)
{
	p->route_all = p->accept_routes_auto = true;
}

static void accept_list(struct prefs *p)
{
	p->route_all = true;
	p->accept_routes_only.v = xcalloc(1, sizeof(struct prefix));
	p->accept_routes_only.v[0] = pfx("192.168.0.0/16");
	p->accept_routes_only.n = 1;
	p->accept_routes_only.set = true;
}

static void serve_it_too(struct prefs *p)
{
	accept_auto(p);
	p->advertise_routes.v = xcalloc(1, sizeof(struct prefix));
	p->advertise_routes.v[0] = pfx("10.1.0.0/16");
	p->advertise_routes.n = 1;
	p->advertise_routes.set = true;
}

static void no_firewall(struct prefs *p)
{
	p->netfilter_mode = NETFILTER_NODIVERT;
	p->no_snat = true;
	p->no_stateful_filtering = J_FALSE;
}

static void map_with(struct shell *h, void (*tune)(struct prefs *p), const char *cap)
{
	struct peer_spec p = router();
	set_map(h, &(struct map_spec){
		       .peers = &p, .n = 1, .filter = RULES_ALL, .tune = tune, .self_cap = cap });
}

/* Do packets to the peer's network go to the peer, and is the system told the same? */
static bool is_used(const struct shell *h)
{
	struct router_in in;
	struct router_config c;
	bool owned = wg_allowedips_lookup(h->s->tables->allowed, ip_v4(10, 1, 2, 9)) != WG_NO_PEER;
	assert_true(engine_router_in(h->e, &in));
	router_config_build(&in, &c);
	bool routed = prefix_list_has(&c.routes, pfx(LAN_ROUTE));
	router_config_fini(&c);
	assert_int_equal(owned, routed);
	return owned;
}

static void routes_are_accepted_as_asked(void **state)
{
	struct shell *h = *state;
	map_with(h, NULL, NULL);
	assert_false(is_used(h));
	map_with(h, accept_on, NULL);
	assert_true(is_used(h));
	map_with(h, accept_auto, NULL);
	assert_true(is_used(h));
	map_with(h, accept_list, NULL);
	assert_false(is_used(h));
	map_with(h, serve_it_too, NULL);
	assert_false(is_used(h));
}

static void a_network_we_come_to_is_spared(void **state)
{
	struct shell *h = *state;
	struct prefix here[] = { pfx("10.1.2.77/24"), pfx("127.0.0.1/8"), pfx("fe80::1/64") };
	map_with(h, accept_auto, NULL);
	assert_true(is_used(h));
	assert_true(engine_set_interfaces(h->e, here, 3));
	assert_false(engine_set_interfaces(h->e, here, 3)); /* nothing to do */
	struct peer_spec p = router();
	struct map_spec m = { .peers = &p, .n = 1, .filter = RULES_ALL, .tune = accept_auto };
	const int64_t nobody = 0;
	m.delta = &nobody;
	m.mask = NM_CHANGED_SELF;
	set_map(h, &m);
	assert_false(is_used(h));
	m.tune = accept_on; /* who says on means it */
	set_map(h, &m);
	assert_true(is_used(h));
	assert_true(engine_set_interfaces(h->e, here + 1, 2));
	m.tune = accept_auto;
	set_map(h, &m);
	assert_true(is_used(h));
}

static void note_line(void *arg, const char *line)
{
	struct buf *b = arg;
	buf_fmt(b, "%s\n", line);
}

/* One peer with these two besides its own address; what is logged about it. */
static void expect_told(struct shell *h, const char *a, const char *b, const char *want)
{
	struct buf told;
	struct peer_spec p = stranger(10);
	p.prefixes[p.n.n_allowed_ips++] = pfx(a);
	p.prefixes[p.n.n_allowed_ips++] = pfx(b);
	buf_init(&told, 4096);
	log_set_tap(note_line, &told);
	set_map(h, &(struct map_spec){ .peers = &p, .n = 1, .filter = RULES_ALL });
	log_set_tap(NULL, NULL);
	if (want)
		assert_non_null(strstr(buf_cstr(&told), want));
	else
		assert_null(strstr(buf_cstr(&told), "routes:"));
	buf_fini(&told);
}

static void routes_that_cannot_be_used_are_told_once(void **state)
{
	struct shell *h = *state;
	expect_told(h, LAN_ROUTE, "10.9.1.7/16", "10.9.1.7/16 of");
	expect_told(h, LAN_ROUTE, "10.9.1.7/16", NULL);
	expect_told(h, LAN_ROUTE, "0.0.0.0/0", "an exit node needs both");
	expect_told(h, LAN_ROUTE, "::/0", "::/0 of");
	expect_told(h, "0.0.0.0/0", "::/0", NULL);
	expect_told(h, LAN_ROUTE, "10.9.0.0/16", NULL);
}

static void many_odd_routes_are_told_a_few_times(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[32];
	struct buf told;
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = stranger(10 + (int64_t)i);
		p[i].prefixes[p[i].n.n_allowed_ips++] = pfx("0.0.0.0/0");
	}
	buf_init(&told, 1u << 16);
	log_set_tap(note_line, &told);
	set_map(h, &(struct map_spec){ .peers = p, .n = ARRAY_LEN(p), .filter = RULES_ALL });
	log_set_tap(NULL, NULL);
	size_t lines = 0;
	for (const char *s = buf_cstr(&told); (s = strstr(s, "routes:")); s++)
		lines++;
	assert_in_range(lines, 1, 8);
	buf_fini(&told);
}

static void the_firewall_follows_preferences_and_routes(void **state)
{
	struct shell *h = *state;
	struct router_in in;
	struct router_config c;
	struct fw_config fw;
	map_with(h, accept_on, NULL);
	assert_true(engine_router_in(h->e, &in));
	router_config_build(&in, &c);
	engine_firewall(h->e, &c, &fw);
	assert_int_equal(fw.mode, RT_NETFILTER_ON);
	assert_true(!fw.snat && !fw.stateful && !fw.no_guard); /* nothing is offered */
	assert_false(fw.no_connmark); /* 10.1.2.0/24 may be a peer's underlay */
	assert_int_equal(fw.self.n, 1);
	assert_true(prefix_list_has(&fw.guard, prefix_host(node_ip(SELF_ID))));
	assert_true(prefix_list_has(&fw.guard, prefix_host(node_ip(10))));
	assert_false(prefix_list_has(&fw.guard, pfx(LAN_ROUTE))); /* may have other ways here */
	fw_config_fini(&fw);
	map_with(h, serve_it_too, NULL); /* and accepts nothing of the kind */
	router_config_fini(&c);
	assert_true(engine_router_in(h->e, &in));
	router_config_build(&in, &c);
	engine_firewall(h->e, &c, &fw);
	assert_true(fw.snat && fw.no_connmark);
	fw_config_fini(&fw);
	map_with(h, no_firewall, "disable-linux-cgnat-drop-rule");
	engine_firewall(h->e, &c, &fw);
	assert_int_equal(fw.mode, RT_NETFILTER_NODIVERT);
	assert_true(!fw.snat && fw.stateful && fw.no_guard);
	fw_config_fini(&fw);
	router_config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(routes_are_accepted_as_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_network_we_come_to_is_spared, setup, teardown),
		cmocka_unit_test_setup_teardown(routes_that_cannot_be_used_are_told_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_odd_routes_are_told_a_few_times, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_firewall_follows_preferences_and_routes, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
