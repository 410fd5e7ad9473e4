/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addresses.h: which tunnel addresses a new node gets: one of 100.64.0.0/10 and the one at the same
 * offset of fd7a:115c:a1e0::/48. Pure. */
#ifndef COORDINATOR_ADDRESSES_H
#define COORDINATOR_ADDRESSES_H

#include "base/ip.h"

struct registry;

#define ADDRESS_RANGE (1u << 22) /* addresses in 100.64.0.0/10 */

struct ip address_v4(uint32_t offset);
struct ip address_v6(uint32_t offset);
/* Not .0 or .255, not 100.100.100.0/24 (MagicDNS), not 100.115.92.0/23 (ChromeOS). */
bool address_allowed(struct ip v4);
/* The next free pair, going round so that an address rests before it is used again. false: full. */
bool address_pick(struct registry *r, struct ip *v4, struct ip *v6);

#endif
