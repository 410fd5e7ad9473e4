/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NetworkManager as it is told, by a peer of its kind. */
#include "tests/unit/dns/os_bus.h"

#define NAME "org.freedesktop.NetworkManager"

/* 100.100.100.100 is the same number on every machine. */
#define SEARCH "{dns-search,<[tail.example.com,~corp.example]>}"
#define V6_FIXED                                                                                   \
	"{method,<auto>},{address-data,<[]>},{ignore-auto-routes,<true>},{ignore-auto-dns,<true>}" \
	","                                                                                        \
	"{never-default,<true>},{may-fail,<true>}"
static const char split_calls[] =
    "GetDeviceByIpIface lo\n"
    "GetAppliedConnection 0\n"
    "Reapply [{connection,[{id,<tun>}]},"
    "{ipv4,[{dns,<[1684300900]>}," SEARCH ",{dns-priority,<1>},{method,<manual>}]},"
    "{ipv6,[{dns,<[fd7a115ca1e000000000000000000053]>}," SEARCH ",{dns-priority,<1>}," V6_FIXED
    "]}] 7 0\n";

static struct dns_os_config split(void)
{
	struct dns_os_config c = { 0 };
	add_server(&c, "100.100.100.100");
	add_server(&c, "fd7a:115c:a1e0::53");
	dns_os_config_add_search(&c, "tail.example.com");
	dns_os_config_add_match(&c, "corp.example");
	return c;
}

static int start(void **state)
{
	(void)state;
	return bus_start(NAME);
}

static void settings_are_merged(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_nm_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	char *calls = fake_calls(&fake);
	assert_string_equal(calls, split_calls);
	free(calls);
	struct dns_os_config c = { 0 };
	add_server(&c, "100.100.100.100");
	assert_int_equal(set_and(m, c, text), 0);
	assert_true(called("{dns-search,<[~.]>},{dns-priority,<-2147483648>}"));
	assert_true(called("{ipv6,[{dns,<[]>},{dns-search,<[~.]>},{dns-priority,<200>}"));
	fake_calls_forget(&fake);
	m->ops->close(m);
	assert_true(called("{ipv4,[{dns,<[]>},{dns-search,<[~.]>},{dns-priority,<200>}"));
}

static void busy_is_tried_again(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_nm_new(&env);
	fake_peer_script(
	    &fake, "call Reapply 2 org.freedesktop.NetworkManager.Device.VersionIdMismatch No\n");
	assert_int_equal(set_and(m, split(), text), 0);
	fake_peer_script(&fake,
			 "call GetDeviceByIpIface -1 org.freedesktop.NetworkManager.UnknownDevice "
			 "No device\n");
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	assert_string_equal(text, "NetworkManager: No device");
	fake_peer_script(&fake, "hang GetAppliedConnection\n");
	struct dns_os_config c = split();
	assert_int_equal(m->ops->set(m, &c, text), -ERR_TIMEOUT);
	dns_os_config_fini(&c);
	fake_peer_script(&fake, "");
	m->ops->close(m);
}

static void mode_says_whether_it_splits(void **state)
{
	(void)state;
	struct dns_os *m = dns_os_nm_new(&env);
	fake_peer_script(&fake, "get Mode dnsmasq\n");
	bool yes = false;
	for (int i = 0; i < 10 && !yes; i++)
		yes = m->ops->can_split(m);
	assert_true(yes);
	fake_peer_script(&fake, "get Mode default\n");
	assert_false(m->ops->can_split(m));
	m->ops->close(m);
}

static int base_of(struct dns_os *m, struct dns_os_config *out)
{
	int rc = -ERR_TIMEOUT;
	for (int i = 0; i < 10 && rc == -ERR_TIMEOUT; i++)
		rc = m->ops->base(m, out);
	return rc;
}

static void base_is_by_priority_without_ours(void **state)
{
	(void)state;
	struct dns_os_config c = { 0 };
	char ip[IP_TEXT_MAX];
	struct dns_os *m = dns_os_nm_new(&env);
	assert_int_equal(base_of(m, &c), 0);
	assert_int_equal(c.n_servers, 2);
	assert_string_equal(ip_encode(c.servers[0].ip, ip), "192.0.2.2");
	assert_string_equal(ip_encode(c.servers[1].ip, ip), "fe80::1");
	assert_string_equal(c.servers[1].zone, "eth0");
	assert_int_equal(c.n_search, 1);
	assert_string_equal(c.search[0], "lan.example");
	dns_os_config_fini(&c);
	fake_peer_script(&fake, "get Configuration nonsense\n");
	assert_int_equal(base_of(m, &c), -ERR_PROTO);
	m->ops->close(m);
}

static void new_owner_is_told_again(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_nm_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	fake_calls_forget(&fake);
	fake_peer_stop(&fake);
	fake_peer_start(&fake, NAME);
	for (int i = 0; i < 300 && !called(split_calls); i++)
		loop_turn(loop, 100);
	assert_true(called(split_calls));
	m->ops->close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(settings_are_merged, start, bus_stop),
		cmocka_unit_test_setup_teardown(busy_is_tried_again, start, bus_stop),
		cmocka_unit_test_setup_teardown(mode_says_whether_it_splits, start, bus_stop),
		cmocka_unit_test_setup_teardown(base_is_by_priority_without_ours, start, bus_stop),
		cmocka_unit_test_setup_teardown(new_owner_is_told_again, start, bus_stop),
	};
	if (!fake_bus_start(&fake))
		return 77;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	fake_bus_stop(&fake);
	return rc;
}
