/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scripted.h: name servers on loopback, in the process of the test, that do as they are told. Tests
 * only. Include after cm.h. */
#ifndef TESTS_UNIT_DNS_SCRIPTED_H
#define TESTS_UNIT_DNS_SCRIPTED_H

#include "base/conn.h"
#include "base/net.h"
#include "base/sockaddr.h"
#include "dns/tcp_frame.h"
#include "tests/lib/until.h"
#include "tests/unit/dns/dns_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *loop;

enum { SCRIPT_REPLY_MAX = 65535 };

struct scripted;
/* Build the reply to query; 0: none. */
typedef size_t script_fn(struct scripted *s, struct span query, bool tcp, uint8_t *out);

struct scripted {
	struct ep at;
	char addr[EP_TEXT_MAX];
	script_fn *fn;
	void *arg;
	struct loop_fd udp;
	struct sockaddr_storage from; /* of the last datagram */
	socklen_t from_len;
	uint16_t ids[4096], ports[4096];
	size_t n_udp, n_tcp;
	struct listener *tcp;
	struct dns_frame frame;
	struct conn *conn;   /* the last one */
	size_t cut;	     /* nonzero: only so many bytes of a TCP answer, then it is closed */
	bool silent;
};

static inline void scripted_send(struct scripted *s, const void *p, size_t n)
{
	assert_int_equal(
	    sendto(s->udp.fd, p, n, 0, (struct sockaddr *)&s->from, s->from_len), n);
}

static inline void scripted_on_udp(struct loop_fd *w, int events)
{
	struct scripted *s = w->arg;
	static uint8_t in[65536], out[SCRIPT_REPLY_MAX];
	ssize_t n;

	(void)events;
	s->from_len = sizeof(s->from);
	while ((n = recvfrom(w->fd, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&s->from,
			     &s->from_len)) >= 2) {
		s->ids[s->n_udp % 4096] = (uint16_t)(in[0] << 8 | in[1]);
		s->ports[s->n_udp % 4096] = sockaddr_to_ep((struct sockaddr *)&s->from).port;
		s->n_udp++;
		if (!s->silent) {
			size_t len = s->fn(s, span_of(in, (size_t)n), false, out);
			if (len)
				scripted_send(s, out, len);
		}
		s->from_len = sizeof(s->from);
	}
}

static inline void scripted_on_close(void *arg, int err)
{
	struct scripted *s = arg;

	(void)err;
	conn_free(s->conn);
	s->conn = NULL;
}

static inline void scripted_on_data(void *arg, struct span data)
{
	static uint8_t out[2 + SCRIPT_REPLY_MAX];
	struct scripted *s = arg;
	size_t n;

	if (dns_frame_feed(&s->frame, &data) != 1)
		return;
	s->n_tcp++;
	n = s->silent ? 0 : s->fn(s, dns_frame_msg(&s->frame), true, out + 2);
	dns_frame_next(&s->frame);
	if (n == 0)
		return;
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	n += 2;
	assert_int_equal(conn_send(s->conn, span_of(out, s->cut && s->cut < n ? s->cut : n)), 0);
	if (s->cut)
		conn_finish(s->conn);
}

static inline void scripted_on_conn(void *arg, struct conn *c)
{
	static const struct conn_ops ops = { scripted_on_data, scripted_on_close, NULL };
	struct scripted *s = arg;

	conn_free(s->conn);
	s->conn = c;
	dns_frame_next(&s->frame);
	conn_set_ops(c, &ops, s);
}

static inline void scripted_start(struct scripted *s, script_fn *fn)
{
	struct sockaddr_storage ss;
	int size = 1 << 20;

	*s = (struct scripted){ .fn = fn };
	s->tcp = listener_new(loop, (struct ep){ .ip = ip_v4(127, 0, 0, 1) }, NULL,
			      scripted_on_conn, s);
	assert_non_null(s->tcp);
	s->at = listener_addr(s->tcp);
	ep_encode(s->at, s->addr);
	dns_frame_init(&s->frame, 65535);
	s->udp.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(s->udp.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(bind(s->udp.fd, (struct sockaddr *)&ss, sockaddr_from_ep(s->at, &ss)), 0);
	assert_int_equal(
	    loop_fd_start(loop, &s->udp, s->udp.fd, LOOP_READ, scripted_on_udp, s), 0);
}

static inline void scripted_stop(struct scripted *s)
{
	int fd = s->udp.fd;

	loop_fd_stop(&s->udp);
	close(fd);
	listener_free(s->tcp);
	conn_free(s->conn);
	dns_frame_fini(&s->frame);
}

/* One A record, TTL 60. */
static inline size_t answer_a(struct scripted *s, struct span query, bool tcp, uint8_t *out)
{
	static const uint8_t a[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	struct dns_query q;

	(void)s;
	(void)tcp;
	assert_int_equal(dns_query_parse(query, &q), 0);
	memcpy(out, query.p, DNS_HEADER_LEN + q.question_len);
	out[2] = 0x81;
	out[3] = 0x80;
	out[7] = 1;
	out[11] = 0;
	memcpy(out + DNS_HEADER_LEN + q.question_len, a, sizeof(a));
	return DNS_HEADER_LEN + q.question_len + sizeof(a);
}

#endif
