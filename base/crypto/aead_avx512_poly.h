/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_avx512_poly.h: Poly1305 (RFC 8439), eight lanes at once, each a 64-bit element of the
 * vectors. A lane takes a chunk of four 16-byte blocks at a time, so that carries are handed on
 * once a chunk. Numbers are limbs of 44, 44 and 42 bits. A limb may be larger than that by a carry,
 * but stays below 2^52, which is what the multiplier sees. Private to aead_avx512*.c; only for
 * x86-64. */
#ifndef BASE_CRYPTO_AEAD_AVX512_POLY_H
#define BASE_CRYPTO_AEAD_AVX512_POLY_H

#include "base/crypto/aead_avx512_chacha.h"

#define POLY_CHUNK 64

struct poly_num {
	__m512i n0, n1, n2;
};

/* A multiplier. 2^132 is 20 modulo 2^130 - 5 (four times five): what leaves at the top comes back
 * at the bottom times that. */
struct poly_mul {
	__m512i r0, r1, r2, r1x20, r2x20;
};

/* Sums of products of one chunk: each limb's low 52 bits, and what is above them. */
struct poly_acc {
	__m512i lo0, lo1, lo2, hi0, hi1, hi2;
};

struct poly_lanes {
	struct poly_num h;
	struct poly_mul
	    power[4]; /* r^4, r^3, r^2, r: what the blocks of a chunk are multiplied with */
	__m512i pad_lo, pad_hi; /* s of RFC 8439 */
};

AVX512_INLINE __m512i poly_limb44(__m512i v)
{
	return _mm512_and_si512(v, _mm512_set1_epi64((INT64_C(1) << 44) - 1));
}

AVX512_INLINE __m512i poly_limb42(__m512i v)
{
	return _mm512_and_si512(v, _mm512_set1_epi64((INT64_C(1) << 42) - 1));
}

AVX512_INLINE struct poly_num poly_split(__m512i lo, __m512i hi)
{
	return (struct poly_num){
		poly_limb44(lo),
		poly_limb44(_mm512_or_si512(_mm512_srli_epi64(lo, 44), _mm512_slli_epi64(hi, 20))),
		_mm512_srli_epi64(hi, 24),
	};
}

/* A block of data; top is POLY_TOP in the lanes that have a block at all, else zero. */
#define POLY_TOP (INT64_C(1) << 40) /* 2^128, in the third limb */
AVX512_INLINE struct poly_num poly_block(__m512i lo, __m512i hi, __m512i top)
{
	struct poly_num m = poly_split(lo, hi);
	m.n2 = _mm512_or_si512(m.n2, top);
	return m;
}

AVX512_INLINE struct poly_num poly_add(struct poly_num a, struct poly_num b)
{
	return (struct poly_num){
		_mm512_add_epi64(a.n0, b.n0),
		_mm512_add_epi64(a.n1, b.n1),
		_mm512_add_epi64(a.n2, b.n2),
	};
}

AVX512_INLINE struct poly_mul poly_multiplier(struct poly_num r)
{
	__m512i twenty = _mm512_set1_epi64(20);
	return (struct poly_mul){ r.n0, r.n1, r.n2, _mm512_mullo_epi64(r.n1, twenty),
				  _mm512_mullo_epi64(r.n2, twenty) };
}

AVX512_INLINE void poly_acc_zero(struct poly_acc *a)
{
	a->lo0 = a->lo1 = a->lo2 = a->hi0 = a->hi1 = a->hi2 = _mm512_setzero_si512();
}

