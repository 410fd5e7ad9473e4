/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/addresses.h"

#include "daemon/coordinator/registry.h"

struct ip address_v4(uint32_t offset)
{
	uint32_t a = (100u << 24 | 64u << 16) + offset;

	return ip_v4((uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a);
}

struct ip address_v6(uint32_t offset)
{
	struct ip ip = { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } };

	ip.b[13] = (uint8_t)(offset >> 16);
	ip.b[14] = (uint8_t)(offset >> 8);
	ip.b[15] = (uint8_t)offset;
	return ip;
}

bool address_allowed(struct ip v4)
{
	const uint8_t *b = v4.b;

	if (b[3] == 0 || b[3] == 255)
		return false;
	if (b[1] == 100 && b[2] == 100)
		return false;
	return !(b[1] == 115 && (b[2] == 92 || b[2] == 93));
}

bool address_pick(struct registry *r, struct ip *v4, struct ip *v6)
{
	for (uint32_t tries = 0; tries < ADDRESS_RANGE; tries++) {
		uint32_t offset = r->next_addr;

		r->next_addr = (r->next_addr + 1) % ADDRESS_RANGE;
		*v4 = address_v4(offset);
		if (!address_allowed(*v4) || map_get(&r->by_v4, v4->b))
			continue;
		*v6 = address_v6(offset);
		return true;
	}
	return false;
}
