/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_avx512.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx512_chacha.h"

static void add(struct aead_lanes *l, const struct aead_pkt *p, uint32_t block, uint8_t *to,
		uint32_t len)
{
	size_t i = l->n++;
	l->block[i] = block;
	l->lo[i] = (uint32_t)p->counter;
	l->hi[i] = (uint32_t)(p->counter >> 32);
	l->to[i] = to;
	l->len[i] = len < CHACHA_BLOCK ? len : CHACHA_BLOCK;
	l->pkt[i] = p;
}

static void add_keys(struct aead_lanes *l, struct aead_group *g)
{
	memset(g->key, 0, g->n * CHACHA_BLOCK);
	for (size_t i = 0; i < g->n; i++)
		add(l, g->v[i], 0, g->key[i], CHACHA_BLOCK);
	g->next_pkt = 0;
	g->next_block = 1;
}

/* Fill the lanes that are free with blocks of text, of packets that are .ok only. */
static void add_text(struct aead_lanes *l, struct aead_group *g)
{
	while (l->n < AEAD_LANES && g->next_pkt < g->n) {
		const struct aead_pkt *p = g->v[g->next_pkt];
		uint32_t at = (g->next_block - 1) * CHACHA_BLOCK;
		if (!p->ok || at >= p->len) {
			g->next_pkt++;
			g->next_block = 1;
			continue;
		}
		add(l, p, g->next_block++, p->p + at, p->len - at);
	}
}

static void clear_rest(struct aead_lanes *l)
{
	for (size_t i = l->n; i < AEAD_LANES; i++) {
		l->block[i] = l->lo[i] = l->hi[i] = l->len[i] = 0;
		l->to[i] = NULL;
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

AVX512 static void encrypt(struct aead_lanes *l, const int32_t key[8])
{
	clear_rest(l);
	struct chacha_lanes c = { _mm512_loadu_si512(l->block), _mm512_loadu_si512(l->lo),
				  _mm512_loadu_si512(l->hi) };
	__m512i x[16];
	chacha_start(x, key, &c);
	for (int i = 0; i < 10; i++)
		chacha_double_round(x);
	chacha_finish(x, key, &c);
	UNROLL
	for (int i = 0; i < 16; i++)
		xor_into(l->to[i], l->len[i], x[i]);
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
	for (size_t i = 0; i < g->n; i++)
		g->v[i]->ok = true;
	add_keys(&l, g);
	add_text(&l, g);
	encrypt(&l, g->cipher_key);
	encrypt_rest(g);
}

void aead_avx512_prepare(struct aead_group *g)
{
	struct aead_lanes l;
	l.n = 0;
	for (size_t i = 0; i < g->n; i++)
		g->v[i]->ok = true;
	add_keys(&l, g);
	add_text(&l, g);
	g->held = l;
	memset(g->ahead, 0, sizeof(g->ahead));
	for (size_t i = g->n; i < l.n; i++)
		l.to[i] = g->ahead[i];
	encrypt(&l, g->cipher_key);
}

AVX512 void aead_avx512_decrypt(struct aead_group *g)
{
	const struct aead_lanes *l = &g->held;
	for (size_t i = g->n; i < l->n; i++)
		if (l->pkt[i]->ok)
			xor_into(l->to[i], l->len[i], _mm512_load_si512(g->ahead[i]));
	encrypt_rest(g);
}
#endif
