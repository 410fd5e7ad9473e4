/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No cryptography at all: what the packet path could do if that cost nothing. Only in a build for
 * benchmarks (make BENCH_NO_CRYPTO=1 BUILD=...); any other does not have it. */
#include "base/crypto/aead_impl.h"

#ifdef MESH_BENCH_NO_CRYPTO
#include "base/crypto/crypto.h"

static bool usable(void)
{
	return true;
}

static void seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	(void)key;
	for (size_t i = 0; i < n; i++)
		memset(v[i].p + v[i].len, 0, TAG_LEN);
}

static void open_(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	(void)key;
	for (size_t i = 0; i < n; i++)
		v[i].ok = true;
}

const struct aead_impl aead_none = { "none", usable, seal, open_ };
#endif
