/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/flow_key.h"

_Static_assert(sizeof(struct flow_key) == 40, "flow_key is hashed and compared as bytes");

struct flow_key flow_key_in(const struct pkt *p)
{
	struct flow_key k = {
		.sport = p->src.port, .dport = p->dst.port, .proto = p->proto, .version = p->version
	};
	memcpy(k.src, p->src.ip.b, 16);
	memcpy(k.dst, p->dst.ip.b, 16);
	return k;
}

struct flow_key flow_key_out(const struct pkt *p)
{
	struct flow_key k = {
		.sport = p->dst.port, .dport = p->src.port, .proto = p->proto, .version = p->version
	};
	memcpy(k.src, p->dst.ip.b, 16);
	memcpy(k.dst, p->src.ip.b, 16);
	return k;
}

bool flow_key_matches(const struct flow_key *k, const struct pkt *p)
{
	return k->sport == p->src.port && k->dport == p->dst.port && k->proto == p->proto &&
	       k->version == p->version && memcmp(k->src, p->src.ip.b, 16) == 0 &&
	       memcmp(k->dst, p->dst.ip.b, 16) == 0;
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct flow_hasher flow_hasher_of(uint64_t seed)
{
	struct flow_hasher h;
	for (size_t i = 0; i < 2 * FLOW_KEY_WORDS; i++)
		h.k[i] = (uint32_t)(next(&seed) >> 32);
	return h;
}

/* NH (RFC 4418, 5.2.1): a sum of products of secret-shifted halves, whose collisions no choice of
 * keys makes likelier than 2^-32; then mixed, since a table uses the low bits only. */
uint32_t flow_hash(const struct flow_hasher *h, const struct flow_key *k)
{
	uint32_t w[2 * FLOW_KEY_WORDS];
	uint64_t sum = 0;
	memcpy(w, k, sizeof(w));
	for (size_t i = 0; i < 2 * FLOW_KEY_WORDS; i += 2)
		sum += (uint64_t)(uint32_t)(w[i] + h->k[i]) * (uint32_t)(w[i + 1] + h->k[i + 1]);
	sum ^= sum >> 32;
	sum *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(sum >> 32);
}
