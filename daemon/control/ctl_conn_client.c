/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection's life: dialling (up to two attempts in a race), then one winner that carries
 * HTTP/2 inside Noise records, then down. Everything that ends it goes through conn_fail, which
 * only notes why; the owner is told from a deferred call, so that nothing vanishes under a
 * callback. */
#include "daemon/control/ctl_conn.h"

#include "base/alloc.h"
#include "base/stream.h"
#include "daemon/control/capver.h"
#include "daemon/control/early.h"
#include "daemon/control/h2.h"
#include "daemon/control/upgrade_wire.h"

#include <stdio.h>
#include <stdlib.h>

#define HANDSHAKE_MAX 65536    /* bytes before the Noise response is complete */
#define SEND_CHUNK (64u << 10) /* HTTP/2 bytes sealed at a time */
#define SEALED_MAX (256u << 10)
#define TEXT_MAX 192
#define H2_CANCEL 8

struct attempt {
	struct ctl_conn *conn;
	bool tls;
	struct stream *stream; /* NULL: not started, or over */
	bool over;
	bool opened, upgraded;
	struct ts_client hs;
	struct buf in;
};

enum phase { DIALING, UP, DOWN };

struct ctl_conn {
	struct net *net;
	struct dial_target target;
	struct machine_priv machine;
	struct machine_key server;
	struct rng *rng;
	const struct ctl_conn_ops *ops;
	void *arg;

	enum phase phase;
	struct attempt plain, tls;
	struct loop_timer plain_timer, tls_timer, deadline;
	struct attempt *winner;
	struct ts_tx tx;
	struct ts_rx rx;
	struct early_reader early;
	struct h2 *h2;
	struct buf sealed; /* not yet taken by the stream */
	struct list requests;

	enum ctl_conn_error why;
	char text[TEXT_MAX];
	struct loop_defer flush, tell_down;
	int depth;  /* callbacks of ours on the stack */
	bool freed; /* ctl_conn_free was called from inside one */
};

struct ctl_req {
	struct list link;
	struct ctl_conn *conn;
	int32_t stream; /* 0: waits for the connection */
	bool ended;
	char *method;
	char *path;
	struct buf body;
	const struct ctl_req_ops *ops;
	void *arg;
};

static void conn_destroy(struct ctl_conn *c);

static void enter(struct ctl_conn *c)
{
	c->depth++;
}

static void leave(struct ctl_conn *c)
{
	if (--c->depth == 0 && c->freed)
		conn_destroy(c);
}

/* ---- going down ---- */

static void attempt_stop(struct attempt *a)
{
	a->over = true;
	stream_free(a->stream);
	a->stream = NULL;
	ts_client_wipe(&a->hs);
	buf_reset(&a->in);
}

static void stop_io(struct ctl_conn *c)
{
	loop_timer_cancel(&c->plain_timer);
	loop_timer_cancel(&c->tls_timer);
	loop_timer_cancel(&c->deadline);
	loop_defer_cancel(&c->flush);
	attempt_stop(&c->plain);
	attempt_stop(&c->tls);
	h2_free(c->h2);
	c->h2 = NULL;
	ts_tx_wipe(&c->tx);
	ts_rx_wipe(&c->rx);
	buf_reset(&c->sealed);
}

/* The first reason that says more than "network" stays. */
static void note(struct ctl_conn *c, enum ctl_conn_error why, const char *text)
{
	if (text == c->text || (c->why > CTL_CONN_NETWORK && why <= c->why))
		return;
	c->why = why;
	snprintf(c->text, sizeof(c->text), "%s", text);
}

static void conn_fail(struct ctl_conn *c, enum ctl_conn_error why, const char *text)
{
	if (c->phase == DOWN || c->freed)
		return;
	note(c, why, text);
	c->phase = DOWN;
	stop_io(c);
	loop_defer_arm(&c->tell_down);
}

static void req_free(struct ctl_req *r)
{
	list_remove(&r->link);
	free(r->method);
	free(r->path);
	buf_fini(&r->body);
	free(r);
}

