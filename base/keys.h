/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys.h: a distinct struct for each kind of key, their text forms, and the short form for logs.
 * Pure. Private keys have no print function except *_encode_secret for the state file. */
#ifndef BASE_KEYS_H
#define BASE_KEYS_H

#include "base/bytes.h"
#include "base/rng.h"

struct machine_key { uint8_t b[32]; };
struct node_key { uint8_t b[32]; };
struct disco_key { uint8_t b[32]; };
struct chal_key { uint8_t b[32]; };
struct nl_key { uint8_t b[32]; }; /* tailnet lock, Ed25519 public */

struct machine_priv { uint8_t b[32]; };
struct node_priv { uint8_t b[32]; };
struct disco_priv { uint8_t b[32]; };
struct nl_priv { uint8_t b[64]; }; /* Ed25519 seed and public */

/* "mkey:", "nodekey:", "discokey:", "chalpub:", "nlpub:" + 64 hex; "privkey:" + 64 hex; "nlpriv:" + 128 */
#define KEY_TEXT_MAX 80
#define NLPRIV_TEXT_MAX 144
#define KEY_SHORT_MAX 24

/* For each public kind K: K_decode (0 or -ERR_SYNTAX; exact length, hex of either case, the zero
 * key is legal), K_encode, K_is_zero, K_eq. */
#define KEY_DECLARE_PUBLIC(kind)                                                                   \
	MUST_CHECK int kind##_decode(struct span text, struct kind *out);                          \
	const char *kind##_encode(const struct kind *k, char out[static KEY_TEXT_MAX]);            \
	static inline bool kind##_is_zero(const struct kind *k)                                    \
	{                                                                                          \
		static const uint8_t zero[32];                                                     \
		return memcmp(k->b, zero, 32) == 0;                                                \
	}                                                                                          \
	static inline bool kind##_eq(const struct kind *a, const struct kind *b)                   \
	{                                                                                          \
		return memcmp(a->b, b->b, 32) == 0;                                                \
	}

KEY_DECLARE_PUBLIC(machine_key)
KEY_DECLARE_PUBLIC(node_key)
KEY_DECLARE_PUBLIC(disco_key)
KEY_DECLARE_PUBLIC(chal_key)
KEY_DECLARE_PUBLIC(nl_key)
/* nl_key_decode takes both "nlpub:" and the command line's "tlpub:"; this writes the latter. */
const char *nl_key_encode_cli(const struct nl_key *k, char out[static KEY_TEXT_MAX]);

/* For each private X25519 kind: generate (clamped), public, is_zero (constant time), wipe, and the
 * text form for the state file only ("privkey:" + hex; out is secret, wipe it). */
#define KEY_DECLARE_PRIVATE(priv, pub)                                                             \
	void priv##_generate(struct priv *k, struct rng *rng);                                     \
	void priv##_public(const struct priv *k, struct pub *out);                                 \
	bool priv##_is_zero(const struct priv *k);                                                 \
	void priv##_wipe(struct priv *k);                                                          \
	MUST_CHECK int priv##_decode(struct span text, struct priv *out);                          \
	void priv##_encode_secret(const struct priv *k, char out[static KEY_TEXT_MAX]);

KEY_DECLARE_PRIVATE(machine_priv, machine_key)
KEY_DECLARE_PRIVATE(node_priv, node_key)
KEY_DECLARE_PRIVATE(disco_priv, disco_key)

void nl_priv_generate(struct nl_priv *k, struct rng *rng);
void nl_priv_public(const struct nl_priv *k, struct nl_key *out);
void nl_priv_wipe(struct nl_priv *k);
MUST_CHECK int nl_priv_decode(struct span text, struct nl_priv *out);
void nl_priv_encode_secret(const struct nl_priv *k, char out[static NLPRIV_TEXT_MAX]);

/* "[AbCdE]": first five characters of base64, for logs */
const char *node_key_short(const struct node_key *k, char out[static KEY_SHORT_MAX]);
const char *machine_key_short(const struct machine_key *k, char out[static KEY_SHORT_MAX]);
/* "d:" + 16 hex */
const char *disco_key_short(const struct disco_key *k, char out[static KEY_SHORT_MAX]);

#endif
