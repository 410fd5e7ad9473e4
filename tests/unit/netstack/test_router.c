/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/alloc.h"
#include "base/alloc.h"
#include "netstack/router_report.h"

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
	assert_false(c.guard);
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
	assert_true(c.guard);
	assert_true(has(&c.routes, "192.168.5.0/24") && !has(&c.routes, "203.0.113.1/32"));
	assert_int_equal(c.throws.n, 1);
	assert_true(has(&c.throws, "127.0.0.0/8"));
	router_config_fini(&c);
	w.in.allow_lan = true;
	router_config_build(&w.in, &c);
	assert_true(has(&c.throws, "192.168.5.0/24") && !has(&c.routes, "192.168.5.0/24"));
	router_config_fini(&c);
	w.lan[0] = pk_prefix("192.168.5.7/0"); /* would lead everything past the exit node */
	router_config_build(&w.in, &c);
	assert_false(has(&c.throws, "0.0.0.0/0"));
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

/* They would take the local network's own traffic away, and lead nowhere. */
static void routes_to_local_kinds_are_not_used(void **state)
{
	struct world w;
	struct router_config c;
	struct prefix allowed[] = {
		pk_prefix("100.64.0.2/32"),  pk_prefix("127.0.0.0/8"),
		pk_prefix("224.0.0.0/4"),    pk_prefix("255.255.255.255/32"),
		pk_prefix("169.254.0.0/16"), pk_prefix("169.254.169.254/32"),
		pk_prefix("::1/128"),	     pk_prefix("fe80::/10"),
		pk_prefix("ff00::/8"),	     pk_prefix("fd00::/8"),
	};
	(void)state;
	world_init(&w);
	w.peer.allowed = allowed;
	w.peer.n_allowed = ARRAY_LEN(allowed);
	w.in.choice.route_all = true;
	router_config_build(&w.in, &c);
	assert_int_equal(c.routes.n, 5);
	assert_true(has(&c.routes, "100.64.0.2/32") && has(&c.routes, "169.254.169.254/32"));
	assert_true(has(&c.routes, "fd00::/8") && has(&c.routes, "100.100.100.100/32"));
	router_config_fini(&c);
}

/* ---- states and steps ---- */

static const struct rt_able able = { true, true, true, true };

static struct rt_state state_of(const struct router_config *c)
{
	struct rt_state s = { 0 };
	rt_state_possible(c, &able, &s);
	return s;
}

static bool same(const struct rt_state *a, const struct rt_state *b)
{
	for (int i = 0; i < RT_SETS; i++)
		if (!prefix_list_eq(&a->set[i], &b->set[i]))
			return false;
	return true;
}

static void state_copy(struct rt_state *out, const struct rt_state *in)
{
	*out = (struct rt_state){ 0 };
	for (int i = 0; i < RT_SETS; i++)
		prefix_list_add_all(&out->set[i], &in->set[i]);
}

/* As the kernel would: a throw and a route have one place. */
static void play_op(struct rt_state *s, const struct rt_op *op)
{
	enum rt_set other = op->set == RT_THROWS ? RT_ROUTES : RT_THROWS;
	bool shared = op->set == RT_THROWS || op->set == RT_ROUTES;
	for (int i = 0; i < RT_SETS; i++) {
		struct prefix_list *l = &s->set[i];
		bool hit = i == op->set || (shared && op->add && i == (int)other);
		for (size_t k = 0; hit && k < l->n; k++)
			if (prefix_eq(l->v[k], op->prefix))
				l->v[k--] = l->v[--l->n];
	}
	if (op->add)
		prefix_list_add(&s->set[op->set], op->prefix);
	for (int i = 0; i < RT_SETS; i++)
		prefix_list_sort(&s->set[i]);
}

/* Guard, throws, routes, addresses, guard; in each adding before removing. */
static int rank(const struct rt_op *op)
{
	return op->set == RT_GUARDS ? (op->add ? 0 : 9) : op->set * 2 + !op->add;
}

/* The steps lead there; router_settle says the same as the kernel after each of them, also if every
 * third one fails. */
static void play(const struct rt_state *from, const struct rt_state *to, bool faults)
{
	size_t n;
	struct rt_op *ops = router_diff(from, to, &n);
	struct rt_state kernel;
	state_copy(&kernel, from);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || rank(&ops[i]) >= rank(&ops[i - 1]));
		ops[i].failed = faults && i % 3 == 0;
		if (!ops[i].failed)
			play_op(&kernel, &ops[i]);
		struct rt_state have;
		state_copy(&have, from);
		router_settle(&have, ops, i + 1);
		assert_true(same(&have, &kernel));
		rt_state_fini(&have);
	}
	assert_int_equal(same(&kernel, to), n == 0 || !faults);
	rt_state_fini(&kernel);
	free(ops);
}

