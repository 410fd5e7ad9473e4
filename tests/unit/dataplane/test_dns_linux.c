/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's own sockets against the service addresses, through a real TUN and real workers, with
 * the strictest reverse-path filter: UDP answers, long replies of the control thread, and TCP that
 * reaches a listener of ours and comes back. */
#include "tests/unit/dataplane/world.h"
#include "tests/unit/netstack/netns.h"

#include "base/sockaddr.h"
#include "daemon/dataplane/threads_linux.h"
#include "dns/local.h"
#include "netstack/service.h"
#include "netstack/service_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TUN "mesh0"
#define SELF6 ((struct ip){ IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 1 } })
#define PATIENCE_MS 20000
#define LONG_REPLY 4095
#define STREAM (200 * 1000)

struct ground {
	unsigned workers;
	struct world *w;
	struct dp_exchange *exchange;
	struct dp_threads *threads;
	struct tun tun;
	int listener[2]; /* IPv4, IPv6 */
};

static void sh(const char *cmd)
{
	if (system(cmd) != 0)
		fail_msg("%s", cmd);
}

static struct ip self_of(bool v6)
{
	return v6 ? SELF6 : side_ip(A);
}

static struct ip service_of(bool v6)
{
	return v6 ? IP_SERVICE6 : IP_SERVICE4;
}

/* ---- sockets -------------------------------------------------------------------------------- */

static int open_socket(bool v6, int type)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int try_connect(int fd, struct ep to)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(to, &ss);
	return connect(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : errno;
}

static int listen_on(struct ip ip)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ ip, 0 }, &ss);
	int fd = open_socket(ip.fam == IP_V6, SOCK_STREAM);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* ---- the ground ----------------------------------------------------------------------------- */

static struct dns_local *table(void)
{
	struct ip addr = ip_v4(100, 64, 0, 9);
	struct dns_local_node node = { .name = "nas.tail.example.com",
				       .addrs = &addr,
				       .n_addrs = 1 };
	return dns_local_new(
	    &(struct dns_local_in){ .nodes = &node, .n_nodes = 1, .suffix = "tail.example.com" });
}

static void on_wake(void *arg)
{
	(void)arg;
}

static void addresses(void)
{
	sh("ip link set lo up");
	/* each half counts as the stricter of both */
	sh("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
	sh("echo 1 > /proc/sys/net/ipv4/conf/" TUN "/rp_filter");
	sh("ip link set " TUN " up mtu 1280");
	sh("ip addr add 100.64.0.1/32 dev " TUN);
	sh("ip route add 100.100.100.100/32 dev " TUN);
	sh("ip -6 addr add fd7a:115c:a1e0::1/128 dev " TUN " nodad");
	sh("ip -6 route add fd7a:115c:a1e0::53/128 dev " TUN);
}

static void publish(struct ground *g, bool listening)
{
	look(g->w, A, plain);
	struct dp_snapshot *s = g->w->side[A].s;
	struct dns_local *t = table();
	dp_snapshot_set_dns(s, t);
	dns_local_unref(t);
	s->own.addr6 = SELF6;
	if (listening)
		s->own.ports = (struct net_ports){
			.dns4 = sockaddr_of_fd(g->listener[0], false).port,
			.dns6 = sockaddr_of_fd(g->listener[1], false).port,
		};
	dp_publish(g->exchange, s);
	g->w->side[A].s = NULL;
}

static int setup(void **state, unsigned workers)
{
	struct ground *g = xcalloc(1, sizeof(*g));
	*state = g;
	g->workers = workers;
	netns_fresh();
	g->tun = netns_tun(TUN);
	addresses();
	for (int v6 = 0; v6 < 2; v6++)
		g->listener[v6] = listen_on(self_of(v6));
	world_setup((void **)&g->w);
	g->exchange = dp_exchange_new();
	publish(g, true);
	g->threads = dp_threads_start(&(struct dp_threads_opts){ .workers = workers,
								 .tun = &g->tun,
								 .exchange = g->exchange,
								 .waits = &g->w->side[A].waits,
								 .wake = on_wake });
	assert_non_null(g->threads);
	return 0;
}

static int setup_one(void **state)
{
	return setup(state, 1);
}

static int setup_two(void **state)
{
	return setup(state, 2);
}

static int teardown(void **state)
{
	struct ground *g = *state;
	dp_threads_stop(g->threads);
	dp_exchange_free(g->exchange);
	for (int v6 = 0; v6 < 2; v6++)
		close(g->listener[v6]);
	tun_close(&g->tun);
	world_teardown((void **)&g->w);
	free(g);
	return 0;
}

/* ---- UDP ------------------------------------------------------------------------------------ */

static size_t query(uint8_t *out, const char *label)
{
	struct wr w = wr_init(mspan_of(out, 128));
	wr_be16(&w, 0x4711);
	wr_be16(&w, 0x0100);
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	wr_u8(&w, (uint8_t)strlen(label));
	wr_bytes(&w, label, strlen(label));
	wr_bytes(&w, "\4tail\7example\3com", 18); /* with the root */
	wr_be16(&w, DNS_A);
	wr_be16(&w, DNS_IN);
	assert_true(wr_ok(&w));
	return wr_len(&w);
}

static void udp_is_answered(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint8_t q[128], a[512];
		size_t len = query(q, "nas");
		int fd = open_socket(v6, SOCK_DGRAM);
		assert_int_equal(try_connect(fd, (struct ep){ service_of(v6), 53 }), 0);
		assert_int_equal(send(fd, q, len, 0), (ssize_t)len);
		ssize_t n = recv(fd, a, sizeof(a), 0);
		assert_true(n > (ssize_t)len);
		assert_memory_equal(a, q, 2);
		assert_memory_equal(a + n - 4, "\x64\x40\0\x09", 4);
		close(fd);
	}
}

