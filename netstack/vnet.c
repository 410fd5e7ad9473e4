/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/vnet.h"

#include <string.h>

_Static_assert(sizeof(struct vnet) == VNET_HDR_LEN, "the fields lie as on the wire");

struct vnet vnet_get(const uint8_t p[static VNET_HDR_LEN])
{
	struct vnet h;
	memcpy(&h, p, sizeof(h));
	return h;
}

void vnet_put(uint8_t p[static VNET_HDR_LEN], const struct vnet *h)
{
	memcpy(p, h, sizeof(*h));
}
