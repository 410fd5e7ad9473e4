/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/policy_parse.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- position ---- */

void parse_enter(struct parse *ps, const char *name)
{
	ps->path[ps->depth++] = (struct text_step){ .name = name };
}

void parse_enter_at(struct parse *ps, size_t i)
{
	ps->path[ps->depth++] = (struct text_step){ .index = i };
}

void parse_leave(struct parse *ps)
{
	ps->depth--;
}

/* "line 7: acls[2].dst[0]: what"; the path stays as it was. Always false. */
bool parse_fail(struct parse *ps, const char *what, const char *detail)
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
void *parse_grow(void *array, size_t *n, size_t size)
{
	uint8_t *p = xrealloc(array, *n + 1, size);

	memset(p + *n * size, 0, size);
	++*n;
	return p;
}

bool parse_array(struct parse *ps, const json_t *v)
{
	if (!j_is_array(v))
		return parse_fail(ps, "must be a list", NULL);
	return j_len(v) <= POLICY_LIST_MAX || parse_fail(ps, "too many elements", NULL);
}

bool parse_object(struct parse *ps, const json_t *v)
{
	if (!j_is_object(v))
		return parse_fail(ps, "must be an object", NULL);
	return j_len(v) <= POLICY_LIST_MAX || parse_fail(ps, "too many members", NULL);
}

/* The element's text if it is a string without NUL. */
const char *parse_text(struct parse *ps, const json_t *v)
{
	struct span s = j_text_span(v);

	if (j_is_string(v) && s.len && !memchr(s.p, 0, s.len))
		return j_text(v);
	parse_fail(ps, "must be a string that is not empty", NULL);
	return NULL;
}

/* Members other than these are not understood: refuse. */
bool parse_only(struct parse *ps, json_t *o, const char *const *known)
{
	for (void *it = j_iter(o); it; it = j_iter_next(o, it)) {
		const char *const *k = known;

		while (*k && strcmp(*k, j_iter_key(it)) != 0)
			k++;
		if (!*k) {
			parse_enter(ps, j_iter_key(it));
			parse_fail(ps, "not supported here", NULL);
			parse_leave(ps);
			return false;
		}
	}
	return true;
}

/* ---- lists of targets ---- */

static bool add_target(struct parse *ps, const json_t *v, struct targets *out)
{
	const char *text = parse_text(ps, v), *why;

	if (!text)
		return false;
	out->v = parse_grow(out->v, &out->n, sizeof(*out->v));
	return word_target(ps->p, text, false, &out->v[out->n - 1], &why) ||
	       parse_fail(ps, why, text);
}

static bool targets(struct parse *ps, const json_t *arr, struct targets *out)
{
	bool ok = parse_array(ps, arr);

	for (size_t i = 0; ok && i < j_len(arr); i++) {
		parse_enter_at(ps, i);
		ok = add_target(ps, j_at(arr, i), out);
		parse_leave(ps);
	}
	return ok;
}

bool parse_targets(struct parse *ps, const json_t *o, const char *name, struct targets *out)
{
	bool ok;

	parse_enter(ps, name);
	ok = targets(ps, j_get(o, name), out);
	if (ok && !out->n)
		ok = parse_fail(ps, "must not be empty", NULL);
	parse_leave(ps);
	return ok;
}

/* ---- groups, hosts, tagOwners, autoApprovers ---- */

static bool group_user(struct parse *ps, const json_t *v, struct group *g)
{
	const char *text = parse_text(ps, v), *why;
	struct target t;
	bool ok;

	if (!text)
		return false;
	ok = word_target(ps->p, text, false, &t, &why) || parse_fail(ps, why, text);
	if (ok && t.kind != TARGET_USER)
		ok = parse_fail(ps, "members of a group are users (name@)", text);
	if (ok)
		strv_add(&g->users, t.name);
	target_fini(&t);
	return ok;
}

static bool group(struct parse *ps, const char *name, const json_t *users)
{
	struct policy *p = ps->p;
	bool ok =
	    strncmp(name, "group:", 6) == 0 || parse_fail(ps, "a group is called group:name", NULL);

	if (!ok || !parse_array(ps, users))
		return false;
	p->groups = parse_grow(p->groups, &p->n_groups, sizeof(*p->groups));
	p->groups[p->n_groups - 1].name = xstrdup(name);
	for (size_t i = 0; ok && i < j_len(users); i++) {
		parse_enter_at(ps, i);
		ok = group_user(ps, j_at(users, i), &p->groups[p->n_groups - 1]);
		parse_leave(ps);
	}
	return ok;
}

