/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others do to our table, rules and addresses, and what an earlier run left of them. */
#include "base/alloc.h"
#include "netstack/router_rivals_linux.h"
#include "tests/unit/netstack/router_underlay.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

static const struct router_params params = ROUTER_PARAMS_DEFAULT;
static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const routes[] = { "0.0.0.0/0", "::/0", "10.1.0.0/16", "fd7a:115c:a1e0::/48",
				      NULL };
static const char *const throws[] = { "127.0.0.0/8", NULL };

static struct tun card, tun;
static struct nl_sock *nl;
static struct router_report rep;
static struct router_config goal;
static struct router *r;

static struct router *started(void)
{
	struct router *s = router_new(KERNEL_TUN, &params, &rep);
	assert_non_null(s);
	router_up(s, &rep);
	kernel_ok(&rep);
	router_apply(s, &goal, &rep);
	kernel_ok(&rep);
	return s;
}

static int setup(void **state)
{
	(void)state;
	card = underlay_make(&nl);
	tun = netns_tun(KERNEL_TUN);
	goal = kernel_config(true, addrs, routes, throws);
	r = started();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	router_free(r);
	tun_close(&tun);
	tun_close(&card);
	nl_socket_free(nl);
	router_config_fini(&goal);
	return 0;
}

static unsigned card_index(void)
{
	return if_nametoindex(UNDERLAY_CARD);
}

static void add_route(const char *dst, unsigned oif, uint32_t metric)
{
	struct kroute_route k = {
		.dst = pk_prefix(dst), .table = 52, .oif = oif, .metric = metric
	};
	assert_int_equal(kroute_route_add(nl, &k), 0);
}

static void del_route(const char *dst, unsigned oif)
{
	struct kroute_route k = { .dst = pk_prefix(dst), .table = 52, .oif = oif };
	assert_int_equal(kroute_route_del(nl, &k), 0);
}

static void del_guard(const char *dst)
{
	struct kroute_route k = { .dst = pk_prefix(dst),
				  .table = 52,
				  .type = RTN_UNREACHABLE,
				  .metric = KROUTE_METRIC_WORST };
	assert_int_equal(kroute_route_del(nl, &k), 0);
}

static size_t drift(void)
{
	size_t n;
	router_check(r, &rep, &n);
	kernel_ok(&rep);
	return n;
}

static void work(void)
{
	while (router_work(r, ROUTER_SLICE, &rep))
		continue;
	kernel_ok(&rep);
}

/* ---- what is taken from us ---- */

static void what_is_gone_comes_back(void **state)
{
	struct kernel whole = kernel_read();
	struct kroute_rule rule = { IP_V6, 5270, 0, 0, 52 };
	(void)state;
	assert_int_equal(drift(), 0);
	assert_false(router_work(r, 1, &rep));
	del_route("10.1.0.0/16", if_nametoindex(KERNEL_TUN));
	del_route("fd7a:115c:a1e0::/48", if_nametoindex(KERNEL_TUN));
	del_route("127.0.0.0/8", 0);
	del_guard("0.0.0.0/0");
	del_guard("::/0");
	assert_int_equal(kroute_rule_del(nl, &rule), 0);
	assert_int_equal(
	    kroute_addr_del(nl, if_nametoindex(KERNEL_TUN), pk_prefix("fd7a:115c:a1e0::1/128")), 0);
	assert_int_equal(kroute_link_set_mtu(nl, if_nametoindex(KERNEL_TUN), 1300), 0);
	assert_int_equal(drift(), 8);
	work();
	kernel_assert_same(&whole);
	assert_int_equal(drift(), 0);
	kernel_forget(&whole);
}

/* The kernel takes all IPv4 routes along with the last address. */
static void an_address_that_took_its_routes_along(void **state)
{
	struct kernel whole = kernel_read();
	(void)state;
	assert_int_equal(
	    kroute_addr_del(nl, if_nametoindex(KERNEL_TUN), pk_prefix("100.64.0.1/32")), 0);
	assert_int_equal(kernel_count("route T52 10."), 0);
	assert_int_equal(drift(), 3);
	work();
	kernel_assert_same(&whole);
	kernel_forget(&whole);
}

