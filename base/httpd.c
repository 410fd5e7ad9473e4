/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/httpd_priv.h"
#include "base/log.h"
#include "base/sockaddr.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEAD_MEMORY = 32768, /* per connection; caps the request head */
	IDLE_S = 30,
	SWALLOW_MAX = 1 << 20, /* read past the body's cap so that the client gets its 413 */
};

int httpd_fd_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	return i ? i->connect_fd : -1;
}

/* ---- connections: how long they may take ---
 */

static struct httpd_conn *conn_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

/* All turns are of one length, so the first in the list ends first. */
static void begin_turn(struct httpd *h, struct httpd_conn *c)
{
	if (!h->o.turn_ms)
		return;
	c->due = mono_add_ms(loop_now(h->loop), h->o.turn_ms);
	list_remove(&c->waiting);
	list_push_back(&h->waiting, &c->waiting);
	if (!loop_timer_armed(&h->turn))
		loop_timer_arm(&h->turn, c->due);
}

static void conn_begin_turn(struct httpd *h, struct MHD_Connection *c)
{
	if (conn_of(c))
		begin_turn(h, conn_of(c));
}

static void conn_end_turn(struct MHD_Connection *c)
{
	if (conn_of(c))
		list_remove(&conn_of(c)->waiting);
}

static void on_turn(struct loop_timer *t, mono_t now)
{
	struct httpd *h = t->arg;

	LIST_EACH (it, &h->waiting) {
		struct httpd_conn *c = LIST_ENTRY(it, struct httpd_conn, waiting);

		if (!mono_due(c->due, now)) {
			loop_timer_arm(t, c->due);
			return;
		}
		list_remove(&c->waiting);
		shutdown(c->fd, SHUT_RDWR); /* upon which the library closes it */
	}
}

static void on_connection(void *cls, struct MHD_Connection *mc, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct httpd *h = cls;
	struct httpd_conn *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = xcalloc(1, sizeof(*c));
		list_init(&c->link);
		list_init(&c->waiting);
		c->fd = httpd_fd_of(mc);
		c->from = sockaddr_of_fd(c->fd, true).ip;
		list_push_back(&h->conns, &c->link);
		h->n_conns++;
		*context = c;
		begin_turn(h, c);
	} else if (c) {
		list_remove(&c->link);
		list_remove(&c->waiting);
		h->n_conns--;
		free(c);
		*context = NULL;
	}
}

/* While there is room everybody may have his fill; the last quarter is for those who have little,
 * so that few together cannot take it all. */
static bool has_room(struct httpd *h, struct ip from)
{
	unsigned n = 0;

	if (!h->o.max_connections_of_one || h->n_conns < h->o.max_connections / 4 * 3)
		return true;
	LIST_EACH (it, &h->conns)
		n += ip_eq(LIST_ENTRY(it, struct httpd_conn, link)->from, from);
	return n <= h->o.max_connections_of_one / 8;
}

/* ---- requests: life -------------------------------------------------------------------------- */

static void req_unref(struct httpd_req *r)
{
	if (r->conn || r->user_holds)
		return;
	LIST_EACH (it, &r->headers) {
		struct httpd_header *e = LIST_ENTRY(it, struct httpd_header, link);

		list_remove(&e->link);
		free(e->name);
		free(e->value);
		free(e);
	}
	loop_defer_cancel(&r->notify);
	list_remove(&r->link);
	if (r->response)
		MHD_destroy_response(r->response);
	if (r->h)
		r->h->bodies -= r->body.len;
	buf_fini(&r->body);
	free(r->method);
	free(r->path);
	free(r);
}

static void req_resume(struct httpd_req *r)
{
	loop_fd_stop(&r->watch);
	if (!r->suspended)
		return;
	r->suspended = false;
	if (!r->stream)
		conn_begin_turn(r->h, r->conn);
	MHD_resume_connection(r->conn);
	loop_defer_arm(&r->h->run);
}

/* The client is gone, or we are stopping, before there was an answer. */
static void req_abort(struct httpd_req *r)
{
	void (*fn)(void *) = r->on_abort;

	if (r->aborted)
		return;
	r->aborted = true;
	loop_defer_cancel(&r->notify);
	if (r->user_holds && fn) {
		r->user_holds = false;
		fn(r->abort_arg);
	}
	if (r->conn)
		req_resume(r); /* the access handler closes the connection */
	else
		req_unref(r);
}

