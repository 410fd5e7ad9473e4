/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With an exit node chosen nothing leaves past it: while routes are set and taken back, after
 * kill -9, across a restart, and where IPv6 is half there. */
#include "tests/unit/netstack/router_underlay.h"

#include <signal.h>
#include <sys/wait.h>

#define FAR4 "198.51.100.1"
#define FAR6 "2001:db8:99::1"
#define LAN4 "192.168.7.9"

static const struct router_params params = ROUTER_PARAMS_DEFAULT;
static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const plain_routes[] = { "100.64.0.2/32", "fd7a:115c:a1e0::/48", NULL };
static const char *const exit_routes[] = { "0.0.0.0/0", "::/0", "100.64.0.2/32",
					   "fd7a:115c:a1e0::/48", NULL };
static const char *const throws[] = { "127.0.0.0/8", "192.168.7.0/24", "2001:db8:7::/64", NULL };

static struct tun card, tun;
static struct nl_sock *nl;
static struct router_report rep;
static struct router_config plain, out; /* without and with an exit node */
static struct kernel before;

static int setup(void **state)
{
	(void)state;
	card = underlay_make(&nl);
	before = kernel_read();
	plain = kernel_config(false, addrs, plain_routes, NULL);
	out = kernel_config(true, addrs, exit_routes, throws);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	netmsg_set_fault(NULL);
	tun_close(&card);
	nl_socket_free(nl);
	kernel_forget(&before);
	router_config_fini(&plain);
	router_config_fini(&out);
	return 0;
}

static struct router *started(const struct router_config *c)
{
	struct router *r = router_new(KERNEL_TUN, &params, &rep);
	assert_non_null(r);
	router_up(r, &rep);
	kernel_ok(&rep);
	if (c) {
		router_apply(r, c, &rep);
		kernel_ok(&rep);
	}
	return r;
}

static void assert_ways_into_tunnel(void)
{
	underlay_assert_way(FAR4, 0, "100.64.0.1");
	underlay_assert_way(FAR6, 0, "fd7a:115c:a1e0::1");
	underlay_assert_way(FAR4, params.fwmark_bypass, UNDERLAY4);
	underlay_assert_way(FAR6, params.fwmark_bypass, UNDERLAY6);
	underlay_assert_way(LAN4, 0, UNDERLAY4); /* thrown */
}

static void assert_nothing_leaves(void)
{
	underlay_assert_way(FAR4, 0, "none");
	underlay_assert_way(FAR6, 0, "none");
	underlay_assert_way(FAR4, params.fwmark_bypass, UNDERLAY4);
	underlay_assert_way(FAR6, params.fwmark_bypass, UNDERLAY6);
	underlay_assert_way(LAN4, 0, UNDERLAY4);
}

static void assert_free(void)
{
	underlay_assert_way(FAR4, 0, UNDERLAY4);
	underlay_assert_way(FAR6, 0, UNDERLAY6);
}

static const char *const guarded[] = { KERNEL_RULES("4"),
				       KERNEL_RULES("6"),
				       KERNEL_GUARD4,
				       KERNEL_GUARD6,
				       "route T52 throw 127.0.0.0/8",
				       "route T52 throw 192.168.7.0/24",
				       "route T52 throw 2001:db8:7::/64",
				       UNDERLAY_ROUTES,
				       NULL };

/* ---- after us ---- */

