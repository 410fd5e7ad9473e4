/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/via6.h"

static const uint8_t range[8] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0x0b, 0x1a };
static const uint8_t four_to_six[13] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0xab,
					 0x12, 0x48, 0x43, 0xcd, 0x96, 0x62 };
#define V4_OFF 12
#define SITE_OFF 8

struct prefix via6_map(uint32_t site, struct prefix v4)
{
	struct prefix p = { { .fam = IP_V6 }, (uint8_t)(V4_OFF * 8 + v4.bits) };
	struct wr w = wr_init(mspan_of(p.ip.b, sizeof(p.ip.b)));
	wr_bytes(&w, range, sizeof(range));
	wr_be32(&w, site);
	wr_bytes(&w, v4.ip.b, 4);
	return p;
}

bool via6_is(struct ip ip)
{
	return ip.fam == IP_V6 && memcmp(ip.b, range, sizeof(range)) == 0;
}

uint32_t via6_site(struct ip ip)
{
	struct rd r = rd_init(span_of(ip.b + SITE_OFF, 4));
	return rd_be32(&r);
}

struct ip via6_unmap(struct ip ip)
{
	return via6_is(ip) ? ip_from_bytes(span_of(ip.b + V4_OFF, 4)) : ip;
}

bool via6_route_ok(struct prefix p)
{
	return via6_is(p.ip) && p.bits >= VIA6_BITS_MIN && via6_site(p.ip) <= VIA6_SITE_MAX;
}

bool via6_target_ok(struct ip v4)
{
	return v4.fam == IP_V4 && !ip_is_loopback(v4) && !ip_is_multicast(v4) &&
	       !ip_is_unspecified(v4) && !ip_is_broadcast(v4) && !ip_is_link_local(v4) &&
	       !ip_is_tailnet(v4);
}

struct ip via6_four_to_six(struct ip v4)
{
	struct ip out = { .fam = IP_V6 };
	if (v4.fam != IP_V4 || !ip_is_tailnet(v4))
		return (struct ip){ 0 };
	memcpy(out.b, four_to_six, sizeof(four_to_six));
	memcpy(out.b + sizeof(four_to_six), v4.b + 1, 3);
	return out;
}
