/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_linux.h: addresses, routes and policy rules in the kernel, through netlink. Needs only
 * CAP_NET_ADMIN. Control thread only; no call but those that say so takes longer than a few ms.
 * Nothing here logs; failures are collected in a report. spec/routing.md 2, 3, 4.3.
 *
 *   router_new     look which kernel this is
 *   router_up      rules and link; what an earlier run left in our table is taken over
 *   router_want    the goal; again at any time, also with work left
 *   router_work    a slice of the way there, until it returns false
 *   router_check   is all that was set still there? what is not, the next work sets
 *   router_down    take back all, or leave the leak guard
 *
 * What is whose. In our table (router_params.table) ours are the routes into our interface, throw
 * routes, and the guard: `unreachable default` with the worst metric, which hangs on no interface
 * and so outlives us. The first plan after router_up removes those of them that are not wanted,
 * and routes of others through interfaces that are down or have no carrier: an agent that died
 * left them. Later on what appears in the table is left alone, with one exception: a route to a
 * destination of ours that would win over ours. Rules are ours by preference and table (or
 * action). Addresses on our interface are ours if we set them or they are in the tailnet's range.
 * The guard is for packets that look for a way: with a socket that is bound to another interface
 * neighbours there are reached as ever (leases, names of the LAN, neighbour discovery).
 * Where the kernel has no policy rules our routes are in the main table, and there is no guard. */
#ifndef NETSTACK_ROUTER_LINUX_H
#define NETSTACK_ROUTER_LINUX_H

#include "netstack/router_report.h"

struct router;

/* As many steps take about 1 ms: a good slice for router_work. */
#define ROUTER_SLICE 128

/* tun: name of an existing interface, borrowed for the call. New; NULL with report filled. */
struct router *router_new(const char *tun, const struct router_params *params,
			  struct router_report *rep);
/* Removes nothing by itself: router_down first. NULL is fine. */
void router_free(struct router *r);

/* Complete our policy rules (missing ones are added before wrong ones go: there is never a gap),
 * then link up. May be called again, as when the interface was taken down by somebody. */
void router_up(struct router *r, struct router_report *rep);
/* Another program removed rules of ours: add what is missing. rep: as that of router_work, and what
 * failed here. */
void router_restore_rules(struct router *r, struct router_report *rep);
/* How many of our policy rules are not there; 0 too if they cannot be read. */
size_t router_rules_missing(struct router *r);

/* Set the goal; copied. Work under way towards another one ends where it is. */
void router_want(struct router *r, const struct router_config *want);
/* The goal where an exit node is wanted and the rest is not known yet: the guard, and the throw
 * routes that are in the table, so that what an earlier run spared of the local network stays
 * within reach. Reads the table, as router_check does. */
void router_hold(struct router *r);
/* Take up to max_steps (>= 1) steps towards the goal. The first slice also looks what there is to
 * do. IPv6 is left out silently where the system has none.
 *   rep   what failed since router_want or router_check, over all slices; a step that fails does
 *         not hold up the others, and is tried again after the next router_want or router_check
 * True: more is left, call again (from the loop, so that others have their turn). */
MUST_CHECK bool router_work(struct router *r, size_t max_steps, struct router_report *rep);
/* router_want and all the work at once: blocks for as long as that takes. For tests and tools. */
void router_apply(struct router *r, const struct router_config *want, struct router_report *rep);

/* Read back our table, rules and addresses, when linkmon tells of a deleted one.
 *   drift  objects that we had set and that are gone, or that a route of somebody else overrides;
 *          if not 0, router_work has something to do (and may return true)
 * Before router_up: nothing to check. Takes about 1 ms for each 1000 routes. */
void router_check(struct router *r, struct router_report *rep, size_t *drift);

/* Addresses and routes go, then the link goes down; the interface itself goes when its owner closes
 * it. Also for what an earlier run left, without router_up before. Takes about 2 ms for each 1000
 * routes; who has more and is in no hurry works towards an empty goal first.
 *   keep_guard  if an exit node is chosen, or a guard is in the table: leave guard, throw routes
 *               and policy rules, so that nothing leaves past the exit node until the next start;
 *               a guard that is wanted and not yet there is set. Otherwise without effect */
void router_down(struct router *r, bool keep_guard, struct router_report *rep);

/* Take away what an earlier run left under other numbers: of a table that is not ours now the guard,
 * throw routes and routes into our interface, and rules that are not ours now, unless others have
 * routes in that table. Of `before`
 * only table and rule_base count. After the first work, so that one guard stands before the other
 * falls. rep: what failed here. */
void router_forget_numbers(struct router *r, const struct router_params *before,
			   struct router_report *rep);

/* Is IPv6 usable on the interface now? */
bool router_has_ipv6(const struct router *r);

/* ---- desired against actual, for people ---- */

enum router_item_kind {
	RT_ITEM_RULE,
	RT_ITEM_GUARD,
	RT_ITEM_THROW,
	RT_ITEM_ROUTE,
	RT_ITEM_ADDR,
	RT_ITEM_FOREIGN, /* a route in our table that is somebody else's; always RT_EXTRA */
};

enum router_item_state {
	RT_OK,
	RT_MISSING, /* wanted and not there */
	RT_EXTRA,   /* there and not wanted */
};

struct router_item {
	enum router_item_kind kind;
	enum router_item_state state;
	uint8_t fam;		       /* enum ip_family */
	struct prefix prefix;	       /* but for rules; of a guard 0.0.0.0/0 or ::/0 */
	uint32_t table;		       /* but for addresses; of a rule 0: unreachable */
	uint32_t priority, mark, mask; /* of a rule; 0, 0: any packet */
	unsigned ifindex;	       /* of a foreign route; 0: none */
};

typedef void router_compare_fn(void *arg, const struct router_item *item);
/* Call fn for each object, in the order of the kinds above. Nothing is changed. Reads the whole
 * table: as long as router_check. 0, or the code of a look that failed. */
MUST_CHECK int router_compare(struct router *r, router_compare_fn *fn, void *arg);

/* ---- meshd --cleanup ---- */

/* Remove all that a dead process left: rules in [rule_base, rule_base+100) that are ours, all
 * routes of the table, guard included, tailnet addresses on tun, and tun itself if it persists
 * without an owner. Repeatable; nothing to do is success. Not at an ordinary start: it would open
 * the guard. Blocks. */
void router_linux_cleanup(const char *tun, const struct router_params *params,
			  struct router_report *rep);

#endif
