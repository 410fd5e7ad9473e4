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

enum rt_op_kind {
	RT_THROW_ADD,
	RT_THROW_DEL,
	RT_ROUTE_ADD,
	RT_ROUTE_DEL,
	RT_ADDR_ADD,
	RT_ADDR_DEL,
};

struct rt_op {
	enum rt_op_kind kind;
	struct prefix prefix;
};

/* Steps in the order to take them: throws, routes, addresses, each added before removed, so that
 * the interface never loses its last address (the kernel would drop the routes with it). The MTU is
 * not among them: whether there is IPv6 depends on it, so it comes before. New array (free), *n
 * steps; NULL if there are none. */
struct rt_op *router_diff(const struct router_config *from, const struct router_config *to,
			  size_t *n);

#endif
