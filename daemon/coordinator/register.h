/* SPDX-License-Identifier: GPL-2.0-or-later */
/* register.h: POST /machine/register decided: (registry, who asks, what) -> an answer. Pure; the
 * identity is the Noise machine key, a node key alone proves nothing. Order of the rules:
 * shared/spec/control.md 7.5 and 13. */
#ifndef COORDINATOR_REGISTER_H
#define COORDINATOR_REGISTER_H

#include "daemon/coordinator/logins.h"
#include "daemon/coordinator/policy.h"

#define CLIENT_VERSION_MIN 113

struct register_request {
	json_t *doc; /* owner of what is borrowed below */
	int version;
	struct node_key key;
	struct span auth_key; /* empty: none */
	wall_t expiry;	      /* WALL_ZERO: none asked */
	bool logout;	      /* expiry asked for lies in the past */
	const char *followup; /* "" : none */
	json_t *hostinfo;     /* may be NULL */
};

/* 0, or -ERR_SYNTAX (no JSON object; version is 0 then), -ERR_RANGE (bad node key). */
MUST_CHECK int register_parse(struct span body, wall_t now, struct register_request *out);
void register_request_fini(struct register_request *q);

enum register_verdict {
	REGISTER_OK,	      /* node is logged in */
	REGISTER_KEY_EXPIRED, /* NodeKeyExpired: logged out, or the client shall make a new key */
	REGISTER_ERROR,	      /* error text, HTTP 200 */
	REGISTER_LOGIN,	      /* show the URL of login */
	REGISTER_WAIT,	      /* keep the request until login is decided */
};

struct register_outcome {
	enum register_verdict verdict;
	const struct user *user; /* for the answer; may be NULL */
	struct node *node;
	struct login *login;
	bool stored; /* the registry changed: make it durable before answering */
	char error[200];
};

struct register_env {
	struct registry *reg;
	struct logins *logins;
	const struct policy *policy;
	struct rng *rng;
	wall_t wall;
	mono_t now;
};

void register_decide(const struct register_env *e, const struct machine_key *machine,
		     const struct register_request *q, struct register_outcome *out);
/* A person says yes: the node joins as the user's, at once. 0 with *node, or -ERR_PERM (tags that
 * the user may not give), -ERR_EXIST (node key in use by another machine). */
MUST_CHECK int register_approve(const struct register_env *e, struct login *g, const struct user *u,
				struct node **node);
/* New. url_base without trailing '/'. */
json_t *register_answer(const struct register_outcome *o, const char *url_base);

#endif
