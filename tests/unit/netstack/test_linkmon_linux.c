/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link monitor against a real kernel, in a network namespace. TUN devices play the parts of a
 * network card (eth9) and of our own interface (mesh0). */
#include "tests/unit/netstack/netns.h"

#include "base/loop.h"
#include "netstack/linkmon_linux.h"
#include "netstack/router_linux.h"

#include <dirent.h>
#include <malloc.h>
#include <net/if.h>
#include <sys/mman.h>

#define TUN "mesh0"

static const struct router_params params = ROUTER_PARAMS_DEFAULT;

static struct loop *loop;
static struct nl_sock *nl;
static struct tun card, own;
static struct linkmon *mon;

static struct {
	int changes, majors, lost, routes_lost;
	struct link_change last;
} seen;

static void on_change(void *arg, const struct link_snapshot *s, const struct link_change *c)
{
	(void)arg;
	assert_ptr_equal(s, linkmon_snapshot(mon));
	seen.changes++;
	seen.majors += c->rebind;
	seen.last = *c;
}

static void on_lost(void *arg)
{
	(void)arg;
	seen.lost++;
}

static void on_routes_lost(void *arg)
{
	(void)arg;
	seen.routes_lost++;
}

static void default_route(bool add)
{
	struct kroute_route r = { .dst = { { .fam = IP_V4 }, 0 },
				  .table = 254,
				  .oif = if_nametoindex("eth9") };
	assert_int_equal(add ? kroute_route_add(nl, &r) : kroute_route_del(nl, &r), 0);
}

static int64_t wall_shift;

static wall_t shifted_wall(void)
{
	wall_t w = wall_now();
	w.s += wall_shift;
	return w;
}

static int setup(void **state)
{
	static const struct linkmon_ops ops = { on_change, on_lost, on_routes_lost, NULL };
	struct linkmon_opts opts = { .tun = TUN,
				     .table = params.table,
				     .rule_base = params.rule_base,
				     .wall = shifted_wall,
				     .tick_ms = 50 };
	(void)state;
	netns_fresh();
	netns_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	nl = netmsg_socket();
	card = netns_tun("eth9");
	own = netns_tun(TUN);
	assert_int_equal(kroute_addr_add(nl, if_nametoindex("eth9"), pk_prefix("192.168.7.5/24")),
			 0);
	assert_int_equal(kroute_link_set_up(nl, if_nametoindex("eth9"), true), 0);
	default_route(true);
	memset(&seen, 0, sizeof(seen));
	loop = loop_new();
	mon = linkmon_new(loop, &opts, &ops);
	assert_non_null(mon);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	linkmon_free(mon);
	linkmon_free(NULL);
	loop_free(loop);
	nl_socket_free(nl);
	tun_close(&card);
	tun_close(&own);
	return 0;
}

static void stop(struct loop_timer *t, mono_t now)
{
	(void)now;
	loop_stop(t->arg);
}

static void run_ms(int64_t ms)
{
	struct loop_timer t;
	loop_timer_init(loop, &t, stop, loop);
	loop_timer_arm_ms(&t, ms);
	loop_run(loop);
}

/* Timers that are late by the machine's load only take longer. */
static void run_until(const int *count, int want)
{
	for (int i = 0; *count < want && i < 300; i++)
		run_ms(100);
	assert_int_equal(*count, want);
}

static void the_first_snapshot(void **state)
{
	const struct link_snapshot *s = linkmon_snapshot(mon);
	const struct link_if *i = link_snapshot_find(s, "eth9");
	(void)state;
	assert_non_null(i);
	assert_non_null(link_snapshot_find(s, "lo"));
	assert_true(link_snapshot_find(s, "lo")->loopback && !i->loopback && i->up);
	assert_int_equal(i->index, if_nametoindex("eth9"));
	assert_int_equal(i->n_addrs, 1);
	assert_true(prefix_eq(i->addrs[0], pk_prefix("192.168.7.5/24")));
	assert_true(s->have_v4 && !s->have_v6);
	assert_string_equal(s->default_if, "eth9");
	run_ms(1300);
	assert_int_equal(seen.changes, 0);
}