static void steps_lead_there(void **state)
{
	struct world w;
	struct router_config none = { 0 }, c[5];
	struct rt_state s[5];
	size_t n;
	(void)state;
	world_init(&w);
	router_config_build(&w.in, &c[1]);
	w.in.choice.exit_node = w.in.choice.route_all = true;
	router_config_build(&w.in, &c[2]);
	w.in.allow_lan = true; /* what was routed is thrown */
	w.in.mtu = 1400;
	router_config_build(&w.in, &c[3]);
	w.in.n_self = 1;
	w.in.n_peers = 0;
	w.in.choice.exit_node = false;
	router_config_build(&w.in, &c[4]);
	c[0] = none;
	for (size_t i = 0; i < 5; i++)
		s[i] = state_of(&c[i]);
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 5; k++) {
			play(&s[i], &s[k], false);
			play(&s[i], &s[k], true);
			assert_int_equal(router_config_eq(&c[i], &c[k]), i == k);
		}
		assert_null(router_diff(&s[i], &s[i], &n));
		assert_int_equal(n, 0);
	}
	for (size_t i = 0; i < 5; i++) {
		rt_state_fini(&s[i]);
		router_config_fini(&c[i]);
	}
}

static size_t size(const struct rt_state *s, enum rt_set set, uint8_t fam)
{
	size_t n = 0;
	for (size_t i = 0; i < s->set[set].n; i++)
		n += s->set[set].v[i].ip.fam == fam;
	return n;
}

static void what_a_system_cannot_have(void **state)
{
	static const struct {
		struct rt_able able;
		size_t guard4, guard6, throw6, route6, addr6, throw4;
	} cases[] = {
		{ { true, true, true, true }, 1, 1, 1, 1, 1, 1 },
		/* off on our interface, or everywhere for now: the guard stands all the same */
		{ { true, true, true, false }, 1, 1, 1, 0, 0, 1 },
		{ { true, true, false, false }, 1, 1, 1, 0, 0, 1 },
		{ { true, false, false, false }, 1, 0, 0, 0, 0, 1 },
		{ { false, false, false, false }, 0, 0, 0, 0, 0, 0 },
	};
	struct router_config c = { .guard = true };
	(void)state;
	prefix_list_add(&c.addrs, pk_prefix("100.64.0.1/32"));
	prefix_list_add(&c.addrs, pk_prefix("fd7a:115c:a1e0::1/128"));
	prefix_list_add(&c.routes, pk_prefix("0.0.0.0/0"));
	prefix_list_add(&c.routes, pk_prefix("::/0"));
	prefix_list_add(&c.throws, pk_prefix("10.0.0.0/8"));
	prefix_list_add(&c.throws, pk_prefix("fd00::/64"));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rt_state s = { 0 };
		rt_state_possible(&c, &cases[i].able, &s);
		assert_int_equal(size(&s, RT_GUARDS, IP_V4), cases[i].guard4);
		assert_int_equal(size(&s, RT_GUARDS, IP_V6), cases[i].guard6);
		assert_int_equal(size(&s, RT_THROWS, IP_V4), cases[i].throw4);
		assert_int_equal(size(&s, RT_THROWS, IP_V6), cases[i].throw6);
		assert_int_equal(size(&s, RT_ROUTES, IP_V4), 1);
		assert_int_equal(size(&s, RT_ROUTES, IP_V6), cases[i].route6);
		assert_int_equal(size(&s, RT_ADDRS, IP_V6), cases[i].addr6);
		rt_state_fini(&s);
	}
	c.guard = false; /* without a guard, nothing of IPv6 where it is off */
	struct rt_state s = { 0 };
	rt_state_possible(&c, &cases[2].able, &s);
	assert_int_equal(s.set[RT_GUARDS].n + size(&s, RT_THROWS, IP_V6), 0);
	rt_state_fini(&s);
	router_config_fini(&c);
}

static void thrown_wins_over_routed(void **state)
{
	struct router_config c = { 0 };
	(void)state;
	prefix_list_add(&c.routes, pk_prefix("10.0.0.0/8"));
	prefix_list_add(&c.routes, pk_prefix("192.168.5.0/24"));
	prefix_list_add(&c.throws, pk_prefix("192.168.5.0/24"));
	struct rt_state s = state_of(&c);
	assert_int_equal(s.set[RT_ROUTES].n, 1);
	assert_int_equal(s.set[RT_THROWS].n, 1);
	rt_state_fini(&s);
	router_config_fini(&c);
}

