/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control/h2.h"

#include "base/alloc.h"
#include "base/list.h"

#include <nghttp2/nghttp2.h>

#include <stdio.h>
#include <stdlib.h>

#define SETTINGS_MAX 32	     /* entries in one SETTINGS frame */
#define OUTBOUND_ACK_MAX 100 /* answers to PING and SETTINGS waiting to be sent */
#define OWN_FIELDS 5	     /* pseudo headers and content-length */

struct stream {
	struct list link;
	int32_t id;
	void *arg;
	/* head being received: text holds names and values one after the other */
	struct buf text;
	struct {
		size_t name, name_len, value, value_len;
	} field[H2_HEADERS_MAX];
	size_t n_fields;
	bool head_done;
	size_t unconsumed; /* delivered and not given back */
	/* body being sent */
	struct buf out;
	size_t off;
	bool finish;
	bool deferred;
	bool drained; /* on_sent is due */
};

struct h2 {
	nghttp2_session *session;
	const struct h2_ops *ops;
	void *arg;
	bool server;
	bool goaway_sent;
	struct list streams;
	size_t n_streams;
	int depth;  /* calls of ours into nghttp2 that may call back */
	bool dead;  /* freed inside a callback */
	bool stuck; /* nghttp2 reported a fatal error */
};

/* ---- streams ---- */

static struct stream *stream_new(struct h2 *h, int32_t id)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	s->id = id;
	buf_init(&s->text, H2_HEADER_BYTES_MAX);
	buf_init(&s->out, H2_BODY_QUEUE_MAX);
	list_push_back(&h->streams, &s->link);
	h->n_streams++;
	return s;
}

static void stream_free(struct h2 *h, struct stream *s)
{
	list_remove(&s->link);
	h->n_streams--;
	buf_fini(&s->text);
	buf_fini(&s->out);
	free(s);
}

/* By our own list: nghttp2 knows a request only from the moment it is sent. */
static struct stream *find(const struct h2 *h, int32_t id)
{
	if (h->dead)
		return NULL;
	LIST_EACH (it, &h->streams) {
		struct stream *s = LIST_ENTRY(it, struct stream, link);
		if (s->id == id)
			return s;
	}
	return NULL;
}

/* ---- heads ---- */

struct span h2_head_find(const struct h2_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (span_eq_str(h->fields[i].name, name))
			return h->fields[i].value;
	return span_of(NULL, 0);
}

static void head_reset(struct stream *s)
{
	buf_reset(&s->text);
	s->n_fields = 0;
}

static int status_of(struct span text)
{
	uint64_t v;
	return u64_decode(text, 999, &v) ? 0 : (int)v;
}

static void head_of(const struct stream *s, struct h2_head *head)
{
	memset(head, 0, sizeof(*head));
	for (size_t i = 0; i < s->n_fields; i++) {
		struct span name = span_of(s->text.p + s->field[i].name, s->field[i].name_len);
		struct span value = span_of(s->text.p + s->field[i].value, s->field[i].value_len);
		if (span_eq_str(name, ":status"))
			head->status = status_of(value);
		else if (span_eq_str(name, ":method"))
			head->method = value;
		else if (span_eq_str(name, ":scheme"))
			head->scheme = value;
		else if (span_eq_str(name, ":authority"))
			head->authority = value;
		else if (span_eq_str(name, ":path"))
			head->path = value;
		else
			head->fields[head->n_fields++] = (struct h2_field){ name, value };
	}
}

static void deliver_head(struct h2 *h, struct stream *s, bool end)
{
	struct h2_head head;
	head_of(s, &head);
	head.end = end;
	/* 1xx heads announce nothing we use; what comes after the head are trailers */
	if (!s->head_done && (h->server || head.status >= 200)) {
		s->head_done = true;
		h->ops->on_head(h->arg, s->id, &head);
	}
	if (!h->dead && find(h, s->id) == s)
		head_reset(s);
}

