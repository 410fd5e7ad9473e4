/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"
#include "daemon/coordinator/policy_model.h"
#include "daemon/coordinator/policy_text.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH 6

/* Where in the document the parser is, for the error message. */
struct parse {
	struct policy *p;
	struct span clean;
	struct policy_error *err;
	struct text_step path[DEPTH];
	size_t depth;
};

/* ---- position ---- */

static void enter_name(struct parse *ps, const char *name)
{
	ps->path[ps->depth++] = (struct text_step){ .name = name };
}

static void enter_index(struct parse *ps, size_t i)
{
	ps->path[ps->depth++] = (struct text_step){ .index = i };
}

static void leave(struct parse *ps)
{
	ps->depth--;
}

/* "line 7: acls[2].dst[0]: what"; the path stays as it was. Always false. */
static bool fail(struct parse *ps, const char *what, const char *detail)
{
	struct wr w = wr_init(mspan_of(ps->err->text, sizeof(ps->err->text) - 1));

	ps->err->line = policy_text_line(ps->clean, ps->path, ps->depth);
	wr_fmt(&w, "line %u: ", ps->err->line);
	for (size_t i = 0; i < ps->depth; i++) {
		if (ps->path[i].name)
			wr_fmt(&w, "%s%.40s", i ? "." : "", ps->path[i].name);
		else
			wr_fmt(&w, "[%zu]", ps->path[i].index);
	}
	if (detail)
		wr_fmt(&w, "%s\"%.40s\": %.100s", ps->depth ? ": " : "", detail, what);
	else
		wr_fmt(&w, "%s%.120s", ps->depth ? ": " : "", what);
	ps->err->text[wr_ok(&w) ? wr_len(&w) : 0] = 0;
	return false;
}

/* ---- shapes ---- */

/* Room for one more element of a growing array, zeroed. */
static void *grow(void *array, size_t *n, size_t size)
{
	uint8_t *p = xrealloc(array, *n + 1, size);

	memset(p + *n * size, 0, size);
	++*n;
	return p;
}

static bool want_array(struct parse *ps, const json_t *v)
{
	if (!j_is_array(v))
		return fail(ps, "must be a list", NULL);
	return j_len(v) <= POLICY_LIST_MAX || fail(ps, "too many elements", NULL);
}

static bool want_object(struct parse *ps, const json_t *v)
{
	if (!j_is_object(v))
		return fail(ps, "must be an object", NULL);
	return j_len(v) <= POLICY_LIST_MAX || fail(ps, "too many members", NULL);
}

/* The element's text if it is a string without NUL. */
static const char *want_text(struct parse *ps, const json_t *v)
{
	struct span s = j_text_span(v);

	if (j_is_string(v) && s.len && !memchr(s.p, 0, s.len))
		return j_text(v);
	fail(ps, "must be a string that is not empty", NULL);
	return NULL;
}

/* Members other than these are not understood: refuse. */
static bool only_members(struct parse *ps, json_t *o, const char *const *known)
{
	for (void *it = j_iter(o); it; it = j_iter_next(o, it)) {
		const char *const *k = known;

		while (*k && strcmp(*k, j_iter_key(it)) != 0)
			k++;
		if (!*k) {
			enter_name(ps, j_iter_key(it));
			fail(ps, "not supported here", NULL);
			leave(ps);
			return false;
		}
	}
	return true;
}

/* ---- lists of targets ---- */

static bool add_target(struct parse *ps, const json_t *v, struct targets *out)
{
	const char *text = want_text(ps, v), *why;

	if (!text)
		return false;
	out->v = grow(out->v, &out->n, sizeof(*out->v));
	return word_target(ps->p, text, false, &out->v[out->n - 1], &why) || fail(ps, why, text);
}

static bool targets(struct parse *ps, const json_t *arr, struct targets *out)
{
	bool ok = want_array(ps, arr);

	for (size_t i = 0; ok && i < j_len(arr); i++) {
		enter_index(ps, i);
		ok = add_target(ps, j_at(arr, i), out);
		leave(ps);
	}
	return ok;
}

