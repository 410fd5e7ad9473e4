/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kroute_linux.h: single requests to the kernel's routing tables. Each waits for its answer (well
 * under 1 ms). Codes: 0, -ERR_EXIST, -ERR_NOENT, -ERR_PERM, -ERR_UNSUPPORTED, -ERR_NOMEM,
 * -ERR_RANGE, -ERR_BUSY, -ERR_IO. Needs CAP_NET_ADMIN. */
#ifndef NETSTACK_KROUTE_LINUX_H
#define NETSTACK_KROUTE_LINUX_H

#include "netstack/netmsg_linux.h"
#include "netstack/routeselect.h"

struct kroute_route {
	struct prefix dst;
	uint32_t table;
	unsigned oif; /* 0: a throw route, which ends the look-up in its table */
};

struct kroute_rule {
	uint8_t fam;
	uint32_t priority;
	uint32_t mark, mask; /* 0, 0: any packet */
	uint32_t table;	     /* 0: unreachable */
};

/* -ERR_NOENT if there is no such interface. */
MUST_CHECK int kroute_link_find(struct nl_sock *s, const char *name, unsigned *index);
MUST_CHECK int kroute_link_set_up(struct nl_sock *s, unsigned index, bool up);
MUST_CHECK int kroute_link_set_mtu(struct nl_sock *s, unsigned index, unsigned mtu);

/* Adding what is there, or deleting what is not, is success. */
MUST_CHECK int kroute_addr_add(struct nl_sock *s, unsigned index, struct prefix p);
MUST_CHECK int kroute_addr_del(struct nl_sock *s, unsigned index, struct prefix p);
MUST_CHECK int kroute_route_add(struct nl_sock *s, const struct kroute_route *r);
MUST_CHECK int kroute_route_del(struct nl_sock *s, const struct kroute_route *r);
MUST_CHECK int kroute_rule_add(struct nl_sock *s, const struct kroute_rule *r);
/* All rules of this family, preference and table or action, whatever their mark (other versions
 * used others). */
MUST_CHECK int kroute_rule_del(struct nl_sock *s, const struct kroute_rule *r);

/* Addresses on the interface, appended to out. */
MUST_CHECK int kroute_addrs(struct nl_sock *s, unsigned index, struct prefix_list *out);
/* Delete every route of a table. */
MUST_CHECK int kroute_table_flush(struct nl_sock *s, uint8_t fam, uint32_t table);
/* Does the kernel know policy rules for the family? *empty: it does and has none at all. */
MUST_CHECK int kroute_rules_probe(struct nl_sock *s, uint8_t fam, bool *empty);

#endif
