/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kroute_linux.h: requests to the kernel's routing tables: built for a batch, or made singly, each
 * of which waits for its answer (well under 1 ms). Codes: those of netbatch_linux.h. Changes need
 * CAP_NET_ADMIN. */
#ifndef NETSTACK_KROUTE_LINUX_H
#define NETSTACK_KROUTE_LINUX_H

#include "netstack/netbatch_linux.h"
#include "netstack/netmsg_linux.h"
#include "netstack/routeselect.h"

struct kroute_route {
	struct prefix dst;
	uint32_t table;
	unsigned oif;	 /* 0: none */
	uint8_t type;	 /* RTN_*; 0: unicast with an oif; without, a throw route, which ends the
			  * look-up in its table */
	uint32_t metric; /* 0: what the kernel takes by default */
};
/* What the kernel takes for IPv6 where none is given; for IPv4 it is 0, the best there is. */
#define KROUTE_METRIC6_DEFAULT 1024
/* The lowest preference there is: anything else in the table goes before. */
#define KROUTE_METRIC_WORST UINT32_MAX

struct kroute_rule {
	uint8_t fam;
	uint32_t priority;
	uint32_t mark, mask; /* 0, 0: any packet */
	uint32_t table;	     /* 0: unreachable */
};

struct kroute_link {
	unsigned index, mtu;
	bool up;
};

/* -ERR_NOENT if there is no such interface. */
MUST_CHECK int kroute_link_get(struct nl_sock *s, const char *name, struct kroute_link *out);
MUST_CHECK int kroute_link_find(struct nl_sock *s, const char *name, unsigned *index);
MUST_CHECK int kroute_link_set_up(struct nl_sock *s, unsigned index, bool up);
MUST_CHECK int kroute_link_set_mtu(struct nl_sock *s, unsigned index, unsigned mtu);

/* Requests for netbatch_add; NULL without memory. A route that is added takes the place of one with
 * the same destination and metric. */
struct nl_msg *kroute_addr_msg(unsigned index, struct prefix p, bool add);
struct nl_msg *kroute_route_msg(const struct kroute_route *r, bool add);
/* The code of such a request, 0 for adding what is there and deleting what is not. */
int kroute_forgive(bool add, int rc);

/* Adding what is there, or deleting what is not, is success. */
MUST_CHECK int kroute_addr_add(struct nl_sock *s, unsigned index, struct prefix p);
MUST_CHECK int kroute_addr_del(struct nl_sock *s, unsigned index, struct prefix p);
MUST_CHECK int kroute_route_add(struct nl_sock *s, const struct kroute_route *r);
MUST_CHECK int kroute_route_del(struct nl_sock *s, const struct kroute_route *r);
MUST_CHECK int kroute_rule_add(struct nl_sock *s, const struct kroute_rule *r);
/* All rules of this family, preference and table or action, whatever their mark (other versions
 * used others). */
MUST_CHECK int kroute_rule_del(struct nl_sock *s, const struct kroute_rule *r);
/* Only the first with this mark and mask, if mask is not 0. */
MUST_CHECK int kroute_rule_del_marked(struct nl_sock *s, const struct kroute_rule *r);

/* Addresses on the interface, appended to out. */
MUST_CHECK int kroute_addrs(struct nl_sock *s, unsigned index, struct prefix_list *out);
/* Delete every route of a table, whatever it is. */
MUST_CHECK int kroute_table_flush(struct nl_sock *s, uint8_t fam, uint32_t table);
/* Does the kernel know policy rules for the family? *empty: it does and has none at all. */
MUST_CHECK int kroute_rules_probe(struct nl_sock *s, uint8_t fam, bool *empty);

#endif