static void a_new_address_is_major(void **state)
{
	(void)state;
	assert_int_equal(kroute_addr_add(nl, if_nametoindex("eth9"), pk_prefix("192.168.7.6/24")),
			 0);
	run_until(&seen.majors, 1);
	assert_true(seen.last.ips_changed && !seen.last.default_changed);
}

static void ours_does_not_count(void **state)
{
	struct router_report rep;
	struct router *r = router_new(TUN, &params, &rep);
	struct router_config c = { .mtu = 1280 };
	(void)state;
	prefix_list_add(&c.addrs, pk_prefix("100.64.0.1/32"));
	prefix_list_add(&c.routes, pk_prefix("0.0.0.0/0"));
	router_up(r, &rep);
	router_apply(r, &c, &rep);
	assert_int_equal(rep.failed, 0);
	run_ms(2300);
	assert_int_equal(seen.majors, 0);
	assert_string_equal(linkmon_snapshot(mon)->default_if, "eth9");
	router_free(r);
	router_config_fini(&c);
}

static void the_default_route_goes_and_comes(void **state)
{
	(void)state;
	default_route(false);
	run_until(&seen.changes, 1);
	assert_true(seen.last.default_changed && !seen.last.rebind && !seen.last.default_viable);
	default_route(true);
	run_until(&seen.majors, 1);
}

static void a_card_that_goes_down(void **state)
{
	(void)state;
	assert_int_equal(kroute_link_set_up(nl, if_nametoindex("eth9"), false), 0);
	run_until(&seen.changes, 1);
	assert_false(linkmon_snapshot(mon)->have_v4);
}

static size_t open_fds(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* One of the changes that a storm is made of; all of them together are none. */
static void gust(unsigned i)
{
	unsigned eth = if_nametoindex("eth9");
	struct prefix addr = prefix_host(ip_v4(10, 0, 0, (uint8_t)(i / 6 + 1)));
	struct kroute_route r = { .dst = pk_prefix("10.9.0.0/16"), .table = 254, .oif = eth };
	switch (i % 6) {
	case 0:
		assert_int_equal(kroute_addr_add(nl, eth, addr), 0);
		break;
	case 1:
		assert_int_equal(kroute_route_add(nl, &r), 0);
		break;
	case 2:
		assert_int_equal(kroute_route_del(nl, &r), 0);
		break;
	case 3:
		assert_int_equal(kroute_addr_del(nl, eth, addr), 0);
		break;
	default:
		assert_int_equal(kroute_link_set_up(nl, eth, i % 6 == 5), 0);
	}
}

/* A hundred changes a second for ten seconds. */
static void a_storm_is_looked_at_once_a_second(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		gust(i);
	run_ms(1500);
	size_t fds = open_fds(), heap = mallinfo2().uordblks;
	mono_t start = mono_now();
	seen.changes = 0;
	for (unsigned i = 0; i < 1002; i++) {
		gust(i);
		run_ms(10);
	}
	uintmax_t seconds = (uintmax_t)(mono_diff_ns(mono_now(), start) / NS_PER_S);
	default_route(true); /* it went with the link */
	linkmon_poke(mon);
	run_ms(1500);
	assert_in_range(seen.changes, 1, seconds + 6); /* a few early ones */
	assert_int_equal(open_fds(), fds);
	assert_in_range(mallinfo2().uordblks, 0, heap + 20000);
	const struct link_if *eth9 = link_snapshot_find(linkmon_snapshot(mon), "eth9");
	assert_true(eth9->n_addrs == 1 && eth9->up);
	assert_string_equal(linkmon_snapshot(mon)->default_if, "eth9");
}

/* The wall clock is ahead of the time that has passed: the machine slept. */
static void a_sleep_is_noticed(void **state)
{
	static const struct {
		int64_t jump_s;
		bool event, rebind;
	} t[] = { { 1, false, false },
		  { 30, true, false },
		  { -3600, false, false },
		  { 500, true, false },
		  { 660, true, true } };
	(void)state;
	run_ms(1300);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int before = seen.changes;
		memset(&seen.last, 0, sizeof(seen.last));
		wall_shift += t[i].jump_s;
		if (t[i].event)
			run_until(&seen.changes, before + 1);
		run_ms(300);
		assert_int_equal(seen.changes, before + t[i].event);
		assert_int_equal(seen.last.rebind, t[i].rebind);
	}
	wall_shift = 0;
}

