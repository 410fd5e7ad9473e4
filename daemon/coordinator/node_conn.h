/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_conn.h: one ts2021 connection, server side: Noise, then HTTP/2 with many requests at once. A
 * request is handed to its handler when its body is whole. Thread: the loop's. */
#ifndef COORDINATOR_NODE_CONN_H
#define COORDINATOR_NODE_CONN_H

#include "base/conn.h"
#include "daemon/coordinator/coord.h"

struct node_conn;

/* One request. The handler answers once, now or later; owner and the callbacks are the handler's.
 */
struct node_req {
	struct list link;
	struct node_conn *conn;
	int32_t stream;
	char *method, *path; /* path with query */
	struct buf body;
	void *owner;
	void (*on_gone)(struct node_req *q); /* the stream ended, answered or not; q goes next */
	void (*on_sent)(struct node_req *q); /* everything queued has left; may be NULL */
};

/* Take over a connection after POST /ts2021: init is the decoded handshake header, rest the bytes
 * that came after the request. conn is taken. */
void node_conn_start(struct coord *c, struct conn *conn, struct span init, struct span rest);
void node_conn_close(struct node_conn *nc); /* at once; ends its requests */
void node_conns_close(struct coord *c);	    /* all of them */
struct coord *node_conn_coord(const struct node_conn *nc);
/* Who is at the other end, proven by the handshake. */
const struct machine_key *node_conn_machine(const struct node_conn *nc);

/* Handlers must not touch q after a call of one of these, except node_stream_*. */
void node_reply(struct node_req *q, int status, struct span body);
void node_reply_text(struct node_req *q, int status, const char *text);
void node_reply_json(struct node_req *q, json_t *taken);
/* With a Retry-After header unless it is "". */
void node_reply_retry(struct node_req *q, int status, const char *retry_after);

/* An endless answer. */
void node_stream_start(struct node_req *q);
MUST_CHECK int node_stream_send(struct node_req *q, struct span bytes);
void node_stream_end(struct node_req *q);
size_t node_stream_queued(const struct node_req *q);

#endif
