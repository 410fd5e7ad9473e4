/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two TUN devices in two namespaces, and between them what a tunnel does without its cipher: read,
 * split, join, write. Streams and datagrams of the kernel go through it, with each step of the
 * ladder taken away in turn. */
#include "tests/unit/netstack/netns.h"

#include "netstack/gro.h"
#include "netstack/gso.h"
#include "netstack/tun_offload_linux.h"

#include <netlink/netlink.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define STREAM_LEN (3u << 20)
#define BATCH 128
#define STRIDE 1344
#define PORT 4242
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define IDLE_MS 5000 /* nothing at all has moved */

struct end {
	struct tun tun;
	struct gro *gro;
	unsigned reads, split, writes, joined, longest;
};

static struct end ends[2];
static int listener[2] = { -1, -1 }; /* by family: 0 IPv4, 1 IPv6 */

static const char *const addr4[2] = { "100.64.0.1", "100.64.0.2" };
static const char *const addr6[2] = { "fd7a::1", "fd7a::2" };

static struct end end_open(int i, uint32_t off)
{
	struct end e = { .tun = netns_tun_without("mesh0", off) };
	struct nl_sock *s = netmsg_socket();
	unsigned index = if_nametoindex("mesh0");
	struct kroute_route r4 = { .dst = pk_prefix("100.64.0.0/10"), .table = 254, .oif = index };
	struct kroute_route r6 = { .dst = pk_prefix("fd7a::/16"), .table = 254, .oif = index };
	netns_write("/proc/sys/net/ipv6/conf/mesh0/accept_dad", "0");
	netns_write("/proc/sys/net/ipv6/conf/mesh0/router_solicitations", "0");
	assert_int_equal(kroute_link_set_mtu(s, index, TUN_MTU), 0);
	bool asks = e.tun.offload & (TUN_TCP_GRO | TUN_UDP_GRO);
	assert_int_equal(tun_probe(&e.tun), asks ? -ERR_STATE : 0); /* the link is down */
	assert_int_equal(kroute_link_set_up(s, index, true), 0);
	assert_int_equal(kroute_addr_add(s, index, prefix_host(pk_ip(addr4[i]))), 0);
	assert_int_equal(kroute_addr_add(s, index, prefix_host(pk_ip(addr6[i]))), 0);
	assert_int_equal(kroute_route_add(s, &r4), 0);
	assert_int_equal(kroute_route_add(s, &r6), 0);
	nl_socket_free(s);
	assert_int_equal(tun_probe(&e.tun), 0);
	assert_int_equal(tun_set_gso_max(&e.tun, TUN_MTU), 0);
	unsigned gro = (e.tun.offload & TUN_TCP_GRO ? GRO_TCP : 0) |
		       (e.tun.offload & TUN_UDP_GRO ? GRO_UDP : 0);
	e.gro = gro_new(BATCH, gro);
	return e;
}

static socklen_t address(bool v6, int i, struct sockaddr_storage *out)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)out;
	memset(out, 0, sizeof(*out));
	out->ss_family = v6 ? AF_INET6 : AF_INET;
	if (v6) {
		a6->sin6_port = htons(PORT);
		assert_int_equal(inet_pton(AF_INET6, addr6[i], &a6->sin6_addr), 1);
		return sizeof(*a6);
	}
	a4->sin_port = htons(PORT);
	assert_int_equal(inet_pton(AF_INET, addr4[i], &a4->sin_addr), 1);
	return sizeof(*a4);
}

/* On the address of end i. The namespace is the one we are in. */
static int socket_at(bool v6, int type, int i)
{
	struct sockaddr_storage a;
	socklen_t len = address(v6, i, &a);
	int fd = socket(a.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), room = 8 << 20;
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	/* an IPv6 address is usable when a kernel thread has looked at it */
	for (int tries = 0; bind(fd, (struct sockaddr *)&a, len) < 0; tries++) {
		assert_true(errno == EADDRNOTAVAIL && tries < 1000);
		poll(NULL, 0, 5);
	}
	return fd;
}

/* Left: both ends, the listeners of end 0; we are in the namespace of end 1. */
static void open_both(uint32_t off)
{
	netns_fresh();
	ends[0] = end_open(0, off);
	for (int v6 = 0; v6 < 2; v6++) {
		listener[v6] = socket_at(v6, SOCK_STREAM, 0);
		assert_int_equal(listen(listener[v6], 1), 0);
	}
}

static void open_second(uint32_t off)
{
	netns_fresh();
	ends[1] = end_open(1, off);
}

static void close_both(void)
{
	for (int i = 0; i < 2; i++) {
		close(listener[i]);
		tun_close(&ends[i].tun);
		gro_free(ends[i].gro);
	}
}

/* ---- the tunnel ---- */

static void write_batch(struct end *to)
{
	const struct gro_item *items;
	size_t n = gro_items(to->gro, &items);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
		    tun_write(&to->tun, &items[i].hdr, items[i].pieces, items[i].n_pieces), 1);
		to->writes++;
		to->joined += items[i].n_pieces > 1;
	}
	gro_reset(to->gro);
}

