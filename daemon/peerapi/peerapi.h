/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peerapi.h: the HTTP server on our tailnet addresses that peers talk to
 * (shared/spec/features.md 1, dns.md 7). What it may tell whom comes through ops. Every peer can
 * reach it, whatever the packet filter says: its input is hostile. Thread: control. */
#ifndef DAEMON_PEERAPI_PEERAPI_H
#define DAEMON_PEERAPI_PEERAPI_H

#include "base/ip.h"
#include "base/loop.h"

#define PEERAPI_ADDRESSES_MAX 8	    /* of ours: more are not listened on */
#define PEERAPI_DNS_QUERY_MAX 65535 /* of a DNS message */

struct peerapi;

/* Who asks, as the network map has it; strings are borrowed for the call. */
struct peerapi_peer {
	int64_t id;	   /* of the node */
	const char *name;  /* of the node, as we see it */
	const char *owner; /* display name of its user */
	bool same_user;	   /* owned by our user, and neither node tagged */
	bool may_resolve;  /* it is of our user, or we are exit node and the filter lets it ask */
	struct ip knows4, knows6; /* the addresses it knows us by; both unset: our own */
};

/* err 0: reply (borrowed) is a DNS message; -ERR_SYNTAX: the query is none; else there is no
 * answer. */
typedef void peerapi_dns_fn(void *arg, int err, struct span reply);
struct peerapi_ask;

struct peerapi_ops {
	/* False: the address is no peer's, or there is no map. */
	bool (*whois)(void *arg, struct ip from, struct peerapi_peer *out);
	/* Resolve for a peer that may; fn is called once, never from inside this call, unless
	 * cancelled, and that within 5 s. NULL: there is no resolver now. */
	struct peerapi_ask *(*dns)(void *arg, struct ip from, struct span query, peerapi_dns_fn *fn,
				   void *fn_arg);
	void (*dns_cancel)(struct peerapi_ask *a);
	void (*on_ports)(void *arg); /* peerapi_port says something else now */
};

/* device: connections come in by this interface only; "" any. ops: borrowed. Returns new. */
struct peerapi *peerapi_new(struct loop *l, const char *device, const struct peerapi_ops *ops,
			    void *arg);
/* Questions under way are cancelled. NULL is fine. */
void peerapi_free(struct peerapi *p);
/* Listen on these addresses of ours, no longer on others. An address that is not there yet is
 * tried again. */
void peerapi_set_addresses(struct peerapi *p, const struct ip *addrs, size_t n);
/* Of the first address of that family; 0: none. */
uint16_t peerapi_port(const struct peerapi *p, enum ip_family fam);

#endif