/* A process of its own sets everything and is killed. */
static void make_and_die(void)
{
	int ready[2], status;
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		tun = netns_tun(KERNEL_TUN);
		started(&out);
		assert_int_equal(write(ready[1], "1", 1), 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void the_guard_outlives_a_kill(void **state)
{
	struct kernel told = { 0 };
	(void)state;
	make_and_die();
	kernel_assert(guarded);
	assert_nothing_leaves();
	/* The next start takes over: nothing of what is wanted goes, or comes a second time. */
	struct kroute_route stale = { .dst = pk_prefix("10.66.0.0/16"), .table = 52 };
	assert_int_equal(kroute_route_add(nl, &stale), 0);
	tun = netns_tun(KERNEL_TUN);
	struct nl_sock *ears = underlay_listen(&told);
	struct router *r = started(&out);
	underlay_events(ears);
	assert_true(underlay_told(&told, "+ route T52 0.0.0.0/0 dev mesh0"));
	assert_true(underlay_told(&told, "- route T52 throw 10.66.0.0/16"));
	assert_false(underlay_told(&told, "- rule"));
	assert_false(underlay_told(&told, "+ rule"));
	assert_false(underlay_told(&told, "- " KERNEL_GUARD4));
	assert_false(underlay_told(&told, "- " KERNEL_GUARD6));
	assert_false(underlay_told(&told, "+ route T52 throw"));
	assert_false(underlay_told(&told, "- route T52 throw 1.")); /* none but the stale one */
	assert_int_equal(kernel_count("route T52 throw"), 3);
	assert_ways_into_tunnel();
	/* The exit node is given up: the guard goes. */
	router_apply(r, &plain, &rep);
	kernel_ok(&rep);
	assert_int_equal(kernel_count("route T52 unreachable"), 0);
	assert_free();
	router_down(r, false, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&before);
	router_free(r);
	tun_close(&tun);
	nl_socket_free(ears);
	kernel_forget(&told);
}

static void cleanup_opens_the_guard(void **state)
{
	(void)state;
	make_and_die();
	for (int i = 0; i < 2; i++) {
		router_linux_cleanup(KERNEL_TUN, &params, &rep);
		kernel_ok(&rep);
		kernel_assert_same(&before);
	}
	assert_free();
}

/* WantRunning was set to false meanwhile: the start that finds it so takes everything away, also
 * without having been up. */
static void a_start_that_is_not_wanted(void **state)
{
	(void)state;
	make_and_die();
	tun = netns_tun(KERNEL_TUN);
	struct router *r = router_new(KERNEL_TUN, &params, &rep);
	router_down(r, false, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&before);
	router_free(r);
	/* Told to leave a guard that stands, it does. */
	tun_close(&tun);
	make_and_die();
	tun = netns_tun(KERNEL_TUN);
	r = router_new(KERNEL_TUN, &params, &rep);
	router_down(r, true, &rep);
	kernel_ok(&rep);
	kernel_assert(guarded);
	router_free(r);
	tun_close(&tun);
}

/* The exit node is wanted, the map is not there yet. */
static void held_until_the_map_is_there(void **state)
{
	struct kernel told = { 0 };
	(void)state;
	for (int crashed = 1; crashed >= 0; crashed--) {
		if (crashed)
			make_and_die();
		tun = netns_tun(KERNEL_TUN);
		struct router *r = started(NULL);
		struct nl_sock *ears = underlay_listen(&told);
		router_hold(r);
		while (router_work(r, 1, &rep))
			continue;
		kernel_ok(&rep);
		underlay_events(ears);
		underlay_assert_way(FAR4, 0, "none");
		underlay_assert_way(FAR6, 0, "none");
		underlay_assert_way(LAN4, 0, crashed ? UNDERLAY4 : "none");
		assert_int_equal(told.n, crashed ? 0 : 2); /* it all stands; or the guard */
		router_apply(r, &out, &rep);
		kernel_ok(&rep);
		assert_ways_into_tunnel();
		router_down(r, false, &rep);
		router_free(r);
		tun_close(&tun);
		nl_socket_free(ears);
		kernel_forget(&told);
	}
}

static void an_orderly_stop_can_leave_it(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	struct router *r = started(&out);
	assert_ways_into_tunnel();
	router_down(r, true, &rep);
	kernel_ok(&rep);
	kernel_assert(guarded);
	assert_nothing_leaves();
	/* and up again with the same router */
	router_up(r, &rep);
	kernel_ok(&rep);
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_ways_into_tunnel();
	/* Wanted, but not there yet. */
	router_apply(r, &plain, &rep);
	router_want(r, &out);
	router_down(r, true, &rep);
	kernel_ok(&rep);
	kernel_assert(guarded);
	router_up(r, &rep);
	/* Without an exit node there is nothing to keep. */
	router_apply(r, &plain, &rep);
	router_down(r, true, &rep);
	kernel_ok(&rep);
	kernel_assert_same(&before);
	router_free(r);
	tun_close(&tun);
}

static void assert_link_local(const char *dst)
{
	mono_t until = mono_add_s(mono_now(), 10);
	while (strncmp(underlay_way_of(dst, 0, true), "fe80:", 5) && mono_before(mono_now(), until))
		usleep(2000);
	assert_int_equal(strncmp(underlay_way_of(dst, 0, true), "fe80:", 5), 0);
}

/* Who binds a socket to a card has chosen: neighbours are reached as ever, so that leases are
 * renewed and the LAN's names found. */
static void what_is_bound_to_the_card(void **state)
{
	(void)state;
	out.throws.n = 0; /* no LAN */
	make_and_die();
	underlay_assert_way(LAN4, 0, "none");
	assert_string_equal(underlay_way_of(LAN4, 0, true), UNDERLAY4);
	assert_string_equal(underlay_way_of("239.255.255.250", 0, true), UNDERLAY4);
	assert_string_equal(underlay_way_of("2001:db8:7::9", 0, true), UNDERLAY6);
	assert_link_local("fe80::1");
	assert_link_local("ff02::1");
}

/* ---- on the way ---- */

static bool is_there(const struct kernel *k, const char *line)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->line[i], line) == 0)
			return true;
	return false;
}