AVX512_INLINE void poly_acc_mul(struct poly_acc *a, struct poly_num m, const struct poly_mul *r)
{
	a->lo0 = _mm512_madd52lo_epu64(a->lo0, m.n0, r->r0);
	a->hi0 = _mm512_madd52hi_epu64(a->hi0, m.n0, r->r0);
	a->lo1 = _mm512_madd52lo_epu64(a->lo1, m.n0, r->r1);
	a->hi1 = _mm512_madd52hi_epu64(a->hi1, m.n0, r->r1);
	a->lo2 = _mm512_madd52lo_epu64(a->lo2, m.n0, r->r2);
	a->hi2 = _mm512_madd52hi_epu64(a->hi2, m.n0, r->r2);
	a->lo0 = _mm512_madd52lo_epu64(a->lo0, m.n1, r->r2x20);
	a->hi0 = _mm512_madd52hi_epu64(a->hi0, m.n1, r->r2x20);
	a->lo1 = _mm512_madd52lo_epu64(a->lo1, m.n1, r->r0);
	a->hi1 = _mm512_madd52hi_epu64(a->hi1, m.n1, r->r0);
	a->lo2 = _mm512_madd52lo_epu64(a->lo2, m.n1, r->r1);
	a->hi2 = _mm512_madd52hi_epu64(a->hi2, m.n1, r->r1);
	a->lo0 = _mm512_madd52lo_epu64(a->lo0, m.n2, r->r1x20);
	a->hi0 = _mm512_madd52hi_epu64(a->hi0, m.n2, r->r1x20);
	a->lo1 = _mm512_madd52lo_epu64(a->lo1, m.n2, r->r2x20);
	a->hi1 = _mm512_madd52hi_epu64(a->hi1, m.n2, r->r2x20);
	a->lo2 = _mm512_madd52lo_epu64(a->lo2, m.n2, r->r0);
	a->hi2 = _mm512_madd52hi_epu64(a->hi2, m.n2, r->r0);
}

/* Bits 52 and up of limb 0 weigh 2^8 of limb 1, of limb 1 the same of limb 2, and of limb 2
 * 2^140 / 2^130 = 2^10, times five, of limb 0. */
AVX512_INLINE struct poly_num poly_acc_carry(const struct poly_acc *a)
{
	__m512i n0 = poly_limb44(a->lo0);
	__m512i n1 = _mm512_add_epi64(_mm512_add_epi64(a->lo1, _mm512_slli_epi64(a->hi0, 8)),
				      _mm512_srli_epi64(a->lo0, 44));
	__m512i n2 = _mm512_add_epi64(_mm512_add_epi64(a->lo2, _mm512_slli_epi64(a->hi1, 8)),
				      _mm512_srli_epi64(n1, 44));
	__m512i top = _mm512_add_epi64(_mm512_srli_epi64(n2, 42), _mm512_slli_epi64(a->hi2, 10));
	n0 = _mm512_add_epi64(n0, _mm512_add_epi64(top, _mm512_slli_epi64(top, 2)));
	n1 = _mm512_add_epi64(poly_limb44(n1), _mm512_srli_epi64(n0, 44));
	return (struct poly_num){ poly_limb44(n0), n1, poly_limb42(n2) };
}

AVX512_INLINE struct poly_num poly_product(struct poly_num a, const struct poly_mul *b)
{
	struct poly_acc acc;
	poly_acc_zero(&acc);
	poly_acc_mul(&acc, a, b);
	return poly_acc_carry(&acc);
}

/* Rows of 64 bytes, one per lane, into words of all lanes: w[0] and w[1] are the first block's low
 * and high half, and so on. */
