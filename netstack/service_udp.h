/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service_udp.h: UDP between this host and our service addresses (service.h): the datagram in a
 * packet from the TUN, and the packet that carries one back. Pure; allocates nothing. */
#ifndef NETSTACK_SERVICE_UDP_H
#define NETSTACK_SERVICE_UDP_H

#include "netstack/ip_wire.h"

#define SERVICE_UDP_HDR_MAX (IP6_HDR_LEN + 8)

/* The data of a whole UDP packet; false for a fragment, or where the lengths do not fit. Its
 * checksum is not looked at: the host's own packets come without one. p: of bytes. */
MUST_CHECK bool service_udp_data(const struct pkt *p, struct span bytes, struct span *data);

/* Where the data of a packet between addresses of that family lies. */
size_t service_udp_offset(struct ip addr);
/* Put headers before the len bytes that lie at service_udp_offset in out already, with their
 * checksum. Returns the length of the packet; 0 if it does not fit, or the families differ. */
size_t service_udp_build(struct mspan out, struct ep from, struct ep to, size_t len);

#endif
