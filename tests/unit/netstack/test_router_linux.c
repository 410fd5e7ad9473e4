/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The router against a real kernel, each test in a network namespace of its own. What is there is
 * read back by parsers of this file. */
#include "tests/unit/netstack/netns.h"

#include "netstack/router_linux.h"

#include <netlink/msg.h>

#include <linux/capability.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TUN "mesh0"

static const struct router_params params = ROUTER_PARAMS_DEFAULT;

static struct nl_sock *look;
static struct tun tun;
static struct router_report rep;

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	look = netmsg_socket();
	assert_non_null(look);
	tun = netns_tun(TUN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tun_close(&tun);
	nl_socket_free(look);
	return 0;
}

/* ---- what is there ---- */

struct seen_rule {
	int af;
	uint32_t pref, mark, mask, table;
	uint8_t action;
};

struct seen {
	struct seen_rule rules[64];
	size_t n_rules;
	struct prefix_list routes, throws, addrs;
};

static uint32_t u32(struct nlattr *a)
{
	return a ? nla_get_u32(a) : 0;
}

static void on_rule(void *arg, struct nlmsghdr *h)
{
	struct seen *s = arg;
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr *m = nlmsg_data(h);
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, FRA_MAX, NULL), 0);
	uint32_t pref = u32(tb[FRA_PRIORITY]);
	if (pref >= 5200 && pref < 5300)
		s->rules[s->n_rules++] =
		    (struct seen_rule){ m->family,	     pref,
					u32(tb[FRA_FWMARK]), u32(tb[FRA_FWMASK]),
					u32(tb[FRA_TABLE]),  m->action };
}

static struct prefix get_prefix(struct nlattr *a, int af, uint8_t bits)
{
	static const uint8_t zero[16];
	size_t len = af == AF_INET ? 4 : 16;
	return (struct prefix){ ip_from_bytes(span_of(a ? nla_data(a) : zero, len)), bits };
}

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct seen *s = arg;
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg *m = nlmsg_data(h);
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, RTA_MAX, NULL), 0);
	if (m->rtm_table != 52)
		return;
	assert_int_equal(m->rtm_protocol, RTPROT_BOOT);
	struct prefix p = get_prefix(tb[RTA_DST], m->rtm_family, m->rtm_dst_len);
	if (m->rtm_type == RTN_THROW) {
		prefix_list_add(&s->throws, p);
	} else {
		assert_int_equal(m->rtm_type, RTN_UNICAST);
		assert_int_equal(u32(tb[RTA_OIF]), if_nametoindex(TUN));
		prefix_list_add(&s->routes, p);
	}
}

static void on_addr(void *arg, struct nlmsghdr *h)
{
	struct seen *s = arg;
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *m = nlmsg_data(h);
	assert_int_equal(nlmsg_parse(h, sizeof(*m), tb, IFA_MAX, NULL), 0);
	struct prefix p = get_prefix(tb[IFA_ADDRESS], m->ifa_family, m->ifa_prefixlen);
	if (m->ifa_index == if_nametoindex(TUN) && !ip_is_link_local(p.ip))
		prefix_list_add(&s->addrs, p);
}

static struct seen see(void)
{
	struct seen s = { .n_rules = 0 };
	assert_int_equal(netmsg_dump(look, RTM_GETRULE, AF_INET, 0, on_rule, &s), 0);
	assert_int_equal(netmsg_dump(look, RTM_GETRULE, AF_INET6, 0, on_rule, &s), 0);
	assert_int_equal(netmsg_dump(look, RTM_GETROUTE, AF_UNSPEC, 0, on_route, &s), 0);
	assert_int_equal(netmsg_dump(look, RTM_GETADDR, AF_UNSPEC, 0, on_addr, &s), 0);
	prefix_list_sort(&s.routes);
	prefix_list_sort(&s.throws);
	prefix_list_sort(&s.addrs);
	return s;
}

static void forget(struct seen *s)
{
	prefix_list_fini(&s->routes);
	prefix_list_fini(&s->throws);
	prefix_list_fini(&s->addrs);
}

static void assert_list(const struct prefix_list *got, const char *const *want)
{
	size_t n = 0;
	for (; want[n]; n++)
		assert_true(prefix_list_has(got, pk_prefix(want[n])));
	assert_int_equal(got->n, n);
}

