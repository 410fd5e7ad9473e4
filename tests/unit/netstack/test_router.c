/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/alloc.h"
#include "netstack/router.h"

static bool has(const struct prefix_list *l, const char *text)
{
	return prefix_list_has(l, pk_prefix(text));
}

struct world {
	struct ip self[2];
	struct prefix addr, allowed[3], lan[4];
	struct rt_peer peer;
	struct router_in in;
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	w->self[0] = pk_ip("100.64.0.1");
	w->self[1] = pk_ip("fd7a:115c:a1e0::1");
	w->addr = pk_prefix("100.64.0.2/32");
	w->allowed[0] = w->addr;
	w->allowed[1] = pk_prefix("10.1.0.0/16");
	w->allowed[2] = pk_prefix("0.0.0.0/0");
	w->lan[0] = pk_prefix("192.168.5.7/24");
	w->lan[1] = pk_prefix("127.0.0.1/8");
	w->lan[2] = pk_prefix("100.64.0.1/32");
	w->lan[3] = pk_prefix("203.0.113.1/32");
	w->peer = (struct rt_peer){ .id = 9,
				    .addresses = &w->addr,
				    .n_addresses = 1,
				    .allowed = w->allowed,
				    .n_allowed = 3,
				    .has_disco = true };
	w->in = (struct router_in){ .self = w->self,
				    .n_self = 2,
				    .peers = &w->peer,
				    .n_peers = 1,
				    .lan = w->lan,
				    .n_lan = 4,
				    .mtu = 1280 };
}

static void a_plain_node(void **state)
{
	struct world w;
	struct router_config c;
	(void)state;
	world_init(&w);
	router_config_build(&w.in, &c);
	assert_int_equal(c.addrs.n, 2);
	assert_int_equal(c.routes.n, 3);
	assert_true(has(&c.addrs, "100.64.0.1/32") && has(&c.addrs, "fd7a:115c:a1e0::1/128"));
	assert_true(has(&c.routes, "100.64.0.2/32") && has(&c.routes, "100.100.100.100/32"));
	assert_true(has(&c.routes, "fd7a:115c:a1e0::53/128"));
	assert_int_equal(c.throws.n, 0);
	router_config_fini(&c);
	w.in.n_self = 1; /* IPv4 only: no IPv6 service address */
	router_config_build(&w.in, &c);
	assert_int_equal(c.routes.n, 2);
	router_config_fini(&c);
}

static void an_exit_node_and_the_lan(void **state)
{
	struct world w;
	struct router_config c;
	(void)state;
	world_init(&w);
	w.in.choice.exit_node = true; /* not even known yet */
	router_config_build(&w.in, &c);
	assert_true(has(&c.routes, "0.0.0.0/0") && has(&c.routes, "::/0"));
	assert_true(has(&c.routes, "192.168.5.0/24") && !has(&c.routes, "203.0.113.1/32"));
	assert_int_equal(c.throws.n, 1);
	assert_true(has(&c.throws, "127.0.0.0/8"));
	router_config_fini(&c);
	w.in.allow_lan = true;
	router_config_build(&w.in, &c);
	assert_true(has(&c.throws, "192.168.5.0/24") && !has(&c.routes, "192.168.5.0/24"));
	router_config_fini(&c);
}

/* --accept-routes=auto and =CIDR,...: this machine is on 10.1.2.0/24 and serves 172.20.0.0/16. */
static void accepted_routes_spare_our_own_networks(void **state)
{
	struct world w;
	struct router_config c;
	const struct prefix own[] = { pk_prefix("10.1.2.0/24"), pk_prefix("172.20.0.0/16") };
	struct prefix allowed[] = {
		pk_prefix("100.64.0.2/32"), pk_prefix("10.1.0.0/16"), /* wider than ours */
		pk_prefix("10.1.2.0/24"),			      /* ours */
		pk_prefix("10.1.2.128/25"),			      /* a part of ours */
		pk_prefix("172.20.9.0/24"),			      /* a part of what we serve */
		pk_prefix("172.16.0.0/12"), pk_prefix("192.168.1.0/24"), pk_prefix("2001:db8::/32")
	};
	const struct prefix only[] = { pk_prefix("10.0.0.0/8"), pk_prefix("2001:db8::/32") };
	(void)state;
	world_init(&w);
	w.peer.allowed = allowed;
	w.peer.n_allowed = ARRAY_LEN(allowed);
	w.in.choice = (struct rt_choice){ .route_all = true, .own = own, .n_own = 2 };
	router_config_build(&w.in, &c);
	assert_true(has(&c.routes, "100.64.0.2/32") && has(&c.routes, "10.1.0.0/16"));
	assert_true(has(&c.routes, "172.16.0.0/12") && has(&c.routes, "192.168.1.0/24"));
	assert_true(has(&c.routes, "2001:db8::/32"));
	assert_false(has(&c.routes, "10.1.2.0/24") || has(&c.routes, "10.1.2.128/25"));
	assert_false(has(&c.routes, "172.20.9.0/24"));
	assert_int_equal(c.throws.n, 2);
	assert_true(has(&c.throws, "10.1.2.0/24") && has(&c.throws, "172.20.0.0/16"));
	router_config_fini(&c);
	/* the LAN that goes to the exit node does so, whatever routes say */
	w.lan[0] = pk_prefix("10.1.2.7/24");
	w.in.choice.exit_node = true;
	router_config_build(&w.in, &c);
	assert_true(has(&c.routes, "10.1.2.0/24") && !has(&c.throws, "10.1.2.0/24"));
	assert_true(has(&c.throws, "172.20.0.0/16"));
	router_config_fini(&c);
	w.in.choice.exit_node = false;
	w.in.choice.only = only;
	w.in.choice.n_only = 2;
	router_config_build(&w.in, &c);
	assert_true(has(&c.routes, "10.1.0.0/16") && has(&c.routes, "2001:db8::/32"));
	assert_false(has(&c.routes, "172.16.0.0/12") || has(&c.routes, "192.168.1.0/24"));
	assert_int_equal(c.throws.n, 1);
	router_config_fini(&c);
	/* a list that names nothing accepts nothing, and off is off */
	w.in.choice.n_only = 0;
	router_config_build(&w.in, &c);
	assert_int_equal(c.routes.n, 3);
	router_config_fini(&c);
	w.in.choice = (struct rt_choice){ .own = own, .n_own = 2 };
	router_config_build(&w.in, &c);
	assert_int_equal(c.routes.n + c.throws.n, 3);
	router_config_fini(&c);
}

