/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve_tcp_io.h: DNS over TCP for the programs of this machine (shared/spec/dns.md 3.1): two-byte
 * lengths, pipelining, answers in any order. Connections from addresses other than the given ones
 * are closed without a byte. Thread: the loop's. */
#ifndef DNS_SERVE_TCP_IO_H
#define DNS_SERVE_TCP_IO_H

#include "base/ip.h"
#include "base/loop.h"

#define DNS_TCP_CONNS_MAX 64	 /* over all listeners */
#define DNS_TCP_PIPELINE_MAX 32	 /* questions a connection has under way; then it waits */
#define DNS_TCP_REQUEST_MAX 4096 /* longer ones close the connection */
#define DNS_TCP_LISTENERS_MAX 4

struct dns_tcp_server;
struct dns_tcp_query; /* one question that waits for its answer */

/* msg is borrowed. Answer once with dns_tcp_answer, from inside or later; also when the server has
 * been freed or the client has gone meanwhile. */
typedef void dns_tcp_query_fn(void *arg, struct dns_tcp_query *q, struct span msg, struct ep from);

/* from: remote addresses that are served. Returns new; it does not listen yet. */
struct dns_tcp_server *dns_tcp_server_new(struct loop *l, const struct ip *from, size_t n_from,
					  dns_tcp_query_fn *fn, void *arg);
void dns_tcp_server_free(struct dns_tcp_server *s); /* not from inside fn. NULL is fine */
/* Also listen there; port 0: any. *bound (may be NULL) is the address it got. 0, -ERR_FULL or
 * -ERR_IO with errno. */
MUST_CHECK int dns_tcp_server_listen(struct dns_tcp_server *s, struct ep at, struct ep *bound);
/* How long a message may take to come in; 10 s if nothing is said. */
void dns_tcp_server_set_message_ms(struct dns_tcp_server *s, int64_t ms);
/* Stop listening and close all connections: the addresses change. */
void dns_tcp_server_reset(struct dns_tcp_server *s);

/* q is taken. reply: whole message without length; empty: none is given. */
void dns_tcp_answer(struct dns_tcp_query *q, struct span reply);

#endif
