/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward.h: questions that others answer: which upstreams, in what order, by UDP, TCP or HTTPS,
 * and whose reply counts (shared/spec/dns.md 4). forward_io.c puts sockets around the pure parts:
 * upstream, route, race, reply_check, cache. Thread: the loop's. */
#ifndef DNS_FORWARD_H
#define DNS_FORWARD_H

#include "base/net.h"
#include "base/rng.h"
#include "dns/config.h"
#include "dns/msg.h"

struct dns_forward;
struct dns_ask;

#define DNS_FORWARD_IN_FLIGHT 1000
#define DNS_FORWARD_IN_FLIGHT_MAX 100000
#define DNS_FORWARD_MSG_MAX 4096 /* longest query that is forwarded */

struct dns_forward_opts {
	/* 0: DNS_FORWARD_IN_FLIGHT. Each may need a descriptor: the soft limit is raised for it;
	 * what the hard limit does not allow is not had, and the log says so. */
	unsigned in_flight_max;
	/* Is this address reached through the tunnel? Then the socket bears no mark. NULL: never. */
	bool (*in_tunnel)(void *arg, struct ip to);
	void *arg;
	size_t cache_bytes; /* 0: 1 MiB; 1: no cache */
	struct rng *rng;    /* NULL: rng_system() */
};

struct dns_forward *dns_forward_new(struct net *n, const struct dns_forward_opts *o); /* new */
/* Questions under way end without fn. Not from inside fn. NULL is fine. */
void dns_forward_free(struct dns_forward *f);
/* Suffix "" is the root; a route without upstreams, or none, is SERVFAIL. Copied. If anything
 * differs, what is cached is forgotten; questions under way go on as they began. */
void dns_forward_set_routes(struct dns_forward *f, const struct dns_suffix_route *routes, size_t n);
/* The network under us changed: forget what is cached and which upstreams were dead. */
void dns_forward_on_link_change(struct dns_forward *f);
/* Off: upstreams are asked by UDP and HTTPS alone (capability dns-forwarder-disable-tcp-retries). */
void dns_forward_set_tcp(struct dns_forward *f, bool on);
/* The ceiling that is in force. */
unsigned dns_forward_in_flight_max(const struct dns_forward *f);
unsigned dns_forward_in_flight(const struct dns_forward *f);

/* Who asks: shares of the ceiling are fair between addresses, and between ports of an address. */
struct dns_client {
	struct ip from;
	bool udp; /* a reply longer than it takes is cut and gets TC */
	uint16_t port; /* 0: all of that address are one */
};
/* reply: borrowed, with the id of the question; empty: no answer is to be given at all. */
typedef void dns_reply_fn(void *arg, struct span reply);
/* fn is called once, never from inside this call, unless cancelled. msg: the whole query (q is what
 * dns_query_parse made of it); copied. NULL: no room, there will be no answer. */
struct dns_ask *dns_forward_ask(struct dns_forward *f, const struct dns_query *q, struct span msg,
				const struct dns_client *who, dns_reply_fn *fn, void *arg);
/* The same, but these upstreams are asked whatever the routes say. Copied. */
struct dns_ask *dns_forward_ask_via(struct dns_forward *f, const struct dns_upstreams *via,
				    const struct dns_query *q, struct span msg,
				    const struct dns_client *who, dns_reply_fn *fn, void *arg);
void dns_ask_cancel(struct dns_ask *a); /* before fn was called; NULL is fine */
/* The upstreams a name goes to, NULL: none. Borrowed until dns_forward_set_routes. */
const struct dns_upstreams *dns_forward_route(const struct dns_forward *f, const char *name);
/* All upstreams of a route have been silent or failing for a while, and nothing works: text for
 * health "dns-forward-failing", "" if all is well. Borrowed. */
const char *dns_forward_trouble(const struct dns_forward *f);
/* Tell when that text may have changed. fn NULL: nobody. */
void dns_forward_on_trouble(struct dns_forward *f, void (*fn)(void *arg), void *arg);

#endif
