/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/serve_tcp_io.h"

#include "base/conn.h"
#include "base/counters.h"
#include "dns/tcp_frame.h"

#include <stdlib.h>

enum {
	IDLE_MS = 45000,
	MESSAGE_MS = 10000, /* for one message, however its bytes trickle in */
	ANSWER_MAX = 65535,
	QUEUE_MAX = 4 * (2 + ANSWER_MAX), /* answers a client does not read */
	REST_MAX = 65536, /* read with the question that filled the pipeline */
};

enum { TCP_ACCEPTED, TCP_STRANGER, TCP_TOO_MANY, TCP_QUERIES, TCP_BAD, TCP_SLOW, TCP_COUNTS };
static struct counter counters[TCP_COUNTS] = {
	[TCP_ACCEPTED] = { "dns_tcp_accepted", 0 }, [TCP_STRANGER] = { "dns_tcp_stranger", 0 },
	[TCP_TOO_MANY] = { "dns_tcp_too_many", 0 }, [TCP_QUERIES] = { "dns_tcp_queries", 0 },
	[TCP_BAD] = { "dns_tcp_bad", 0 },	    [TCP_SLOW] = { "dns_tcp_slow", 0 },
};

struct dns_tcp_server {
	struct loop *loop;
	struct ip *from;
	size_t n_from;
	dns_tcp_query_fn *fn;
	void *arg;
	struct listener *listeners[DNS_TCP_LISTENERS_MAX];
	size_t n_listeners;
	struct list clients; /* the one that was silent for longest first */
	unsigned n_clients;
	int64_t message_ms;
};

struct client {
	struct list link;
	struct dns_tcp_server *s;
	struct conn *conn;
	struct dns_frame frame;
	struct buf rest; /* behind the last question, while the pipeline is full */
	struct list queries;
	unsigned n_queries;
	struct loop_timer timer;
	mono_t active, begun; /* begun: of the message that is coming in; zero: none */
	bool busy;	      /* in take_messages: freed when that is done */
	bool closing;
};

struct dns_tcp_query {
	struct list link;
	struct client *c; /* NULL: gone */
};

/* ---- life of a connection ------------------------------------------------------------------- */

static void client_free(struct client *c)
{
	LIST_EACH(it, &c->queries) {
		struct dns_tcp_query *q = LIST_ENTRY(it, struct dns_tcp_query, link);

		list_remove(&q->link);
		q->c = NULL;
	}
	loop_timer_cancel(&c->timer);
	list_remove(&c->link);
	c->s->n_clients--;
	dns_frame_fini(&c->frame);
	buf_fini(&c->rest);
	free(c);
}

/* At once, or when its messages have been taken. */
static void client_close(struct client *c)
{
	conn_free(c->conn);
	c->conn = NULL;
	c->closing = true;
	if (!c->busy)
		client_free(c);
}

static void arm(struct client *c)
{
	mono_t at = mono_add_ms(c->active, IDLE_MS);

	if (!mono_is_zero(c->begun))
		at = mono_min(at, mono_add_ms(c->begun, c->s->message_ms));
	loop_timer_arm(&c->timer, at);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct client *c = t->arg;

	(void)now;
	counter_inc(&counters[TCP_SLOW]);
	client_close(c);
}

/* The list stays ordered by who was active last. */
static void touch(struct client *c)
{
	c->active = loop_now(c->s->loop);
	list_remove(&c->link);
	list_push_back(&c->s->clients, &c->link);
}

/* ---- messages --------------------------------------------------------------------------------- */

static void query(struct client *c)
{
	struct dns_tcp_query *q = xcalloc(1, sizeof(*q));

	counter_inc(&counters[TCP_QUERIES]);
	q->c = c;
	list_push_back(&c->queries, &q->link);
	c->n_queries++;
	c->s->fn(c->s->arg, q, dns_frame_msg(&c->frame), conn_peer(c->conn));
}

/* Takes what it may of in: up to the end, or until too many questions are under way. False: this is
 * no DNS. */
static bool take_messages(struct client *c, struct span *in)
{
	int rc = 1;

	while (!c->closing && c->n_queries < DNS_TCP_PIPELINE_MAX && in->len > 0 &&
	       (rc = dns_frame_feed(&c->frame, in)) > 0) {
		c->begun = MONO_ZERO;
		query(c);
		dns_frame_next(&c->frame);
	}
	return rc >= 0;
}

/* A message has its time from its first byte on, not from each. */
static void note_progress(struct client *c)
{
	if (!dns_frame_is_partial(&c->frame))
		c->begun = MONO_ZERO;
	else if (mono_is_zero(c->begun))
		c->begun = c->active;
	arm(c);
}

/* The client may be gone afterwards. */
static void take(struct client *c, struct span in)
{
	bool good;

	c->busy = true;
	good = take_messages(c, &in);
	c->busy = false;
	if (!good)
		counter_inc(&counters[TCP_BAD]);
	if (c->closing) {
		client_free(c);
		return;
	}
	if (!good) {
		client_close(c);
		return;
	}
	buf_add_span(&c->rest, in);
	conn_pause(c->conn, in.len > 0 || c->n_queries == DNS_TCP_PIPELINE_MAX);
	note_progress(c);
}

