/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_stream.c: endless answers. With nothing to send the connection is suspended, and we watch
 * for its end ourselves, because the library does not. */
#include "base/httpd_priv.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BLOCK = 16384 };

static void stream_unref(struct httpd_stream *s)
{
	if (s->conn || s->user_holds)
		return;
	loop_defer_cancel(&s->notify);
	list_remove(&s->link);
	outq_fini(&s->out);
	free(s);
}

static void wake(struct httpd_stream *s)
{
	loop_fd_stop(&s->watch);
	if (!s->conn || !s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->conn);
	loop_defer_arm(&s->h->run);
}

static void tell_closed(struct httpd_stream *s)
{
	if (s->user_holds) {
		s->user_holds = false;
		s->on_close(s->arg);
	}
	stream_unref(s);
}

static void on_notify(struct loop_defer *d)
{
	tell_closed(d->arg);
}

static void set_gone(struct httpd_stream *s)
{
	s->gone = true;
	loop_defer_arm(&s->notify);
	wake(s); /* the reader ends it */
}

static void on_client_gone(struct loop_fd *w, int events)
{
	(void)events;
	set_gone(w->arg);
}

static void sleep_until_woken(struct httpd_stream *s)
{
	s->suspended = true;
	MHD_suspend_connection(s->conn);
	if (loop_fd_start(s->loop, &s->watch, httpd_fd_of(s->conn), LOOP_HUP, on_client_gone, s) <
	    0)
		log_warn("httpd: cannot watch a client");
}

static ssize_t on_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct httpd_stream *s = cls;
	struct span p = outq_pending(&s->out);

	(void)pos;
	if (s->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (p.len > max)
		p.len = max;
	if (p.len > 0) {
		memcpy(out, p.p, p.len);
		outq_drop(&s->out, p.len);
		return (ssize_t)p.len;
	}
	if (s->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	sleep_until_woken(s);
	return 0;
}

void httpd_stream_detach(struct httpd_stream *s)
{
	loop_fd_stop(&s->watch);
	s->conn = NULL;
	s->gone = true;
	if (s->user_holds)
		loop_defer_arm(&s->notify);
	stream_unref(s);
}

/* Also while the server stops: no more callbacks after httpd_free. */
void httpd_stream_stop(struct httpd_stream *s)
{
	s->gone = true;
	wake(s);
	loop_defer_cancel(&s->notify);
	tell_closed(s);
}

struct httpd_stream *httpd_stream_start(struct httpd_req *r, int status, const char *content_type,
					void (*on_close)(void *arg), void *arg)
{
	struct httpd_stream *s = xcalloc(1, sizeof(*s));
	struct MHD_Response *m =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, s, NULL);

	s->h = r->h;
	s->loop = r->loop;
	s->conn = r->conn;
	s->user_holds = true;
	s->on_close = on_close;
	s->arg = arg;
	list_init(&s->link);
	loop_defer_init(s->loop, &s->notify, on_notify, s);
	if (content_type)
		httpd_add_header(r, "Content-Type", content_type);
	if (r->conn) {
		r->stream = s;
		list_push_back(&s->h->streams, &s->link);
	} else {
		set_gone(s);
	}
	httpd_answer(r, m, status);
	return s;
}

int httpd_stream_send(struct httpd_stream *s, struct span data, size_t max_queued)
{
	int rc;

	if (s->gone)
		return -ERR_CLOSED;
	s->out.max = max_queued;
	rc = outq_add(&s->out, data);
	if (rc < 0) {
		/* makes the library see the end although it waits for a client that does not read
		 */
		shutdown(httpd_fd_of(s->conn), SHUT_RDWR);
		set_gone(s);
		return -ERR_FULL;
	}
	wake(s);
	return 0;
}

size_t httpd_stream_queued(const struct httpd_stream *s)
{
	return outq_pending(&s->out).len;
}

void httpd_stream_end(struct httpd_stream *s)
{
	s->ended = true;
	s->user_holds = false;
	loop_defer_cancel(&s->notify);
	wake(s);
	stream_unref(s);
}
