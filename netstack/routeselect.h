/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routeselect.h: which prefixes of which peer are used. One decision feeds WireGuard's allowed
 * IPs, the outbound look-up and the system's routes, so that they cannot disagree. Pure.
 * spec/routing.md 3. */
#ifndef NETSTACK_ROUTESELECT_H
#define NETSTACK_ROUTESELECT_H

#include "base/ip.h"

/* As many tailnet IPv4 addresses may have a route of their own. */
#define RT_CGNAT_HOSTS_MAX 10000

/* What of a peer matters here; borrowed. */
struct rt_peer {
	uint64_t id; /* node ID */
	const struct prefix *addresses;
	size_t n_addresses;
	const struct prefix *allowed;
	size_t n_allowed;
	bool expired;
	bool has_disco; /* disco key is not zero */
	bool wireguard_only;
	int home_derp; /* 0: none */
};

struct rt_choice {
	bool route_all; /* --accept-routes, all or some: */
	/* Of routes to networks, only those inside one of these; NULL: all. Borrowed. */
	const struct prefix *only;
	size_t n_only;
	/* Networks that this machine is on or serves itself, sorted: no route of a peer takes one
	 * or a part of one, and where a route is wider, rt_spared has what stays out of it.
	 * Borrowed. */
	const struct prefix *own;
	size_t n_own;
	bool exit_node;	       /* one is selected, known or not */
	uint64_t exit_node_id; /* 0: not known */
	bool one_cgnat;	       /* node attribute one-cgnat */
	bool disable_ipv4;     /* node attribute disable-ipv4 */
};

/* A growing list; zeroed is empty. */
struct prefix_list {
	struct prefix *v;
	size_t n, cap;
};
void prefix_list_fini(struct prefix_list *l);
void prefix_list_add(struct prefix_list *l, struct prefix p);
void prefix_list_add_all(struct prefix_list *l, const struct prefix_list *from);
void prefix_list_sort(struct prefix_list *l); /* by prefix_cmp, without doubles */
bool prefix_list_has(const struct prefix_list *sorted, struct prefix p);
bool prefix_list_eq(const struct prefix_list *a, const struct prefix_list *b); /* in order */

/* Is this entry of p->allowed used? Entries with host bits are not, nor are routes to loopback,
 * multicast or link-local addresses (but for 169.254.169.254). */
bool rt_prefix_used(const struct rt_choice *c, const struct rt_peer *p, struct prefix allowed);
/* Is it a usable peer at all (not expired, reachable in principle)? */
bool rt_peer_used(const struct rt_peer *p);
/* Allowed source prefixes of one peer, sorted, without doubles; out is appended to. */
void rt_peer_allowed(const struct rt_choice *c, const struct rt_peer *p, struct prefix_list *out);
/* Prefixes to route into the tunnel: coarsened, sorted, without doubles, both defaults if an exit
 * node is selected. Appended to out. */
void rt_os_routes(const struct rt_choice *c, const struct rt_peer *peers, size_t n,
		  struct prefix_list *out);

/* Those of c->own that a route used lies over: the main table decides about them. Appended to out,
 * sorted. */
void rt_spared(const struct rt_choice *c, const struct rt_peer *peers, size_t n,
	       struct prefix_list *out);

/* Longest-prefix owners of destinations, where several peers may name one prefix: the lowest ID
 * has it. The packet path has its own trie; this is the list it is filled from. */
struct rt_owner {
	struct prefix prefix;
	size_t peer; /* place in the array given */
};
/* Sorted by prefix, one entry for each. New array (free), *n entries. */
struct rt_owner *rt_owners(const struct rt_choice *c, const struct rt_peer *peers, size_t n_peers,
			   size_t *n);

#endif
