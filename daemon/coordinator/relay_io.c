/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/relay_io.h"

#include "base/alloc.h"
#include "base/loop.h"

#include <stdlib.h>

#define QUEUE_MAX                                                                                  \
	(256u << 10) /* bytes on the way to one socket; more waits in the relay's queues */
#define WRITE_TIMEOUT_MS 2000

struct relay_server {
	struct loop *loop;
	struct relay *relay;
	relay_admit_fn *admit;
	void *arg;
	struct list conns;
};

struct relay_conn {
	struct list link;
	struct relay_server *server;
	struct conn *conn;
	struct relay_client *client;
	unsigned busy; /* inside own input: the memory stays */
	bool dead;
	bool full;		 /* the socket's queue is; on_drain will come */
	struct loop_timer timer; /* the core's deadline */
	struct loop_timer stall;
	struct loop_defer closing;
};

static void release(struct relay_conn *rc)
{
	if (rc->dead && rc->busy == 0)
		free(rc);
}

static void close_now(struct relay_conn *rc)
{
	if (rc->dead)
		return;
	rc->dead = true;
	list_remove(&rc->link);
	loop_timer_cancel(&rc->timer);
	loop_timer_cancel(&rc->stall);
	loop_defer_cancel(&rc->closing);
	relay_client_free(rc->client);
	rc->client = NULL;
	conn_free(rc->conn);
	release(rc);
}

static void on_stall(struct loop_timer *t, mono_t now)
{
	(void)now;
	close_now(t->arg);
}

/* Move frames to the socket while it takes them. */
static void pump(struct relay_conn *rc)
{
	struct span f;

	while (!rc->dead && !rc->full && (f = relay_client_next(rc->client)).len) {
		int err = conn_send(rc->conn, f);

		if (err == -ERR_FULL) {
			rc->full = true;
			loop_timer_arm_ms(&rc->stall, WRITE_TIMEOUT_MS);
			return;
		}
		if (err < 0) {
			loop_defer_arm(&rc->closing);
			return;
		}
		relay_client_sent(rc->client);
	}
}

static void on_wake(void *client_arg)
{
	struct relay_conn *rc = client_arg;

	if (rc->client) /* the greeting is queued before the client is ours */
		pump(rc);
}

static void on_kicked(void *client_arg)
{
	struct relay_conn *rc = client_arg;

	loop_defer_arm(&rc->closing);
}

static void on_closing(struct loop_defer *d)
{
	close_now(d->arg);
}

static bool on_admit(void *arg, const struct node_key *key)
{
	struct relay_server *s = arg;

	return s->admit(s->arg, key);
}

static const struct relay_ops relay_ops = { on_admit, on_wake, on_kicked };

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct relay_conn *rc = t->arg;

	if (relay_client_tick(rc->client, now) < 0)
		close_now(rc);
	else
		loop_timer_arm(&rc->timer, relay_client_deadline(rc->client));
}

static void input(struct relay_conn *rc, struct span data)
{
	rc->busy++;
	if (relay_client_input(rc->client, data, loop_now(rc->server->loop)) < 0)
		close_now(rc);
	if (!rc->dead)
		loop_timer_arm(&rc->timer, relay_client_deadline(rc->client));
	rc->busy--;
	release(rc);
}

static void on_data(void *arg, struct span data)
{
	input(arg, data);
}

static void on_close(void *arg, int err)
{
	(void)err;
	close_now(arg);
}

static void on_drain(void *arg)
{
	struct relay_conn *rc = arg;

	rc->full = false;
	loop_timer_cancel(&rc->stall);
	pump(rc);
}

static const struct conn_ops conn_ops = { on_data, on_close, on_drain };

void relay_server_accept(struct relay_server *s, struct conn *conn, struct span head,
			 struct span rest)
{
	struct relay_conn *rc = xcalloc(1, sizeof(*rc));

	rc->server = s;
	rc->conn = conn;
	list_push_back(&s->conns, &rc->link);
	loop_timer_init(s->loop, &rc->timer, on_timer, rc);
	loop_timer_init(s->loop, &rc->stall, on_stall, rc);
	loop_defer_init(s->loop, &rc->closing, on_closing, rc);
	conn_set_queue_max(conn, QUEUE_MAX);
	conn_set_ops(conn, &conn_ops, rc);
	rc->client = relay_client_new(s->relay, rc, loop_now(s->loop));
	if (head.len && conn_send(conn, head) < 0) {
		close_now(rc);
		return;
	}
	pump(rc);
	input(rc, rest);
}

struct relay_server *relay_server_new(struct loop *l, const struct node_priv *key, struct rng *rng,
				      relay_admit_fn *admit, void *arg)
{
	struct relay_server *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->admit = admit;
	s->arg = arg;
	list_init(&s->conns);
	s->relay = relay_new(key, rng, &relay_ops, s);
	return s;
}

void relay_server_kick_all(struct relay_server *s)
{
	LIST_EACH (it, &s->conns)
		close_now(LIST_ENTRY(it, struct relay_conn, link));
}

void relay_server_free(struct relay_server *s)
{
	if (!s)
		return;
	relay_server_kick_all(s);
	relay_free(s->relay);
	free(s);
}

const struct node_key *relay_server_key(const struct relay_server *s)
{
	return relay_key(s->relay);
}

void relay_server_kick(struct relay_server *s, const struct node_key *key)
{
	relay_kick(s->relay, key);
}

struct relay_stats relay_server_stats(const struct relay_server *s)
{
	return relay_get_stats(s->relay);
}