static void on_data(void *arg, struct span data)
{
	struct client *c = arg;

	touch(c);
	if (c->rest.len > 0 || c->n_queries == DNS_TCP_PIPELINE_MAX) {
		buf_add_span(&c->rest, data);
		if (!buf_ok(&c->rest))
			client_close(c);
		return;
	}
	take(c, data);
}

static void on_close(void *arg, int err)
{
	(void)err;
	client_close(arg);
}

/* A place in the pipeline is free again. */
static void resume(struct client *c)
{
	struct buf rest = c->rest;

	if (c->busy)
		return;
	buf_init(&c->rest, REST_MAX);
	take(c, buf_span(&rest));
	buf_fini(&rest);
}

static int send_answer(struct client *c, struct span reply)
{
	uint8_t out[2 + ANSWER_MAX];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));

	wr_be16(&w, (uint16_t)reply.len);
	wr_span(&w, reply);
	return wr_ok(&w) ? conn_send(c->conn, wr_span_of(&w)) : -ERR_TOOBIG;
}

void dns_tcp_answer(struct dns_tcp_query *q, struct span reply)
{
	struct client *c = q->c;
	bool was_full;

	list_remove(&q->link);
	free(q);
	if (!c)
		return;
	was_full = c->n_queries-- == DNS_TCP_PIPELINE_MAX;
	if (c->closing)
		return;
	touch(c);
	if (reply.len > 0 && reply.len <= ANSWER_MAX && send_answer(c, reply) < 0)
		client_close(c);
	else if (was_full)
		resume(c);
	else
		arm(c);
}

/* ---- connections ------------------------------------------------------------------------------ */

static bool is_welcome(const struct dns_tcp_server *s, struct ip from)
{
	for (size_t i = 0; i < s->n_from; i++)
		if (ip_eq(s->from[i], from))
			return true;
	return false;
}

/* Room for one more: the one that has been silent for longest and waits for nothing goes. */
static bool make_room(struct dns_tcp_server *s)
{
	if (s->n_clients < DNS_TCP_CONNS_MAX)
		return true;
	counter_inc(&counters[TCP_TOO_MANY]);
	LIST_EACH(it, &s->clients) {
		struct client *c = LIST_ENTRY(it, struct client, link);

		if (c->n_queries > 0 || c->busy || conn_queued(c->conn) > 0)
			continue;
		client_close(c);
		return true;
	}
	return false;
}

static void on_conn(void *arg, struct conn *conn)
{
	static const struct conn_ops ops = { on_data, on_close, NULL };
	struct dns_tcp_server *s = arg;
	struct client *c;

	if (!is_welcome(s, conn_peer(conn).ip)) {
		counter_inc(&counters[TCP_STRANGER]);
		conn_free(conn);
		return;
	}
	if (!make_room(s)) {
		conn_free(conn);
		return;
	}
	counter_inc(&counters[TCP_ACCEPTED]);
	c = xcalloc(1, sizeof(*c));
	c->s = s;
	c->conn = conn;
	c->active = loop_now(s->loop);
	dns_frame_init(&c->frame, DNS_TCP_REQUEST_MAX);
	buf_init(&c->rest, REST_MAX);
	list_init(&c->queries);
	loop_timer_init(s->loop, &c->timer, on_timer, c);
	list_push_back(&s->clients, &c->link);
	s->n_clients++;
	conn_set_queue_max(conn, QUEUE_MAX);
	conn_set_ops(conn, &ops, c);
	arm(c);
}

/* ---- the server -------------------------------------------------------------------------------- */

struct dns_tcp_server *dns_tcp_server_new(struct loop *l, const struct ip *from, size_t n_from,
					  dns_tcp_query_fn *fn, void *arg)
{
	struct dns_tcp_server *s = xcalloc(1, sizeof(*s));

	counters_register(counters, TCP_COUNTS);
	s->loop = l;
	s->from = xcalloc(n_from ? n_from : 1, sizeof(*s->from));
	s->n_from = n_from;
	if (n_from > 0)
		memcpy(s->from, from, n_from * sizeof(*from));
	s->fn = fn;
	s->arg = arg;
	s->message_ms = MESSAGE_MS;
	list_init(&s->clients);
	return s;
}

void dns_tcp_server_set_message_ms(struct dns_tcp_server *s, int64_t ms)
{
	s->message_ms = ms;
}

void dns_tcp_server_reset(struct dns_tcp_server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_free(s->listeners[i]);
	s->n_listeners = 0;
	LIST_EACH(it, &s->clients)
		client_close(LIST_ENTRY(it, struct client, link));
}

void dns_tcp_server_free(struct dns_tcp_server *s)
{
	if (!s)
		return;
	dns_tcp_server_reset(s);
	free(s->from);
	free(s);
}

int dns_tcp_server_listen(struct dns_tcp_server *s, struct ep at, struct ep *bound)
{
	struct listener *l;

	if (s->n_listeners == DNS_TCP_LISTENERS_MAX)
		return -ERR_FULL;
	l = listener_new(s->loop, at, NULL, on_conn, s);
	if (!l)
		return -ERR_IO;
	s->listeners[s->n_listeners++] = l;
	if (bound)
		*bound = listener_addr(l);
	return 0;
}
