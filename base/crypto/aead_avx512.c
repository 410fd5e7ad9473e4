/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ChaCha20-Poly1305 with AVX-512 and its 52-bit multiply-add. A batch is taken in groups of at most
 * sixteen packets. ChaCha20 fills its sixteen lanes with blocks of any packets of the group; the
 * lanes of Poly1305 are shared out evenly: few packets have several lanes each. */
#include "base/crypto/aead_group.h"
#include "base/crypto/aead_impl.h"

#if defined(__x86_64__)
#include "base/crypto/aead_avx512.h"
#include "base/crypto/crypto.h"

static bool usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma");
}

static void wipe_group(struct aead_group *g)
{
	wipe(g->cipher_key, sizeof(*g) - offsetof(struct aead_group, cipher_key));
}

static void start(struct aead_group *g, struct aead_pkt **v, size_t n)
{
	g->n = n < AEAD_LANES ? n : AEAD_LANES;
	for (size_t i = 0; i < g->n; i++) {
		g->v[i] = v[i];
		g->v[i]->ok = true;
	}
}

static void seal_sorted(const uint8_t key[static 32], struct aead_pkt **v, size_t n)
{
	struct aead_group g;
	memcpy(g.cipher_key, key, 32);
	for (size_t done = 0; done < n; done += g.n) {
		start(&g, v + done, n - done);
		aead_avx512_encrypt(&g);
		aead_avx512_mac(&g);
		for (size_t i = 0; i < g.n; i++)
			aead_put_tag(g.v[i], g.tag_lo[i], g.tag_hi[i]);
	}
	wipe_group(&g);
}

static void open_sorted(const uint8_t key[static 32], struct aead_pkt **v, size_t n)
{
	struct aead_group g;
	memcpy(g.cipher_key, key, 32);
	for (size_t done = 0; done < n; done += g.n) {
		start(&g, v + done, n - done);
		aead_avx512_prepare(&g);
		aead_avx512_mac(&g);
		for (size_t i = 0; i < g.n; i++)
			g.v[i]->ok = aead_tag_matches(g.v[i], g.tag_lo[i], g.tag_hi[i]);
		aead_avx512_decrypt(&g);
	}
	wipe_group(&g);
}

/* A short packet alone would leave nearly all lanes idle: measured. */
static bool alone_and_short(const struct aead_pkt *v, size_t n)
{
	return n == 1 && v[0].len <= 320;
}

static void seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	if (alone_and_short(v, n))
		aead_sodium.seal(key, v, n);
	else
		aead_by_length(key, v, n, AEAD_LANES, seal_sorted);
}

static void open_(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	if (alone_and_short(v, n))
		aead_sodium.open(key, v, n);
	else
		aead_by_length(key, v, n, AEAD_LANES, open_sorted);
}

const struct aead_impl aead_avx512 = { "avx512", usable, seal, open_ };
#endif
