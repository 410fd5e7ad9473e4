/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_avx2.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx2_poly.h"
#include "base/crypto/crypto.h"

#define LANES AEAD_AVX2_LANES
#define LIMB_MASK ((UINT64_C(1) << 26) - 1)

/* Eight lanes in two halves. A message is its ciphertext, padded to whole blocks, and the length
 * block. With spread lanes a packet takes its chunks turn by turn. All messages end together; what
 * a short one lacks, it lacks in front, where at (its lane's next chunk in the text) is negative.
 */
struct mac {
	struct poly26_lanes half[2];
	struct poly26_mul stride[2]; /* r^(4 spread) */
	struct poly26_mul last[2];   /* what a lane's sum is still to be multiplied with: r^(4 i) */
	__m256i sum[5][2];
	unsigned spread;
	unsigned halves;
	uint32_t steps;
	_Alignas(32) int64_t at[LANES];
	const uint8_t *text[LANES];
	uint32_t len[LANES];
};

static uint32_t chunks_of(uint32_t len)
{
	return (len + 15) / 16 / 4 + 1;
}

/* Lanes per packet: as many as are free, but not more than there is work for. */
static unsigned spread_of(size_t n, uint32_t chunks)
{
	unsigned spread = 1;
	while (spread * 2 * n <= LANES && spread < chunks)
		spread *= 2;
	return spread;
}

/* Lanes without a packet repeat the last one's. */
static void place(struct mac *m, const struct aead_avx2_group *g)
{
	uint32_t longest = 0;
	for (size_t i = 0; i < g->n; i++)
		longest = g->v[i]->len > longest ? g->v[i]->len : longest;
	m->spread = spread_of(g->n, chunks_of(longest));
	m->halves = g->n * m->spread > LANES / 2 ? 2 : 1;
	m->steps = (chunks_of(longest) + m->spread - 1) / m->spread;
	for (unsigned i = 0; i < LANES; i++) {
		size_t p = i / m->spread < g->n ? i / m->spread : g->n - 1;
		uint32_t len = g->v[p]->len, blocks = (len + 15) / 16 + 1;
		m->text[i] = g->v[p]->p;
		m->len[i] = len;
		m->at[i] = 16 * ((int64_t)blocks - 4 * (int64_t)m->steps * m->spread) +
			   POLY26_CHUNK * (i % m->spread);
	}
}

/* The chunk at an edge of a message: what there is of the text, with zeros around it, and the
 * length block (there is no associated data, so its first half is zero) at the end of the last. */
static const uint8_t *edge(uint8_t row[static POLY26_CHUNK], const uint8_t *text, uint32_t len,
			   int64_t at)
{
	int64_t from = at < 0 ? 0 : at;
	int64_t to = at + POLY26_CHUNK < len ? at + POLY26_CHUNK : len;
	memset(row, 0, POLY26_CHUNK);
	if (from < to)
		memcpy(row + (from - at), text + from, (size_t)(to - from));
	if (len - at <= POLY26_CHUNK - 16) {
		uint64_t n = len;
		memcpy(row + POLY26_CHUNK - 8, &n, 8);
	}
	return row;
}

AVX2_INLINE void step(struct mac *m, struct aead_avx2_group *g, unsigned half, bool spread)
{
	const uint8_t *row[4];
	__m256i top[4], *at = (__m256i *)(m->at + 4 * half);
	for (int i = 0; i < 4; i++)
		top[i] = _mm256_and_si256(_mm256_cmpgt_epi64(*at, _mm256_set1_epi64x(-16 * i - 1)),
					  _mm256_set1_epi64x(POLY26_TOP));
	for (unsigned i = 0; i < 4; i++) {
		unsigned l = 4 * half + i;
		if (m->at[l] >= 0 && m->at[l] + POLY26_CHUNK <= m->len[l])
			row[i] = m->text[l] + m->at[l];
		else
			row[i] = edge(g->row[l], m->text[l], m->len[l], m->at[l]);
	}
	poly26_chunk(&m->half[half], row, top, spread ? &m->stride[half] : NULL);
	*at = _mm256_add_epi64(*at, _mm256_set1_epi64x(POLY26_CHUNK * m->spread));
}

AVX2 static void absorb(struct mac *m, struct aead_avx2_group *g)
{
	for (uint32_t s = 0; s < m->steps; s++)
		for (unsigned half = 0; half < m->halves; half++)
			if (m->spread > 1)
				step(m, g, half, true);
			else
				step(m, g, half, false);
}

/* r^4, r^8, ... by squaring; on the way each lane's last factor by the bits of the number of lanes
 * behind it of the same packet. */
