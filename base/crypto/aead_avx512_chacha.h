/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx512_chacha.h: ChaCha20 (RFC 8439), a set of sixteen blocks at once, or two sets. A lane
 * is one 32-bit element of the vectors: one block, of any packet. Private to aead_avx512*.c; only
 * for x86-64. */
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

#define CHACHA_DOUBLE_ROUNDS 10

/* What differs between lanes: block counter and the two counter words of the nonce. */
struct chacha_lanes {
	__m512i block, lo, hi;
};

AVX512_INLINE void chacha_start(__m512i x[16], const int32_t key[8], const struct chacha_lanes *l)
{
	x[0] = _mm512_set1_epi32(0x61707865); /* "expand 32-byte k" */
	x[1] = _mm512_set1_epi32(0x3320646e);
	x[2] = _mm512_set1_epi32(0x79622d32);
	x[3] = _mm512_set1_epi32(0x6b206574);
	UNROLL
	for (int i = 0; i < 8; i++)
		x[4 + i] = _mm512_set1_epi32(key[i]);
	x[12] = l->block;
	x[13] = _mm512_setzero_si512();
	x[14] = l->lo;
	x[15] = l->hi;
}

/* A third of half a quarter round. Two sets fill all 32 registers; gcc finds room for them only if
 * it is told that each operation overwrites its first operand. */
#define CHACHA_STEP(a, b, d, n)                                                                    \
	__asm__("vpaddd %1, %0, %0" : "+v"(a) : "v"(b));                                           \
	__asm__("vpxord %1, %0, %0" : "+v"(d) : "v"(a));                                           \
	__asm__("vprold %1, %0, %0" : "+v"(d) : "i"(n))

/* Half a quarter round of the four columns (turn 0) or diagonals (turn 1), which do not wait for
 * each other. In a diagonal the rows of the state are turned by 0, 1, 2 and 3 words. */
#define CHACHA_WORD(x, row, i, turn) x[4 * (row) + ((i) + (row) * (turn)) % 4]
#define CHACHA_UPPER_STEP(x, i, turn, n)                                                           \
	CHACHA_STEP(CHACHA_WORD(x, 0, i, turn), CHACHA_WORD(x, 1, i, turn),                        \
		    CHACHA_WORD(x, 3, i, turn), n)
#define CHACHA_LOWER_STEP(x, i, turn, n)                                                           \
	CHACHA_STEP(CHACHA_WORD(x, 2, i, turn), CHACHA_WORD(x, 3, i, turn),                        \
		    CHACHA_WORD(x, 1, i, turn), n)
#define CHACHA_ALL(step, x, turn, n)                                                               \
	step(x, 0, turn, n);                                                                       \
	step(x, 1, turn, n);                                                                       \
	step(x, 2, turn, n);                                                                       \
	step(x, 3, turn, n)

AVX512_INLINE void chacha_double_round(__m512i x[16])
{
	CHACHA_ALL(CHACHA_UPPER_STEP, x, 0, 16);
	CHACHA_ALL(CHACHA_LOWER_STEP, x, 0, 12);
	CHACHA_ALL(CHACHA_UPPER_STEP, x, 0, 8);
	CHACHA_ALL(CHACHA_LOWER_STEP, x, 0, 7);
	CHACHA_ALL(CHACHA_UPPER_STEP, x, 1, 16);
	CHACHA_ALL(CHACHA_LOWER_STEP, x, 1, 12);
	CHACHA_ALL(CHACHA_UPPER_STEP, x, 1, 8);
	CHACHA_ALL(CHACHA_LOWER_STEP, x, 1, 7);
}

/* Of two sets side by side: each fills what the other leaves idle. */
#define CHACHA_BOTH(step, x, y, turn, n)                                                           \
	CHACHA_ALL(step, x, turn, n);                                                              \
	CHACHA_ALL(step, y, turn, n)

AVX512_INLINE void chacha_double_round_2(__m512i x[16], __m512i y[16])
{
	CHACHA_BOTH(CHACHA_UPPER_STEP, x, y, 0, 16);
	CHACHA_BOTH(CHACHA_LOWER_STEP, x, y, 0, 12);
	CHACHA_BOTH(CHACHA_UPPER_STEP, x, y, 0, 8);
	CHACHA_BOTH(CHACHA_LOWER_STEP, x, y, 0, 7);
	CHACHA_BOTH(CHACHA_UPPER_STEP, x, y, 1, 16);
	CHACHA_BOTH(CHACHA_LOWER_STEP, x, y, 1, 12);
	CHACHA_BOTH(CHACHA_UPPER_STEP, x, y, 1, 8);
	CHACHA_BOTH(CHACHA_LOWER_STEP, x, y, 1, 7);
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
