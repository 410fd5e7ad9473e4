/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two pairs of sockets on loopback that send runs to each other. */
#ifndef TESTS_UDP_PAIR_H
#define TESTS_UDP_PAIR_H

#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/udp_priv.h"
#include "magicsock/udp_run.h"

#include <poll.h>
#include <stdlib.h>

#define ROOMS 8
#define WAIT_MS 20000

struct udp_pair {
	struct udp_socks a, b;
	struct udp_batch *batch;
	uint8_t *out; /* UDP_RECV_ROOM */
	uint8_t *in;  /* ROOMS of them */
	size_t n_got; /* datagrams */
	size_t n_runs;
	size_t bytes; /* of all datagrams, in order, compared with out */
};

static inline struct ep pair_ep(const struct udp_socks *s, bool v6)
{
	struct ep e = { ip_v4(127, 0, 0, 1), s->v4.port };
	if (v6) {
		assert_int_equal(ip_decode(span_str("::1"), &e.ip), 0);
		e.port = s->v6.port;
	}
	return e;
}

static inline void pair_open(struct udp_pair *p, uint32_t off_a, uint32_t off_b)
{
	struct udp_opts a = { .no_offload = off_a }, b = { .no_offload = off_b };
	*p = (struct udp_pair){ .batch = udp_batch_new() };
	assert_int_equal(udp_open(&p->a, &a), 0);
	assert_int_equal(udp_open(&p->b, &b), 0);
	p->out = xcalloc(1, UDP_RECV_ROOM);
	p->in = xcalloc(ROOMS, UDP_RECV_ROOM);
	for (size_t i = 0; i < UDP_RECV_ROOM; i++)
		p->out[i] = (uint8_t)(i * 7 + i / 256);
}

static inline void pair_close(struct udp_pair *p)
{
	udp_close(&p->a);
	udp_close(&p->b);
	udp_batch_free(p->batch);
	free(p->out);
	free(p->in);
}

static inline bool pair_readable(const struct udp_sock *s, int ms)
{
	struct pollfd p = { s->fd, POLLIN, 0 };
	return poll(&p, 1, ms) == 1;
}

/* Each datagram of a message, against what was sent: all of `want` bytes but the last of all. */
static inline void pair_check(struct udp_pair *p, const struct udp_msg *m, size_t want,
			      size_t total)
{
	size_t step = m->segment ? m->segment : m->buf.len;
	p->n_runs += m->segment != 0;
	for (size_t off = 0; off < m->buf.len; off += step) {
		size_t len = m->buf.len - off < step ? m->buf.len - off : step;
		assert_true(len == want || p->bytes + len == total);
		assert_memory_equal(m->buf.p + off, p->out + p->bytes, len);
		p->bytes += len;
		p->n_got++;
	}
}

/* Receive until `total` bytes have come in datagrams of `want` bytes. */
static inline void pair_receive(struct udp_pair *p, struct udp_sock *s, struct ep from, size_t want,
				size_t total)
{
	struct udp_msg rx[ROOMS];
	p->n_got = p->n_runs = p->bytes = 0;
	while (p->bytes < total) {
		assert_true(pair_readable(s, WAIT_MS));
		for (size_t i = 0; i < ROOMS; i++)
			rx[i].buf = mspan_of(p->in + i * UDP_RECV_ROOM, UDP_RECV_ROOM);
		int n = udp_recv_batch(s, p->batch, rx, ROOMS);
		assert_in_range(n, 1, ROOMS);
		for (int i = 0; i < n; i++) {
			assert_true(ep_eq(rx[i].ep, from));
			pair_check(p, &rx[i], want, total);
		}
	}
}

#endif