static void an_interface_that_was_down(void **state)
{
	struct kernel whole = kernel_read();
	(void)state;
	assert_int_equal(kroute_link_set_up(nl, if_nametoindex(KERNEL_TUN), false), 0);
	assert_int_not_equal(drift(), 0);
	while (router_work(r, ROUTER_SLICE, &rep))
		continue;
	assert_non_null(strstr(rep.first, "the interface is down"));
	router_up(r, &rep);
	kernel_ok(&rep);
	work();
	kernel_assert_same(&whole);
	kernel_forget(&whole);
}

static void another_interface_of_that_name(void **state)
{
	struct kernel whole = kernel_read();
	(void)state;
	tun_close(&tun);
	router_apply(r, &goal, &rep);
	assert_string_equal(rep.first, "find interface " KERNEL_TUN ": not found");
	assert_int_equal(rep.failed, 1); /* and nothing was tried without it */
	assert_int_equal(kernel_count(KERNEL_GUARD4), 1);
	struct tun other = netns_tun("other0"); /* takes the old index's successor */
	tun = netns_tun(KERNEL_TUN);
	router_up(r, &rep);
	kernel_ok(&rep);
	router_apply(r, &goal, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&whole);
	tun_close(&other);
	kernel_forget(&whole);
}

/* ---- what others put there ---- */

static void strangers_in_the_table_stay(void **state)
{
	(void)state;
	/* Ways that an administrator wants past the tunnel. */
	struct kroute_route thrown = { .dst = pk_prefix("10.9.0.0/16"), .table = 52 };
	assert_int_equal(kroute_route_add(nl, &thrown), 0);
	add_route("10.8.0.0/16", card_index(), 0);
	add_route("10.7.0.0/16", if_nametoindex(KERNEL_TUN), 0);
	struct kernel with = kernel_read();
	assert_int_equal(drift(), 0);
	router_apply(r, &goal, &rep);
	kernel_ok(&rep);
	del_route("10.1.0.0/16", if_nametoindex(KERNEL_TUN));
	assert_int_equal(drift(), 1);
	work();
	kernel_assert_same(&with);
	kernel_forget(&with);
	/* A start cannot tell the throw and the route into our interface from what died with us. */
	router_free(r);
	r = started();
	assert_int_equal(kernel_count("route T52 throw 10.9.0.0/16"), 0);
	assert_int_equal(kernel_count("route T52 10.7.0.0/16"), 0);
	assert_int_equal(kernel_count("route T52 10.8.0.0/16 dev eth9"), 1);
}

static void what_would_win_over_ours_goes(void **state)
{
	struct kernel whole = kernel_read();
	(void)state;
	/* Loses against ours, but would be taken before the guard. */
	add_route("0.0.0.0/0", card_index(), 5);
	add_route("::/0", card_index(), 2000);
	add_route("fd7a:115c:a1e0::/48", card_index(), 10);
	assert_int_equal(drift(), 3);
	work();
	kernel_assert_same(&whole);
	/* In the very place of ours. */
	add_route("10.1.0.0/16", card_index(), 0);
	assert_int_equal(drift(), 1);
	work();
	kernel_assert_same(&whole);
	kernel_forget(&whole);
}

static void on_dead(void *arg, struct nlmsghdr *h)
{
	struct netmsg_route k;
	if (netmsg_route(h, &k) && k.dead)
		*(size_t *)arg += 1;
}

/* The kernel notes the lost carrier some time after the process is gone. */
static void wait_for_dead(size_t want)
{
	mono_t until = mono_add_s(mono_now(), 10);
	size_t n = 0;
	while (n < want && mono_before(mono_now(), until)) {
		n = 0;
		assert_int_equal(netmsg_dump(nl, RTM_GETROUTE, AF_INET, 52, on_dead, &n), 0);
		assert_int_equal(netmsg_dump(nl, RTM_GETROUTE, AF_INET6, 52, on_dead, &n), 0);
		usleep(5000);
	}
	assert_int_equal(n, want);
}

