/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vnet.h: the header that stands before each packet of a TUN device with IFF_VNET_HDR: struct
 * virtio_net_hdr, 10 bytes, host byte order. Pure. Rules: spec/datapath.md 6.1. */
#ifndef NETSTACK_VNET_H
#define NETSTACK_VNET_H

#include <stdint.h>

#define VNET_HDR_LEN 10

enum { VNET_F_NEEDS_CSUM = 1, VNET_F_DATA_VALID = 2 };

enum vnet_gso {
	VNET_GSO_NONE = 0,
	VNET_GSO_TCP4 = 1,
	VNET_GSO_TCP6 = 4,
	VNET_GSO_UDP_L4 = 5,
};

struct vnet {
	uint8_t flags;	      /* VNET_F_… */
	uint8_t gso_type;     /* as read: may be none of enum vnet_gso */
	uint16_t hdr_len;     /* a hint; never to be trusted on read */
	uint16_t gso_size;    /* payload bytes of each segment but the last */
	uint16_t csum_start;  /* from the first byte of the packet */
	uint16_t csum_offset; /* from csum_start */
};

struct vnet vnet_get(const uint8_t p[static VNET_HDR_LEN]);
void vnet_put(uint8_t p[static VNET_HDR_LEN], const struct vnet *h);

#endif
