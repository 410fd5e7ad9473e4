/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-resolved as it is told, by a peer that can fail in all its ways. */
#include "tests/unit/dns/os_bus.h"

#define NAME "org.freedesktop.resolve1"

static int told;

static void on_event(void *arg, enum dns_os_event e)
{
	(void)arg;
	told += e == DNS_OS_EV_MENDED;
}

static const char normal[] =
    "SetLinkDNS 1 [(2,64646464),(10,fd7a115ca1e000000000000000000053)]\n"
    "SetLinkDomains 1 [(tail.example.com.,false),(64.100.in-addr.arpa.,true),"
    "(corp.example.,true)]\n"
    "SetLinkDefaultRoute 1 false\n"
    "SetLinkLLMNR 1 no\nSetLinkMulticastDNS 1 no\nSetLinkDNSSEC 1 no\nSetLinkDNSOverTLS 1 no\n"
    "FlushCaches \n";

static struct dns_os_config split(void)
{
	struct dns_os_config c = { 0 };
	add_server(&c, "100.100.100.100");
	add_server(&c, "fd7a:115c:a1e0::53");
	dns_os_config_add_search(&c, "tail.example.com");
	dns_os_config_add_match(&c, "64.100.in-addr.arpa");
	dns_os_config_add_match(&c, "corp.example");
	dns_os_config_add_match(&c, "tail.example.com");
	return c;
}

static void calls_are(const char *want)
{
	char *calls = fake_calls(&fake);
	assert_string_equal(calls, want);
	free(calls);
	fake_calls_forget(&fake);
}

static void wait_for_call(const char *what)
{
	for (int i = 0; i < 300 && !called(what); i++)
		loop_turn(loop, 100);
	assert_true(called(what));
}

static int start(void **state)
{
	(void)state;
	told = 0;
	env.on_event = on_event;
	return bus_start(NAME);
}

static void told_in_order_and_put_back(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	assert_string_equal(text, "");
	calls_are(normal);
	assert_true(m->ops->can_split(m));
	assert_null(m->ops->base);
	m->ops->close(m);
	assert_true(called("SetLinkDNS 1 []\nSetLinkDomains 1 []\nSetLinkDefaultRoute 1 true\n"));
	assert_true(called("FlushCaches \nRevertLink 1\n"));
}

static void primary_has_the_root(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	struct dns_os_config c = { 0 };
	add_server(&c, "100.100.100.100");
	dns_os_config_add_search(&c, "a.example");
	dns_os_config_add_search(&c, "a.example");
	dns_os_config_add_search(&c, "not\\good");
	dns_os_config_add_search(&c, "");
	assert_int_equal(set_and(m, c, text), 0);
	assert_true(called("SetLinkDomains 1 [(a.example.,false),(.,true)]\n"));
	assert_true(called("SetLinkDefaultRoute 1 true\n"));
	m->ops->close(m);
}

/* The interface may have something of an earlier manager's. */
static void put_back_once(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, (struct dns_os_config){ 0 }, text), 0);
	assert_true(called("RevertLink 1\n"));
	fake_calls_forget(&fake);
	assert_int_equal(set_and(m, (struct dns_os_config){ 0 }, text), 0);
	m->ops->close(m);
	calls_are("");
}

/* It keeps on disk what it was told; taken back while it was away, that is not what we want. */
static void put_back_when_it_returns(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	fake_peer_stop(&fake);
	assert_int_equal(set_and(m, (struct dns_os_config){ 0 }, text), 0);
	fake_peer_start(&fake, NAME);
	wait_for_call("RevertLink 1\n");
	m->ops->close(m);
}

static void refusal_is_told_and_mended_later(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	fake_peer_script(&fake, "call SetLinkDomains -1 org.freedesktop.resolve1.LinkBusy Link lo "
				"is managed.\n");
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	assert_string_equal(text, "systemd-resolved: SetLinkDomains: Link lo is managed.");
	struct dns_os_report r = { 0 };
	m->ops->report(m, &r);
	assert_string_equal(r.warning, ""); /* once is enough */
	assert_false(called("SetLinkDefaultRoute"));
	fake_peer_script(&fake, "");
	fake_calls_forget(&fake);
	m->ops->recheck(m);
	wait_for_call("FlushCaches");
	for (int i = 0; i < 100 && !told; i++)
		loop_turn(loop, 100);
	assert_int_equal(told, 1);
	m->ops->report(m, &r);
	assert_string_equal(r.warning, "");
	m->ops->close(m);
}

static void permission_has_its_own_code(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	fake_peer_script(&fake,
			 "call SetLinkDNS -1 org.freedesktop.DBus.Error.AccessDenied No\x1b[31m\n");
	assert_int_equal(set_and(m, split(), text), -ERR_PERM);
	assert_null(strchr(text, '\x1b'));
	fake_peer_script(&fake, "");
	m->ops->close(m);
}

