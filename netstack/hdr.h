/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hdr.h: where the fields of IPv4, IPv6, TCP and UDP headers lie, for code that rewrites them.
 * Pure. Transport offsets count from the transport header. */
#ifndef NETSTACK_HDR_H
#define NETSTACK_HDR_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
	IP4_TOS = 1,
	IP4_TOTAL_LEN = 2,
	IP4_ID = 4,
	IP4_FRAG = 6, /* flags and offset */
	IP4_TTL = 8,
	IP4_PROTO = 9,
	IP4_CSUM = 10,
	IP4_SRC = 12, /* destination follows */

	IP6_PAYLOAD_LEN = 4,
	IP6_NEXT = 6,
	IP6_HOP_LIMIT = 7,
	IP6_SRC = 8, /* destination follows */

	TCP_SEQ = 4,
	TCP_ACK_NO = 8,
	TCP_OFF_FLAGS = 12, /* 16 bits: data offset, reserved, flags */
	TCP_CSUM = 16,
	TCP_HDR_LEN = 20,
	TCP_HDR_MAX = 60,

	UDP_LEN = 4,
	UDP_CSUM = 6,
	UDP_HDR_LEN = 8,
};

static inline uint16_t hdr_get16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t hdr_get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline void hdr_put16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void hdr_put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

#endif
