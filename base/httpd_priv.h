/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd_priv.h: what the parts of httpd.h share.
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
	struct list conns; /* httpd_conn.c */
	unsigned n_conns;
	struct list waiting; /* of conns, by when their turn ends */
	struct loop_timer turn;
	struct list requests;
	struct list streams;
	bool stopping;
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
	struct list headers;	     /* of the answer */
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

/* ---- httpd_conn.c ---- */

int httpd_fd_of(struct MHD_Connection *c);
/* The library's: a connection begins, or is about to end. arg: the httpd. */
void httpd_on_connection(void *arg, struct MHD_Connection *mc, void **context,
			 enum MHD_ConnectionNotificationCode what);
/* Is there room for one more from there? */
bool httpd_has_room(struct httpd *h, struct ip from);
/* From here on the client has turn_ms. */
void httpd_conn_begin_turn(struct httpd *h, struct MHD_Connection *c);
/* The client is not who is waited for. */
void httpd_conn_end_turn(struct MHD_Connection *c);
/* Of the timer turn: ends connections that took too long. */
void httpd_on_turn(struct loop_timer *t, mono_t now);

/* ---- httpd_access.c: the library's callbacks; arg: the httpd, *req: NULL or a request ---- */

/* First with the head, then with pieces of the body, then with nothing; after a resume with nothing
 * once more. */
enum MHD_Result httpd_on_access(void *arg, struct MHD_Connection *c, const char *url,
				const char *method, const char *version, const char *data,
				size_t *len, void **req);
void httpd_on_completed(void *arg, struct MHD_Connection *c, void **req,
			enum MHD_RequestTerminationCode why);

/* ---- httpd_req.c ---- */

/* New; the library's until httpd_req_detach. */
struct httpd_req *httpd_req_new(struct httpd *h, struct MHD_Connection *c, const char *method,
				const char *path);
/* Complete: from here on the handler has the time, not the client. */
void httpd_req_hand_over(struct httpd_req *r);
/* The client is gone, or we are stopping, before there was an answer. */
void httpd_req_abort(struct httpd_req *r);
/* The library is done with it. */
void httpd_req_detach(struct httpd_req *r);
/* Give the request its answer and let the library go on. */
void httpd_answer(struct httpd_req *r, struct MHD_Response *m, int status);

/* ---- httpd_stream.c ---- */

void httpd_stream_stop(struct httpd_stream *s);
/* The library is done with the connection, its fd is about to be closed. */
void httpd_stream_detach(struct httpd_stream *s);

#endif
