/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net.h: what all outgoing connections share: loop, libcurl multi handle, trust store, proxy
 * settings, the bypass mark, the resolver. One per process. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include "base/loop.h"

struct net;

struct net_opts {
	uint32_t fwmark;       /* SO_MARK on every socket except to loopback; 0 = none */
	const char *ca_file;   /* replaces the system store (SSL_CERT_FILE); NULL = /etc/ssl/certs or bundle */
	const char *dns_servers; /* "ip:port,[ip6]:port" instead of resolv.conf; NULL = system */
};

struct net *net_new(struct loop *l, const struct net_opts *opts); /* NULL: -ERR_IO, logged */
void net_free(struct net *n);
struct loop *net_loop(struct net *n);
/* Set the bypass mark on a socket unless dst is loopback; errors are ignored when not root. */
struct ip;
void net_mark(struct net *n, int fd);

#endif
