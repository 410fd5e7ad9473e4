/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/authkeys.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"

#include <stdlib.h>

#define PRUNE_AFTER_S (7 * 24 * 3600)

static void key_hash(const struct registry *r, struct span text, uint8_t out[static 32])
{
	blake2s_mac32(out, span_of(r->hash_key, sizeof(r->hash_key)), text);
}

struct auth_key *auth_key_create(struct registry *r, struct rng *rng,
				 char text[static AUTH_KEY_TEXT_MAX])
{
	uint8_t id[AUTH_KEY_ID_LEN / 2], secret[AUTH_KEY_SECRET_LEN / 2];
	char secret_text[AUTH_KEY_SECRET_LEN + 1];
	struct auth_key *k;
	struct wr w = wr_init(mspan_of(text, AUTH_KEY_TEXT_MAX - 1));

	if (r->n_keys >= REGISTRY_KEYS_MAX)
		return NULL;
	k = xcalloc(1, sizeof(*k));
	do {
		rng_fill(rng, id, sizeof(id));
		hex_encode(span_of(id, sizeof(id)), k->id);
	} while (auth_key_by_id(r, k->id));
	rng_fill(rng, secret, sizeof(secret));
	hex_encode(span_of(secret, sizeof(secret)), secret_text);
	wr_fmt(&w, "%s%s-%s", AUTH_KEY_PREFIX, k->id, secret_text);
	text[wr_len(&w)] = 0;
	key_hash(r, span_str(text), k->hash);
	wipe(secret, sizeof(secret));
	wipe(secret_text, sizeof(secret_text));
	r->keys = xrealloc(r->keys, r->n_keys + 1, sizeof(struct auth_key *));
	r->keys[r->n_keys++] = k;
	return k;
}

void auth_key_free(struct auth_key *k)
{
	if (!k)
		return;
	strv_fini(&k->tags);
	wipe(k, sizeof(*k));
	free(k);
}

struct auth_key *auth_key_by_id(const struct registry *r, const char *id)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if (strcmp(r->keys[i]->id, id) == 0)
			return r->keys[i];
	return NULL;
}

/* The id inside a key's text; false if it does not look like one of ours. */
static bool id_of(struct span text, char id[static AUTH_KEY_ID_LEN + 1])
{
	size_t prefix = strlen(AUTH_KEY_PREFIX);
	struct rd r = rd_init(text);
	struct span head = rd_take(&r, prefix);

	rd_copy(&r, id, AUTH_KEY_ID_LEN);
	id[AUTH_KEY_ID_LEN] = 0;
	if (rd_u8(&r) != '-' || !rd_ok(&r) || !span_eq_str(head, AUTH_KEY_PREFIX))
		return false;
	return rd_left(&r) == AUTH_KEY_SECRET_LEN;
}

struct auth_key *auth_key_check(const struct registry *r, struct span text, wall_t now,
				const char **why)
{
	char id[AUTH_KEY_ID_LEN + 1];
	uint8_t hash[32];
	struct auth_key *k = id_of(text, id) ? auth_key_by_id(r, id) : NULL;

	*why = "invalid pre auth key";
	if (!k)
		return NULL;
	key_hash(r, text, hash);
	if (!secret_eq(hash, k->hash, sizeof(hash)))
		return NULL;
	if (k->revoked)
		*why = "authkey revoked";
	else if (!wall_is_zero(k->expiry) && !wall_before(now, k->expiry))
		*why = "authkey expired";
	else if (k->used && !k->reusable)
		*why = "authkey already used";
	else
		return k;
	return NULL;
}

void auth_key_consume(struct auth_key *k)
{
	k->used = true;
}

static bool useless(const struct auth_key *k, wall_t now)
{
	wall_t end = { k->expiry.s + PRUNE_AFTER_S, 0 };

	return !wall_is_zero(k->expiry) && wall_before(end, now);
}

void auth_keys_prune(struct registry *r, wall_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n_keys; i++) {
		if (useless(r->keys[i], now))
			auth_key_free(r->keys[i]);
		else
			r->keys[kept++] = r->keys[i];
	}
	r->n_keys = kept;
}
