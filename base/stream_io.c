/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_io.c: the bytes of an open stream. libcurl no longer watches its socket then; we do. */
#include "base/sockaddr.h"
#include "base/stream_priv.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { READ_ROUNDS = 4 }; /* scratch buffers per wake, so that one stream cannot hold the loop */

enum fill { FILL_MORE, FILL_AGAIN, FILL_END, FILL_ERROR };

static void on_fd(struct loop_fd *w, int events);

/* ---- read ------------------------------------------------------------------------------ */

/* Decrypted bytes wait inside TLS without the fd being readable: only AGAIN means nothing is left.
 */
static enum fill fill(struct stream *s, struct mspan room, size_t *len)
{
	*len = 0;
	while (*len < room.len) {
		size_t n = 0;
		CURLcode code = curl_easy_recv(s->easy, room.p + *len, room.len - *len, &n);

		if (code == CURLE_AGAIN)
			return FILL_AGAIN;
		if (code != CURLE_OK)
			return FILL_ERROR;
		if (n == 0)
			return FILL_END;
		*len += n;
	}
	return FILL_MORE;
}

static bool deliver(struct stream *s, struct span data)
{
	if (data.len == 0)
		return true;
	stream_enter(s);
	s->ops.on_data(s->arg, data);
	return stream_leave(s) && s->state == STREAM_OPEN;
}

/* One scratch buffer full, or what there is. False if the stream has ended. */
static bool read_round(struct stream *s, bool *more)
{
	struct mspan room = net_scratch(s->net);
	size_t len;
	enum fill f;

	s->text[0] = '\0';
	f = fill(s, room, &len);
	if (len > 0)
		s->last_read = loop_now(s->net->loop);
	if (!deliver(s, span_of(room.p, len)))
		return false;
	*more = f == FILL_MORE;
	if (f == FILL_END)
		stream_finish(s, 0, "closed by the other side");
	else if (f == FILL_ERROR)
		stream_finish(s, -ERR_IO, s->text[0] ? s->text : "connection lost");
	else
		return true;
	return false;
}

static bool read_all(struct stream *s)
{
	bool more = true;

	s->read_more = false;
	for (int i = 0; more && i < READ_ROUNDS; i++)
		if (!read_round(s, &more))
			return false;
	if (more) {
		s->read_more = true;
		loop_defer_arm(&s->later);
	}
	return true;
}

/* ---- write ----------------------------------------------------------------------------- */

/* The other side may have said why before it closed: read that, it ends with the error. */
static void write_failed(struct stream *s)
{
	s->write_broken = true;
	outq_drop(&s->out, outq_pending(&s->out).len);
	if (read_all(s) && !s->read_more)
		stream_finish(s, -ERR_IO, "connection lost");
}

static bool write_pending(struct stream *s)
{
	struct span p;

	while ((p = outq_pending(&s->out)).len > 0) {
		size_t n = 0;
		CURLcode code = curl_easy_send(s->easy, p.p, p.len, &n);

		if (code == CURLE_AGAIN)
			return true;
		if (code != CURLE_OK)
			return false;
		outq_drop(&s->out, n);
	}
	return true;
}

static void watch(struct stream *s)
{
	int events =
	    (s->resting ? 0 : LOOP_READ) | (outq_pending(&s->out).len > 0 ? LOOP_WRITE : 0);

	if (s->fd.events == events)
		return;
	if (loop_fd_start(s->net->loop, &s->fd, s->fd.fd, events, on_fd, s) < 0)
		stream_finish(s, -ERR_IO, "cannot watch the connection");
}

static void flush(struct stream *s)
{
	if (s->write_broken) {
		if (!s->read_more && !s->resting)
			stream_finish(s, -ERR_IO, "connection lost");
		return;
	}
	if (!write_pending(s)) {
		write_failed(s);
		return;
	}
	if (outq_drained(&s->out) && s->ops.on_drain) {
		stream_enter(s);
		s->ops.on_drain(s->arg);
		if (!stream_leave(s) || s->state != STREAM_OPEN)
			return;
	}
	watch(s);
}

int stream_send(struct stream *s, struct span data)
{
	int rc;

	if (s->state != STREAM_OPEN)
		return -ERR_STATE;
	rc = outq_add(&s->out, data);
	if (rc == 0)
		loop_defer_arm(&s->later); /* all sends of a turn become one write */
	return rc;
}

void stream_set_unsent_max(struct stream *s, unsigned bytes)
{
	if (s->state == STREAM_OPEN)
		(void)setsockopt(s->fd.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

/* ---- events ---------------------------------------------------------------------------- */

/* Reading starts to wait, or goes on waiting, if the last read that brought something was just now.
 * The fd is not watched meanwhile: it would be ready all the time. */
static bool rest(struct stream *s, mono_t now)
{
	mono_t until = mono_add_ns(s->last_read, s->gather_ns);

	s->resting = s->gather_ns > 0 && !s->read_more && !mono_due(until, now);
	if (s->resting)
		loop_timer_arm(&s->rest, until);
	return s->resting;
}

static void on_fd(struct loop_fd *w, int events)
{
	struct stream *s = w->arg;

	if ((events & LOOP_READ) && !rest(s, loop_now(s->net->loop)) && !read_all(s))
		return;
	flush(s);
}

void stream_io_on_rest(struct loop_timer *t, mono_t now)
{
	struct stream *s = t->arg;

	if (!read_all(s))
		return;
	rest(s, now);
	flush(s);
}

void stream_io_later(struct stream *s)
{
	if (s->read_more && !read_all(s))
		return;
	flush(s);
}

void stream_io_start(struct stream *s)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD) {
		stream_finish(s, -ERR_IO, "connection lost");
		return;
	}
	s->state = STREAM_OPEN;
	s->fd.fd = fd;
	s->local = sockaddr_of_fd(fd, false);
	s->remote = sockaddr_of_fd(fd, true);
	stream_enter(s);
	s->ops.on_open(s->arg);
	if (!stream_leave(s) || s->state != STREAM_OPEN)
		return;
	/* bytes that came with the handshake make no event */
	if (read_all(s))
		flush(s);
}
