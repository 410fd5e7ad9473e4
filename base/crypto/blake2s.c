/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to libb2, and what is built of BLAKE2s alone. */
#include "base/crypto/crypto.h"

#include <blake2.h>

#include <assert.h>

#define BLOCK_LEN BLAKE2S_BLOCKBYTES

/* libb2's declaration is packed, its vector code wants the alignment */
struct hasher {
	_Alignas(64) blake2s_state s;
};

static void hash_add(struct hasher *h, struct span in)
{
	if (in.len)
		blake2s_update(&h->s, in.p, in.len);
}

static void hash_end(struct hasher *h, uint8_t *out, size_t len)
{
	blake2s_final(&h->s, out, len);
	wipe(h, sizeof(*h));
}

void blake2s_hash(uint8_t out[static HASH_LEN], struct span a, struct span b)
{
	struct hasher h;
	blake2s_init(&h.s, HASH_LEN);
	hash_add(&h, a);
	hash_add(&h, b);
	hash_end(&h, out, HASH_LEN);
}

static void keyed(uint8_t *out, size_t len, struct span key, struct span in)
{
	struct hasher h;
	int rc = blake2s_init_key(&h.s, len, key.p, key.len);
	assert(rc == 0); /* a key of 1..32 bytes is the caller's promise */
	(void)rc;
	hash_add(&h, in);
	hash_end(&h, out, len);
}

void blake2s_mac16(uint8_t out[static MAC16_LEN], struct span key, struct span in)
{
	keyed(out, MAC16_LEN, key, in);
}

void blake2s_mac32(uint8_t out[static HASH_LEN], struct span key, struct span in)
{
	keyed(out, HASH_LEN, key, in);
}

/* HASH((key ^ pad) || a || b); block holds the key, zero padded */
static void hmac_pass(uint8_t out[static HASH_LEN], const uint8_t block[static BLOCK_LEN],
		      uint8_t pad, struct span a, struct span b)
{
	uint8_t k[BLOCK_LEN];
	struct hasher h;
	for (size_t i = 0; i < sizeof(k); i++)
		k[i] = block[i] ^ pad;
	blake2s_init(&h.s, HASH_LEN);
	hash_add(&h, span_of(k, sizeof(k)));
	hash_add(&h, a);
	hash_add(&h, b);
	hash_end(&h, out, HASH_LEN);
	wipe(k, sizeof(k));
}

void hmac_blake2s(uint8_t out[static HASH_LEN], struct span key, struct span a, struct span b)
{
	uint8_t block[BLOCK_LEN] = { 0 }, inner[HASH_LEN];
	if (key.len > BLOCK_LEN)
		blake2s_hash(block, key, span_of(NULL, 0));
	else if (key.len)
		memcpy(block, key.p, key.len);
	hmac_pass(inner, block, 0x36, a, b);
	hmac_pass(out, block, 0x5c, span_of(inner, sizeof(inner)), span_of(NULL, 0));
	wipe(block, sizeof(block));
	wipe(inner, sizeof(inner));
}

void kdf_blake2s(const uint8_t ck[static HASH_LEN], struct span in, uint8_t o1[static HASH_LEN],
		 uint8_t *o2, uint8_t *o3)
{
	uint8_t *const outs[] = { o1, o2, o3 };
	uint8_t prk[HASH_LEN], t[HASH_LEN];
	struct span key = span_of(prk, sizeof(prk)), before = span_of(t, 0);
	hmac_blake2s(prk, span_of(ck, HASH_LEN), in, span_of(NULL, 0));
	for (uint8_t i = 1; i <= 3 && outs[i - 1]; i++) {
		hmac_blake2s(t, key, before, span_of(&i, 1));
		memcpy(outs[i - 1], t, HASH_LEN);
		before.len = HASH_LEN;
	}
	wipe(prk, sizeof(prk));
	wipe(t, sizeof(t));
}
