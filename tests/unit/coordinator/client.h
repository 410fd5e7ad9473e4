/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.h: for tests: a real meshcoord in a child process, and blocking ts2021 clients of it. */
#ifndef TESTS_COORDINATOR_CLIENT_H
#define TESTS_COORDINATOR_CLIENT_H

#include "world.h"

#include "base/alloc.h"
#include "daemon/control/early.h"
#include "daemon/control/h2.h"
#include "daemon/control/noise_wire.h"
#include "daemon/control/upgrade_wire.h"
#include "daemon/coordinator/admin.h"
#include "daemon/coordinator/admin_io.h"
#include "daemon/coordinator/serve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 30000 /* for what comes on any machine */

/* ---- server ---- */

struct served {
	char dir[64], socket[96], log[96];
	uint16_t port;
	pid_t pid;
	struct machine_key noise;
};

static inline uint16_t free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static inline struct coord_conf served_conf(const struct served *s)
{
	return (struct coord_conf){ .url = xasprintf("http://127.0.0.1:%d", s->port),
				    .host = xstrdup("127.0.0.1"),
				    .port = s->port,
				    .base_domain = xstrdup("mesh.internal"),
				    .state_dir = xstrdup(s->dir),
				    .listen = { ip_v4(127, 0, 0, 1), s->port } };
}

static inline void conf_free(struct coord_conf *c)
{
	free(c->url);
	free(c->host);
	free(c->base_domain);
	free(c->state_dir);
}

/* Run the server in a child; returns its pid. */
static inline pid_t served_fork(const struct served *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct coord_conf conf = served_conf(s);
		int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600), rc;

		dup2(fd, 2);
		rc = serve(&conf);
		conf_free(&conf);
		_exit(rc);
	}
	return pid;
}

static inline json_t *ask(const struct served *s, const char *text)
{
	json_t *q = json(text), *reply;
	char why[200];

	reply = admin_ask(s->socket, q, why);
	j_free(q);
	return reply;
}

static inline void fetch_key(struct served *s);

static inline void served_start(struct served *s)
{
	json_t *r = NULL;

	s->pid = served_fork(s);
	for (int i = 0; i < WAIT_MS / 10 && !r; i++) {
		r = ask(s, "{\"verb\":\"node list\"}");
		if (!r)
			usleep(10000);
	}
	assert_non_null(r);
	j_free(r);
	fetch_key(s);
}