static void carry(const struct gso *g, struct end *to)
{
	static uint8_t wire[BATCH * STRIDE];
	for (uint32_t i = 0; i < g->n;) {
		for (uint32_t k = 0; k < BATCH && i < g->n; k++, i++) {
			struct mspan packet =
			    mspan_of(wire + (size_t)k * STRIDE, gso_segment_len(g, i));
			assert_true(packet.len <= TUN_MTU);
			gso_segment(g, i, packet.p);
			gro_add(to->gro, packet);
		}
		write_batch(to);
	}
}

/* True if there was one. */
static bool move_one(struct end *from, struct end *to)
{
	static uint8_t room[GSO_READ_MAX];
	struct mspan m = mspan_of(room, sizeof(room));
	struct vnet h = { 0 };
	struct gso g;
	int rc = tun_read(&from->tun, &m);
	assert_true(rc >= 0);
	if (rc == 0)
		return false;
	struct span packet = span_const(m);
	if (from->tun.vnet) {
		h = vnet_get(m.p);
		packet = span_from(packet, VNET_HDR_LEN);
	}
	assert_int_equal(gso_parse(&h, packet, &g), 0);
	from->reads++;
	from->split += g.n > 1;
	if (g.n > from->longest)
		from->longest = g.n;
	carry(&g, to);
	return true;
}

static bool pump(void)
{
	bool moved = false;
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 8 && move_one(&ends[i], &ends[!i]); k++)
			moved = true;
	return moved;
}

static void wait_for_anything(int a, int b)
{
	struct pollfd p[4] = { { ends[0].tun.fd, POLLIN, 0 },
			       { ends[1].tun.fd, POLLIN, 0 },
			       { a, POLLIN, 0 },
			       { b, POLLOUT, 0 } };
	assert_true(poll(p, 4, IDLE_MS) > 0);
}

/* ---- what goes through ---- */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 24 ^ i);
}

static int connect_through(bool v6)
{
	struct sockaddr_storage to;
	socklen_t len = address(v6, 0, &to);
	int client = socket_at(v6, SOCK_STREAM, 1), server;
	assert_int_equal(connect(client, (struct sockaddr *)&to, len), -1);
	while ((server = accept4(listener[v6], NULL, NULL, SOCK_NONBLOCK)) < 0)
		if (!pump())
			wait_for_anything(-1, -1);
	close(listener[v6]);
	listener[v6] = server;
	return client;
}

static bool receive_some(int fd, size_t *got)
{
	static uint8_t b[65536];
	ssize_t n = recv(fd, b, sizeof(b), 0);
	for (ssize_t i = 0; i < n; i++)
		if (b[i] != byte_at(*got + (size_t)i))
			fail_msg("byte %zu is wrong", *got + (size_t)i);
	*got += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void stream(bool v6)
{
	static uint8_t bytes[STREAM_LEN];
	size_t sent = 0, got = 0;
	for (size_t i = 0; i < STREAM_LEN; i++)
		bytes[i] = byte_at(i);
	int client = connect_through(v6);
	while (got < STREAM_LEN) {
		ssize_t n =
		    sent < STREAM_LEN ? send(client, bytes + sent, STREAM_LEN - sent, 0) : 0;
		sent += n > 0 ? (size_t)n : 0;
		bool moved = pump();
		moved |= receive_some(listener[v6], &got);
		if (!moved && n <= 0)
			wait_for_anything(listener[v6], sent < STREAM_LEN ? client : -1);
	}
	close(client);
}

/* One send that the kernel cuts into datagrams, itself or by leaving it to us. */
static void datagrams(bool v6)
{
	enum { SIZE = 1000, COUNT = 40, LAST = 77 };
	static uint8_t b[COUNT * SIZE + LAST], in[2048];
	struct sockaddr_storage to;
	socklen_t len = address(v6, 0, &to);
	int size = SIZE, client = socket_at(v6, SOCK_DGRAM, 1), server = listener[v6];
	size_t got = 0;
	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = byte_at(i);
	assert_int_equal(setsockopt(client, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	assert_int_equal(sendto(client, b, sizeof(b), 0, (struct sockaddr *)&to, len), sizeof(b));
	while (got < sizeof(b)) {
		bool moved = pump();
		ssize_t n = recv(server, in, sizeof(in), 0);
		if (n < 0) {
			if (!moved)
				wait_for_anything(server, -1);
			continue;
		}
		assert_int_equal(n, got + SIZE <= sizeof(b) ? SIZE : LAST);
		assert_memory_equal(in, b + got, (size_t)n);
		got += (size_t)n;
	}
	close(client);
}

static void print_counts(const char *what)
{
	printf("%s: end 1 read %u, %u of them to split, longest %u; end 0 wrote %u, %u joined\n",
	       what, ends[1].reads, ends[1].split, ends[1].longest, ends[0].writes, ends[0].joined);
}

static void streams(uint32_t off)
{
	struct tun_gso_max max = tun_gso_max(TUN_MTU);
	open_both(off);
	open_second(off);
	stream(false);
	stream(true);
	print_counts("TCP");
	const struct tun *t = &ends[1].tun;
	assert_int_equal(ends[1].split > 0, (t->offload & TUN_TSO) != 0);
	assert_int_equal(ends[0].joined > 0, (t->offload & TUN_TSO) && (t->offload & TUN_TCP_GRO));
	assert_true(ends[1].longest <= max.segs);
	close_both();
}

static void runs_of_datagrams(uint32_t off)
{
	open_both(off);
	for (int v6 = 0; v6 < 2; v6++) {
		close(listener[v6]);
		listener[v6] = socket_at(v6, SOCK_DGRAM, 0);
	}
	open_second(off);
	datagrams(false);
	datagrams(true);
	print_counts("UDP");
	const struct tun *t = &ends[1].tun;
	assert_int_equal(ends[1].split > 0, (t->offload & TUN_USO) != 0);
	assert_int_equal(ends[0].joined > 0, (t->offload & TUN_USO) && (t->offload & TUN_UDP_GRO));
	close_both();
}

static const uint32_t ladder[] = { 0,		TUN_VNET,    TUN_TSO,  TUN_USO,
				   TUN_TCP_GRO, TUN_UDP_GRO, TUN_STEPS };

static void tcp_on_each_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		streams(ladder[i]);
}

static void udp_on_each_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		runs_of_datagrams(ladder[i]);
}

/* What is switched off is not active, and was not refused. */
static void steps_that_are_off(void **state)
{
	(void)state;
	netns_fresh();
	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		struct tun t = netns_tun_without("mesh0", ladder[i]);
		assert_int_equal((t.offload | t.refused) & ladder[i], 0);
		assert_int_equal(t.vnet, !(ladder[i] & TUN_VNET));
		if (!t.vnet || ladder[i] & TUN_USO)
			assert_false(t.offload & (TUN_USO | TUN_UDP_GRO));
		if (!t.vnet)
			assert_int_equal(t.offload | t.refused, 0);
		tun_close(&t);
	}
}

