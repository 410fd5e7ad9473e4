/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/dns_json.h"

#include "base/alloc.h"
#include "daemon/control/jd.h"
#include "dns/fqdn.h"

#include <stdlib.h>
#include <string.h>

/* NULL for what is no name. New. */
static char *clean_name(const char *s, bool root_ok)
{
	char clean[DNS_FQDN_MAX + 1];
	if (dns_fqdn_clean(s, clean) != 0 || (!*clean && !root_ok))
		return NULL;
	return xstrdup(clean);
}

static void read_bootstrap(struct jd *d, struct dns_upstream *u)
{
	const json_t *arr = jd_array(d, "BootstrapResolution");
	size_t n = arr ? j_len(arr) : 0;
	if (n > DNS_RESOLVERS_MAX)
		n = DNS_RESOLVERS_MAX;
	if (n)
		u->bootstrap = xcalloc(n, sizeof(*u->bootstrap));
	for (size_t i = 0; i < n; i++) {
		const char *s = j_text(j_at(arr, i));
		if (s && ip_decode(span_str(s), &u->bootstrap[u->n_bootstrap]) == 0)
			u->n_bootstrap++;
	}
}

/* How many of n are taken. */
static size_t at_most(size_t n, size_t max, size_t *left_out)
{
	if (n <= max)
		return n;
	*left_out += n - max;
	return max;
}

static void read_upstreams(struct jd *d, const char *name, const json_t *arr,
			   struct dns_upstreams *out, size_t *left_out)
{
	size_t n = at_most(j_is_array(arr) ? j_len(arr) : 0, DNS_RESOLVERS_MAX, left_out);
	if (!j_is_nil(arr) && !j_is_array(arr))
		jd_fail(d, -ERR_SYNTAX, name);
	if (d->err || n == 0)
		return;
	out->v = xcalloc(n, sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		struct jd r = jd_init(j_at(arr, i), NULL);
		if (j_is_nil(j_at(arr, i)))
			continue;
		struct dns_upstream *u = &out->v[out->n++];
		u->addr = xstrdup(jd_str(&r, "Addr"));
		u->use_with_exit_node = jd_bool(&r, "UseWithExitNode");
		read_bootstrap(&r, u);
		if (r.err)
			jd_fail(d, r.err, name);
	}
}

static int by_suffix(const void *a, const void *b)
{
	return strcmp(((const struct dns_suffix_route *)a)->suffix,
		      ((const struct dns_suffix_route *)b)->suffix);
}

static void read_routes(struct jd *d, struct dns_config *c)
{
	json_t *routes = (json_t *)(uintptr_t)jd_object(d, "Routes");
	size_t n = at_most(routes ? j_len(routes) : 0, DNS_ROUTES_MAX, &c->left_out);
	if (d->err || n == 0)
		return;
	c->routes = xcalloc(n, sizeof(*c->routes));
	for (void *it = j_iter(routes); it && !d->err && n--; it = j_iter_next(routes, it)) {
		char *suffix = clean_name(j_iter_key(it), true);
		if (!suffix)
			continue;
		struct dns_suffix_route *r = &c->routes[c->n_routes++];
		r->suffix = suffix;
		read_upstreams(d, "Routes", j_iter_value(it), &r->to, &c->left_out);
	}
	qsort(c->routes, c->n_routes, sizeof(*c->routes), by_suffix);
}

/* A list of names or of plain strings, into new strings. */
static void read_names(struct jd *d, const char *name, bool clean, char ***out, size_t *n_out,
		       size_t *left_out)
{
	const json_t *arr = jd_array(d, name);
	size_t n = at_most(arr ? j_len(arr) : 0, DNS_DOMAINS_MAX, left_out);
	if (d->err || n == 0)
		return;
	char **v = xcalloc(n, sizeof(*v));
	*out = v;
	for (size_t i = 0; i < n; i++) {
		const char *s = j_text(j_at(arr, i));
		char *copy = !s ? NULL : clean ? clean_name(s, false) : xstrdup(s);
		if (copy)
			v[(*n_out)++] = copy;
	}
}

static void read_records(struct jd *d, struct dns_config *c)
{
	const json_t *arr = jd_array(d, "ExtraRecords");
	size_t n = at_most(arr ? j_len(arr) : 0, DNS_RECORDS_MAX, &c->left_out);
	if (d->err || n == 0)
		return;
	c->records = xcalloc(n, sizeof(*c->records));
	for (size_t i = 0; i < n; i++) {
		struct jd r = jd_init(j_at(arr, i), NULL);
		char *name = clean_name(jd_str(&r, "Name"), false);
		if (name) {
			struct dns_extra_record *rec = &c->records[c->n_records++];
			rec->name = name;
			rec->type = xstrdup(jd_str(&r, "Type"));
			rec->value = xstrdup(jd_str(&r, "Value"));
		}
		if (r.err)
			jd_fail(d, r.err, "ExtraRecords");
	}
}

int dns_config_from_json(const json_t *v, struct dns_config *out, const char **why)
{
	struct jd d = jd_init(v, NULL);
	struct dns_config c = { .present = true };
	size_t *over = &c.left_out;
	read_upstreams(&d, "Resolvers", jd_array(&d, "Resolvers"), &c.resolvers, over);
	read_upstreams(&d, "FallbackResolvers", jd_array(&d, "FallbackResolvers"), &c.fallback,
		       over);
	read_routes(&d, &c);
	read_names(&d, "Domains", true, &c.domains, &c.n_domains, over);
	read_records(&d, &c);
	read_names(&d, "CertDomains", true, &c.cert_domains, &c.n_cert_domains, over);
	read_names(&d, "ExitNodeFilteredSet", false, &c.exit_filtered, &c.n_exit_filtered, over);
	c.proxied = jd_bool(&d, "Proxied");
	*why = d.why;
	if (d.err)
		dns_config_fini(&c);
	else
		*out = c;
	return d.err;
}

int dns_upstreams_from_json(const json_t *v, struct dns_upstreams *out, const char **why)
{
	struct jd d = jd_init(NULL, NULL);
	size_t left_out = 0;
	*out = (struct dns_upstreams){ 0 };
	read_upstreams(&d, "resolvers", v, out, &left_out);
	*why = d.why;
	if (d.err)
		dns_upstreams_fini(out);
	return d.err;
}
