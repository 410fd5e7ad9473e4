/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crypto.h: the primitives that WireGuard, ts2021 and disco share. Pure. BLAKE2s comes from libb2
 * (libsodium has none), the rest from libsodium. All functions are constant time in secret data. */
#ifndef BASE_CRYPTO_CRYPTO_H
#define BASE_CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "base/keys.h"

#define HASH_LEN 32
#define MAC16_LEN 16
#define TAG_LEN 16

/* Must succeed once before anything else here; 0 or -ERR_IO. */
MUST_CHECK int crypto_init(void);

/* BLAKE2s-256 of a followed by b (b may be empty). */
void blake2s_hash(uint8_t out[static HASH_LEN], struct span a, struct span b);
/* Keyed BLAKE2s with a 16-byte digest (not a truncated 32-byte one); key 16 or 32 bytes. */
void blake2s_mac16(uint8_t out[static MAC16_LEN], struct span key, struct span in);
/* Keyed BLAKE2s with a 32-byte digest; key 1..32 bytes. */
void blake2s_mac32(uint8_t out[static HASH_LEN], struct span key, struct span in);
/* RFC 2104 HMAC over unkeyed BLAKE2s-256. */
void hmac_blake2s(uint8_t out[static HASH_LEN], struct span key, struct span a, struct span b);
/* The KDFn of WireGuard and HKDF of Noise: n (1..3) outputs of 32 bytes from ck and input;
 * o2 and o3 may be NULL. Outputs may alias ck. */
void kdf_blake2s(const uint8_t ck[static HASH_LEN], struct span in, uint8_t o1[static HASH_LEN],
		 uint8_t *o2, uint8_t *o3);

/* For identifiers the reference makes with it (etags, legacy health ids), not for our protocols. */
void sha256(uint8_t out[static 32], struct span in);

/* X25519; -ERR_AUTH when the result is all zero (low-order point), then out is wiped. */
MUST_CHECK int x25519(uint8_t out[static 32], const uint8_t priv[static 32], const uint8_t pub[static 32]);

/* One ChaCha20-Poly1305 (IETF) packet with explicit 12-byte nonce and associated data; used by the
 * handshakes. seal writes in.len + 16 bytes. open returns -ERR_AUTH and wipes nothing of in.
 * out may equal in.p. */
void aead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
	       struct span in, struct span ad);
MUST_CHECK int aead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 12],
			 struct span in, struct span ad);
void xaead_seal(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 24],
		struct span in, struct span ad);
MUST_CHECK int xaead_open(uint8_t *out, const uint8_t key[static 32], const uint8_t nonce[static 24],
			  struct span in, struct span ad);

/* NaCl crypto_box (tag first): disco envelopes and the DERP login. */
#define BOX_NONCE_LEN 24
#define BOX_OVERHEAD 16
struct box_key { uint8_t b[32]; }; /* precomputed shared key; secret */
/* -ERR_AUTH for a low-order public key */
MUST_CHECK int box_precompute(struct box_key *out, const uint8_t priv[static 32], const uint8_t pub[static 32]);
void box_seal(uint8_t *out, const struct box_key *k, const uint8_t nonce[static 24], struct span in);
MUST_CHECK int box_open(uint8_t *out, const struct box_key *k, const uint8_t nonce[static 24], struct span in);

void wipe(void *p, size_t n); /* sodium_memzero */
bool secret_eq(const void *a, const void *b, size_t n); /* constant time */

#endif
