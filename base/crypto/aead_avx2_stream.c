/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ChaCha20 (RFC 8439), eight blocks of any packets at once, one in each 32-bit element. */
#include "base/crypto/aead_avx2.h"

#if defined(__x86_64__)
#include "base/crypto/crypto.h"

#include <immintrin.h>

static void add(struct aead_avx2_lanes *l, const struct aead_pkt *p, uint32_t block, uint8_t *to,
		uint32_t left)
{
	size_t i = l->n++;
	l->block[i] = block;
	l->lo[i] = (uint32_t)p->counter;
	l->hi[i] = (uint32_t)(p->counter >> 32);
	l->to[i] = to;
	l->len[i] = left < AEAD_AVX2_BLOCK ? left : AEAD_AVX2_BLOCK;
}

static void add_text(struct aead_avx2_lanes *l, struct aead_avx2_group *g)
{
	while (l->n < AEAD_AVX2_LANES && g->next_pkt < g->n) {
		const struct aead_pkt *p = g->v[g->next_pkt];
		uint32_t at = (g->next_block - 1) * AEAD_AVX2_BLOCK;
		if (!p->ok || at >= p->len) {
			g->next_pkt++;
			g->next_block = 1;
			continue;
		}
		add(l, p, g->next_block++, p->p + at, p->len - at);
	}
}

/* Lanes to spare work for nobody. */
static void add_idle(struct aead_avx2_lanes *l)
{
	for (size_t i = l->n; i < AEAD_AVX2_LANES; i++)
		l->block[i] = l->lo[i] = l->hi[i] = l->len[i] = 0;
}

/* A third of half a quarter round: the sum goes to a, and d is turned by n bits, by bytes where
 * that does. gcc keeps the state in registers only if it is told that each operation overwrites its
 * first operand. */
#define SUM_AND_XOR(a, b, d)                                                                       \
	__asm__("vpaddd %1, %0, %0" : "+x"(a) : "x"(b));                                           \
	__asm__("vpxor %1, %0, %0" : "+x"(d) : "x"(a))
#define STEP_BYTES(a, b, d, order)                                                                 \
	SUM_AND_XOR(a, b, d);                                                                      \
	__asm__("vpshufb %1, %0, %0" : "+x"(d) : "m"(order))
#define STEP_BITS(a, b, d, n)                                                                      \
	do {                                                                                       \
		__m256i t_;                                                                        \
		SUM_AND_XOR(a, b, d);                                                              \
		__asm__("vpsrld %2, %1, %0" : "=x"(t_) : "x"(d), "i"(32 - (n)));                   \
		__asm__("vpslld %1, %0, %0" : "+x"(d) : "i"(n));                                   \
		__asm__("vpor %1, %0, %0" : "+x"(d) : "x"(t_));                                    \
	} while (0)

static const _Alignas(32) uint8_t left16[32] = { 2, 3,	0,  1,	6,  7, 4,  5,  10, 11, 8,
						 9, 14, 15, 12, 13, 2, 3,  0,  1,  6,  7,
						 4, 5,	10, 11, 8,  9, 14, 15, 12, 13 };
static const _Alignas(32) uint8_t left8[32] = { 3,  0,	1,  2,	7,  4,	5,  6,	11, 8, 9,
						10, 15, 12, 13, 14, 3,	0,  1,	2,  7, 4,
						5,  6,	11, 8,	9,  10, 15, 12, 13, 14 };

/* Sixteen registers hold three rows of the state, two words of the third row and two temporaries:
 * as much as two quarter rounds side by side need. The other two words of that row wait in memory,
 * and the compiler is told so, for it would choose worse. */
AVX2_INLINE void park(__m256i *a, __m256i *b)
{
	__asm__("" : "+m"(*a), "+m"(*b));
}

#define TWO_QUARTERS(x, third, a, b, c, d, e, f, g, h)                                             \
	do {                                                                                       \
		__m256i c_ = third[(c)-8], g_ = third[(g)-8];                                      \
		STEP_BYTES(x[a], x[b], x[d], left16);                                              \
		STEP_BYTES(x[e], x[f], x[h], left16);                                              \
		STEP_BITS(c_, x[d], x[b], 12);                                                     \
		STEP_BITS(g_, x[h], x[f], 12);                                                     \
		STEP_BYTES(x[a], x[b], x[d], left8);                                               \
		STEP_BYTES(x[e], x[f], x[h], left8);                                               \
		STEP_BITS(c_, x[d], x[b], 7);                                                      \
		STEP_BITS(g_, x[h], x[f], 7);                                                      \
		third[(c)-8] = c_;                                                                 \
		third[(g)-8] = g_;                                                                 \
	} while (0)

