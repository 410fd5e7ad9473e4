/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_avx512.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx512_chacha.h"

#define ALL_LANES (AEAD_SETS * AEAD_LANES)

AVX512_INLINE __m512i iota(void)
{
	return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* n blocks that follow each other, of packet p; to goes on by 64, and left is what there is of text
 * from there. Whole vectors are written: what is too much is overwritten by the next. */
AVX512 static void add(struct aead_lanes *l, const struct aead_group *g, size_t p, uint32_t block,
		       uint8_t *to, uint32_t left, size_t n)
{
	uint32_t *at = l->block + l->n;
	const __m512i full = _mm512_set1_epi32(CHACHA_BLOCK);
	const __m512i step = _mm512_slli_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), 6);
	__m512i rest =
	    _mm512_sub_epi32(_mm512_set1_epi32((int32_t)left), _mm512_slli_epi32(iota(), 6));
	__m512i place = _mm512_add_epi64(_mm512_set1_epi64((int64_t)(uintptr_t)to), step);
	_mm512_storeu_si512(at, _mm512_add_epi32(_mm512_set1_epi32((int32_t)block), iota()));
	_mm512_storeu_si512(l->lo + l->n, _mm512_set1_epi32((int32_t)g->v[p]->counter));
	_mm512_storeu_si512(l->hi + l->n, _mm512_set1_epi32((int32_t)(g->v[p]->counter >> 32)));
	_mm512_storeu_si512(l->len + l->n, _mm512_min_epu32(rest, full));
	_mm512_storeu_si512(l->pkt + l->n, _mm512_set1_epi32((int32_t)p));
	_mm512_storeu_si512(l->to + l->n, place);
	_mm512_storeu_si512(l->to + l->n + 8, _mm512_add_epi64(place, _mm512_set1_epi64(512)));
	l->n += n;
}

static void add_keys(struct aead_lanes *l, struct aead_group *g)
{
	memset(g->key, 0, g->n * CHACHA_BLOCK);
	for (size_t i = 0; i < g->n; i++)
		add(l, g, i, 0, g->key[i], CHACHA_BLOCK, 1);
	g->next_pkt = 0;
	g->next_block = 1;
}

/* Blocks of the next packet's text, as far as lanes are free. */
static void add_blocks(struct aead_lanes *l, struct aead_group *g)
{
	const struct aead_pkt *p = g->v[g->next_pkt];
	while (l->n < ALL_LANES) {
		uint32_t at = (g->next_block - 1) * CHACHA_BLOCK;
		if (at >= p->len)
			return;
		size_t n = (p->len - at + CHACHA_BLOCK - 1) / CHACHA_BLOCK;
		n = n < AEAD_LANES ? n : AEAD_LANES;
		n = n < ALL_LANES - l->n ? n : ALL_LANES - l->n;
		add(l, g, g->next_pkt, g->next_block, p->p + at, p->len - at, n);
		g->next_block += (uint32_t)n;
	}
}

/* Fill the lanes that are free with text, of packets that are .ok only. */
static void add_text(struct aead_lanes *l, struct aead_group *g)
{
	while (g->next_pkt < g->n) {
		if (g->v[g->next_pkt]->ok)
			add_blocks(l, g);
		if (l->n == ALL_LANES)
			return;
		g->next_pkt++;
		g->next_block = 1;
	}
}

/* Lanes to spare up to the end of a set work for nobody. */
static void add_idle(struct aead_lanes *l)
{
	for (; l->n % AEAD_LANES; l->n++) {
		l->block[l->n] = l->lo[l->n] = l->hi[l->n] = l->len[l->n] = 0;
		l->to[l->n] = NULL;
	}
}

AVX512_INLINE void xor_into(uint8_t *to, uint32_t len, __m512i stream)
{
	if (len == CHACHA_BLOCK) {
		_mm512_storeu_si512(to, _mm512_xor_si512(_mm512_loadu_si512(to), stream));
	} else if (len) {
		__mmask64 k = (UINT64_C(1) << len) - 1;
		__m512i text = _mm512_maskz_loadu_epi8(k, to);
		_mm512_mask_storeu_epi8(to, k, _mm512_xor_si512(text, stream));
	}
}

AVX512_INLINE struct chacha_lanes load(const struct aead_lanes *l, int set)
{
	return (struct chacha_lanes){ _mm512_loadu_si512(l->block + AEAD_LANES * set),
				      _mm512_loadu_si512(l->lo + AEAD_LANES * set),
				      _mm512_loadu_si512(l->hi + AEAD_LANES * set) };
}

AVX512_INLINE void finish(const struct aead_lanes *l, int set, __m512i x[16], const int32_t key[8])
{
	struct chacha_lanes c = load(l, set);
	chacha_finish(x, key, &c);
	UNROLL
	for (int i = 0; i < AEAD_LANES; i++)
		xor_into(l->to[AEAD_LANES * set + i], l->len[AEAD_LANES * set + i], x[i]);
}

AVX512 static void encrypt_set(const struct aead_lanes *l, const int32_t key[8])
{
	struct chacha_lanes c = load(l, 0);
	__m512i x[16];
	chacha_start(x, key, &c);
	for (int i = 0; i < CHACHA_DOUBLE_ROUNDS; i++)
		chacha_double_round(x);
	finish(l, 0, x, key);
}

AVX512 static void encrypt_two_sets(const struct aead_lanes *l, const int32_t key[8])
{
	struct chacha_lanes c = load(l, 0), d = load(l, 1);
	__m512i x[16], y[16];
	chacha_start(x, key, &c);
	chacha_start(y, key, &d);
	for (int i = 0; i < CHACHA_DOUBLE_ROUNDS; i++)
		chacha_double_round_2(x, y);
	finish(l, 0, x, key);
	finish(l, 1, y, key);
}

static void encrypt(struct aead_lanes *l, const int32_t key[8])
{
	add_idle(l);
	if (l->n == AEAD_LANES)
		encrypt_set(l, key);
	else
		encrypt_two_sets(l, key);
}

static void encrypt_rest(struct aead_group *g)
{
	struct aead_lanes l;
	for (;;) {
		l.n = 0;
		add_text(&l, g);
		if (l.n == 0)
			return;
		encrypt(&l, g->cipher_key);
	}
}

void aead_avx512_encrypt(struct aead_group *g)
{
	struct aead_lanes l;
	l.n = 0;
	add_keys(&l, g);
	add_text(&l, g);
	encrypt(&l, g->cipher_key);
	encrypt_rest(g);
}

void aead_avx512_prepare(struct aead_group *g)
{
	struct aead_lanes *l = &g->held;
	uint8_t *to[ALL_LANES];
	l->n = 0;
	add_keys(l, g);
	add_text(l, g);
	size_t n = l->n;
	for (size_t i = g->n; i < n; i++) {
		memset(g->ahead[i], 0, CHACHA_BLOCK);
		to[i] = l->to[i];
		l->to[i] = g->ahead[i];
	}
	encrypt(l, g->cipher_key);
	for (size_t i = g->n; i < n; i++)
		l->to[i] = to[i];
	l->n = n;
}

AVX512 void aead_avx512_decrypt(struct aead_group *g)
{
	const struct aead_lanes *l = &g->held;
	for (size_t i = g->n; i < l->n; i++)
		if (g->v[l->pkt[i]]->ok)
			xor_into(l->to[i], l->len[i], _mm512_load_si512(g->ahead[i]));
	encrypt_rest(g);
}
#endif
