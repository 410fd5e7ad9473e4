/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/probe_io.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/sockaddr.h"
#include "dns/reply_check.h"

#include <stdlib.h>
#include <unistd.h>

struct dns_probe {
	struct loop_fd fd;
	struct loop_timer timer;
	struct loop_defer failed;
	enum ip_family fam;
	uint8_t msg[DNS_QUERY_MAX];
	size_t len;
	struct dns_query q;
	dns_probe_fn *fn;
	void *arg;
};

static void probe_free(struct dns_probe *p)
{
	loop_timer_cancel(&p->timer);
	loop_defer_cancel(&p->failed);
	if (p->fd.fd >= 0) {
		loop_fd_stop(&p->fd);
		close(p->fd.fd);
	}
	free(p);
}

void dns_probe_cancel(struct dns_probe *p)
{
	if (p)
		probe_free(p);
}

static void finish(struct dns_probe *p, int err, unsigned rcode, const struct ip *addrs, size_t n)
{
	p->fn(p->arg, err, rcode, addrs, n);
	probe_free(p);
}

/* ---- the reply -------------------------------------------------------------------------------- */

static size_t addresses(const struct dns_probe *p, struct span reply,
			struct ip out[static DNS_PROBE_ADDRS_MAX])
{
	struct dns_walk w;
	struct dns_rr rr;
	size_t n = 0;
	if (dns_walk_init(&w, reply) != 0)
		return 0;
	while (n < DNS_PROBE_ADDRS_MAX && dns_walk_next(&w, &rr))
		if (rr.section == DNS_ANSWER && rr.type == p->q.type &&
		    rr.rdata.len == (p->fam == IP_V4 ? 4 : 16))
			out[n++] = ip_from_bytes(rr.rdata);
	return n;
}

static void on_reply(struct loop_fd *w, int events)
{
	struct dns_probe *p = w->arg;
	uint8_t in[DNS_UDP_MAX];
	struct ip addrs[DNS_PROBE_ADDRS_MAX];
	ssize_t len = recv(w->fd, in, sizeof(in), MSG_DONTWAIT);
	struct span reply = span_of(in, len > 0 ? (size_t)len : 0);
	(void)events;
	if (len < 0) {
		finish(p, -ERR_IO, 0, NULL, 0);
		return;
	}
	if (dns_reply_check(&p->q, p->q.id, reply) == DNS_REPLY_IGNORE)
		return;
	finish(p, 0, dns_rcode_of(reply), addrs, addresses(p, reply, addrs));
}

/* ---- the question ----------------------------------------------------------------------------- */

static int build(struct dns_probe *p, const char *name)
{
	uint16_t id;
	rng_fill(rng_system(), &id, sizeof(id));
	p->len = dns_query_build(id, name, p->fam == IP_V4 ? DNS_A : DNS_AAAA,
				 mspan_of(p->msg, sizeof(p->msg)));
	return p->len ? dns_query_parse(span_of(p->msg, p->len), &p->q) : -ERR_SYNTAX;
}

static int ask(struct dns_probe *p, struct loop *l, struct ep server)
{
	struct sockaddr_storage to;
	socklen_t len = sockaddr_from_ep(server, &to);
	p->fd.fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd.fd < 0 || len == 0 || connect(p->fd.fd, (struct sockaddr *)&to, len) != 0 ||
	    send(p->fd.fd, p->msg, p->len, MSG_NOSIGNAL) != (ssize_t)p->len)
		return -ERR_IO;
	return loop_fd_start(l, &p->fd, p->fd.fd, LOOP_READ, on_reply, p);
}

static void on_timeout(struct loop_timer *t, mono_t now)
{
	(void)now;
	finish(t->arg, -ERR_TIMEOUT, 0, NULL, 0);
}

static void on_failed(struct loop_defer *d)
{
	finish(d->arg, -ERR_IO, 0, NULL, 0);
}

struct dns_probe *dns_probe_start(struct loop *l, struct ep server, const char *name,
				  enum ip_family fam, dns_probe_fn *fn, void *arg)
{
	struct dns_probe *p = xcalloc(1, sizeof(*p));
	p->fd.fd = -1;
	p->fam = fam;
	p->fn = fn;
	p->arg = arg;
	loop_timer_init(l, &p->timer, on_timeout, p);
	loop_defer_init(l, &p->failed, on_failed, p);
	loop_timer_arm_ms(&p->timer, DNS_PROBE_MS);
	if (build(p, name) != 0 || ask(p, l, server) != 0)
		loop_defer_arm(&p->failed);
	return p;
}
