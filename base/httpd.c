/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd.c: the server: the library on the loop. */
#include "base/httpd_priv.h"
#include "base/log.h"
#include "base/sockaddr.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	HEAD_MEMORY = 32768, /* per connection; caps the request head */
	IDLE_S = 30,
};

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

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t len)
{
	struct httpd *h = cls;
	struct ep from = sockaddr_to_ep(sa);

	(void)len;
	return httpd_has_room(h, from.ip) && (!h->o.welcome || h->o.welcome(h->arg, from)) ? MHD_YES
											   : MHD_NO;
}

static struct MHD_Daemon *start_daemon(struct httpd *h, int listen_fd)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
			 MHD_USE_ERROR_LOG;

	return MHD_start_daemon(
	    flags, 0, on_accept, h, httpd_on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED, httpd_on_completed, h,
	    MHD_OPTION_NOTIFY_CONNECTION, httpd_on_connection, h,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
	    h->o.max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, h->o.max_connections_of_one,
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
	loop_timer_init(l, &h->turn, httpd_on_turn, h);
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
		httpd_req_abort(r);
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
