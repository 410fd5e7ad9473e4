/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_batch.h: the AEAD door of the packet path. A batch is packets of one key, each with its own
 * 64-bit counter (nonce = 4 zero bytes, counter little-endian), empty associated data, in place.
 * Implementations are a table chosen at start by CPU and a self-check against libsodium;
 * "sodium" is always there and is the oracle of all others. Pure. */
#ifndef BASE_CRYPTO_AEAD_BATCH_H
#define BASE_CRYPTO_AEAD_BATCH_H

#include "base/bytes.h"

#define AEAD_BATCH_MAX 128

struct aead_pkt {
	uint8_t
	    *p; /* plaintext on seal, ciphertext on open; TAG_LEN writable bytes follow the text */
	uint32_t len; /* of the text without tag */
	bool ok;      /* open: whether the tag matched; on failure the bytes at p are unspecified */
	uint64_t counter;
};

struct aead_impl {
	const char *name;
	bool (*usable)(void); /* CPU has what it needs */
	void (*seal)(const uint8_t key[static 32], struct aead_pkt *v, size_t n);
	void (*open)(const uint8_t key[static 32], struct aead_pkt *v, size_t n);
};

/* Choose by name, or the best usable for NULL; -ERR_NOENT (no such name), -ERR_UNSUPPORTED (CPU) or
 * -ERR_AUTH (self-check against libsodium failed). Call once at start, before threads. */
MUST_CHECK int aead_batch_init(const char *name);
const char *aead_batch_name(void);
/* False for "none", which only a build for benchmarks has (make BENCH_NO_CRYPTO=1) and which
 * neither encrypts nor authenticates: whoever starts with it must say so loudly. */
bool aead_batch_protects(const char *name);
/* Names of those that this CPU can run, fastest first; NULL behind the last. */
const char *aead_batch_usable(size_t i);
void aead_batch_seal(const uint8_t key[static 32], struct aead_pkt *v, size_t n);
void aead_batch_open(const uint8_t key[static 32], struct aead_pkt *v, size_t n);

#endif
