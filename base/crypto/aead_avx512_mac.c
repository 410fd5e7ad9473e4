/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_avx512.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx512_poly.h"
#include "base/crypto/crypto.h"

/* Sixteen lanes in two halves. A message is its ciphertext, padded to whole blocks, and the length
 * block. With spread lanes a packet takes its chunks turn by turn. All messages end together; what
 * a short one lacks, it lacks in front, where at (its lane's next chunk in the text) is negative.
 */
struct mac {
	struct poly_lanes half[2];
	struct poly_mul stride[2]; /* r^(4 spread) */
	struct poly_num last[2];   /* what a lane's sum is still to be multiplied with: r^(4 i) */
	unsigned spread;
	unsigned halves;
	uint32_t steps;
	uint32_t inside; /* the first step in which no lane is at the front edge of its message */
	_Alignas(64) int64_t at[AEAD_LANES];
	const uint8_t *text[AEAD_LANES];
	uint32_t len[AEAD_LANES];
};

static uint32_t chunks_of(uint32_t len)
{
	return (len + 15) / 16 / 4 + 1;
}

/* Lanes per packet: as many as are free, but not more than there is work for. */
static unsigned spread_of(size_t n, uint32_t chunks)
{
	unsigned spread = 1;
	while (spread < 8 && spread * 2 * n <= AEAD_LANES && spread < chunks)
		spread *= 2;
	return spread;
}

static void share_out(struct mac *m, const struct aead_group *g)
{
	uint32_t longest = 0, shortest = UINT32_MAX;
	for (size_t i = 0; i < g->n; i++) {
		longest = g->v[i]->len > longest ? g->v[i]->len : longest;
		shortest = g->v[i]->len < shortest ? g->v[i]->len : shortest;
	}
	m->spread = spread_of(g->n, chunks_of(longest));
	m->halves = g->n * m->spread > 8 ? 2 : 1;
	m->steps = (chunks_of(longest) + m->spread - 1) / m->spread;
	m->inside = m->steps - (chunks_of(shortest) - 1) / m->spread;
}

/* Lanes without a packet repeat the last one's. */
static void place(struct mac *m, const struct aead_group *g)
{
	for (unsigned i = 0; i < 8 * m->halves; i++) {
		size_t p = i / m->spread < g->n ? i / m->spread : g->n - 1;
		uint32_t len = g->v[p]->len, blocks = (len + 15) / 16 + 1;
		m->text[i] = g->v[p]->p;
		m->len[i] = len;
		m->at[i] = 16 * ((int64_t)blocks - 4 * (int64_t)m->steps * m->spread) +
			   POLY_CHUNK * (i % m->spread);
	}
}

/* The chunk at an edge of a message: what there is of the text, with zeros around it, and the
 * length block (there is no associated data, so its first half is zero) at the end of the last. */
AVX512 static const uint8_t *edge(uint8_t row[static POLY_CHUNK], const uint8_t *text, uint32_t len,
				  int64_t at)
{
	__mmask64 k = ~UINT64_C(0);
	int64_t left = (int64_t)len - at;
	if (left < POLY_CHUNK)
		k = left <= 0 ? 0 : (UINT64_C(1) << left) - 1;
	if (at < 0)
		k = at <= -POLY_CHUNK ? 0 : k & (~UINT64_C(0) << -at);
	_mm512_storeu_si512(row, _mm512_maskz_loadu_epi8(k, text + at));
	if (left <= POLY_CHUNK - 16) {
		uint64_t n = len;
		memcpy(row + POLY_CHUNK - 8, &n, 8);
	}
	return row;
}

AVX512_INLINE void take(struct mac *m, unsigned half, const uint8_t *const row[8],
			const __m512i top[4], bool spread)
{
	__m512i w[8], *at = (__m512i *)(m->at + 8 * half);
	poly_load(w, row);
	if (spread)
		poly_chunk_spread(&m->half[half], w, top, &m->stride[half]);
	else
		poly_chunk(&m->half[half], w, top);
	*at = _mm512_add_epi64(*at, _mm512_set1_epi64(POLY_CHUNK * m->spread));
}

/* A step in which some lane is at an edge. */
AVX512 static void step_at_edge(struct mac *m, struct aead_group *g, unsigned half)
{
	const uint8_t *row[8];
	__m512i top[4];
	for (int i = 0; i < 4; i++)
		top[i] = _mm512_maskz_set1_epi64(
		    _mm512_cmpge_epi64_mask(*(const __m512i *)(m->at + 8 * half),
					    _mm512_set1_epi64(-16 * i)),
		    POLY_TOP);
	for (unsigned i = 0; i < 8; i++) {
		unsigned l = 8 * half + i;
		if (m->at[l] >= 0 && m->at[l] + POLY_CHUNK <= m->len[l])
			row[i] = m->text[l] + m->at[l];
		else
			row[i] = edge(g->row[l], m->text[l], m->len[l], m->at[l]);
	}
	take(m, half, row, top, m->spread > 1);
}

