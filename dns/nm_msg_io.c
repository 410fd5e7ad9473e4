/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/nm_msg_io.h"

#include "dns/fqdn.h"
#include "dns/resolvconf.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In what it is set to do; more is not looked at. */
#define CONFIGS_MAX 256

/* dns-priority: lower ones come first, and a negative one is alone. */
enum { PRIORITY_NONE = 200, PRIORITY_SPLIT = 1, PRIORITY_PRIMARY = INT32_MIN };

/* ---- our settings in its own ----------------------------------------------------------------- */

/* Replaced, or in an old form that the new one must not meet. */
static bool is_replaced(const char *key, bool v6)
{
	static const char *const keys[] = { "dns", "dns-search", "dns-priority", "addresses",
					    "routes" };
	static const char *const keys6[] = { "method", "address-data", "ignore-auto-routes",
					     "ignore-auto-dns", "never-default" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	for (size_t i = 0; v6 && i < ARRAY_LEN(keys6); i++)
		if (strcmp(key, keys6[i]) == 0)
			return true;
	return false;
}

static void open_setting(struct dbus_msg *out, const char *key, const char *type)
{
	dbus_open(out, 'e', "sv");
	dbus_put(out, "s", key);
	dbus_open(out, 'v', type);
}

static void close_setting(struct dbus_msg *out)
{
	dbus_close(out);
	dbus_close(out);
}

static size_t put_servers(struct dbus_msg *out, const struct dns_os_config *c, bool v6)
{
	size_t n = 0;
	open_setting(out, "dns", v6 ? "aay" : "au");
	dbus_open(out, 'a', v6 ? "ay" : "u");
	for (size_t i = 0; i < c->n_servers; i++) {
		const struct ip *ip = &c->servers[i].ip;
		uint32_t be;
		if ((ip->fam == IP_V6) != v6)
			continue;
		n++;
		memcpy(&be, ip->b, sizeof(be)); /* bytes as on the wire, read as they lie */
		if (v6)
			dbus_put_bytes(out, span_of(ip->b, 16));
		else
			dbus_put(out, "u", be);
	}
	dbus_close(out);
	close_setting(out);
	return n;
}

static void put_search(struct dbus_msg *out, const struct dns_os_config *c)
{
	open_setting(out, "dns-search", "as");
	dbus_open(out, 'a', "s");
	for (size_t i = 0; i < c->n_search; i++)
		dbus_put(out, "s", c->search[i]);
	for (size_t i = 0; i < c->n_match; i++) {
		char *routed = xasprintf("~%s", c->match[i]);
		dbus_put(out, "s", routed);
		free(routed);
	}
	if (c->n_match == 0)
		dbus_put(out, "s", "~.");
	dbus_close(out);
	close_setting(out);
}

/* Our addresses would go with method auto if they were not said. */
static void put_addresses(struct dbus_msg *out, const char *tun)
{
	struct ifaddrs *all = NULL;
	open_setting(out, "address-data", "aa{sv}");
	dbus_open(out, 'a', "a{sv}");
	if (getifaddrs(&all) != 0)
		all = NULL;
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		struct ip ip = { .fam = IP_V6 };
		char text[IP_TEXT_MAX];
		if (strcmp(a->ifa_name, tun) != 0 || !a->ifa_addr ||
		    a->ifa_addr->sa_family != AF_INET6)
			continue;
		memcpy(ip.b, &((struct sockaddr_in6 *)(void *)a->ifa_addr)->sin6_addr, 16);
		if ((ip.b[0] & 0xfe) == 0xfc)
			dbus_put(out, "a{sv}", 2, "address", "s", ip_encode(ip, text), "prefix",
				 "u", 128u);
	}
	freeifaddrs(all);
	dbus_close(out);
	close_setting(out);
}

static void put_family(const struct dns_os_config *c, const char *tun, struct dbus_msg *out,
		       bool v6)
{
	size_t n = put_servers(out, c, v6);
	put_search(out, c);
	dbus_put(out, "{sv}", "dns-priority", "i",
		 n == 0	      ? PRIORITY_NONE
		 : c->n_match ? PRIORITY_SPLIT
			      : PRIORITY_PRIMARY);
	if (!v6)
		return;
	dbus_put(out, "{sv}", "method", "s", "auto");
	put_addresses(out, tun);
	dbus_put(out, "{sv}", "ignore-auto-routes", "b", 1);
	dbus_put(out, "{sv}", "ignore-auto-dns", "b", 1);
	dbus_put(out, "{sv}", "never-default", "b", 1);
}

static bool copy_settings(struct dbus_msg *in, struct dbus_msg *out, bool v6)
{
	while (dbus_enter(in, 'e', "sv")) {
		const char *key;
		if (!dbus_get(in, 's', &key))
			return false;
		if (is_replaced(key, v6)) {
			if (!dbus_skip(in, "v"))
				return false;
		} else {
			dbus_open(out, 'e', "sv");
			dbus_put(out, "s", key);
			if (!dbus_put_copy(out, in))
				return false;
			dbus_close(out);
		}
		if (!dbus_leave(in))
			return false;
	}
	return dbus_leave(in);
}

