/* SPDX-License-Identifier: GPL-2.0-or-later */
/* local.h: names this node knows itself, as one immutable table, and the answers from it
 * (shared/spec/dns.md 3). Built on the control thread, read by any; an answer allocates nothing.
 * Pure. */
#ifndef DNS_LOCAL_H
#define DNS_LOCAL_H

#include "base/ip.h"
#include "base/mono.h"
#include "dns/msg.h"

/* A node of the map. */
struct dns_local_node {
	const char *name;	/* FQDN as control spelled it, with or without its final dot */
	const struct ip *addrs; /* its own; masked or hidden ones are sorted out here */
	size_t n_addrs;
	bool subdomains; /* has dns-subdomain-resolve: answers for names below its own, too */
};

/* A record of control. */
struct dns_local_record {
	const char *name; /* lower case, no final dot */
	struct ip addr;
};

struct dns_local_in {
	const struct dns_local_node *nodes; /* self and peers */
	size_t n_nodes;
	const struct dns_local_record *records; /* in the order control sent them */
	size_t n_records;
	const char *const *zones; /* local zones: lower case, no final dot */
	size_t n_zones;
	const char *suffix; /* MagicDNS suffix, "" none */
	bool short_names;   /* MagicDNS is on: single labels below the suffix work */
	bool only_v6;	    /* self has no IPv4 address */
	bool aaaa;	    /* self has magicdns-aaaa */
	/* Names that are asked elsewhere although they lie in a local zone: the control server and
	 * relays, when their names lie below the suffix. Lower case, no final dot. */
	const char *const *outside;
	size_t n_outside;
};

struct dns_local;

/* Copies what it needs; names that are none are left out. Returns new, one reference; NULL: no
 * memory. */
struct dns_local *dns_local_new(const struct dns_local_in *in);
struct dns_local *dns_local_ref(struct dns_local *l);
void dns_local_unref(struct dns_local *l); /* NULL is fine. Both: control thread only */
size_t dns_local_bytes(const struct dns_local *l);

enum dns_local_verdict {
	DNS_LOCAL_DROP,	   /* no answer at all */
	DNS_LOCAL_ANSWER,  /* out is filled */
	DNS_LOCAL_FORWARD, /* *q is filled: ask the forwarder */
};

/* msg: one query without the length of TCP. out: at least DNS_LOCAL_ANSWER_MAX bytes. udp: an
 * answer longer than the client takes is cut to its header and question, with TC. l NULL: knows
 * nothing, everything is forwarded. Thread: any. */
#define DNS_LOCAL_ANSWER_MAX 1232
enum dns_local_verdict dns_local_answer(const struct dns_local *l, wall_t now, struct span msg,
					bool udp, struct mspan out, size_t *len,
					struct dns_query *q);

#endif
