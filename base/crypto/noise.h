/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: the Noise symmetric state (ck, h) over BLAKE2s and ChaCha20-Poly1305 that both WireGuard
 * and ts2021 walk through. Every key made by mix_key is used once with a zero nonce. Pure. */
#ifndef BASE_CRYPTO_NOISE_H
#define BASE_CRYPTO_NOISE_H

#include "base/crypto/crypto.h"

struct noise_sym {
	uint8_t ck[HASH_LEN];
	uint8_t h[HASH_LEN];
	uint8_t k[32];
};

/* h = ck = HASH(name) for names longer than 32 bytes. */
void noise_sym_init(struct noise_sym *s, struct span protocol_name);
void noise_mix_hash(struct noise_sym *s, struct span data);
/* (ck, k) = KDF2(ck, data) */
void noise_mix_key(struct noise_sym *s, struct span data);
/* ck = KDF1(ck, data); k untouched */
void noise_mix_chain(struct noise_sym *s, struct span data);
/* (ck, tau, k) = KDF3(ck, psk); h = HASH(h || tau) */
void noise_mix_psk(struct noise_sym *s, const uint8_t psk[static 32]);
/* DH then mix_key; -ERR_AUTH on a low-order point */
MUST_CHECK int noise_mix_dh(struct noise_sym *s, const uint8_t priv[static 32], const uint8_t pub[static 32]);
/* Encrypt with k, zero nonce, ad = h; then mix the ciphertext. out holds in.len + 16. */
void noise_encrypt(struct noise_sym *s, uint8_t *out, struct span in);
/* -ERR_AUTH leaves h unchanged. out holds in.len - 16. */
MUST_CHECK int noise_decrypt(struct noise_sym *s, uint8_t *out, struct span in);
/* Transport keys; wipes the state. */
void noise_split(struct noise_sym *s, uint8_t k1[static 32], uint8_t k2[static 32]);
void noise_wipe(struct noise_sym *s);

#endif
