/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disco_wire.h: seal, open, parse and build disco messages. Pure: no I/O, clock, allocation or log.
 * Layout: transport.md 2. All integers big-endian. Messages may grow: bytes behind the known ones
 * are tolerated. */
#ifndef MAGICSOCK_DISCO_WIRE_H
#define MAGICSOCK_DISCO_WIRE_H

#include "base/crypto/crypto.h"
#include "base/ip.h"

#define DISCO_MAGIC_LEN 6
#define DISCO_HEADER_LEN 62 /* magic, sender's disco key, nonce */
#define DISCO_OVERHEAD (DISCO_HEADER_LEN + BOX_OVERHEAD)
#define DISCO_MIN_LEN 38 /* what is recognised as disco on the wire */
#define DISCO_TXID_LEN 12
#define DISCO_PING_LEN 124			/* sealed, with node key, without padding */
#define DISCO_PACKET_MAX 65495			/* largest sealed packet we build or open */
#define DISCO_CMM_MAX 64			/* endpoints kept of one call-me-maybe */
#define DISCO_RELAY_ADDRS_MAX 16		/* addresses kept of one relay endpoint */
#define DISCO_DERP_FAKE_IP ip_v4(127, 3, 3, 40) /* source in pongs over DERP; port = region */

enum disco_type {
	DISCO_PING = 1,
	DISCO_PONG = 2,
	DISCO_CALL_ME_MAYBE = 3,
	DISCO_BIND = 4,
	DISCO_CHALLENGE = 5,
	DISCO_ANSWER = 6,
	DISCO_CALL_ME_MAYBE_VIA = 7,
	DISCO_ALLOC_REQUEST = 8,
	DISCO_ALLOC_RESPONSE = 9,
};

struct disco_txid {
	uint8_t b[DISCO_TXID_LEN];
};

struct disco_ping {
	struct disco_txid txid;
	bool has_node;
	struct node_key node; /* the sender's, a claim until checked against the netmap */
	size_t padding;
};

struct disco_pong {
	struct disco_txid txid;
	struct ep src; /* where the ping was seen from */
};

struct disco_cmm {
	struct ep eps[DISCO_CMM_MAX];
	size_t n;
};

struct disco_bind { /* bind, challenge and answer */
	uint32_t vni;
	uint32_t generation;
	struct disco_key remote;
	uint8_t challenge[32];
};

struct disco_relay { /* a zero server key means: invalid, ignore */
	struct disco_key server;
	struct disco_key client[2];
	uint64_t lamport;
	uint32_t vni;
	uint64_t bind_ns;
	uint64_t steady_ns;
	struct ep addrs[DISCO_RELAY_ADDRS_MAX];
	size_t n_addrs;
};

struct disco_alloc {
	struct disco_key client[2];
	uint32_t generation;
	struct disco_relay relay; /* of a response */
};

struct disco_msg {
	enum disco_type type;
	uint8_t version;
	union {
		struct disco_ping ping;
		struct disco_pong pong;
		struct disco_cmm cmm;
		struct disco_bind bind;
		struct disco_relay via;
		struct disco_alloc alloc; /* request and response */
	};
};

/* Whether it has the magic and room for key and nonce (62 bytes). */
bool disco_is_wrapped(struct span pkt);
/* The claimed sender; look it up before spending crypto on it. -ERR_SHORT, -ERR_TYPE. */
MUST_CHECK int disco_sender(struct span pkt, struct disco_key *out);
/* Open one sealed packet.
 *   pkt      whole UDP or DERP payload (Geneve header stripped); untrusted, any length
 *   box      precomputed for (our disco key, sender's); borrowed
 *   scratch  at least pkt.len - DISCO_OVERHEAD bytes; *plain points into it
 * Returns 0, -ERR_SHORT, -ERR_TYPE (not disco), -ERR_TOOBIG (scratch), -ERR_AUTH. */
MUST_CHECK int disco_open(struct span pkt, const struct box_key *box, struct mspan scratch,
			  struct span *plain);
/* Parse an opened plaintext. *out is written only on success.
 * Returns 0, -ERR_SHORT, -ERR_TYPE (unknown type: ignore it). */
MUST_CHECK int disco_parse(struct span plain, struct disco_msg *out);
/* Build the plaintext of msg (version 0; ping with `padding` zero bytes behind it). Writer's errors
 * are the caller's to check. */
void disco_build(struct wr *w, const struct disco_msg *msg);
/* Seal a plaintext: magic, sender, nonce from rng, box. */
void disco_seal(struct wr *w, const struct disco_key *self, const struct box_key *box,
		struct rng *rng, struct span plain);

static inline bool disco_txid_eq(const struct disco_txid *a, const struct disco_txid *b)
{
	return memcmp(a->b, b->b, DISCO_TXID_LEN) == 0;
}

#endif
