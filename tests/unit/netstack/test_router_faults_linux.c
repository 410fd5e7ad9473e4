/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that the kernel refuses: the others are done, the report says what to do, and the next
 * goal tries again. And numbers other than the usual ones. */
#include "tests/unit/netstack/router_kernel.h"

static const struct router_params params = ROUTER_PARAMS_DEFAULT;
static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const routes[] = { "0.0.0.0/0",	     "::/0", "10.1.0.0/16", "10.2.0.0/16",
				      "fd7a:115c:a1e0::/48", NULL };
static const char *const throws[] = { "127.0.0.0/8", NULL };

static const char *const whole[] = { KERNEL_RULES("4"),
				     KERNEL_RULES("6"),
				     KERNEL_GUARD4,
				     KERNEL_GUARD6,
				     "addr 100.64.0.1/32",
				     "addr fd7a:115c:a1e0::1/128",
				     "route T52 throw 127.0.0.0/8",
				     "route T52 0.0.0.0/0 dev mesh0",
				     "route T52 ::/0 dev mesh0",
				     "route T52 10.1.0.0/16 dev mesh0",
				     "route T52 10.2.0.0/16 dev mesh0",
				     "route T52 fd7a:115c:a1e0::/48 dev mesh0",
				     NULL };

static struct tun tun;
static struct router_report rep;
static struct router_config goal;

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	tun = netns_tun(KERNEL_TUN);
	goal = kernel_config(true, addrs, routes, throws);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	netmsg_set_fault(NULL);
	tun_close(&tun);
	router_config_fini(&goal);
	return 0;
}

/* The n-th request (from 0) of this type fails so. */
static struct {
	int type, n, code;
	int seen;
} plan;

static int fail_one(int type, int fam)
{
	(void)fam;
	return type == plan.type && plan.seen++ == plan.n ? plan.code : 0;
}

static int fail_all(int type, int fam)
{
	(void)fam;
	return type == plan.type ? plan.code : 0;
}

