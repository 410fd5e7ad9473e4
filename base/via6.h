/* SPDX-License-Identifier: GPL-2.0-or-later */
/* via6.h: addresses that carry an IPv4 address and a site number inside IPv6 (4via6), and the fixed
 * map of tailnet IPv4 to IPv6. Pure. shared/spec/routing.md 9.3. */
#ifndef BASE_VIA6_H
#define BASE_VIA6_H

#include "base/ip.h"

#define VIA6_SITE_MAX 0xffff /* in an advertised route */
#define VIA6_RANGE_BITS 64
#define VIA6_BITS_MIN 96 /* site and prefix */

/* v4: an IPv4 prefix. */
struct prefix via6_map(uint32_t site, struct prefix v4);
bool via6_is(struct ip ip);
/* Of an address in the range. */
uint32_t via6_site(struct ip ip);
/* The address inside, or ip itself if it is not in the range. */
struct ip via6_unmap(struct ip ip);
/* May p, which lies in the range, be advertised? At least /96, site at most VIA6_SITE_MAX. */
bool via6_route_ok(struct prefix p);
/* May a packet be passed on to the IPv4 address that was inside? */
bool via6_target_ok(struct ip v4);
/* The IPv6 twin of a tailnet IPv4 address; IP_NONE for others. */
struct ip via6_four_to_six(struct ip v4);

#endif
