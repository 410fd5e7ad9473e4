/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/conn_priv.h"
#include "base/outq.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	QUEUE_MAX = 1 << 20,
	READ_ROOM = 16384, /* one TLS record */
	READ_ROUNDS = 16,  /* per wake, so that one connection cannot hold the loop */
	OPENING_MS = 10000,
	LINGER_MS = 2000,
	TLS_HANDSHAKE_RECORD = 0x16,
};

enum conn_state { CONN_SNIFF, CONN_HANDSHAKE, CONN_OPEN, CONN_LINGER, CONN_CLOSED };

struct conn {
	struct loop *loop;
	struct conn_ops ops;
	void *arg;
	enum conn_state state;
	unsigned busy; /* depth of calls out: the memory stays until they return */
	bool freed;
	bool finishing;
	bool paused;
	bool read_more;
	bool handshake_writes;
	bool half_closed; /* seen while paused; what came before is still to be read */

	struct ep peer;
	struct loop_fd fd;
	struct conn_tls *tls_config; /* until the first byte decides */
	struct tls_session *tls;
	struct outq out;
	struct loop_timer timer; /* opening, later lingering */
	struct loop_defer later;
};

static void on_fd(struct loop_fd *w, int events);

/* ---- end ------------------------------------------------------------------------------- */

static void release(struct conn *c)
{
	c->state = CONN_CLOSED;
	loop_timer_cancel(&c->timer);
	loop_defer_cancel(&c->later);
	tls_session_free(c->tls);
	c->tls = NULL;
	conn_tls_free(c->tls_config);
	c->tls_config = NULL;
	if (c->fd.fd >= 0) {
		loop_fd_stop(&c->fd);
		close(c->fd.fd);
		c->fd.fd = -1;
	}
	outq_fini(&c->out);
}

void conn_free(struct conn *c)
{
	if (!c || c->freed)
		return;
	release(c);
	c->freed = true;
	if (c->busy == 0)
		free(c);
}

static bool leave(struct conn *c)
{
	if (--c->busy == 0 && c->freed) {
		free(c);
		return false;
	}
	return !c->freed;
}

static void finish(struct conn *c, int err)
{
	release(c);
	c->busy++;
	c->ops.on_close(c->arg, err);
	leave(c);
}

/* ---- watching -------------------------------------------------------------------------- */

static int wanted_events(const struct conn *c)
{
	int read = LOOP_READ;

	if (c->state == CONN_SNIFF)
		return LOOP_READ;
	if (c->state == CONN_HANDSHAKE)
		return c->handshake_writes ? LOOP_WRITE : LOOP_READ;
	if (c->paused) /* a reset must still be seen, or a dead peer stays for ever */
		read = c->half_closed ? 0 : LOOP_HUP;
	return read | (outq_pending(&c->out).len > 0 ? LOOP_WRITE : 0);
}

static void watch(struct conn *c)
{
	int events = wanted_events(c);

	if (c->fd.events == events)
		return;
	if (loop_fd_start(c->loop, &c->fd, c->fd.fd, events, on_fd, c) < 0)
		finish(c, -ERR_IO);
}

/* ---- bytes ----------------------------------------------------------------------------- */

static int result_of(ssize_t n)
{
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : TLS_BROKEN;
}

static int read_some(struct conn *c, struct mspan room)
{
	if (c->tls)
		return tls_session_read(c->tls, room);
	return result_of(recv(c->fd.fd, room.p, room.len, 0));
}

static int write_some(struct conn *c, struct span data)
{
	if (c->tls)
		return tls_session_write(c->tls, data);
	return result_of(send(c->fd.fd, data.p, data.len, MSG_NOSIGNAL));
}

static bool deliver(struct conn *c, struct span data)
{
	if (c->finishing)
		return true; /* the owner is done with it */
	c->busy++;
	c->ops.on_data(c->arg, data);
	return leave(c) && c->state != CONN_CLOSED;
}

/* False if the connection has ended. */
static bool read_all(struct conn *c)
{
	uint8_t room[READ_ROOM];

	c->read_more = false;
	for (int i = 0; i < READ_ROUNDS; i++) {
		int n;

		if (c->paused && !c->finishing)
			return true;
		n = read_some(c, mspan_of(room, sizeof(room)));
		if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
			return true;
		if (n <= 0) {
			finish(c, n == TLS_END || c->state == CONN_LINGER ? 0 : -ERR_CLOSED);
			return false;
		}
		if (!deliver(c, span_of(room, (size_t)n)))
			return false;
	}
	c->read_more = true;
	loop_defer_arm(&c->later);
	return true;
}

/* Everything is out: say so, and give the other side time to read it. Closing at once would send a
 * reset that throws away what it has not read yet. */
static void linger(struct conn *c)
{
	c->state = CONN_LINGER;
	if (c->tls)
		tls_session_shutdown(c->tls);
	shutdown(c->fd.fd, SHUT_WR);
	loop_timer_arm_ms(&c->timer, LINGER_MS);
}

static bool write_pending(struct conn *c)
{
	struct span p;

	while ((p = outq_pending(&c->out)).len > 0) {
		int n = write_some(c, p);

		if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
			return true;
		if (n <= 0)
			return false;
		outq_drop(&c->out, (size_t)n);
	}
	return true;
}

