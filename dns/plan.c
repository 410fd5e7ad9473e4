/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stage 1: what the map and the preferences say, before anybody knows how this system resolves
 * (shared/spec/dns.md 2). The numbers in comments are the steps there. */
#include "dns/plan.h"

#include "base/alloc.h"
#include "dns/fqdn.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

void dns_plan_fini(struct dns_plan *p)
{
	dns_upstreams_fini(&p->resolvers);
	dns_upstreams_fini(&p->fallback);
	dns_routes_free(p->routes, p->n_routes);
	for (size_t i = 0; i < p->n_search; i++)
		free(p->search[i]);
	free(p->search);
	for (size_t i = 0; i < p->n_hosts; i++)
		free(p->hosts[i].name);
	free(p->hosts);
	*p = (struct dns_plan){ 0 };
}

/* 3. Of a record of another type, or with a value that is no address, nothing is known. */
static void add_hosts(struct dns_plan *p, const struct dns_config *c)
{
	p->hosts = xcalloc(c->n_records ? c->n_records : 1, sizeof(*p->hosts));
	for (size_t i = 0; i < c->n_records; i++) {
		const struct dns_extra_record *r = &c->records[i];
		char name[DNS_FQDN_MAX + 1];
		struct ip ip;
		if (*r->type && strcmp(r->type, "A") != 0 && strcmp(r->type, "AAAA") != 0)
			continue;
		if (dns_fqdn_clean(r->name, name) != 0 || !*name ||
		    ip_decode(span_str(r->value), &ip) != 0)
			continue;
		p->hosts[p->n_hosts++] = (struct dns_plan_host){ xstrdup(name), ip };
	}
}

/* 5 */
static void add_search(struct dns_plan *p, const struct dns_config *c)
{
	p->search = xcalloc(c->n_domains ? c->n_domains : 1, sizeof(*p->search));
	for (size_t i = 0; i < c->n_domains; i++) {
		char name[DNS_FQDN_MAX + 1];
		if (dns_fqdn_clean(c->domains[i], name) == 0 && *name)
			p->search[p->n_search++] = xstrdup(name);
	}
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* Room was made for it. */
static void add_route(struct dns_plan *p, const char *suffix, const struct dns_upstreams *to)
{
	struct dns_suffix_route *r = &p->routes[p->n_routes++];
	*r = (struct dns_suffix_route){ .suffix = xstrdup(suffix) };
	if (to)
		dns_upstreams_copy(&r->to, to);
}

struct ranked {
	struct dns_suffix_route route;
	size_t rank;
};

static int by_suffix_newest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int c = dns_fqdn_cmp(x->route.suffix, y->route.suffix);
	return c ? c : x->rank > y->rank ? -1 : 1;
}