#define NONE ((const char *const[]){ NULL })

static void assert_there(const char *const *routes, const char *const *throws,
			 const char *const *addrs)
{
	struct seen s = see();
	assert_list(&s.routes, routes);
	assert_list(&s.throws, throws);
	assert_list(&s.addrs, addrs);
	forget(&s);
}

static void assert_rules(bool v4, bool v6)
{
	static const struct seen_rule want[] = {
		{ 0, 5210, 0x80000, 0xff0000, 254, FR_ACT_TO_TBL },
		{ 0, 5230, 0x80000, 0xff0000, 253, FR_ACT_TO_TBL },
		{ 0, 5250, 0x80000, 0xff0000, 0, FR_ACT_UNREACHABLE },
		{ 0, 5270, 0, 0, 52, FR_ACT_TO_TBL },
	};
	struct seen s = see();
	forget(&s);
	assert_int_equal(s.n_rules, (v4 ? 4 : 0) + (v6 ? 4 : 0));
	for (size_t i = 0; i < s.n_rules; i++) {
		struct seen_rule r = want[i % 4];
		r.af = v4 && i < 4 ? AF_INET : AF_INET6;
		assert_memory_equal(&s.rules[i], &r, sizeof(r));
	}
}

/* ---- what is wanted ---- */

static struct router_config config(const char *const *addrs, const char *const *routes,
				   const char *const *throws)
{
	struct router_config c = { .mtu = 1280 };
	for (; *addrs; addrs++)
		prefix_list_add(&c.addrs, pk_prefix(*addrs));
	for (; *routes; routes++)
		prefix_list_add(&c.routes, pk_prefix(*routes));
	for (; *throws; throws++)
		prefix_list_add(&c.throws, pk_prefix(*throws));
	prefix_list_sort(&c.addrs);
	prefix_list_sort(&c.routes);
	prefix_list_sort(&c.throws);
	return c;
}

static const char *const addrs[] = { "100.64.0.1/32", "fd7a:115c:a1e0::1/128", NULL };
static const char *const addrs4[] = { "100.64.0.1/32", NULL };
static const char *const routes[] = { "100.64.0.2/32", "100.100.100.100/32",  "0.0.0.0/0",
				      "::/0",	       "fd7a:115c:a1e0::/48", NULL };
static const char *const routes4[] = { "100.64.0.2/32", "100.100.100.100/32", "0.0.0.0/0", NULL };
static const char *const throws[] = { "127.0.0.0/8", "192.168.5.0/24", "fd00::/64", NULL };
static const char *const throws4[] = { "127.0.0.0/8", "192.168.5.0/24", NULL };

static void ok(void)
{
	if (rep.failed)
		printf("%u failed: %s\n", rep.failed, rep.first);
	assert_int_equal(rep.failed, 0);
	assert_string_equal(rep.first, "");
}

static struct router *started(const struct router_config *c)
{
	struct router *r = router_new(TUN, &params, &rep);
	assert_non_null(r);
	ok();
	router_up(r, &rep);
	ok();
	router_apply(r, c, &rep);
	ok();
	return r;
}

static unsigned mtu_of(const char *name)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFMTU, &req), 0);
	close(fd);
	return (unsigned)req.ifr_mtu;
}

/* ---- tests ---- */

static void up_change_down(void **state)
{
	struct router_config a = config(addrs, routes, throws);
	struct router_config b = config((const char *const[]){ "100.64.0.9/32", NULL },
					(const char *const[]){ "10.0.0.0/8", NULL }, NONE);
	struct router *r = started(&a);
	(void)state;
	assert_int_equal(mtu_of(TUN), 1280);
	assert_true(router_has_ipv6(r));
	assert_rules(true, true);
	assert_there(routes, throws, addrs);
	router_apply(r, &a, &rep); /* again: nothing to do */
	ok();
	assert_there(routes, throws, addrs);
	router_apply(r, &b, &rep);
	ok();
	assert_there((const char *const[]){ "10.0.0.0/8", NULL }, NONE,
		     (const char *const[]){ "100.64.0.9/32", NULL });
	router_down(r, false, &rep);
	ok();
	assert_rules(false, false);
	assert_there(NONE, NONE, NONE);
	router_free(r);
	router_config_fini(&a);
	router_config_fini(&b);
}

