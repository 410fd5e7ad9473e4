/* SPDX-License-Identifier: GPL-2.0-or-later */
/* httpd.h: HTTP/1.1 server on a Unix socket (LocalAPI) or a TCP one (peerapi), libmicrohttpd on our
 * loop without threads. Request bodies are collected up to a cap before the handler runs. Thread:
 * the loop's. */
#ifndef BASE_HTTPD_H
#define BASE_HTTPD_H

#include "base/ip.h"
#include "base/loop.h"

#include <sys/types.h>

struct httpd;
struct httpd_req;
struct httpd_stream;

/* What is told to a request that is not taken: text/plain, and the connection ends. */
struct httpd_refusal {
	int status;	  /* 0: it is taken */
	const char *text; /* static; NULL: closed without a byte */
};

#define HTTPD_SMALL_BODY 4096

struct httpd_opts {
	size_t max_body;
	/* Of all requests together; 0: no cap. Beyond it 503, but for HTTPD_SMALL_BODY bytes, which
	 * everybody may send: one with large bodies does not shut out the others. */
	size_t max_bodies;
	unsigned max_connections;
	/* From one address; 0: no cap. Of the last quarter of max_connections nobody gets any who
	 * has more than an eighth of this. */
	unsigned max_connections_of_one;
	/* A connection that has no answer to wait for must bring a whole request, or take a whole
	 * answer, within this time, however busy it looks. 0: only one that stands still is ended,
	 * after 30 s. */
	int turn_ms;
	/* Both are called from inside the library: nothing here may be called back but what reads
	 * the request. NULL: all are welcome. */
	bool (*welcome)(void *arg, struct ep from); /* false: closed without a byte */
	/* With the head, before the body is read. */
	struct httpd_refusal (*head)(void *arg, const struct httpd_req *r);
};

/* The handler answers every request exactly once, now or later, by httpd_reply, httpd_drop or
 * httpd_stream_start. req stays valid until answered or until on_abort. */
typedef void httpd_fn(void *arg, struct httpd_req *r);
/* listen_fd is taken, also on failure. Returns new, or NULL. The handler runs outside of the
 * library: it may do anything but httpd_free. */
struct httpd *httpd_new(struct loop *l, int listen_fd, const struct httpd_opts *o, httpd_fn *fn,
			void *arg);
/* Ends open streams (on_close) and pending requests (on abort) first. NULL is fine. Not from inside
 * a handler or one of those. */
void httpd_free(struct httpd *h);
/* Bind a Unix socket: refuses if another process answers there (-ERR_BUSY), removes a stale socket
 * (anything else there: -ERR_EXIST), makes the directory (0755), mode 0666. Returns the fd or
 * -ERR_*. */
int httpd_listen_unix(const char *path);
/* Bind a TCP socket to that address; port 0: any. device: only connections that come in by that
 * interface, as far as the system lets us say so; NULL or "": by any. Returns the fd, or -ERR_BUSY
 * (the port is taken), -ERR_NOENT (this machine does not have the address), -ERR_PERM, -ERR_IO. */
int httpd_listen_tcp(struct ep at, const char *device);

/* Texts and the body are borrowed until the request is answered. */
const char *httpd_method(const struct httpd_req *r);
const char *httpd_path(const struct httpd_req *r); /* decoded, without query */
const char *httpd_query(const struct httpd_req *r,
			const char *name); /* NULL if absent, "" without a value; decoded */
const char *httpd_header(const struct httpd_req *r, const char *name); /* NULL if absent */
struct span httpd_body(const struct httpd_req *r);
/* peer credentials of the connection; false if unavailable */
bool httpd_peer(const struct httpd_req *r, uid_t *uid, gid_t *gid, pid_t *pid);
/* The remote end of a TCP connection; without address once it is gone. */
struct ep httpd_peer_ep(const struct httpd_req *r);
/* fn is called if the client goes away (or shuts its side down) before the answer; the request is
 * gone then. Without it the request lives until it is answered, into the void. */
void httpd_on_abort(struct httpd_req *r, void (*fn)(void *arg), void *arg);

void httpd_add_header(struct httpd_req *r, const char *name, const char *value);
void httpd_reply(struct httpd_req *r, int status, const char *content_type, struct span body);
/* Answer by closing the connection without a byte. */
void httpd_drop(struct httpd_req *r);

/* Endless answer (taken: r is gone): the head goes out at once, before any byte of the body.
 * on_close comes once when the client is gone or the queue overflowed, never from inside a call
 * here, not after httpd_stream_end; the stream is gone then. Returns new. */
struct httpd_stream *httpd_stream_start(struct httpd_req *r, int status, const char *content_type,
					void (*on_close)(void *arg), void *arg);
/* Copies. -ERR_FULL above max_queued bytes: the client is too slow and is dropped, on_close
 * follows. -ERR_CLOSED when on_close is about to come. */
MUST_CHECK int httpd_stream_send(struct httpd_stream *s, struct span data, size_t max_queued);
/* Bytes sent into the stream that the client's socket has not taken yet. */
size_t httpd_stream_queued(const struct httpd_stream *s);
void httpd_stream_end(struct httpd_stream *s); /* after what is queued */

#endif