static void req_done(struct ctl_req *r, int err, const char *text)
{
	const struct ctl_req_ops *ops = r->ops;
	void *arg = r->arg;
	req_free(r);
	ops->on_done(arg, err, text);
}

static void tell_down(struct loop_defer *d)
{
	struct ctl_conn *c = d->arg;
	enter(c);
	while (!c->freed && !list_empty(&c->requests))
		req_done(LIST_ENTRY(list_first(&c->requests), struct ctl_req, link), -ERR_CLOSED,
			 c->text);
	if (!c->freed)
		c->ops->on_down(c->arg, c->why, c->text);
	leave(c);
}

/* ---- HTTP/2 ---- */

static void on_h2_head(void *arg, int32_t stream, const struct h2_head *head)
{
	struct ctl_conn *c = arg;
	struct ctl_req *r = h2_stream_arg(c->h2, stream);
	struct span retry = h2_head_find(head, "retry-after");
	if (r)
		r->ops->on_head(r->arg, head->status, retry.p ? retry : span_str(""));
}

static void on_h2_data(void *arg, int32_t stream, struct span data)
{
	struct ctl_conn *c = arg;
	struct ctl_req *r = h2_stream_arg(c->h2, stream);
	if (r)
		r->ops->on_data(r->arg, data);
	if (c->h2)
		h2_consume(c->h2, stream, data.len);
}

static void on_h2_end(void *arg, int32_t stream)
{
	struct ctl_conn *c = arg;
	struct ctl_req *r = h2_stream_arg(c->h2, stream);
	if (r)
		r->ended = true;
}

static void on_h2_close(void *arg, int32_t stream, uint32_t code)
{
	struct ctl_conn *c = arg;
	struct ctl_req *r = h2_stream_arg(c->h2, stream);
	char text[64];
	if (!r)
		return;
	bool ok = r->ended && code == 0;
	snprintf(text, sizeof(text), "the server ended the request (HTTP/2 code %u)", code);
	r->stream = 0;
	req_done(r, ok ? 0 : -ERR_CLOSED, ok ? "" : text);
}

static void on_h2_goaway(void *arg, int32_t last)
{
	struct ctl_conn *c = arg;
	(void)last;
	c->ops->on_goaway(c->arg);
}

static const struct h2_ops H2_OPS = {
	.on_head = on_h2_head,
	.on_data = on_h2_data,
	.on_end = on_h2_end,
	.on_close = on_h2_close,
	.on_goaway = on_h2_goaway,
};

/* Hand sealed bytes to the stream; false: it is full and will say when it is not. */
static bool push_sealed(struct ctl_conn *c)
{
	if (c->sealed.len == 0)
		return true;
	int err = stream_send(c->winner->stream, buf_span(&c->sealed));
	if (err == -ERR_FULL)
		return false;
	buf_reset(&c->sealed);
	return err == 0; /* else the stream is closing and says so itself */
}

static void flush(struct ctl_conn *c)
{
	struct buf plain;
	int err = 0;
	buf_init(&plain, 4 * SEND_CHUNK);
	while (!err && c->phase == UP && !c->freed && push_sealed(c) && h2_wants_send(c->h2)) {
		buf_reset(&plain);
		err = h2_send(c->h2, &plain, SEND_CHUNK);
		if (!err && c->phase == UP && !c->freed)
			err = ts_seal(&c->tx, buf_span(&plain), &c->sealed);
	}
	buf_fini(&plain);
	if (err)
		conn_fail(c, CTL_CONN_PROTOCOL, "the connection cannot be written any more");
	else if (c->phase == UP && !c->freed && h2_is_over(c->h2))
		conn_fail(c, CTL_CONN_NETWORK, "the server closed the connection");
}

static void flush_later(struct loop_defer *d)
{
	struct ctl_conn *c = d->arg;
	enter(c);
	flush(c);
	leave(c);
}

