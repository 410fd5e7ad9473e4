/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server around rules.h: a listener for each of our addresses, and the questions under way. */
#include "daemon/peerapi/peerapi.h"

#include "base/alloc.h"
#include "base/counters.h"
#include "base/httpd.h"
#include "base/log.h"
#include "base/sockaddr.h"
#include "daemon/peerapi/askers.h"
#include "daemon/peerapi/rules.h"

#include <stdlib.h>

#define RETRY_MS 250
#define RETRY_MAX_MS 5000
#define CONNECTIONS_MAX 256	  /* of a listener */
#define CONNECTIONS_OF_ONE_MAX 64 /* peer: as many as it may have questions open */
#define BODIES_MAX (4u << 20)	  /* of a listener, together */
#define TURN_MS 20000
#define PRETTY_MAX (256u << 10)
#define PAGE_MAX 16384

enum { N_STRANGERS, N_REQUESTS, N_REFUSED, N_DNS, N_DNS_LIMITED };
static struct counter counters[] = {
	[N_STRANGERS] = { .name = "peerapi_strangers" },
	[N_REQUESTS] = { .name = "peerapi_requests" },
	[N_REFUSED] = { .name = "peerapi_refused" },
	[N_DNS] = { .name = "peerapi_dns_queries" },
	[N_DNS_LIMITED] = { .name = "peerapi_dns_limited" },
};

/* One of our addresses. */
struct door {
	struct peerapi *p;
	struct ip at;
	uint16_t port;
	struct httpd *http; /* NULL: not open yet */
};

struct question {
	struct peerapi *p;
	struct httpd_req *http;
	struct peerapi_ask *ask;
	int64_t asker;
	bool pretty;
};

struct peerapi {
	struct loop *loop;
	char *device;
	const struct peerapi_ops *ops;
	void *arg;
	struct ip *own;
	struct door **doors; /* of each of own */
	size_t n;
	struct loop_timer retry;
	int64_t retry_ms;
	struct loop_defer tell;
	struct askers askers;
};

static void text(struct httpd_req *r, int status, const char *why)
{
	struct buf b;
	buf_init(&b, PAGE_MAX);
	buf_fmt(&b, "%s\n", why);
	httpd_reply(r, status, "text/plain; charset=utf-8", buf_span(&b));
	buf_fini(&b);
}

/* ---- /dns-query -------------------------------------------------------------------------------
 */

static void end_question(struct question *q)
{
	askers_end(&q->p->askers, q->asker);
	free(q);
}

static void reply_pretty(struct httpd_req *r, struct span reply)
{
	struct buf b;
	buf_init(&b, PRETTY_MAX);
	peerapi_pretty_reply(reply, &b);
	if (buf_ok(&b))
		httpd_reply(r, 200, "application/json", buf_span(&b));
	else
		text(r, 500, "the answer is too large");
	buf_fini(&b);
}

static void on_answer(void *arg, int err, struct span reply)
{
	struct question *q = arg;
	struct httpd_req *r = q->http;
	bool pretty = q->pretty;
	end_question(q);
	if (err == -ERR_SYNTAX)
		text(r, 400, "not a DNS query");
	else if (err)
		text(r, 500, "DNS forwarding error");
	else if (pretty)
		reply_pretty(r, reply);
	else
		httpd_reply(r, 200, "application/dns-message", reply);
}

/* Who asked has gone. */
static void on_abort(void *arg)
{
	struct question *q = arg;
	q->p->ops->dns_cancel(q->ask);
	end_question(q);
}

static void ask(struct peerapi *p, struct httpd_req *r, const struct peerapi_peer *peer,
		struct span query, bool pretty)
{
	if (!askers_begin(&p->askers, peer->id, loop_now(p->loop))) {
		counter_inc(&counters[N_DNS_LIMITED]);
		text(r, 429, "too many DNS queries");
		return;
	}
	counter_inc(&counters[N_DNS]);
	struct question *q = xcalloc(1, sizeof(*q));
	*q = (struct question){ .p = p, .http = r, .asker = peer->id, .pretty = pretty };
	q->ask = p->ops->dns(p->arg, httpd_peer_ep(r).ip, query, on_answer, q);
	if (q->ask) {
		httpd_on_abort(r, on_abort, q);
		return;
	}
	end_question(q);
	text(r, 501, "DNS not wired up");
}

