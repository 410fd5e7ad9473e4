/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/exit_dns.h"

#include "dns/fqdn.h"
#include "dns/msg.h"
#include "dns/name.h"

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

static bool is_tailnet_reverse(const char *name)
{
	char zone[DNS_TAILNET_ZONE_MAX];
	for (unsigned i = 0; i < DNS_TAILNET_ZONES; i++)
		if (dns_fqdn_below(name, dns_tailnet_zone(i, zone)))
			return true;
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
	return r || (*suffix && dns_fqdn_below(name, suffix)) || is_tailnet_reverse(name);
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
