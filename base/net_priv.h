/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net_priv.h: the body of struct net, for the door files in base/ only. */
#ifndef BASE_NET_PRIV_H
#define BASE_NET_PRIV_H

#include "base/good_addrs.h"
#include "base/net.h"
#include "base/proxy.h"

struct curl_pump;
struct resolver;

enum { NET_SCRATCH = 65536 };

struct net {
	struct loop *loop;
	uint32_t fwmark;
	char *ca_file;	     /* one of these two is set */
	const char *ca_path; /* static */
	char *dns_servers;
	struct good_addrs good;
	void (*on_good)(void *arg); /* good has something new */
	void *on_good_arg;
	struct resolver *resolver; /* made at the first look-up */
	struct curl_pump *http;	   /* made at the first request */
	struct curl_pump *http_unmarked; /* likewise: those whose sockets bear no mark */
	uint8_t *scratch; /* NET_SCRATCH bytes that streams read into, made at the first one */
};

/* ca_file or ca_path, looked for at the first TLS connection. */
void net_find_ca(struct net *n);
/* The proxy the environment names, or NULL; borrowed. */
const char *net_proxy_for(bool tls, const char *host);

/* An address, or a DNS name of letters, digits, '-', '_' and '.' that may stand in a URL. */
bool net_host_ok(const char *host);
/* Make the scratch buffer if need be. */
struct mspan net_scratch(struct net *n);

void resolver_free(struct resolver *r);
/* The name servers have changed: running look-ups end with the old ones. */
void resolver_refresh(struct resolver *r);

#endif