static bool member_targets(struct parse *ps, const json_t *o, const char *name, struct targets *out)
{
	bool ok;

	enter_name(ps, name);
	ok = targets(ps, j_get(o, name), out);
	if (ok && !out->n)
		ok = fail(ps, "must not be empty", NULL);
	leave(ps);
	return ok;
}

/* ---- groups, hosts, tagOwners, autoApprovers ---- */

static bool group_user(struct parse *ps, const json_t *v, struct group *g)
{
	const char *text = want_text(ps, v), *why;
	struct target t;
	bool ok;

	if (!text)
		return false;
	ok = word_target(ps->p, text, false, &t, &why) || fail(ps, why, text);
	if (ok && t.kind != TARGET_USER)
		ok = fail(ps, "members of a group are users (name@)", text);
	if (ok)
		strv_add(&g->users, t.name);
	target_fini(&t);
	return ok;
}

static bool group(struct parse *ps, const char *name, const json_t *users)
{
	struct policy *p = ps->p;
	bool ok = strncmp(name, "group:", 6) == 0 || fail(ps, "a group is called group:name", NULL);

	if (!ok || !want_array(ps, users))
		return false;
	p->groups = grow(p->groups, &p->n_groups, sizeof(*p->groups));
	p->groups[p->n_groups - 1].name = xstrdup(name);
	for (size_t i = 0; ok && i < j_len(users); i++) {
		enter_index(ps, i);
		ok = group_user(ps, j_at(users, i), &p->groups[p->n_groups - 1]);
		leave(ps);
	}
	return ok;
}

static bool host(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;
	const char *text = want_text(ps, v), *why;
	struct target t;
	bool ok;

	if (!text)
		return false;
	ok = word_target(p, text, false, &t, &why) || fail(ps, why, text);
	if (ok && t.kind != TARGET_PREFIX)
		ok = fail(ps, "a host is an address or a prefix", text);
	if (ok) {
		p->hosts = grow(p->hosts, &p->n_hosts, sizeof(*p->hosts));
		p->hosts[p->n_hosts - 1] = (struct host){ xstrdup(name), t.prefix };
	}
	target_fini(&t);
	return ok;
}

static bool tag_owner(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;

	if (!tag_ok(name))
		return fail(ps, "not a tag name", NULL);
	p->owners = grow(p->owners, &p->n_owners, sizeof(*p->owners));
	p->owners[p->n_owners - 1].tag = xstrdup(name);
	return targets(ps, v, &p->owners[p->n_owners - 1].owners);
}

static bool auto_route(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;
	struct prefix prefix;

	if (prefix_decode(span_str(name), &prefix) < 0)
		return fail(ps, "not a prefix", NULL);
	p->routes = grow(p->routes, &p->n_routes, sizeof(*p->routes));
	p->routes[p->n_routes - 1].prefix = prefix_masked(prefix);
	return targets(ps, v, &p->routes[p->n_routes - 1].who);
}

typedef bool member_fn(struct parse *ps, const char *name, const json_t *v);

static bool each_member(struct parse *ps, json_t *o, member_fn *fn)
{
	bool ok = want_object(ps, o);

	for (void *it = ok ? j_iter(o) : NULL; ok && it; it = j_iter_next(o, it)) {
		enter_name(ps, j_iter_key(it));
		ok = fn(ps, j_iter_key(it), j_iter_value(it));
		leave(ps);
	}
	return ok;
}

static bool auto_approvers(struct parse *ps, json_t *o)
{
	static const char *const known[] = { "routes", "exitNode", NULL };
	bool ok = want_object(ps, o) && only_members(ps, o, known);

	if (ok && j_get(o, "routes")) {
		enter_name(ps, "routes");
		ok = each_member(ps, j_get(o, "routes"), auto_route);
		leave(ps);
	}
	if (ok && j_get(o, "exitNode")) {
		enter_name(ps, "exitNode");
		ok = targets(ps, j_get(o, "exitNode"), &ps->p->exit_node);
		leave(ps);
	}
	return ok;
}

/* ---- acls ---- */

static void add_service(struct destination *d, const struct service *s)
{
	d->services = grow(d->services, &d->n_services, sizeof(*s));
	d->services[d->n_services - 1] = *s;
}

