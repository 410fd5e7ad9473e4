/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx2_poly.h: Poly1305 (RFC 8439), four lanes at once, each a 64-bit element of the vectors.
 * A lane takes a chunk of four 16-byte blocks at a time, so that carries are handed on once a
 * chunk. Numbers are five limbs of 26 bits; one may be larger by a carry, but stays below 2^28, so
 * that twenty-five products (five of them times five) stay below 2^64. Private to aead_avx2*.c;
 * only for x86-64. */
#ifndef BASE_CRYPTO_AEAD_AVX2_POLY_H
#define BASE_CRYPTO_AEAD_AVX2_POLY_H

#include "base/crypto/aead_avx2.h"

#include <immintrin.h>

#define POLY26_CHUNK 64
#define POLY26_TOP (INT64_C(1) << 24) /* 2^128, in the fifth limb */

struct poly26_num {
	__m256i n0, n1, n2, n3, n4;
};

/* A multiplier; 2^130 is 5 modulo 2^130 - 5: what leaves at the top comes back times five. */
struct poly26_mul {
	__m256i r[5], r5[5];
};

struct poly26_lanes {
	struct poly26_num h;
	struct poly26_mul
	    power[4]; /* r^4, r^3, r^2, r: what the blocks of a chunk are multiplied with */
};

AVX2_INLINE __m256i poly26_limb(__m256i v)
{
	return _mm256_and_si256(v, _mm256_set1_epi64x((1 << 26) - 1));
}

/* A block; top is POLY26_TOP in the lanes that have one at all, else zero. */
AVX2_INLINE struct poly26_num poly26_block(__m256i lo, __m256i hi, __m256i top)
{
	struct poly26_num m;
	m.n0 = poly26_limb(lo);
	m.n1 = poly26_limb(_mm256_srli_epi64(lo, 26));
	m.n2 = poly26_limb(_mm256_or_si256(_mm256_srli_epi64(lo, 52), _mm256_slli_epi64(hi, 12)));
	m.n3 = poly26_limb(_mm256_srli_epi64(hi, 14));
	m.n4 = _mm256_or_si256(_mm256_srli_epi64(hi, 40), top);
	return m;
}

AVX2_INLINE struct poly26_num poly26_add(struct poly26_num a, struct poly26_num b)
{
	return (struct poly26_num){
		_mm256_add_epi64(a.n0, b.n0), _mm256_add_epi64(a.n1, b.n1),
		_mm256_add_epi64(a.n2, b.n2), _mm256_add_epi64(a.n3, b.n3),
		_mm256_add_epi64(a.n4, b.n4),
	};
}

AVX2_INLINE __m256i poly26_five(__m256i v)
{
	return _mm256_add_epi64(v, _mm256_slli_epi64(v, 2));
}

AVX2_INLINE struct poly26_mul poly26_multiplier(struct poly26_num r)
{
	return (struct poly26_mul){
		{ r.n0, r.n1, r.n2, r.n3, r.n4 },
		{ poly26_five(r.n0), poly26_five(r.n1), poly26_five(r.n2), poly26_five(r.n3),
		  poly26_five(r.n4) },
	};
}

/* acc += m r, limb by limb, without carries; in an order that needs one limb of r at a time. */
#define POLY26_MUL_ADD(to, from, factor)                                                           \
	acc->n##to = _mm256_add_epi64(acc->n##to, _mm256_mul_epu32(m.n##from, factor))
AVX2_INLINE void poly26_mul_add(struct poly26_num *acc, struct poly26_num m,
				const struct poly26_mul *r)
{
	POLY26_MUL_ADD(0, 0, r->r[0]);
	POLY26_MUL_ADD(1, 1, r->r[0]);
	POLY26_MUL_ADD(2, 2, r->r[0]);
	POLY26_MUL_ADD(3, 3, r->r[0]);
	POLY26_MUL_ADD(4, 4, r->r[0]);
	POLY26_MUL_ADD(1, 0, r->r[1]);
	POLY26_MUL_ADD(2, 1, r->r[1]);
	POLY26_MUL_ADD(3, 2, r->r[1]);
	POLY26_MUL_ADD(4, 3, r->r[1]);
	POLY26_MUL_ADD(0, 4, r->r5[1]);
	POLY26_MUL_ADD(2, 0, r->r[2]);
	POLY26_MUL_ADD(3, 1, r->r[2]);
	POLY26_MUL_ADD(4, 2, r->r[2]);
	POLY26_MUL_ADD(0, 3, r->r5[2]);
	POLY26_MUL_ADD(1, 4, r->r5[2]);
	POLY26_MUL_ADD(3, 0, r->r[3]);
	POLY26_MUL_ADD(4, 1, r->r[3]);
	POLY26_MUL_ADD(0, 2, r->r5[3]);
	POLY26_MUL_ADD(1, 3, r->r5[3]);
	POLY26_MUL_ADD(2, 4, r->r5[3]);
	POLY26_MUL_ADD(4, 0, r->r[4]);
	POLY26_MUL_ADD(0, 1, r->r5[4]);
	POLY26_MUL_ADD(1, 2, r->r5[4]);
	POLY26_MUL_ADD(2, 3, r->r5[4]);
	POLY26_MUL_ADD(3, 4, r->r5[4]);
}

