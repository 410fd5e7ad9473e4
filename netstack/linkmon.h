/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linkmon.h: the machine's interfaces as a value, and what the difference of two such values means
 * for us. Pure. spec/routing.md 6. */
#ifndef NETSTACK_LINKMON_H
#define NETSTACK_LINKMON_H

#include "base/ip.h"

#define LINK_NAME_MAX 16
#define LINK_HWADDR_MAX 32

struct link_if {
	char name[LINK_NAME_MAX];
	unsigned index;
	unsigned mtu;
	bool up;      /* administratively */
	bool running; /* has a carrier */
	bool loopback;
	uint8_t hwaddr[LINK_HWADDR_MAX];
	uint8_t hwaddr_len;
	struct prefix *addrs; /* address with prefix length, sorted; owned */
	size_t n_addrs;
};

struct link_snapshot {
	struct link_if *ifs; /* sorted by name; owned */
	size_t n_ifs;
	char default_if[LINK_NAME_MAX]; /* "" if none */
	bool have_v4, have_v6;		/* link_snapshot_finish sets them */
	char *proxy;			/* from the environment; NULL or owned */
};

void link_snapshot_fini(struct link_snapshot *s);
/* New empty interface at the end; index and name are the caller's to set. */
struct link_if *link_snapshot_add(struct link_snapshot *s);
void link_if_add_addr(struct link_if *i, struct prefix p);
/* Sort, and decide have_v4/have_v6. tun: the name of our own interface. */
void link_snapshot_finish(struct link_snapshot *s, const char *tun);
const struct link_if *link_snapshot_find(const struct link_snapshot *s,
					 const char *name); /* NULL if none */
/* Not loopback, not link-local; IPv6: global unicast, or unique local outside the tailnet's range.
 */
bool link_addr_usable(struct ip ip);

/* A jump of the wall clock this long is taken for a long sleep. */
#define LINK_LONG_SLEEP_S 600

struct link_change {
	bool any_up;
	bool default_viable; /* there is a default interface, it is up and not ours */
	bool equal;
	bool default_changed;
	bool ips_changed;
	bool protocols_changed;
	bool proxy_changed;
	bool event;  /* anything to tell */
	bool rebind; /* major: sockets and DNS must be done anew */
};

/* old: NULL for the first snapshot. Both finished. */
struct link_change link_compare(const struct link_snapshot *old, const struct link_snapshot *now,
				const char *tun, int64_t jump_s);

/* ---- the netlink events worth a look ---- */

enum link_event_kind {
	LINK_EV_ADDR_NEW,
	LINK_EV_ADDR_DEL,
	LINK_EV_ROUTE_NEW,
	LINK_EV_ROUTE_DEL,
	LINK_EV_RULE_NEW,
	LINK_EV_RULE_DEL,
	LINK_EV_LINK,
	LINK_EV_OTHER, /* any other, also one that does not parse */
};

struct link_event {
	enum link_event_kind kind;
	unsigned ifindex;
	struct prefix prefix; /* address, or destination; unset: default route */
	uint32_t table;
	uint32_t priority; /* of a rule */
	bool up, running;  /* of a link that exists */
};

enum link_reaction { LINK_IGNORE, LINK_RECHECK, LINK_RULES_LOST, LINK_ROUTES_LOST };

/* What is ours: the router's interface, table and rules. */
struct link_own {
	const char *tun;
	uint32_t table, rule_base;
};

/* last: the snapshot known so far (NULL: none). An address goes by its interface, not by its
 * range: a provider's lease may lie among the tailnet's. */
enum link_reaction link_event_judge(const struct link_event *e, const struct link_snapshot *last,
				    const struct link_own *own);

/* One line of /proc/net/route: is it a default route through an interface that is not a tunnel
 * (tun, or a name that begins as those of other agents do)? Then its interface goes to out. */
bool link_default_line(struct span line, const char *tun, char out[static LINK_NAME_MAX]);

#endif