static struct destination *add_destination(struct rule *r)
{
	r->dst = grow(r->dst, &r->n_dst, sizeof(*r->dst));
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
		ok = fail(ps, "no ports behind the last colon", text);
	for (size_t i = 0; ok && i < parts.n; i++) {
		struct service s = *proto;

		ok = (word_ports(span_str(parts.v[i]), &s.ports, &why) && service_ok(&s, &why)) ||
		     fail(ps, why, parts.v[i]);
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
	const char *text = want_text(ps, v), *why;
	const char *colon = text ? strrchr(text, ':') : NULL;
	struct destination *d;
	char *name;
	bool ok;

	if (!text)
		return false;
	if (!colon)
		return fail(ps, "a destination is target:ports, such as tag:web:443", text);
	name = xstrndup(text, (size_t)(colon - text));
	d = add_destination(r);
	ok = (word_target(ps->p, name, true, &d->target, &why) || fail(ps, why, text)) &&
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
	enter_name(ps, "proto");
	text = want_text(ps, j_get(o, "proto"));
	ok = text && (word_proto(span_str(text), out, &why) || fail(ps, why, text));
	leave(ps);
	return ok;
}

static bool acl_destinations(struct parse *ps, const json_t *arr, const struct service *proto,
			     struct rule *r)
{
	bool ok;

	enter_name(ps, "dst");
	ok = want_array(ps, arr) && (j_len(arr) || fail(ps, "must not be empty", NULL));
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		enter_index(ps, i);
		ok = acl_destination(ps, j_at(arr, i), proto, r);
		leave(ps);
	}
	leave(ps);
	return ok;
}

static bool acl(struct parse *ps, json_t *o, struct rule *r)
{
	static const char *const known[] = { "action", "proto", "src", "dst", NULL };
	struct service proto;

	if (!want_object(ps, o) || !only_members(ps, o, known))
		return false;
	if (!span_eq_str(j_span(o, "action"), "accept")) {
		enter_name(ps, "action");
		fail(ps, "must be \"accept\"", NULL);
		leave(ps);
		return false;
	}
	return acl_proto(ps, o, &proto) && member_targets(ps, o, "src", &r->src) &&
	       acl_destinations(ps, j_get(o, "dst"), &proto, r);
}

/* ---- grants ---- */

static bool grant_services(struct parse *ps, const json_t *arr, struct destination *out)
{
	const char *text, *why;
	bool ok = want_array(ps, arr);

	for (size_t i = 0; ok && i < j_len(arr); i++) {
		struct service s;

		enter_index(ps, i);
		text = want_text(ps, j_at(arr, i));
		ok = text && (word_service(text, &s, &why) || fail(ps, why, text));
		if (ok)
			add_service(out, &s);
		leave(ps);
	}
	return ok;
}

static bool grant_destination(struct parse *ps, const json_t *v, const struct destination *services,
			      struct rule *r)
{
	const char *text = want_text(ps, v), *why;
	struct destination *d;

	if (!text)
		return false;
	d = add_destination(r);
	for (size_t i = 0; i < services->n_services; i++)
		add_service(d, &services->services[i]);
	return word_target(ps->p, text, true, &d->target, &why) || fail(ps, why, text);
}

static bool grant_destinations(struct parse *ps, const json_t *arr,
			       const struct destination *services, struct rule *r)
{
	bool ok;

	enter_name(ps, "dst");
	ok = want_array(ps, arr) && (j_len(arr) || fail(ps, "must not be empty", NULL));
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		enter_index(ps, i);
		ok = grant_destination(ps, j_at(arr, i), services, r);
		leave(ps);
	}
	leave(ps);
	return ok;
}

/* Capability name -> list of values; kept as they are. */
static bool grant_app(struct parse *ps, json_t *o, struct rule *r)
{
	bool ok;

	enter_name(ps, "app");
	ok = want_object(ps, o);
	for (void *it = ok ? j_iter(o) : NULL; ok && it; it = j_iter_next(o, it)) {
		enter_name(ps, j_iter_key(it));
		ok = want_array(ps, j_iter_value(it));
		leave(ps);
	}
	if (ok)
		r->app = j_copy(o);
	leave(ps);
	return ok;
}

