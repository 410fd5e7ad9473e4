/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.c: what a parsed policy means for the nodes that exist. */
#include "base/alloc.h"
#include "daemon/coordinator/policy_model.h"

#include <stdlib.h>

/* ---- storage ---- */

void target_fini(struct target *t)
{
	free(t->name);
	*t = (struct target){ 0 };
}

void targets_fini(struct targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		target_fini(&t->v[i]);
	free(t->v);
	*t = (struct targets){ 0 };
}

static void rule_fini(struct rule *r)
{
	targets_fini(&r->src);
	for (size_t i = 0; i < r->n_dst; i++) {
		target_fini(&r->dst[i].target);
		free(r->dst[i].services);
	}
	free(r->dst);
	j_free(r->app);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_groups; i++) {
		free(p->groups[i].name);
		strv_fini(&p->groups[i].users);
	}
	for (size_t i = 0; i < p->n_hosts; i++)
		free(p->hosts[i].name);
	for (size_t i = 0; i < p->n_owners; i++) {
		free(p->owners[i].tag);
		targets_fini(&p->owners[i].owners);
	}
	for (size_t i = 0; i < p->n_rules; i++)
		rule_fini(&p->rules[i]);
	for (size_t i = 0; i < p->n_routes; i++)
		targets_fini(&p->routes[i].who);
	targets_fini(&p->exit_node);
	free(p->groups);
	free(p->hosts);
	free(p->owners);
	free(p->rules);
	free(p->routes);
	free(p);
}

/* ---- matching ---- */

bool target_is_user(const struct policy *p, const struct target *t, const char *user)
{
	switch (t->kind) {
	case TARGET_ANY:
	case TARGET_MEMBER:
		return true;
	case TARGET_USER:
		return strcmp(t->name, user) == 0;
	case TARGET_GROUP:
		return strv_has(&p->groups[t->group].users, user);
	default:
		return false;
	}
}

/* The node's own addresses, as "identity": routes behind it do not count. */
bool target_is_node(const struct policy *p, const struct registry *r, const struct target *t,
		    const struct node *n)
{
	const struct user *u = registry_user(r, n->user);

	switch (t->kind) {
	case TARGET_ANY:
		return true;
	case TARGET_TAG:
		return strv_has(&n->tags, t->name);
	case TARGET_TAGGED:
		return node_is_tagged(n);
	case TARGET_PREFIX:
		return prefix_contains(t->prefix, n->v4) || prefix_contains(t->prefix, n->v6);
	case TARGET_SELF:
		return false;
	default:
		return !node_is_tagged(n) && u && target_is_user(p, t, u->name);
	}
}

bool targets_have_node(const struct policy *p, const struct registry *r, const struct targets *ts,
		       const struct node *n)
{
	for (size_t i = 0; i < ts->n; i++)
		if (target_is_node(p, r, &ts->v[i], n))
			return true;
	return false;
}

/* Does the node serve (part of) this prefix as a subnet router? An exit node is meant only by a
 * rule that names a default route itself. */
bool node_serves(const struct node *n, struct prefix prefix)
{
	for (size_t i = 0; i < n->approved.n; i++) {
		struct prefix route = n->approved.v[i];

		if (prefixes_has(&n->announced, route) && prefix_overlaps(route, prefix) &&
		    prefix_is_default(route) == prefix_is_default(prefix))
			return true;
	}
	return false;
}

bool node_same_user(const struct node *a, const struct node *b)
{
	return !node_is_tagged(a) && !node_is_tagged(b) && a->user == b->user;
}

/* May anything at or behind src reach this destination at or behind dst? */
static bool reaches(const struct policy *p, const struct registry *r, const struct node *src,
		    const struct target *t, const struct node *dst)
{
	if (t->kind == TARGET_SELF)
		return node_same_user(src, dst);
	return target_is_node(p, r, t, dst) ||
	       (t->kind == TARGET_PREFIX && node_serves(dst, t->prefix));
}

static bool speaks_for(const struct policy *p, const struct registry *r, const struct rule *rule,
		       const struct node *n)
{
	if (targets_have_node(p, r, &rule->src, n))
		return true;
	for (size_t i = 0; i < rule->src.n; i++)
		if (rule->src.v[i].kind == TARGET_PREFIX && node_serves(n, rule->src.v[i].prefix))
			return true;
	return false;
}

static bool may_open(const struct policy *p, const struct registry *r, const struct node *a,
		     const struct node *b)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *rule = &p->rules[i];

		if (!speaks_for(p, r, rule, a))
			continue;
		for (size_t j = 0; j < rule->n_dst; j++)
			if (reaches(p, r, a, &rule->dst[j].target, b))
				return true;
	}
	return false;
}

bool policy_visible(const struct policy *p, const struct registry *r, const struct node *a,
		    const struct node *b)
{
	return !p || may_open(p, r, a, b) || may_open(p, r, b, a);
}

/* ---- approvals ---- */

bool policy_auto_approves(const struct policy *p, const struct registry *r, const struct node *n,
			  struct prefix route)
{
	if (prefix_is_default(route))
		return targets_have_node(p, r, &p->exit_node, n);
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct auto_route *a = &p->routes[i];

		if (a->prefix.bits <= route.bits && prefix_contains(a->prefix, route.ip) &&
		    targets_have_node(p, r, &a->who, n))
			return true;
	}
	return false;
}

bool policy_may_tag(const struct policy *p, const struct user *u, const char *tag)
{
	for (size_t i = 0; p && i < p->n_owners; i++) {
		const struct tag_owner *o = &p->owners[i];

		if (strcmp(o->tag, tag) != 0)
			continue;
		for (size_t k = 0; k < o->owners.n; k++)
			if (target_is_user(p, &o->owners.v[k], u->name))
				return true;
	}
	return false;
}
