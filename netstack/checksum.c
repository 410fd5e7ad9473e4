/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/checksum.h"

#include "netstack/checksum_priv.h"

#include <endian.h>

#define SHORT 64 /* below, choosing costs more than it gains */

/* The sum is the same in either byte order once folded and swapped (RFC 1071 2 B), so native words
 * are added. */
static uint64_t words(uint8_t *out, struct span b)
{
#ifdef __x86_64__
	if (b.len >= SHORT && __builtin_cpu_supports("avx2"))
		return csum_words_avx2(out, b.p, b.len);
#endif
	return csum_words_portable(out, b.p, b.len);
}

uint64_t csum_add(uint64_t sum, struct span b)
{
	return sum + be16toh(csum_fold(words(NULL, b)));
}

uint64_t csum_copy(uint64_t sum, uint8_t *out, struct span b)
{
	return sum + be16toh(csum_fold(words(out, b)));
}

uint64_t csum_pseudo(struct ip src, struct ip dst, uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)proto + len;
	sum = csum_add(sum, span_of(src.b, ip_len(src)));
	return csum_add(sum, span_of(dst.b, ip_len(dst)));
}

uint16_t csum_update(uint16_t old, struct span from, struct span to)
{
	uint64_t sum = (uint16_t)~old;
	sum += (uint16_t)~csum_fold(csum_add(0, from));
	return csum_finish(csum_add(sum, to));
}