AVX2 static void prepare_spread(struct mac *m, unsigned half)
{
	const __m256i *r4 = m->half[half].power[0].r;
	struct poly26_num pow = { r4[0], r4[1], r4[2], r4[3], r4[4] }, last = poly26_zero();
	last.n0 = _mm256_set1_epi64x(1);
	__m256i lane =
	    _mm256_add_epi64(_mm256_setr_epi64x(0, 1, 2, 3), _mm256_set1_epi64x(4 * half));
	__m256i after = _mm256_andnot_si256(lane, _mm256_set1_epi64x(m->spread - 1));
	for (unsigned bit = 1; bit < m->spread; bit *= 2) {
		struct poly26_mul mul = poly26_multiplier(pow);
		struct poly26_num next = poly26_product(last, &mul);
		__m256i b = _mm256_set1_epi64x(bit);
		__m256i set = _mm256_cmpeq_epi64(_mm256_and_si256(after, b), b);
		last.n0 = _mm256_blendv_epi8(last.n0, next.n0, set);
		last.n1 = _mm256_blendv_epi8(last.n1, next.n1, set);
		last.n2 = _mm256_blendv_epi8(last.n2, next.n2, set);
		last.n3 = _mm256_blendv_epi8(last.n3, next.n3, set);
		last.n4 = _mm256_blendv_epi8(last.n4, next.n4, set);
		pow = poly26_product(pow, &mul);
	}
	m->last[half] = poly26_multiplier(last);
	m->stride[half] = poly26_multiplier(pow);
}

AVX2 static void start(struct mac *m, const struct aead_avx2_group *g, unsigned half)
{
	const uint8_t *key[4];
	for (unsigned i = 0; i < 4; i++) {
		size_t p = (4 * half + i) / m->spread;
		key[i] = g->key[p < g->n ? p : g->n - 1];
	}
	poly26_start(&m->half[half], key);
	if (m->spread > 1)
		prepare_spread(m, half);
}

AVX2 static void store_sums(struct mac *m, unsigned half)
{
	struct poly26_num h = m->half[half].h;
	if (m->spread > 1)
		h = poly26_product(h, &m->last[half]);
	m->sum[0][half] = h.n0;
	m->sum[1][half] = h.n1;
	m->sum[2][half] = h.n2;
	m->sum[3][half] = h.n3;
	m->sum[4][half] = h.n4;
}

/* Limbs of up to 32 bits into 130 bits in three words, then what is left modulo 2^130 - 5. */
static void reduce(uint64_t h[5], uint64_t *lo, uint64_t *hi)
{
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			h[i + 1] += h[i] >> 26;
			h[i] &= LIMB_MASK;
		}
		h[0] += (h[4] >> 26) * 5;
		h[4] &= LIMB_MASK;
	}
	unsigned __int128 a = (unsigned __int128)h[0] + ((unsigned __int128)h[1] << 26) +
			      ((unsigned __int128)h[2] << 52);
	unsigned __int128 b =
	    (a >> 64) + ((unsigned __int128)h[3] << 14) + ((unsigned __int128)h[4] << 40);
	uint64_t l = (uint64_t)a, u = (uint64_t)b, top = (uint64_t)(b >> 64);
	/* h - p is h + 5 - 2^130; take it unless it is negative */
	unsigned __int128 gl = (unsigned __int128)l + 5;
	unsigned __int128 gu = (unsigned __int128)u + (uint64_t)(gl >> 64);
	uint64_t take = 0 - ((top + (uint64_t)(gu >> 64)) >> 2);
	*lo = (l & ~take) | ((uint64_t)gl & take);
	*hi = (u & ~take) | ((uint64_t)gu & take);
}

static void tag(const struct mac *m, struct aead_avx2_group *g, size_t p)
{
	uint64_t h[5] = { 0 }, lo, hi, pad[2];
	uint64_t sum[LANES];
	for (int i = 0; i < 5; i++) {
		memcpy(sum, m->sum[i], sizeof(sum));
		for (unsigned lane = 0; lane < m->spread; lane++)
			h[i] += sum[p * m->spread + lane];
	}
	reduce(h, &lo, &hi);
	memcpy(pad, g->key[p] + 16, sizeof(pad));
	unsigned __int128 low = (unsigned __int128)lo + pad[0];
	g->tag_lo[p] = (uint64_t)low;
	g->tag_hi[p] = hi + pad[1] + (uint64_t)(low >> 64);
}

void aead_avx2_mac(struct aead_avx2_group *g)
{
	struct mac m;
	place(&m, g);
	for (unsigned half = 0; half < m.halves; half++)
		start(&m, g, half);
	absorb(&m, g);
	for (unsigned half = 0; half < m.halves; half++)
		store_sums(&m, half);
	for (size_t p = 0; p < g->n; p++)
		tag(&m, g, p);
	wipe(&m, offsetof(struct mac, spread));
}
#endif
