/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/aead_impl.h"

#include <sodium.h>

static void make_nonce(uint8_t nonce[static 12], uint64_t counter)
{
	struct wr w = wr_init(mspan_of(nonce, 12));
	wr_zero(&w, 4);
	wr_le64(&w, counter);
}

static bool always(void)
{
	return true;
}

static void seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	uint8_t nonce[12];
	for (size_t i = 0; i < n; i++) {
		make_nonce(nonce, v[i].counter);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(
		    v[i].p, v[i].p + v[i].len, NULL, v[i].p, v[i].len, NULL, 0, NULL, nonce, key);
	}
}

static void open_(const uint8_t key[static 32], struct aead_pkt *v, size_t n)
{
	uint8_t nonce[12];
	for (size_t i = 0; i < n; i++) {
		make_nonce(nonce, v[i].counter);
		v[i].ok = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
			      v[i].p, NULL, v[i].p, v[i].len, v[i].p + v[i].len, NULL, 0, nonce,
			      key) == 0;
	}
}

const struct aead_impl aead_sodium = { "sodium", always, seal, open_ };
