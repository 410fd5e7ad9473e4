/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipv6_linux.h: is IPv6 there to be used? Absent, switched off, without policy routing, or off on
 * one interface are four different things. spec/routing.md 2. */
#ifndef NETSTACK_IPV6_LINUX_H
#define NETSTACK_IPV6_LINUX_H

#include "netstack/kroute_linux.h"

/* Switched on in this system now. */
bool ipv6_switched_on(void);
/* Does it have policy rules? mark, mask, table: for a test rule, where there are no rules at all.
 */
bool ipv6_has_policy(struct nl_sock *s, uint32_t mark, uint32_t mask, uint32_t table);
/* On this interface now: it vanishes with disable_ipv6, or an MTU under 1280. */
bool ipv6_usable_on(const char *ifname);

#endif