/* ---- callbacks from nghttp2 ---- */

static int cb_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST || h->dead)
		return 0;
	struct stream *s = stream_new(h, f->hd.stream_id);
	nghttp2_session_set_stream_user_data(ng, s->id, s);
	return 0;
}

static int cb_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct h2 *h = user;
	struct stream *s = find(h, f->hd.stream_id);
	(void)ng;
	(void)flags;
	if (!s)
		return 0;
	size_t i = s->n_fields;
	size_t at = s->text.len;
	buf_add(&s->text, name, name_len);
	buf_add(&s->text, value, value_len);
	if (i == H2_HEADERS_MAX || !buf_ok(&s->text))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
	s->field[i].name = at;
	s->field[i].name_len = name_len;
	s->field[i].value = at + name_len;
	s->field[i].value_len = value_len;
	s->n_fields++;
	return 0;
}

static int cb_frame(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	bool end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)ng;
	if (h->dead)
		return 0;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		h->ops->on_goaway(h->arg, f->goaway.last_stream_id);
		return 0;
	}
	struct stream *s = find(h, f->hd.stream_id);
	if (!s || (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA))
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS)
		deliver_head(h, s, end);
	if (end && find(h, f->hd.stream_id) == s)
		h->ops->on_end(h->arg, f->hd.stream_id);
	return 0;
}

static int cb_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t len,
		   void *user)
{
	struct h2 *h = user;
	struct stream *s = find(h, id);
	(void)ng;
	(void)flags;
	if (!s)
		return 0;
	s->unconsumed += len;
	h->ops->on_data(h->arg, id, span_of(p, len));
	return 0;
}

static int cb_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
	struct h2 *h = user;
	struct stream *s = nghttp2_session_get_stream_user_data(ng, id);
	if (!s)
		return 0;
	/* what nobody gave back would shrink the connection's window for ever */
	if (s->unconsumed)
		nghttp2_session_consume_connection(ng, s->unconsumed);
	if (!h->dead)
		h->ops->on_close(h->arg, id, code);
	nghttp2_session_set_stream_user_data(ng, id, NULL);
	stream_free(h, s);
	return 0;
}

static ssize_t cb_read(nghttp2_session *ng, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct stream *s = source->ptr;
	size_t n = s->out.len - s->off;
	(void)ng;
	(void)id;
	(void)user;
	if (n > room)
		n = room;
	if (n)
		memcpy(out, s->out.p + s->off, n);
	s->off += n;
	if (s->off == s->out.len) {
		buf_reset(&s->out);
		s->off = 0;
		s->drained = !s->finish;
		if (s->finish)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	if (n == 0 && !s->finish) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)n;
}

/* ---- life ---- */

static nghttp2_session *make_session(struct h2 *h)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *opt;
	nghttp2_session *s = NULL;
	if (nghttp2_session_callbacks_new(&cb))
		return NULL;
	if (nghttp2_option_new(&opt)) {
		nghttp2_session_callbacks_del(cb);
		return NULL;
	}
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, cb_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, cb_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, cb_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, cb_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, cb_close);
	nghttp2_option_set_no_auto_window_update(opt, 1);
	nghttp2_option_set_max_settings(opt, SETTINGS_MAX);
	nghttp2_option_set_max_outbound_ack(opt, OUTBOUND_ACK_MAX);
	nghttp2_option_set_max_send_header_block_length(opt, H2_HEADER_BYTES_MAX);
	int err = h->server ? nghttp2_session_server_new2(&s, cb, h, opt)
			    : nghttp2_session_client_new2(&s, cb, h, opt);
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(cb);
	return err ? NULL : s;
}

static bool say_hello(struct h2 *h)
{
	nghttp2_settings_entry v[4] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADER_BYTES_MAX },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	return nghttp2_submit_settings(h->session, 0, v, h->server ? 3 : 4) == 0 &&
	       nghttp2_session_set_local_window_size(h->session, 0, 0, H2_CONN_WINDOW) == 0;
}

