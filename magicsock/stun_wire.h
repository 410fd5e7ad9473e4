/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stun_wire.h: the subset of STUN (RFC 5389) that clients and relays of this network speak. Pure.
 * Source: transport.md 11. All integers big-endian. */
#ifndef MAGICSOCK_STUN_WIRE_H
#define MAGICSOCK_STUN_WIRE_H

#include "base/ip.h"

#define STUN_HEADER_LEN 20
#define STUN_REQUEST_LEN 40
#define STUN_RESPONSE_MAX 44
#define STUN_TXID_LEN 12

struct stun_txid {
	uint8_t b[STUN_TXID_LEN];
};

/* STUN at all: header and cookie. */
bool stun_is(struct span pkt);
/* A binding request or success response: what our port hands to the STUN code. */
bool stun_is_binding(struct span pkt);
void stun_request_build(const struct stun_txid *txid, uint8_t out[static STUN_REQUEST_LEN]);
/* What a server checks. The header's length field is ignored, as the reference does.
 * Returns 0, -ERR_SYNTAX (no STUN), -ERR_TYPE (no binding request), -ERR_SHORT (attributes run past
 * the end), -ERR_STATE (FINGERPRINT is not the last attribute), -ERR_PERM (other SOFTWARE),
 * -ERR_AUTH (wrong fingerprint). On any error: silence. */
MUST_CHECK int stun_request_parse(struct span pkt, struct stun_txid *txid);
/* Returns the length: 32 for IPv4, 44 for IPv6. addr must be set. */
size_t stun_response_build(const struct stun_txid *txid, struct ep addr,
			   uint8_t out[static STUN_RESPONSE_MAX]);
/* What a client reads. *addr is un-mapped. Bytes behind the declared length are tolerated.
 * Returns 0, -ERR_SYNTAX (no STUN), -ERR_TYPE (no success response), -ERR_PROTO (attributes). */
MUST_CHECK int stun_response_parse(struct span pkt, struct stun_txid *txid, struct ep *addr);

#endif
