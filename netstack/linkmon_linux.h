/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linkmon_linux.h: watches the machine's interfaces and routes on the loop. One look at start, then
 * one after events: the first ones at once, one a second when they go on; every 10 s where netlink
 * cannot be had. Control thread. */
#ifndef NETSTACK_LINKMON_LINUX_H
#define NETSTACK_LINKMON_LINUX_H

#include "base/loop.h"
#include "netstack/linkmon.h"

struct linkmon;

struct linkmon_ops {
	/* Something changed. s is borrowed; it stays valid until the next call. */
	void (*on_change)(void *arg, const struct link_snapshot *s, const struct link_change *c);
	/* One of our policy rules was removed by somebody else: put them back
	 * (router_restore_rules). Already delayed and rate-limited. May be NULL. */
	void (*on_rules_lost)(void *arg);
	/* A route of our table or an address of our interface was removed by somebody else: compare
	 * with what should be there. Delayed and rate-limited the same way. May be NULL. */
	void (*on_routes_lost)(void *arg);
	void *arg;
};

struct linkmon_opts {
	const char *tun; /* name of our interface; copied */
	uint32_t table;	 /* the router's */
	uint32_t rule_base;
	/* To notice suspends: NULL and 0 for the system's clock and a look every 15 s. */
	wall_t (*wall)(void);
	int64_t tick_ms;
};

/* Takes the first snapshot at once, without calling on_change. New; NULL when not even a snapshot
 * can be taken. */
struct linkmon *linkmon_new(struct loop *l, const struct linkmon_opts *opts,
			    const struct linkmon_ops *ops);
void linkmon_free(struct linkmon *m); /* NULL is fine; not from inside its callbacks */
/* The present state; borrowed until the next on_change. Its addresses are those to offer as
 * endpoints: usable ones (link_addr_usable) of interfaces that are up and not ours. */
const struct link_snapshot *linkmon_snapshot(const struct linkmon *m);
/* Look again soon, as after an event. */
void linkmon_poke(struct linkmon *m);
/* Are our policy rules in place, so that one that vanishes was taken by somebody else? On after
 * router_up, off before router_down. Off at first. */
void linkmon_guard_rules(struct linkmon *m, bool on);
/* Are our routes and addresses as we want them? Off before the router changes anything (it removes
 * some itself), on when it is done: what the kernel told of those changes is forgotten first.
 * What others removed before or meanwhile is told when it is on again. Off at first. */
void linkmon_guard_routes(struct linkmon *m, bool on);

#endif