static bool grant(struct parse *ps, json_t *o, struct rule *r)
{
	static const char *const known[] = { "src", "dst", "ip", "app", NULL };
	struct destination services = { 0 };
	bool ok = want_object(ps, o) && only_members(ps, o, known);

	if (ok && !j_get(o, "ip") && !j_get(o, "app"))
		ok = fail(ps, "grants nothing: it needs \"ip\" or \"app\"", NULL);
	if (ok && j_get(o, "ip")) {
		enter_name(ps, "ip");
		ok = grant_services(ps, j_get(o, "ip"), &services);
		leave(ps);
	}
	ok = ok && member_targets(ps, o, "src", &r->src) &&
	     grant_destinations(ps, j_get(o, "dst"), &services, r) &&
	     (!j_get(o, "app") || grant_app(ps, j_get(o, "app"), r));
	free(services.services);
	return ok;
}

/* ---- the document ---- */

typedef bool rule_fn(struct parse *ps, json_t *o, struct rule *r);

static bool rules(struct parse *ps, const json_t *o, const char *name, rule_fn *fn)
{
	struct policy *p = ps->p;
	const json_t *arr = j_get(o, name);
	bool ok = true;

	if (!arr)
		return true;
	enter_name(ps, name);
	ok = want_array(ps, arr);
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		enter_index(ps, i);
		ok = p->n_rules < POLICY_RULES_MAX || fail(ps, "too many rules", NULL);
		if (ok) {
			p->rules = grow(p->rules, &p->n_rules, sizeof(*p->rules));
			ok = fn(ps, j_at(arr, i), &p->rules[p->n_rules - 1]);
		}
		leave(ps);
	}
	leave(ps);
	return ok;
}

static bool section(struct parse *ps, const json_t *o, const char *name, member_fn *fn)
{
	bool ok;

	if (!j_get(o, name))
		return true;
	enter_name(ps, name);
	ok = each_member(ps, j_get(o, name), fn);
	leave(ps);
	return ok;
}

static bool approvers(struct parse *ps, const json_t *o)
{
	bool ok;

	if (!j_get(o, "autoApprovers"))
		return true;
	enter_name(ps, "autoApprovers");
	ok = auto_approvers(ps, j_get(o, "autoApprovers"));
	leave(ps);
	return ok;
}

static bool document(struct parse *ps, json_t *o)
{
	static const char *const known[] = { "groups", "hosts",		"tagOwners", "acls",
					     "grants", "autoApprovers", NULL };

	return want_object(ps, o) && only_members(ps, o, known) &&
	       section(ps, o, "groups", group) && section(ps, o, "hosts", host) &&
	       section(ps, o, "tagOwners", tag_owner) && approvers(ps, o) &&
	       rules(ps, o, "acls", acl) && rules(ps, o, "grants", grant);
}

static struct policy *parse_clean(struct span clean, struct policy_error *err)
{
	struct parse ps = { .clean = clean, .err = err };
	struct j_error je = { "" };
	json_t *o = j_parse(clean, POLICY_TEXT_MAX, &je);
	bool ok;

	if (!o) {
		snprintf(err->text, sizeof(err->text), "not JSON: %s", je.text);
		return NULL;
	}
	ps.p = xcalloc(1, sizeof(*ps.p));
	ok = document(&ps, o);
	j_free(o);
	if (ok)
		return ps.p;
	policy_free(ps.p);
	return NULL;
}

struct policy *policy_parse(struct span text, struct policy_error *err)
{
	struct policy *p = NULL;
	struct buf clean;

	*err = (struct policy_error){ 0 };
	buf_init(&clean, POLICY_TEXT_MAX);
	if (policy_text_clean(text, &clean, &err->line) == 0)
		p = parse_clean(buf_span(&clean), err);
	else if (err->line)
		snprintf(err->text, sizeof(err->text),
			 "line %u: a comment or string that begins here does not end", err->line);
	else
		snprintf(err->text, sizeof(err->text), "larger than %u bytes", POLICY_TEXT_MAX);
	buf_fini(&clean);
	return p;
}
