/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward.h: questions that others answer: which upstreams, in what order, by UDP, TCP or HTTPS,
 * and whose reply counts (shared/spec/dns.md 4). forward_io.c puts sockets around the pure parts.
 * Thread: the loop's. */
#ifndef DNS_FORWARD_H
#define DNS_FORWARD_H

#include "base/net.h"
#include "dns/config.h"
#include "dns/msg.h"

struct dns_forward;
struct dns_ask;

struct dns_forward_opts {
	unsigned in_flight_max; /* 0: 1000 */
	/* Is this address reached through the tunnel? Then the socket bears no mark. NULL: never. */
	bool (*in_tunnel)(void *arg, struct ip to);
	void *arg;
};

struct dns_forward *dns_forward_new(struct net *n, const struct dns_forward_opts *o); /* new */
void dns_forward_free(struct dns_forward *f); /* questions under way end without done. NULL is fine */
/* Suffix "" is the root; a route without upstreams, or none, is SERVFAIL. Copied. What is cached is
 * forgotten; questions under way go on as they began. */
void dns_forward_set_routes(struct dns_forward *f, const struct dns_suffix_route *routes, size_t n);
/* The network under us changed: forget what is cached and which upstreams were dead. */
void dns_forward_on_link_change(struct dns_forward *f);

/* Who asks: shares of the ceiling are fair between addresses. */
struct dns_client {
	struct ip from;
	bool udp; /* a reply longer than it takes is cut and gets TC */
};
/* reply: borrowed, with the id of the question; empty: no answer is to be given at all. */
typedef void dns_reply_fn(void *arg, struct span reply);
/* fn is called once, never from inside this call, unless cancelled. msg: the whole query (q is what
 * dns_query_parse made of it); copied. NULL: no room, there will be no answer. */
struct dns_ask *dns_forward_ask(struct dns_forward *f, const struct dns_query *q, struct span msg,
				const struct dns_client *who, dns_reply_fn *fn, void *arg);
void dns_ask_cancel(struct dns_ask *a); /* NULL is fine */
/* The upstreams a name goes to, NULL: none. Borrowed until dns_forward_set_routes. */
const struct dns_upstreams *dns_forward_route(const struct dns_forward *f, const char *name);
/* All upstreams of a route have been silent or failing for a while, and nothing works: text for
 * health "dns-forward-failing", "" if all is well. Borrowed. */
const char *dns_forward_trouble(const struct dns_forward *f);
/* Tell when that text may have changed. */
void dns_forward_on_trouble(struct dns_forward *f, void (*fn)(void *arg), void *arg);

#endif
