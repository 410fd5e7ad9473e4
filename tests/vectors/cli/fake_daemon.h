/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_daemon.h: a scripted LocalAPI on a Unix socket, in a thread of the test: records requests
 * and answers each from a function of the test. A bus stays open until the daemon is stopped. */
#ifndef TESTS_VECTORS_CLI_FAKE_DAEMON_H
#define TESTS_VECTORS_CLI_FAKE_DAEMON_H

#include "base/http1.h"
#include "base/json.h"
#include "cli/cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FAKE_REQUESTS_MAX 64
#define FAKE_STREAMS_MAX 8

struct fake_request {
	char *method, *uri, *reason;
	json_t *body; /* NULL: none */
};

/* What the daemon says. With `stream` the body is sent and the connection kept; with `silent`
 * nothing is sent at all. body is new (free()). */
struct fake_answer {
	int status;
	char *body;
	const char *header;
	bool stream, silent, close_stream;
};

struct fake_daemon {
	char dir[64], path[96];
	int listener;
	pthread_t thread;
	struct fake_request requests[FAKE_REQUESTS_MAX];
	size_t n;
	int streams[FAKE_STREAMS_MAX];
	size_t n_streams;
	struct fake_answer (*answer)(void *arg, const struct fake_request *r);
	void *arg;
};

static inline void fake_write(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
		if (k <= 0)
			return;
		s += k;
		n -= (size_t)k;
	}
}

/* Head and body of one request; false if the client went away. */
static inline bool fake_read(int fd, struct fake_request *r)
{
	struct buf b;
	struct http1_head h;
	size_t want = 0;
	buf_init(&b, 1u << 20);
	for (;;) {
		if (b.len && http1_parse(buf_span(&b), true, &h) == 0) {
			struct span len = http1_find(&h, "Content-Length");
			uint64_t n = 0;
			if (len.p && u64_decode(len, 1u << 20, &n))
				abort();
			want = h.len + (size_t)n;
			if (b.len >= want)
				break;
		}
		uint8_t *room = buf_reserve(&b, 4096);
		ssize_t n = recv(fd, room, 4096, 0);
		if (n <= 0) {
			buf_fini(&b);
			return false;
		}
		buf_commit(&b, (size_t)n);
	}
	struct span reason = http1_find(&h, "X-Tailscale-Reason");
	r->method = strndup((const char *)h.method.p, h.method.len);
	r->uri = strndup((const char *)h.target.p, h.target.len);
	r->reason = reason.p ? strndup((const char *)reason.p, reason.len) : NULL;
	struct span body = span_of(b.p + h.len, want - h.len);
	r->body = body.len ? j_parse(body, body.len, NULL) : NULL;
	buf_fini(&b);
	return true;
}

static inline void fake_reply(struct fake_daemon *d, int fd, const struct fake_answer *a)
{
	char head[512];
	if (a->silent) {
		d->streams[d->n_streams++] = fd;
		return;
	}
	if (a->stream)
		snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	else
		snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s%sContent-Length: %zu\r\n\r\n",
			 a->status, a->header ? a->header : "", a->header ? "\r\n" : "",
			 a->status == 204 ? 0 : strlen(a->body));
	fake_write(fd, head, strlen(head));
	if (a->stream && a->body[0]) {
		snprintf(head, sizeof(head), "%zx\r\n", strlen(a->body));
		fake_write(fd, head, strlen(head));
		fake_write(fd, a->body, strlen(a->body));
		fake_write(fd, "\r\n", 2);
	} else if (a->status != 204) {
		fake_write(fd, a->body, strlen(a->body));
	}
	if (a->stream && !a->close_stream)
		d->streams[d->n_streams++] = fd;
	else
		close(fd);
}

static inline void *fake_serve(void *arg)
{
	struct fake_daemon *d = arg;
	for (;;) {
		int fd = accept(d->listener, NULL, NULL);
		struct fake_request *r = &d->requests[d->n];
		if (fd < 0)
			return NULL;
		if (!fake_read(fd, r)) {
			close(fd);
			continue;
		}
		if (d->n + 1 < FAKE_REQUESTS_MAX)
			d->n++;
		struct fake_answer a = d->answer(d->arg, r);
		fake_reply(d, fd, &a);
		free(a.body);
	}
}

static inline void fake_start(struct fake_daemon *d,
			      struct fake_answer (*answer)(void *, const struct fake_request *),
			      void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	*d = (struct fake_daemon){ .answer = answer, .arg = arg };
	strcpy(d->dir, "/tmp/meshctl-test-XXXXXX");
	if (!mkdtemp(d->dir))
		abort();
	snprintf(d->path, sizeof(d->path), "%s/s", d->dir);
	strcpy(a.sun_path, d->path);
	d->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(d->listener, (struct sockaddr *)&a, sizeof(a)) || listen(d->listener, 16))
		abort();
	if (pthread_create(&d->thread, NULL, fake_serve, d))
		abort();
}

static inline void fake_stop(struct fake_daemon *d)
{
	shutdown(d->listener, SHUT_RDWR);
	pthread_join(d->thread, NULL);
	close(d->listener);
	for (size_t i = 0; i < d->n_streams; i++)
		close(d->streams[i]);
	unlink(d->path);
	rmdir(d->dir);
	for (size_t i = 0; i < FAKE_REQUESTS_MAX; i++) {
		free(d->requests[i].method);
		free(d->requests[i].uri);
		free(d->requests[i].reason);
		j_free(d->requests[i].body);
	}
}

/* ---- one run of the command line ------------------------------------------------------------- */

struct fake_run {
	char *out, *err; /* new */
	int code;
};

/* args: array of texts (may be NULL). */
static inline struct fake_run fake_cli(struct fake_daemon *d, struct cli *c, const json_t *args)
{
	struct fake_run run = { 0 };
	size_t n_out, n_err;
	char *argv[32] = { strdup("meshctl") };
	int argc = 1;
	for (size_t i = 0; i < j_len(args) && argc < 31; i++)
		argv[argc++] = strdup(j_text(j_at(args, i)));
	c->out = open_memstream(&run.out, &n_out);
	c->err = open_memstream(&run.err, &n_err);
	c->socket = d->path;
	run.code = cli_run(c, argc, argv);
	fclose(c->out);
	fclose(c->err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return run;
}

#endif
