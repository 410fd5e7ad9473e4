/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/offload.h"

#include <string.h>

static const char *const names[OFFLOAD_STEPS] = {
	[OFFLOAD_VNET] = "vnet",
	[OFFLOAD_TSO] = "tso",
	[OFFLOAD_USO] = "uso",
	[OFFLOAD_TUN_GRO_TCP] = "tun-gro-tcp",
	[OFFLOAD_TUN_GRO_UDP] = "tun-gro-udp",
	[OFFLOAD_UDP_GSO] = "udp-gso",
	[OFFLOAD_UDP_GRO] = "udp-gro",
};

const char *offload_name(enum offload_step step)
{
	return names[step];
}

/* 0: no such name. */
static uint32_t named(struct span word)
{
	for (unsigned i = 0; i < OFFLOAD_STEPS; i++)
		if (span_eq_str(word, names[i]))
			return OFFLOAD_BIT(i);
	if (span_eq_str(word, "tun-gro"))
		return OFFLOAD_BIT(OFFLOAD_TUN_GRO_TCP) | OFFLOAD_BIT(OFFLOAD_TUN_GRO_UDP);
	return span_eq_str(word, "all") ? OFFLOAD_ALL : 0;
}

int offload_decode(struct span text, uint32_t *set, struct span *bad)
{
	uint32_t all = *set;
	for (size_t begin = 0; begin <= text.len;) {
		const uint8_t *comma =
		    text.len > begin ? memchr(text.p + begin, ',', text.len - begin) : NULL;
		size_t end = comma ? (size_t)(comma - text.p) : text.len;
		struct span word = span_of(text.p + begin, end - begin);
		uint32_t bits = named(word);
		if (!bits) {
			*bad = word;
			return -ERR_NOENT;
		}
		all |= bits;
		begin = end + 1;
	}
	*set = all;
	return 0;
}

const char *offload_off_text(unsigned off)
{
	if (off & OFFLOAD_OFF_SWITCH)
		return "switched off";
	if (off & OFFLOAD_OFF_NETWORK)
		return "switched off by the network";
	if (off & OFFLOAD_OFF_KERNEL)
		return "no kernel support";
	return off ? "refused by the device" : "on";
}
