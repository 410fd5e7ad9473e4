/* SPDX-License-Identifier: GPL-2.0-or-later */
/* persist.h: what a login leaves behind, stored as Prefs.Config of its profile
 * (shared/spec/control.md 6, cli-localapi.md 4.2). Holds private keys: wipe by persist_fini. Pure.
 */
#ifndef DAEMON_STATE_PERSIST_H
#define DAEMON_STATE_PERSIST_H

#include "base/json.h"
#include "base/keys.h"

struct user_profile {
	int64_t id;
	char *login;
	char *display;
	char *picture; /* "" if none */
};

struct persist {
	struct node_priv node;	   /* zero: no login */
	struct node_priv old_node; /* the one before, during rotation */
	struct nl_priv nl;	   /* tailnet lock key of this profile; zero if not made yet */
	struct user_profile user;
	char *node_id; /* stable id, "" until the first map */
	json_t *extra; /* members we do not know, kept; NULL if none */
};

void persist_init(struct persist *p);
void persist_fini(struct persist *p);				   /* wipes */
void persist_copy(struct persist *dst, const struct persist *src); /* dst initialised */
bool persist_equal(const struct persist *a, const struct persist *b);

/* 0 or -ERR_SYNTAX with *why naming the member (static); out is untouched on error. */
MUST_CHECK int persist_from_json(const json_t *v, struct persist *out, const char **why);
/* redact: all three keys become zero keys of the right length, UserProfile stays. New; if not
 * redacted its text is secret. */
json_t *persist_to_json(const struct persist *p, bool redact);
json_t *user_profile_to_json(const struct user_profile *u);
MUST_CHECK int user_profile_from_json(const json_t *v, struct user_profile *out);
void user_profile_fini(struct user_profile *u);
void user_profile_copy(struct user_profile *dst, const struct user_profile *src);

#endif
