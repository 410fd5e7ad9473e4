/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profiles.h: login profiles in the state store: which one is current, their preferences, making,
 * switching, deleting (shared/spec/cli-localapi.md 4.5, 5, 6). Pure: after a change the caller
 * saves the store. Thread: control. */
#ifndef DAEMON_STATE_PROFILES_H
#define DAEMON_STATE_PROFILES_H

#include "daemon/state/prefs.h"
#include "daemon/state/state.h"

#define PROFILE_ID_MAX 16
#define PROFILES_MAX 256

struct login_profile {
	char id[PROFILE_ID_MAX]; /* "" for a profile that is not stored yet */
	char *name;
	char *magic_dns_name;
	char *domain_name;
	char *network_display;
	char *key; /* state key of its prefs */
	struct user_profile user;
	char *node_id;
	char *local_user_id;
	char *control_url;
	wall_t created; /* WALL_ZERO: not written */
};

struct profiles;

/* Reads the index and the current profile; imports _daemon when there is no index. An index or
 * prefs that do not parse: -ERR_SYNTAX with *why static text, nothing is changed. */
MUST_CHECK int profiles_load(struct state *s, struct rng *rng, struct profiles **out,
			     const char **why);
void profiles_free(struct profiles *p);

/* The current profile and its preferences; never NULL (an unstored empty one at first). Borrowed.
 */
const struct login_profile *profiles_current(const struct profiles *p);
const struct prefs *profiles_prefs(const struct profiles *p);
size_t profiles_count(const struct profiles *p);			     /* stored ones */
const struct login_profile *profiles_at(const struct profiles *p, size_t i); /* by name, then id */
const struct login_profile *profiles_find(const struct profiles *p, const char *id);

/* What of the network a profile shows. */
struct profile_network {
	const char *magic_dns_name; /* NULL members: keep */
	const char *domain_name;
	const char *display;
};
/* Store new preferences of the current profile (Config included). It gets an id and is put into the
 * store once its user profile is known (id or login name); until then it lives in memory. Returns
 * whether the store changed. */
bool profiles_set_prefs(struct profiles *p, const struct prefs *prefs,
			const struct profile_network *net, wall_t now);
/* Another profile than the current has this name (4.3). */
bool profiles_name_taken(const struct profiles *p, const char *name);
/* A new, empty, current profile. */
void profiles_new(struct profiles *p);
/* Make a stored one current. -ERR_NOENT, -ERR_SYNTAX (its prefs do not parse). */
MUST_CHECK int profiles_switch(struct profiles *p, const char *id);
/* Remove it and its preferences (_serve/<id> stays); deleting the current one makes a new empty
 * one. -ERR_NOENT. */
MUST_CHECK int profiles_delete(struct profiles *p, const char *id);

json_t *login_profile_to_json(const struct login_profile *lp); /* new */

#endif
