/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.h: from what control sends and the user chose to what our resolver answers, whom it asks, and
 * what the system's resolver is told (shared/spec/dns.md 2, 5.1). Pure. Thread: control. */
#ifndef DNS_PLAN_H
#define DNS_PLAN_H

#include "dns/config.h"
#include "dns/os_config.h"

struct dns_plan_in {
	const struct dns_config *config; /* of the map */
	const char *self_name;		 /* FQDN, "" unknown */
	bool self4, self6;		 /* which families of address we have */
	bool key_expired;
	bool accept;		      /* preference CorpDNS */
	bool force_ipv4;	      /* capability force-register-magicdns-ipv4-only */
	bool exit_node;		      /* one is chosen */
	/* http://.../dns-query of an exit node that resolves and has a port for it, NULL */
	const char *exit_doh;
	const struct dns_upstreams *exit_resolvers; /* of one that is WireGuard only, NULL */
};

/* Stage 1. */
struct dns_plan {
	struct dns_upstreams resolvers; /* default */
	struct dns_suffix_route *routes; /* in the order of dns_fqdn_cmp; no root among them */
	size_t n_routes;
	char **search;
	size_t n_search;
	struct dns_plan_host {
		char *name;
		struct ip addr;
	} *hosts; /* in the order control sent them */
	size_t n_hosts;
	bool only_v6;
	bool hosts_unrouted;
	struct dns_upstreams fallback; /* where the system's own servers cannot be read */
};
/* out: fini'd or zeroed before. Names out of control's configuration that are no names are left
 * out; records that are no address, too. */
void dns_plan_build(const struct dns_plan_in *in, struct dns_plan *out);
void dns_plan_fini(struct dns_plan *p);
/* Does a route contain this name? Lower case, no final dot. */
bool dns_plan_covers(const struct dns_plan *p, const char *name);

/* What the system's resolver can do. */
struct dns_os_able {
	bool split;
	bool has_base;			  /* base can be read in this mode ... */
	bool base_failed;		  /* ... but was not */
	const struct dns_os_config *base; /* may be NULL unless has_base */
	/* What could be read before, for when it cannot be now; NULL */
	const struct dns_os_config *last_base;
};

/* Stage 2. */
struct dns_result {
	struct dns_suffix_route *routes; /* of our forwarder; suffix "" is the root */
	size_t n_routes;
	char **zones; /* that we alone answer for */
	size_t n_zones;
	struct dns_os_config os;
};
/* Those of the system as upstreams, but for ourselves. New. */
struct dns_upstreams dns_upstreams_of_system(const struct dns_os_config *base);
/* 0; -ERR_IO: the base is needed and was not read: the system's side stays as it is, os is empty and
 * not to be set, routes and zones are good as far as they can be. Name servers of the system keep
 * their zone in addr: "fe80::1%eth0". out: fini'd or zeroed before. */
int dns_plan_compile(const struct dns_plan *p, const struct dns_os_able *able, bool force_ipv4,
		     struct dns_result *out);
void dns_result_fini(struct dns_result *r);

#endif
