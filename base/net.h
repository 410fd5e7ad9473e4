/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net.h: what all outgoing connections share: loop, trust store, proxy settings, the bypass mark,
 * the resolver. One per process. The libraries behind it are initialised at first use. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include "base/ip.h"
#include "base/loop.h"

struct net;

struct net_opts {
	uint32_t fwmark; /* SO_MARK on every socket except to loopback; 0 = none */
	/* PEM bundle that replaces the system store. NULL = $SSL_CERT_FILE, else the system store.
	 */
	const char *ca_file;
	const char *dns_servers; /* "ip:port,[ip6]:port" instead of resolv.conf; NULL = system */
};

struct net *net_new(struct loop *l, const struct net_opts *opts); /* opts may be NULL; new */
/* Streams, requests and look-ups must be gone. */
void net_free(struct net *n);
struct loop *net_loop(struct net *n);
/* Set the bypass mark on a socket; errors are ignored (not root). */
void net_mark(struct net *n, int fd);
/* The same unless dst is loopback. */
void net_mark_to(struct net *n, int fd, struct ip dst);
/* Use these name servers from now on, "[fe80::1%eth0]:53" among them; NULL = what resolv.conf says,
 * but for the addresses of our own resolver; "" = there are none. */
void net_set_dns_servers(struct net *n, const char *servers);
/* A host proved who it is at this address: it is used when the name cannot be resolved,
 * and tried last when it can. */
void net_note_good(struct net *n, const char *name, struct ip ip);
/* These addresses as text, to be kept over a restart; fn tells when there is something new. */
void net_good_encode(const struct net *n, struct buf *out);
void net_good_decode(struct net *n, struct span text);
void net_on_good(struct net *n, void (*fn)(void *arg), void *arg);

#endif
