/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_shed_linux.h: let the kernel drop most of a flood before it costs a wake-up and a copy. A
 * filter on the socket looks at each datagram; of those that a flooded node would drop anyway, one
 * in UDP_SHED_KEEPS still comes through, so that strangers are answered and the end of the flood is
 * seen.
 *
 *   initiation, response   kept if it carries a mac2 (unless cookies_too), or comes from one of the
 *                          addresses
 *   transport data         kept if its receiver is one of ours and its counter not below the floor
 *   anything else          kept
 *
 * Thread: any. */
#ifndef MAGICSOCK_UDP_SHED_LINUX_H
#define MAGICSOCK_UDP_SHED_LINUX_H

#include "base/ip.h"

#define UDP_SHED_KEEPS 16
#define UDP_SHED_ADDRESSES_MAX 256
#define UDP_SHED_RECEIVERS_MAX 512
#define UDP_SHED_FLOORS_MAX 16

struct udp_sock;

/* Of a session: what has a lower counter was there before. */
struct udp_shed_floor {
	uint32_t receiver;
	uint64_t counter;
};

struct udp_shed {
	bool handshakes, transport; /* what to thin out */
	bool cookies_too;	    /* handshakes with a mac2 as well */
	/* Who is not touched; of IPv6 the last four bytes decide. Those of the other family are
	 * passed over, and those beyond the limit are as strangers. */
	const struct ip *addresses;
	size_t n_addresses;
	/* More than the limit: transport data is not touched at all. */
	const uint32_t *receivers;
	size_t n_receivers;
	/* Sessions that are flooded with replays. What the kernel has joined to more than a single
	 * datagram can hold is kept, for its later parts may be new. */
	const struct udp_shed_floor *floors;
	size_t n_floors;
};

/* Replace the socket's filter; NULL: none. A kernel that refuses it leaves the socket as it was. */
void udp_shed(struct udp_sock *s, enum ip_family fam, const struct udp_shed *what);

#endif
