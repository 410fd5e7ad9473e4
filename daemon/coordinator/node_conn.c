/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/node_conn_priv.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/control/early.h"
#include "daemon/control/noise_wire.h"
#include "daemon/control/upgrade_wire.h"
#include "daemon/coordinator/api.h"

#include <stdlib.h>

#define BODY_MAX (1u << 20)
#define QUEUE_MAX (512u << 10) /* sealed bytes waiting for the socket */
#define PUMP_ROOM 32768
#define WATCH_MS 15000
#define STALL_TICKS 2 /* watches without a byte leaving a queue that is not empty */
#define CONNS_MAX 16384
#define IDLE_TICKS 40 /* watches without any stream */

struct node_conn {
	struct list link;
	struct coord *coord;
	struct conn *conn;
	struct machine_key machine;
	struct ts_tx tx;
	struct ts_rx rx;
	struct h2 *h2;
	struct buf plain, wire; /* wire: sealed bytes the socket's queue had no room for */
	struct list requests;
	unsigned busy; /* depth of own calls: the memory stays until they return */
	bool dead;
	unsigned idle, stalled;
	uint64_t handed; /* bytes given to conn */
	uint64_t left;	 /* of them, seen to have left at the last watch */
	struct loop_timer watch;
	struct loop_defer pump;
};

struct h2 *node_conn_h2(const struct node_conn *nc)
{
	return nc->h2;
}

struct coord *node_conn_coord(const struct node_conn *nc)
{
	return nc->coord;
}

const struct machine_key *node_conn_machine(const struct node_conn *nc)
{
	return &nc->machine;
}

/* ---- end ---- */

static void req_free(struct node_req *q)
{
	list_remove(&q->link);
	if (q->on_gone)
		q->on_gone(q);
	buf_fini(&q->body);
	free(q->method);
	free(q->path);
	free(q);
}

static void release(struct node_conn *nc)
{
	if (nc->busy == 0 && nc->dead)
		free(nc);
}

void node_conn_close(struct node_conn *nc)
{
	if (nc->dead)
		return;
	nc->dead = true;
	list_remove(&nc->link);
	nc->coord->n_conns--;
	loop_timer_cancel(&nc->watch);
	loop_defer_cancel(&nc->pump);
	h2_free(nc->h2);
	nc->h2 = NULL;
	LIST_EACH (it, &nc->requests)
		req_free(LIST_ENTRY(it, struct node_req, link));
	conn_free(nc->conn);
	ts_tx_wipe(&nc->tx);
	ts_rx_wipe(&nc->rx);
	buf_fini(&nc->plain);
	buf_fini(&nc->wire);
	release(nc);
}

void node_conns_close(struct coord *c)
{
	LIST_EACH (it, &c->conns)
		node_conn_close(LIST_ENTRY(it, struct node_conn, link));
}

/* ---- out ---- */

/* Hand sealed bytes to the socket; false while its queue is full. */
static bool wire_flush(struct node_conn *nc)
{
	if (!nc->wire.len)
		return true;
	if (conn_send(nc->conn, buf_span(&nc->wire)) < 0)
		return false;
	nc->handed += nc->wire.len;
	buf_reset(&nc->wire);
	return true;
}

static void pump(struct node_conn *nc)
{
	while (!nc->dead && wire_flush(nc) && nc->h2 && h2_wants_send(nc->h2)) {
		buf_reset(&nc->plain);
		if (h2_send(nc->h2, &nc->plain, PUMP_ROOM) < 0) {
			node_conn_close(nc);
			return;
		}
		if (nc->dead || !nc->plain.len)
			return;
		if (ts_seal(&nc->tx, buf_span(&nc->plain), &nc->wire) < 0)
			node_conn_close(nc);
	}
}

static void pump_guarded(struct node_conn *nc)
{
	nc->busy++;
	pump(nc);
	nc->busy--;
	release(nc);
}

static void on_pump(struct loop_defer *d)
{
	pump_guarded(d->arg);
}

static void on_drain(void *arg)
{
	pump_guarded(arg);
}

void node_conn_pump_soon(struct node_conn *nc)
{
	if (!nc->dead)
		loop_defer_arm(&nc->pump);
}

/* ---- requests ---- */

static struct node_req *req_of(struct node_conn *nc, int32_t stream)
{
	return h2_stream_arg(nc->h2, stream);
}

static void h2_on_head(void *arg, int32_t stream, const struct h2_head *head)
{
	struct node_conn *nc = arg;
	struct node_req *q = xcalloc(1, sizeof(*q));

	q->conn = nc;
	q->stream = stream;
	q->method = xstrndup((const char *)head->method.p, head->method.len);
	q->path = xstrndup((const char *)head->path.p, head->path.len);
	buf_init(&q->body, BODY_MAX);
	list_push_back(&nc->requests, &q->link);
	h2_set_stream_arg(nc->h2, stream, q);
}

static void h2_on_data(void *arg, int32_t stream, struct span data)
{
	struct node_conn *nc = arg;
	struct node_req *q = req_of(nc, stream);

	if (q)
		buf_add_span(&q->body, data);
	h2_consume(nc->h2, stream, data.len);
	if (q && !buf_ok(&q->body))
		h2_reset(nc->h2, stream, 11 /* ENHANCE_YOUR_CALM */);
}

static void h2_on_end(void *arg, int32_t stream)
{
	struct node_req *q = req_of(arg, stream);

	if (q && buf_ok(&q->body))
		api_dispatch(q);
}

static void h2_on_close(void *arg, int32_t stream, uint32_t code)
{
	struct node_req *q = req_of(arg, stream);

	(void)code;
	if (q)
		req_free(q);
}

static void h2_on_goaway(void *arg, int32_t last)
{
	(void)arg;
	(void)last;
}