/* Steps up to the last one, which has the length blocks. */
AVX512_INLINE void steps_inside(struct mac *m, uint32_t from, bool spread)
{
	const __m512i t = _mm512_set1_epi64(POLY_TOP), top[4] = { t, t, t, t };
	for (uint32_t s = from; s + 1 < m->steps; s++)
		for (unsigned half = 0; half < m->halves; half++) {
			const uint8_t *row[8];
			UNROLL
			for (unsigned i = 0; i < 8; i++)
				row[i] = m->text[8 * half + i] + m->at[8 * half + i];
			take(m, half, row, top, spread);
		}
}

AVX512 static void absorb(struct mac *m, struct aead_group *g)
{
	for (uint32_t s = 0; s < m->inside && s + 1 < m->steps; s++)
		for (unsigned half = 0; half < m->halves; half++)
			step_at_edge(m, g, half);
	if (m->spread > 1)
		steps_inside(m, m->inside, true);
	else
		steps_inside(m, m->inside, false);
	for (unsigned half = 0; half < m->halves; half++)
		step_at_edge(m, g, half);
}

/* r^4, r^8, ... by squaring; on the way each lane's last factor by its bits. */
AVX512 static void prepare_spread(struct mac *m, unsigned half)
{
	const struct poly_mul *r4 = &m->half[half].power[0];
	struct poly_num pow = { r4->r0, r4->r1, r4->r2 };
	struct poly_num last = { _mm512_set1_epi64(1), _mm512_setzero_si512(),
				 _mm512_setzero_si512() };
	/* lanes after this one, of the same packet */
	__m512i after = _mm512_andnot_si512(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
					    _mm512_set1_epi64(m->spread - 1));
	for (unsigned bit = 1; bit < m->spread; bit *= 2) {
		struct poly_mul mul = poly_multiplier(pow);
		struct poly_num next = poly_product(last, &mul);
		__mmask8 k = _mm512_test_epi64_mask(after, _mm512_set1_epi64(bit));
		last.n0 = _mm512_mask_mov_epi64(last.n0, k, next.n0);
		last.n1 = _mm512_mask_mov_epi64(last.n1, k, next.n1);
		last.n2 = _mm512_mask_mov_epi64(last.n2, k, next.n2);
		pow = poly_product(pow, &mul);
	}
	m->last[half] = last;
	m->stride[half] = poly_multiplier(pow);
}

/* Add up the lanes of a packet; the sum is in its first lane. */
AVX512 static void gather(struct mac *m, unsigned half)
{
	struct poly_mul last = poly_multiplier(m->last[half]);
	struct poly_num h = poly_product(m->half[half].h, &last);
	for (unsigned by = 1; by < m->spread; by *= 2) {
		__m512i from = _mm512_add_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
						_mm512_set1_epi64(by));
		struct poly_num other = { _mm512_permutexvar_epi64(from, h.n0),
					  _mm512_permutexvar_epi64(from, h.n1),
					  _mm512_permutexvar_epi64(from, h.n2) };
		h = poly_add(h, other);
	}
	m->half[half].h = h;
}

AVX512 static void start(struct mac *m, const struct aead_group *g, unsigned half)
{
	const uint8_t *key[8];
	for (unsigned i = 0; i < 8; i++) {
		size_t p = (8 * half + i) / m->spread;
		key[i] = g->key[p < g->n ? p : g->n - 1];
	}
	poly_start(&m->half[half], key);
	if (m->spread > 1)
		prepare_spread(m, half);
}

AVX512 static void finish(struct mac *m, unsigned half, uint64_t lo[8], uint64_t hi[8])
{
	if (m->spread > 1)
		gather(m, half);
	poly_tags(&m->half[half], lo, hi);
}

void aead_avx512_mac(struct aead_group *g)
{
	struct mac m;
	uint64_t lo[AEAD_LANES], hi[AEAD_LANES];
	share_out(&m, g);
	place(&m, g);
	for (unsigned half = 0; half < m.halves; half++)
		start(&m, g, half);
	absorb(&m, g);
	for (unsigned half = 0; half < m.halves; half++)
		finish(&m, half, lo + 8 * half, hi + 8 * half);
	for (size_t i = 0; i < g->n; i++) {
		g->tag_lo[i] = lo[i * m.spread];
		g->tag_hi[i] = hi[i * m.spread];
	}
	wipe(&m, offsetof(struct mac, spread));
}
#endif
