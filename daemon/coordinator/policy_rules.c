/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_rules.c: the elements of "acls" and "grants". */
#include "daemon/coordinator/policy_parse.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ---- acls ---- */

static void add_service(struct destination *d, const struct service *s)
{
	d->services = parse_grow(d->services, &d->n_services, sizeof(*s));
	d->services[d->n_services - 1] = *s;
}

static struct destination *add_destination(struct rule *r)
{
	r->dst = parse_grow(r->dst, &r->n_dst, sizeof(*r->dst));
	return &r->dst[r->n_dst - 1];
}

/* "22,80-90" */
static bool port_list(struct parse *ps, const char *text, const struct service *proto,
		      struct destination *d)
{
	struct strv parts = { 0 };
	const char *why;
	bool ok = true;

	strv_split(&parts, text);
	if (!parts.n)
		ok = parse_fail(ps, "no ports behind the last colon", text);
	for (size_t i = 0; ok && i < parts.n; i++) {
		struct service s = *proto;

		ok = (word_ports(span_str(parts.v[i]), &s.ports, &why) && service_ok(&s, &why)) ||
		     parse_fail(ps, why, parts.v[i]);
		if (ok)
			add_service(d, &s);
	}
	strv_fini(&parts);
	return ok;
}

/* "target:ports"; the target itself may hold colons. */
static bool acl_destination(struct parse *ps, const json_t *v, const struct service *proto,
			    struct rule *r)
{
	const char *text = parse_text(ps, v), *why;
	const char *colon = text ? strrchr(text, ':') : NULL;
	struct destination *d;
	char *name;
	bool ok;

	if (!text)
		return false;
	if (!colon)
		return parse_fail(ps, "a destination is target:ports, such as tag:web:443", text);
	name = xstrndup(text, (size_t)(colon - text));
	d = add_destination(r);
	ok = (word_target(ps->p, name, true, &d->target, &why) || parse_fail(ps, why, text)) &&
	     port_list(ps, colon + 1, proto, d);
	free(name);
	return ok;
}

static bool acl_proto(struct parse *ps, const json_t *o, struct service *out)
{
	const char *text, *why;
	bool ok;

	*out = (struct service){ .ports = { 0, 65535 } };
	if (!j_get(o, "proto"))
		return true;
	parse_enter(ps, "proto");
	text = parse_text(ps, j_get(o, "proto"));
	ok = text && (word_proto(span_str(text), out, &why) || parse_fail(ps, why, text));
	parse_leave(ps);
	return ok;
}

static bool acl_destinations(struct parse *ps, const json_t *arr, const struct service *proto,
			     struct rule *r)
{
	bool ok;

	parse_enter(ps, "dst");
	ok = parse_array(ps, arr) && (j_len(arr) || parse_fail(ps, "must not be empty", NULL));
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		parse_enter_at(ps, i);
		ok = acl_destination(ps, j_at(arr, i), proto, r);
		parse_leave(ps);
	}
	parse_leave(ps);
	return ok;
}

bool parse_acl(struct parse *ps, json_t *o, struct rule *r)
{
	static const char *const known[] = { "action", "proto", "src", "dst", NULL };
	struct service proto;

	if (!parse_object(ps, o) || !parse_only(ps, o, known))
		return false;
	if (!span_eq_str(j_span(o, "action"), "accept")) {
		parse_enter(ps, "action");
		parse_fail(ps, "must be \"accept\"", NULL);
		parse_leave(ps);
		return false;
	}
	return acl_proto(ps, o, &proto) && parse_targets(ps, o, "src", &r->src) &&
	       acl_destinations(ps, j_get(o, "dst"), &proto, r);
}

/* ---- grants ---- */

static bool grant_services(struct parse *ps, const json_t *arr, struct destination *out)
{
	const char *text, *why;
	bool ok = parse_array(ps, arr);

	for (size_t i = 0; ok && i < j_len(arr); i++) {
		struct service s;

		parse_enter_at(ps, i);
		text = parse_text(ps, j_at(arr, i));
		ok = text && (word_service(text, &s, &why) || parse_fail(ps, why, text));
		if (ok)
			add_service(out, &s);
		parse_leave(ps);
	}
	return ok;
}

static bool grant_destination(struct parse *ps, const json_t *v, const struct destination *services,
			      struct rule *r)
{
	const char *text = parse_text(ps, v), *why;
	struct destination *d;

	if (!text)
		return false;
	d = add_destination(r);
	for (size_t i = 0; i < services->n_services; i++)
		add_service(d, &services->services[i]);
	return word_target(ps->p, text, true, &d->target, &why) || parse_fail(ps, why, text);
}

static bool grant_destinations(struct parse *ps, const json_t *arr,
			       const struct destination *services, struct rule *r)
{
	bool ok;

	parse_enter(ps, "dst");
	ok = parse_array(ps, arr) && (j_len(arr) || parse_fail(ps, "must not be empty", NULL));
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		parse_enter_at(ps, i);
		ok = grant_destination(ps, j_at(arr, i), services, r);
		parse_leave(ps);
	}
	parse_leave(ps);
	return ok;
}

/* Capability name -> list of values; kept as they are. */
static bool grant_app(struct parse *ps, json_t *o, struct rule *r)
{
	bool ok;

	parse_enter(ps, "app");
	ok = parse_object(ps, o);
	for (void *it = ok ? j_iter(o) : NULL; ok && it; it = j_iter_next(o, it)) {
		parse_enter(ps, j_iter_key(it));
		ok = parse_array(ps, j_iter_value(it));
		parse_leave(ps);
	}
	if (ok)
		r->app = j_copy(o);
	parse_leave(ps);
	return ok;
}

bool parse_grant(struct parse *ps, json_t *o, struct rule *r)
{
	static const char *const known[] = { "src", "dst", "ip", "app", NULL };
	struct destination services = { 0 };
	bool ok = parse_object(ps, o) && parse_only(ps, o, known);

	if (ok && !j_get(o, "ip") && !j_get(o, "app"))
		ok = parse_fail(ps, "grants nothing: it needs \"ip\" or \"app\"", NULL);
	if (ok && j_get(o, "ip")) {
		parse_enter(ps, "ip");
		ok = grant_services(ps, j_get(o, "ip"), &services);
		parse_leave(ps);
	}
	ok = ok && parse_targets(ps, o, "src", &r->src) &&
	     grant_destinations(ps, j_get(o, "dst"), &services, r) &&
	     (!j_get(o, "app") || grant_app(ps, j_get(o, "app"), r));
	free(services.services);
	return ok;
}
