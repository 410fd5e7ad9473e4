/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of datagrams on loopback, with the kernel's help on either side and without. */
#include "tests/unit/magicsock/udp_pair.h"

#include "base/counters.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GSO OFFLOAD_BIT(OFFLOAD_UDP_GSO)
#define GRO OFFLOAD_BIT(OFFLOAD_UDP_GRO)
#define LEN 1000

/* n datagrams, the last of `last` bytes, in one message. */
static void one_run(struct udp_pair *p, bool v6, size_t n, size_t len, size_t last)
{
	struct udp_sock *from = v6 ? &p->a.v6 : &p->a.v4, *to = v6 ? &p->b.v6 : &p->b.v4;
	size_t total = (n - 1) * len + last, sent;
	struct udp_msg m = { pair_ep(&p->b, v6), mspan_of(p->out, total), (uint16_t)len };
	assert_int_equal(udp_send_batch(from, p->batch, &m, 1, &sent), UDP_SENT);
	assert_int_equal(sent, 1);
	pair_receive(p, to, pair_ep(&p->a, v6), len, total);
	assert_int_equal(p->n_got, n);
}

static void runs_of_each_size(uint32_t off_a, uint32_t off_b, bool v6)
{
	struct udp_pair p;
	pair_open(&p, off_a, off_b);
	struct udp_sock *from = v6 ? &p.a.v6 : &p.a.v4, *to = v6 ? &p.b.v6 : &p.b.v4;
	bool joined = !from->gso_off && !to->gro_off;
	for (size_t n = 1; n <= UDP_RUN_MAX && from->fd >= 0 && to->fd >= 0; n++) {
		one_run(&p, v6, n, LEN, LEN);
		assert_int_equal(p.n_runs, joined && n > 1);
		one_run(&p, v6, n, LEN, 1 + n);
	}
	pair_close(&p);
}

static void runs_arrive_as_their_datagrams(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		runs_of_each_size(i & 1 ? GSO : 0, i & 2 ? GRO : 0, i & 4);
}

static void the_largest_run(void **state)
{
	struct udp_pair p;
	(void)state;
	pair_open(&p, 0, 0);
	one_run(&p, false, 50, 1312, UDP_RUN_BYTES4 - 49 * 1312);
	if (p.a.v6.fd >= 0 && p.b.v6.fd >= 0)
		one_run(&p, true, 50, 1312, UDP_RUN_BYTES6 - 49 * 1312);
	/* one byte more than fits: too much for one send, not for its datagrams */
	one_run(&p, false, 50, 1312, UDP_RUN_BYTES4 + 1 - 49 * 1312);
	assert_int_equal(p.n_runs, 0);
	assert_int_equal(p.a.v4.gso_off & OFFLOAD_OFF_DEVICE, 0);
	pair_close(&p);
}

/* More than one call takes, runs and single ones mixed. */
static void a_long_batch(void **state)
{
	enum { N = UDP_BATCH_MAX + 30 };
	static struct udp_msg tx[N];
	struct udp_pair p;
	size_t sent, at = 0;
	(void)state;
	for (int split = 0; split < 2; split++) {
		pair_open(&p, split ? GSO : 0, 0);
		at = 0;
		for (size_t i = 0; i < N; i++) {
			size_t len = i % 3 ? 100 : 300;
			tx[i] = (struct udp_msg){ pair_ep(&p.b, false), mspan_of(p.out + at, len),
						  i % 3 ? 0 : 100 };
			at += len;
		}
		assert_int_equal(udp_send_batch(&p.a.v4, p.batch, tx, N, &sent), UDP_SENT);
		assert_int_equal(sent, N);
		pair_receive(&p, &p.b.v4, pair_ep(&p.a, false), 100, at);
		pair_close(&p);
	}
}

static void what_is_off_and_why(void **state)
{
	struct udp_pair p;
	(void)state;
	pair_open(&p, GSO | GRO, 0);
	assert_true(p.a.v4.gso_off & OFFLOAD_OFF_SWITCH);
	assert_int_equal(p.a.v4.gro_off, OFFLOAD_OFF_SWITCH);
	assert_false((p.b.v4.gso_off | p.b.v4.gro_off) & OFFLOAD_OFF_SWITCH);
	assert_true(p.b.v4.rcvbuf > 0 && p.b.v4.sndbuf > 0);
	if (p.b.v4.gso_off || p.b.v4.gro_off) {
		pair_close(&p);
		skip();
	}
	udp_forbid(&p.a, OFFLOAD_ALL); /* the reasons add up */
	assert_int_equal(p.a.v4.gro_off, OFFLOAD_OFF_SWITCH | OFFLOAD_OFF_NETWORK);
	udp_forbid(&p.a, 0);
	assert_int_equal(p.a.v4.gro_off, OFFLOAD_OFF_SWITCH);
	assert_int_equal(p.a.v4.gso_off, OFFLOAD_OFF_SWITCH);
	pair_close(&p);
}

static void the_network_forbids_at_run_time(void **state)
{
	struct udp_pair p;
	(void)state;
	pair_open(&p, 0, 0);
	bool joined = !p.a.v4.gso_off && !p.b.v4.gro_off;
	assert_int_equal(p.b.v4.joins, !p.b.v4.gro_off);
	udp_forbid(&p.b, GRO);
	one_run(&p, false, 5, LEN, LEN);
	assert_int_equal(p.n_runs, 0);
	udp_forbid(&p.b, 0);
	udp_forbid(&p.a, GSO);
	one_run(&p, false, 5, LEN, LEN);
	assert_int_equal(p.n_runs, 0);
	udp_forbid(&p.a, GRO);
	one_run(&p, false, 5, LEN, LEN);
	assert_int_equal(p.n_runs, joined);
	udp_close(&p.a);
	udp_forbid(&p.a, GSO); /* nothing open: nothing done */
	assert_int_equal(p.a.v4.gso_off & OFFLOAD_OFF_NETWORK, 0);
	pair_close(&p);
}

