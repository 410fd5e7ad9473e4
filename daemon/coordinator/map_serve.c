/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/map_serve.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/coordinator/api.h"
#include "daemon/coordinator/map_frame.h"
#include "daemon/coordinator/map_request.h"

#include <stdlib.h>

#define KEEP_ALIVE_MS 50000
#define KEEP_ALIVE_JITTER_MS 9000
#define STREAMS_PER_NODE 8 /* the oldest gives way */

struct map_session {
	struct list link;
	struct coord *coord;
	struct node_req *req;
	struct mapstream ms;
	bool zstd;
	bool corrupt_next;
	struct buf ready;  /* messages that wait for the disk */
	uint64_t says;	   /* newest change they tell of */
	mono_t held_until; /* MONO_ZERO: not held */
	struct loop_timer keep_alive;
	struct loop_timer release;
};

/* ---- one stream ---- */

static void ready_init(struct map_session *s)
{
	buf_init(&s->ready, MAP_FRAME_MAX + 4096);
}

static void session_free(struct map_session *s)
{
	struct node *n = registry_node(&s->coord->st.reg, s->ms.node);

	list_remove(&s->link);
	loop_timer_cancel(&s->keep_alive);
	loop_timer_cancel(&s->release);
	s->req->owner = NULL;
	s->req->on_gone = NULL;
	s->req->on_sent = NULL;
	if (n)
		registry_online(&s->coord->st.reg, n, false, wall_now());
	mapstream_fini(&s->ms);
	buf_fini(&s->ready);
	free(s);
}

static void on_gone(struct node_req *q)
{
	session_free(q->owner);
}

static void session_end(struct map_session *s)
{
	struct node_req *q = s->req;

	session_free(s);
	node_stream_end(q);
}

static void arm_keep_alive(struct map_session *s)
{
	int64_t jitter = rng_below(s->coord->rng, KEEP_ALIVE_JITTER_MS);

	loop_timer_arm_ms(&s->keep_alive, KEEP_ALIVE_MS + jitter);
}

static void session_send(struct map_session *s)
{
	int rc = node_stream_send(s->req, buf_span(&s->ready));

	buf_fini(&s->ready);
	ready_init(s);
	if (rc < 0)
		session_end(s);
	else
		arm_keep_alive(s);
}

/* After whatever still waits: the order of messages counts. */
static void send_text(struct map_session *s, struct span json)
{
	size_t start = s->ready.len;

	if (map_frame_build(json, s->zstd && !s->coord->faults.no_zstd, &s->ready) < 0) {
		session_end(s);
		return;
	}
	if (s->corrupt_next) {
		s->ready.p[start + (s->ready.len - start) / 2] ^= 0x55;
		s->corrupt_next = false;
	}
	if (store_has(s->coord->store, s->says))
		session_send(s);
	else
		coord_await_disk(s->coord);
}

static void send_json(struct map_session *s, json_t *msg)
{
	char *text = j_dump(msg);

	send_text(s, span_str(text));
	free(text);
}

/* The next message is made when the last has left, so a slow client holds flags, not messages. */
static void session_flush(struct map_session *s)
{
	struct map_world w = coord_world(s->coord);
	json_t *msg;

	if (!mono_is_zero(s->held_until) || s->ready.len || node_stream_queued(s->req))
		return;
	msg = mapstream_next(&s->ms, &w, wall_now());
	if (!msg)
		return;
	s->says = s->coord->news;
	send_json(s, msg);
	j_free(msg);
}

static void on_sent(struct node_req *q)
{
	coord_flush_soon(((struct map_session *)q->owner)->coord);
}

/* Silence for so long: either say so, or the client has stopped reading. */
static void on_keep_alive(struct loop_timer *t, mono_t now)
{
	struct map_session *s = t->arg;

	(void)now;
	if (node_stream_queued(s->req)) {
		log_info("map: node %lld does not read its stream; ended", (long long)s->ms.node);
		session_end(s);
	} else if (s->coord->faults.no_keep_alive || !mono_is_zero(s->held_until)) {
		arm_keep_alive(s);
	} else {
		send_text(s, span_str("{\"KeepAlive\":true}"));
	}
}

static void on_release(struct loop_timer *t, mono_t now)
{
	struct map_session *s = t->arg;

	(void)now;
	s->held_until = MONO_ZERO;
	session_flush(s);
}

static void make_room(struct coord *c, const struct node *n)
{
	size_t count = 0;

	/* newest are at the end: walk backwards and end what is beyond the limit */
	for (struct list *it = c->map_sessions.prev, *before; it != &c->map_sessions; it = before) {
		struct map_session *s = LIST_ENTRY(it, struct map_session, link);

		before = it->prev;
		if (s->ms.node == n->id && ++count >= STREAMS_PER_NODE)
			session_end(s);
	}
}

static void session_start(struct coord *c, struct node_req *q, struct node *n, bool zstd)
{
	struct map_session *s = xcalloc(1, sizeof(*s));

	make_room(c, n);
	s->coord = c;
	s->req = q;
	s->zstd = zstd;
	ready_init(s);
	mapstream_init(&s->ms, n->id);
	list_push_back(&c->map_sessions, &s->link);
	loop_timer_init(c->loop, &s->keep_alive, on_keep_alive, s);
	loop_timer_init(c->loop, &s->release, on_release, s);
	q->owner = s;
	q->on_gone = on_gone;
	q->on_sent = on_sent;
	node_stream_start(q);
	registry_online(&c->st.reg, n, true, wall_now());
	session_flush(s);
}

