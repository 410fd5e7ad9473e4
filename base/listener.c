/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listener.c: the accepting half of conn.h. */
#include "base/conn_priv.h"
#include "base/log.h"
#include "base/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKLOG = 512, ACCEPTS_PER_WAKE = 64, NO_ROOM_PAUSE_MS = 200 };

struct listener {
	struct loop *loop;
	struct loop_fd fd;
	struct loop_timer resume;
	struct conn_tls *tls;
	listener_fn *fn;
	void *arg;
	unsigned busy;
	bool freed;
};

static void on_readable(struct loop_fd *w, int events);

static void accepted(struct listener *l, int fd, const struct sockaddr *sa)
{
	int on = 1;
	struct conn *c;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	c = conn_new(l->loop, fd, sockaddr_to_ep(sa), l->tls);
	if (c)
		l->fn(l->arg, c);
}

/* Without descriptors or memory the connection stays in the backlog and the fd stays readable: look
 * again later instead of spinning. */
static void pause_accepting(struct listener *l)
{
	LOG_LIMITED(60, LOG_WARN, "conn: cannot accept: %s", strerror(errno));
	loop_fd_stop(&l->fd);
	loop_timer_arm_ms(&l->resume, NO_ROOM_PAUSE_MS);
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(l->fd.fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		accepted(l, fd, (const struct sockaddr *)&ss);
		return true;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		pause_accepting(l);
		return false;
	case EAGAIN:
		return false;
	default:
		return true; /* that connection died in the backlog */
	}
}

static void on_readable(struct loop_fd *w, int events)
{
	struct listener *l = w->arg;

	(void)events;
	l->busy++;
	for (int i = 0; i < ACCEPTS_PER_WAKE && !l->freed; i++)
		if (!accept_one(l))
			break;
	if (--l->busy == 0 && l->freed)
		free(l);
}

static int start_accepting(struct listener *l)
{
	return loop_fd_start(l->loop, &l->fd, l->fd.fd, LOOP_READ, on_readable, l);
}

static void on_resume(struct loop_timer *t, mono_t now)
{
	(void)now;
	if (start_accepting(t->arg) < 0)
		loop_timer_arm_ms(t, NO_ROOM_PAUSE_MS);
}

static int bind_socket(struct ep at)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(at, &ss);
	int on = 1, saved;
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&ss, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct listener *listener_new(struct loop *loop, struct ep at, struct conn_tls *tls,
			      listener_fn *fn, void *arg)
{
	int fd = bind_socket(at);
	struct listener *l;

	if (fd < 0)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->loop = loop;
	l->fd.fd = fd;
	l->tls = tls ? conn_tls_ref(tls) : NULL;
	l->fn = fn;
	l->arg = arg;
	loop_timer_init(loop, &l->resume, on_resume, l);
	if (start_accepting(l) < 0) {
		listener_free(l);
		errno = EIO;
		return NULL;
	}
	return l;
}

void listener_free(struct listener *l)
{
	if (!l || l->freed)
		return;
	loop_timer_cancel(&l->resume);
	loop_fd_stop(&l->fd);
	close(l->fd.fd);
	conn_tls_free(l->tls);
	l->freed = true;
	if (l->busy == 0)
		free(l);
}

struct ep listener_addr(const struct listener *l)
{
	return sockaddr_of_fd(l->fd.fd, false);
}
