/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx512_chacha.h: ChaCha20 (RFC 8439), sixteen blocks at once. A lane is one 32-bit element
 * of the vectors: one block, of any packet. Private to aead_avx512*.c; only for x86-64. */
#ifndef BASE_CRYPTO_AEAD_AVX512_CHACHA_H
#define BASE_CRYPTO_AEAD_AVX512_CHACHA_H

#include <immintrin.h>
#include <stdint.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512ifma")))
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* What differs between lanes: block counter and the two counter words of the nonce. */
struct chacha_lanes {
	__m512i block, lo, hi;
};

AVX512_INLINE __m512i chacha_constant(int i)
{
	static const int32_t expand_32_byte_k[4] = { 0x61707865, 0x3320646e, 0x79622d32,
						     0x6b206574 };
	return _mm512_set1_epi32(expand_32_byte_k[i]);
}

AVX512_INLINE void chacha_start(__m512i x[16], const int32_t key[8], const struct chacha_lanes *l)
{
	UNROLL
	for (int i = 0; i < 4; i++)
		x[i] = chacha_constant(i);
	UNROLL
	for (int i = 0; i < 8; i++)
		x[4 + i] = _mm512_set1_epi32(key[i]);
	x[12] = l->block;
	x[13] = _mm512_setzero_si512();
	x[14] = l->lo;
	x[15] = l->hi;
}

/* A third of a quarter round's half, then the same for four columns (or diagonals) side by side:
 * they do not depend on each other, and in this order no unit of the CPU waits for one chain. */
#define CHACHA_STEP(x, a, b, d, n)                                                                 \
	x[a] = _mm512_add_epi32(x[a], x[b]);                                                       \
	x[d] = _mm512_rol_epi32(_mm512_xor_si512(x[d], x[a]), n)
#define CHACHA_STEP4(x, a0, b0, d0, a1, b1, d1, a2, b2, d2, a3, b3, d3, n)                         \
	CHACHA_STEP(x, a0, b0, d0, n);                                                             \
	CHACHA_STEP(x, a1, b1, d1, n);                                                             \
	CHACHA_STEP(x, a2, b2, d2, n);                                                             \
	CHACHA_STEP(x, a3, b3, d3, n)

AVX512_INLINE void chacha_double_round(__m512i x[16])
{
	CHACHA_STEP4(x, 0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15, 16);
	CHACHA_STEP4(x, 8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7, 12);
	CHACHA_STEP4(x, 0, 4, 12, 1, 5, 13, 2, 6, 14, 3, 7, 15, 8);
	CHACHA_STEP4(x, 8, 12, 4, 9, 13, 5, 10, 14, 6, 11, 15, 7, 7);
	CHACHA_STEP4(x, 0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14, 16);
	CHACHA_STEP4(x, 10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4, 12);
	CHACHA_STEP4(x, 0, 5, 15, 1, 6, 12, 2, 7, 13, 3, 4, 14, 8);
	CHACHA_STEP4(x, 10, 15, 5, 11, 12, 6, 8, 13, 7, 9, 14, 4, 7);
}

/* Add the initial state, and turn words of sixteen blocks into sixteen blocks of words: afterwards
 * x[i] is the key stream of lane i. */
AVX512_INLINE void chacha_finish(__m512i x[16], const int32_t key[8], const struct chacha_lanes *l)
{
	__m512i start[16], t[16];
	chacha_start(start, key, l);
	UNROLL
	for (int i = 0; i < 16; i++)
		x[i] = _mm512_add_epi32(x[i], start[i]);
	UNROLL
	for (int i = 0; i < 16; i += 4) {
		__m512i a = _mm512_unpacklo_epi32(x[i], x[i + 1]);
		__m512i b = _mm512_unpackhi_epi32(x[i], x[i + 1]);
		__m512i c = _mm512_unpacklo_epi32(x[i + 2], x[i + 3]);
		__m512i d = _mm512_unpackhi_epi32(x[i + 2], x[i + 3]);
		t[i] = _mm512_unpacklo_epi64(a, c);
		t[i + 1] = _mm512_unpackhi_epi64(a, c);
		t[i + 2] = _mm512_unpacklo_epi64(b, d);
		t[i + 3] = _mm512_unpackhi_epi64(b, d);
	}
	UNROLL
	for (int i = 0; i < 4; i++) {
		__m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
		__m512i b = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
		__m512i c = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
		__m512i d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
		x[i] = _mm512_shuffle_i32x4(a, c, 0x88);
		x[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
		x[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
		x[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
	}
}

#endif
