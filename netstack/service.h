/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service.h: the addresses at which a node answers itself (MagicDNS and friends). Pure. */
#ifndef NETSTACK_SERVICE_H
#define NETSTACK_SERVICE_H

#include "base/ip.h"

#define SERVICE_DNS_PORT 53

#define IP_SERVICE4 ip_v4(100, 100, 100, 100)
/* fd7a:115c:a1e0::53 */
#define IP_SERVICE6 ((struct ip){ IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 0x53 } })

static inline bool ip_is_service(struct ip ip)
{
	return ip_eq(ip, ip.fam == IP_V6 ? IP_SERVICE6 : IP_SERVICE4);
}

#endif