struct h2 *h2_new(bool server, const struct h2_ops *ops, void *arg)
{
	struct h2 *h = xcalloc(1, sizeof(*h));
	h->server = server;
	h->ops = ops;
	h->arg = arg;
	list_init(&h->streams);
	h->session = make_session(h);
	if (h->session && say_hello(h))
		return h;
	h2_free(h);
	return NULL;
}

void h2_free(struct h2 *h)
{
	if (!h)
		return;
	h->dead = true;
	if (h->depth)
		return;
	LIST_EACH (it, &h->streams)
		stream_free(h, LIST_ENTRY(it, struct stream, link));
	nghttp2_session_del(h->session);
	free(h);
}

/* The end of a call that may have called back. false: the object is gone. */
static bool leave(struct h2 *h)
{
	h->depth--;
	if (!h->dead || h->depth)
		return !h->dead;
	h2_free(h);
	return false;
}

/* ---- bytes ---- */

int h2_recv(struct h2 *h, struct span in)
{
	if (h->dead || h->depth || h->stuck)
		return -ERR_PROTO;
	h->depth++;
	ssize_t n = nghttp2_session_mem_recv(h->session, in.p, in.len);
	if (!leave(h))
		return -ERR_CLOSED;
	if (n >= 0)
		return 0;
	h->stuck = true;
	return n == NGHTTP2_ERR_NOMEM ? -ERR_NOMEM : -ERR_PROTO;
}

/* Tell the owners of streams whose queue ran empty; they may queue more. */
static void tell_drained(struct h2 *h)
{
	LIST_EACH (it, &h->streams) {
		struct stream *s = LIST_ENTRY(it, struct stream, link);
		if (!s->drained || h->dead)
			continue;
		s->drained = false;
		if (h->ops->on_sent)
			h->ops->on_sent(h->arg, s->id);
	}
}

static int pump(struct h2 *h, struct buf *out, size_t room)
{
	const uint8_t *p;
	size_t start = out->len;
	ssize_t n;
	while (out->len - start < room && (n = nghttp2_session_mem_send(h->session, &p)) != 0) {
		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? -ERR_NOMEM : -ERR_PROTO;
		buf_add(out, p, (size_t)n);
		if (!buf_ok(out))
			return -ERR_NOMEM;
	}
	return 0;
}

int h2_send(struct h2 *h, struct buf *out, size_t room)
{
	/* Inside a callback the call that led there is followed by another h2_send. */
	if (h->dead || h->depth)
		return 0;
	h->depth++;
	int err = pump(h, out, room);
	if (!err)
		tell_drained(h);
	if (!leave(h))
		return -ERR_CLOSED;
	h->stuck |= err != 0;
	return err;
}

bool h2_wants_send(const struct h2 *h)
{
	return !h->dead && !h->stuck && nghttp2_session_want_write(h->session);
}

bool h2_is_over(const struct h2 *h)
{
	return h->dead || h->stuck ||
	       (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session));
}

