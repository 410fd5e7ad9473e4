/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip_nat.h: put another source or destination address into a packet and repair its checksums
 * (RFC 1624, so that a wrong one stays wrong). Pure. */
#ifndef NETSTACK_IP_NAT_H
#define NETSTACK_IP_NAT_H

#include "netstack/ip_wire.h"

/* p describes bytes and is kept true. False, with nothing changed, if `to` is of another family or
 * p is not decodable. */
bool ip_nat_src(struct mspan bytes, struct pkt *p, struct ip to);
bool ip_nat_dst(struct mspan bytes, struct pkt *p, struct ip to);

#endif