/* One of a{sa{sv}}. */
static bool copy_section(const struct dns_os_config *c, const char *tun, struct dbus_msg *in,
			 struct dbus_msg *out)
{
	const char *section;
	bool ok = true;
	if (!dbus_get(in, 's', &section))
		return false;
	bool v6 = strcmp(section, "ipv6") == 0, v4 = strcmp(section, "ipv4") == 0;
	dbus_open(out, 'e', "sa{sv}");
	dbus_put(out, "s", section);
	if (!v4 && !v6) {
		ok = dbus_put_copy(out, in);
	} else {
		ok = dbus_enter(in, 'a', "{sv}");
		dbus_open(out, 'a', "{sv}");
		put_family(c, tun, out, v6);
		ok = ok && copy_settings(in, out, v6);
		dbus_close(out);
	}
	dbus_close(out);
	return ok && dbus_leave(in);
}

bool nm_put_settings(const struct dns_os_config *c, const char *tun, struct dbus_msg *in,
		     struct dbus_msg *out)
{
	bool ok = dbus_enter(in, 'a', "{sa{sv}}");
	dbus_open(out, 'a', "{sa{sv}}");
	while (ok && dbus_enter(in, 'e', "sa{sv}"))
		ok = copy_section(c, tun, in, out);
	dbus_close(out);
	return ok && dbus_leave(in);
}

/* ---- what it would do without us --------------------------------------------------------------
 */

/* One of DnsManager.Configuration. */
struct nm_config {
	int32_t priority;
	size_t order;
	bool ours;
	struct dns_os_config config;
};

static void take_server(struct nm_config *n, const char *text)
{
	struct dns_server s = { 0 };
	const char *zone = strchr(text, '%');
	size_t len = zone ? (size_t)(zone - text) : strlen(text);
	if (ip_decode(span_of(text, len), &s.ip) != 0 ||
	    (zone && strlen(zone + 1) >= sizeof(s.zone)))
		return;
	snprintf(s.zone, sizeof(s.zone), "%s", zone ? zone + 1 : "");
	dns_os_config_add_server(&n->config, &s);
}

static void take_domain(struct nm_config *n, const char *text)
{
	char name[DNS_FQDN_MAX + 1];
	if (text[0] != '~' && dns_fqdn_clean(text, name) == 0 && *name)
		dns_os_config_add_search(&n->config, name);
}

static bool take_strings(struct dbus_msg *in, struct nm_config *n,
			 void (*take)(struct nm_config *, const char *))
{
	const char *s;
	if (!dbus_enter(in, 'v', "as") || !dbus_enter(in, 'a', "s"))
		return false;
	while (dbus_get(in, 's', &s))
		take(n, s);
	return dbus_leave(in) && dbus_leave(in);
}

static bool take_value(const char *tun, struct dbus_msg *in, struct nm_config *n)
{
	const char *key, *s;
	if (!dbus_get(in, 's', &key))
		return false;
	if (strcmp(key, "nameservers") == 0)
		return take_strings(in, n, take_server);
	if (strcmp(key, "domains") == 0)
		return take_strings(in, n, take_domain);
	if (strcmp(key, "priority") == 0)
		return dbus_enter(in, 'v', "i") && dbus_get(in, 'i', &n->priority) &&
		       dbus_leave(in);
	if (strcmp(key, "interface") != 0)
		return dbus_skip(in, "v");
	if (!dbus_enter(in, 'v', "s") || !dbus_get(in, 's', &s))
		return false;
	n->ours = strcmp(s, tun) == 0;
	return dbus_leave(in);
}

static bool take_config(const char *tun, struct dbus_msg *in, struct nm_config *n)
{
	bool ok = true;
	while (ok && dbus_enter(in, 'e', "sv"))
		ok = take_value(tun, in, n) && dbus_leave(in);
	return ok && dbus_leave(in);
}

static int by_priority(const void *a, const void *b)
{
	const struct nm_config *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void join(struct nm_config *v, size_t n, struct dns_os_config *out)
{
	bool alone = false;
	qsort(v, n, sizeof(*v), by_priority);
	for (size_t i = 0; i < n && !alone; i++) {
		const struct dns_os_config *c = &v[i].config;
		if (v[i].ours)
			continue;
		for (size_t k = 0; k < c->n_servers; k++)
			dns_os_config_add_server(out, &c->servers[k]);
		for (size_t k = 0; k < c->n_search; k++)
			dns_os_config_add_search(out, c->search[k]);
		alone = v[i].priority < 0;
	}
	resolvconf_strip_ours(out);
}

bool nm_get_configuration(struct dbus_msg *in, const char *tun, struct dns_os_config *out)
{
	struct nm_config *v = xcalloc(CONFIGS_MAX, sizeof(*v));
	size_t n = 0;
	bool ok = dbus_enter(in, 'v', "aa{sv}") && dbus_enter(in, 'a', "a{sv}");
	while (ok && n < CONFIGS_MAX && dbus_enter(in, 'a', "{sv}")) {
		v[n].order = n;
		ok = take_config(tun, in, &v[n++]);
	}
	if (ok)
		join(v, n, out);
	for (size_t i = 0; i < n; i++)
		dns_os_config_fini(&v[i].config);
	free(v);
	return ok;
}
