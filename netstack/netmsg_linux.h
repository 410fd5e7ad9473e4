/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netmsg_linux.h: the routing messages of netlink: dump them, and read the fields we use. Each
 * parser is bounds-checked by libnl and returns false for a message of another kind or family.
 * libnl's caches are not used: a dump is read as a stream, so a full Internet table costs no
 * memory. */
#ifndef NETSTACK_NETMSG_LINUX_H
#define NETSTACK_NETMSG_LINUX_H

#include "netstack/linkmon.h"

struct nl_sock;
struct nlmsghdr;

struct netmsg_addr {
	unsigned ifindex;
	struct prefix prefix;
};

struct netmsg_route {
	struct prefix dst; /* unset: default */
	uint8_t fam;
	uint8_t type; /* RTN_* */
	uint32_t table;
	unsigned oif; /* 0: none */
	uint32_t metric;
	uint8_t protocol; /* RTPROT_* */
	bool has_gateway;
	bool dead; /* its interface is down or has no carrier */
};

struct netmsg_rule {
	uint8_t fam;
	uint8_t action; /* FR_ACT_* */
	uint32_t priority;
	uint32_t table;
	uint32_t mark, mask;
	bool narrow; /* also looks at addresses, interfaces, ports... */
};

/* i: zeroed; gets all but addresses. */
bool netmsg_link(struct nlmsghdr *h, struct link_if *i);
bool netmsg_addr(struct nlmsghdr *h, struct netmsg_addr *a);
bool netmsg_route(struct nlmsghdr *h, struct netmsg_route *r);
bool netmsg_rule(struct nlmsghdr *h, struct netmsg_rule *r);
/* Any message as an event; what does not parse is LINK_EV_OTHER. */
struct link_event netmsg_event(struct nlmsghdr *h);

/* A connected socket that takes messages of the kernel only. New (nl_socket_free); NULL: errno. */
struct nl_sock *netmsg_socket(void);
/* libnl's code as one of ours. */
int netmsg_error(int nle);

typedef void netmsg_fn(void *arg, struct nlmsghdr *h);
/* Ask for all objects (type RTM_GET*; fam AF_*) and call fn for each answer, some of them twice if
 * things change meanwhile. table: a hint which routes are wanted, 0 for all; fn looks for itself.
 * 0 or a code of ours. Blocks. */
int netmsg_dump(struct nl_sock *s, int type, int fam, uint32_t table, netmsg_fn *fn, void *arg);

/* Tests only: asked before each request to the kernel (type RTM_*, fam AF_*) whether it may be
 * made: 0, or the code that it fails with instead. NULL: none. */
typedef int netmsg_fault_fn(int type, int fam);
void netmsg_set_fault(netmsg_fault_fn *fn);
/* For those that make requests. */
int netmsg_fault(int type, int fam);

#endif