AVX2_INLINE void double_round(__m256i x[16], __m256i third[4])
{
	TWO_QUARTERS(x, third, 0, 4, 8, 12, 1, 5, 9, 13);
	park(&third[0], &third[1]);
	TWO_QUARTERS(x, third, 2, 6, 10, 14, 3, 7, 11, 15);
	TWO_QUARTERS(x, third, 0, 5, 10, 15, 1, 6, 11, 12);
	park(&third[2], &third[3]);
	TWO_QUARTERS(x, third, 2, 7, 8, 13, 3, 4, 9, 14);
}

AVX2_INLINE void start(__m256i x[16], const struct aead_avx2_lanes *l, const int32_t key[8])
{
	x[0] = _mm256_set1_epi32(0x61707865); /* "expand 32-byte k" */
	x[1] = _mm256_set1_epi32(0x3320646e);
	x[2] = _mm256_set1_epi32(0x79622d32);
	x[3] = _mm256_set1_epi32(0x6b206574);
	AVX2_UNROLL
	for (int i = 0; i < 8; i++)
		x[4 + i] = _mm256_set1_epi32(key[i]);
	x[12] = _mm256_load_si256((const __m256i *)l->block);
	x[13] = _mm256_setzero_si256();
	x[14] = _mm256_load_si256((const __m256i *)l->lo);
	x[15] = _mm256_load_si256((const __m256i *)l->hi);
}

/* Words of eight blocks into eight half blocks of words. */
AVX2_INLINE void transpose(__m256i x[8])
{
	__m256i t[8];
	AVX2_UNROLL
	for (int i = 0; i < 8; i += 4) {
		__m256i a = _mm256_unpacklo_epi32(x[i], x[i + 1]);
		__m256i b = _mm256_unpackhi_epi32(x[i], x[i + 1]);
		__m256i c = _mm256_unpacklo_epi32(x[i + 2], x[i + 3]);
		__m256i d = _mm256_unpackhi_epi32(x[i + 2], x[i + 3]);
		t[i] = _mm256_unpacklo_epi64(a, c);
		t[i + 1] = _mm256_unpackhi_epi64(a, c);
		t[i + 2] = _mm256_unpacklo_epi64(b, d);
		t[i + 3] = _mm256_unpackhi_epi64(b, d);
	}
	AVX2_UNROLL
	for (int i = 0; i < 4; i++) {
		x[i] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x20);
		x[i + 4] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x31);
	}
}

AVX2_INLINE void xor_half(uint8_t *to, __m256i stream)
{
	__m256i text = _mm256_loadu_si256((const __m256i *)to);
	_mm256_storeu_si256((__m256i *)to, _mm256_xor_si256(text, stream));
}

AVX2 static void xor_tail(uint8_t *to, uint32_t len, __m256i a, __m256i b)
{
	uint8_t stream[AEAD_AVX2_BLOCK];
	_mm256_storeu_si256((__m256i *)stream, a);
	_mm256_storeu_si256((__m256i *)(stream + 32), b);
	for (uint32_t i = 0; i < len; i++)
		to[i] ^= stream[i];
	wipe(stream, sizeof(stream));
}

AVX2 static void encrypt(struct aead_avx2_lanes *l, const int32_t key[8])
{
	__m256i x[16], third[4], first[16];
	add_idle(l);
	start(x, l, key);
	AVX2_UNROLL
	for (int i = 0; i < 4; i++)
		third[i] = x[8 + i];
	for (int i = 0; i < 10; i++)
		double_round(x, third);
	AVX2_UNROLL
	for (int i = 0; i < 4; i++)
		x[8 + i] = third[i];
	start(first, l, key);
	AVX2_UNROLL
	for (int i = 0; i < 16; i++)
		x[i] = _mm256_add_epi32(x[i], first[i]);
	transpose(x);
	transpose(x + 8);
	AVX2_UNROLL
	for (int i = 0; i < AEAD_AVX2_LANES; i++) {
		if (l->len[i] == AEAD_AVX2_BLOCK) {
			xor_half(l->to[i], x[i]);
			xor_half(l->to[i] + 32, x[8 + i]);
		} else if (l->len[i]) {
			xor_tail(l->to[i], l->len[i], x[i], x[8 + i]);
		}
	}
}

void aead_avx2_keys(struct aead_avx2_group *g, bool in_place)
{
	struct aead_avx2_lanes l;
	l.n = 0;
	memset(g->key, 0, sizeof(g->key));
	for (size_t i = 0; i < g->n; i++)
		add(&l, g->v[i], 0, g->key[i], AEAD_AVX2_BLOCK);
	g->next_pkt = 0;
	g->next_block = 1;
	if (in_place)
		add_text(&l, g);
	encrypt(&l, g->cipher_key);
}

void aead_avx2_crypt(struct aead_avx2_group *g)
{
	struct aead_avx2_lanes l;
	for (;;) {
		l.n = 0;
		add_text(&l, g);
		if (l.n == 0)
			return;
		encrypt(&l, g->cipher_key);
	}
}
#endif
