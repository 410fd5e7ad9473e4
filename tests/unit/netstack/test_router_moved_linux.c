/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table and the rules have other numbers than in the run before, which left its guard. */
#include "tests/unit/netstack/router_underlay.h"

#define FAR4 "198.51.100.1"
#define FAR6 "2001:db8:99::1"
#define OTHERS "10.66.0.0/16" /* somebody else's, in the old table */

static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const routes[] = { "0.0.0.0/0", "::/0", NULL };
static const char *const throws[] = { "127.0.0.0/8", "2001:db8:7::/64", NULL };

static struct router_params before, now;
static struct tun card, tun;
static struct nl_sock *nl;
static struct router_report rep;

static int setup(void **state)
{
	(void)state;
	card = underlay_make(&nl);
	tun = netns_tun(KERNEL_TUN);
	before = now = ROUTER_PARAMS_DEFAULT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tun_close(&tun);
	tun_close(&card);
	nl_socket_free(nl);
	return 0;
}

static void stay(const struct router_params *p, struct router **out)
{
	struct router_config c = kernel_config(true, addrs, routes, throws);
	*out = router_new(KERNEL_TUN, p, &rep);
	assert_non_null(*out);
	router_up(*out, &rep);
	router_apply(*out, &c, &rep);
	kernel_ok(&rep);
	router_config_fini(&c);
}

/* One run stops and leaves its guard; what the next has, and what there is when that forgot the
 * numbers. */
static struct router *move(struct kernel *alone)
{
	struct router *r;
	stay(&now, &r);
	*alone = kernel_read();
	router_down(r, false, &rep);
	router_free(r);
	stay(&before, &r);
	router_down(r, true, &rep);
	router_free(r);
	stay(&now, &r);
	router_forget_numbers(r, &before, &rep);
	kernel_ok(&rep);
	return r;
}

static void assert_moved(void)
{
	struct kernel alone;
	struct router *r = move(&alone);
	kernel_assert_same(&alone);
	router_forget_numbers(r, &before, &rep); /* again: nothing to do */
	kernel_ok(&rep);
	kernel_assert_same(&alone);
	underlay_assert_way(FAR4, now.fwmark_bypass, UNDERLAY4);
	underlay_assert_way(FAR6, now.fwmark_bypass, UNDERLAY6);
	router_down(r, false, &rep);
	kernel_ok(&rep);
	underlay_assert_way(FAR4, 0, UNDERLAY4);
	underlay_assert_way(FAR6, 0, UNDERLAY6);
	router_free(r);
	kernel_forget(&alone);
}

static void all_are_others(void **state)
{
	(void)state;
	now.fwmark_mask = 0xc000000;
	now.fwmark_bypass = 0x8000000;
	now.fwmark_subnet = 0x4000000;
	now.table = 77;
	now.rule_base = 1300;
	assert_moved();
}

static void the_table_alone(void **state)
{
	(void)state;
	now.table = 77;
	assert_moved();
}

static void the_rules_alone(void **state)
{
	(void)state;
	now.rule_base = 1300;
	assert_moved();
}

/* For its sake perhaps the number was changed. */
static void what_others_live_by_stays(void **state)
{
	struct kroute_route theirs = { .dst = pk_prefix(OTHERS), .table = 52 };
	struct kernel alone;
	(void)state;
	now.table = 77;
	assert_int_equal(kroute_link_find(nl, UNDERLAY_CARD, &theirs.oif), 0);
	theirs.type = RTN_UNICAST;
	assert_int_equal(kroute_route_add(nl, &theirs), 0);
	struct router *r = move(&alone);
	assert_int_equal(kernel_count("route T52"), 1);
	assert_int_equal(kernel_count("rule4 5270 lookup 52"), 1); /* it may be theirs */
	router_down(r, false, &rep);
	router_free(r);
	kernel_forget(&alone);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_are_others),
		T(the_table_alone),
		T(the_rules_alone),
		T(what_others_live_by_stays),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