static void on_client_gone(struct loop_fd *w, int events)
{
	(void)events;
	req_abort(w->arg);
}

/* Outside of the library: call the handler, or say that the client has gone. */
static void on_notify(struct loop_defer *d)
{
	struct httpd_req *r = d->arg;

	if (!r->ready) {
		req_abort(r);
		return;
	}
	r->ready = false;
	r->user_holds = true;
	/* The library does not watch a suspended connection. Ours is stopped by an answer. */
	if (loop_fd_start(r->h->loop, &r->watch, httpd_fd_of(r->conn), LOOP_HUP, on_client_gone,
			  r) < 0)
		log_warn("httpd: cannot watch a client");
	r->h->fn(r->h->arg, r);
}

static struct httpd_req *req_new(struct httpd *h, struct MHD_Connection *c, const char *method,
				 const char *path)
{
	struct httpd_req *r = xcalloc(1, sizeof(*r));

	r->h = h;
	r->loop = h->loop;
	r->conn = c;
	r->method = xstrdup(method);
	r->path = xstrdup(path);
	buf_init(&r->body, h->o.max_body);
	list_init(&r->headers);
	list_init(&r->link);
	list_push_back(&h->requests, &r->link);
	loop_defer_init(h->loop, &r->notify, on_notify, r);
	return r;
}

/* Complete: from here on its handler has the time, not the client. */
static void req_hand_over(struct httpd_req *r)
{
	r->ready = true;
	r->suspended = true;
	conn_end_turn(r->conn);
	MHD_suspend_connection(r->conn);
	loop_defer_arm(&r->notify);
}

/* The library is done with it. */
static void req_detach(struct httpd_req *r)
{
	loop_fd_stop(&r->watch);
	if (r->stream)
		httpd_stream_detach(r->stream);
	r->conn = NULL;
	r->ready = false;
	if (r->user_holds && !r->aborted)
		loop_defer_arm(&r->notify);
	req_unref(r);
}

/* ---- requests: the library's callbacks --------------------------------------------------------
 */

static const struct httpd_refusal bad_request = { MHD_HTTP_BAD_REQUEST, "bad request\n" };
static const struct httpd_refusal too_large = { MHD_HTTP_CONTENT_TOO_LARGE, "body too large\n" };
static const struct httpd_refusal busy = { MHD_HTTP_SERVICE_UNAVAILABLE, "busy\n" };

/* How often each came of the headers that a request may have but once. */
struct singles {
	unsigned host, length, encoding;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct singles *s = cls;

	(void)kind;
	(void)value;
	s->host += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
	s->length += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
	s->encoding += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
	return MHD_YES;
}

static bool has_doubles(struct MHD_Connection *c)
{
	struct singles s = { 0 };

	MHD_get_connection_values(c, MHD_HEADER_KIND, on_header, &s);
	return s.host > 1 || s.length > 1 || s.encoding > 1;
}

/* Two lengths are how requests are smuggled, two hosts how a check of one is passed by; the library
 * takes them all. */
static struct httpd_refusal check_head(struct httpd *h, struct httpd_req *r)
{
	const char *encoding = httpd_header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	const char *length = httpd_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;

	if (has_doubles(r->conn))
		return bad_request;
	if (encoding && (length || strcasecmp(encoding, "chunked") != 0))
		return bad_request;
	if (length && u64_decode(span_str(length), UINT64_MAX, &n) < 0)
		return bad_request;
	if (h->o.head) {
		struct httpd_refusal no = h->o.head(h->arg, r);

		if (no.status)
			return no;
	}
	return n > h->o.max_body ? too_large : (struct httpd_refusal){ .status = 0 };
}

static enum MHD_Result refuse(struct MHD_Connection *c, const struct httpd_refusal *why)
{
	enum MHD_Result ok = MHD_NO;
	struct MHD_Response *m;

	if (!why->text)
		return MHD_NO;
	m = MHD_create_response_from_buffer(strlen(why->text), (void *)(uintptr_t)why->text,
					    MHD_RESPMEM_PERSISTENT);
	if (m && MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8") &&
	    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff") &&
	    MHD_add_response_header(m, "Connection", "close"))
		ok = MHD_queue_response(c, (unsigned)why->status, m);
	if (m)
		MHD_destroy_response(m);
	return ok;
}

static enum MHD_Result take_body(struct httpd_req *r, const char *data, size_t *len)
{
	struct httpd *h = r->h;
	size_t n = *len, had = r->body.len;

