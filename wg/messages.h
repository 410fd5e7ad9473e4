/* SPDX-License-Identifier: GPL-2.0-or-later */
/* messages.h: the four datagrams of WireGuard. Fields are byte arrays, so a struct may lie over
 * received bytes of exactly its size at any alignment. Integers are little-endian. Pure. */
#ifndef WG_MESSAGES_H
#define WG_MESSAGES_H

#include "base/bytes.h"

enum wg_kind {
	WG_KIND_NONE = 0, /* not WireGuard: wrong size, unknown type, a reserved byte set */
	WG_KIND_INITIATION = 1,
	WG_KIND_RESPONSE = 2,
	WG_KIND_COOKIE = 3,
	WG_KIND_TRANSPORT = 4,
};

struct wg_initiation {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t ephemeral[32];
	uint8_t enc_static[48];
	uint8_t enc_timestamp[28];
	uint8_t mac1[16];
	uint8_t mac2[16];
};

struct wg_response {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[32];
	uint8_t enc_empty[16];
	uint8_t mac1[16];
	uint8_t mac2[16];
};

struct wg_cookie_reply {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t nonce[24];
	uint8_t enc_cookie[32];
};

struct wg_transport_header {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t counter[8];
};

#define WG_INITIATION_LEN 148
#define WG_RESPONSE_LEN 92
#define WG_COOKIE_LEN 64
#define WG_HEADER_LEN 16
#define WG_TAG_LEN 16
#define WG_TRANSPORT_MIN (WG_HEADER_LEN + WG_TAG_LEN) /* a keepalive */
#define WG_TAI64N_LEN 12

_Static_assert(sizeof(struct wg_initiation) == WG_INITIATION_LEN, "initiation layout");
_Static_assert(sizeof(struct wg_response) == WG_RESPONSE_LEN, "response layout");
_Static_assert(sizeof(struct wg_cookie_reply) == WG_COOKIE_LEN, "cookie reply layout");
_Static_assert(sizeof(struct wg_transport_header) == WG_HEADER_LEN, "transport layout");

static inline uint32_t wg_le32(const uint8_t b[static 4])
{
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t wg_le64(const uint8_t b[static 8])
{
	return (uint64_t)wg_le32(b) | (uint64_t)wg_le32(b + 4) << 32;
}

static inline void wg_put_le32(uint8_t b[static 4], uint32_t v)
{
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> (8 * i));
}

static inline void wg_put_le64(uint8_t b[static 8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
}

/* What an untrusted datagram claims to be. Handshake sizes are exact; transport data is 32 bytes or
 * more of any length; anything shorter than 32 bytes is nothing. */
static inline enum wg_kind wg_classify(struct span d)
{
	if (d.len < WG_TRANSPORT_MIN)
		return WG_KIND_NONE;
	switch (wg_le32(d.p)) {
	case WG_KIND_INITIATION:
		return d.len == WG_INITIATION_LEN ? WG_KIND_INITIATION : WG_KIND_NONE;
	case WG_KIND_RESPONSE:
		return d.len == WG_RESPONSE_LEN ? WG_KIND_RESPONSE : WG_KIND_NONE;
	case WG_KIND_COOKIE:
		return d.len == WG_COOKIE_LEN ? WG_KIND_COOKIE : WG_KIND_NONE;
	case WG_KIND_TRANSPORT:
		return WG_KIND_TRANSPORT;
	default:
		return WG_KIND_NONE;
	}
}

/* Receiver index of a datagram of kind WG_KIND_TRANSPORT: the key of the worker's session table. */
static inline uint32_t wg_transport_receiver(struct span d)
{
	return wg_le32(d.p + offsetof(struct wg_transport_header, receiver));
}

#endif
