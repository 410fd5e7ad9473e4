/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_priv.h: what httpd.c and httpd_stream.c share.
 *
 * The library's callbacks only collect; whoever uses httpd is called from deferred calls, outside
 * of the library. A request belongs to two: to the library until its "completed" callback, and to
 * the user from the handler until the answer (or the abort). The same goes for a stream. */
#ifndef BASE_HTTPD_PRIV_H
#define BASE_HTTPD_PRIV_H

#include "base/httpd.h"
#include "base/outq.h"

#include <microhttpd.h>

struct httpd {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_fd epoll;
	struct loop_timer timer;
	struct loop_defer run;
	struct httpd_opts o;
	size_t bodies; /* bytes of all that are held */
	httpd_fn *fn;
	void *arg;
	struct list conns;
	unsigned n_conns;
	struct list waiting; /* of conns, by when their turn ends */
	struct loop_timer turn;
	struct list requests;
	struct list streams;
	bool stopping;
};

struct httpd_conn {
	struct list link; /* in conns */
	struct list
	    waiting; /* but for while a request is with its handler, where turns are limited */
	int fd;
	struct ip from; /* unset: not TCP */
	mono_t due;
};

struct httpd_header {
	struct list link;
	char *name, *value;
};

struct httpd_req {
	struct list link;
	struct httpd *h; /* NULL once the server is gone */
	struct loop *loop;
	struct MHD_Connection *conn; /* NULL once the library is done with it */
	bool user_holds;
	bool suspended;
	bool aborted;
	bool ready; /* complete, handler not called yet */
	char *method, *path;
	struct buf body;
	size_t body_seen;
	struct httpd_refusal refuse; /* to answer without asking the handler */
	struct list headers;
	struct MHD_Response *response;
	int status;
	struct httpd_stream *stream;
	struct loop_fd watch; /* for the client's disappearance while suspended */
	struct loop_defer notify;
	void (*on_abort)(void *arg);
	void *abort_arg;
};

struct httpd_stream {
	struct list link;
	struct httpd *h; /* valid while conn is */
	struct loop *loop;
	struct MHD_Connection *conn; /* NULL once the library is done with it */
	bool user_holds;
	bool suspended;
	bool ended; /* by the user: finish after what is queued */
	bool gone;  /* by the client, an overflow or the stop */
	struct outq out;
	struct loop_fd watch;
	struct loop_defer notify;
	void (*on_close)(void *arg);
	void *arg;
};

int httpd_fd_of(struct MHD_Connection *c);
/* Give the request its answer and let the library go on. */
void httpd_answer(struct httpd_req *r, struct MHD_Response *m, int status);
void httpd_stream_stop(struct httpd_stream *s);
/* The library is done with the connection, its fd is about to be closed. */
void httpd_stream_detach(struct httpd_stream *s);

#endif