AVX512_INLINE void poly_load(__m512i w[8], const uint8_t *const row[8])
{
	__m512i a[8], b[8];
	UNROLL
	for (int i = 0; i < 8; i += 2) {
		__m512i x = _mm512_loadu_si512(row[i]), y = _mm512_loadu_si512(row[i + 1]);
		a[i] = _mm512_unpacklo_epi64(x, y);
		a[i + 1] = _mm512_unpackhi_epi64(x, y);
	}
	UNROLL
	for (int i = 0; i < 2; i++) {
		b[i] = _mm512_shuffle_i32x4(a[i], a[i + 2], 0x88);
		b[i + 2] = _mm512_shuffle_i32x4(a[i], a[i + 2], 0xdd);
		b[i + 4] = _mm512_shuffle_i32x4(a[i + 4], a[i + 6], 0x88);
		b[i + 6] = _mm512_shuffle_i32x4(a[i + 4], a[i + 6], 0xdd);
	}
	UNROLL
	for (int i = 0; i < 4; i++) {
		w[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
		w[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xdd);
	}
}

/* Take a chunk: h = (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r. In front of a message a lane has no
 * blocks: there w and top are zero, and h stays zero. */
AVX512_INLINE void poly_chunk(struct poly_lanes *p, const __m512i w[8], const __m512i top[4])
{
	struct poly_acc acc;
	poly_acc_zero(&acc);
	poly_acc_mul(&acc, poly_add(p->h, poly_block(w[0], w[1], top[0])), &p->power[0]);
	UNROLL
	for (int i = 1; i < 4; i++)
		poly_acc_mul(&acc, poly_block(w[2 * i], w[2 * i + 1], top[i]), &p->power[i]);
	p->h = poly_acc_carry(&acc);
}

/* The same where a lane takes each n-th chunk only, and stride is r^4n. */
AVX512_INLINE void poly_chunk_spread(struct poly_lanes *p, const __m512i w[8], const __m512i top[4],
				     const struct poly_mul *stride)
{
	struct poly_acc acc;
	poly_acc_zero(&acc);
	poly_acc_mul(&acc, p->h, stride);
	UNROLL
	for (int i = 0; i < 4; i++)
		poly_acc_mul(&acc, poly_block(w[2 * i], w[2 * i + 1], top[i]), &p->power[i]);
	p->h = poly_acc_carry(&acc);
}

/* One-time keys (r, then s; 32 of the 64 bytes of a row) of the lanes. */
AVX512_INLINE void poly_start(struct poly_lanes *p, const uint8_t *const key[8])
{
	__m512i w[8];
	poly_load(w, key);
	__m512i lo = _mm512_and_si512(w[0], _mm512_set1_epi64(0x0ffffffc0fffffff));
	__m512i hi = _mm512_and_si512(w[1], _mm512_set1_epi64(0x0ffffffc0ffffffc));
	struct poly_num r = poly_split(lo, hi);
	p->power[3] = poly_multiplier(r);
	struct poly_num r2 = poly_product(r, &p->power[3]);
	p->power[2] = poly_multiplier(r2);
	p->power[1] = poly_multiplier(poly_product(r, &p->power[2]));
	p->power[0] = poly_multiplier(poly_product(r2, &p->power[2]));
	p->h = (struct poly_num){ _mm512_setzero_si512(), _mm512_setzero_si512(),
				  _mm512_setzero_si512() };
	p->pad_lo = w[2];
	p->pad_hi = w[3];
}

/* Reduce completely; limbs may come in with up to 52 bits. */
AVX512_INLINE struct poly_num poly_reduce(struct poly_num h)
{
	const __m512i five = _mm512_set1_epi64(5);
	UNROLL
	for (int i = 0; i < 2; i++) {
		h.n1 = _mm512_add_epi64(h.n1, _mm512_srli_epi64(h.n0, 44));
		h.n2 = _mm512_add_epi64(h.n2, _mm512_srli_epi64(h.n1, 44));
		__m512i top = _mm512_srli_epi64(h.n2, 42);
		h.n0 = _mm512_add_epi64(poly_limb44(h.n0),
					_mm512_add_epi64(top, _mm512_slli_epi64(top, 2)));
		h.n1 = poly_limb44(h.n1);
		h.n2 = poly_limb42(h.n2);
	}
	h.n1 = _mm512_add_epi64(h.n1, _mm512_srli_epi64(h.n0, 44));
	h.n0 = poly_limb44(h.n0);
	/* h - p is h + 5 - 2^130; take it unless it is negative */
	__m512i g0 = _mm512_add_epi64(h.n0, five);
	__m512i g1 = _mm512_add_epi64(h.n1, _mm512_srli_epi64(g0, 44));
	__m512i g2 = _mm512_sub_epi64(_mm512_add_epi64(h.n2, _mm512_srli_epi64(g1, 44)),
				      _mm512_set1_epi64(INT64_C(1) << 42));
	__mmask8 less = _mm512_movepi64_mask(g2);
	return (struct poly_num){ _mm512_mask_mov_epi64(poly_limb44(g0), less, h.n0),
				  _mm512_mask_mov_epi64(poly_limb44(g1), less, h.n1),
				  _mm512_mask_mov_epi64(g2, less, h.n2) };
}

/* The tags of the lanes, each as two 64-bit halves. */
AVX512_INLINE void poly_tags(const struct poly_lanes *p, uint64_t lo[8], uint64_t hi[8])
{
	struct poly_num h = poly_reduce(p->h);
	__m512i l = _mm512_or_si512(h.n0, _mm512_slli_epi64(h.n1, 44));
	__m512i u = _mm512_or_si512(_mm512_srli_epi64(h.n1, 20), _mm512_slli_epi64(h.n2, 24));
	l = _mm512_add_epi64(l, p->pad_lo);
	__mmask8 carry = _mm512_cmplt_epu64_mask(l, p->pad_lo);
	u = _mm512_add_epi64(_mm512_add_epi64(u, p->pad_hi), _mm512_maskz_set1_epi64(carry, 1));
	_mm512_storeu_si512(lo, l);
	_mm512_storeu_si512(hi, u);
}

#endif
