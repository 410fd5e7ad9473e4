/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpc.h: plain HTTP(S) requests on the loop (libcurl multi): the control key, ping answers, DoH.
 * HTTP/1.1, no redirects, http and https only, verified TLS, header and body capped; proxies from
 * the environment. Thread: the loop's. */
#ifndef BASE_HTTPC_H
#define BASE_HTTPC_H

#include "base/net.h"

struct httpc_req;

struct httpc_opts {
	const char *method; /* GET, HEAD, POST */
	const char *url;
	struct span body;	  /* POST; copied */
	const char *content_type; /* NULL = none */
	const char *accept;	  /* NULL = anything */
	size_t max_body;	  /* larger answers fail with -ERR_TOOBIG */
	int timeout_ms;		  /* for the whole request; 0 = 30 s */
	bool verify_none;	  /* tests and pinned cases only */
	/* If n_addrs > 0 the host has these addresses and is not looked up; at most RESOLVE_MAX
	 * count. */
	const struct ip *addrs;
	size_t n_addrs;
	/* Only to addresses on the internet, whatever name or spelling leads there; else -ERR_PERM.
	 * Through a proxy it is the proxy that decides. */
	bool public_only;
	bool keep_alive; /* may share a connection with other such requests, and leave it open (DoH)
			  */
	bool http2;	 /* over TLS, if the server has it: requests share one connection */
	bool tls13;	 /* nothing older */
	bool no_proxy;	 /* whatever the environment says */
	/* The socket bears no bypass mark: it goes where the system's routes lead, the tunnel
	 * included. Connections are not shared with requests that bear it. */
	bool no_mark;
};

struct httpc_answer {
	int err; /* 0 or -ERR_*; then status is 0 */
	int status;
	struct span body;      /* borrowed during the call */
	const char *text;      /* for people, when err */
	const char *content_type; /* as the header has it, "" if absent */
	int64_t retry_after_s; /* of the Retry-After header, -1 if absent */
};

typedef void httpc_fn(void *arg, const struct httpc_answer *a);
/* fn is called once, never from inside this call. Returns new; it frees itself after fn. */
struct httpc_req *httpc_start(struct net *n, const struct httpc_opts *o, httpc_fn *fn, void *arg);
void httpc_cancel(struct httpc_req *r); /* fn is not called; harmless inside fn; NULL is fine */

#endif
