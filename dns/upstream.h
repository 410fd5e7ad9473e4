/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upstream.h: what the address of a resolver means, the table of well-known resolvers that speak
 * DNS over HTTPS, and when each of a group is asked (shared/spec/dns.md 1, 4.2, 4.4). Pure. */
#ifndef DNS_UPSTREAM_H
#define DNS_UPSTREAM_H

#include "base/ip.h"
#include "dns/config.h"

#define DNS_DOH_ADDRS_MAX 4
#define DNS_DOH_URL_MAX 64    /* of one that is made from an address, with NUL */
#define DNS_GROUP_MAX 8	      /* upstreams one question is sent to */
#define DNS_SCOPE_MAX 16      /* interface of a link-local address, with NUL */

enum dns_upstream_kind {
	DNS_UP_BAD,   /* cannot be asked; the others of its group are */
	DNS_UP_PLAIN, /* UDP and TCP */
	DNS_UP_HTTP,  /* plain HTTP through the tunnel; the host is an address */
	DNS_UP_HTTPS, /* a provider of the table */
};

/* One resolver, ready to be asked. */
struct dns_target {
	enum dns_upstream_kind kind;
	uint32_t delay_ms;	   /* after the question */
	struct ep ep;		   /* DNS_UP_PLAIN, DNS_UP_HTTP */
	char scope[DNS_SCOPE_MAX]; /* DNS_UP_PLAIN: "eth0" of fe80::1%eth0 */
	char *url;		   /* DNS_UP_HTTP, DNS_UP_HTTPS; new */
	struct ip addrs[DNS_DOH_ADDRS_MAX]; /* DNS_UP_HTTPS: where the provider is */
	size_t n_addrs;
};

/* What an address of the configuration means; t: zeroed before; url is new. */
void dns_upstream_parse(const char *addr, struct dns_target *t);
void dns_target_fini(struct dns_target *t);

/* Answers only over HTTPS, or otherwise than its user expects: never to be given to the system's
 * resolver as a plain server. */
bool dns_ip_is_doh_only(struct ip ip);
/* The provider's addresses in the order they are dialled; 0: not a URL we support. */
size_t dns_doh_addrs(const char *url, struct ip out[static DNS_DOH_ADDRS_MAX]);
/* The URL of a well-known resolver; false: it is none. *only: plain DNS is not spoken there. */
bool dns_doh_from_ip(struct ip ip, char url[static DNS_DOH_URL_MAX], bool *only);

/* Who is asked when: the providers of well-known addresses over HTTPS first. At most DNS_GROUP_MAX
 * that can be asked; *bad counts those that cannot. Returns how many; out is fini'd by the caller. */
size_t dns_schedule(const struct dns_upstreams *ups, struct dns_target out[static DNS_GROUP_MAX],
		    size_t *bad);

#endif
