/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os_bus.h: a way of telling the system's resolver that speaks D-Bus (dns/os.h), over a real bus, to a
 * peer that is played. The loopback interface stands for the tunnel's. */
#ifndef TESTS_UNIT_DNS_OS_BUS_H
#define TESTS_UNIT_DNS_OS_BUS_H

#include "tests/lib/cm.h"
#include "tests/lib/fake_bus.h"

#include "dns/os.h"

#include <stdlib.h>
#include <string.h>

static struct fake_bus fake;
static struct loop *loop;
static struct dns_os_env env = { .etc = "/etc", .tun = "lo" };

static inline void add_server(struct dns_os_config *c, const char *text)
{
	struct dns_server s = { 0 };
	assert_int_equal(ip_decode(span_str(text), &s.ip), 0);
	assert_true(dns_os_config_add_server(c, &s));
}

/* A machine with much to do may need more than the second there is. */
static inline int set_and(struct dns_os *m, struct dns_os_config c,
			  char text[static DNS_OS_TEXT_MAX])
{
	int rc = m->ops->set(m, &c, text);
	for (int i = 0; i < 10 && rc == -ERR_TIMEOUT; i++) {
		fake_calls_forget(&fake);
		rc = m->ops->set(m, &c, text);
	}
	dns_os_config_fini(&c);
	return rc;
}

static inline bool called(const char *what)
{
	char *calls = fake_calls(&fake);
	bool yes = strstr(calls, what) != NULL;
	free(calls);
	return yes;
}

/* Before each test: the peer is there under that name, and has heard nothing. */
static inline int bus_start(const char *name)
{
	fake_peer_script(&fake, "");
	fake_calls_forget(&fake);
	fake_peer_start(&fake, name);
	loop = loop_new();
	env.loop = loop;
	env.bus = fake.address;
	return loop ? 0 : -1;
}

static inline int bus_stop(void **state)
{
	(void)state;
	loop_free(loop);
	fake_peer_stop(&fake);
	return 0;
}

#endif