/* As wireguard-go or an older meshd may have left it. */
static void a_device_that_persists(void **state)
{
	struct tun t;
	(void)state;
	netns_fresh();
	t = netns_tun_without("mesh0", 0);
	uint32_t all = t.offload;
	assert_int_equal(ioctl(t.fd, TUNSETPERSIST, 1), 0);
	assert_int_equal(ioctl(t.fd, TUNSETVNETHDRSZ, &(int){ 12 }), 0);
	tun_close(&t);
	t = netns_tun_without("mesh0", TUN_VNET);
	assert_false(t.vnet);
	tun_close(&t);
	t = netns_tun_without("mesh0", 0);
	int len = 0;
	assert_int_equal(ioctl(t.fd, TUNGETVNETHDRSZ, &len), 0);
	assert_int_equal(len, VNET_HDR_LEN);
	assert_int_equal(t.offload, all);
	assert_int_equal(ioctl(t.fd, TUNSETPERSIST, 0), 0);
	tun_close(&t);
}

static void one_send_for_a_super_packet(void **state)
{
	(void)state;
	for (unsigned mtu = 1; mtu < 65536; mtu++) {
		struct tun_gso_max max = tun_gso_max(mtu);
		unsigned wire = (mtu + 15) / 16 * 16 + 32;
		assert_in_range(max.segs, 1, 64);
		assert_true(max.segs == 1 || max.segs * wire <= 65507);
		assert_true(max.segs == 64 || (max.segs + 1) * wire > 65507);
	}
	assert_int_equal(tun_gso_max(1280).segs, 49);
	assert_in_range(tun_gso_max(1280).bytes, 49 * 1228 + 52 + 193, 50 * 1208 + 193);
}

static void gone(void **state)
{
	struct end e;
	(void)state;
	netns_fresh();
	e = end_open(0, 0);
	struct nl_sock *s = netmsg_socket();
	struct ifinfomsg ifi = { .ifi_index = (int)if_nametoindex("mesh0") };
	assert_true(nl_send_simple(s, RTM_DELLINK, NLM_F_ACK, &ifi, sizeof(ifi)) > 0);
	assert_int_equal(nl_wait_for_ack(s), 0);
	nl_socket_free(s);
	assert_int_equal(tun_probe(&e.tun), -ERR_CLOSED);
	assert_int_not_equal(tun_set_gso_max(&e.tun, TUN_MTU), 0);
	tun_close(&e.tun);
	gro_free(e.gro);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_on_each_step),
		cmocka_unit_test(udp_on_each_step),
		cmocka_unit_test(steps_that_are_off),
		cmocka_unit_test(a_device_that_persists),
		cmocka_unit_test(one_send_for_a_super_packet),
		cmocka_unit_test(gone),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
