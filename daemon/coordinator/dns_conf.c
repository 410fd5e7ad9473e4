/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/dns_conf.h"

#include "base/alloc.h"

#include <stdio.h>

/* Why a list does not do: which member, and what an element must be. NULL is fine. */
static json_t *refuse(struct j_error *err, const char *member, const char *what)
{
	snprintf(err->text, sizeof(err->text), "%s: %s", member, what);
	return NULL;
}

/* ---- resolvers ---- */

static json_t *resolver(const json_t *v)
{
	const char *addr = j_is_string(v) ? j_text(v) : j_str(v, "Addr");
	json_t *o;

	if (!addr)
		return NULL;
	if (j_is_object(v))
		return j_copy(v);
	o = j_object();
	j_set_str(o, "Addr", addr);
	return o;
}

/* v: array or null. New array, NULL: it is none, or an element is no resolver. */
static json_t *resolvers(const json_t *v)
{
	json_t *out = j_array();

	for (size_t i = 0; i < j_len(v); i++) {
		json_t *r = j_is_array(v) ? resolver(j_at(v, i)) : NULL;

		if (!r) {
			j_free(out);
			return NULL;
		}
		j_add(out, r);
	}
	if (j_is_nil(v) || j_is_array(v))
		return out;
	j_free(out);
	return NULL;
}

static json_t *take_resolvers(const json_t *v, const char *name, struct j_error *err)
{
	json_t *out = resolvers(v);

	return out ? out : refuse(err, name, "needs a list of addresses, such as [\"9.9.9.9\"]");
}

static json_t *take_routes(const json_t *v, const char *name, struct j_error *err)
{
	json_t *from = j_ref((json_t *)v), *out = j_object(), *list;

	for (void *it = j_is_object(v) ? j_iter(from) : NULL; it; it = j_iter_next(from, it)) {
		list = resolvers(j_iter_value(it));
		if (!list) {
			j_free(from);
			j_free(out);
			return refuse(err, name, "needs a list of addresses for each suffix");
		}
		j_set(out, j_iter_key(it), list);
	}
	j_free(from);
	if (j_is_object(v))
		return out;
	j_free(out);
	return refuse(err, name, "needs an object, such as {\"corp.example\": [\"10.1.0.2\"]}");
}

/* ---- the other members ---- */

static json_t *take_strings(const json_t *v, const char *name, struct j_error *err)
{
	bool ok = j_is_array(v);

	for (size_t i = 0; ok && i < j_len(v); i++)
		ok = j_is_string(j_at(v, i));
	return ok ? j_copy(v) : refuse(err, name, "needs a list of names");
}

static json_t *take_records(const json_t *v, const char *name, struct j_error *err)
{
	bool ok = j_is_array(v);

	for (size_t i = 0; ok && i < j_len(v); i++)
		ok = j_str(j_at(v, i), "Name") && j_str(j_at(v, i), "Value");
	return ok ? j_copy(v)
		  : refuse(err, name, "needs a list of {\"Name\": ..., \"Value\": ADDRESS}");
}

static json_t *take_bool(const json_t *v, const char *name, struct j_error *err)
{
	return j_is_bool(v) ? j_copy(v) : refuse(err, name, "needs true or false");
}

static const struct member {
	const char *name;
	json_t *(*take)(const json_t *v, const char *name, struct j_error *err);
} members[] = {
	{ "Proxied", take_bool },
	{ "Resolvers", take_resolvers },
	{ "FallbackResolvers", take_resolvers },
	{ "Routes", take_routes },
	{ "Domains", take_strings },
	{ "ExtraRecords", take_records },
	{ "CertDomains", take_strings },
	{ "ExitNodeFilteredSet", take_strings },
};

static const struct member *member_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static bool take_member(json_t *out, const char *name, const json_t *v, struct j_error *err)
{
	const struct member *m = member_find(name);
	json_t *taken = m ? m->take(v, name, err) : NULL;

	if (!m)
		snprintf(err->text, sizeof(err->text), "unknown member \"%.64s\"", name);
	if (taken)
		j_set(out, name, taken);
	return taken != NULL;
}

/* ---- the base domain ---- */

static json_t *with_base_first(const json_t *domains, const char *base)
{
	json_t *out = j_array();

	j_add_str(out, base);
	for (size_t i = 0; i < j_len(domains); i++)
		if (strcmp(j_text(j_at(domains, i)), base) != 0)
			j_add_str(out, j_text(j_at(domains, i)));
	return out;
}

static void add_base(json_t *o, const char *base)
{
	json_t *routes;

	j_set(o, "Domains", with_base_first(j_get(o, "Domains"), base));
	if (!j_has(o, "Proxied"))
		j_set_bool(o, "Proxied", true);
	if (!j_bool(o, "Proxied", false)) {
		j_del(o, "Proxied"); /* as other servers write it */
		return;
	}
	routes = j_get(o, "Routes");
	if (!routes) {
		routes = j_object();
		j_set(o, "Routes", routes);
	}
	if (!j_has(routes, base))
		j_set_null(routes, base);
}

json_t *dns_conf_parse(struct span text, const char *base_domain, struct j_error *err)
{
	json_t *in = text.len ? j_parse(text, DNS_CONF_MAX, err) : j_object(), *out = j_object();
	bool ok = j_is_object(in);

	if (in && !ok)
		snprintf(err->text, sizeof(err->text), "not a JSON object");
	for (void *it = ok ? j_iter(in) : NULL; it && ok; it = j_iter_next(in, it))
		ok = take_member(out, j_iter_key(it), j_iter_value(it), err);
	j_free(in);
	if (ok) {
		add_base(out, base_domain);
		return out;
	}
	j_free(out);
	return NULL;
}
