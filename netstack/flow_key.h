/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_key.h: the name of a flow, and a hash of it that nobody outside can aim at. Pure. */
#ifndef NETSTACK_FLOW_KEY_H
#define NETSTACK_FLOW_KEY_H

#include "netstack/ip_wire.h"

/* As its packets look when they come in; all bytes count, none is padding. */
struct flow_key {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint8_t proto, version;
	uint8_t zero[2];
};

#define FLOW_KEY_WORDS (sizeof(struct flow_key) / sizeof(uint64_t))

struct flow_key flow_key_in(const struct pkt *p);
struct flow_key flow_key_out(const struct pkt *p); /* of the answers to p */
/* Whether p, which comes in, belongs to the flow. */
bool flow_key_matches(const struct flow_key *k, const struct pkt *p);

/* Secret of a table. */
struct flow_hasher {
	uint32_t k[2 * FLOW_KEY_WORDS];
};

struct flow_hasher flow_hasher_of(uint64_t seed);
/* Two keys that are chosen without knowledge of the seed collide as if by chance. */
uint32_t flow_hash(const struct flow_hasher *h, const struct flow_key *k);

#endif
