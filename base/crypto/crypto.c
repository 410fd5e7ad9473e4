/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primitives that come from libsodium. */
#include "base/crypto/crypto.h"

#include <sodium.h>

int crypto_init(void)
{
	uint8_t out[HASH_LEN];
	if (sodium_init() < 0)
		return -ERR_IO;
	/* libb2 picks its code for this CPU at the first call: here, before there are threads */
	blake2s_hash(out, span_of(NULL, 0), span_of(NULL, 0));
	return 0;
}

void wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool secret_eq(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void sha256(uint8_t out[static 32], struct span in)
{
	crypto_hash_sha256(out, in.p, in.len);
}

int x25519(uint8_t out[static 32], const uint8_t priv[static 32], const uint8_t pub[static 32])
{
	if (crypto_scalarmult(out, priv, pub) == 0)
		return 0;
	wipe(out, 32);
	return -ERR_AUTH;
}

void aead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
	       struct span in, struct span ad)
{
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in.p, in.len, ad.p, ad.len, NULL,
						  nonce, key);
}

int aead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
	      struct span in, struct span ad)
{
	/* Two steps, because libsodium's one step zeroes the output on failure, and the output may
	 * be the input. A NULL output only verifies. */
	if (in.len < TAG_LEN || crypto_aead_chacha20poly1305_ietf_decrypt(
				    NULL, NULL, NULL, in.p, in.len, ad.p, ad.len, nonce, key))
		return -ERR_AUTH;
	if (in.len > TAG_LEN)
		crypto_stream_chacha20_ietf_xor_ic(out, in.p, in.len - TAG_LEN, nonce, 1, key);
	return 0;
}

void xaead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 24],
		struct span in, struct span ad)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in.p, in.len, ad.p, ad.len, NULL,
						   nonce, key);
}

int xaead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 24],
	       struct span in, struct span ad)
{
	/* XChaCha20 is ChaCha20 under a subkey, with the last 8 bytes of the nonce behind 4 zeros
	 */
	uint8_t subkey[32], rest[12] = { 0 };
	crypto_core_hchacha20(subkey, nonce, key, NULL);
	memcpy(rest + 4, nonce + 16, 8);
	int rc = aead_open(out, subkey, rest, in, ad);
	wipe(subkey, sizeof(subkey));
	return rc;
}

int box_precompute(struct box_key *out, const uint8_t priv[static 32], const uint8_t pub[static 32])
{
	if (crypto_box_beforenm(out->b, pub, priv) == 0)
		return 0;
	wipe(out, sizeof(*out));
	return -ERR_AUTH;
}

void box_seal(uint8_t *out, const struct box_key *k, const uint8_t nonce[static 24], struct span in)
{
	crypto_box_easy_afternm(out, in.p, in.len, nonce, k->b);
}

int box_open(uint8_t *out, const struct box_key *k, const uint8_t nonce[static 24], struct span in)
{
	if (in.len < BOX_OVERHEAD || crypto_box_open_easy_afternm(out, in.p, in.len, nonce, k->b))
		return -ERR_AUTH;
	return 0;
}
