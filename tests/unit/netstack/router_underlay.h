/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_underlay.h: a namespace with a network card (a TUN device, eth9) that has addresses and
 * default routes of both families, and the question which way a socket's packets would take. */
#ifndef TESTS_UNIT_NETSTACK_ROUTER_UNDERLAY_H
#define TESTS_UNIT_NETSTACK_ROUTER_UNDERLAY_H

#include "tests/unit/netstack/router_kernel.h"

#include "base/mono.h"
#include "base/sockaddr.h"

#include <errno.h>
#include <netlink/netlink.h>

#define UNDERLAY_CARD "eth9"
#define UNDERLAY4 "192.168.7.5"
#define UNDERLAY6 "2001:db8:7::5"
#define UNDERLAY_ROUTES "route T254 0.0.0.0/0 dev eth9", "route T254 ::/0 dev eth9"

/* A fresh namespace. The card lives as long as the TUN device that is returned. */
static inline struct tun underlay_make(struct nl_sock **nl)
{
	netns_fresh();
	struct tun card = netns_tun(UNDERLAY_CARD);
	struct nl_sock *s = netmsg_socket();
	unsigned i = if_nametoindex(UNDERLAY_CARD);
	struct kroute_route d4 = { .dst = pk_prefix("0.0.0.0/0"), .table = 254, .oif = i };
	struct kroute_route d6 = { .dst = pk_prefix("::/0"), .table = 254, .oif = i };
	assert_non_null(s);
	assert_int_equal(kroute_link_set_up(s, if_nametoindex("lo"), true), 0);
	assert_int_equal(kroute_link_set_up(s, i, true), 0);
	assert_int_equal(kroute_addr_add(s, i, pk_prefix(UNDERLAY4 "/24")), 0);
	assert_int_equal(kroute_addr_add(s, i, pk_prefix(UNDERLAY6 "/64")), 0);
	assert_int_equal(kroute_route_add(s, &d4), 0);
	assert_int_equal(kroute_route_add(s, &d6), 0);
	*nl = s;
	return card;
}

/* The source address that packets to dst get, which tells the interface; "none" without a route.
 * bound: the socket is bound to the card. */
static inline const char *underlay_way_of(const char *dst, uint32_t mark, bool bound)
{
	static char text[IP_TEXT_MAX];
	struct sockaddr_storage to = { 0 };
	socklen_t to_len = sockaddr_from_ep((struct ep){ pk_ip(dst), 7 }, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (bound)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, UNDERLAY_CARD,
					    sizeof(UNDERLAY_CARD)),
				 0);
	if (mark)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	if (connect(fd, (struct sockaddr *)&to, to_len)) {
		bool none = errno == EHOSTUNREACH || errno == ENETUNREACH;
		snprintf(text, sizeof(text), "%s", none ? "none" : strerror(errno));
	} else {
		ip_encode(sockaddr_of_fd(fd, false).ip, text);
	}
	close(fd);
	return text;
}

static inline const char *underlay_way(const char *dst, uint32_t mark)
{
	return underlay_way_of(dst, mark, false);
}

/* A new IPv6 address is used some moments after it was set. */
static inline void underlay_assert_way(const char *dst, uint32_t mark, const char *want)
{
	mono_t until = mono_add_s(mono_now(), 10);
	while (strcmp(underlay_way(dst, mark), want) && mono_before(mono_now(), until))
		usleep(2000);
	assert_string_equal(underlay_way(dst, mark), want);
}

/* ---- what the kernel tells of changes ---- */

static inline int underlay_on_event(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct kernel one = { 0 };
	bool del = h->nlmsg_type == RTM_DELROUTE || h->nlmsg_type == RTM_DELRULE;
	if (h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE)
		kernel_on_route(&one, h);
	else
		kernel_on_rule(&one, h);
	if (one.n)
		kernel_add(arg, "%c %s", del ? '-' : '+', one.line[0]);
	kernel_forget(&one);
	return NL_OK;
}

/* Lines as "+ rule4 ..." and "- route ..." go to k, in order, when underlay_events is called. */
static inline struct nl_sock *underlay_listen(struct kernel *k)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
				      RTNLGRP_IPV6_RULE };
	struct nl_sock *s = netmsg_socket();
	assert_non_null(s);
	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, underlay_on_event, k);
	assert_int_equal(nl_socket_set_nonblocking(s), 0);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		assert_int_equal(nl_socket_add_membership(s, groups[i]), 0);
	return s;
}

/* All that has happened so far: the kernel tells before a change returns. */
static inline void underlay_events(struct nl_sock *s)
{
	while (nl_recvmsgs_default(s) == 0)
		continue;
}

static inline bool underlay_told(const struct kernel *k, const char *line)
{
	for (size_t i = 0; i < k->n; i++)
		if (strncmp(k->line[i], line, strlen(line)) == 0)
			return true;
	return false;
}

#endif
