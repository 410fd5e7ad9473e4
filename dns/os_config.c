/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/os_config.h"

#include "base/alloc.h"
#include "dns/fqdn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dns_server_encode(const struct dns_server *s, char out[static DNS_SERVER_TEXT_MAX])
{
	char ip[IP_TEXT_MAX];
	snprintf(out, DNS_SERVER_TEXT_MAX, "%s%s%s", ip_encode(s->ip, ip), *s->zone ? "%" : "",
		 s->zone);
	return out;
}

bool dns_server_is_stub(const struct dns_server *s)
{
	return ip_eq(s->ip, ip_v4(127, 0, 0, 53)) || ip_eq(s->ip, ip_v4(127, 0, 0, 54));
}

static void names_fini(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void dns_os_config_fini(struct dns_os_config *c)
{
	free(c->servers);
	names_fini(c->search, c->n_search);
	names_fini(c->match, c->n_match);
	*c = (struct dns_os_config){ 0 };
}

/* It ends in files and scripts that split at blanks and know comments (spec 11). */
static bool name_ok(const char *name)
{
	char clean[DNS_FQDN_MAX + 1];
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("#;\\/\"'`$", *p))
			return false;
	return dns_fqdn_clean(name, clean) == 0 && strcmp(name, clean) == 0;
}

static bool zone_ok(const struct dns_server *s)
{
	const char *z = s->zone;
	size_t n = strnlen(z, DNS_ZONE_MAX);
	if (n == DNS_ZONE_MAX || (n && s->ip.fam != IP_V6))
		return false;
	for (size_t i = 0; i < n; i++)
		if (z[i] <= ' ' || z[i] >= 0x7f || strchr("#;%/\\", z[i]))
			return false;
	return true;
}

bool dns_os_config_add_server(struct dns_os_config *c, const struct dns_server *s)
{
	if (c->n_servers == DNS_SERVERS_MAX || !ip_is_set(s->ip) || !zone_ok(s))
		return false;
	c->servers = xrealloc(c->servers, c->n_servers + 1, sizeof(*c->servers));
	struct dns_server *to = &c->servers[c->n_servers++];
	*to = (struct dns_server){ .ip = s->ip };
	memcpy(to->zone, s->zone, strlen(s->zone));
	return true;
}

static bool add_name(struct dns_os_config *c, char ***v, size_t *n, const char *name)
{
	if (c->n_search + c->n_match == DNS_OS_NAMES_MAX || !name_ok(name))
		return false;
	if ((*n & (*n - 1)) == 0)
		*v = xrealloc(*v, *n ? *n * 2 : 1, sizeof(**v));
	(*v)[(*n)++] = xstrdup(name);
	return true;
}

bool dns_os_config_add_search(struct dns_os_config *c, const char *name)
{
	return *name && add_name(c, &c->search, &c->n_search, name);
}

bool dns_os_config_add_match(struct dns_os_config *c, const char *name)
{
	return add_name(c, &c->match, &c->n_match, name);
}

void dns_os_config_copy(struct dns_os_config *to, const struct dns_os_config *from)
{
	struct dns_os_config c = { 0 };
	for (size_t i = 0; i < from->n_servers; i++)
		dns_os_config_add_server(&c, &from->servers[i]);
	for (size_t i = 0; i < from->n_search; i++)
		dns_os_config_add_search(&c, from->search[i]);
	for (size_t i = 0; i < from->n_match; i++)
		dns_os_config_add_match(&c, from->match[i]);
	dns_os_config_fini(to);
	*to = c;
}

bool dns_os_config_is_empty(const struct dns_os_config *c)
{
	return c->n_servers == 0 && c->n_search == 0 && c->n_match == 0;
}

static bool names_eq(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

bool dns_os_config_eq(const struct dns_os_config *a, const struct dns_os_config *b)
{
	if (a->n_servers != b->n_servers)
		return false;
	for (size_t i = 0; i < a->n_servers; i++)
		if (!ip_eq(a->servers[i].ip, b->servers[i].ip) ||
		    strcmp(a->servers[i].zone, b->servers[i].zone) != 0)
			return false;
	return names_eq(a->search, a->n_search, b->search, b->n_search) &&
	       names_eq(a->match, a->n_match, b->match, b->n_match);
}

const char *dns_os_mode_name(enum dns_os_mode m)
{
	static const char *const names[DNS_OS_MODES] = {
		[DNS_OS_NONE] = "noop",
		[DNS_OS_DIRECT] = "direct",
		[DNS_OS_RESOLVCONF] = "debian-resolvconf",
		[DNS_OS_OPENRESOLV] = "openresolv",
		[DNS_OS_NM] = "network-manager",
		[DNS_OS_RESOLVED] = "systemd-resolved",
	};
	return (unsigned)m < DNS_OS_MODES ? names[m] : "noop";
}
