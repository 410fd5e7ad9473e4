/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ChaCha20-Poly1305 with AVX2, for machines without AVX-512: as aead_avx512.c, with vectors of half
 * the size and limbs of 26 bits. */
#include "base/crypto/aead_group.h"
#include "base/crypto/aead_impl.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx2.h"
#include "base/crypto/crypto.h"

static bool usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2");
}

static void start(struct aead_avx2_group *g, struct aead_pkt **v, size_t n)
{
	g->n = n < AEAD_AVX2_LANES ? n : AEAD_AVX2_LANES;
	for (size_t i = 0; i < g->n; i++) {
		g->v[i] = v[i];
		g->v[i]->ok = true;
	}
}

static void wipe_group(struct aead_avx2_group *g)
{
	wipe(g->cipher_key, sizeof(*g) - offsetof(struct aead_avx2_group, cipher_key));
}

static void seal_sorted(const uint8_t key[static 32], struct aead_pkt **v, size_t n)
{
	struct aead_avx2_group g;
	memcpy(g.cipher_key, key, 32);
	for (size_t done = 0; done < n; done += g.n) {
		start(&g, v + done, n - done);
		aead_avx2_keys(&g, true);
		aead_avx2_crypt(&g);
		aead_avx2_mac(&g);
		for (size_t i = 0; i < g.n; i++)
			aead_put_tag(g.v[i], g.tag_lo[i], g.tag_hi[i]);
	}
	wipe_group(&g);
}

static void open_sorted(const uint8_t key[static 32], struct aead_pkt **v, size_t n)
{
	struct aead_avx2_group g;
	memcpy(g.cipher_key, key, 32);
	for (size_t done = 0; done < n; done += g.n) {
		start(&g, v + done, n - done);
		aead_avx2_keys(&g, false);
		aead_avx2_mac(&g);
		for (size_t i = 0; i < g.n; i++)
			g.v[i]->ok = aead_tag_matches(g.v[i], g.tag_lo[i], g.tag_hi[i]);
		aead_avx2_crypt(&g);
	}
	wipe_group(&g);
}

/* Where one packet at a time is faster, for there is no set-up for eight: measured. */
static const struct aead_impl *better(const struct aead_pkt *v, size_t n)
{
	if (n == 1 && v[0].len < 512)
		return &aead_sodium;
	if (n == 0 || (n < 5 && v[0].len >= 512) || v[0].len > 2048)
		return &aead_openssl;
	return NULL;
}

static void seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	const struct aead_impl *other = better(v, n);
	if (other)
		other->seal(key, v, n);
	else
		aead_by_length(key, v, n, AEAD_AVX2_LANES, seal_sorted);
}

static void open_(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	const struct aead_impl *other = better(v, n);
	if (other)
		other->open(key, v, n);
	else
		aead_by_length(key, v, n, AEAD_AVX2_LANES, open_sorted);
}

const struct aead_impl aead_avx2 = { "avx2", usable, seal, open_ };
#endif
