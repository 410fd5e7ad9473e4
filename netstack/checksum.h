/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checksum.h: the Internet checksum (RFC 1071) as partial sums that can be joined and updated
 * (RFC 1624). Pure. A partial sum counts big-endian 16-bit words; only the last piece added to one
 * may have an odd length. */
#ifndef NETSTACK_CHECKSUM_H
#define NETSTACK_CHECKSUM_H

#include "base/bytes.h"
#include "base/ip.h"

/* sum plus the words of b; an odd last byte is padded with zero. */
uint64_t csum_add(uint64_t sum, struct span b);
/* The same while copying b to out, which does not overlap it and has room for b.len. */
uint64_t csum_copy(uint64_t sum, uint8_t *out, struct span b);
/* The pseudo header of TCP, UDP and ICMPv6; src and dst of one family. */
uint64_t csum_pseudo(struct ip src, struct ip dst, uint8_t proto, uint32_t len);
/* 16-bit one's complement sum, not complemented: what an offloaded checksum field holds. */
static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32); /* 33 bits */
	sum = (sum & 0xffff) + (sum >> 16);	/* 18 bits */
	sum = (sum & 0xffff) + (sum >> 16);	/* 17 bits, and then no more than 0xffff + 0 */
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
/* The value for the header field. */
static inline uint16_t csum_finish(uint64_t sum)
{
	return (uint16_t)~csum_fold(sum);
}
/* The field `old` after the bytes `from` became `to`; both start at an even offset and have the
 * same even length. */
uint16_t csum_update(uint16_t old, struct span from, struct span to);

#endif
