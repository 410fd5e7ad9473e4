/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_priv.h: the body of a stream, shared by stream.c (connect, end) and stream_io.c (bytes).
 */
#ifndef BASE_STREAM_PRIV_H
#define BASE_STREAM_PRIV_H

#include "base/net_curl.h"
#include "base/net_priv.h"
#include "base/outq.h"
#include "base/resolve.h"
#include "base/stream.h"
#include "base/tls_client.h"

enum stream_state { STREAM_CONNECTING, STREAM_OPEN, STREAM_CLOSED };

struct stream {
	struct net *net;
	struct stream_ops ops;
	void *arg;
	enum stream_state state;
	unsigned busy; /* depth of calls out: the memory stays until they return */
	bool freed;

	char *host;
	char *cert_name;
	uint16_t port;
	bool is_tls;
	int timeout_ms;
	struct tls_client tls;
	char *proxy;
	char *proxy_host;
	uint16_t proxy_port;

	struct resolve_req *resolve;
	struct curl_pump *pump;
	CURL *easy;
	struct curl_slist *resolve_list;
	struct curl_slist *connect_to;
	struct loop_timer timeout;
	struct loop_defer later; /* the failure below, more to read, or bytes to write */
	int fail_err;
	bool read_more;

	int64_t gather_ns; /* between two reads, 0: no wait */
	mono_t last_read;  /* that brought something */
	bool resting;	   /* reading waits for the timer */
	struct loop_timer rest;

	struct loop_fd fd;
	struct outq out;
	bool write_broken; /* nothing goes out any more; what came in is still read */
	struct ep local, remote;
	char text[CURL_ERROR_SIZE];
};

/* Around every call out. leave returns false if the stream is gone: touch nothing then. */
void stream_enter(struct stream *s);
bool stream_leave(struct stream *s);
/* Release everything but the memory, then on_close. The stream may be gone afterwards. */
void stream_finish(struct stream *s, int err, const char *text);

/* The connection stands. */
void stream_io_start(struct stream *s);
/* Read and write what is due (deferred). */
void stream_io_later(struct stream *s);
void stream_io_on_rest(struct loop_timer *t, mono_t now);

#endif