static void a_second_start_makes_no_doubles(void **state)
{
	struct router_config c = config(addrs, routes, throws);
	(void)state;
	for (int i = 0; i < 3; i++)
		router_free(started(&c)); /* died without router_down */
	assert_rules(true, true);
	assert_there(routes, throws, addrs);
	router_config_fini(&c);
}

static void a_crash_is_cleaned_up(void **state)
{
	struct router_config c = config(addrs, routes, throws);
	(void)state;
	router_free(started(&c));
	tun_close(&tun); /* the interface goes, throw routes and rules stay */
	assert_rules(true, true);
	assert_there(NONE, throws, NONE);
	for (int i = 0; i < 2; i++) {
		router_linux_cleanup(TUN, &params, &rep);
		ok();
		assert_rules(false, false);
		assert_there(NONE, NONE, NONE);
	}
	router_config_fini(&c);
}

static void count_77(void *arg, struct nlmsghdr *h)
{
	int *n = arg;
	*n += ((struct rtmsg *)nlmsg_data(h))->rtm_table == 77;
}

static void foreign_rules_and_routes_stay(void **state)
{
	struct kroute_rule foreign = { IP_V4, 5210, 0, 0, 77 };
	struct kroute_route route = { .dst = pk_prefix("10.9.0.0/16"), .table = 77 };
	(void)state;
	assert_int_equal(kroute_rule_add(look, &foreign), 0);
	assert_int_equal(kroute_route_add(look, &route), 0);
	router_linux_cleanup(TUN, &params, &rep);
	ok();
	struct seen s = see();
	forget(&s);
	assert_int_equal(s.n_rules, 1);
	assert_int_equal(s.rules[0].table, 77);
	int left = 0;
	assert_int_equal(netmsg_dump(look, RTM_GETROUTE, AF_INET, 77, count_77, &left), 0);
	assert_int_equal(left, 1);
}

static void persistent_leftovers_go(void **state)
{
	struct router_config c = config(addrs, routes, NONE);
	struct router_config other =
	    config((const char *const[]){ "100.64.0.9/32", NULL }, NONE, NONE);
	(void)state;
	assert_int_equal(ioctl(tun.fd, TUNSETPERSIST, 1), 0);
	router_free(started(&c));
	tun_close(&tun);
	tun = netns_tun(TUN);
	/* The next process has another address: the old one is swept, foreign ones are not. */
	assert_int_equal(kroute_addr_add(look, if_nametoindex(TUN), pk_prefix("192.0.2.1/32")), 0);
	struct router *r = started(&other);
	struct seen s = see();
	assert_list(&s.addrs, (const char *const[]){ "100.64.0.9/32", "192.0.2.1/32", NULL });
	forget(&s);
	router_free(r);
	/* In use by a process: not removed. */
	router_linux_cleanup(TUN, &params, &rep);
	ok();
	assert_int_not_equal(if_nametoindex(TUN), 0);
	tun_close(&tun);
	assert_int_not_equal(if_nametoindex(TUN), 0);
	router_linux_cleanup(TUN, &params, &rep);
	ok();
	assert_int_equal(if_nametoindex(TUN), 0);
	router_config_fini(&c);
	router_config_fini(&other);
}

static void no_ipv6_in_the_system(void **state)
{
	struct router_config c = config(addrs, routes, throws);
	(void)state;
	netns_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	struct router *r = started(&c);
	assert_false(router_has_ipv6(r));
	assert_rules(true, false);
	assert_there(routes4, throws4, addrs4);
	router_down(r, false, &rep);
	ok();
	router_free(r);
	router_linux_cleanup(TUN, &params, &rep);
	ok();
	router_config_fini(&c);
}

static void no_ipv6_on_the_interface(void **state)
{
	struct router_config c = config(addrs, routes, throws);
	(void)state;
	netns_write("/proc/sys/net/ipv6/conf/" TUN "/disable_ipv6", "1");
	struct router *r = started(&c);
	assert_false(router_has_ipv6(r));
	assert_rules(true, true);
	assert_there(routes4, throws4, addrs4);
	/* It comes back with the next apply. */
	netns_write("/proc/sys/net/ipv6/conf/" TUN "/disable_ipv6", "0");
	router_apply(r, &c, &rep);
	ok();
	assert_there(routes, throws, addrs);
	router_down(r, false, &rep);
	ok();
	router_free(r);
	router_config_fini(&c);
}

