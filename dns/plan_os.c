/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stage 2: what our resolver asks whom, and what the system is told, given what it can do
 * (shared/spec/dns.md 5.1). The numbers in comments are the rows there. */
#include "dns/plan.h"

#include "base/alloc.h"
#include "dns/fqdn.h"
#include "dns/msg.h"
#include "dns/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DNS_SCOPE_MAX == DNS_ZONE_MAX, "two names of one thing");

void dns_result_fini(struct dns_result *r)
{
	dns_routes_free(r->routes, r->n_routes);
	for (size_t i = 0; i < r->n_zones; i++)
		free(r->zones[i]);
	free(r->zones);
	dns_os_config_fini(&r->os);
	*r = (struct dns_result){ 0 };
}

/* ---- servers that the system itself can ask --------------------------------------------------- */

static bool plain_server(const struct dns_upstream *u, struct dns_server *out)
{
	struct dns_target t = { 0 };
	dns_upstream_parse(u->addr, &t);
	bool plain = t.kind == DNS_UP_PLAIN && t.ep.port == DNS_PORT && !dns_ip_is_doh_only(t.ep.ip);
	*out = (struct dns_server){ .ip = t.ep.ip };
	memcpy(out->zone, t.scope, sizeof(t.scope));
	dns_target_fini(&t);
	return plain;
}

static size_t add_plain(struct dns_os_config *os, const struct dns_upstreams *u)
{
	size_t n = 0;
	for (size_t i = 0; i < u->n; i++) {
		struct dns_server s;
		if (plain_server(&u->v[i], &s))
			n += dns_os_config_add_server(os, &s);
	}
	return n;
}

static bool all_plain(const struct dns_upstreams *u)
{
	struct dns_server s;
	for (size_t i = 0; i < u->n; i++)
		if (!plain_server(&u->v[i], &s))
			return false;
	return u->n > 0;
}

/* The upstreams that all routes share and that the system can be told; NULL: there are none. */
static const struct dns_upstreams *one_plain_set(const struct dns_plan *p)
{
	const struct dns_upstreams *u = p->n_routes ? &p->routes[0].to : NULL;
	struct dns_server s;
	for (size_t i = 1; i < p->n_routes; i++)
		if (!dns_upstreams_eq(u, &p->routes[i].to))
			return NULL;
	for (size_t i = 0; u && i < u->n; i++)
		if (plain_server(&u->v[i], &s))
			return u;
	return NULL;
}

/* ---- parts of a result ------------------------------------------------------------------------ */

static void add_search(struct dns_os_config *os, const struct dns_plan *p)
{
	for (size_t i = 0; i < p->n_search; i++)
		dns_os_config_add_search(os, p->search[i]);
}

static void add_base_search(struct dns_os_config *os, const struct dns_os_config *base)
{
	for (size_t i = 0; i < base->n_search; i++) {
		bool known = false;
		for (size_t k = 0; k < os->n_search && !known; k++)
			known = strcmp(os->search[k], base->search[i]) == 0;
		if (!known)
			dns_os_config_add_search(os, base->search[i]);
	}
}

static void add_match(struct dns_os_config *os, const struct dns_plan *p)
{
	for (size_t i = 0; i < p->n_routes; i++)
		dns_os_config_add_match(os, p->routes[i].suffix);
}

static void add_services(struct dns_os_config *os, const struct dns_plan *p, bool force_ipv4)
{
	if (!p->only_v6)
		dns_os_config_add_server(os, &(struct dns_server){ .ip = IP_SERVICE4 });
	if (p->only_v6 || !force_ipv4)
		dns_os_config_add_server(os, &(struct dns_server){ .ip = IP_SERVICE6 });
}

/* Routes of ours, the root's upstreams (NULL: none) first, and the zones without any. */
static void take_routes(struct dns_result *r, const struct dns_plan *p,
			const struct dns_upstreams *root)
{
	r->routes = xcalloc(p->n_routes + 1, sizeof(*r->routes));
	r->zones = xcalloc(p->n_routes + 1, sizeof(*r->zones));
	if (root && root->n) {
		struct dns_suffix_route *to = &r->routes[r->n_routes++];
		to->suffix = xstrdup("");
		dns_upstreams_copy(&to->to, root);
	}
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct dns_suffix_route *from = &p->routes[i];
		if (from->to.n == 0) {
			r->zones[r->n_zones++] = xstrdup(from->suffix);
			continue;
		}
		struct dns_suffix_route *to = &r->routes[r->n_routes++];
		to->suffix = xstrdup(from->suffix);
		dns_upstreams_copy(&to->to, &from->to);
	}
}