/* The guard alone, before it is known where to. */
static void what_would_open_the_guard_goes(void **state)
{
	static const char *const defaults[] = { "0.0.0.0/0", "::/0" };
	struct router_config block = { .guard = true, .mtu = 1280 };
	(void)state;
	router_apply(r, &block, &rep);
	kernel_ok(&rep);
	struct kernel whole = kernel_read();
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		struct kroute_route thrown = { .dst = pk_prefix(defaults[i]), .table = 52 };
		assert_int_equal(kroute_route_add(nl, &thrown), 0);
		assert_int_equal(drift(), 1);
		work();
		kernel_assert_same(&whole);
		add_route(defaults[i], if_nametoindex(KERNEL_TUN), 0);
		assert_int_equal(drift(), 1);
		work();
		kernel_assert_same(&whole);
	}
	assert_int_equal(drift(), 0);
	kernel_forget(&whole);
}

static void a_dead_agent_left_its_routes(void **state)
{
	(void)state;
	struct tun dead = netns_tun("dead0");
	unsigned i = if_nametoindex("dead0");
	assert_int_equal(ioctl(dead.fd, TUNSETPERSIST, 1), 0);
	assert_int_equal(kroute_link_set_up(nl, i, true), 0);
	add_route("10.2.0.0/16", i, 0);
	add_route("fd7a::/16", i, 0);
	add_route("10.3.0.0/16", card_index(), 0);
	tun_close(&dead);
	wait_for_dead(2);
	router_apply(r, &goal, &rep); /* not ours to judge while we run */
	assert_int_equal(kernel_count("route T52 10.2.0.0/16 dev dead0"), 1);
	router_free(r);
	r = started();
	assert_int_equal(kernel_count("route T52 10.2.0.0/16"), 0);
	assert_int_equal(kernel_count("route T52 fd7a::/16"), 0);
	assert_int_equal(kernel_count("route T52 10.3.0.0/16 dev eth9"), 1);
	router_linux_cleanup("dead0", &params, &rep);
	kernel_ok(&rep);
}

/* ---- taking over ---- */

static void a_persistent_interface_is_taken_over(void **state)
{
	struct kernel whole = kernel_read(), told = { 0 };
	(void)state;
	assert_int_equal(ioctl(tun.fd, TUNSETPERSIST, 1), 0);
	add_route("fd00:5::/64", if_nametoindex(KERNEL_TUN), 0);
	add_route("10.5.0.0/16", if_nametoindex(KERNEL_TUN), 0);
	router_free(r);
	tun_close(&tun);
	struct nl_sock *ears = underlay_listen(&told);
	tun = netns_tun(KERNEL_TUN);
	r = started();
	underlay_events(ears);
	/* Only what is not wanted goes, and nothing is set again. */
	for (size_t i = 0; i < told.n; i++)
		assert_true(strstr(told.line[i], "- route T52 fd00:5::/64") ||
			    strstr(told.line[i], "- route T52 10.5.0.0/16"));
	assert_int_equal(told.n, 2);
	kernel_assert_same(&whole);
	nl_socket_free(ears);
	kernel_forget(&told);
	kernel_forget(&whole);
	assert_int_equal(ioctl(tun.fd, TUNSETPERSIST, 0), 0);
}

/* ---- rules ---- */

static size_t place(const struct kernel *k, const char *line)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->line[i], line) == 0)
			return i;
	return SIZE_MAX;
}

static void wrong_marks_are_replaced_adding_first(void **state)
{
	struct kernel whole = kernel_read(), told = { 0 };
	struct kroute_rule right = { IP_V4, 5250, 0x80000, 0xff0000, 0 };
	struct kroute_rule wrong = { IP_V4, 5250, 0x10000, 0xff0000, 0 };
	struct kroute_rule unmarked = { IP_V4, 5210, 0, 0, 254 };
	(void)state;
	assert_int_equal(kroute_rule_add(nl, &wrong), 0);
	assert_int_equal(kroute_rule_del_marked(nl, &right), 0);
	assert_int_equal(kroute_rule_add(nl, &unmarked), 0);
	struct nl_sock *ears = underlay_listen(&told);
	router_up(r, &rep);
	kernel_ok(&rep);
	underlay_events(ears);
	size_t added = place(&told, "+ rule4 5250 mark 0x80000/0xff0000 unreachable");
	size_t gone = place(&told, "- rule4 5250 mark 0x10000/0xff0000 unreachable");
	assert_true(added < gone && gone != SIZE_MAX);
	kernel_assert_same(&whole);
	nl_socket_free(ears);
	kernel_forget(&told);
	kernel_forget(&whole);
}

