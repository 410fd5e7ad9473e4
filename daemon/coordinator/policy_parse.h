/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_parse.h: what the two files of the policy parser share: where it is in the document, and
 * the shapes it asks for. Each returns false after it has filled the error with that place. */
#ifndef COORDINATOR_POLICY_PARSE_H
#define COORDINATOR_POLICY_PARSE_H

#include "daemon/coordinator/policy_model.h"
#include "daemon/coordinator/policy_text.h"

#define PARSE_DEPTH 6

/* Where in the document the parser is, for the error message. */
struct parse {
	struct policy *p;
	struct span clean;
	struct policy_error *err;
	struct text_step path[PARSE_DEPTH];
	size_t depth;
};

void parse_enter(struct parse *ps, const char *name);
void parse_enter_at(struct parse *ps, size_t index);
void parse_leave(struct parse *ps);
/* Always false. detail (the offending word) may be NULL. */
bool parse_fail(struct parse *ps, const char *what, const char *detail);

bool parse_array(struct parse *ps, const json_t *v);
bool parse_object(struct parse *ps, const json_t *v);
/* NULL unless a string that is not empty. */
const char *parse_text(struct parse *ps, const json_t *v);
/* Members other than these (ended by NULL) are not understood: refuse. */
bool parse_only(struct parse *ps, json_t *o, const char *const *known);
/* Member `name` of o: a list of sources, not empty. */
bool parse_targets(struct parse *ps, const json_t *o, const char *name, struct targets *out);
/* Room for one more element of a growing array, zeroed. */
void *parse_grow(void *array, size_t *n, size_t size);

/* policy_rules.c */
bool parse_acl(struct parse *ps, json_t *o, struct rule *r);
bool parse_grant(struct parse *ps, json_t *o, struct rule *r);

#endif
