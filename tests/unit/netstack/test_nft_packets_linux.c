/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What our nftables rules do to real packets, on a host that drops what it need not take:
 *
 *     peer 100.64.0.7 --- mesh0 [100.64.0.1  this host  192.168.50.2] eth0 --- LAN 192.168.50.9
 *
 * Both interfaces are TUN devices: the test is what is behind them. */
#include "tests/unit/netstack/nft_fixture.h"

#include "netstack/checksum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define WAIT_MS 20000

struct net {
	const char *self, *peer, *peer2, *host, *lan;
};
static const struct net nets[] = {
	{ "100.64.0.1", "100.64.0.7", "100.64.0.8", "192.168.50.2", "192.168.50.9" },
	{ "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::7", "fd7a:115c:a1e0::8", "fd50::2", "fd50::9" },
};

static struct tun mesh, eth;
static int sock_port, sock_53; /* dual-stack, on our port and on another */

static int udp_socket(uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), no = 0;
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static bool addresses6_work(void)
{
	char *local = run("ip -6 route show table local");
	bool both = strstr(local, "local fd50::2 ") && strstr(local, "local fd7a:115c:a1e0::1 ");
	free(local);
	return both;
}

/* A worker of the kernel, one for all namespaces, puts IPv6 addresses in place when it has time. */
static void wait_for_addresses(void)
{
	for (int ms = 0; !addresses6_work(); ms += 10) {
		assert_true(ms < WAIT_MS);
		usleep(10000);
	}
}

static int setup_host(void **state)
{
	static const char *const cmds[] = {
		"ip link set lo up",
		"ip addr add 100.64.0.1/32 dev mesh0",
		"ip addr add fd7a:115c:a1e0::1/128 dev mesh0 nodad",
		"ip addr add 192.168.50.2/24 dev eth0",
		"ip addr add fd50::2/64 dev eth0 nodad",
		"ip link set mesh0 up",
		"ip link set eth0 up",
		"ip route add 100.64.0.0/10 dev mesh0",
		"ip route add fd7a:115c:a1e0::/48 dev mesh0",
	};
	setup(state);
	mesh = netns_tun_without("mesh0", UINT32_MAX);
	eth = netns_tun_without("eth0", UINT32_MAX);
	for (size_t i = 0; i < ARRAY_LEN(cmds); i++)
		do_run(cmds[i]);
	wait_for_addresses();
	netns_write("/proc/sys/net/ipv4/ip_forward", "1");
	netns_write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	netns_write("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	netns_write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "0");
	netns_write("/proc/sys/net/ipv4/conf/mesh0/rp_filter", "0");
	sock_port = udp_socket(41641);
	sock_53 = udp_socket(53);
	cfg.port6 = 41641;
	return 0;
}

static int teardown_host(void **state)
{
	close(sock_port);
	close(sock_53);
	tun_close(&mesh);
	tun_close(&eth);
	return teardown(state);
}

static void host_drops(void)
{
	do_run("iptables-nft -P INPUT DROP && iptables-nft -P FORWARD DROP");
	do_run("ip6tables-nft -P INPUT DROP && ip6tables-nft -P FORWARD DROP");
}

/* ---- packets ---- */

static void inject(struct tun *t, const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct pk p = pk_udp(src, sport, dst, dport);
	struct pkt d = pk_decode(&p);
	struct span l4 = span_of(p.b + d.l4, p.len - d.l4);
	uint16_t sum = csum_finish(
	    csum_add(csum_pseudo(d.src.ip, d.dst.ip, IP_PROTO_UDP, (uint32_t)l4.len), l4));
	p.b[d.l4 + 6] = (uint8_t)(sum >> 8);
	p.b[d.l4 + 7] = (uint8_t)sum;
	assert_int_equal(write(t->fd, p.b, p.len), (ssize_t)p.len);
}

/* The next UDP packet that comes out (the kernel also looks for routers); false: none is there. */
static bool comes_out(struct tun *t, int wait_ms, struct pkt *out)
{
	struct pk p;
	for (;;) {
		struct pollfd pf = { t->fd, POLLIN, 0 };
		if (poll(&pf, 1, wait_ms) == 0)
			return false;
		ssize_t len = read(t->fd, p.b, sizeof(p.b));
		assert_true(len > 0);
		p.len = (size_t)len;
		*out = pk_decode(&p);
		if (out->proto == IP_PROTO_UDP)
			return true;
	}
}

static uint16_t expect(struct tun *t, const char *src, const char *dst, uint16_t dport)
{
	struct pkt p;
	char text[IP_TEXT_MAX];
	assert_true(comes_out(t, WAIT_MS, &p));
	assert_string_equal(ip_encode(p.src.ip, text), src);
	assert_string_equal(ip_encode(p.dst.ip, text), dst);
	assert_int_equal(p.dst.port, dport);
	return p.src.port;
}

/* A packet written to a TUN device has gone all its way when the write returns. */
static void expect_nothing(struct tun *t)
{
	struct pkt p;
	assert_false(comes_out(t, 0, &p));
}

static bool received(int fd, int wait_ms)
{
	char buf[64];
	struct pollfd pf = { fd, POLLIN, 0 };
	return poll(&pf, 1, wait_ms) == 1 && recv(fd, buf, sizeof(buf), 0) > 0;
}

/* ---- forwarding ---- */

static void a_subnet_is_reached(void **state)
{
	(void)state;
	host_drops();
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		const struct net *a = &nets[i];
		inject(&mesh, a->peer, 5000, a->lan, 53);
		uint16_t port = expect(&eth, a->host, a->lan, 53);
		inject(&eth, a->lan, 53, a->host, port);
		assert_int_equal(expect(&mesh, a->lan, a->peer, 5000), 53);
	}
}

