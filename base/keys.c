/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/keys.h"

#include <sodium.h>

#include <assert.h>
#include <stdio.h>

static int decode(struct span text, const char *kind, uint8_t *out, size_t n)
{
	size_t len = strlen(kind);
	if (text.len < len || !span_eq_str(span_of(text.p, len), kind))
		return -ERR_SYNTAX;
	return hex_decode(span_from(text, len), out, n);
}

static void encode(const char *kind, const uint8_t *b, size_t n, char *out)
{
	size_t len = strlen(kind);
	memcpy(out, kind, len);
	hex_encode(span_of(b, n), out + len);
}

#define DEFINE_PUBLIC(kind, text_kind)                                                             \
	int kind##_decode(struct span text, struct kind *out)                                      \
	{                                                                                          \
		return decode(text, text_kind, out->b, sizeof(out->b));                            \
	}                                                                                          \
	const char *kind##_encode(const struct kind *k, char out[static KEY_TEXT_MAX])             \
	{                                                                                          \
		encode(text_kind, k->b, sizeof(k->b), out);                                        \
		return out;                                                                        \
	}

DEFINE_PUBLIC(machine_key, "mkey:")
DEFINE_PUBLIC(node_key, "nodekey:")
DEFINE_PUBLIC(disco_key, "discokey:")
DEFINE_PUBLIC(chal_key, "chalpub:")

/* ---- private X25519 keys ------------------------------------------------------------ */

static void generate(uint8_t b[static 32], struct rng *rng)
{
	rng_fill(rng, b, 32);
	b[0] &= 0xf8;
	b[31] = (b[31] & 0x7f) | 0x40;
}

static void public_of(const uint8_t priv[static 32], uint8_t out[static 32])
{
	/* the base point is of full order, so no scalar clamped by libsodium can fail */
	int rc = crypto_scalarmult_base(out, priv);
	assert(rc == 0);
	(void)rc;
}

#define DEFINE_PRIVATE(priv, pub)                                                                  \
	void priv##_generate(struct priv *k, struct rng *rng)                                      \
	{                                                                                          \
		generate(k->b, rng);                                                               \
	}                                                                                          \
	void priv##_public(const struct priv *k, struct pub *out)                                  \
	{                                                                                          \
		public_of(k->b, out->b);                                                           \
	}                                                                                          \
	bool priv##_is_zero(const struct priv *k)                                                  \
	{                                                                                          \
		return sodium_is_zero(k->b, sizeof(k->b));                                         \
	}                                                                                          \
	void priv##_wipe(struct priv *k)                                                           \
	{                                                                                          \
		sodium_memzero(k, sizeof(*k));                                                     \
	}                                                                                          \
	int priv##_decode(struct span text, struct priv *out)                                      \
	{                                                                                          \
		return decode(text, "privkey:", out->b, sizeof(out->b));                           \
	}                                                                                          \
	void priv##_encode_secret(const struct priv *k, char out[static KEY_TEXT_MAX])             \
	{                                                                                          \
		encode("privkey:", k->b, sizeof(k->b), out);                                       \
	}

DEFINE_PRIVATE(machine_priv, machine_key)
DEFINE_PRIVATE(node_priv, node_key)
DEFINE_PRIVATE(disco_priv, disco_key)

/* ---- tailnet lock ------------------------------------------------------------------- */

int nl_key_decode(struct span text, struct nl_key *out)
{
	/* the second is what command lines show and take */
	if (decode(text, "nlpub:", out->b, sizeof(out->b)) == 0)
		return 0;
	return decode(text, "tlpub:", out->b, sizeof(out->b));
}

const char *nl_key_encode(const struct nl_key *k, char out[static KEY_TEXT_MAX])
{
	encode("nlpub:", k->b, sizeof(k->b), out);
	return out;
}

const char *nl_key_encode_cli(const struct nl_key *k, char out[static KEY_TEXT_MAX])
{
	encode("tlpub:", k->b, sizeof(k->b), out);
	return out;
}

void nl_priv_generate(struct nl_priv *k, struct rng *rng)
{
	uint8_t seed[crypto_sign_SEEDBYTES], pub[crypto_sign_PUBLICKEYBYTES];
	rng_fill(rng, seed, sizeof(seed));
	crypto_sign_seed_keypair(pub, k->b, seed);
	sodium_memzero(seed, sizeof(seed));
}

void nl_priv_public(const struct nl_priv *k, struct nl_key *out)
{
	memcpy(out->b, k->b + crypto_sign_SEEDBYTES, sizeof(out->b));
}

void nl_priv_wipe(struct nl_priv *k)
{
	sodium_memzero(k, sizeof(*k));
}

int nl_priv_decode(struct span text, struct nl_priv *out)
{
	return decode(text, "nlpriv:", out->b, sizeof(out->b));
}

void nl_priv_encode_secret(const struct nl_priv *k, char out[static NLPRIV_TEXT_MAX])
{
	encode("nlpriv:", k->b, sizeof(k->b), out);
}

/* ---- short forms -------------------------------------------------------------------- */

static const char *short_form(const uint8_t b[static 32], char out[static KEY_SHORT_MAX])
{
	char text[48];
	base64_encode(span_of(b, 32), text);
	snprintf(out, KEY_SHORT_MAX, "[%.5s]", text);
	return out;
}

const char *node_key_short(const struct node_key *k, char out[static KEY_SHORT_MAX])
{
	return short_form(k->b, out);
}

const char *machine_key_short(const struct machine_key *k, char out[static KEY_SHORT_MAX])
{
	return short_form(k->b, out);
}

const char *disco_key_short(const struct disco_key *k, char out[static KEY_SHORT_MAX])
{
	memcpy(out, "d:", 2);
	hex_encode(span_of(k->b, 8), out + 2);
	return out;
}
