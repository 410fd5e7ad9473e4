/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checksum_priv.h: the ways to sum that checksum.c chooses from; for it and its tests. Pure. */
#ifndef NETSTACK_CHECKSUM_PRIV_H
#define NETSTACK_CHECKSUM_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* The 16-bit words of n bytes in native order, not folded (fold it before adding it to another);
 * zero-padded if n is odd. out: a copy of the bytes is left there; NULL: none. No overlap. */
uint64_t csum_words_portable(uint8_t *out, const uint8_t *p, size_t n);

#ifdef __x86_64__
/* Only where the CPU has AVX2. */
uint64_t csum_words_avx2(uint8_t *out, const uint8_t *p, size_t n);
#endif

#endif