/* The next query that was told. */
static struct ep await_query(struct ground *g)
{
	mono_t until = mono_add_ms(mono_now(), PATIENCE_MS);
	for (;;) {
		struct dp_msg m;
		struct mspan bytes;
		if (!dp_threads_event_peek(g->threads, &m, &bytes)) {
			assert_false(mono_due(until, mono_now()));
			usleep(1000);
			continue;
		}
		struct ep from = m.ep;
		bool is_query = m.type == DP_EV_DNS;
		dp_threads_event_pop(g->threads);
		if (is_query)
			return from;
	}
}

/* A reply is longer than the MTU of the TUN, and comes in one piece all the same. */
static void a_long_reply_arrives_whole(void **state)
{
	struct ground *g = *state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint8_t q[128], a[2 * LONG_REPLY], packet[SERVICE_UDP_HDR_MAX + LONG_REPLY];
		int fd = open_socket(v6, SOCK_DGRAM);
		size_t len = query(q, "other"), at = service_udp_offset(service_of(v6));
		assert_int_equal(try_connect(fd, (struct ep){ service_of(v6), 53 }), 0);
		assert_int_equal(send(fd, q, len, 0), (ssize_t)len);
		struct ep from = await_query(g);
		assert_true(ip_eq(from.ip, self_of(v6)));
		for (size_t i = 0; i < LONG_REPLY; i++)
			packet[at + i] = (uint8_t)(i * 7);
		size_t n = service_udp_build(mspan_of(packet, sizeof(packet)),
					     (struct ep){ service_of(v6), 53 }, from, LONG_REPLY);
		struct dp_msg m = { .type = DP_CMD_TUN_WRITE, .peer = DP_NO_PEER };
		assert_true(dp_threads_command(g->threads, &m, span_of(packet, n)));
		assert_int_equal(recv(fd, a, sizeof(a), 0), LONG_REPLY);
		assert_memory_equal(a, packet + at, LONG_REPLY);
		close(fd);
	}
}

/* ---- TCP ------------------------------------------------------------------------------------ */

/* Both ends in one thread: what one sends, the other takes at once. */
static void carry_stream(int from, int to)
{
	static uint8_t sent[STREAM], got[STREAM];
	size_t in = 0, out = 0;
	for (size_t i = 0; i < STREAM; i++)
		sent[i] = (uint8_t)(i * 13 + (i >> 8));
	while (in < STREAM) {
		struct pollfd p[] = { { .fd = from, .events = out < STREAM ? POLLOUT : 0 },
				      { .fd = to, .events = POLLIN } };
		assert_true(poll(p, 2, PATIENCE_MS) > 0);
		if (p[0].revents & POLLOUT) {
			ssize_t n = send(from, sent + out, STREAM - out, MSG_DONTWAIT);
			assert_true(n > 0);
			out += (size_t)n;
		}
		if (p[1].revents) {
			ssize_t n = recv(to, got + in, STREAM - in, MSG_DONTWAIT);
			assert_true(n > 0);
			in += (size_t)n;
		}
	}
	assert_memory_equal(sent, got, STREAM);
}

static void tcp_reaches_the_listener_as_the_service_address(void **state)
{
	struct ground *g = *state;
	for (int v6 = 0; v6 < 2; v6++) {
		int client = open_socket(v6, SOCK_STREAM);
		assert_int_equal(try_connect(client, (struct ep){ service_of(v6), 53 }), 0);
		int server = accept(g->listener[v6], NULL, NULL);
		assert_true(server >= 0);
		struct ep remote = sockaddr_of_fd(server, true);
		assert_true(ip_eq(remote.ip, service_of(v6)));
		struct ep local = sockaddr_of_fd(client, false);
		assert_true(ip_eq(local.ip, self_of(v6)));
		assert_int_equal(local.port, remote.port);
		carry_stream(client, server);
		carry_stream(server, client);
		close(client);
		uint8_t b;
		assert_int_equal(recv(server, &b, 1, 0), 0);
		close(server);
	}
}

static void tcp_elsewhere_is_refused_at_once(void **state)
{
	struct ground *g = *state;
	for (int v6 = 0; v6 < 2; v6++) {
		int fd = open_socket(v6, SOCK_STREAM);
		assert_int_equal(try_connect(fd, (struct ep){ service_of(v6), 80 }), ECONNREFUSED);
		close(fd);
	}
	publish(g, false);
	for (int v6 = 0; v6 < 2; v6++) {
		int fd = open_socket(v6, SOCK_STREAM);
		assert_int_equal(try_connect(fd, (struct ep){ service_of(v6), 53 }), ECONNREFUSED);
		close(fd);
	}
}

#define WITH_ONE_AND_TWO(test)                                                                     \
	cmocka_unit_test_setup_teardown(test, setup_one, teardown),                                \
	    cmocka_unit_test_setup_teardown(test, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE_AND_TWO(udp_is_answered),
		WITH_ONE_AND_TWO(a_long_reply_arrives_whole),
		WITH_ONE_AND_TWO(tcp_reaches_the_listener_as_the_service_address),
		WITH_ONE_AND_TWO(tcp_elsewhere_is_refused_at_once),
	};
	netns_need_root();
	if (access("/proc/sys/net/ipv6", F_OK) || system("ip -V >/dev/null 2>&1") != 0) {
		printf("needs IPv6 and iproute2\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
