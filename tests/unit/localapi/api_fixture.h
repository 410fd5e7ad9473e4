/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api_fixture.h: a LocalAPI on a socket in a temporary folder, driven from the same thread:
 * requests are written as bytes, the loop is turned until the answer is there. */
#ifndef TESTS_UNIT_LOCALAPI_API_FIXTURE_H
#define TESTS_UNIT_LOCALAPI_API_FIXTURE_H

#include "tests/unit/localapi/fake_backend.h"

#include "base/httpd.h"
#include "base/log.h"
#include "base/loop.h"
#include "daemon/localapi/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
	struct loop *loop;
	struct backend *b;
	struct api *api;
	struct api_rights rights; /* of every request, unless by_peer */
	char dir[64], path[96];
	struct buf got; /* of the last exchange */
};

static inline void fixture_rights(void *arg, const struct httpd_req *r, struct api_rights *out)
{
	(void)r;
	*out = ((struct fixture *)arg)->rights;
}

static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .rights = { true, true, true } };
	strcpy(f->dir, "/tmp/localapi-test-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	chmod(f->dir, 0755);
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	log_set_level(LOG_WARN);
	f->loop = loop_new();
	f->b = fake_backend_new();
	int fd = httpd_listen_unix(f->path);
	if (fd < 0)
		abort();
	f->api = api_new(f->loop, fd, f->b);
	api_set_rights(f->api, fixture_rights, f);
	buf_init(&f->got, 64u << 20);
}

static inline void fixture_fini(struct fixture *f)
{
	api_free(f->api);
	for (int i = 0; i < 5; i++)
		loop_turn(f->loop, 0);
	fake_backend_free(f->b);
	loop_free(f->loop);
	buf_fini(&f->got);
	unlink(f->path);
	rmdir(f->dir);
}

static inline int fixture_connect(struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, f->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		abort();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Sends what the socket takes while turning the loop. */
static inline void fixture_send(struct fixture *f, int fd, struct span s)
{
	for (int i = 0; s.len && i < 20000; i++) {
		ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);
		if (n > 0)
			s = span_from(s, (size_t)n);
		else if (n < 0 && errno != EAGAIN)
			return;
		loop_turn(f->loop, 0);
	}
}

/* Reads into f->got; false at the end of the connection. */
static inline bool fixture_read(struct fixture *f, int fd)
{
	uint8_t *room = buf_reserve(&f->got, 65536);
	ssize_t n = room ? recv(fd, room, 65536, 0) : 0;
	if (n > 0)
		buf_commit(&f->got, (size_t)n);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Turns the loop until `until` has come, the connection ends, or 3 s are over. */
static inline bool fixture_wait(struct fixture *f, int fd, const char *until)
{
	for (int i = 0; i < 300; i++) {
		bool open = fixture_read(f, fd);
		if (until && strstr(buf_cstr(&f->got), until))
			return true;
		if (!open)
			return until == NULL;
		loop_turn(f->loop, 10);
	}
	return false;
}

/* One request, one connection; f->got holds head and body. Returns the status, 0 without an answer.
 */
static inline int fixture_ask(struct fixture *f, const char *method, const char *uri,
			      const char *headers, const char *body)
{
	struct buf b;
	int fd = fixture_connect(f), status = 0;
	buf_init(&b, 64u << 20);
	buf_reset(&f->got);
	buf_fmt(&b, "%s %s HTTP/1.1\r\nConnection: close\r\n%s", method, uri,
		headers ? headers : "Host: local-tailscaled.sock\r\n");
	if (body)
		buf_fmt(&b, "Content-Length: %zu\r\n", strlen(body));
	buf_add_str(&b, "\r\n");
	if (body)
		buf_add_str(&b, body);
	fixture_send(f, fd, buf_span(&b));
	fixture_wait(f, fd, NULL);
	close(fd);
	loop_turn(f->loop, 0);
	buf_fini(&b);
	if (strncmp(buf_cstr(&f->got), "HTTP/1.1 ", 9) == 0)
		status = atoi(buf_cstr(&f->got) + 9);
	return status;
}

static inline int fixture_get(struct fixture *f, const char *name)
{
	char *uri = xasprintf("/localapi/v0/%s", name);
	int status = fixture_ask(f, "GET", uri, NULL, NULL);
	free(uri);
	return status;
}

static inline int fixture_post(struct fixture *f, const char *name, const char *body)
{
	char *uri = xasprintf("/localapi/v0/%s", name);
	int status = fixture_ask(f, "POST", uri, NULL, body);
	free(uri);
	return status;
}

/* The body of the last answer. */
static inline const char *fixture_body(struct fixture *f)
{
	const char *end = strstr(buf_cstr(&f->got), "\r\n\r\n");
	return end ? end + 4 : "";
}

static inline bool fixture_has_header(struct fixture *f, const char *line)
{
	const char *text = buf_cstr(&f->got), *end = strstr(text, "\r\n\r\n"),
		   *hit = strcasestr(text, line);
	return hit && end && hit < end;
}

#endif