static void without_snat_the_source_is_seen(void **state)
{
	(void)state;
	host_drops();
	cfg.snat = false;
	cfg.stateful = true;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		const struct net *a = &nets[i];
		inject(&mesh, a->peer, 5000, a->lan, 53);
		assert_int_equal(expect(&eth, a->peer, a->lan, 53), 5000);
		inject(&eth, a->lan, 53, a->peer, 5000);
		assert_int_equal(expect(&mesh, a->lan, a->peer, 5000), 53);
	}
}

static void new_flows_from_the_lan(void **state)
{
	(void)state;
	host_drops();
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&eth, nets[i].lan, 6000, nets[i].peer, 80);
		expect(&mesh, nets[i].lan, nets[i].peer, 80);
	}
	cfg.stateful = true;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&eth, nets[i].lan, 6001, nets[i].peer2, 80);
		expect_nothing(&mesh);
	}
}

static void ports_are_not_kept(void **state)
{
	unsigned kept = 0;
	(void)state;
	apply();
	for (uint16_t port = 5000; port < 5010; port++) {
		inject(&mesh, nets[0].peer, port, nets[0].lan, 53);
		kept += expect(&eth, nets[0].host, nets[0].lan, 53) == port;
	}
	assert_true(kept < 5); /* by chance one of 2^16 each */
}

/* Without our rules nothing passes on this host, so it is they who let things through. */
static void off_lets_nothing_through(void **state)
{
	(void)state;
	host_drops();
	apply();
	down();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&mesh, nets[i].peer, 5000, nets[i].lan, 53);
		expect_nothing(&eth);
		inject(&mesh, nets[i].peer, 5000, nets[i].self, 53);
		assert_false(received(sock_53, 0));
	}
}

/* ---- what comes in ---- */

static void the_tunnel_and_our_port_are_open(void **state)
{
	(void)state;
	host_drops();
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&mesh, nets[i].peer, 5000, nets[i].self, 53);
		assert_true(received(sock_53, WAIT_MS));
		inject(&eth, nets[i].lan, 5000, nets[i].host, 41641);
		assert_true(received(sock_port, WAIT_MS));
		inject(&eth, nets[i].lan, 5000, nets[i].host, 53);
		assert_false(received(sock_53, 0));
	}
}

static void forged_sources_are_dropped(void **state)
{
	(void)state;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		const struct net *a = &nets[i];
		inject(&eth, a->peer, 5000, a->host, 53);
		assert_false(received(sock_53, 0));
		inject(&eth, a->peer, 5000, a->peer2, 53);
		expect_nothing(&mesh);
		/* A peer's own network may use such addresses for what carries the tunnel. */
		inject(&eth, a->peer, 5000, a->host, 41641);
		assert_true(received(sock_port, WAIT_MS));
	}
	/* An address of the range that no peer has is its user's. */
	inject(&eth, "100.99.9.9", 5000, nets[0].host, 53);
	assert_true(received(sock_53, WAIT_MS));
	cfg.no_guard = true;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&eth, nets[i].peer, 5000, nets[i].host, 53);
		assert_true(received(sock_53, WAIT_MS));
	}
}

static void own_addresses_answer_in_the_tunnel_only(void **state)
{
	(void)state;
	apply();
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		inject(&eth, nets[i].lan, 5000, nets[i].self, 53);
		assert_false(received(sock_53, 0));
		inject(&eth, nets[i].lan, 5000, nets[i].self, 41641);
		assert_false(received(sock_port, 0));
		inject(&eth, nets[i].lan, 5000, nets[i].host, 53);
		assert_true(received(sock_53, WAIT_MS));
		inject(&mesh, nets[i].lan, 5000, nets[i].self, 53);
		assert_true(received(sock_53, WAIT_MS));
	}
}

/* ---- marks ---- */

static const char watchers[] =
    "table inet seen {\n"
    " chain o { type filter hook output priority -160; udp dport 7 ct mark set 0x300; }\n"
    " chain a { type filter hook prerouting priority -160; udp sport 7 meta mark set 1; }\n"
    " chain b { type filter hook prerouting priority -140;\n"
    "  udp sport 7 meta mark 0x00080001 ct mark 0x00080300 counter; }\n"
    "}\n";

static void send_marked(const char *to, uint16_t from_port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
	uint32_t mark = params.fwmark_bypass;
	int fd = udp_socket(from_port);
	ip_to_16(ev_ip(to), a.sin6_addr.s6_addr);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	close(fd);
}

static void answers_carry_our_mark(void **state)
{
	(void)state;
	apply();
	nft_feed(watchers);
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		send_marked(nets[i].lan, 7777);
		assert_int_equal(expect(&eth, nets[i].host, nets[i].lan, 7), 7777);
		inject(&eth, nets[i].lan, 7, nets[i].host, 7777);
	}
	char *seen = run("nft list table inet seen");
	assert_non_null(strstr(seen, "counter packets 2 "));
	free(seen);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_host, teardown_host)
	const struct CMUnitTest tests[] = {
		T(a_subnet_is_reached),	       T(without_snat_the_source_is_seen),
		T(new_flows_from_the_lan),     T(ports_are_not_kept),
		T(off_lets_nothing_through),   T(the_tunnel_and_our_port_are_open),
		T(forged_sources_are_dropped), T(own_addresses_answer_in_the_tunnel_only),
		T(answers_carry_our_mark),
	};
	netns_need_root();
	nft_need_tools();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
