/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_reply.c: answers to requests of a ts2021 connection. */
#include "daemon/coordinator/node_conn_priv.h"

#include <stdlib.h>

static void respond(struct node_req *q, int status, const struct h2_field *fields, size_t n,
		    struct span body)
{
	struct h2 *h2 = node_conn_h2(q->conn);
	int32_t stream = q->stream;

	if (h2_respond(h2, stream, status, fields, n, body.len > 0) < 0 ||
	    (body.len && (h2_write(h2, stream, body) < 0 || h2_finish(h2, stream) < 0)))
		h2_reset(h2, stream, 2 /* INTERNAL_ERROR */);
	node_conn_pump_soon(q->conn);
}

void node_reply(struct node_req *q, int status, struct span body)
{
	const struct h2_field type = { span_str("content-type"), span_str("application/json") };

	respond(q, status, &type, 1, body);
}

void node_reply_text(struct node_req *q, int status, const char *text)
{
	const struct h2_field type = { span_str("content-type"),
				       span_str("text/plain; charset=utf-8") };

	respond(q, status, &type, 1, span_str(text));
}

void node_reply_retry(struct node_req *q, int status, const char *retry_after)
{
	const struct h2_field retry = { span_str("retry-after"), span_str(retry_after) };

	respond(q, status, &retry, *retry_after ? 1 : 0, span_str("try again later\n"));
}

void node_reply_json(struct node_req *q, json_t *taken)
{
	char *text = j_dump(taken);

	node_reply(q, 200, span_str(text));
	free(text);
	j_free(taken);
}

void node_stream_start(struct node_req *q)
{
	const struct h2_field type = { span_str("content-type"), span_str("application/json") };

	if (h2_respond(node_conn_h2(q->conn), q->stream, 200, &type, 1, true) < 0)
		h2_reset(node_conn_h2(q->conn), q->stream, 2);
	node_conn_pump_soon(q->conn);
}

int node_stream_send(struct node_req *q, struct span bytes)
{
	int rc = h2_write(node_conn_h2(q->conn), q->stream, bytes);

	node_conn_pump_soon(q->conn);
	return rc;
}

void node_stream_end(struct node_req *q)
{
	h2_reset(node_conn_h2(q->conn), q->stream, 8 /* CANCEL */);
	node_conn_pump_soon(q->conn);
}

size_t node_stream_queued(const struct node_req *q)
{
	return h2_queued(node_conn_h2(q->conn), q->stream);
}