static void dns_query(struct peerapi *p, struct httpd_req *r, const struct peerapi_peer *peer)
{
	struct peerapi_doh_in in = {
		.method = httpd_method(r),
		.content_type = httpd_header(r, "Content-Type"),
		.dns = httpd_query(r, "dns"),
		.body = httpd_body(r),
	};
	static uint8_t room[PEERAPI_DNS_QUERY_MAX];
	const char *name = httpd_query(r, "q"), *type = httpd_query(r, "t");
	struct span query;
	const char *why = peerapi_doh_query(&in, mspan_of(room, sizeof(room)), &query);
	if (!why && query.len > PEERAPI_DNS_QUERY_MAX)
		why = "query too large";
	bool pretty = why && strcmp(in.method, "GET") == 0 && name && *name;
	if (pretty) {
		query = span_of(room, peerapi_pretty_query(name, type ? type : "",
							   mspan_of(room, sizeof(room))));
		why = query.len ? NULL : "'q' is not a name, or 't' is none of a, aaaa, txt";
	}
	if (why)
		text(r, 400, why);
	else
		ask(p, r, peer, query, pretty);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* Whoever is no peer does not even learn that somebody listens. */
static bool welcome(void *arg, struct ep from)
{
	struct door *d = arg;
	struct peerapi_peer peer;
	if (d->p->ops->whois(d->p->arg, from.ip, &peer))
		return true;
	counter_inc(&counters[N_STRANGERS]);
	return false;
}

static struct peerapi_head head_of(const struct httpd_req *r)
{
	return (struct peerapi_head){
		.method = httpd_method(r),
		.path = httpd_path(r),
		.host = httpd_header(r, "Host"),
		.origin = httpd_header(r, "Origin"),
		.referer = httpd_header(r, "Referer"),
		.accept_encoding = httpd_header(r, "Accept-Encoding"),
		.accept_language = httpd_header(r, "Accept-Language"),
		.user_agent = httpd_header(r, "User-Agent"),
	};
}

static struct httpd_refusal on_head(void *arg, const struct httpd_req *r)
{
	struct door *d = arg;
	struct peerapi *p = d->p;
	struct peerapi_peer peer;
	if (!p->ops->whois(p->arg, httpd_peer_ep(r).ip, &peer))
		return (struct httpd_refusal){ 403, NULL };
	counter_inc(&counters[N_REQUESTS]);
	struct ip masked[] = { peer.knows4, peer.knows6 };
	bool is_masked = ip_is_set(peer.knows4) || ip_is_set(peer.knows6);
	struct peerapi_head h = head_of(r);
	struct peerapi_refusal no =
	    peerapi_check(&h, is_masked ? masked : p->own, is_masked ? ARRAY_LEN(masked) : p->n,
			  peer.may_resolve);
	if (no.status)
		counter_inc(&counters[N_REFUSED]);
	return (struct httpd_refusal){ no.status, no.text };
}

static void add_browser_headers(struct httpd_req *r)
{
	httpd_add_header(r, "Content-Security-Policy",
			 "default-src 'none'; frame-ancestors 'none'; script-src 'none'; "
			 "script-src-elem 'none'; script-src-attr 'none'; style-src "
			 "'unsafe-inline'");
	httpd_add_header(r, "X-Frame-Options", "DENY");
}

static void greet(struct httpd_req *r, const struct peerapi_peer *peer)
{
	struct buf b;
	buf_init(&b, PAGE_MAX);
	peerapi_greeting(peer->owner, httpd_peer_ep(r).ip, peer->name, peer->same_user, &b);
	httpd_reply(r, 200, "text/html; charset=utf-8", buf_span(&b));
	buf_fini(&b);
}

/* The head was taken; but what the peer may do can have changed since. */
static void on_request(void *arg, struct httpd_req *r)
{
	struct door *d = arg;
	struct peerapi_peer peer;
	struct peerapi_head h = head_of(r);
	if (!d->p->ops->whois(d->p->arg, httpd_peer_ep(r).ip, &peer)) {
		httpd_drop(r);
		return;
	}
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	if (peerapi_is_browser(&h))
		add_browser_headers(r);
	if (peerapi_path_of(h.path) == PEERAPI_ROOT)
		greet(r, &peer);
	else if (peer.may_resolve)
		dns_query(d->p, r, &peer);
	else
		text(r, 403, "DNS access denied");
}

/* ---- listening --------------------------------------------------------------------------------
 */

/* The ports that others expect first; any, if somebody else has them all. */
static int listen_at(const struct peerapi *p, struct ip at)
{
	int fd = -ERR_BUSY;
	for (unsigned i = 0; i <= PEERAPI_TRIES && fd == -ERR_BUSY; i++) {
		uint16_t port = i < PEERAPI_TRIES ? peerapi_port_of(at, i) : 0;
		fd = httpd_listen_tcp((struct ep){ at, port }, p->device);
	}
	return fd;
}

static bool open_door(struct door *d)
{
	static const struct httpd_opts o = {
		.max_body = PEERAPI_DOH_BODY_MAX,
		.max_bodies = BODIES_MAX,
		.max_connections = CONNECTIONS_MAX,
		.max_connections_of_one = CONNECTIONS_OF_ONE_MAX,
		.turn_ms = TURN_MS,
		.welcome = welcome,
		.head = on_head,
	};
	char ip[IP_TEXT_MAX];
	int fd = listen_at(d->p, d->at);
	uint16_t port = fd < 0 ? 0 : sockaddr_of_fd(fd, false).port;
	if (fd >= 0)
		d->http = httpd_new(d->p->loop, fd, &o, on_request, d);
	if (!d->http) {
		/* Until the interface has it, this is how it is. */
		if (fd != -ERR_NOENT)
			LOG_LIMITED(60, LOG_WARN, "peerapi: cannot listen on %s: %s",
				    ip_encode(d->at, ip), err_text(fd < 0 ? fd : -ERR_IO));
		return false;
	}
	d->port = port;
	log_info("peerapi: listening on %s port %u", ip_encode(d->at, ip), port);
	loop_defer_arm(&d->p->tell);
	return true;
}

static void open_doors(struct peerapi *p)
{
	bool all = true;
	for (size_t i = 0; i < p->n; i++)
		all = (p->doors[i]->http || open_door(p->doors[i])) && all;
	if (all)
		return;
	loop_timer_arm_ms(&p->retry, p->retry_ms);
	p->retry_ms = 2 * p->retry_ms < RETRY_MAX_MS ? 2 * p->retry_ms : RETRY_MAX_MS;
}

static void on_retry(struct loop_timer *t, mono_t now)
{
	(void)now;
	open_doors(t->arg);
}

static void close_door(struct door *d)
{
	if (!d)
		return;
	if (d->http)
		loop_defer_arm(&d->p->tell);
	httpd_free(d->http);
	free(d);
}

static struct door *new_door(struct peerapi *p, struct ip at)
{
	struct door *d = xcalloc(1, sizeof(*d));
	d->p = p;
	d->at = at;
	return d;
}

/* The door to that address, taken out of the list. */
static struct door *take_door(struct door **doors, size_t n, struct ip at)
{
	for (size_t i = 0; i < n; i++) {
		struct door *d = doors[i];
		if (!d || !ip_eq(d->at, at))
			continue;
		doors[i] = NULL;
		return d;
	}
	return NULL;
}

static bool same_addresses(const struct peerapi *p, const struct ip *addrs, size_t n)
{
	for (size_t i = 0; i < n && n == p->n; i++)
		if (!ip_eq(p->own[i], addrs[i]))
			return false;
	return n == p->n;
}

void peerapi_set_addresses(struct peerapi *p, const struct ip *addrs, size_t n)
{
	if (same_addresses(p, addrs, n))
		return;
	struct door **old = p->doors;
	size_t n_old = p->n;
	p->doors = xcalloc(n + 1, sizeof(*p->doors));
	p->own = xrealloc(p->own, n + 1, sizeof(*p->own));
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		struct door *d = take_door(old, n_old, addrs[i]);
		p->own[i] = addrs[i];
		p->doors[i] = d ? d : new_door(p, addrs[i]);
	}
	for (size_t i = 0; i < n_old; i++)
		close_door(old[i]);
	free(old);
	loop_timer_cancel(&p->retry);
	p->retry_ms = RETRY_MS;
	open_doors(p);
}

uint16_t peerapi_port(const struct peerapi *p, enum ip_family fam)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->own[i].fam == fam)
			return p->doors[i]->port;
	return 0;
}

/* ---- life ---- */

static void tell(struct loop_defer *d)
{
	struct peerapi *p = d->arg;
	p->ops->on_ports(p->arg);
}

struct peerapi *peerapi_new(struct loop *l, const char *device, const struct peerapi_ops *ops,
			    void *arg)
{
	struct peerapi *p = xcalloc(1, sizeof(*p));
	counters_register(counters, ARRAY_LEN(counters));
	p->loop = l;
	p->device = xstrdup(device);
	p->ops = ops;
	p->arg = arg;
	askers_init(&p->askers);
	loop_timer_init(l, &p->retry, on_retry, p);
	loop_defer_init(l, &p->tell, tell, p);
	return p;
}

void peerapi_free(struct peerapi *p)
{
	if (!p)
		return;
	peerapi_set_addresses(p, NULL, 0); /* which ends the questions */
	loop_timer_cancel(&p->retry);
	loop_defer_cancel(&p->tell);
	askers_fini(&p->askers);
	free(p->doors);
	free(p->own);
	free(p->device);
	free(p);
}
