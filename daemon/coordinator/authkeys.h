/* SPDX-License-Identifier: GPL-2.0-or-later */
/* authkeys.h: pre-authentication keys. Only a keyed hash of each is kept, so that the state file
 * does not give them away (shared/spec/security.md 1.2); comparison is constant time. Pure.
 *
 * Text: "meshkey-auth-" + 12 hex (id, public) + "-" + 48 hex (secret). */
#ifndef COORDINATOR_AUTHKEYS_H
#define COORDINATOR_AUTHKEYS_H

#include "daemon/coordinator/registry.h"

#define AUTH_KEY_PREFIX "meshkey-auth-"
#define AUTH_KEY_ID_LEN 12
#define AUTH_KEY_SECRET_LEN 48
#define AUTH_KEY_TEXT_MAX 96

struct auth_key {
	char id[AUTH_KEY_ID_LEN + 1];
	uint8_t hash[32];
	int64_t user;
	struct strv tags;
	bool reusable;
	bool ephemeral;
	bool used;
	bool revoked;
	wall_t created;
	wall_t expiry; /* WALL_ZERO: never */
};

/* A new key; text is the secret, wipe it after use. Tags, reusable and so on are the caller's to
 * set before anybody sees the key. NULL: too many. Borrowed from the registry. */
struct auth_key *auth_key_create(struct registry *r, struct rng *rng,
				 char text[static AUTH_KEY_TEXT_MAX]);
void auth_key_free(struct auth_key *k);
struct auth_key *auth_key_by_id(const struct registry *r, const char *id);

/* The key that text names and may be used now. NULL with *why (static, as Headscale words it):
 * unknown, revoked, expired or spent. Consumes nothing. */
struct auth_key *auth_key_check(const struct registry *r, struct span text, wall_t now,
				const char **why);
/* In the same step as the node is stored. */
void auth_key_consume(struct auth_key *k);
/* Forget keys that have been of no use for a week. */
void auth_keys_prune(struct registry *r, wall_t now);

#endif