/* More events at once than the socket holds. */
static void lost_events_end_in_a_look(void **state)
{
	(void)state;
	run_ms(1100);
	for (unsigned i = 0; i < 20000; i++) {
		struct ip ip = ip_v4(172, 16, (uint8_t)(i >> 8), (uint8_t)i);
		struct kroute_route r = { .dst = prefix_host(ip),
					  .table = 52,
					  .oif = if_nametoindex("eth9") };
		assert_int_equal(kroute_route_add(nl, &r), 0);
	}
	assert_int_equal(kroute_addr_add(nl, if_nametoindex("eth9"), pk_prefix("192.168.7.9/24")),
			 0);
	run_ms(2500);
	assert_int_equal(seen.majors, 1);
	assert_int_equal(link_snapshot_find(linkmon_snapshot(mon), "eth9")->n_addrs, 2);
}

static void rules_taken_by_others(void **state)
{
	struct router_report rep;
	struct router *r = router_new(TUN, &params, &rep);
	struct kroute_rule one = { IP_V4, 5270, 0, 0, 52 }, six = { IP_V6, 5270, 0, 0, 52 };
	struct kroute_rule other = { IP_V4, 4000, 0, 0, 99 };
	(void)state;
	router_up(r, &rep);
	run_ms(400); /* our own deletions at start do not count */
	assert_int_equal(seen.lost, 0);
	linkmon_guard_rules(mon, true);
	assert_int_equal(kroute_rule_add(nl, &other), 0);
	assert_int_equal(kroute_rule_del(nl, &other), 0);
	run_ms(400);
	assert_int_equal(seen.lost, 0);
	assert_int_equal(kroute_rule_del(nl, &one), 0);
	run_until(&seen.lost, 1);
	router_restore_rules(r, &rep);
	run_ms(400);
	assert_int_equal(seen.lost, 1);
	assert_int_equal(kroute_rule_del(nl, &six), 0);
	run_until(&seen.lost, 2);
	linkmon_guard_rules(mon, false);
	router_down(r, false, &rep);
	run_ms(400);
	assert_int_equal(seen.lost, 2);
	router_free(r);
}

static void routes_taken_by_others(void **state)
{
	unsigned mesh = if_nametoindex(TUN), eth = if_nametoindex("eth9");
	struct kroute_route ours = { .dst = pk_prefix("10.1.0.0/16"), .table = 52, .oif = mesh };
	struct kroute_route other = { .dst = pk_prefix("10.2.0.0/16"), .table = 99, .oif = eth };
	(void)state;
	assert_int_equal(kroute_link_set_up(nl, mesh, true), 0);
	linkmon_guard_routes(mon, true);
	assert_int_equal(kroute_addr_add(nl, mesh, pk_prefix("100.64.0.1/32")), 0);
	assert_int_equal(kroute_route_add(nl, &ours), 0);
	assert_int_equal(kroute_route_add(nl, &other), 0);
	assert_int_equal(kroute_route_del(nl, &other), 0);
	run_ms(400);
	assert_int_equal(seen.routes_lost, 0);
	assert_int_equal(kroute_route_del(nl, &ours), 0);
	run_until(&seen.routes_lost, 1);
	assert_int_equal(kroute_addr_del(nl, mesh, pk_prefix("100.64.0.1/32")), 0);
	run_until(&seen.routes_lost, 2);
	assert_int_equal(seen.majors, 0);
}