/* Sort; of several with one suffix, the one that was added last stays. */
static void settle_routes(struct dns_plan *p)
{
	size_t n = p->n_routes;
	struct ranked *v = xcalloc(n ? n : 1, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = (struct ranked){ p->routes[i], i };
	qsort(v, n, sizeof(*v), by_suffix_newest_first);
	p->n_routes = 0;
	for (size_t i = 0; i < n; i++) {
		struct dns_suffix_route *r = &v[i].route;
		if (p->n_routes &&
		    strcmp(p->routes[p->n_routes - 1].suffix, r->suffix) == 0) {
			free(r->suffix);
			dns_upstreams_fini(&r->to);
		} else {
			p->routes[p->n_routes++] = *r;
		}
	}
	free(v);
}

static bool has_route(const struct dns_plan *p, const char *suffix)
{
	size_t from = 0, to = p->n_routes;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int c = dns_fqdn_cmp(suffix, p->routes[mid].suffix);
		if (c == 0)
			return true;
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return false;
}

bool dns_plan_covers(const struct dns_plan *p, const char *name)
{
	for (const char *s = name; s; s = strchr(s, '.')) {
		s += *s == '.';
		if (has_route(p, s))
			return true;
	}
	return false;
}

/* 6. A name of one label is its own suffix. */
static void add_own_zones(struct dns_plan *p, const char *self_name)
{
	char name[DNS_FQDN_MAX + 1], zone[DNS_TAILNET_ZONE_MAX];
	if (dns_fqdn_clean(self_name, name) == 0 && *name) {
		const char *dot = strchr(name, '.');
		add_route(p, dot ? dot + 1 : name, NULL);
	}
	for (unsigned i = 0; i < DNS_TAILNET_ZONES; i++)
		add_route(p, dns_tailnet_zone(i, zone), NULL);
}

/* 8b. The system must ask us for these, too. */
static void cover_hosts(struct dns_plan *p)
{
	size_t covered = p->n_routes;
	for (size_t i = 0; i < p->n_hosts; i++) {
		size_t now = p->n_routes;
		p->n_routes = covered; /* what was sorted */
		bool known = dns_plan_covers(p, p->hosts[i].name);
		p->n_routes = now;
		if (!known)
			add_route(p, p->hosts[i].name, NULL);
	}
	settle_routes(p);
}

static struct dns_upstreams with_exit_node(const struct dns_upstreams *u)
{
	struct dns_upstreams some = { .v = xcalloc(u->n ? u->n : 1, sizeof(*u->v)) };
	for (size_t i = 0; i < u->n; i++)
		if (u->v[i].use_with_exit_node)
			some.v[some.n++] = u->v[i]; /* borrowed */
	return some;
}

/* 7. The exit node resolves, but for what is meant to be asked through it. */
static void plan_by_exit_node(struct dns_plan *p, const struct dns_plan_in *in)
{
	struct dns_upstream doh = { .addr = (char *)(uintptr_t)in->exit_doh };
	const struct dns_upstreams only_doh = { .v = &doh, .n = 1 };
	struct dns_upstreams some = with_exit_node(&in->config->resolvers);
	dns_upstreams_copy(&p->resolvers, some.n ? &some : &only_doh);
	free(some.v);
	for (size_t i = 0; i < in->config->n_routes; i++) {
		const struct dns_suffix_route *r = &in->config->routes[i];
		some = with_exit_node(&r->to);
		if (*r->suffix && (some.n || r->to.n == 0))
			add_route(p, r->suffix, &some);
		free(some.v);
	}
}

/* 8a, 9. A route for the root with servers is a default by another name; without any it would make
 * us the authority for all the world. */
static void plan_by_control(struct dns_plan *p, const struct dns_plan_in *in)
{
	const struct dns_upstreams *all = &in->config->resolvers;
	for (size_t i = 0; i < in->config->n_routes; i++) {
		const struct dns_suffix_route *r = &in->config->routes[i];
		if (*r->suffix)
			add_route(p, r->suffix, &r->to);
		else if (all->n == 0)
			all = &r->to;
	}
	if (all->n == 0 && in->exit_resolvers)
		all = in->exit_resolvers;
	if (all->n == 0 && in->exit_node)
		all = &in->config->fallback;
	dns_upstreams_copy(&p->resolvers, all);
}

#define OWN_ZONES (DNS_TAILNET_ZONES + 1)

void dns_plan_build(const struct dns_plan_in *in, struct dns_plan *out)
{
	const struct dns_config *c = in->config;
	struct dns_plan p = { 0 };
	dns_plan_fini(out);
	if (in->key_expired)
		return; /* 1 */
	p.only_v6 = in->self6 && !in->self4; /* 2 */
	add_hosts(&p, c);
	if (in->accept) { /* 4 */
		add_search(&p, c);
		dns_upstreams_copy(&p.fallback, &c->fallback);
		p.routes = xcalloc(OWN_ZONES + c->n_routes + p.n_hosts, sizeof(*p.routes));
		if (c->proxied)
			add_own_zones(&p, in->self_name);
		else
			p.hosts_unrouted = in->self_name[0];
		if (in->exit_node && in->exit_doh)
			plan_by_exit_node(&p, in);
		else
			plan_by_control(&p, in);
		settle_routes(&p);
		cover_hosts(&p);
	}
	*out = p;
}