static void submit(struct ctl_req *r)
{
	struct ctl_conn *c = r->conn;
	static const char agent[] = "meshd/" MESH_VERSION;
	const struct h2_field fields[] = { { span_str("user-agent"), span_str(agent) } };
	struct h2_request rq = {
		.method = r->method,
		.scheme = "https",
		.authority = c->target.authority,
		.path = r->path,
		.fields = fields,
		.n_fields = 1,
		.body = buf_span(&r->body),
	};
	int32_t id = h2_request(c->h2, &rq);
	buf_reset(&r->body);
	if (id > 0) {
		r->stream = id;
		h2_set_stream_arg(c->h2, id, r);
	} else {
		conn_fail(c, CTL_CONN_NETWORK, "the server takes no more requests here");
	}
}

/* ---- bytes of the winner ---- */

static int http2_input(struct ctl_conn *c, struct span plain)
{
	return plain.len && c->h2 ? h2_recv(c->h2, plain) : 0;
}

/* One record's text: the early payload first, then HTTP/2. */
static int plain_input(struct ctl_conn *c, struct span plain)
{
	if (c->early.done)
		return http2_input(c, plain);
	int got = early_feed(&c->early, &plain);
	if (got <= 0)
		return got;
	int err = c->early.present ? 0 : http2_input(c, span_of(c->early.head, EARLY_HEADER_LEN));
	return err ? err : http2_input(c, plain);
}

static void record_input(struct ctl_conn *c, struct span in)
{
	struct span plain;
	int more = 1;
	while (c->phase == UP && !c->freed && (more = ts_open(&c->rx, &in, &plain)) == 1) {
		int err = plain_input(c, plain);
		if (err)
			more = err;
		if (err)
			break;
	}
	if (c->phase != UP || c->freed)
		return;
	if (more < 0)
		conn_fail(c, CTL_CONN_PROTOCOL, "the server broke the protocol");
	else
		flush(c);
}

/* ---- the race ---- */

static void attempt_start(struct attempt *a);

/* An attempt is over; the other one need not wait any longer. */
static void attempt_lost(struct attempt *a, enum ctl_conn_error why, const char *text)
{
	struct ctl_conn *c = a->conn;
	struct attempt *other = a == &c->plain ? &c->tls : &c->plain;
	struct loop_timer *timer = a == &c->plain ? &c->tls_timer : &c->plain_timer;
	note(c, why, text); /* before the stream goes, which owns the text */
	attempt_stop(a);
	if (loop_timer_armed(timer)) {
		loop_timer_cancel(timer);
		attempt_start(other);
	} else if (other->over || !other->stream) {
		conn_fail(c, c->why, c->text);
	}
}

static void attempt_won(struct attempt *a)
{
	struct ctl_conn *c = a->conn;
	struct attempt *other = a == &c->plain ? &c->tls : &c->plain;
	loop_timer_cancel(&c->plain_timer);
	loop_timer_cancel(&c->tls_timer);
	loop_timer_cancel(&c->deadline);
	attempt_stop(other);
	stream_proved(a->stream);
	c->winner = a;
	c->h2 = h2_new(false, &H2_OPS, c);
	if (!c->h2) {
		conn_fail(c, CTL_CONN_NETWORK, "out of memory");
		return;
	}
	c->phase = UP;
	c->why = CTL_CONN_OK;
	LIST_EACH (it, &c->requests) {
		if (c->phase == UP)
			submit(LIST_ENTRY(it, struct ctl_req, link));
	}
	flush(c);
	if (c->phase == UP && !c->freed)
		c->ops->on_up(c->arg);
}

