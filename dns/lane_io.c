/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/lane_io.h"

#include "base/httpc.h"
#include "base/sockaddr.h"
#include "dns/forward.h"
#include "dns/tcp_frame.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	UDP_ROOM = DNS_UDP_MAX + 1, /* one more, to see that there was more */
	TCP_ROOM = 16384,
	TCP_MESSAGE_MAX = 65535,
	REPLY_BYTES_MAX = 16 << 20, /* of all incomplete messages of TCP together */
	HTTP_MAX = 1000,	    /* requests under way: some 20 KB each */
};

#define DNS_MESSAGE "application/dns-message"

struct lane_tcp {
	struct lane_io *lane;
	struct loop_fd fd;
	struct dns_frame frame;
	uint16_t id;
	size_t sent, len;
	uint8_t out[]; /* length and message */
};

static uint16_t next_id(struct lane_env *e)
{
	if (e->n_ids == 0) {
		rng_fill(e->rng, e->ids, sizeof(e->ids));
		e->n_ids = sizeof(e->ids) / sizeof(e->ids[0]);
	}
	return e->ids[--e->n_ids];
}

static void set_id(uint8_t *msg, uint16_t id)
{
	msg[0] = (uint8_t)(id >> 8);
	msg[1] = (uint8_t)id;
}

static void report_error(struct lane_io *l, enum race_via via)
{
	l->env->fn(l, via, DNS_REPLY_IGNORE, span_of(NULL, 0));
}

static void report(struct lane_io *l, enum race_via via, uint16_t id, struct span reply)
{
	l->env->fn(l, via, dns_reply_check(l->q, id, reply), reply);
}

/* ---- sockets ----------------------------------------------------------------------------- */

/* The mark leads past the tunnel: never where the tunnel is the way. */
static void mark(const struct lane_env *e, int fd, struct ip to)
{
	if (!e->in_tunnel || !e->in_tunnel(e->arg, to))
		net_mark_to(e->net, fd, to);
}