	*len = 0;
	r->body_seen += n;
	if (r->body_seen > h->o.max_body + SWALLOW_MAX)
		return MHD_NO;
	if (h->o.max_bodies && had + n > HTTPD_SMALL_BODY && h->bodies + n > h->o.max_bodies) {
		r->refuse = busy;
		return MHD_YES;
	}
	buf_add(&r->body, data, n);
	h->bodies += r->body.len - had;
	if (!buf_ok(&r->body))
		r->refuse = too_large;
	return MHD_YES;
}

/* First with the head, then with pieces of the body, then with nothing; after a resume with nothing
 * once more. */
static enum MHD_Result on_access(void *cls, struct MHD_Connection *c, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *len, void **con_cls)
{
	struct httpd *h = cls;
	struct httpd_req *r = *con_cls;

	(void)version;
	if (h->stopping)
		return MHD_NO;
	if (!r) {
		struct httpd_refusal no;

		*con_cls = r = req_new(h, c, method, url);
		no = check_head(h, r);
		return no.status ? refuse(c, &no) : MHD_YES;
	}
	if (*len > 0)
		return take_body(r, data, len);
	if (r->refuse.status)
		return refuse(c, &r->refuse);
	if (r->aborted)
		return MHD_NO;
	if (r->response)
		return MHD_queue_response(c, (unsigned)r->status, r->response);
	req_hand_over(r);
	return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
			 enum MHD_RequestTerminationCode why)
{
	struct httpd_req *r = *con_cls;

	(void)why;
	if (!r)
		return;
	*con_cls = NULL;
	conn_begin_turn(cls, c);
	req_detach(r);
}