static void an_mtu_too_small_for_ipv6(void **state)
{
	struct router_config c = config(addrs, routes, throws);
	(void)state;
	c.mtu = 1200;
	struct router *r = started(&c);
	assert_false(router_has_ipv6(r));
	router_apply(r, &c, &rep);
	ok();
	assert_there(routes4, throws4, addrs4);
	router_free(r);
	router_config_fini(&c);
}

static void a_failed_step_is_tried_again(void **state)
{
	/* Routes into an interface that is down are refused. */
	struct router_config c = config(addrs4, routes4, NONE);
	struct router *r = router_new(TUN, &params, &rep);
	(void)state;
	router_apply(r, &c, &rep);
	assert_int_equal(rep.failed, 3);
	assert_non_null(strstr(rep.first, "add route 0.0.0.0/0: "));
	assert_there(NONE, NONE, addrs4);
	router_up(r, &rep);
	ok();
	router_apply(r, &c, &rep);
	ok();
	assert_there(routes4, NONE, addrs4);
	router_free(r);
	router_config_fini(&c);
}

static void restored_rules_remove_nothing(void **state)
{
	struct router_config c = config(addrs4, routes4, NONE);
	struct router *r = started(&c);
	struct kroute_rule one = { IP_V4, 5270, 0, 0, 52 };
	(void)state;
	assert_int_equal(kroute_rule_del(look, &one), 0);
	router_restore_rules(r, &rep);
	ok();
	assert_rules(true, true);
	router_free(r);
	router_config_fini(&c);
}

static void names_and_absence(void **state)
{
	(void)state;
	assert_null(router_new("no-such-if", &params, &rep));
	assert_string_equal(rep.first, "find interface no-such-if: not found");
	assert_null(router_new("../evil", &params, &rep));
	assert_int_equal(rep.failed, 1);
	router_linux_cleanup("../evil", &params, &rep);
	ok();
	struct router *r = router_new(TUN, &params, &rep);
	struct router_config c = config(addrs4, NONE, NONE);
	tun_close(&tun);
	router_apply(r, &c, &rep);
	assert_int_equal(rep.failed, 1);
	router_down(r, false, &rep);
	router_free(r);
	router_free(NULL);
	router_config_fini(&c);
}

/* In a child: an ordinary user with the given capabilities and no others. */
static void drop_to(uint32_t caps)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { caps, caps, 0 }, { 0, 0, 0 } };
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534) || syscall(SYS_capset, &h, d) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(99);
}

static int child(uint32_t caps, void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		drop_to(caps);
		fn();
		_exit((int)rep.failed);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void whole_life(void)
{
	struct router_config c = config(addrs, routes, throws);
	struct router *r = router_new(TUN, &params, &rep);
	unsigned failed = 0;
	router_up(r, &rep);
	failed += rep.failed;
	router_apply(r, &c, &rep);
	failed += rep.failed;
	router_down(r, false, &rep);
	failed += rep.failed;
	router_linux_cleanup("mesh1", &params, &rep);
	rep.failed += failed;
	router_free(r);
	router_config_fini(&c);
}

static void only_up(void)
{
	struct router *r = router_new(TUN, &params, &rep);
	router_up(r, &rep);
	if (!strstr(rep.first, "permission denied; meshd needs CAP_NET_ADMIN"))
		_exit(98);
	router_free(r);
}

static void one_capability_is_enough(void **state)
{
	(void)state;
	assert_int_equal(child(1u << CAP_NET_ADMIN, whole_life), 0);
	int failed = child(0, only_up);
	assert_in_range(failed, 5, 90);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(up_change_down),
		T(a_second_start_makes_no_doubles),
		T(a_crash_is_cleaned_up),
		T(foreign_rules_and_routes_stay),
		T(persistent_leftovers_go),
		T(no_ipv6_in_the_system),
		T(no_ipv6_on_the_interface),
		T(an_mtu_too_small_for_ipv6),
		T(a_failed_step_is_tried_again),
		T(restored_rules_remove_nothing),
		T(names_and_absence),
		T(one_capability_is_enough),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