static void on_open(void *arg)
{
	struct attempt *a = arg;
	struct ctl_conn *c = a->conn;
	uint8_t init[TS_INIT_LEN];
	struct buf out;
	enter(c);
	a->opened = true;
	buf_init(&out, 4096);
	/* a fresh ephemeral for each attempt: two servers must not see the same one */
	int err = ts_client_start(&a->hs, CTL_CAPVER, &c->machine, &c->server, c->rng, init);
	if (err) {
		attempt_lost(a, CTL_CONN_NOISE, "the server's key is not usable");
	} else {
		uint16_t port = a->tls ? c->target.tls_port : c->target.plain_port;
		upgrade_request_build(c->target.host, port, init, &out);
		if (stream_send(a->stream, buf_span(&out)))
			attempt_lost(a, CTL_CONN_NETWORK, "the connection cannot be written");
	}
	buf_fini(&out);
	leave(c);
}

/* The answer to the upgrade. 0: done or more needed. */
static int read_upgrade(struct attempt *a)
{
	size_t used;
	char text[128];
	int err = a->upgraded ? 0 : upgrade_response_parse(buf_span(&a->in), &used, text);
	if (a->upgraded || err == -ERR_AGAIN)
		return 0;
	if (err) {
		attempt_lost(a, CTL_CONN_UPGRADE, text);
		return err;
	}
	buf_drop(&a->in, used);
	a->upgraded = true;
	return 0;
}

static void read_response(struct attempt *a)
{
	struct ctl_conn *c = a->conn;
	char text[TS_ERROR_TEXT_MAX], why[TEXT_MAX];
	size_t used;
	struct ts_tx tx;
	struct ts_rx rx;
	int err = ts_client_finish(&a->hs, buf_span(&a->in), &used, &tx, &rx, text);
	if (err == -ERR_AGAIN)
		return;
	if (err) {
		snprintf(why, sizeof(why), "Noise handshake: %s%s%s", err_text(err),
			 *text ? ": the server says: " : "", text);
		attempt_lost(a, CTL_CONN_NOISE, why);
		return;
	}
	c->tx = tx;
	c->rx = rx;
	ts_tx_wipe(&tx);
	ts_rx_wipe(&rx);
	buf_drop(&a->in, used);
	attempt_won(a);
	/* records may have come in the same segment */
	if (c->phase == UP && !c->freed)
		record_input(c, buf_span(&a->in));
	if (!c->freed)
		buf_reset(&a->in);
}

static void on_data(void *arg, struct span data)
{
	struct attempt *a = arg;
	struct ctl_conn *c = a->conn;
	enter(c);
	if (c->winner == a) {
		record_input(c, data);
		leave(c);
		return;
	}
	buf_add_span(&a->in, data);
	if (!buf_ok(&a->in))
		attempt_lost(a, CTL_CONN_UPGRADE, "the answer to the upgrade is too long");
	else if (read_upgrade(a) == 0 && a->upgraded)
		read_response(a);
	leave(c);
}

static void on_close(void *arg, int err, const char *text)
{
	struct attempt *a = arg;
	struct ctl_conn *c = a->conn;
	enter(c);
	if (c->winner == a)
		conn_fail(c, CTL_CONN_NETWORK, err ? text : "the server closed the connection");
	else if (a->upgraded)
		/* No response and no reason: how servers treat versions and keys that do not fit.
		 */
		attempt_lost(a, CTL_CONN_REFUSED,
			     "the server closed during the handshake; it may have a new key (asked "
			     "for again soon), or this client's version is too old for it");
	else
		attempt_lost(a, CTL_CONN_NETWORK, err ? text : "the server closed the connection");
	leave(c);
}

static void on_drain(void *arg)
{
	struct attempt *a = arg;
	struct ctl_conn *c = a->conn;
	enter(c);
	if (c->winner == a)
		flush(c);
	leave(c);
}

static const struct stream_ops STREAM_OPS = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
	.on_drain = on_drain,
};

static void attempt_start(struct attempt *a)
{
	struct ctl_conn *c = a->conn;
	struct stream_opts o = {
		.host = c->target.host,
		.port = a->tls ? c->target.tls_port : c->target.plain_port,
		.tls = a->tls,
		.verify = STREAM_VERIFY_LOG, /* Noise authenticates the server */
		.timeout_ms = DIAL_TIMEOUT_MS,
	};
	a->stream = stream_open(c->net, &o, &STREAM_OPS, a);
}

