/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_impl.h: the implementations behind aead_batch.h, one file each (aead_<name>.c). A new one is
 * declared here and entered in the table of aead_batch.c, fastest first; where it is written for one
 * CPU only, aead_absent.c has its name for the others. Private to base/crypto and its tests. */
#ifndef BASE_CRYPTO_AEAD_IMPL_H
#define BASE_CRYPTO_AEAD_IMPL_H

#include "base/crypto/aead_batch.h"

extern const struct aead_impl aead_avx512;
extern const struct aead_impl aead_avx2;
extern const struct aead_impl aead_openssl;
extern const struct aead_impl aead_sodium;
#ifdef MESH_BENCH_NO_CRYPTO
extern const struct aead_impl aead_none; /* no protection at all; aead_none.c */
#endif

/* The table of all, fastest first; NULL behind the last. */
const struct aead_impl *aead_impl_at(size_t i);

/* Whether impl agrees with libsodium's one-packet functions, byte for byte, over batches of awkward
 * lengths and counters, and refuses each kind of damage. */
bool aead_selfcheck(const struct aead_impl *impl);

#endif
