/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_req.c: a request, from its head to its answer. */
#include "base/httpd_priv.h"
#include "base/log.h"
#include "base/sockaddr.h"

#include <stdlib.h>
#include <sys/socket.h>

struct header {
	struct list link;
	char *name, *value;
};

/* ---- life ---- */

static void req_unref(struct httpd_req *r)
{
	if (r->conn || r->user_holds)
		return;
	LIST_EACH (it, &r->headers) {
		struct header *e = LIST_ENTRY(it, struct header, link);

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
		httpd_conn_begin_turn(r->h, r->conn);
	MHD_resume_connection(r->conn);
	loop_defer_arm(&r->h->run);
}

void httpd_req_abort(struct httpd_req *r)
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
	httpd_req_abort(w->arg);
}

/* Outside of the library: call the handler, or say that the client has gone. */
static void on_notify(struct loop_defer *d)
{
	struct httpd_req *r = d->arg;

	if (!r->ready) {
		httpd_req_abort(r);
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

struct httpd_req *httpd_req_new(struct httpd *h, struct MHD_Connection *c, const char *method,
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

void httpd_req_hand_over(struct httpd_req *r)
{
	r->ready = true;
	r->suspended = true;
	httpd_conn_end_turn(r->conn);
	MHD_suspend_connection(r->conn);
	loop_defer_arm(&r->notify);
}

void httpd_req_detach(struct httpd_req *r)
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
	struct header *e = xcalloc(1, sizeof(*e));

	e->name = xstrdup(name);
	e->value = xstrdup(value);
	list_init(&e->link);
	list_push_back(&r->headers, &e->link);
}

void httpd_answer(struct httpd_req *r, struct MHD_Response *m, int status)
{
	LIST_EACH (it, &r->headers) {
		struct header *e = LIST_ENTRY(it, struct header, link);

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
