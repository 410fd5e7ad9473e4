/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h: DNS configuration as control sends it, as plain values (shared/spec/dns.md 1). Names
 * are lower case without a final dot. Filled by daemon/control/dns_json.c; the owner frees by
 * dns_config_fini. Pure. */
#ifndef DNS_CONFIG_H
#define DNS_CONFIG_H

#include "base/ip.h"

#define DNS_RESOLVERS_MAX 64 /* in one list */
#define DNS_ROUTES_MAX 4096
#define DNS_DOMAINS_MAX 1024
#define DNS_RECORDS_MAX 16384

struct dns_upstream {
	char *addr;	      /* as sent: IP, IP:port, URL; dns.md 1 classifies */
	struct ip *bootstrap; /* kept, unused by clients today */
	size_t n_bootstrap;
	bool use_with_exit_node;
};

struct dns_upstreams {
	struct dns_upstream *v;
	size_t n;
};

/* A split route; an empty list makes the suffix a local zone. */
struct dns_suffix_route {
	char *suffix; /* "" is the root */
	struct dns_upstreams to;
};

struct dns_extra_record {
	char *name;
	char *type; /* "" means A or AAAA by the value's family */
	char *value;
};

struct dns_config {
	bool present;			/* control sent a DNSConfig, even {} */
	bool proxied;			/* MagicDNS on */
	struct dns_upstreams resolvers; /* "override local DNS" */
	struct dns_upstreams fallback;
	struct dns_suffix_route *routes; /* in byte order of suffix */
	size_t n_routes;
	char **domains; /* search domains in order */
	size_t n_domains;
	struct dns_extra_record *records;
	size_t n_records;
	char **cert_domains;
	size_t n_cert_domains;
	size_t left_out;      /* entries beyond the limits above */
	char **exit_filtered; /* ExitNodeFilteredSet as sent; a leading dot means suffix */
	size_t n_exit_filtered;
};

/* A zeroed struct is the empty configuration. */
void dns_config_fini(struct dns_config *c);

/* Deep copies; to is overwritten, not freed. A zeroed struct is the empty list. */
void dns_upstreams_copy(struct dns_upstreams *to, const struct dns_upstreams *from);
void dns_upstreams_fini(struct dns_upstreams *u);
bool dns_upstreams_eq(const struct dns_upstreams *a, const struct dns_upstreams *b);
bool dns_routes_eq(const struct dns_suffix_route *a, size_t n_a, const struct dns_suffix_route *b,
		   size_t n_b);
void dns_routes_free(struct dns_suffix_route *v, size_t n); /* v itself, too */

#endif