static void old_versions_are_met(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	fake_peer_script(&fake,
			 "call SetLinkDomains 1 System.Error.E2BIG Argument list too long\n"
			 "call SetLinkDefaultRoute -1 org.freedesktop.DBus.Error.UnknownMethod No\n"
			 "call SetLinkLLMNR -1 org.freedesktop.DBus.Error.Failed No\n");
	assert_int_equal(set_and(m, split(), text), 0);
	assert_true(called("[(tail.example.com.,false),(corp.example.,true)]\n"));
	assert_true(called("SetLinkDNSOverTLS 1 no\nFlushCaches"));
	/* not twice */
	fake_peer_script(&fake,
			 "call SetLinkDomains 2 System.Error.E2BIG Argument list too long\n");
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	fake_peer_script(&fake, "");
	m->ops->close(m);
}

static void silence_ends_in_time(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	fake_peer_script(&fake, "hang SetLinkDomains\n");
	mono_t before = mono_now();
	struct dns_os_config c = split();
	assert_int_equal(m->ops->set(m, &c, text), -ERR_TIMEOUT);
	dns_os_config_fini(&c);
	assert_true(mono_diff_ns(mono_now(), before) < 20 * NS_PER_S);
	assert_non_null(strstr(text, "systemctl restart systemd-resolved"));
	/* What matters has been said by then. */
	fake_peer_script(&fake, "hang SetLinkLLMNR\n");
	assert_int_equal(set_and(m, split(), text), 0);
	fake_peer_script(&fake, "");
	m->ops->close(m);
}

static void what_could_not_be_put_back_is_later(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	fake_peer_script(&fake, "hang SetLinkDNS\n");
	assert_int_equal(m->ops->set(m, &(struct dns_os_config){ 0 }, text), -ERR_TIMEOUT);
	fake_peer_script(&fake, "");
	m->ops->recheck(m);
	wait_for_call("RevertLink 1\n");
	m->ops->close(m);
}

static void new_owner_is_told_again(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	calls_are(normal); /* and not once more when the first owner is learnt */
	fake_peer_stop(&fake);
	fake_peer_start(&fake, NAME);
	wait_for_call(normal);
	m->ops->close(m);
}

static void new_bus_is_told_again(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	fake_peer_stop(&fake);
	fake_bus_kill(&fake);
	fake_calls_forget(&fake);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	fake_bus_again(&fake);
	fake_peer_start(&fake, NAME);
	wait_for_call(normal);
	m->ops->close(m);
}

static void what_others_change_is_set_again(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os *m = dns_os_resolved_new(&env);
	assert_int_equal(set_and(m, split(), text), 0);
	fake_calls_forget(&fake);
	m->ops->recheck(m);
	wait_for_call("Get org.freedesktop.resolve1.Link DNS\n");
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	calls_are("GetLink 1\nGet org.freedesktop.resolve1.Link DNS\n");
	fake_peer_script(&fake, "get DNS empty\n");
	m->ops->recheck(m);
	wait_for_call(normal);
	m->ops->close(m);
}

static void bus_that_is_not_there(void **state)
{
	(void)state;
	char text[DNS_OS_TEXT_MAX];
	struct dns_os_env e = env;
	e.bus = "unix:path=/nonexistent/bus";
	struct dns_os *m = dns_os_resolved_new(&e);
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	m->ops->close(m);
	e = env;
	e.tun = "nosuchif0";
	m = dns_os_resolved_new(&e);
	assert_int_equal(set_and(m, split(), text), -ERR_IO);
	assert_string_equal(text, "the interface nosuchif0 is not there");
	assert_int_equal(dns_os_resolved_cleanup(&e, text), 0);
	m->ops->close(m);
	calls_are("");
	assert_int_equal(dns_os_resolved_cleanup(&env, text), 0);
	assert_true(called("RevertLink 1\n"));
	fake_peer_stop(&fake); /* nobody to ask */
	assert_int_equal(dns_os_resolved_cleanup(&env, text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(told_in_order_and_put_back, start, bus_stop),
		cmocka_unit_test_setup_teardown(primary_has_the_root, start, bus_stop),
		cmocka_unit_test_setup_teardown(put_back_once, start, bus_stop),
		cmocka_unit_test_setup_teardown(put_back_when_it_returns, start, bus_stop),
		cmocka_unit_test_setup_teardown(refusal_is_told_and_mended_later, start, bus_stop),
		cmocka_unit_test_setup_teardown(permission_has_its_own_code, start, bus_stop),
		cmocka_unit_test_setup_teardown(old_versions_are_met, start, bus_stop),
		cmocka_unit_test_setup_teardown(silence_ends_in_time, start, bus_stop),
		cmocka_unit_test_setup_teardown(what_could_not_be_put_back_is_later, start, bus_stop),
		cmocka_unit_test_setup_teardown(new_owner_is_told_again, start, bus_stop),
		cmocka_unit_test_setup_teardown(new_bus_is_told_again, start, bus_stop),
		cmocka_unit_test_setup_teardown(what_others_change_is_set_again, start, bus_stop),
		cmocka_unit_test_setup_teardown(bus_that_is_not_there, start, bus_stop),
	};
	if (!fake_bus_start(&fake))
		return 77;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	fake_bus_stop(&fake);
	return rc;
}
