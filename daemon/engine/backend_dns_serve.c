/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions of this machine's programs that the table does not answer: by UDP from the packet path,
 * by TCP from our own listener, and from the LocalAPI. */
#include "daemon/engine/backend_dns_priv.h"

#include "base/alloc.h"
#include "base/log.h"
#include "dns/fqdn.h"
#include "dns/local.h"
#include "dns/type_name.h"
#include "netstack/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_RETRY_MS 1000
#define LISTEN_TRIES 30
#define QUERY_ID 1 /* of the LocalAPI's questions */

/* Somebody waits for the forwarder. */
struct question {
	struct list link;
	struct backend_dns *d;
	struct dns_ask *ask;
	struct ep from, to;	   /* by UDP */
	struct dns_tcp_query *tcp; /* by TCP */
};

static struct question *question_new(struct backend_dns *d)
{
	struct question *q = xcalloc(1, sizeof(*q));
	q->d = d;
	list_init(&q->link);
	list_push_back(&d->questions, &q->link);
	return q;
}

static void question_free(struct question *q)
{
	list_remove(&q->link);
	free(q);
}

static void on_reply(void *arg, struct span reply)
{
	struct question *q = arg;
	if (q->tcp)
		dns_tcp_answer(q->tcp, reply);
	else if (reply.len)
		node_dns_reply(q->d->b->node, q->from, q->to, reply);
	question_free(q);
}

/* False: there is no room. */
static bool forward(struct question *q, const struct dns_query *parsed, struct span msg)
{
	const struct dns_client who = { q->from.ip, q->tcp == NULL, q->from.port };
	q->ask = dns_forward_ask(q->d->forward, parsed, msg, &who, on_reply, q);
	if (q->ask)
		return true;
	q->d->n_refused++;
	node_dns_full(q->d->b->node);
	return false;
}

void backend_dns_on_udp(void *arg, struct ep from, struct ep to, struct span msg)
{
	struct backend *b = arg;
	struct backend_dns *d = b->dns;
	struct dns_query parsed;
	if (!d || !d->active || dns_query_parse(msg, &parsed) != 0)
		return;
	d->n_udp++;
	struct question *q = question_new(d);
	q->from = from;
	q->to = to;
	if (!forward(q, &parsed, msg))
		question_free(q);
}

/* ---- TCP ---- */

static void on_tcp(void *arg, struct dns_tcp_query *t, struct span msg, struct ep from)
{
	struct backend_dns *d = arg;
	uint8_t room[DNS_LOCAL_ANSWER_MAX];
	struct dns_query parsed;
	size_t len = 0;
	d->n_tcp++;
	enum dns_local_verdict v = dns_local_answer(d->table, wall_now(), msg, false,
						    mspan_of(room, sizeof(room)), &len, &parsed);
	if (v != DNS_LOCAL_FORWARD || !d->active) {
		dns_tcp_answer(t, span_of(room, v == DNS_LOCAL_ANSWER ? len : 0));
		return;
	}
	struct question *q = question_new(d);
	q->from = from;
	q->tcp = t;
	if (!forward(q, &parsed, msg)) {
		dns_tcp_answer(t, span_of(NULL, 0));
		question_free(q);
	}
}

static uint16_t listen_at(struct backend_dns *d, struct ip own, int *err)
{
	struct ep bound;
	if (!ip_is_set(own))
		return 0;
	int rc = dns_tcp_server_listen(d->tcp, (struct ep){ own, 0 }, &bound);
	if (rc)
		*err = rc;
	return rc ? 0 : bound.port;
}

/* An address that the interface is about to get cannot be listened on yet. */
static void listen_now(struct backend_dns *d)
{
	struct node_ports *p = &d->b->ports;
	int err = 0;
	if (!p->dns4)
		p->dns4 = listen_at(d, d->listen[0], &err);
	if (!p->dns6)
		p->dns6 = listen_at(d, d->listen[1], &err);
	node_set_ports(d->b->node, p);
	if (!err)
		return;
	if (++d->listen_tries < LISTEN_TRIES)
		loop_timer_arm_ms(&d->listen_timer, LISTEN_RETRY_MS);
	else
		log_warn("dns: cannot listen for DNS over TCP: %s", strerror(errno));
}

static void on_listen_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	listen_now(t->arg);
}

void dns_serve_listen(struct backend_dns *d, const struct netmap *nm)
{
	struct ip own[2] = { { 0 }, { 0 } };
	if (nm && !d->b->no_tun) {
		own[0] = nm_node_address(nm->self, IP_V4);
		own[1] = nm_node_address(nm->self, IP_V6);
	}
	if (ip_eq(own[0], d->listen[0]) && ip_eq(own[1], d->listen[1]))
		return;
	dns_tcp_server_reset(d->tcp);
	memcpy(d->listen, own, sizeof(own));
	d->b->ports.dns4 = d->b->ports.dns6 = 0;
	d->listen_tries = 0;
	loop_timer_cancel(&d->listen_timer);
	listen_now(d);
}

