/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/config.h"

#include "base/alloc.h"

#include <stdlib.h>

void dns_upstreams_fini(struct dns_upstreams *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->v[i].addr);
		free(u->v[i].bootstrap);
	}
	free(u->v);
	*u = (struct dns_upstreams){ 0 };
}

void dns_upstreams_copy(struct dns_upstreams *to, const struct dns_upstreams *from)
{
	*to = (struct dns_upstreams){ 0 };
	if (from->n == 0)
		return;
	to->v = xcalloc(from->n, sizeof(*to->v));
	for (to->n = 0; to->n < from->n; to->n++) {
		const struct dns_upstream *u = &from->v[to->n];
		to->v[to->n] = (struct dns_upstream){
			.addr = xstrdup(u->addr),
			.n_bootstrap = u->n_bootstrap,
			.use_with_exit_node = u->use_with_exit_node,
		};
		if (u->n_bootstrap == 0)
			continue;
		struct ip *copy = xcalloc(u->n_bootstrap, sizeof(*copy));
		memcpy(copy, u->bootstrap, u->n_bootstrap * sizeof(*copy));
		to->v[to->n].bootstrap = copy;
	}
}

bool dns_upstreams_eq(const struct dns_upstreams *a, const struct dns_upstreams *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].addr, b->v[i].addr) != 0)
			return false;
	return true;
}

bool dns_routes_eq(const struct dns_suffix_route *a, size_t n_a, const struct dns_suffix_route *b,
		   size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i].suffix, b[i].suffix) != 0 ||
		    !dns_upstreams_eq(&a[i].to, &b[i].to))
			return false;
	return true;
}

void dns_routes_free(struct dns_suffix_route *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].suffix);
		dns_upstreams_fini(&v[i].to);
	}
	free(v);
}

static void strings_fini(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void dns_config_fini(struct dns_config *c)
{
	dns_upstreams_fini(&c->resolvers);
	dns_upstreams_fini(&c->fallback);
	dns_routes_free(c->routes, c->n_routes);
	for (size_t i = 0; i < c->n_records; i++) {
		free(c->records[i].name);
		free(c->records[i].type);
		free(c->records[i].value);
	}
	free(c->records);
	strings_fini(c->domains, c->n_domains);
	strings_fini(c->cert_domains, c->n_cert_domains);
	strings_fini(c->exit_filtered, c->n_exit_filtered);
	memset(c, 0, sizeof(*c));
}
