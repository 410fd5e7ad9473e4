/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/resolved_msg_io.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

void resolved_put_servers(struct dbus_msg *msg, const struct dns_os_config *c)
{
	dbus_open(msg, 'a', "(iay)");
	for (size_t i = 0; i < c->n_servers; i++) {
		const struct ip *ip = &c->servers[i].ip;
		bool v4 = ip->fam == IP_V4;
		dbus_open(msg, 'r', "iay");
		dbus_put(msg, "i", v4 ? 2 : 10); /* AF_INET, AF_INET6 */
		dbus_put_bytes(msg, span_of(ip->b, v4 ? 4 : 16));
		dbus_close(msg);
	}
	dbus_close(msg);
}

/* One that it refuses would cost us all the others. */
static bool name_ok(const char *name)
{
	for (const char *p = name; *p; p++)
		if ((uint8_t)*p <= ' ' || *p == 0x7f || *p == '\\')
			return false;
	return *name && utf8_valid(span_str(name));
}

static bool among(const char *name, char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static bool is_arpa(const char *name)
{
	size_t n = strlen(name);
	return n >= 5 && strcmp(name + n - 5, ".arpa") == 0;
}

static void put_domain(struct dbus_msg *msg, const char *name, bool route_only)
{
	char *fqdn;
	if (!name_ok(name))
		return;
	fqdn = xasprintf("%s.", name);
	dbus_put(msg, "(sb)", fqdn, (int)route_only);
	free(fqdn);
}

void resolved_put_domains(struct dbus_msg *msg, const struct dns_os_config *c, bool without_arpa)
{
	dbus_open(msg, 'a', "(sb)");
	for (size_t i = 0; i < c->n_search; i++)
		if (!among(c->search[i], c->search, i) && !(without_arpa && is_arpa(c->search[i])))
			put_domain(msg, c->search[i], false);
	for (size_t i = 0; i < c->n_match; i++) /* sorted */
		if (!(without_arpa && is_arpa(c->match[i])) &&
		    !among(c->match[i], c->search, c->n_search) &&
		    (i == 0 || strcmp(c->match[i], c->match[i - 1]) != 0))
			put_domain(msg, c->match[i], true);
	if (c->n_match == 0 && c->n_servers > 0)
		dbus_put(msg, "(sb)", ".", 1);
	dbus_close(msg);
}

bool resolved_servers_are(struct dbus_msg *msg, const struct dns_os_config *c)
{
	size_t n = 0;
	if (!dbus_enter(msg, 'v', "a(iay)") || !dbus_enter(msg, 'a', "(iay)"))
		return false;
	while (dbus_enter(msg, 'r', "iay")) {
		int32_t family;
		struct span b;
		if (n == c->n_servers || !dbus_get(msg, 'i', &family) || !dbus_get_bytes(msg, &b))
			return false;
		const struct ip *ip = &c->servers[n++].ip;
		bool v4 = ip->fam == IP_V4;
		if (family != (v4 ? 2 : 10) || !span_eq(b, span_of(ip->b, v4 ? 4 : 16)) ||
		    !dbus_leave(msg))
			return false;
	}
	return n == c->n_servers;
}
