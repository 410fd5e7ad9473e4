/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/checksum.h"

#include <endian.h>

/* The sum is the same in either byte order once folded and swapped (RFC 1071 2 B), so whole native
 * words are added. 64 bits hold the carries of 16 GiB. */
uint64_t csum_add(uint64_t sum, struct span b)
{
	uint64_t acc = 0;
	uint32_t word;
	while (b.len >= sizeof(word)) {
		memcpy(&word, b.p, sizeof(word));
		acc += word;
		b = span_of(b.p + sizeof(word), b.len - sizeof(word));
	}
	if (b.len) {
		word = 0;
		memcpy(&word, b.p, b.len);
		acc += word;
	}
	return sum + be16toh(csum_fold(acc));
}

uint64_t csum_pseudo(struct ip src, struct ip dst, uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)proto + len;
	sum = csum_add(sum, span_of(src.b, ip_len(src)));
	return csum_add(sum, span_of(dst.b, ip_len(dst)));
}

uint16_t csum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t csum_update(uint16_t old, struct span from, struct span to)
{
	uint64_t sum = (uint16_t)~old;
	sum += (uint16_t)~csum_fold(csum_add(0, from));
	return csum_finish(csum_add(sum, to));
}