static bool host(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;
	const char *text = parse_text(ps, v), *why;
	struct target t;
	bool ok;

	if (!text)
		return false;
	ok = word_target(p, text, false, &t, &why) || parse_fail(ps, why, text);
	if (ok && t.kind != TARGET_PREFIX)
		ok = parse_fail(ps, "a host is an address or a prefix", text);
	if (ok) {
		p->hosts = parse_grow(p->hosts, &p->n_hosts, sizeof(*p->hosts));
		p->hosts[p->n_hosts - 1] = (struct host){ xstrdup(name), t.prefix };
	}
	target_fini(&t);
	return ok;
}

static bool tag_owner(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;

	if (!tag_ok(name))
		return parse_fail(ps, "not a tag name", NULL);
	p->owners = parse_grow(p->owners, &p->n_owners, sizeof(*p->owners));
	p->owners[p->n_owners - 1].tag = xstrdup(name);
	return targets(ps, v, &p->owners[p->n_owners - 1].owners);
}

static bool auto_route(struct parse *ps, const char *name, const json_t *v)
{
	struct policy *p = ps->p;
	struct prefix prefix;

	if (prefix_decode(span_str(name), &prefix) < 0)
		return parse_fail(ps, "not a prefix", NULL);
	p->routes = parse_grow(p->routes, &p->n_routes, sizeof(*p->routes));
	p->routes[p->n_routes - 1].prefix = prefix_masked(prefix);
	return targets(ps, v, &p->routes[p->n_routes - 1].who);
}

typedef bool member_fn(struct parse *ps, const char *name, const json_t *v);

static bool each_member(struct parse *ps, json_t *o, member_fn *fn)
{
	bool ok = parse_object(ps, o);

	for (void *it = ok ? j_iter(o) : NULL; ok && it; it = j_iter_next(o, it)) {
		parse_enter(ps, j_iter_key(it));
		ok = fn(ps, j_iter_key(it), j_iter_value(it));
		parse_leave(ps);
	}
	return ok;
}

static bool auto_approvers(struct parse *ps, json_t *o)
{
	static const char *const known[] = { "routes", "exitNode", NULL };
	bool ok = parse_object(ps, o) && parse_only(ps, o, known);

	if (ok && j_get(o, "routes")) {
		parse_enter(ps, "routes");
		ok = each_member(ps, j_get(o, "routes"), auto_route);
		parse_leave(ps);
	}
	if (ok && j_get(o, "exitNode")) {
		parse_enter(ps, "exitNode");
		ok = targets(ps, j_get(o, "exitNode"), &ps->p->exit_node);
		parse_leave(ps);
	}
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
	parse_enter(ps, name);
	ok = parse_array(ps, arr);
	for (size_t i = 0; ok && i < j_len(arr); i++) {
		parse_enter_at(ps, i);
		ok = p->n_rules < POLICY_RULES_MAX || parse_fail(ps, "too many rules", NULL);
		if (ok) {
			p->rules = parse_grow(p->rules, &p->n_rules, sizeof(*p->rules));
			ok = fn(ps, j_at(arr, i), &p->rules[p->n_rules - 1]);
		}
		parse_leave(ps);
	}
	parse_leave(ps);
	return ok;
}

static bool section(struct parse *ps, const json_t *o, const char *name, member_fn *fn)
{
	bool ok;

	if (!j_get(o, name))
		return true;
	parse_enter(ps, name);
	ok = each_member(ps, j_get(o, name), fn);
	parse_leave(ps);
	return ok;
}

static bool approvers(struct parse *ps, const json_t *o)
{
	bool ok;

	if (!j_get(o, "autoApprovers"))
		return true;
	parse_enter(ps, "autoApprovers");
	ok = auto_approvers(ps, j_get(o, "autoApprovers"));
	parse_leave(ps);
	return ok;
}

static bool document(struct parse *ps, json_t *o)
{
	static const char *const known[] = { "groups", "hosts",		"tagOwners", "acls",
					     "grants", "autoApprovers", NULL };

	return parse_object(ps, o) && parse_only(ps, o, known) && section(ps, o, "groups", group) &&
	       section(ps, o, "hosts", host) && section(ps, o, "tagOwners", tag_owner) &&
	       approvers(ps, o) && rules(ps, o, "acls", parse_acl) &&
	       rules(ps, o, "grants", parse_grant);
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