static void each_refusal_is_told_and_mended(void **state)
{
	static const struct {
		int type, n, code;
		const char *first;
		bool passing;
	} cases[] = {
		{ RTM_NEWROUTE, 0, -ERR_NOMEM, "add leak guard 0.0.0.0/0: out of memory", true },
		{ RTM_NEWROUTE, 2, -ERR_BUSY, "add throw route 127.0.0.0/8: busy; another program",
		  true },
		{ RTM_NEWROUTE, 3, -ERR_NOMEM,
		  "add route 0.0.0.0/0: out of memory; the kernel has no room for it: accept fewer",
		  true },
		{ RTM_NEWROUTE, 5, -ERR_PERM,
		  "add route 10.2.0.0/16: permission denied; meshd needs CAP_NET_ADMIN", false },
		{ RTM_NEWROUTE, 7, -ERR_RANGE, "add route fd7a:115c:a1e0::/48: value out of range",
		  false },
		{ RTM_NEWADDR, 1, -ERR_NOMEM, "add address fd7a:115c:a1e0::1/128: out of memory",
		  true },
		{ RTM_GETADDR, 0, -ERR_IO, "list addresses of mesh0: input/output error", false },
		{ RTM_GETROUTE, 0, -ERR_NOMEM, "list routes of IPv4: out of memory", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct router *r = router_new(KERNEL_TUN, &params, &rep);
		router_up(r, &rep);
		kernel_ok(&rep);
		plan.type = cases[i].type;
		plan.n = cases[i].n;
		plan.code = cases[i].code;
		plan.seen = 0;
		netmsg_set_fault(fail_one);
		router_apply(r, &goal, &rep);
		netmsg_set_fault(NULL);
		assert_int_equal(rep.failed, 1);
		assert_int_equal(rep.passing, cases[i].passing);
		if (strncmp(rep.first, cases[i].first, strlen(cases[i].first)))
			fail_msg("%s", rep.first);
		/* All but what failed is there; and then that, too. */
		struct kernel k = kernel_read();
		bool change = cases[i].type == RTM_NEWROUTE || cases[i].type == RTM_NEWADDR;
		assert_int_equal(k.n, ARRAY_LEN(whole) - 1 - change);
		kernel_forget(&k);
		router_apply(r, &goal, &rep);
		kernel_ok(&rep);
		kernel_assert(whole);
		router_down(r, false, &rep);
		kernel_ok(&rep);
		kernel_assert((const char *const[]){ NULL });
		router_free(r);
	}
}

static void a_refused_removal_is_tried_again(void **state)
{
	struct router_config nothing = kernel_config(false, addrs, NULL, NULL);
	struct router *r = router_new(KERNEL_TUN, &params, &rep);
	(void)state;
	router_up(r, &rep);
	router_apply(r, &goal, &rep);
	plan.type = RTM_DELROUTE;
	plan.code = -ERR_BUSY;
	netmsg_set_fault(fail_all);
	router_apply(r, &nothing, &rep);
	assert_int_equal(rep.failed, 2 + 1 + 5);
	assert_string_equal(rep.first,
			    "delete throw route 127.0.0.0/8: busy; another program holds "
			    "it; meshd tries again");
	netmsg_set_fault(NULL);
	assert_int_equal(kernel_count("route T52"), 2 + 1 + 5);
	router_apply(r, &nothing, &rep);
	kernel_ok(&rep);
	assert_int_equal(kernel_count("route T52"), 0);
	router_free(r);
	router_config_fini(&nothing);
}

static void rules_and_link_that_are_refused(void **state)
{
	struct router *r = router_new(KERNEL_TUN, &params, &rep);
	(void)state;
	plan.type = RTM_NEWRULE;
	plan.code = -ERR_PERM;
	netmsg_set_fault(fail_all);
	router_up(r, &rep);
	assert_int_equal(rep.failed, 8);
	assert_non_null(strstr(rep.first, "add rules of IPv4: permission denied; meshd needs"));
	netmsg_set_fault(NULL);
	/* The next goal completes them. */
	router_apply(r, &goal, &rep);
	kernel_ok(&rep);
	kernel_assert(whole);
	plan.type = RTM_NEWLINK;
	plan.code = -ERR_BUSY;
	netmsg_set_fault(fail_all);
	goal.mtu = 1400;
	router_apply(r, &goal, &rep);
	assert_int_equal(rep.failed, 1);
	assert_non_null(strstr(rep.first, "set MTU of mesh0: busy"));
	netmsg_set_fault(NULL);
	router_free(r);
}

/* ---- other numbers ---- */

static void other_numbers(void **state)
{
	static const struct router_params other = { 0x0f000000, 0x08000000, 0x04000000, 1052,
						    1300 };
	static const char *const usual[] = { "rule4 5270 lookup 52", "route T52 throw 10.0.0.0/8",
					     NULL };
	struct nl_sock *nl = netmsg_socket();
	struct kroute_rule rule = { IP_V4, 5270, 0, 0, 52 };
	struct kroute_route route = { .dst = pk_prefix("10.0.0.0/8"), .table = 52 };
	size_t drift;
	(void)state;
	assert_int_equal(kroute_rule_add(nl, &rule), 0);
	assert_int_equal(kroute_route_add(nl, &route), 0);
	struct router *r = router_new(KERNEL_TUN, &other, &rep);
	router_up(r, &rep);
	kernel_ok(&rep);
	router_apply(r, &goal, &rep);
	kernel_ok(&rep);
	kernel_assert((const char *const[]){ usual[0],
					     usual[1],
					     "rule4 1310 mark 0x8000000/0xf000000 lookup 254",
					     "rule4 1330 mark 0x8000000/0xf000000 lookup 253",
					     "rule4 1350 mark 0x8000000/0xf000000 unreachable",
					     "rule4 1370 lookup 1052",
					     "rule6 1310 mark 0x8000000/0xf000000 lookup 254",
					     "rule6 1330 mark 0x8000000/0xf000000 lookup 253",
					     "rule6 1350 mark 0x8000000/0xf000000 unreachable",
					     "rule6 1370 lookup 1052",
					     "addr 100.64.0.1/32",
					     "addr fd7a:115c:a1e0::1/128",
					     "route T1052 unreachable 0.0.0.0/0 metric 4294967295",
					     "route T1052 unreachable ::/0 metric 4294967295",
					     "route T1052 throw 127.0.0.0/8",
					     "route T1052 0.0.0.0/0 dev mesh0",
					     "route T1052 ::/0 dev mesh0",
					     "route T1052 10.1.0.0/16 dev mesh0",
					     "route T1052 10.2.0.0/16 dev mesh0",
					     "route T1052 fd7a:115c:a1e0::/48 dev mesh0",
					     NULL });
	assert_int_equal(kroute_table_flush(nl, IP_V4, 1052), 0);
	router_check(r, &rep, &drift);
	assert_int_equal(drift, 5);
	while (router_work(r, 1, &rep))
		continue;
	router_check(r, &rep, &drift);
	assert_int_equal(drift, 0);
	router_down(r, true, &rep);
	kernel_ok(&rep);
	assert_int_equal(kernel_count("route T1052"), 3);
	router_linux_cleanup(KERNEL_TUN, &other, &rep);
	kernel_ok(&rep);
	kernel_assert(usual);
	router_free(r);
	nl_socket_free(nl);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_refusal_is_told_and_mended),
		T(a_refused_removal_is_tried_again),
		T(rules_and_link_that_are_refused),
		T(other_numbers),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