#define POLY26_HAND_ON(from, to)                                                                   \
	a.n##to = _mm256_add_epi64(a.n##to, _mm256_srli_epi64(a.n##from, 26));                     \
	a.n##from = poly26_limb(a.n##from)
AVX2_INLINE struct poly26_num poly26_carry(struct poly26_num a)
{
	POLY26_HAND_ON(0, 1);
	POLY26_HAND_ON(1, 2);
	POLY26_HAND_ON(2, 3);
	POLY26_HAND_ON(3, 4);
	a.n0 = _mm256_add_epi64(a.n0, poly26_five(_mm256_srli_epi64(a.n4, 26)));
	a.n4 = poly26_limb(a.n4);
	POLY26_HAND_ON(0, 1);
	return a;
}

AVX2_INLINE struct poly26_num poly26_zero(void)
{
	__m256i z = _mm256_setzero_si256();
	return (struct poly26_num){ z, z, z, z, z };
}

AVX2_INLINE struct poly26_num poly26_product(struct poly26_num a, const struct poly26_mul *b)
{
	struct poly26_num acc = poly26_zero();
	poly26_mul_add(&acc, a, b);
	return poly26_carry(acc);
}

/* 32 bytes at offset at of four rows, into words of four lanes. */
AVX2_INLINE void poly26_load(__m256i w[4], const uint8_t *const row[4], int at)
{
	__m256i r0 = _mm256_loadu_si256((const __m256i *)(row[0] + at));
	__m256i r1 = _mm256_loadu_si256((const __m256i *)(row[1] + at));
	__m256i r2 = _mm256_loadu_si256((const __m256i *)(row[2] + at));
	__m256i r3 = _mm256_loadu_si256((const __m256i *)(row[3] + at));
	__m256i a = _mm256_unpacklo_epi64(r0, r1), b = _mm256_unpackhi_epi64(r0, r1);
	__m256i c = _mm256_unpacklo_epi64(r2, r3), d = _mm256_unpackhi_epi64(r2, r3);
	w[0] = _mm256_permute2x128_si256(a, c, 0x20);
	w[1] = _mm256_permute2x128_si256(b, d, 0x20);
	w[2] = _mm256_permute2x128_si256(a, c, 0x31);
	w[3] = _mm256_permute2x128_si256(b, d, 0x31);
}

/* Take a chunk: h = h stride + m0 r^4 + m1 r^3 + m2 r^2 + m3 r. In front of a message a lane has no
 * blocks: there rows and top are zero, and h stays zero. */
AVX2_INLINE void poly26_chunk(struct poly26_lanes *p, const uint8_t *const row[4],
			      const __m256i top[4], const struct poly26_mul *stride)
{
	struct poly26_num acc = poly26_zero(), h = p->h;
	if (stride) {
		poly26_mul_add(&acc, h, stride);
		h = poly26_zero();
	}
	__m256i w[4];
	poly26_load(w, row, 0);
	poly26_mul_add(&acc, poly26_add(h, poly26_block(w[0], w[1], top[0])), &p->power[0]);
	poly26_mul_add(&acc, poly26_block(w[2], w[3], top[1]), &p->power[1]);
	poly26_load(w, row, 32);
	poly26_mul_add(&acc, poly26_block(w[0], w[1], top[2]), &p->power[2]);
	poly26_mul_add(&acc, poly26_block(w[2], w[3], top[3]), &p->power[3]);
	p->h = poly26_carry(acc);
}

/* Take the one-time keys of the lanes: r is the first half of the 32 bytes of a row. */
AVX2_INLINE void poly26_start(struct poly26_lanes *p, const uint8_t *const key[4])
{
	__m256i w[4];
	poly26_load(w, key, 0);
	__m256i lo = _mm256_and_si256(w[0], _mm256_set1_epi64x(0x0ffffffc0fffffff));
	__m256i hi = _mm256_and_si256(w[1], _mm256_set1_epi64x(0x0ffffffc0ffffffc));
	struct poly26_num r = poly26_block(lo, hi, _mm256_setzero_si256());
	p->power[3] = poly26_multiplier(r);
	struct poly26_num r2 = poly26_product(r, &p->power[3]);
	p->power[2] = poly26_multiplier(r2);
	p->power[1] = poly26_multiplier(poly26_product(r, &p->power[2]));
	p->power[0] = poly26_multiplier(poly26_product(r2, &p->power[2]));
	p->h = poly26_zero();
}

#endif