static void flush(struct conn *c)
{
	if (c->state == CONN_SNIFF || c->state == CONN_HANDSHAKE) {
		/* what is queued goes out when open */
		if (c->finishing && outq_pending(&c->out).len == 0)
			finish(c, 0);
		return;
	}
	if (!write_pending(c)) {
		finish(c, -ERR_CLOSED);
		return;
	}
	if (c->finishing && c->state == CONN_OPEN && outq_pending(&c->out).len == 0)
		linger(c);
	if (!c->finishing && outq_drained(&c->out) && c->ops.on_drain) {
		c->busy++;
		c->ops.on_drain(c->arg);
		if (!leave(c) || c->state == CONN_CLOSED)
			return;
	}
	watch(c);
}

/* ---- opening --------------------------------------------------------------------------- */

static void opened(struct conn *c)
{
	c->state = CONN_OPEN;
	loop_timer_cancel(&c->timer);
	if (read_all(c)) /* may hide inside TLS already */
		flush(c);
}

static void handshake(struct conn *c)
{
	int rc = tls_session_accept(c->tls);

	if (rc > 0) {
		opened(c);
		return;
	}
	if (rc == TLS_WANT_READ || rc == TLS_WANT_WRITE) {
		c->handshake_writes = rc == TLS_WANT_WRITE;
		watch(c);
		return;
	}
	finish(c, -ERR_PROTO);
}

/* One port for both: no protocol spoken in clear here begins with 0x16. */
static void sniff(struct conn *c)
{
	uint8_t first;
	int n = result_of(recv(c->fd.fd, &first, 1, MSG_PEEK));

	if (n == TLS_WANT_READ)
		return;
	if (n <= 0) {
		finish(c, n == 0 ? 0 : -ERR_CLOSED);
		return;
	}
	if (first != TLS_HANDSHAKE_RECORD) {
		opened(c);
		return;
	}
	c->tls = tls_session_new(c->tls_config, c->fd.fd);
	if (!c->tls) {
		finish(c, -ERR_NOMEM);
		return;
	}
	c->state = CONN_HANDSHAKE;
	handshake(c);
}

/* ---- events ---------------------------------------------------------------------------- */

/* Both directions are gone, not only the other side's. */
static bool is_reset(const struct conn *c)
{
	struct pollfd p = { .fd = c->fd.fd };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP));
}

static void on_fd(struct loop_fd *w, int events)
{
	struct conn *c = w->arg;

	if (c->state == CONN_SNIFF) {
		sniff(c);
	} else if (c->state == CONN_HANDSHAKE) {
		handshake(c);
	} else if ((events & LOOP_HUP) && is_reset(c)) {
		finish(c, -ERR_CLOSED);
	} else {
		c->half_closed |= (events & LOOP_HUP) != 0;
		if ((events & LOOP_READ) && !read_all(c))
			return;
		flush(c);
	}
}

static void on_later(struct loop_defer *d)
{
	struct conn *c = d->arg;

	if (c->read_more && !read_all(c))
		return;
	flush(c);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct conn *c = t->arg;

	(void)now;
	finish(c, c->state == CONN_LINGER ? 0 : -ERR_TIMEOUT);
}

/* ---- the owner's side ------------------------------------------------------------------ */

struct conn *conn_new(struct loop *l, int fd, struct ep peer, struct conn_tls *tls)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->peer = peer;
	c->fd.fd = fd;
	c->out.max = QUEUE_MAX;
	c->state = tls ? CONN_SNIFF : CONN_OPEN;
	c->tls_config = tls ? conn_tls_ref(tls) : NULL;
	loop_timer_init(l, &c->timer, on_timer, c);
	loop_defer_init(l, &c->later, on_later, c);
	if (tls)
		loop_timer_arm_ms(&c->timer, OPENING_MS);
	if (loop_fd_start(l, &c->fd, fd, LOOP_READ, on_fd, c) < 0) {
		conn_free(c);
		return NULL;
	}
	return c;
}

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg)
{
	c->ops = *ops;
	c->arg = arg;
}

int conn_send(struct conn *c, struct span data)
{
	int rc;

	if (c->state == CONN_CLOSED || c->finishing)
		return -ERR_CLOSED;
	rc = outq_add(&c->out, data);
	if (rc == 0)
		loop_defer_arm(&c->later); /* all sends of a turn become one write */
	return rc;
}

void conn_set_queue_max(struct conn *c, size_t bytes)
{
	c->out.max = bytes;
}

size_t conn_queued(const struct conn *c)
{
	return outq_pending(&c->out).len;
}

void conn_pause(struct conn *c, bool paused)
{
	if (c->state == CONN_CLOSED || c->paused == paused)
		return;
	c->paused = paused;
	if (!paused)
		c->read_more = true; /* may hide inside TLS */
	loop_defer_arm(&c->later);
}

void conn_finish(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->finishing = true;
	c->paused = false;
	loop_defer_arm(&c->later);
}

struct ep conn_peer(const struct conn *c)
{
	return c->peer;
}

bool conn_is_tls(const struct conn *c)
{
	return c->tls != NULL;
}