/* ---- sending ---- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static size_t add_fields(nghttp2_nv *nv, size_t n, const struct h2_field *f, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++)
		nv[n++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)f[i].name.p,
					(uint8_t *)(uintptr_t)f[i].value.p, f[i].name.len,
					f[i].value.len, NGHTTP2_NV_FLAG_NONE };
	return n;
}

int32_t h2_request(struct h2 *h, const struct h2_request *rq)
{
	nghttp2_nv nv[H2_HEADERS_MAX + OWN_FIELDS];
	char length[24];
	if (h->dead || h->stuck || !nghttp2_session_check_request_allowed(h->session))
		return -ERR_CLOSED;
	if (h->n_streams >= H2_STREAMS_MAX || rq->n_fields > H2_HEADERS_MAX)
		return -ERR_FULL;
	snprintf(length, sizeof(length), "%zu", rq->body.len);
	size_t n = 0;
	nv[n++] = field(":method", rq->method);
	nv[n++] = field(":scheme", rq->scheme);
	nv[n++] = field(":authority", rq->authority);
	nv[n++] = field(":path", rq->path);
	if (rq->body.len)
		nv[n++] = field("content-length", length);
	n = add_fields(nv, n, rq->fields, rq->n_fields);

	struct stream *s = stream_new(h, 0);
	nghttp2_data_provider body = { .source.ptr = s, .read_callback = cb_read };
	buf_add_span(&s->out, rq->body);
	s->finish = true;
	if (buf_ok(&s->out))
		s->id =
		    nghttp2_submit_request(h->session, NULL, nv, n, rq->body.len ? &body : NULL, s);
	if (s->id > 0)
		return s->id;
	stream_free(h, s);
	return -ERR_NOMEM;
}

int h2_respond(struct h2 *h, int32_t id, int status, const struct h2_field *fields, size_t n_fields,
	       bool more)
{
	nghttp2_nv nv[H2_HEADERS_MAX + OWN_FIELDS];
	char text[8];
	struct stream *s = find(h, id);
	if (!s)
		return -ERR_NOENT;
	if (n_fields > H2_HEADERS_MAX)
		return -ERR_FULL;
	snprintf(text, sizeof(text), "%d", status);
	nv[0] = field(":status", text);
	size_t n = add_fields(nv, 1, fields, n_fields);
	nghttp2_data_provider body = { .source.ptr = s, .read_callback = cb_read };
	int err = nghttp2_submit_response(h->session, id, nv, n, more ? &body : NULL);
	return err ? -ERR_STATE : 0;
}

static void resume(struct h2 *h, struct stream *s)
{
	if (!s->deferred)
		return;
	s->deferred = false;
	nghttp2_session_resume_data(h->session, s->id);
}

int h2_write(struct h2 *h, int32_t id, struct span body)
{
	struct stream *s = find(h, id);
	if (!s || s->finish)
		return -ERR_NOENT;
	if (body.len > H2_BODY_QUEUE_MAX - (s->out.len - s->off))
		return -ERR_FULL;
	/* drop what was sent already when that makes the room */
	if (s->off && s->out.len + body.len > s->out.max) {
		buf_drop(&s->out, s->off);
		s->off = 0;
	}
	buf_add_span(&s->out, body);
	if (!buf_ok(&s->out))
		return -ERR_NOMEM;
	resume(h, s);
	return 0;
}

int h2_finish(struct h2 *h, int32_t id)
{
	struct stream *s = find(h, id);
	if (!s)
		return -ERR_NOENT;
	s->finish = true;
	resume(h, s);
	return 0;
}

size_t h2_queued(const struct h2 *h, int32_t id)
{
	const struct stream *s = find(h, id);
	return s ? s->out.len - s->off : 0;
}

void h2_consume(struct h2 *h, int32_t id, size_t n)
{
	struct stream *s = find(h, id);
	if (!s)
		return;
	if (n > s->unconsumed)
		n = s->unconsumed;
	s->unconsumed -= n;
	if (n)
		nghttp2_session_consume(h->session, id, n);
}

void h2_reset(struct h2 *h, int32_t id, uint32_t code)
{
	if (find(h, id))
		nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, code);
}

void h2_goaway(struct h2 *h)
{
	if (h->dead || h->goaway_sent)
		return;
	h->goaway_sent = true;
	int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
	nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
}

void *h2_stream_arg(const struct h2 *h, int32_t id)
{
	const struct stream *s = find(h, id);
	return s ? s->arg : NULL;
}

void h2_set_stream_arg(struct h2 *h, int32_t id, void *arg)
{
	struct stream *s = find(h, id);
	if (s)
		s->arg = arg;
}
