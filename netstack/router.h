/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router.h: what the system should have for us (addresses, routes) and the steps from one such
 * state to the next. Pure; router_linux.h carries the steps out. spec/routing.md 2, 3. */
#ifndef NETSTACK_ROUTER_H
#define NETSTACK_ROUTER_H

#include "netstack/routeselect.h"

/* Numbers that tools on a host may know. */
struct router_params {
	uint32_t fwmark_mask;
	uint32_t fwmark_bypass; /* on sockets of our own */
	uint32_t fwmark_subnet; /* on packets forwarded from the tunnel */
	uint32_t table;
	uint32_t rule_base;
};
#define ROUTER_PARAMS_DEFAULT                                                                      \
	((struct router_params){ 0x00ff0000, 0x00080000, 0x00040000, 52, 5200 })

/* How far we go with the firewall. Values are those of the preference NetfilterMode. */
enum rt_netfilter { RT_NETFILTER_OFF = 0, RT_NETFILTER_NODIVERT = 1, RT_NETFILTER_ON = 2 };

struct router_config {
	struct prefix_list addrs;  /* /32 and /128 */
	struct prefix_list routes; /* into the tunnel */
	struct prefix_list throws; /* decided by the main table */
	bool guard; /* what no route takes is unreachable, also when we are dead: an exit node is
		     * chosen, and nothing may leave past it */
	uint16_t mtu;
};

struct router_in {
	const struct ip *self; /* own tailnet addresses */
	size_t n_self;
	const struct rt_peer *peers;
	size_t n_peers;
	struct rt_choice choice;
	const struct prefix
	    *lan; /* prefixes of the other interfaces, looked at with an exit node */
	size_t n_lan;
	bool allow_lan; /* --exit-node-allow-lan-access */
	uint16_t mtu;
};

/* out: fini or zeroed before. */
void router_config_build(const struct router_in *in, struct router_config *out);
void router_config_fini(struct router_config *c);
bool router_config_eq(const struct router_config *a, const struct router_config *b);
/* Would packets to this address go into the tunnel or, past it, be refused by the guard? */
bool router_config_leads_in(const struct router_config *c, struct ip to);

/* ---- what the system has ---- */

enum rt_set {
	RT_GUARDS, /* 0.0.0.0/0, ::/0 */
	RT_THROWS,
	RT_ROUTES,
	RT_ADDRS,
	RT_SETS
};

/* What the system has of ours, or shall have: each list sorted, without doubles. No prefix is both
 * thrown and routed: the table has one place for both. */
struct rt_state {
	struct prefix_list set[RT_SETS];
};
void rt_state_fini(struct rt_state *s);

struct rt_able {
	bool policy, policy6; /* policy rules; without them there is neither guard nor throw */
	bool ipv6;	      /* switched on in the system */
	bool tun6;	      /* and on our interface */
};
/* What of c such a system can have. A prefix that is wanted both thrown and routed is thrown. out:
 * zeroed before. */
void rt_state_possible(const struct router_config *c, const struct rt_able *able,
		       struct rt_state *out);

/* Of what was found take for ours what we had set or want to set; a throw or route that somebody
 * else added is not. */
void rt_state_keep_known(struct rt_state *found, const struct rt_state *had,
			 const struct rt_state *want);
/* How many objects of `had` are not in `now`. */
size_t rt_state_lost(const struct rt_state *had, const struct rt_state *now);

/* ---- steps from one state to another ---- */

struct rt_op {
	uint8_t set; /* enum rt_set */
	bool add;    /* what is in the same place is replaced */
	bool failed; /* for whoever takes the step */
	struct prefix prefix;
};

/* Steps in the order to take them: a new guard first; throws, routes, addresses, each added before
 * removed, so that the interface never loses its last address (the kernel would drop the routes
 * with it); a guard that goes last. The MTU is not among them: whether there is IPv6 depends on it,
 * so it comes before. New array (free), *n steps; NULL if there are none. */
struct rt_op *router_diff(const struct rt_state *from, const struct rt_state *to, size_t *n);
/* The state after these steps of one router_diff, the first n of it; those that failed have changed
 * nothing. */
void router_settle(struct rt_state *have, const struct rt_op *ops, size_t n);

#endif