static inline void served_new(struct served *s)
{
	*s = (struct served){ .dir = "/tmp/meshcoord-test.XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->socket, sizeof(s->socket), "%s/" ADMIN_SOCKET, s->dir);
	snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
	s->port = free_port();
	served_start(s);
}

static inline int served_stop(struct served *s, int sig)
{
	int status = 0;

	kill(s->pid, sig);
	waitpid(s->pid, &status, 0);
	return status;
}

static inline void served_remove(struct served *s)
{
	static const char *const files[] = { "meshcoord.json", "relay.crt", "relay.key", "log",
					     ADMIN_SOCKET };
	char path[200];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	rmdir(s->dir);
}

static inline char *new_key(const struct served *s, const char *more)
{
	char text[200];
	json_t *r;
	char *key;

	snprintf(text, sizeof(text), "{\"verb\":\"authkey create\"%s}", more);
	r = ask(s, text);
	assert_non_null(j_str(j_get(r, "result"), "key"));
	key = xstrdup(j_str(j_get(r, "result"), "key"));
	j_free(r);
	return key;
}

/* ---- client ---- */

struct client {
	int fd;
	struct ts_client hs;
	struct ts_tx tx;
	struct ts_rx rx;
	struct early_reader early;
	bool plain; /* the early payload has been read */
	struct h2 *h2;
	struct buf raw; /* until the handshake is whole */
	bool up;
	int status; /* of the last answer; 0 while it is open */
	bool ended, closed;
	struct buf body;
};

static inline void cl_on_head(void *arg, int32_t stream, const struct h2_head *h)
{
	(void)stream;
	((struct client *)arg)->status = h->status;
}

static inline void cl_on_data(void *arg, int32_t stream, struct span data)
{
	struct client *c = arg;

	buf_add_span(&c->body, data);
	h2_consume(c->h2, stream, data.len);
}

static inline void cl_on_end(void *arg, int32_t stream)
{
	(void)stream;
	((struct client *)arg)->ended = true;
}

static inline void cl_on_close(void *arg, int32_t stream, uint32_t code)
{
	(void)stream;
	(void)code;
	((struct client *)arg)->ended = true;
}

static inline void cl_on_goaway(void *arg, int32_t last)
{
	(void)arg;
	(void)last;
}

static const struct h2_ops cl_ops = { cl_on_head,  cl_on_data,	 cl_on_end,
				      cl_on_close, cl_on_goaway, NULL };

static inline int dial(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_port = htons(port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static inline void put(int fd, struct span s)
{
	while (s.len) {
		ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		s = span_from(s, (size_t)n);
	}
}

/* Send a request in clear and read the answer to its end. */
static inline char *outer(uint16_t port, const char *request)
{
	char *text = xcalloc(65536, 1);
	size_t n = 0;
	ssize_t got;
	int fd = dial(port);
	struct timeval tv = { WAIT_MS / 1000, 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	put(fd, span_str(request));
	while (n < 65535 && (got = recv(fd, text + n, 65535 - n, 0)) > 0)
		n += (size_t)got;
	close(fd);
	return text;
}

static inline void fetch_key(struct served *s)
{
	char *answer = outer(s->port, "GET /key?v=131 HTTP/1.1\r\nHost: x\r\n\r\n");
	char *at = strstr(answer, "\"publicKey\":\"");

	assert_non_null(at);
	assert_int_equal(machine_key_decode(span_of(at + 13, 69), &s->noise), 0);
	free(answer);
}

static inline void cl_flush(struct client *c)
{
	struct buf plain, wire;

	buf_init(&plain, 1 << 20);
	buf_init(&wire, 2 << 20);
	while (h2_wants_send(c->h2) && plain.len < 1 << 19)
		if (h2_send(c->h2, &plain, 65536) < 0)
			break;
	assert_int_equal(ts_seal(&c->tx, buf_span(&plain), &wire), 0);
	put(c->fd, buf_span(&wire));
	buf_fini(&plain);
	buf_fini(&wire);
}

static inline void cl_plain(struct client *c, struct span plain)
{
	int rc = 1;

	if (!c->plain) {
		rc = early_feed(&c->early, &plain);
		assert_true(rc >= 0);
		c->plain = rc == 1;
		if (rc == 1 && !c->early.present)
			assert_int_equal(h2_recv(c->h2, span_of(c->early.head, EARLY_HEADER_LEN)),
					 0);
	}
	if (rc == 1 && plain.len)
		assert_true(h2_recv(c->h2, plain) == 0);
}

static inline void cl_wire(struct client *c, struct span in)
{
	struct span plain;
	size_t used;
	char text[TS_ERROR_TEXT_MAX];

	if (!c->up) {
		buf_add_span(&c->raw, in);
		if (upgrade_response_parse(buf_span(&c->raw), &used, text) != 0)
			return;
		in = span_from(buf_span(&c->raw), used);
		if (ts_client_finish(&c->hs, in, &used, &c->tx, &c->rx, text) != 0)
			return;
		in = span_from(in, used);
		c->up = true;
		c->h2 = h2_new(false, &cl_ops, c);
	}
	while (ts_open(&c->rx, &in, &plain) == 1)
		if (plain.len)
			cl_plain(c, plain);
	cl_flush(c);
}

/* Read once, for at most ms; false when nothing came. */
static inline bool cl_read(struct client *c, int ms)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	uint8_t room[16384];
	ssize_t n;

	if (c->closed || poll(&p, 1, ms) <= 0)
		return false;
	n = recv(c->fd, room, sizeof(room), 0);
	c->closed = n <= 0;
	if (n > 0)
		cl_wire(c, span_of(room, (size_t)n));
	return n > 0;
}

static inline void cl_open(struct client *c, const struct served *s, uint8_t machine)
{
	struct machine_priv priv = { { 0 } };
	uint8_t init[TS_INIT_LEN];
	struct buf req;

	*c = (struct client){ .fd = dial(s->port) };
	memset(priv.b, machine, 32);
	priv.b[0] &= 248;
	priv.b[31] = (priv.b[31] & 127) | 64;
	buf_init(&c->raw, 1 << 16);
	buf_init(&c->body, 1 << 20);
	buf_init(&req, 4096);
	early_init(&c->early);
	assert_int_equal(ts_client_start(&c->hs, 131, &priv, &s->noise, rng_system(), init), 0);
	upgrade_request_build("127.0.0.1", s->port, init, &req);
	put(c->fd, buf_span(&req));
	buf_fini(&req);
	while (!c->up && cl_read(c, WAIT_MS))
		;
}

static inline void cl_close(struct client *c)
{
	close(c->fd);
	h2_free(c->h2);
	early_fini(&c->early);
	buf_fini(&c->raw);
	buf_fini(&c->body);
	ts_client_wipe(&c->hs);
}

static inline void cl_send(struct client *c, const char *path, const char *body)
{
	const struct h2_request rq = { "POST", "https", "x", path, NULL, 0, span_str(body) };

	c->status = 0;
	c->ended = false;
	buf_reset(&c->body);
	assert_true(h2_request(c->h2, &rq) > 0);
	cl_flush(c);
}

/* The status of the whole answer; 0 if there is none in time. */
static inline int cl_finish(struct client *c, int ms)
{
	while (!c->ended && cl_read(c, ms))
		;
	return c->ended ? c->status : 0;
}

static inline const char *key_text(uint8_t n)
{
	static char text[KEY_TEXT_MAX];
	struct node_key k = nkey(n);

	return node_key_encode(&k, text);
}

static inline char *register_body(uint8_t node, const char *more)
{
	return xasprintf(
	    "{\"Version\":131,\"NodeKey\":\"%s\",\"Hostinfo\":{\"Hostname\":\"h%d\"}%s}",
	    key_text(node), node, more);
}

static inline void cl_register(struct client *c, uint8_t node, const char *auth_key)
{
	char *auth = auth_key ? xasprintf(",\"Auth\":{\"AuthKey\":\"%s\"}", auth_key) : xstrdup("");
	char *body = register_body(node, auth);

	cl_send(c, "/machine/register", body);
	free(body);
	free(auth);
}

static inline char *map_body(uint8_t node, bool stream)
{
	struct disco_key d = dkey(node);
	char disco[KEY_TEXT_MAX];

	return xasprintf("{\"Version\":131,\"NodeKey\":\"%s\",\"DiscoKey\":\"%s\",\"Stream\":%s,"
			 "\"OmitPeers\":%s,\"Endpoints\":[\"192.0.2.%d:41641\"],"
			 "\"Hostinfo\":{\"Hostname\":\"h%d\"}}",
			 key_text(node), disco_key_encode(&d, disco), stream ? "true" : "false",
			 stream ? "false" : "true", node, node);
}

/* The next message of an uncompressed map stream (new), or NULL if none comes in ms. */
static inline json_t *cl_message(struct client *c, int ms)
{
	json_t *m;

	for (;;) {
		struct rd r = rd_init(buf_span(&c->body));
		uint32_t len = rd_le32(&r);
		struct span body = rd_take(&r, len);

		if (rd_ok(&r) && len) {
			m = j_parse(body, 1 << 20, NULL);
			buf_drop(&c->body, 4 + (size_t)len);
			return m;
		}
		if (!cl_read(c, ms))
			return NULL;
	}
}

#endif