/* Many more than are read in one go, told of before the guard is back. */
static void what_we_remove_is_not_lost(void **state)
{
	unsigned mesh = if_nametoindex(TUN);
	struct kroute_route r = { .dst = pk_prefix("10.1.0.0/16"), .table = 52, .oif = mesh };
	(void)state;
	assert_int_equal(kroute_link_set_up(nl, mesh, true), 0);
	linkmon_guard_routes(mon, true);
	linkmon_guard_routes(mon, false);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(kroute_route_add(nl, &r), 0);
		assert_int_equal(kroute_route_del(nl, &r), 0);
	}
	linkmon_guard_routes(mon, true);
	run_ms(400);
	assert_int_equal(seen.routes_lost, 0);
	assert_int_equal(kroute_route_add(nl, &r), 0);
	assert_int_equal(kroute_route_del(nl, &r), 0);
	run_until(&seen.routes_lost, 1);
}

/* By another process: its port is not one of ours. */
static void removed_elsewhere(const char *what)
{
	char line[128];
	snprintf(line, sizeof(line), "ip route del %s table 52", what);
	assert_int_equal(system(line), 0);
}

/* We change something for another reason just then: what others took is told afterwards. */
static void a_loss_outlives_changes_of_our_own(void **state)
{
	unsigned mesh = if_nametoindex(TUN);
	struct kroute_route one = { .dst = pk_prefix("10.1.0.0/16"), .table = 52, .oif = mesh };
	struct kroute_route two = { .dst = pk_prefix("10.2.0.0/16"), .table = 52, .oif = mesh };
	(void)state;
	assert_int_equal(kroute_link_set_up(nl, mesh, true), 0);
	assert_int_equal(kroute_route_add(nl, &one), 0);
	assert_int_equal(kroute_route_add(nl, &two), 0);
	linkmon_guard_routes(mon, true);
	removed_elsewhere("10.1.0.0/16");
	run_ms(50); /* noticed, or waiting to be read */
	linkmon_guard_routes(mon, false);
	linkmon_guard_routes(mon, true);
	run_until(&seen.routes_lost, 1);
	linkmon_guard_routes(mon, false);
	removed_elsewhere("10.2.0.0/16");
	linkmon_guard_routes(mon, true);
	run_until(&seen.routes_lost, 2);
}

/* Ten at once, then one in five seconds: the eleventh is told when the first is that old. */
static void a_fight_is_given_up(void **state)
{
	struct router_report rep;
	struct router *r = router_new(TUN, &params, &rep);
	struct kroute_rule one = { IP_V4, 5270, 0, 0, 52 };
	(void)state;
	router_up(r, &rep);
	linkmon_guard_rules(mon, true);
	mono_t from = mono_now();
	for (int i = 1; i <= 11; i++) {
		assert_int_equal(kroute_rule_del(nl, &one), 0);
		run_until(&seen.lost, i);
		router_restore_rules(r, &rep);
	}
	assert_true(mono_diff_ns(mono_now(), from) >= 5 * NS_PER_S);
	router_free(r);
}

static void a_poke_looks_again(void **state)
{
	(void)state;
	linkmon_poke(mon);
	run_ms(1300);
	assert_int_equal(seen.changes, 0); /* nothing changed */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_snapshot),	       T(a_new_address_is_major),
		T(ours_does_not_count),	       T(the_default_route_goes_and_comes),
		T(a_card_that_goes_down),      T(a_storm_is_looked_at_once_a_second),
		T(a_sleep_is_noticed),	       T(lost_events_end_in_a_look),
		T(rules_taken_by_others),      T(routes_taken_by_others),
		T(what_we_remove_is_not_lost), T(a_loss_outlives_changes_of_our_own),
		T(a_fight_is_given_up),	       T(a_poke_looks_again),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
