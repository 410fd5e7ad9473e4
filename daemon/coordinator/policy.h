/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h: who may reach whom. A policy text is JSON with comments and trailing commas; it is
 * checked once, whole, and refused with its position when anything in it is not understood: a rule
 * that is silently dropped would be a hole or an outage. Then it is compiled for each node into
 * packet filter rules. Pure. No policy (NULL) allows everything. Forms: man/meshcoord.8. Thread:
 * the loop's. */
#ifndef COORDINATOR_POLICY_H
#define COORDINATOR_POLICY_H

#include "daemon/coordinator/registry.h"

#define POLICY_TEXT_MAX (1u << 20)
#define POLICY_RULES_MAX 4096
#define POLICY_LIST_MAX 4096

struct policy;

struct policy_error {
	unsigned line;	/* 1-based; 0 unknown */
	char text[240]; /* "acls[2].dst[0]: ..." */
};

/* New, or NULL with err filled. */
struct policy *policy_parse(struct span text, struct policy_error *err);
void policy_free(struct policy *p);

/* FilterRules for one node, new array; an empty one blocks all. */
json_t *policy_filter(const struct policy *p, const struct registry *r, const struct node *self);
/* May one of the two open a flow to the other (then both must know each other)? */
bool policy_visible(const struct policy *p, const struct registry *r, const struct node *a,
		    const struct node *b);
/* autoApprovers: is this announced route of the node approved without a person? */
bool policy_auto_approves(const struct policy *p, const struct registry *r, const struct node *n,
			  struct prefix route);
/* tagOwners: may this user give a node the tag? Without a policy nobody but an admin may. */
bool policy_may_tag(const struct policy *p, const struct user *u, const char *tag);

#endif
