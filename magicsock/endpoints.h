/* SPDX-License-Identifier: GPL-2.0-or-later */
/* endpoints.h: the set of addresses that peers may reach us on, and whether it changed. Pure.
 * Source: transport.md 6. */
#ifndef MAGICSOCK_ENDPOINTS_H
#define MAGICSOCK_ENDPOINTS_H

#include "base/ip.h"
#include "base/mono.h"

#define ENDPOINTS_MAX 128
#define ENDPOINTS_CACHE_S 310  /* 5 min 10 s */
#define ENDPOINTS_PER_IP_MAX 6 /* cached ones; the oldest are dropped */
#define ENDPOINTS_V6_PER_SUBNET 2

/* values of EndpointTypes on the wire */
enum endpoint_type {
	ENDPOINT_LOCAL = 1,
	ENDPOINT_STUN = 2,
	ENDPOINT_PORTMAPPED = 3,
	ENDPOINT_STUN4_LOCAL_PORT = 4,
	ENDPOINT_EXPLICIT = 5,
};

struct endpoint {
	struct ep ep;
	enum endpoint_type type;
};

/* One address of one interface. */
struct if_addr {
	char ifname[16];
	struct prefix addr; /* host bits set */
	bool up;
	bool loopback;
};

/* The addresses worth offering, in order; returns how many (at most max). Rules: transport.md 6
 * "Local addresses". */
size_t endpoints_local_ips(const struct if_addr *addrs, size_t n, struct ip *out, size_t max);

/* All borrowed during the call; unset endpoints mean "none". */
struct endpoints_in {
	const struct if_addr *addrs;
	size_t n_addrs;
	uint16_t local_port;	  /* of the IPv4 socket */
	uint16_t configured_port; /* 0 = any */
	bool wildcard;		  /* IPv4 socket bound to 0.0.0.0 */
	struct ip bound;	  /* else its address */
	struct ep portmapped;
	const struct ep *stun4; /* first one first; those seen more than once behind it */
	size_t n_stun4;
	const struct ep *stun6; /* likewise, latest first */
	size_t n_stun6;
	bool mapping_varies; /* MappingVariesByDestIP is known to be true */
	const struct ep *statics;
	size_t n_statics;
};

struct endpoints; /* the current list and the cache */

struct endpoints *endpoints_new(void);
void endpoints_free(struct endpoints *e);
/* Gather. Returns whether the set of (address, type) changed; order does not count. */
bool endpoints_update(struct endpoints *e, mono_t now, const struct endpoints_in *in);
/* In order of preference for the reader, which must not rely on it. Borrowed until the next update.
 */
const struct endpoint *endpoints_list(const struct endpoints *e, size_t *n);
/* Link change: what was learned before is no longer true. */
void endpoints_forget(struct endpoints *e);

#endif