static void rules_of_others_stay(void **state)
{
	struct kroute_rule others[] = {
		{ IP_V4, 5210, 0, 0, 77 },  { IP_V4, 5250, 0x1, 0x1, 88 },
		{ IP_V6, 5299, 0, 0, 254 }, { IP_V4, 5300, 0, 0, 52 },
		{ IP_V4, 5199, 0, 0, 52 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(kroute_rule_add(nl, &others[i]), 0);
	struct kernel with = kernel_read();
	router_up(r, &rep);
	router_restore_rules(r, &rep);
	kernel_ok(&rep);
	router_apply(r, &goal, &rep);
	kernel_assert_same(&with);
	kernel_forget(&with);
	router_down(r, false, &rep);
	kernel_ok(&rep);
	router_linux_cleanup(KERNEL_TUN, &params, &rep);
	kernel_ok(&rep);
	kernel_assert((const char *const[]){
	    "rule4 5210 lookup 77", "rule4 5250 mark 0x1/0x1 lookup 88", "rule6 5299 lookup 254",
	    "rule4 5300 lookup 52", "rule4 5199 lookup 52", UNDERLAY_ROUTES, NULL });
}

static void missing_rules_are_counted(void **state)
{
	const struct kroute_rule two[] = { { IP_V4, 5230, 0x80000, 0xff0000, 253 },
					   { IP_V6, 5270, 0, 0, 52 } };
	(void)state;
	router_up(r, &rep);
	assert_int_equal(router_rules_missing(r), 0);
	assert_int_equal(kroute_rule_del(nl, &two[0]), 0);
	assert_int_equal(kroute_rule_del(nl, &two[1]), 0);
	assert_int_equal(router_rules_missing(r), 2);
	router_restore_rules(r, &rep);
	assert_int_equal(router_rules_missing(r), 0);
}

/* ---- compared ---- */

static void print_item(void *arg, const struct router_item *i)
{
	static const char *const kinds[] = { "rule", "guard", "throw", "route", "addr", "foreign" };
	static const char *const states[] = { "ok", "missing", "extra" };
	char p[PREFIX_TEXT_MAX];
	if (i->kind == RT_ITEM_RULE)
		kernel_add(arg, "%s rule%d %u mark 0x%x/0x%x to %u", states[i->state], i->fam,
			   i->priority, i->mark, i->mask, i->table);
	else
		kernel_add(arg, "%s %s%d %s T%u if %d", states[i->state], kinds[i->kind], i->fam,
			   prefix_encode(i->prefix, p), i->table, i->ifindex == card_index());
}

static void assert_items(const char *const *want)
{
	struct kernel items = { 0 };
	assert_int_equal(router_compare(r, print_item, &items), 0);
	size_t n = 0;
	for (; want[n]; n++)
		if (n >= items.n || strcmp(items.line[n], want[n])) {
			kernel_print("items", &items);
			fail_msg("wanted: %s", want[n]);
		}
	assert_int_equal(items.n, n);
	kernel_forget(&items);
}

static void desired_against_actual(void **state)
{
	struct kroute_rule lost = { IP_V4, 5230, 0x80000, 0xff0000, 253 };
	struct kroute_rule wrong = { IP_V6, 5250, 0x10000, 0xff0000, 0 };
	(void)state;
	assert_int_equal(kroute_rule_del(nl, &lost), 0);
	assert_int_equal(kroute_rule_add(nl, &wrong), 0);
	del_guard("::/0");
	del_route("10.1.0.0/16", if_nametoindex(KERNEL_TUN));
	add_route("10.6.0.0/16", if_nametoindex(KERNEL_TUN), 0);
	add_route("10.8.0.0/16", card_index(), 7);
	assert_items((const char *const[]){ "ok rule4 5210 mark 0x80000/0xff0000 to 254",
					    "missing rule4 5230 mark 0x80000/0xff0000 to 253",
					    "ok rule4 5250 mark 0x80000/0xff0000 to 0",
					    "ok rule4 5270 mark 0x0/0x0 to 52",
					    "ok rule6 5210 mark 0x80000/0xff0000 to 254",
					    "ok rule6 5230 mark 0x80000/0xff0000 to 253",
					    "ok rule6 5250 mark 0x80000/0xff0000 to 0",
					    "ok rule6 5270 mark 0x0/0x0 to 52",
					    "extra rule6 5250 mark 0x10000/0xff0000 to 0",
					    "ok guard4 0.0.0.0/0 T52 if 0",
					    "missing guard6 ::/0 T52 if 0",
					    "ok throw4 127.0.0.0/8 T52 if 0",
					    "ok route4 0.0.0.0/0 T52 if 0",
					    "missing route4 10.1.0.0/16 T52 if 0",
					    "extra route4 10.6.0.0/16 T52 if 0",
					    "ok route6 ::/0 T52 if 0",
					    "ok route6 fd7a:115c:a1e0::/48 T52 if 0",
					    "ok addr4 100.64.0.1/32 T0 if 0",
					    "ok addr6 fd7a:115c:a1e0::1/128 T0 if 0",
					    "extra foreign4 10.8.0.0/16 T52 if 1",
					    NULL });
	/* Stopped: what is left is too much. */
	router_down(r, true, &rep);
	kernel_ok(&rep);
	add_route("10.8.0.0/16", card_index(), 7);
	assert_items((const char *const[]){
	    "extra rule4 5210 mark 0x80000/0xff0000 to 254",
	    "extra rule4 5230 mark 0x80000/0xff0000 to 253",
	    "extra rule4 5250 mark 0x80000/0xff0000 to 0", "extra rule4 5270 mark 0x0/0x0 to 52",
	    "extra rule6 5210 mark 0x80000/0xff0000 to 254",
	    "extra rule6 5230 mark 0x80000/0xff0000 to 253",
	    "extra rule6 5250 mark 0x80000/0xff0000 to 0", "extra rule6 5270 mark 0x0/0x0 to 52",
	    "extra guard4 0.0.0.0/0 T52 if 0", "extra guard6 ::/0 T52 if 0",
	    "extra throw4 127.0.0.0/8 T52 if 0", "extra foreign4 10.8.0.0/16 T52 if 1", NULL });
}

/* ---- others with our numbers ---- */

static struct router_rivals rivals(void)
{
	struct router_rivals v;
	assert_int_equal(router_rivals(r, &v), 0);
	return v;
}

static void marks_and_tables_that_others_use(void **state)
{
	const struct kroute_rule harmless[] = {
		{ IP_V4, 30001, 0xca6c, 0xffffffff, 51820 }, /* a plain WireGuard tunnel */
		{ IP_V4, 30002, 0x100, 0x3f00, 99 },
		{ IP_V6, 30003, 0, 0, 254 },
	};
	const struct kroute_rule rival = { IP_V4, 30004, 0x1a0000, 0x7e0000, 99 };
	const struct kroute_rule rival6 = { IP_V6, 30005, 0x40000, 0x40000, 99 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		assert_int_equal(kroute_rule_add(nl, &harmless[i]), 0);
	assert_int_equal(rivals().rules, 0);
	assert_int_equal(rivals().routes, 0);
	assert_int_equal(kroute_rule_add(nl, &rival), 0);
	struct router_rivals v = rivals();
	assert_int_equal(v.rules, 1);
	assert_int_equal(v.priority, rival.priority);
	assert_int_equal(v.mark, rival.mark);
	assert_int_equal(v.mask, rival.mask);
	assert_int_equal(kroute_rule_add(nl, &rival6), 0);
	add_route("10.8.0.0/16", card_index(), 7);
	v = rivals();
	assert_int_equal(v.rules, 2);
	assert_int_equal(v.priority, rival.priority);
	assert_int_equal(v.routes, 1);
	assert_true(prefix_eq(v.route, pk_prefix("10.8.0.0/16")));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_gone_comes_back),
		T(an_address_that_took_its_routes_along),
		T(an_interface_that_was_down),
		T(another_interface_of_that_name),
		T(strangers_in_the_table_stay),
		T(what_would_win_over_ours_goes),
		T(what_would_open_the_guard_goes),
		T(a_dead_agent_left_its_routes),
		T(a_persistent_interface_is_taken_over),
		T(wrong_marks_are_replaced_adding_first),
		T(rules_of_others_stay),
		T(missing_rules_are_counted),
		T(desired_against_actual),
		T(marks_and_tables_that_others_use),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
