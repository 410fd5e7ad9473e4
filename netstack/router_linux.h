/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_linux.h: addresses, routes and policy rules in the kernel, through netlink. Needs only
 * CAP_NET_ADMIN. Every call may block for a netlink round trip (well under 1 ms for each step).
 * Control thread only. Nothing here logs; failures are collected in a report. */
#ifndef NETSTACK_ROUTER_LINUX_H
#define NETSTACK_ROUTER_LINUX_H

#include "netstack/router.h"

struct router;

struct router_report {
	unsigned failed; /* steps that failed; the others were done all the same */
	char first[160]; /* the first failure: request and reason; "" if none */
};

/* tun: name of an existing interface, borrowed for the call. New; NULL with report filled. */
struct router *router_new(const char *tun, const struct router_params *params,
			  struct router_report *rep);
/* Removes nothing by itself: router_down first. NULL is fine. */
void router_free(struct router *r);

/* Policy rules (ours are removed and added anew), then link up. */
void router_up(struct router *r, struct router_report *rep);
/* Go from the last applied state to this one. IPv6 is left out silently where the system has none.
 */
void router_apply(struct router *r, const struct router_config *want, struct router_report *rep);
/* The rules vanished (another manager): add them again. */
void router_restore_rules(struct router *r, struct router_report *rep);
/* Empty configuration, link down, rules and throw routes removed. The interface itself goes when
 * its owner closes it. */
void router_down(struct router *r, struct router_report *rep);
/* Is IPv6 usable on the interface now? */
bool router_has_ipv6(const struct router *r);

/* Remove all that a dead process left: rules in [rule_base, rule_base+100) that are ours, the
 * table's routes, tailnet addresses on tun, and tun itself if it persists without an owner.
 * Repeatable; nothing to do is success. */
void router_linux_cleanup(const char *tun, const struct router_params *params,
			  struct router_report *rep);

#endif