/* ---- life ---- */

void dns_serve_init(struct backend_dns *d)
{
	const struct ip from[2] = { IP_SERVICE4, IP_SERVICE6 };
	list_init(&d->questions);
	loop_timer_init(d->b->loop, &d->listen_timer, on_listen_timer, d);
	d->tcp = dns_tcp_server_new(d->b->loop, from, 2, on_tcp, d);
}

void dns_serve_free(struct backend_dns *d)
{
	loop_timer_cancel(&d->listen_timer);
	dns_tcp_server_free(d->tcp); /* first: a client that has its answer may ask again */
	LIST_EACH (it, &d->questions) {
		struct question *q = LIST_ENTRY(it, struct question, link);
		dns_ask_cancel(q->ask);
		on_reply(q, span_of(NULL, 0));
	}
}

/* ---- questions of people ---- */

struct backend_dns_ask {
	struct backend *b;
	struct dns_ask *ask;
	struct loop_defer later; /* the answer was at hand */
	json_t *reply;
	struct dns_upstreams via;
	void (*done)(void *arg, const json_t *reply);
	void *arg;
};

static json_t *reply_json(struct span reply, const struct dns_upstreams *via, bool local)
{
	json_t *o = j_object();
	j_set_base64(o, "Bytes", reply);
	j_set(o, "Resolvers", dns_upstreams_json(via));
	j_set_bool(o, "Local", local);
	return o;
}

static void ask_free(struct backend_dns_ask *q)
{
	loop_defer_cancel(&q->later);
	dns_upstreams_fini(&q->via);
	j_free(q->reply);
	free(q);
}

void backend_dns_query_cancel(struct backend_dns_ask *q)
{
	if (!q)
		return;
	dns_ask_cancel(q->ask);
	ask_free(q);
}

static void answer(struct loop_defer *d)
{
	struct backend_dns_ask *q = d->arg;
	q->done(q->arg, q->reply);
	ask_free(q);
}

static void on_asked(void *arg, struct span reply)
{
	struct backend_dns_ask *q = arg;
	q->ask = NULL;
	if (reply.len)
		q->reply = reply_json(reply, &q->via, false);
	answer(&q->later);
}

static void note_route(struct backend_dns_ask *q, const char *name)
{
	const struct dns_upstreams *via = dns_forward_route(q->b->dns->forward, name);
	if (via)
		dns_upstreams_copy(&q->via, via);
}

static void ask(struct backend_dns_ask *q, struct span msg)
{
	const struct backend_dns *d = q->b->dns;
	const struct dns_client who = { .from = ip_v4(127, 0, 0, 1) };
	uint8_t room[DNS_LOCAL_ANSWER_MAX];
	struct dns_query parsed;
	size_t len = 0;
	enum dns_local_verdict v = dns_local_answer(d->table, wall_now(), msg, false,
						    mspan_of(room, sizeof(room)), &len, &parsed);
	if (v == DNS_LOCAL_FORWARD) {
		note_route(q, parsed.name);
		q->ask = dns_forward_ask(d->forward, &parsed, msg, &who, on_asked, q);
	} else if (v == DNS_LOCAL_ANSWER && dns_query_parse(msg, &parsed) == 0) {
		note_route(q, parsed.name);
		q->reply = reply_json(span_of(room, len), &q->via, true);
	}
	if (!q->ask)
		loop_defer_arm(&q->later);
}

struct backend_dns_ask *backend_dns_query(struct backend *b, const char *name, const char *type,
					  void (*done)(void *arg, const json_t *reply), void *arg,
					  char **why)
{
	uint8_t msg[DNS_QUERY_MAX];
	char clean[DNS_FQDN_MAX + 1];
	uint16_t number;
	if (!dns_type_find(type, &number)) {
		*why = xstrdup("unknown type of record; one of A AAAA ALL CNAME HINFO MINFO MX NS "
			       "OPT PTR SOA SRV TXT WKS");
		return NULL;
	}
	size_t len = dns_fqdn_clean(name, clean) == 0
			 ? dns_query_build(QUERY_ID, clean, number, mspan_of(msg, sizeof(msg)))
			 : 0;
	if (len == 0) {
		*why = xstrdup("not a DNS name");
		return NULL;
	}
	struct backend_dns_ask *q = xcalloc(1, sizeof(*q));
	q->b = b;
	q->done = done;
	q->arg = arg;
	loop_defer_init(b->loop, &q->later, answer, q);
	ask(q, span_of(msg, len));
	return q;
}