static socklen_t target_addr(const struct dns_target *t, struct sockaddr_storage *ss)
{
	socklen_t len = sockaddr_from_ep(t->ep, ss);

	if (t->scope[0] && ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_scope_id = if_nametoindex(t->scope);
	return len;
}

static int open_error(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM
		   ? -ERR_FULL
		   : -ERR_IO;
}

/* A socket connected to the upstream, or on its way there; negative: as lane_start. */
static int open_to(struct lane_io *l, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = target_addr(l->to, &ss);
	int fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return open_error();
	mark(l->env, fd, l->to->ep.ip);
	if (connect(fd, (const struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS) {
		l->env->n_sockets++;
		return fd;
	}
	close(fd);
	return -ERR_IO;
}

static void close_fd(struct lane_env *e, struct loop_fd *w, int fd)
{
	loop_fd_stop(w);
	close(fd);
	e->n_sockets--;
}

/* ---- UDP --------------------------------------------------------------------------------- */

static void on_udp(struct loop_fd *w, int events)
{
	static uint8_t room[UDP_ROOM];
	struct lane_io *l = w->arg;
	ssize_t n = recv(w->fd, room, sizeof(room), 0);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		report_error(l, RACE_UDP);
		return;
	}
	if (n > DNS_UDP_MAX) {
		n = DNS_UDP_MAX;
		room[2] |= DNS_TC >> 8;
	}
	report(l, RACE_UDP, l->udp_id, span_of(room, (size_t)n));
}

static int start_udp(struct lane_io *l, struct span msg)
{
	uint8_t out[DNS_FORWARD_MSG_MAX];
	int fd = open_to(l, SOCK_DGRAM);

	if (fd < 0)
		return fd;
	l->udp_open = true;
	l->udp.fd = fd;
	l->udp_id = next_id(l->env);
	memcpy(out, msg.p, msg.len);
	set_id(out, l->udp_id);
	if (send(fd, out, msg.len, MSG_NOSIGNAL) == (ssize_t)msg.len &&
	    loop_fd_start(net_loop(l->env->net), &l->udp, fd, LOOP_READ, on_udp, l) == 0)
		return 0;
	lane_stop(l, RACE_UDP);
	return -ERR_IO;
}

static void stop_udp(struct lane_io *l)
{
	if (!l->udp_open)
		return;
	l->udp_open = false;
	close_fd(l->env, &l->udp, l->udp.fd);
}

/* ---- TCP --------------------------------------------------------------------------------- */

/* False: the connection is of no more use. */
static bool tcp_write(struct lane_tcp *t)
{
	while (t->sent < t->len) {
		ssize_t n = send(t->fd.fd, t->out + t->sent, t->len - t->sent, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		t->sent += (size_t)n;
	}
	return true;
}

/* 1: a message, 0: more is needed, negative: the connection is of no more use. */
static int tcp_read(struct lane_tcp *t)
{
	static uint8_t room[TCP_ROOM];
	struct lane_env *e = t->lane->env;
	ssize_t n = recv(t->fd.fd, room, sizeof(room), 0);
	struct span in = span_of(room, n > 0 ? (size_t)n : 0);
	size_t had = t->frame.cap;
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ERR_CLOSED;
	rc = dns_frame_feed(&t->frame, &in);
	e->reply_bytes += t->frame.cap - had;
	return e->reply_bytes > REPLY_BYTES_MAX ? -ERR_FULL : rc;
}

static void on_tcp(struct loop_fd *w, int events)
{
	struct lane_tcp *t = w->arg;
	struct lane_io *l = t->lane;
	bool writes = t->sent < t->len;
	int rc = 0;

	if ((events & LOOP_WRITE) && !tcp_write(t))
		rc = -ERR_IO;
	if (rc == 0 && (events & LOOP_READ))
		rc = tcp_read(t);
	if (rc == 0 && writes && t->sent == t->len)
		rc = loop_fd_start(w->loop, w, w->fd, LOOP_READ, on_tcp, t);
	if (rc < 0)
		report_error(l, RACE_TCP);
	else if (rc > 0)
		report(l, RACE_TCP, t->id, dns_frame_msg(&t->frame));
}

static struct lane_tcp *tcp_new(struct lane_io *l, int fd, struct span msg)
{
	struct lane_tcp *t = xcalloc(1, sizeof(*t) + 2 + msg.len);
	int on = 1;

	t->lane = l;
	t->fd.fd = fd;
	t->id = next_id(l->env);
	t->len = 2 + msg.len;
	set_id(t->out, (uint16_t)msg.len);
	memcpy(t->out + 2, msg.p, msg.len);
	set_id(t->out + 2, t->id);
	dns_frame_init(&t->frame, TCP_MESSAGE_MAX);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return t;
}

static int start_tcp(struct lane_io *l, struct span msg)
{
	int fd = open_to(l, SOCK_STREAM);

	if (fd < 0)
		return fd;
	l->tcp = tcp_new(l, fd, msg);
	if (loop_fd_start(net_loop(l->env->net), &l->tcp->fd, fd, LOOP_READ | LOOP_WRITE, on_tcp,
			  l->tcp) == 0)
		return 0;
	lane_stop(l, RACE_TCP);
	return -ERR_IO;
}

static void stop_tcp(struct lane_io *l)
{
	if (!l->tcp)
		return;
	close_fd(l->env, &l->tcp->fd, l->tcp->fd.fd);
	l->env->reply_bytes -= l->tcp->frame.cap;
	dns_frame_fini(&l->tcp->frame);
	free(l->tcp);
	l->tcp = NULL;
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static void on_http(void *arg, const struct httpc_answer *a)
{
	struct lane_io *l = arg;

	l->http = NULL;
	l->env->n_http--;
	if (a->err || a->status != 200 || strcmp(a->content_type, DNS_MESSAGE) != 0)
		report_error(l, RACE_HTTP);
	else
		report(l, RACE_HTTP, 0, a->body);
}

/* A tunnel that covers one of a provider's addresses may be chosen for any of them. */
static bool unmarked(const struct lane_io *l)
{
	const struct lane_env *e = l->env;

	if (l->to->kind == DNS_UP_HTTP)
		return true;
	for (size_t i = 0; e->in_tunnel && i < l->to->n_addrs; i++)
		if (e->in_tunnel(e->arg, l->to->addrs[i]))
			return true;
	return false;
}

static int start_http(struct lane_io *l, struct span msg)
{
	uint8_t out[DNS_FORWARD_MSG_MAX];
	struct httpc_opts o = {
		.method = "POST",
		.url = l->to->url,
		.body = span_of(out, msg.len),
		.content_type = DNS_MESSAGE,
		.accept = DNS_MESSAGE,
		.max_body = TCP_MESSAGE_MAX,
		.timeout_ms = RACE_LIMIT_MS,
		.addrs = l->to->addrs,
		.n_addrs = l->to->n_addrs,
		.keep_alive = true,
		.http2 = l->to->kind == DNS_UP_HTTPS,
		.tls13 = true,
		.no_proxy = true,
		.no_mark = unmarked(l),
	};

	if (l->env->n_http >= HTTP_MAX)
		return -ERR_FULL;
	l->env->n_http++;
	memcpy(out, msg.p, msg.len);
	set_id(out, 0); /* RFC 8484 4.1 */
	l->http = httpc_start(l->env->net, &o, on_http, l);
	return 0;
}

static void stop_http(struct lane_io *l)
{
	if (!l->http)
		return;
	httpc_cancel(l->http);
	l->http = NULL;
	l->env->n_http--;
}

/* ---- all --------------------------------------------------------------------------------- */

int lane_start(struct lane_io *l, enum race_via via, struct span msg)
{
	if (msg.len > DNS_FORWARD_MSG_MAX)
		return -ERR_TOOBIG;
	switch (via) {
	case RACE_UDP:
		return start_udp(l, msg);
	case RACE_TCP:
		return start_tcp(l, msg);
	case RACE_HTTP:
		return start_http(l, msg);
	}
	return -ERR_UNSUPPORTED;
}

void lane_stop(struct lane_io *l, enum race_via via)
{
	switch (via) {
	case RACE_UDP:
		stop_udp(l);
		break;
	case RACE_TCP:
		stop_tcp(l);
		break;
	case RACE_HTTP:
		stop_http(l);
		break;
	}
}

void lane_stop_all(struct lane_io *l)
{
	lane_stop(l, RACE_UDP);
	lane_stop(l, RACE_TCP);
	lane_stop(l, RACE_HTTP);
}
