/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_wire.h: what inbound.c and outbound.c have in common. Pure. */
#ifndef NETSTACK_INNER_WIRE_H
#define NETSTACK_INNER_WIRE_H

#include "netstack/inbound.h"

/* A disco packet of our own inside the tunnel: we would be our own path, in a loop. */
bool inner_is_own_disco(const struct net_self *self, const struct pkt *p, struct span bytes);
/* Our own address as source becomes the one the peer knows us by, if it has one. */
void inner_masquerade(const struct net_self *self, const struct net_peer *peer, struct mspan bytes,
		      struct pkt *p);

#endif
