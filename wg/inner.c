/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg/inner.h"

#define V4_HEADER 20
#define V6_HEADER 40

static unsigned version(struct span p)
{
	return p.len ? p.p[0] >> 4 : 0;
}

static size_t v4_len(struct span p)
{
	struct rd r = rd_init(p);
	rd_skip(&r, 2);
	size_t total = rd_be16(&r);
	return p.len >= V4_HEADER && total >= V4_HEADER && total <= p.len ? total : 0;
}

static size_t v6_len(struct span p)
{
	struct rd r = rd_init(p);
	rd_skip(&r, 4);
	size_t total = (size_t)rd_be16(&r) + V6_HEADER; /* may pass 65535 */
	return p.len >= V6_HEADER && total <= p.len ? total : 0;
}

size_t wg_inner_len(struct span plaintext)
{
	switch (version(plaintext)) {
	case 4:
		return v4_len(plaintext);
	case 6:
		return v6_len(plaintext);
	default:
		return 0;
	}
}

static struct ip address(struct span p, size_t at4, size_t at6)
{
	bool v4 = version(p) == 4;
	struct ip ip = { .fam = v4 ? IP_V4 : IP_V6 };
	struct rd r = rd_init(p);
	rd_skip(&r, v4 ? at4 : at6);
	rd_copy(&r, ip.b, v4 ? 4 : 16);
	return ip;
}

struct ip wg_inner_source(struct span packet)
{
	return address(packet, 12, 8);
}

struct ip wg_inner_destination(struct span packet)
{
	return address(packet, 16, 24);
}