/* ---- requests ---- */

static void reply_once(struct coord *c, struct node_req *q, const struct node *n, bool zstd)
{
	struct map_world w = coord_world(c);
	struct mapstream ms;
	struct buf frame;
	json_t *msg;
	char *text;

	mapstream_init(&ms, n->id);
	msg = mapstream_next(&ms, &w, wall_now());
	text = j_dump(msg);
	buf_init(&frame, MAP_FRAME_MAX + 4096);
	if (map_frame_build(span_str(text), zstd, &frame) == 0)
		node_reply(q, 200, buf_span(&frame));
	else
		node_reply_text(q, 500, "the map is too large\n");
	buf_fini(&frame);
	free(text);
	j_free(msg);
	mapstream_fini(&ms);
}

static void report(struct coord *c, struct node *n, const struct map_request *rq)
{
	const struct node_report rep = { .disco = rq->disco,
					 .endpoints = rq->endpoints,
					 .n_endpoints = rq->n_endpoints,
					 .hostinfo = rq->hostinfo,
					 .cap = rq->version };

	if (rq->read_only)
		return;
	registry_report(&c->st.reg, n, &rep);
	coord_auto_approve(c, n);
}

static void serve(struct coord *c, struct node_req *q, const struct map_request *rq)
{
	struct node *n = registry_node_by_key(&c->st.reg, &rq->key);

	if (!n) {
		node_reply_text(q, 404, "node not found\n");
		return;
	}
	if (!machine_key_eq(&n->machine, node_conn_machine(q->conn))) {
		node_reply_text(q, 404,
				"node key in request does not match the one associated with this "
				"machine key\n");
		return;
	}
	report(c, n, rq);
	if (rq->stream)
		session_start(c, q, n, rq->zstd);
	else if (rq->omit_peers)
		node_reply(q, 200, span_of(NULL, 0));
	else
		reply_once(c, q, n, rq->zstd);
}

void api_map(struct node_req *q)
{
	struct map_request rq;
	int rc = map_request_parse(buf_span(&q->body), &rq);

	if (rc == -ERR_SYNTAX)
		node_reply_text(q, 500, "the request is not a JSON object\n");
	else if (rq.version < CLIENT_VERSION_MIN)
		node_reply_text(q, 400, "unsupported client version\n");
	else if (rc < 0)
		node_reply_text(q, 400, "NodeKey or DiscoKey is not valid\n");
	else
		serve(node_conn_coord(q->conn), q, &rq);
	map_request_fini(&rq);
}

/* ---- all streams ---- */

#define SESSION(it) LIST_ENTRY(it, struct map_session, link)

void map_sessions_note(struct coord *c, int64_t node, unsigned what)
{
	LIST_EACH (it, &c->map_sessions)
		mapstream_note(&SESSION(it)->ms, node, what);
}

void map_sessions_note_policy(struct coord *c)
{
	LIST_EACH (it, &c->map_sessions)
		mapstream_note_policy(&SESSION(it)->ms);
}

void map_sessions_note_dns(struct coord *c)
{
	LIST_EACH (it, &c->map_sessions)
		SESSION(it)->ms.dns = true;
}

void map_sessions_note_derp(struct coord *c)
{
	LIST_EACH (it, &c->map_sessions)
		SESSION(it)->ms.derp = true;
}

void map_sessions_flush(struct coord *c)
{
	LIST_EACH (it, &c->map_sessions)
		session_flush(SESSION(it));
}

void map_sessions_stored(struct coord *c, int err)
{
	LIST_EACH (it, &c->map_sessions) {
		struct map_session *s = SESSION(it);

		if (!s->ready.len)
			continue;
		if (err || store_has(c->store, s->says))
			session_send(s);
		else
			coord_await_disk(c);
	}
}

/* fn is called for each stream of the node, which it may end. */
static size_t each_of_node(struct coord *c, int64_t node,
			   void (*fn)(struct map_session *s, void *arg), void *arg)
{
	size_t n = 0;

	LIST_EACH (it, &c->map_sessions) {
		if (SESSION(it)->ms.node != node)
			continue;
		fn(SESSION(it), arg);
		n++;
	}
	return n;
}

static void drop_one(struct map_session *s, void *arg)
{
	(void)arg;
	session_end(s);
}

size_t map_sessions_drop(struct coord *c, int64_t node)
{
	return each_of_node(c, node, drop_one, NULL);
}

static void inject_one(struct map_session *s, void *arg)
{
	send_text(s, *(const struct span *)arg);
}

size_t map_sessions_inject(struct coord *c, int64_t node, struct span json)
{
	return each_of_node(c, node, inject_one, &json);
}

static void delay_one(struct map_session *s, void *arg)
{
	s->held_until = mono_add_ms(loop_now(s->coord->loop), *(const int64_t *)arg);
	loop_timer_arm(&s->release, s->held_until);
}

size_t map_sessions_delay(struct coord *c, int64_t node, int64_t ms)
{
	return each_of_node(c, node, delay_one, &ms);
}

static void corrupt_one(struct map_session *s, void *arg)
{
	(void)arg;
	s->corrupt_next = true;
}

size_t map_sessions_corrupt(struct coord *c, int64_t node)
{
	return each_of_node(c, node, corrupt_one, NULL);
}
