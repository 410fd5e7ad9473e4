/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.h: answers of upstreams kept for a short while (shared/spec/dns.md 4.7). An answer is found
 * under the group of upstreams that gave it and the way to them (both in `path`), the question
 * without regard to case, and the flags that shape it. Never kept: SERVFAIL, REFUSED, TC, answers
 * that state no lifetime, and whatever bears options of EDNS. Memory is bounded by bytes; the least
 * lately used goes first. Pure. */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "base/mono.h"
#include "dns/msg.h"

enum {
	DNS_CACHE_TTL_MAX = 60,	      /* seconds an answer is kept */
	DNS_CACHE_REPLY_MAX = 4096,   /* longer ones are not kept */
	DNS_CACHE_BYTES = 1024 * 1024 /* default of all together */
};

struct dns_cache;

struct dns_cache *dns_cache_new(size_t max_bytes); /* new */
void dns_cache_free(struct dns_cache *c);	   /* NULL is fine */
void dns_cache_flush(struct dns_cache *c);
size_t dns_cache_len(const struct dns_cache *c);
size_t dns_cache_bytes(const struct dns_cache *c);

/* Can a query be answered from here at all? q is what dns_query_parse made of msg. */
bool dns_cache_fits(const struct dns_query *q, struct span msg);
/* The answer with its lifetimes counted down, in out; its id and the case of its question are still
 * another's. Returns the length, 0: none. dns_cache_fits holds. */
size_t dns_cache_get(struct dns_cache *c, mono_t now, uint64_t path, const struct dns_query *q,
		     struct span msg, struct mspan out);
/* reply passed dns_reply_check. */
void dns_cache_put(struct dns_cache *c, mono_t now, uint64_t path, const struct dns_query *q,
		   struct span msg, struct span reply);

#endif