static void h2_on_sent(void *arg, int32_t stream)
{
	struct node_req *q = req_of(arg, stream);

	if (q && q->on_sent)
		q->on_sent(q);
}

static const struct h2_ops h2_ops = {
	.on_head = h2_on_head,
	.on_data = h2_on_data,
	.on_end = h2_on_end,
	.on_close = h2_on_close,
	.on_goaway = h2_on_goaway,
	.on_sent = h2_on_sent,
};

/* ---- in ---- */

/* What came may have been answered by a GOAWAY: send it before closing. */
static void refuse(struct node_conn *nc)
{
	pump(nc);
	if (!nc->dead)
		node_conn_close(nc);
}

static void take_bytes(struct node_conn *nc, struct span in)
{
	struct span plain;
	int rc = 0;

	if (!nc->h2) /* refused: the connection is on its way out */
		return;
	while (!nc->dead && (rc = ts_open(&nc->rx, &in, &plain)) == 1)
		if (plain.len && h2_recv(nc->h2, plain) < 0) {
			refuse(nc);
			return;
		}
	if (nc->dead)
		return;
	if (rc < 0 || h2_is_over(nc->h2))
		node_conn_close(nc);
	else
		pump(nc);
}

static void on_data(void *arg, struct span data)
{
	struct node_conn *nc = arg;

	nc->busy++;
	take_bytes(nc, data);
	nc->busy--;
	release(nc);
}

static void on_close(void *arg, int err)
{
	(void)err;
	node_conn_close(arg);
}

/* A connection whose client reads nothing, or that nobody uses, ends. */
static void on_watch(struct loop_timer *t, mono_t now)
{
	struct node_conn *nc = t->arg;
	uint64_t left = nc->handed - conn_queued(nc->conn);

	(void)now;
	nc->stalled = conn_queued(nc->conn) && left == nc->left ? nc->stalled + 1 : 0;
	nc->idle = list_empty(&nc->requests) ? nc->idle + 1 : 0;
	nc->left = left;
	if (nc->stalled >= STALL_TICKS || nc->idle >= IDLE_TICKS)
		node_conn_close(nc);
	else
		loop_timer_arm_ms(&nc->watch, WATCH_MS);
}

/* ---- start ---- */

static const struct conn_ops conn_ops = { on_data, on_close, on_drain };

static struct node_conn *conn_adopt(struct coord *c, struct conn *conn)
{
	struct node_conn *nc = xcalloc(1, sizeof(*nc));

	nc->coord = c;
	nc->conn = conn;
	list_init(&nc->requests);
	list_push_back(&c->conns, &nc->link);
	c->n_conns++;
	buf_init(&nc->plain, 4u << 20);
	buf_init(&nc->wire, 4u << 20);
	loop_timer_init(c->loop, &nc->watch, on_watch, nc);
	loop_timer_arm_ms(&nc->watch, WATCH_MS);
	loop_defer_init(c->loop, &nc->pump, on_pump, nc);
	conn_set_queue_max(conn, QUEUE_MAX);
	conn_set_ops(conn, &conn_ops, nc);
	return nc;
}

/* The response, the early payload and our SETTINGS leave in one segment. */
static int say_hello(struct node_conn *nc, const uint8_t resp[static TS_RESP_LEN])
{
	struct chal_key challenge;
	struct buf early;
	int rc = 0;

	upgrade_response_build(&nc->wire);
	buf_add(&nc->wire, resp, TS_RESP_LEN);
	if (nc->coord->faults.no_early)
		return 0;
	rng_fill(nc->coord->rng, challenge.b, sizeof(challenge.b));
	buf_init(&early, EARLY_MAX);
	early_build(&challenge, &early);
	rc = ts_seal(&nc->tx, buf_span(&early), &nc->wire);
	buf_fini(&early);
	return rc;
}

/* Say no after the 101, as the reference does, and close when it is sent. */
static void refuse_handshake(struct node_conn *nc, const char *why)
{
	upgrade_response_build(&nc->wire);
	if (why)
		ts_error_frame(why, &nc->wire);
	wire_flush(nc);
	conn_finish(nc->conn);
}

static bool handshake_fault(struct node_conn *nc)
{
	switch (nc->coord->faults.handshake) {
	case HANDSHAKE_NORMAL:
		return false;
	case HANDSHAKE_CLOSE:
		refuse_handshake(nc, NULL);
		return true;
	case HANDSHAKE_ERROR:
		refuse_handshake(nc, "refused by meshcoord debug");
		return true;
	case HANDSHAKE_SILENT:
		upgrade_response_build(&nc->wire);
		wire_flush(nc);
		return true;
	}
	return false;
}

static void handshake(struct node_conn *nc, struct span init, struct span rest)
{
	uint8_t resp[TS_RESP_LEN];
	uint16_t version;
	const char *refusal = NULL;

	if (handshake_fault(nc))
		return;
	if (ts_server_accept(&nc->coord->st.noise_key, init, nc->coord->rng, resp, &version,
			     &nc->machine, &nc->tx, &nc->rx, &refusal) < 0) {
		refuse_handshake(nc, refusal);
		return;
	}
	nc->h2 = h2_new(true, &h2_ops, nc);
	if (!nc->h2 || say_hello(nc, resp) < 0)
		node_conn_close(nc);
	else
		take_bytes(nc, rest);
}

void node_conn_start(struct coord *c, struct conn *conn, struct span init, struct span rest)
{
	struct node_conn *nc;

	if (c->n_conns >= CONNS_MAX) {
		conn_free(conn);
		return;
	}
	nc = conn_adopt(c, conn);
	nc->busy++;
	handshake(nc, init, rest);
	nc->busy--;
	release(nc);
}