/* "%00" stays as it is: paths and values are C strings. */
static size_t on_unescape(void *cls, struct MHD_Connection *c, char *s)
{
	char *from = s, *to = s;
	uint8_t byte;

	(void)cls;
	(void)c;
	while (*from) {
		if (*from == '%' && from[1] && from[2] &&
		    hex_decode(span_of(from + 1, 2), &byte, 1) == 0 && byte != 0) {
			*to++ = (char)byte;
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return (size_t)(to - s);
}

static void on_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void on_log(void *cls, const char *fmt, va_list ap)
{
	struct log_esc_buf esc;
	char line[256];

	(void)cls;
	if (log_get_level() < LOG_DEBUG)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("httpd: %s", log_esc(span_str(line), &esc));
}

/* ---- the library on the loop -------------------------------------------------------------------
 */

static void run(struct httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		loop_timer_arm_ms(&h->timer, (int64_t)(ms < 86400000 ? ms : 86400000));
	else
		loop_timer_cancel(&h->timer);
}

static void on_epoll(struct loop_fd *w, int events)
{
	(void)events;
	run(w->arg);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	run(t->arg);
}

static void on_run(struct loop_defer *d)
{
	run(d->arg);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t len)
{
	struct httpd *h = cls;
	struct ep from = sockaddr_to_ep(sa);

	(void)len;
	return has_room(h, from.ip) && (!h->o.welcome || h->o.welcome(h->arg, from)) ? MHD_YES
										     : MHD_NO;
}

static struct MHD_Daemon *start_daemon(struct httpd *h, int listen_fd)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
			 MHD_USE_ERROR_LOG;

	return MHD_start_daemon(
	    flags, 0, on_accept, h, on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HEAD_MEMORY, MHD_OPTION_CONNECTION_LIMIT, h->o.max_connections,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, h->o.max_connections_of_one,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_UNESCAPE_CALLBACK,
	    on_unescape, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

struct httpd *httpd_new(struct loop *l, int listen_fd, const struct httpd_opts *o, httpd_fn *fn,
			void *arg)
{
	struct httpd *h = xcalloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;

	h->loop = l;
	h->o = *o;
	h->fn = fn;
	h->arg = arg;
	list_init(&h->requests);
	list_init(&h->streams);
	list_init(&h->conns);
	list_init(&h->waiting);
	loop_timer_init(l, &h->timer, on_timer, h);
	loop_timer_init(l, &h->turn, on_turn, h);
	loop_defer_init(l, &h->run, on_run, h);
	h->daemon = start_daemon(h, listen_fd);
	if (!h->daemon) {
		close(listen_fd);
		free(h);
		return NULL;
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || loop_fd_start(l, &h->epoll, info->epoll_fd, LOOP_READ, on_epoll, h) < 0) {
		httpd_free(h);
		return NULL;
	}
	return h;
}

/* What is called out to may end others of the list: look anew each time. */
static struct httpd_stream *next_to_stop(struct httpd *h)
{
	LIST_EACH (it, &h->streams) {
		struct httpd_stream *s = LIST_ENTRY(it, struct httpd_stream, link);

		if (s->user_holds || !s->gone)
			return s;
	}
	return NULL;
}

static struct httpd_req *next_to_abort(struct httpd *h)
{
	LIST_EACH (it, &h->requests) {
		struct httpd_req *r = LIST_ENTRY(it, struct httpd_req, link);

		if (!r->aborted)
			return r;
	}
	return NULL;
}

void httpd_free(struct httpd *h)
{
	struct httpd_stream *s;
	struct httpd_req *r;

	if (!h)
		return;
	h->stopping = true;
	loop_fd_stop(&h->epoll);
	while ((s = next_to_stop(h)))
		httpd_stream_stop(s);
	while ((r = next_to_abort(h)))
		req_abort(r);
	/* The library aborts the process when it is stopped with a suspended connection. */
	MHD_run(h->daemon);
	MHD_stop_daemon(h->daemon);
	loop_timer_cancel(&h->timer);
	loop_timer_cancel(&h->turn);
	loop_defer_cancel(&h->run);
	LIST_EACH (it, &h->requests) {
		r = LIST_ENTRY(it, struct httpd_req, link);
		r->h = NULL; /* its user will still answer it */
		list_remove(&r->link);
	}
	free(h);
}

/* ---- the user's side ---- */

const char *httpd_method(const struct httpd_req *r)
{
	return r->method;
}

const char *httpd_path(const struct httpd_req *r)
{
	return r->path;
}

const char *httpd_query(const struct httpd_req *r, const char *name)
{
	const char *v = NULL;

	if (!r->conn || MHD_lookup_connection_value_n(r->conn, MHD_GET_ARGUMENT_KIND, name,
						      strlen(name), &v, NULL) != MHD_YES)
		return NULL;
	return v ? v : "";
}

const char *httpd_header(const struct httpd_req *r, const char *name)
{
	return r->conn ? MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name) : NULL;
}

struct span httpd_body(const struct httpd_req *r)
{
	return buf_span(&r->body);
}

bool httpd_peer(const struct httpd_req *r, uid_t *uid, gid_t *gid, pid_t *pid)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (!r->conn || getsockopt(httpd_fd_of(r->conn), SOL_SOCKET, SO_PEERCRED, &c, &len) < 0 ||
	    c.uid == (uid_t)-1)
		return false;
	*uid = c.uid;
	*gid = c.gid;
	*pid = c.pid;
	return true;
}

struct ep httpd_peer_ep(const struct httpd_req *r)
{
	return r->conn ? sockaddr_of_fd(httpd_fd_of(r->conn), true) : (struct ep){ .port = 0 };
}

void httpd_on_abort(struct httpd_req *r, void (*fn)(void *arg), void *arg)
{
	r->on_abort = fn;
	r->abort_arg = arg;
}

void httpd_add_header(struct httpd_req *r, const char *name, const char *value)
{
	struct httpd_header *e = xcalloc(1, sizeof(*e));

	e->name = xstrdup(name);
	e->value = xstrdup(value);
	list_init(&e->link);
	list_push_back(&r->headers, &e->link);
}

void httpd_answer(struct httpd_req *r, struct MHD_Response *m, int status)
{
	LIST_EACH (it, &r->headers) {
		struct httpd_header *e = LIST_ENTRY(it, struct httpd_header, link);

		/* refuses line ends in a value */
		if (!m || MHD_add_response_header(m, e->name, e->value) != MHD_YES)
			log_warn("httpd: header %s left out", e->name);
	}
	r->status = status;
	r->response = m;
	r->user_holds = false;
	if (!m)
		r->aborted = true; /* out of memory: close without an answer */
	if (r->conn)
		req_resume(r);
	else
		req_unref(r);
}

void httpd_reply(struct httpd_req *r, int status, const char *content_type, struct span body)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(
	    body.len, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);

	if (content_type)
		httpd_add_header(r, "Content-Type", content_type);
	httpd_answer(r, m, status);
}

void httpd_drop(struct httpd_req *r)
{
	httpd_answer(r, NULL, 0);
}