struct dns_upstreams dns_upstreams_of_system(const struct dns_os_config *base)
{
	struct dns_upstreams u = { .v = xcalloc(base->n_servers + 1, sizeof(*u.v)) };
	for (size_t i = 0; i < base->n_servers; i++) {
		const struct dns_server *s = &base->servers[i];
		char text[DNS_SERVER_TEXT_MAX];
		if (!ip_is_service(s->ip))
			u.v[u.n++].addr = xstrdup(dns_server_encode(s, text));
	}
	return u;
}

/* Where the system cannot be asked for some suffixes only, what it used goes through us. */
static void take_base_routes(struct dns_result *r, const struct dns_plan *p,
			     const struct dns_os_config *base)
{
	struct dns_upstreams u = { 0 };
	if (base)
		u = dns_upstreams_of_system(base);
	take_routes(r, p, u.n ? &u : &p->fallback);
	dns_upstreams_fini(&u);
}

/* 1. A resolv.conf with a search line only would be one without a name server. */
static void search_only(struct dns_result *r, const struct dns_plan *p,
			const struct dns_os_able *able)
{
	if (!able->split && p->n_search) {
		const struct dns_os_config *base = able->base_failed ? NULL : able->base;
		if (!able->has_base || !base || base->n_servers == 0)
			return;
		for (size_t i = 0; i < base->n_servers; i++)
			dns_os_config_add_server(&r->os, &base->servers[i]);
	}
	add_search(&r->os, p);
	if (r->os.n_servers)
		add_base_search(&r->os, able->base);
}

/* 6 */
static int through_base(struct dns_result *r, const struct dns_plan *p,
			const struct dns_os_able *able, bool force_ipv4)
{
	bool failed = able->base_failed || !able->base;
	if (failed && p->fallback.n) {
		take_routes(r, p, &p->fallback);
		return -ERR_IO;
	}
	take_base_routes(r, p, failed ? able->last_base : able->base);
	if (failed)
		return -ERR_IO;
	add_services(&r->os, p, force_ipv4);
	add_search(&r->os, p);
	add_base_search(&r->os, able->base);
	return 0;
}

static bool hosts_covered(const struct dns_plan *p)
{
	for (size_t i = 0; i < p->n_hosts; i++)
		if (!dns_plan_covers(p, p->hosts[i].name))
			return false;
	return !p->hosts_unrouted;
}

static void split(struct dns_result *r, const struct dns_plan *p, bool force_ipv4)
{
	take_routes(r, p, NULL);
	add_services(&r->os, p, force_ipv4);
	add_search(&r->os, p);
	add_match(&r->os, p);
}

int dns_plan_compile(const struct dns_plan *p, const struct dns_os_able *able, bool force_ipv4,
		     struct dns_result *out)
{
	struct dns_result r = { 0 };
	const struct dns_upstreams *set = NULL;
	int rc = 0;
	if (p->resolvers.n == 0 && p->n_routes == 0) { /* 1 */
		search_only(&r, p, able);
	} else if (p->n_routes == 0 && all_plain(&p->resolvers) && hosts_covered(p)) { /* 2 */
		add_plain(&r.os, &p->resolvers);
		add_search(&r.os, p);
	} else if (p->resolvers.n) { /* 3 */
		take_routes(&r, p, &p->resolvers);
		add_services(&r.os, p, force_ipv4);
		add_search(&r.os, p);
	} else if (able->split && (set = one_plain_set(p))) { /* 4 */
		add_plain(&r.os, set);
		add_search(&r.os, p);
		add_match(&r.os, p);
	} else if ((able->split && hosts_covered(p)) || !able->has_base) { /* 5, 6a */
		split(&r, p, force_ipv4);
	} else {
		rc = through_base(&r, p, able, force_ipv4);
	}
	dns_result_fini(out);
	*out = r;
	return rc;
}
