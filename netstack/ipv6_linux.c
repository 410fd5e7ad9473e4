/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/ipv6_linux.h"

#include "netstack/sysctl_linux.h"

#include <stdio.h>

#define CONF "/proc/sys/net/ipv6/conf/"
#define TEST_PRIORITY 1234

static int read_flag(const char *ifname, const char *name, bool *on)
{
	char path[128];
	int value = 0;
	snprintf(path, sizeof(path), CONF "%s/%s", ifname, name);
	int rc = sysctl_read(path, &value);
	*on = value != 0;
	return rc;
}

bool ipv6_has_policy(struct nl_sock *s, uint32_t mark, uint32_t mask, uint32_t table)
{
	bool empty;
	struct kroute_rule test = { IP_V6, TEST_PRIORITY, mark, mask, table };
	if (kroute_rules_probe(s, IP_V6, &empty))
		return false;
	if (!empty)
		return true;
	return kroute_rule_add(s, &test) == 0 && kroute_rule_del(s, &test) == 0;
}

bool ipv6_switched_on(void)
{
	bool on;
	if (read_flag("all", "disable_ipv6", &on) || on)
		return false;
	return read_flag("all", "disable_policy", &on) || !on;
}

bool ipv6_usable_on(const char *ifname)
{
	bool on;
	int rc = read_flag(ifname, "disable_ipv6", &on);
	if (rc == -ERR_NOENT)
		return false;
	return rc || !on;
}