/* Play the steps on a copy and see that the wanted state results, with every add before any delete
 * of its kind. */
static void play(const struct router_config *from, const struct router_config *to)
{
	size_t n;
	struct rt_op *ops = router_diff(from, to, &n);
	enum rt_op_kind last = RT_THROW_ADD;
	struct prefix_list got[3] = { { 0 } };
	const struct prefix_list *start[3] = { &from->throws, &from->routes, &from->addrs };
	const struct prefix_list *want[3] = { &to->throws, &to->routes, &to->addrs };
	for (int k = 0; k < 3; k++)
		for (size_t i = 0; i < start[k]->n; i++)
			prefix_list_add(&got[k], start[k]->v[i]);
	for (size_t i = 0; i < n; i++) {
		assert_true(ops[i].kind >= last);
		last = ops[i].kind;
		struct prefix_list *l = &got[ops[i].kind / 2];
		if (ops[i].kind % 2 == 0) {
			prefix_list_add(l, ops[i].prefix);
		} else {
			for (size_t k = 0; k < l->n; k++)
				if (prefix_eq(l->v[k], ops[i].prefix))
					l->v[k--] = l->v[--l->n];
		}
	}
	for (int k = 0; k < 3; k++) {
		prefix_list_sort(&got[k]);
		assert_int_equal(got[k].n, want[k]->n);
		for (size_t i = 0; i < got[k].n; i++)
			assert_true(prefix_eq(got[k].v[i], want[k]->v[i]));
		prefix_list_fini(&got[k]);
	}
	free(ops);
}

static void steps_lead_there(void **state)
{
	struct world w;
	struct router_config none = { 0 }, plain, exit_lan, v4;
	size_t n;
	(void)state;
	world_init(&w);
	router_config_build(&w.in, &plain);
	w.in.choice.exit_node = w.in.allow_lan = w.in.choice.route_all = true;
	w.in.mtu = 1400;
	router_config_build(&w.in, &exit_lan);
	w.in.n_self = 1;
	w.in.n_peers = 0;
	router_config_build(&w.in, &v4);
	const struct router_config *all[] = { &none, &plain, &exit_lan, &v4 };
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 4; k++) {
			play(all[i], all[k]);
			assert_int_equal(router_config_eq(all[i], all[k]), i == k);
		}
		assert_null(router_diff(all[i], all[i], &n));
		assert_int_equal(n, 0);
	}
	router_config_fini(&plain);
	router_config_fini(&exit_lan);
	router_config_fini(&v4);
}

static void too_many_hosts_become_one_route(void **state)
{
	enum { N = RT_CGNAT_HOSTS_MAX };
	struct prefix *all = calloc(N + 1, sizeof(*all));
	struct rt_choice c = { 0 };
	(void)state;
	assert_non_null(all);
	for (unsigned i = 0; i <= N; i++)
		all[i] = prefix_host(ip_v4(100, 64, (uint8_t)(i >> 8), (uint8_t)i));
	for (size_t n = N; n <= N + 1; n++) {
		struct rt_peer p = { .id = 1, .allowed = all, .n_allowed = n, .home_derp = 1 };
		struct prefix_list out = { 0 };
		rt_os_routes(&c, &p, 1, &out);
		assert_int_equal(out.n, n == N ? N : 1);
		prefix_list_fini(&out);
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_node),
		cmocka_unit_test(an_exit_node_and_the_lan),
		cmocka_unit_test(accepted_routes_spare_our_own_networks),
		cmocka_unit_test(steps_lead_there),
		cmocka_unit_test(too_many_hosts_become_one_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
