/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/linkmon.h"

#include <stdio.h>

#define TUN "mesh0"
#define OWN 9 /* its index */

static struct link_snapshot known(void)
{
	struct link_snapshot s = { 0 };
	struct link_if *i = link_snapshot_add(&s);
	snprintf(i->name, sizeof(i->name), "eth0");
	i->index = 3;
	i->up = i->running = true;
	link_if_add_addr(i, pk_prefix("192.168.1.5/24"));
	i = link_snapshot_add(&s);
	snprintf(i->name, sizeof(i->name), TUN);
	i->index = OWN;
	link_snapshot_finish(&s, TUN);
	return s;
}

static void events_worth_a_look(void **state)
{
	struct link_snapshot s = known();
#define P(text) pk_prefix(text)
	const struct {
		struct link_event e;
		enum link_reaction want;
	} t[] = {
		{ { LINK_EV_ADDR_NEW, 3, P("192.168.1.5/24"), 0, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ADDR_NEW, 4, P("192.168.1.5/24"), 0, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ADDR_NEW, 3, P("192.168.1.6/24"), 0, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ADDR_NEW, OWN, P("100.64.0.1/32"), 0, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ADDR_NEW, OWN, P("192.168.9.9/32"), 0, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ADDR_DEL, OWN, P("fd7a:115c:a1e0::1/128"), 0, 0, 0, 0 },
		  LINK_ROUTES_LOST },
		/* a provider's lease out of that range */
		{ { LINK_EV_ADDR_NEW, 3, P("100.64.0.1/24"), 0, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ADDR_DEL, 3, P("100.64.0.1/24"), 0, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ADDR_DEL, 3, P("192.168.1.5/24"), 0, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ROUTE_NEW, 3, { { 0 }, 0 }, 254, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ROUTE_NEW, 3, P("ff00::/8"), 255, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ROUTE_NEW, 3, P("ff00::/8"), 77, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ROUTE_NEW, 3, P("fe80::/64"), 254, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ROUTE_NEW, 3, P("10.0.0.0/8"), 52, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ROUTE_NEW, 3, P("100.64.0.9/32"), 254, 0, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_ROUTE_DEL, 3, P("10.0.0.0/8"), 52, 0, 0, 0 }, LINK_ROUTES_LOST },
		{ { LINK_EV_ROUTE_DEL, 3, P("10.0.0.0/8"), 254, 0, 0, 0 }, LINK_RECHECK },
		{ { LINK_EV_ROUTE_DEL, 3, { { 0 }, 0 }, 52, 0, 0, 0 }, LINK_ROUTES_LOST },
		{ { LINK_EV_RULE_NEW, 0, { { 0 }, 0 }, 0, 5270, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_RULE_DEL, 0, { { 0 }, 0 }, 0, 5270, 0, 0 }, LINK_RULES_LOST },
		{ { LINK_EV_RULE_DEL, 0, { { 0 }, 0 }, 0, 5199, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_RULE_DEL, 0, { { 0 }, 0 }, 0, 5300, 0, 0 }, LINK_IGNORE },
		{ { LINK_EV_LINK, 3, { { 0 }, 0 }, 0, 0, true, true }, LINK_IGNORE },
		{ { LINK_EV_LINK, 3, { { 0 }, 0 }, 0, 0, true, false }, LINK_RECHECK },
		{ { LINK_EV_LINK, 4, { { 0 }, 0 }, 0, 0, true, true }, LINK_RECHECK },
		{ { LINK_EV_OTHER, 0, { { 0 }, 0 }, 0, 0, 0, 0 }, LINK_RECHECK },
	};
	const struct link_own own = { TUN, 52, 5200 };
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(link_event_judge(&t[i].e, &s, &own), t[i].want);
	assert_int_equal(link_event_judge(&t[0].e, NULL, &own), LINK_RECHECK);
	link_snapshot_fini(&s);
}

static void the_line_of_a_default_route(void **state)
{
#define REST "\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
	static const struct {
		const char *line, *name;
	} t[] = {
		{ "eth0\t00000000" REST, "eth0" },
		{ "a234567890bcdef\t00000000" REST, "a234567890bcdef" },
		{ "a234567890bcdefg\t00000000" REST, NULL },
		{ "mesh0\t00000000" REST, NULL },
		{ "tailscale9\t00000000" REST, NULL },
		{ "wg0\t00000000" REST, NULL },
		{ "eth0\t0002A8C0" REST, NULL },
		{ "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0\n", NULL },
		{ "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n", NULL },
		{ "eth0\t00000000\t0102A8C0\n", NULL },
		{ "\n", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char name[LINK_NAME_MAX] = "";
		bool got = link_default_line(span_str(t[i].line), TUN, name);
		assert_int_equal(got, t[i].name != NULL);
		assert_string_equal(name, t[i].name ? t[i].name : "");
	}
}

static void addresses_to_offer(void **state)
{
	static const struct {
		const char *ip;
		bool usable;
	} t[] = { { "192.168.1.1", true }, { "127.0.0.1", false },	   { "169.254.1.1", false },
		  { "2001:db8::1", true }, { "fe80::1", false },	   { "fd00::1", true },
		  { "::1", false },	   { "fd7a:115c:a1e0::1", false }, { "ff02::1", false } };
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(link_addr_usable(pk_ip(t[i].ip)), t[i].usable);
	assert_false(link_addr_usable((struct ip){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_worth_a_look),
		cmocka_unit_test(the_line_of_a_default_route),
		cmocka_unit_test(addresses_to_offer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