/* A run without room is dropped whole: its tail would be lost in silence. */
static void a_run_too_large_for_its_room(void **state)
{
	struct udp_pair p;
	size_t sent;
	(void)state;
	pair_open(&p, 0, 0);
	struct udp_msg tx[] = { { pair_ep(&p.b, false), mspan_of(p.out, 3 * LEN), LEN },
				{ pair_ep(&p.b, false), mspan_of(p.out, LEN), 0 } };
	struct udp_msg rx[] = { { .buf = mspan_of(p.in, LEN) },
				{ .buf = mspan_of(p.in + LEN, LEN) } };
	if (p.a.v4.gso_off || p.b.v4.gro_off) {
		pair_close(&p);
		skip();
	}
	assert_int_equal(udp_send_batch(&p.a.v4, p.batch, tx, 2, &sent), UDP_SENT);
	assert_true(pair_readable(&p.b.v4, WAIT_MS));
	assert_int_equal(udp_recv_batch(&p.b.v4, p.batch, rx, 2), 2);
	assert_int_equal(rx[0].buf.len, 0);
	assert_int_equal(rx[0].segment, 0);
	assert_false(ep_is_set(rx[0].ep));
	assert_int_equal(rx[1].buf.len, LEN);
	assert_memory_equal(rx[1].buf.p, p.out, LEN);
	pair_close(&p);
}

/* ---- the queue overflows ---- */

static void find_drops(void *arg, const char *name, uint64_t v)
{
	if (strcmp(name, "magicsock_udp_rx_queue_drops") == 0)
		*(uint64_t *)arg = v;
}

static uint64_t drops_counted(void)
{
	uint64_t v = UINT64_MAX;
	counters_each(find_drops, &v);
	assert_true(v != UINT64_MAX);
	return v;
}

static size_t drain(struct udp_pair *p)
{
	struct udp_msg rx[ROOMS];
	size_t got = 0;
	for (int n = 1; n > 0; got += (size_t)n) {
		for (size_t i = 0; i < ROOMS; i++)
			rx[i].buf = mspan_of(p->in + i * UDP_RECV_ROOM, UDP_RECV_ROOM);
		n = udp_recv_batch(&p->b.v4, p->batch, rx, ROOMS);
		assert_true(n >= 0);
	}
	return got;
}

static void drops_of_the_queue_are_counted(void **state)
{
	struct udp_pair p;
	size_t tiny = 4096, sent_all = 0, got = 0, sent;
	int small = (int)tiny;
	(void)state;
	udp_counters_register();
	pair_open(&p, 0, 0);
	uint64_t before = drops_counted();
	assert_int_equal(setsockopt(p.b.v4.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	struct udp_msg m = { pair_ep(&p.b, false), mspan_of(p.out, LEN), 0 };
	for (int burst = 0; burst < 2; burst++) {
		for (int i = 0; i < 100; i++, sent_all++)
			assert_int_equal(udp_send_batch(&p.a.v4, p.batch, &m, 1, &sent), UDP_SENT);
		got += drain(&p);
		/* the total comes with the next that fits */
		assert_int_equal(udp_send_batch(&p.a.v4, p.batch, &m, 1, &sent), UDP_SENT);
		sent_all++;
		assert_true(pair_readable(&p.b.v4, WAIT_MS));
		got += drain(&p);
		assert_int_equal(drops_counted() - before, sent_all - got);
		assert_int_equal(p.b.v4.drops, sent_all - got);
	}
	assert_true(got < sent_all);
	p.b.v4.drops = UINT32_MAX - 1; /* as if the kernel's counter had wrapped since */
	before = drops_counted();
	assert_int_equal(udp_send_batch(&p.a.v4, p.batch, &m, 1, &sent), UDP_SENT);
	assert_true(pair_readable(&p.b.v4, WAIT_MS));
	assert_int_equal(drain(&p), 1);
	assert_int_equal(drops_counted() - before, sent_all - got + 2);
	pair_close(&p);
}

/* ---- a small MTU ---- */

static void set_mtu(int mtu)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	r.ifr_mtu = mtu;
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &r), 0);
	close(fd);
}

/* The kernel refuses a run of datagrams above the MTU and takes each of them in fragments. Last: it
 * leaves the network of this process. */
static void a_run_above_the_mtu_is_not_lost(void **state)
{
	struct udp_pair p;
	(void)state;
	if (unshare(CLONE_NEWNET))
		skip();
	set_mtu(1500);
	pair_open(&p, 0, 0);
	for (int i = 0; i < 2; i++) {
		one_run(&p, false, 3, 2000, 1700);
		assert_int_equal(p.n_runs, 0);
	}
	assert_int_equal(p.a.v4.gso_off & OFFLOAD_OFF_DEVICE, 0);
	one_run(&p, false, 3, 1200, 700);
	assert_int_equal(p.n_runs, !p.a.v4.gso_off && !p.b.v4.gro_off);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_arrive_as_their_datagrams),
		cmocka_unit_test(the_largest_run),
		cmocka_unit_test(a_long_batch),
		cmocka_unit_test(what_is_off_and_why),
		cmocka_unit_test(the_network_forbids_at_run_time),
		cmocka_unit_test(a_run_too_large_for_its_room),
		cmocka_unit_test(drops_of_the_queue_are_counted),
		cmocka_unit_test(a_run_above_the_mtu_is_not_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
