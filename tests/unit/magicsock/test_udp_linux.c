/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets on loopback. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/udp_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static void opened(struct udp_socks *s, uint16_t port, uint16_t current)
{
	struct udp_opts o = { .port = port,
			      .current = current,
			      .no_offload = OFFLOAD_BIT(OFFLOAD_UDP_GRO) };
	assert_int_equal(udp_open(s, &o), 0);
}

static struct ep loopback(const struct udp_socks *s, bool v6)
{
	struct ep e = { ip_v4(127, 0, 0, 1), s->v4.port };
	if (v6) {
		assert_int_equal(ip_decode(span_str("::1"), &e.ip), 0);
		e.port = s->v6.port;
	}
	return e;
}

static void wait_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	assert_int_equal(poll(&p, 1, 2000), 1);
}

static void ports_and_fallback(void **state)
{
	struct udp_socks a, b, c;
	(void)state;
	opened(&a, 0, 0);
	assert_true(a.v4.port != 0);
	assert_true(fcntl(a.v4.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(a.v4.fd, F_GETFD) & FD_CLOEXEC);
	if (a.v6.fd >= 0)
		assert_int_equal(a.v6.port, a.v4.port);
	opened(&b, a.v4.port, 0); /* taken: any other */
	assert_true(b.v4.port != 0 && b.v4.port != a.v4.port);
	uint16_t keep = b.v4.port;
	udp_close(&b);
	udp_close(&b);
	assert_int_equal(b.v4.fd, -1);
	opened(&c, a.v4.port, keep); /* the port it had before is the second choice */
	assert_int_equal(c.v4.port, keep);
	udp_close(&a);
	udp_close(&c);
}

static void no_ipv6_is_no_error(void **state)
{
	struct udp_socks s;
	struct udp_opts o = { .no_v6 = true };
	struct ep e;
	(void)state;
	assert_int_equal(udp_open(&s, &o), 0);
	assert_int_equal(s.v6.fd, -1);
	assert_int_equal(ep_decode(span_str("[::1]:9"), &e), 0);
	assert_int_equal(udp_send(&s, e, span_str("x")), UDP_NO_SOCKET);
	e.ip.fam = IP_NONE;
	assert_int_equal(udp_send(&s, e, span_str("x")), UDP_NO_SOCKET);
	udp_close(&s);
	assert_int_equal(udp_send(&s, loopback(&s, false), span_str("x")), UDP_NO_SOCKET);
}

static void one_datagram(void **state)
{
	struct udp_socks a, b;
	uint8_t mem[64];
	struct mspan room = mspan_of(mem, sizeof(mem));
	struct ep from;
	(void)state;
	opened(&a, 0, 0);
	opened(&b, 0, 0);
	for (int v6 = 0; v6 < 2 && (!v6 || (a.v6.fd >= 0 && b.v6.fd >= 0)); v6++) {
		int fd = v6 ? b.v6.fd : b.v4.fd;
		room.len = sizeof(mem);
		assert_int_equal(udp_recv(fd, &room, &from), 0);
		assert_int_equal(udp_send(&a, loopback(&b, v6), span_str("hello")), UDP_SENT);
		wait_readable(fd);
		assert_int_equal(udp_recv(fd, &room, &from), 1);
		assert_int_equal(room.len, 5);
		assert_true(ep_eq(from, loopback(&a, v6)));
		assert_int_equal(udp_send(&a, loopback(&b, v6), span_str("too long")), UDP_SENT);
		wait_readable(fd);
		room.len = 3;
		assert_int_equal(udp_recv(fd, &room, &from), 0);
	}
	static uint8_t huge[65536];
	assert_int_equal(udp_send(&a, loopback(&b, false), span_of(huge, sizeof(huge))),
			 UDP_TOOBIG);
	udp_close(&a);
	udp_close(&b);
	assert_int_equal(udp_recv(-1, &room, &from), -ERR_CLOSED);
}

static void batches(void **state)
{
	enum { N = UDP_BATCH_MAX + 20, LEN = 32 };
	static uint8_t out[N][LEN], in[N][LEN];
	struct udp_msg tx[N], rx[N];
	struct udp_socks a, b;
	struct udp_batch *batch = udp_batch_new();
	size_t sent, got = 0;
	(void)state;
	opened(&a, 0, 0);
	opened(&b, 0, 0);
	for (size_t i = 0; i < N; i++) {
		memset(out[i], (int)i, LEN);
		tx[i] = (struct udp_msg){ loopback(&b, false), mspan_of(out[i], 1 + i % LEN), 0 };
		rx[i] = (struct udp_msg){ .buf = mspan_of(in[i], LEN) };
	}
	rx[3].buf.len = 1; /* too small for its datagram of 4 */
	assert_int_equal(udp_recv_batch(&b.v4, batch, rx, N), 0);
	assert_int_equal(udp_send_batch(&a.v4, batch, tx, N, &sent), UDP_SENT);
	assert_int_equal(sent, N);
	while (got < N) {
		wait_readable(b.v4.fd);
		int n = udp_recv_batch(&b.v4, batch, rx + got, N - got);
		assert_in_range(n, 1, UDP_BATCH_MAX);
		got += (size_t)n;
	}
	for (size_t i = 0; i < N; i++) {
		if (i == 3) {
			assert_int_equal(rx[i].buf.len, 0);
			assert_false(ep_is_set(rx[i].ep));
			continue;
		}
		assert_int_equal(rx[i].buf.len, 1 + i % LEN);
		assert_int_equal(in[i][0], (uint8_t)i);
		assert_int_equal(rx[i].segment, 0);
		assert_true(ep_eq(rx[i].ep, loopback(&a, false)));
	}
	udp_close(&a);
	udp_close(&b);
	assert_int_equal(udp_recv_batch(&b.v4, batch, rx, 1), -ERR_CLOSED);
	assert_int_equal(udp_send_batch(&b.v4, batch, tx, 1, &sent), UDP_CLOSED);
	udp_batch_free(batch);
}

/* A run of equal datagrams in one buffer, where the kernel can split. */
static void segmented_send(void **state)
{
	struct udp_socks a, b;
	struct udp_batch *batch = udp_batch_new();
	uint8_t run[250], mem[256];
	struct mspan room;
	struct ep from;
	size_t sent;
	(void)state;
	opened(&a, 0, 0);
	opened(&b, 0, 0);
	memset(run, 7, sizeof(run));
	struct udp_msg m = { loopback(&b, false), mspan_of(run, sizeof(run)), 100 };
	if (udp_send_batch(&a.v4, batch, &m, 1, &sent) == UDP_SENT) {
		static const size_t want[] = { 100, 100, 50 };
		for (size_t i = 0; i < ARRAY_LEN(want); i++) {
			wait_readable(b.v4.fd);
			room = mspan_of(mem, sizeof(mem));
			assert_int_equal(udp_recv(b.v4.fd, &room, &from), 1);
			assert_int_equal(room.len, want[i]);
		}
	}
	udp_close(&a);
	udp_close(&b);
	udp_batch_free(batch);
}

static void errors_are_classified(void **state)
{
	static const struct {
		int err;
		enum udp_result r;
	} cases[] = { { 0, UDP_SENT },
		      { EAGAIN, UDP_AGAIN },
		      { ENOBUFS, UDP_AGAIN },
		      { EPERM, UDP_LOST },
		      { EHOSTUNREACH, UDP_UNREACHABLE },
		      { ENETUNREACH, UDP_UNREACHABLE },
		      { EMSGSIZE, UDP_TOOBIG },
		      { EBADF, UDP_CLOSED },
		      { EIO, UDP_ERROR },
		      { EAFNOSUPPORT, UDP_NO_SOCKET },
		      { EINVAL, UDP_ERROR } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(udp_result_of(cases[i].err), cases[i].r);
	assert_int_equal(udp_recv_error(EAGAIN), 0);
	assert_int_equal(udp_recv_error(ECONNREFUSED), 0);
	assert_int_equal(udp_recv_error(ENOTSOCK), -ERR_CLOSED);
	assert_int_equal(udp_recv_error(ENOMEM), -ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_and_fallback), cmocka_unit_test(no_ipv6_is_no_error),
		cmocka_unit_test(one_datagram),	      cmocka_unit_test(batches),
		cmocka_unit_test(segmented_send),     cmocka_unit_test(errors_are_classified),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
