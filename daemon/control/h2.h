/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h2.h: the door to nghttp2: HTTP/2 with prior knowledge over bytes, client or server, no I/O,
 * clock or log of its own. Several streams; flow-control credit returns only through h2_consume, so
 * a slow reader of one stream holds back that stream alone. Caps of shared/spec/security.md 1.5.
 *
 * Feed received bytes to h2_recv, then move what it wants to say with h2_send; do the latter also
 * after every call that queues something. Callbacks run inside h2_recv and h2_send; every function
 * here, h2_free included, may be called from them (the object then lives until the outer call
 * ends). */
#ifndef DAEMON_CONTROL_H2_H
#define DAEMON_CONTROL_H2_H

#include "base/bytes.h"

#define H2_HEADERS_MAX 64
#define H2_HEADER_BYTES_MAX 65536 /* of one header list, names and values */
#define H2_STREAMS_MAX 64	  /* concurrent, each way */
#define H2_WINDOW (1 << 20)	  /* per stream, what we let the other side send ahead */
#define H2_CONN_WINDOW (8 << 20)
#define H2_BODY_QUEUE_MAX (32u << 20) /* bytes queued to send on one stream */

struct h2;

struct h2_field {
	struct span name; /* lower case */
	struct span value;
};

/* A complete header list. On a server the request, on a client the response. Spans are borrowed. */
struct h2_head {
	int status;				     /* responses */
	struct span method, scheme, authority, path; /* requests */
	struct h2_field fields[H2_HEADERS_MAX];
	size_t n_fields;
	bool end; /* no body follows */
};

/* NULL-p empty span if absent */
struct span h2_head_find(const struct h2_head *h, const char *name);

struct h2_ops {
	void (*on_head)(void *arg, int32_t stream, const struct h2_head *head);
	/* The bytes count against the window until h2_consume(stream, data.len). */
	void (*on_data)(void *arg, int32_t stream, struct span data);
	/* The other side ended its half (after head or data). */
	void (*on_end)(void *arg, int32_t stream);
	/* The stream is gone: 0 in order, else an HTTP/2 error code (8 = cancelled, 7 = refused:
	 * not processed, may be repeated elsewhere). Last call for the stream. */
	void (*on_close)(void *arg, int32_t stream, uint32_t code);
	/* No new streams here any more; streams above `last` were not processed and close with
	 * code 7. */
	void (*on_goaway)(void *arg, int32_t last);
	/* The queue of the stream was sent (server: time for the next message). May be NULL. */
	void (*on_sent)(void *arg, int32_t stream);
};

/* Returns new; NULL when memory is out. ops is borrowed for the life of the object. */
struct h2 *h2_new(bool server, const struct h2_ops *ops, void *arg);
void h2_free(struct h2 *h); /* calls nothing back; NULL is fine */
/* 0, or -ERR_PROTO / -ERR_TOOBIG: send what is queued (a GOAWAY), then close the connection. */
MUST_CHECK int h2_recv(struct h2 *h, struct span in);
/* Append what is to be sent to out, at most about `room` bytes. -ERR_NOMEM, -ERR_PROTO: close. */
MUST_CHECK int h2_send(struct h2 *h, struct buf *out, size_t room);
bool h2_wants_send(const struct h2 *h);
/* No streams left and none can come: close the connection. */
bool h2_is_over(const struct h2 *h);

struct h2_request {
	const char *method; /* "POST" */
	const char *scheme; /* "https" */
	const char *authority;
	const char *path;
	const struct h2_field *fields; /* extra, lower-case names */
	size_t n_fields;
	struct span body; /* copied; empty: no body */
};
/* Client: stream id (> 0), or -ERR_CLOSED after a GOAWAY, -ERR_FULL, -ERR_NOMEM. */
MUST_CHECK int32_t h2_request(struct h2 *h, const struct h2_request *rq);
/* Server: answer a request; `more`: a body follows by h2_write until h2_finish. */
MUST_CHECK int h2_respond(struct h2 *h, int32_t stream, int status, const struct h2_field *fields,
			  size_t n_fields, bool more);
/* Queue body bytes (copied). -ERR_FULL above H2_BODY_QUEUE_MAX, -ERR_NOENT if the stream is gone.
 */
MUST_CHECK int h2_write(struct h2 *h, int32_t stream, struct span body);
MUST_CHECK int h2_finish(struct h2 *h, int32_t stream);
size_t h2_queued(const struct h2 *h, int32_t stream);
/* Give back credit for received body bytes. Harmless if the stream is gone. */
void h2_consume(struct h2 *h, int32_t stream, size_t n);
/* Cancel; on_close follows from h2_send. Harmless if the stream is gone. */
void h2_reset(struct h2 *h, int32_t stream, uint32_t code);
/* Say that no new streams are taken; running ones go on. */
void h2_goaway(struct h2 *h);
/* What the owner attached to the stream; NULL if the stream is gone or nothing is. */
void *h2_stream_arg(const struct h2 *h, int32_t stream);
void h2_set_stream_arg(struct h2 *h, int32_t stream, void *arg);

#endif
