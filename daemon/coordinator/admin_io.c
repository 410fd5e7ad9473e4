/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/admin_io.h"

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/coordinator/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define LINE_MS 10000

struct admin_server {
	struct coord *coord;
	struct loop_fd fd;
	char *path;
	struct list clients;
	size_t n_clients;
};

enum client_state { READING, RUNNING, WRITING };

struct admin_client {
	struct list link;
	struct admin_server *server;
	enum client_state state;
	bool gone; /* left while its call runs */
	struct loop_fd fd;
	struct loop_timer timer;
	struct buf in, out;
};

/* ---- server: one client ---- */

static void client_free(struct admin_client *a)
{
	int fd = a->fd.fd;

	list_remove(&a->link);
	a->server->n_clients--;
	loop_timer_cancel(&a->timer);
	loop_fd_stop(&a->fd);
	close(fd);
	buf_fini(&a->in);
	buf_fini(&a->out);
	free(a);
}

/* The call still knows us: wait for it. */
static void client_leave(struct admin_client *a)
{
	if (a->state != RUNNING) {
		client_free(a);
		return;
	}
	a->gone = true;
	loop_fd_stop(&a->fd);
}

static void client_write(struct admin_client *a)
{
	ssize_t n = send(a->fd.fd, a->out.p, a->out.len, MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		buf_drop(&a->out, (size_t)n);
	if (n < 0 || !a->out.len)
		client_free(a);
}

static void on_client(struct loop_fd *w, int events);

static void on_reply(void *arg, json_t *reply)
{
	struct admin_client *a = arg;

	j_write(reply, J_COMPACT, false, &a->out);
	buf_add_str(&a->out, "\n");
	j_free(reply);
	a->state = WRITING;
	if (a->gone || !buf_ok(&a->out) ||
	    loop_fd_start(a->server->coord->loop, &a->fd, a->fd.fd, LOOP_WRITE, on_client, a) < 0)
		client_free(a);
	else
		loop_timer_arm_ms(&a->timer, LINE_MS);
}

static void client_line(struct admin_client *a)
{
	const uint8_t *end = a->in.len ? memchr(a->in.p, '\n', a->in.len) : NULL;

	if (!buf_ok(&a->in)) {
		client_free(a);
		return;
	}
	if (!end)
		return;
	a->state = RUNNING;
	loop_timer_cancel(&a->timer);
	admin_start(a->server->coord, span_of(a->in.p, (size_t)(end - a->in.p)), on_reply, a);
}

static void client_read(struct admin_client *a)
{
	uint8_t room[16384];
	ssize_t n = recv(a->fd.fd, room, sizeof(room), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_leave(a);
		return;
	}
	if (a->state != READING)
		return;
	buf_add(&a->in, room, (size_t)n);
	client_line(a);
}

static void on_client(struct loop_fd *w, int events)
{
	struct admin_client *a = w->arg;

	(void)events;
	if (a->state == WRITING)
		client_write(a);
	else
		client_read(a);
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	(void)now;
	client_free(t->arg);
}

/* ---- server: socket ---- */

/* Socket mode 0600 already says so; a folder with loose rights must not undo it. */
static bool allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void client_start(struct admin_server *s, int fd)
{
	struct admin_client *a = xcalloc(1, sizeof(*a));

	a->server = s;
	a->fd.fd = fd;
	list_push_back(&s->clients, &a->link);
	s->n_clients++;
	buf_init(&a->in, ADMIN_LINE_MAX);
	buf_init(&a->out, 64u << 20);
	loop_timer_init(s->coord->loop, &a->timer, on_timer, a);
	loop_timer_arm_ms(&a->timer, LINE_MS);
	if (loop_fd_start(s->coord->loop, &a->fd, fd, LOOP_READ, on_client, a) < 0)
		client_free(a);
}

static void on_accept(struct loop_fd *w, int events)
{
	struct admin_server *s = w->arg;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (s->n_clients >= CLIENTS_MAX || !allowed(fd))
		close(fd);
	else
		client_start(s, fd);
}

static bool address(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return false;
	memcpy(out->sun_path, path, strlen(path) + 1);
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved;

	errno = ENAMETOOLONG;
	if (fd >= 0 && address(path, &sa) && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

static int listen_on(const char *path)
{
	struct sockaddr_un sa;
	int fd = connect_to(path);
	mode_t mask;
	bool ok;

	if (fd >= 0) {
		close(fd);
		return -ERR_BUSY;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -ERR_IO;
	mask = umask(0177);
	ok = address(path, &sa) && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	     listen(fd, 16) == 0;
	umask(mask);
	if (ok)
		return fd;
	close(fd);
	return -ERR_IO;
}

struct admin_server *admin_server_new(struct coord *c, const char *path, int *err)
{
	struct admin_server *s;
	int fd = listen_on(path);

	*err = fd < 0 ? fd : 0;
	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->coord = c;
	s->path = xstrdup(path);
	list_init(&s->clients);
	if (loop_fd_start(c->loop, &s->fd, fd, LOOP_READ, on_accept, s) < 0) {
		*err = -ERR_IO;
		close(fd);
		free(s->path);
		free(s);
		return NULL;
	}
	return s;
}

void admin_server_free(struct admin_server *s)
{
	int fd;

	if (!s)
		return;
	LIST_EACH (it, &s->clients)
		client_free(LIST_ENTRY(it, struct admin_client, link));
	fd = s->fd.fd;
	loop_fd_stop(&s->fd);
	close(fd);
	unlink(s->path);
	free(s->path);
	free(s);
}

/* ---- client ---- */

static bool send_all(int fd, struct span s)
{
	while (s.len) {
		ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_from(s, (size_t)n);
	}
	return true;
}

static bool read_all(int fd, struct buf *out)
{
	uint8_t room[16384];

	for (;;) {
		ssize_t n = recv(fd, room, sizeof(room), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 && buf_ok(out);
		buf_add(out, room, (size_t)n);
	}
}

json_t *admin_ask(const char *path, const json_t *request, char why[static 200])
{
	struct wr w = wr_init(mspan_of(why, 199));
	struct buf out, in;
	json_t *reply = NULL;
	int fd = connect_to(path);

	if (fd < 0) {
		wr_fmt(&w,
		       "no server answers at %.120s (%s); is meshcoord serve running with this "
		       "--state?",
		       path, strerror(errno));
		why[wr_ok(&w) ? wr_len(&w) : 0] = 0;
		return NULL;
	}
	buf_init(&out, ADMIN_LINE_MAX);
	buf_init(&in, 64u << 20);
	out.secret = in.secret = true;
	j_write(request, J_COMPACT, false, &out);
	buf_add_str(&out, "\n");
	if (buf_ok(&out) && send_all(fd, buf_span(&out)) && read_all(fd, &in))
		reply = j_parse(buf_span(&in), 64u << 20, NULL);
	if (!reply)
		memcpy(why, "the server closed the connection without an answer", 51);
	close(fd);
	buf_fini(&out);
	buf_fini(&in);
	return reply;
}
