/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aead_group.h: what implementations that work on groups of packets have in common. Private to
 * base/crypto. */
#ifndef BASE_CRYPTO_AEAD_GROUP_H
#define BASE_CRYPTO_AEAD_GROUP_H

#include "base/crypto/aead_batch.h"

typedef void (*aead_group_fn)(const uint8_t key[static 32], struct aead_pkt **v, size_t n);

/* Call fn with the packets of a batch, at most AEAD_BATCH_MAX at a time. Packets of unlike lengths
 * that make more than one group (of size) are put in order, longest first, so that a group's
 * members are of nearly one length. */
void aead_by_length(const uint8_t key[static 32], struct aead_pkt *v, size_t n, size_t size,
		    aead_group_fn fn);

/* A tag as two little-endian halves, behind the text. The comparison takes constant time. */
void aead_put_tag(const struct aead_pkt *p, uint64_t lo, uint64_t hi);
bool aead_tag_matches(const struct aead_pkt *p, uint64_t lo, uint64_t hi);

#endif
