/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_impl.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"

#include <stdlib.h>

/* Around the block sizes of ChaCha20, Poly1305 and their wide forms, and real packet sizes. */
static const uint16_t lens[] = { 0,   1,   15,	16,  17,  31,  32,  63,	  64,	65,   127,  128,
				 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1280, 1420, 4099 };
static const uint64_t counters[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 8192 };

#define N_LENS ARRAY_LEN(lens)
#define LEN_MAX 4099
#define CANARY 0xa5

struct check {
	const struct aead_impl *impl;
	uint8_t key[32];
	struct aead_pkt v[N_LENS];
	uint8_t plain[LEN_MAX];
	/* text, tag and one byte that nobody may touch */
	uint8_t got[N_LENS][LEN_MAX + TAG_LEN + 1];
	uint8_t want[LEN_MAX + TAG_LEN];
};

/* Batches of n packets that start at another length each time, so that lanes mix. */
static void fill(struct check *c, size_t n, size_t first, uint64_t counter)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t len = lens[(first + i) % N_LENS];
		c->v[i] = (struct aead_pkt){ c->got[i], len, false, counter + i };
		memcpy(c->got[i], c->plain, len);
		c->got[i][len + TAG_LEN] = CANARY;
	}
}

static bool sealed_right(struct check *c, const struct aead_pkt *p, uint64_t counter)
{
	uint8_t nonce[12];
	struct wr w = wr_init(mspan_of(nonce, sizeof(nonce)));
	wr_zero(&w, 4);
	wr_le64(&w, counter); /* not p's: the implementation had it in hands */
	aead_seal(c->want, c->key, nonce, span_of(c->plain, p->len), span_of(NULL, 0));
	return memcmp(p->p, c->want, p->len + TAG_LEN) == 0 && p->p[p->len + TAG_LEN] == CANARY;
}

static bool opened_right(const struct check *c, const struct aead_pkt *p)
{
	return p->ok && memcmp(p->p, c->plain, p->len) == 0 && p->p[p->len + TAG_LEN] == CANARY;
}

static bool round_trip(struct check *c, size_t n, size_t first, uint64_t counter)
{
	bool good = true;
	fill(c, n, first, counter);
	c->impl->seal(c->key, c->v, n);
	for (size_t i = 0; i < n; i++)
		good &= sealed_right(c, &c->v[i], counter + i);
	c->impl->open(c->key, c->v, n);
	for (size_t i = 0; i < n; i++)
		good &= opened_right(c, &c->v[i]);
	return good;
}

/* Every third packet is damaged in its text, every third in its tag; the rest must pass. */
static bool refuses_damage(struct check *c, size_t first)
{
	bool good = true;
	fill(c, N_LENS, first, 7);
	c->impl->seal(c->key, c->v, N_LENS);
	for (size_t i = 0; i < N_LENS; i++) {
		struct aead_pkt *p = &c->v[i];
		if (i % 3 == 0)
			p->p[p->len + i % TAG_LEN] ^= 0x80;
		else if (i % 3 == 1 && p->len)
			p->p[i * 37 % p->len] ^= 1;
		else if (i % 3 == 1)
			p->counter ^= UINT64_C(1) << 40;
		p->ok = true;
	}
	c->impl->open(c->key, c->v, N_LENS);
	for (size_t i = 0; i < N_LENS; i++)
		good &= i % 3 == 2 ? opened_right(c, &c->v[i]) : !c->v[i].ok;
	return good;
}

bool aead_selfcheck(const struct aead_impl *impl)
{
	struct check *c = xcalloc(1, sizeof(*c));
	bool good = true;
	c->impl = impl;
	for (size_t i = 0; i < sizeof(c->key); i++)
		c->key[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(c->plain); i++)
		c->plain[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		for (size_t n = 1; n <= N_LENS; n += n < 4 ? 1 : 5)
			good &= round_trip(c, n, n * 5 + i, counters[i]);
	for (size_t first = 0; first < N_LENS; first += 5)
		good &= refuses_damage(c, first);
	free(c);
	return good;
}