static void strangers_are_not_taken_for_ours(void **state)
{
	struct rt_state had = { 0 }, want = { 0 }, found = { 0 };
	(void)state;
	prefix_list_add(&had.set[RT_ROUTES], pk_prefix("10.0.0.0/8"));
	prefix_list_add(&had.set[RT_THROWS], pk_prefix("10.1.0.0/16"));
	prefix_list_add(&want.set[RT_ROUTES], pk_prefix("10.2.0.0/16"));
	prefix_list_add(&found.set[RT_ROUTES], pk_prefix("10.2.0.0/16"));
	prefix_list_add(&found.set[RT_ROUTES], pk_prefix("10.3.0.0/16"));
	prefix_list_add(&found.set[RT_THROWS], pk_prefix("10.1.0.0/16"));
	prefix_list_add(&found.set[RT_THROWS], pk_prefix("10.4.0.0/16"));
	prefix_list_add(&found.set[RT_ADDRS], pk_prefix("100.64.0.1/32"));
	rt_state_keep_known(&found, &had, &want);
	assert_int_equal(found.set[RT_ROUTES].n, 1);
	assert_true(has(&found.set[RT_ROUTES], "10.2.0.0/16"));
	assert_int_equal(found.set[RT_THROWS].n, 1);
	assert_true(has(&found.set[RT_THROWS], "10.1.0.0/16"));
	assert_int_equal(found.set[RT_ADDRS].n, 1);
	assert_int_equal(rt_state_lost(&had, &found), 1);
	assert_int_equal(rt_state_lost(&found, &had), 2);
	rt_state_fini(&had);
	rt_state_fini(&want);
	rt_state_fini(&found);
}

/* ---- reports ---- */

static void a_report_says_what_to_do(void **state)
{
	static const struct {
		int rc;
		const char *says;
		bool passing;
	} cases[] = {
		{ -ERR_PERM, "CAP_NET_ADMIN", false },
		{ -ERR_NOMEM, "fewer routes", true },
		{ -ERR_BUSY, "meshd tries again", true },
		{ -ERR_STATE, "interface is down", false },
		{ -ERR_RANGE, "out of range", false },
	};
	struct prefix p = pk_prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct router_report rep = { 0 };
		router_note_prefix(&rep, "delete throw route", p, 0);
		assert_int_equal(rep.failed, 0);
		router_note_prefix(&rep, "delete throw route", p, cases[i].rc);
		router_note_text(&rep, "second");
		assert_int_equal(rep.failed, 2);
		assert_int_equal(rep.passing, cases[i].passing);
		assert_non_null(strstr(rep.first, cases[i].says));
		assert_int_equal(strncmp(rep.first, "delete throw route 2001:db8:", 28), 0);
		assert_true(strlen(rep.first) < sizeof(rep.first) - 1); /* not cut */
	}
	struct router_report rep = { 0 };
	router_note_text(&rep, "in words of its own");
	assert_string_equal(rep.first, "in words of its own");
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

static void add_prefix(struct prefix_list *l, const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	prefix_list_add(l, p);
}

static bool leads_in(const struct router_config *c, const char *text)
{
	struct ip ip;
	assert_int_equal(ip_decode(span_str(text), &ip), 0);
	return router_config_leads_in(c, ip);
}

static void where_an_address_leads(void **state)
{
	(void)state;
	struct router_config c = { 0 };
	assert_false(leads_in(&c, "192.0.2.1"));
	add_prefix(&c.routes, "100.64.0.0/10");
	add_prefix(&c.routes, "10.1.0.0/16");
	assert_true(leads_in(&c, "100.64.0.1"));
	assert_true(leads_in(&c, "10.1.2.3"));
	assert_false(leads_in(&c, "10.2.0.1"));
	assert_false(leads_in(&c, "2001:db8::1"));
	/* An exit node: all but the local network, of which a part is in the tunnel again. */
	add_prefix(&c.routes, "0.0.0.0/0");
	add_prefix(&c.throws, "192.168.1.0/24");
	add_prefix(&c.routes, "192.168.1.9/32");
	assert_true(leads_in(&c, "192.0.2.1"));
	assert_false(leads_in(&c, "192.168.1.1"));
	assert_true(leads_in(&c, "192.168.1.9"));
	assert_false(leads_in(&c, "2001:db8::1"));
	c.guard = true; /* it has no IPv6: nothing leaves past it */
	assert_true(leads_in(&c, "2001:db8::1"));
	assert_false(leads_in(&c, "192.168.1.1"));
	router_config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_node),
		cmocka_unit_test(where_an_address_leads),
		cmocka_unit_test(an_exit_node_and_the_lan),
		cmocka_unit_test(accepted_routes_spare_our_own_networks),
		cmocka_unit_test(routes_to_local_kinds_are_not_used),
		cmocka_unit_test(steps_lead_there),
		cmocka_unit_test(what_a_system_cannot_have),
		cmocka_unit_test(thrown_wins_over_routed),
		cmocka_unit_test(strangers_are_not_taken_for_ours),
		cmocka_unit_test(a_report_says_what_to_do),
		cmocka_unit_test(too_many_hosts_become_one_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
