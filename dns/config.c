/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/config.h"

#include <stdlib.h>

static void upstreams_fini(struct dns_upstreams *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->v[i].addr);
		free(u->v[i].bootstrap);
	}
	free(u->v);
}

static void strings_fini(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void dns_config_fini(struct dns_config *c)
{
	upstreams_fini(&c->resolvers);
	upstreams_fini(&c->fallback);
	for (size_t i = 0; i < c->n_routes; i++) {
		free(c->routes[i].suffix);
		upstreams_fini(&c->routes[i].to);
	}
	free(c->routes);
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
