/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/exit_dns.h"

#include "dns/fqdn.h"
#include "dns/msg.h"

#include <stdio.h>

#define TAILNET6_ZONE "0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa"

static bool matches(const char *entry, const char *name)
{
	char clean[DNS_FQDN_MAX + 1];
	if (dns_fqdn_clean(entry, clean) != 0 || !*clean)
		return false;
	if (entry[0] != '.')
		return strcmp(clean, name) == 0;
	return strcmp(clean, name) != 0 && dns_fqdn_below(name, clean);
}

bool exit_dns_is_filtered(const struct dns_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_exit_filtered; i++)
		if (matches(c->exit_filtered[i], name))
			return true;
	return false;
}

/* One of 64.100.in-addr.arpa ... 127.100.in-addr.arpa. */
static bool is_tailnet4(const char *name)
{
	char zone[32];
	for (int i = 64; i < 128; i++) {
		snprintf(zone, sizeof(zone), "%d.100.in-addr.arpa", i);
		if (dns_fqdn_below(name, zone))
			return true;
	}
	return false;
}

/* The longest route decides. */
static const struct dns_suffix_route *route_of(const struct dns_config *c, const char *name)
{
	const struct dns_suffix_route *best = NULL;
	for (size_t i = 0; i < c->n_routes; i++) {
		const struct dns_suffix_route *r = &c->routes[i];
		if (dns_fqdn_below(name, r->suffix) &&
		    (!best || strlen(r->suffix) > strlen(best->suffix)))
			best = r;
	}
	return best;
}

bool exit_dns_is_local(const struct dns_config *c, const char *suffix, const char *name)
{
	const struct dns_suffix_route *r = route_of(c, name);
	if (r && r->to.n)
		return false;
	return r || (*suffix && dns_fqdn_below(name, suffix)) ||
	       dns_fqdn_below(name, TAILNET6_ZONE) || is_tailnet4(name);
}

bool exit_dns_same_user(const struct nm_node *self, const struct nm_node *peer)
{
	return self->user == peer->user && !self->n_tags && !peer->n_tags &&
	       !(peer->flags & NM_UNSIGNED_PEERAPI_ONLY);
}

struct ep exit_dns_probe(struct ip from)
{
	struct ip all6 = { IP_V6, { 0x20 } };
	return (struct ep){ from.fam == IP_V6 ? all6 : (struct ip){ .fam = IP_V4 }, DNS_PORT };
}