/* Step by step: with a default route into the tunnel there is a guard. Returns the steps. */
static int walk(struct router *r, const struct router_config *to)
{
	int n = 0;
	bool more = true;
	router_want(r, to);
	for (; more; n++) {
		more = router_work(r, 1, &rep);
		struct kernel k = kernel_read();
		assert_true(is_there(&k, KERNEL_GUARD4) ||
			    !is_there(&k, "route T52 0.0.0.0/0 dev mesh0"));
		assert_true(is_there(&k, KERNEL_GUARD6) ||
			    !is_there(&k, "route T52 ::/0 dev mesh0"));
		kernel_forget(&k);
	}
	kernel_ok(&rep);
	return n;
}

static void it_comes_first_and_goes_last(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	struct router *r = started(&plain);
	assert_int_equal(walk(r, &out), 2 + 3 + 2);
	assert_ways_into_tunnel();
	assert_int_equal(walk(r, &plain), 3 + 2 + 2);
	assert_free();
	router_free(r);
	tun_close(&tun);
}

/* ---- IPv6 half there ---- */

static void off_on_our_interface(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	netns_write("/proc/sys/net/ipv6/conf/" KERNEL_TUN "/disable_ipv6", "1");
	struct router *r = started(&out);
	assert_false(router_has_ipv6(r));
	underlay_assert_way(FAR4, 0, "100.64.0.1");
	underlay_assert_way(FAR6, 0, "none"); /* not past the exit node */
	netns_write("/proc/sys/net/ipv6/conf/" KERNEL_TUN "/disable_ipv6", "0");
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_ways_into_tunnel();
	router_free(r);
	tun_close(&tun);
}

static void an_mtu_without_ipv6(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	struct router *r = started(&out);
	out.mtu = 1200;
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_false(router_has_ipv6(r));
	underlay_assert_way(FAR4, 0, "100.64.0.1");
	underlay_assert_way(FAR6, 0, "none");
	out.mtu = 1280;
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_ways_into_tunnel();
	router_free(r);
	tun_close(&tun);
}

