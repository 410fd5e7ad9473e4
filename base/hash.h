/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hash.h: FNV-1a, 64 bits: tells apart what nobody gains from making alike. Keys that strangers
 * choose go into a map (map.h), whose hash has a secret. Pure. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

#define FNV1A_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t fnv1a_u8(uint64_t h, uint8_t byte)
{
	return (h ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t fnv1a(uint64_t h, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		h = fnv1a_u8(h, s.p[i]);
	return h;
}

#endif
