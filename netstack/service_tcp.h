/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service_tcp.h: TCP between this host and our service addresses (service.h). Connections to port
 * 53 from an own address are led to a listener of ours on that address, without keeping anything:
 * both directions come out of the TUN and go back into it with their addresses swapped and one port
 * changed. svc: service address; self: own address of that family; L: port of the listener there.
 *
 *   client    [self:P -> svc:53] ──► TUN ──► [svc:P -> self:L]  ──► listener
 *   client ◄── [svc:53 -> self:P] ◄── TUN ◄── [self:L -> svc:P]    listener
 *
 * So the listener sees a service address as the other side, and takes nobody else. Pure; allocates
 * nothing. */
#ifndef NETSTACK_SERVICE_TCP_H
#define NETSTACK_SERVICE_TCP_H

#include "netstack/inbound.h"
#include "netstack/service.h"

#define SERVICE_TCP_RESET_MAX (IP6_HDR_LEN + 20)

enum service_tcp {
	SERVICE_TCP_REFUSE, /* nobody listens */
	SERVICE_TCP_TO_LISTENER,
	SERVICE_TCP_TO_CLIENT,
};

/* p: a TCP packet from the TUN to a service address. */
enum service_tcp service_tcp_classify(const struct net_self *self, const struct pkt *p);
/* way: not REFUSE. bytes: the packet, its checksum complete; a wrong one stays wrong. */
void service_tcp_turn(enum service_tcp way, const struct net_self *self, const struct pkt *p,
		      struct mspan bytes);
/* The RST that refuses the packet (RFC 9293 3.10.7.1). Returns its length; 0: none is due, or no
 * room. */
size_t service_tcp_reset(struct mspan out, const struct pkt *p, struct span bytes);

#endif