static void on_attempt_timer(struct loop_timer *t, mono_t now)
{
	struct ctl_conn *c = t->arg;
	(void)now;
	attempt_start(t == &c->plain_timer ? &c->plain : &c->tls);
}

static void on_deadline(struct loop_timer *t, mono_t now)
{
	struct ctl_conn *c = t->arg;
	(void)now;
	conn_fail(c, CTL_CONN_NETWORK, "no answer within 10 seconds");
}

/* ---- life ---- */

static void attempt_init(struct attempt *a, struct ctl_conn *c, bool tls)
{
	a->conn = c;
	a->tls = tls;
	buf_init(&a->in, HANDSHAKE_MAX);
}

struct ctl_conn *ctl_conn_open(struct net *net, const struct ctl_conn_opts *o)
{
	struct ctl_conn *c = xcalloc(1, sizeof(*c));
	struct loop *l = net_loop(net);
	c->net = net;
	c->target = *o->target;
	c->machine = *o->machine;
	c->server = *o->server;
	c->rng = o->rng;
	c->ops = o->ops;
	c->arg = o->arg;
	list_init(&c->requests);
	attempt_init(&c->plain, c, false);
	attempt_init(&c->tls, c, true);
	early_init(&c->early);
	buf_init(&c->sealed, SEALED_MAX);
	loop_timer_init(l, &c->plain_timer, on_attempt_timer, c);
	loop_timer_init(l, &c->tls_timer, on_attempt_timer, c);
	loop_timer_init(l, &c->deadline, on_deadline, c);
	loop_defer_init(l, &c->flush, flush_later, c);
	loop_defer_init(l, &c->tell_down, tell_down, c);
	struct dial_plan p = dial_plan_make(&c->target, loop_now(l), o->previous_dial);
	loop_timer_arm(&c->plain_timer, p.plain_at);
	loop_timer_arm(&c->tls_timer, p.tls_at);
	loop_timer_arm(&c->deadline, p.deadline);
	return c;
}

static void conn_destroy(struct ctl_conn *c)
{
	buf_fini(&c->plain.in);
	buf_fini(&c->tls.in);
	buf_fini(&c->sealed);
	early_fini(&c->early);
	machine_priv_wipe(&c->machine);
	free(c);
}

void ctl_conn_free(struct ctl_conn *c)
{
	if (!c || c->freed)
		return;
	LIST_EACH (it, &c->requests)
		req_free(LIST_ENTRY(it, struct ctl_req, link));
	stop_io(c);
	loop_defer_cancel(&c->tell_down);
	c->phase = DOWN;
	c->freed = true;
	if (c->depth == 0)
		conn_destroy(c);
}

enum ctl_conn_error ctl_conn_reason(const struct ctl_conn *c)
{
	return c->phase == DOWN ? c->why : CTL_CONN_OK;
}

struct ctl_req *ctl_conn_request(struct ctl_conn *c, const char *method, const char *path,
				 struct span body, const struct ctl_req_ops *ops, void *arg)
{
	struct ctl_req *r = xcalloc(1, sizeof(*r));
	r->conn = c;
	r->ops = ops;
	r->arg = arg;
	r->method = xstrdup(method);
	r->path = xstrdup(path);
	buf_init(&r->body, body.len);
	r->body.secret = true; /* it may hold an auth key */
	buf_add_span(&r->body, body);
	list_init(&r->link);
	list_push_back(&c->requests, &r->link);
	if (c->phase == UP) {
		submit(r);
		loop_defer_arm(&c->flush);
	}
	return r;
}

void ctl_req_cancel(struct ctl_req *r)
{
	struct ctl_conn *c = r->conn;
	if (r->stream && c->h2) {
		h2_set_stream_arg(c->h2, r->stream, NULL);
		h2_reset(c->h2, r->stream, H2_CANCEL);
		loop_defer_arm(&c->flush);
	}
	req_free(r);
}
