/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx2.h: what the parts of the AVX2 implementation share. A batch is worked on in groups of
 * at most eight packets. Private to aead_avx2*.c; only for x86-64. */
#ifndef BASE_CRYPTO_AEAD_AVX2_H
#define BASE_CRYPTO_AEAD_AVX2_H

#include "base/crypto/aead_batch.h"

#define AEAD_AVX2_LANES 8 /* blocks of ChaCha20, and chunks of Poly1305, under way at once */
#define AEAD_AVX2_BLOCK 64

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))
#ifdef __clang__
#define AVX2_UNROLL _Pragma("unroll")
#else
#define AVX2_UNROLL _Pragma("GCC unroll 16")
#endif

/* Blocks of key stream and where they go to: len (up to 64) bytes at to are xored with it. */
struct aead_avx2_lanes {
	_Alignas(32) uint32_t block[AEAD_AVX2_LANES];
	uint32_t lo[AEAD_AVX2_LANES], hi[AEAD_AVX2_LANES], len[AEAD_AVX2_LANES];
	uint8_t *to[AEAD_AVX2_LANES];
	size_t n;
};

/* A group at work. */
struct aead_avx2_group {
	struct aead_pkt *v[AEAD_AVX2_LANES];
	size_t n;
	/* The next block of text to be encrypted; a text's first block is 1. */
	size_t next_pkt;
	uint32_t next_block;
	/* From here on secret; wiped after the batch. */
	int32_t cipher_key[8];
	_Alignas(32) uint8_t key[AEAD_AVX2_LANES][AEAD_AVX2_BLOCK]; /* block 0 of each packet */
	uint8_t row[AEAD_AVX2_LANES][AEAD_AVX2_BLOCK];		    /* edges of texts */
	uint64_t tag_lo[AEAD_AVX2_LANES], tag_hi[AEAD_AVX2_LANES];
};

/* Make key[]; with in_place, lanes that are left already encrypt text. */
void aead_avx2_keys(struct aead_avx2_group *g, bool in_place);
/* Encrypt or decrypt (the rest of) the texts of packets that are .ok. */
void aead_avx2_crypt(struct aead_avx2_group *g);
/* tag_lo[], tag_hi[] of the n ciphertexts */
void aead_avx2_mac(struct aead_avx2_group *g);

#endif