/* Off everywhere, but for one card: the reference sees no IPv6, and traffic would leave there. */
static void off_everywhere_but_on_the_card(void **state)
{
	(void)state;
	netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	netns_write("/proc/sys/net/ipv6/conf/" UNDERLAY_CARD "/disable_ipv6", "0");
	struct kroute_route d6 = { .dst = pk_prefix("::/0"),
				   .table = 254,
				   .oif = if_nametoindex(UNDERLAY_CARD) };
	assert_int_equal(kroute_addr_add(nl, d6.oif, pk_prefix(UNDERLAY6 "/64")), 0);
	assert_int_equal(kroute_route_add(nl, &d6), 0);
	tun = netns_tun(KERNEL_TUN);
	struct router *r = started(&plain);
	assert_int_equal(kernel_count("rule6"), 0);
	underlay_assert_way(FAR6, 0, UNDERLAY6);
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	underlay_assert_way(FAR6, 0, "none");
	underlay_assert_way(FAR6, params.fwmark_bypass, UNDERLAY6);
	/* It is switched on, and off again. */
	netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	underlay_assert_way(FAR6, 0, "fd7a:115c:a1e0::1");
	netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_int_equal(kernel_count(KERNEL_GUARD6), 1);
	router_down(r, false, &rep);
	kernel_ok(&rep);
	assert_int_equal(kernel_count("rule") + kernel_count("route T52"), 0);
	router_free(r);
	tun_close(&tun);
}

/* ---- kernels without policy rules ---- */

static int no_rules(int type, int fam)
{
	(void)fam;
	return type == RTM_GETRULE ? -ERR_UNSUPPORTED : 0;
}

static int no_rules6(int type, int fam)
{
	return fam == AF_INET6 ? no_rules(type, fam) : 0;
}

static void without_policy_rules_there_is_none(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	netmsg_set_fault(no_rules);
	struct router *r = started(&plain);
	netmsg_set_fault(NULL);
	kernel_assert((const char *const[]){
	    "addr 100.64.0.1/32", "route T254 100.64.0.2/32 dev mesh0", UNDERLAY_ROUTES, NULL });
	netmsg_set_fault(no_rules);
	plain.guard = true;
	router_apply(r, &plain, &rep);
	assert_int_equal(rep.failed, 1);
	assert_non_null(strstr(rep.first, "no leak guard: this kernel has no policy rules"));
	router_down(r, true, &rep);
	kernel_ok(&rep);
	netmsg_set_fault(NULL);
	kernel_assert_same(&before);
	router_free(r);
	tun_close(&tun);
}

static void without_them_for_ipv6_it_says_so(void **state)
{
	(void)state;
	tun = netns_tun(KERNEL_TUN);
	netmsg_set_fault(no_rules6);
	struct router *r = started(NULL);
	router_apply(r, &out, &rep);
	assert_int_equal(rep.failed, 1);
	assert_non_null(strstr(rep.first, "no leak guard for IPv6"));
	assert_non_null(strstr(rep.first, "type: sysctl -w"));
	netmsg_set_fault(NULL);
	assert_int_equal(kernel_count("rule6") + kernel_count(KERNEL_GUARD6), 0);
	assert_int_equal(kernel_count("rule4"), 4);
	assert_int_equal(kernel_count(KERNEL_GUARD4), 1);
	/* The module was loaded. */
	router_apply(r, &out, &rep);
	kernel_ok(&rep);
	assert_ways_into_tunnel();
	router_free(r);
	tun_close(&tun);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_guard_outlives_a_kill),
		T(cleanup_opens_the_guard),
		T(a_start_that_is_not_wanted),
		T(held_until_the_map_is_there),
		T(an_orderly_stop_can_leave_it),
		T(what_is_bound_to_the_card),
		T(it_comes_first_and_goes_last),
		T(off_on_our_interface),
		T(an_mtu_without_ipv6),
		T(off_everywhere_but_on_the_card),
		T(without_policy_rules_there_is_none),
		T(without_them_for_ipv6_it_says_so),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
