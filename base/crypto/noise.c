/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crypto/noise.h"

static const uint8_t zero_nonce[12];

void noise_sym_init(struct noise_sym *s, struct span protocol_name)
{
	memset(s, 0, sizeof(*s));
	/* Noise, 5.2: short names are padded, long ones hashed */
	if (protocol_name.len > HASH_LEN)
		blake2s_hash(s->h, protocol_name, span_of(NULL, 0));
	else if (protocol_name.len)
		memcpy(s->h, protocol_name.p, protocol_name.len);
	memcpy(s->ck, s->h, HASH_LEN);
}

void noise_mix_hash(struct noise_sym *s, struct span data)
{
	blake2s_hash(s->h, span_of(s->h, HASH_LEN), data);
}

void noise_mix_key(struct noise_sym *s, struct span data)
{
	kdf_blake2s(s->ck, data, s->ck, s->k, NULL);
}

void noise_mix_chain(struct noise_sym *s, struct span data)
{
	kdf_blake2s(s->ck, data, s->ck, NULL, NULL);
}

void noise_mix_psk(struct noise_sym *s, const uint8_t psk[static 32])
{
	uint8_t tau[HASH_LEN];
	kdf_blake2s(s->ck, span_of(psk, 32), s->ck, tau, s->k);
	noise_mix_hash(s, span_of(tau, sizeof(tau)));
	wipe(tau, sizeof(tau));
}

int noise_mix_dh(struct noise_sym *s, const uint8_t priv[static 32], const uint8_t pub[static 32])
{
	uint8_t shared[32];
	int rc = x25519(shared, priv, pub);
	if (rc == 0)
		noise_mix_key(s, span_of(shared, sizeof(shared)));
	wipe(shared, sizeof(shared));
	return rc;
}

void noise_encrypt(struct noise_sym *s, uint8_t *out, struct span in)
{
	aead_seal(out, s->k, zero_nonce, in, span_of(s->h, HASH_LEN));
	noise_mix_hash(s, span_of(out, in.len + TAG_LEN));
}

int noise_decrypt(struct noise_sym *s, uint8_t *out, struct span in)
{
	uint8_t next[HASH_LEN];
	/* the ciphertext is hashed before the text, because out may be in */
	blake2s_hash(next, span_of(s->h, HASH_LEN), in);
	int rc = aead_open(out, s->k, zero_nonce, in, span_of(s->h, HASH_LEN));
	if (rc == 0)
		memcpy(s->h, next, HASH_LEN);
	return rc;
}

void noise_split(struct noise_sym *s, uint8_t k1[static 32], uint8_t k2[static 32])
{
	kdf_blake2s(s->ck, span_of(NULL, 0), k1, k2, NULL);
	noise_wipe(s);
}

void noise_wipe(struct noise_sym *s)
{
	wipe(s, sizeof(*s));
}
