/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx512.h: what the parts of the AVX-512 implementation share. A batch is worked on in groups
 * of at most sixteen packets. Private to aead_avx512*.c; only for x86-64. */
#ifndef BASE_CRYPTO_AEAD_AVX512_H
#define BASE_CRYPTO_AEAD_AVX512_H

#include "base/crypto/aead_batch.h"

#define AEAD_LANES 16 /* blocks of ChaCha20, and chunks of Poly1305, under way at once */
#define CHACHA_BLOCK 64

/* Blocks of key stream and where they go to: len (up to 64) bytes at to are xored with it. */
#define AEAD_SETS 2
#define AEAD_LANES_ROOM ((AEAD_SETS + 1) * AEAD_LANES) /* a vector more than is used */
struct aead_lanes {
	uint32_t block[AEAD_LANES_ROOM];
	uint32_t lo[AEAD_LANES_ROOM], hi[AEAD_LANES_ROOM];
	uint32_t len[AEAD_LANES_ROOM];
	uint8_t *to[AEAD_LANES_ROOM];
	uint32_t pkt[AEAD_LANES_ROOM]; /* index in v */
	size_t n;
};

/* A group at work. */
struct aead_group {
	struct aead_pkt *v[AEAD_LANES];
	size_t n;
	/* The next block of text to be encrypted; a text's first block is 1. */
	size_t next_pkt;
	uint32_t next_block;
	/* Lanes whose key stream was made along with the one-time keys, before it was known to be
	 * wanted; their part of ahead[]. */
	struct aead_lanes held;
	/* From here on secret; wiped after the batch. */
	int32_t cipher_key[8];
	_Alignas(64)
	    uint8_t key[AEAD_LANES][CHACHA_BLOCK]; /* block 0 of each packet: r and s in front */
	uint8_t ahead[AEAD_SETS * AEAD_LANES][CHACHA_BLOCK];
	uint8_t row[AEAD_LANES][CHACHA_BLOCK]; /* edges of texts, see aead_avx512_mac.c */
	uint64_t tag_lo[AEAD_LANES], tag_hi[AEAD_LANES];
};

/* Seal: make key[] and encrypt all texts in place. */
void aead_avx512_encrypt(struct aead_group *g);
/* Open: make key[], then, when .ok is known, decrypt the texts that are good. */
void aead_avx512_prepare(struct aead_group *g);
void aead_avx512_decrypt(struct aead_group *g);
/* tag_lo[], tag_hi[] of the n ciphertexts */
void aead_avx512_mac(struct aead_group *g);
/* Make row the 64 bytes at an edge of a message (at may be negative): what there is of the text,
 * with zeros around it, and at the end of the last row the length block (there is no associated
 * data, so its first half is zero). Returns row. */
const uint8_t *aead_avx512_edge(uint8_t row[static CHACHA_BLOCK], const uint8_t *text, uint32_t len,
				int64_t at);

#endif
