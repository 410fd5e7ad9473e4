/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's filter lets through, with real sockets on loopback. */
#include "base/alloc.h"
#include "magicsock/udp_linux.h"
#include "magicsock/udp_shed_linux.h"
#include "tests/lib/cm.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N 400 /* datagrams of a kind; of those thinned out, 25 are expected */
#define FEW_MAX (N / 2)

struct fixture {
	struct udp_sock to; /* only its descriptor is used */
	int from;
	int family;
};

static int sock(int family)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family,
				  .sin6_addr = in6addr_loopback };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, family == AF_INET ? (void *)&a4 : (void *)&a,
			    family == AF_INET ? sizeof(a4) : sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool begin(struct fixture *f, int family)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	*f = (struct fixture){ .to.fd = sock(family), .from = sock(family), .family = family };
	if (f->to.fd < 0 || f->from < 0)
		return false;
	assert_int_equal(getsockname(f->to.fd, (void *)&a, &len), 0);
	assert_int_equal(connect(f->from, (void *)&a, len), 0);
	return true;
}

static void end(struct fixture *f)
{
	if (f->to.fd >= 0)
		close(f->to.fd);
	if (f->from >= 0)
		close(f->from);
}

static enum ip_family fam(const struct fixture *f)
{
	return f->family == AF_INET ? IP_V4 : IP_V6;
}

/* How many of N such datagrams come through. */
static unsigned through(struct fixture *f, uint32_t type, size_t len, uint32_t receiver, bool mac2)
{
	uint8_t b[1500] = { (uint8_t)type };
	unsigned n = 0;
	for (int i = 0; i < 4; i++)
		b[4 + i] = (uint8_t)(receiver >> (8 * i));
	if (mac2)
		b[len - 1] = 1;
	for (int i = 0; i < N; i++) {
		(void)send(f->from, b, len, 0);
		n += recv(f->to.fd, b + 1000, 1, 0) == 1;
	}
	return n;
}

static void handshakes_are_thinned_out(struct fixture *f)
{
	struct ip other =
	    fam(f) == IP_V4 ? ip_v4(192, 0, 2, 1) : (struct ip){ IP_V6, { 0xfd, [15] = 9 } };
	struct udp_shed s = { .handshakes = true, .addresses = &other, .n_addresses = 1 };
	assert_int_equal(through(f, 1, 148, 0, false), N);
	udp_shed(&f->to, fam(f), &s);
	assert_in_range(through(f, 1, 148, 0, false), 1, FEW_MAX);
	assert_in_range(through(f, 2, 92, 0, false), 1, FEW_MAX);
	assert_int_equal(through(f, 1, 148, 0, true), N);
	assert_int_equal(through(f, 2, 92, 0, true), N);
	assert_int_equal(through(f, 3, 64, 0, false), N);
	assert_int_equal(through(f, 4, 32, 7, false), N);
	assert_int_equal(through(f, 9, 20, 0, false), N);
	s.cookies_too = true;
	udp_shed(&f->to, fam(f), &s);
	assert_in_range(through(f, 1, 148, 0, true), 1, FEW_MAX);
	assert_in_range(through(f, 2, 92, 0, false), 1, FEW_MAX);
	assert_int_equal(through(f, 3, 64, 0, false), N);
	udp_shed(&f->to, fam(f), NULL);
	assert_int_equal(through(f, 1, 148, 0, false), N);
}

static void a_peer_is_spared(struct fixture *f)
{
	struct ip all[3] = { ip_v4(192, 0, 2, 1), ip_v4(127, 0, 0, 1),
			     (struct ip){ IP_V6, { [15] = 1 } } };
	struct udp_shed s = { .handshakes = true, .addresses = all, .n_addresses = 3 };
	udp_shed(&f->to, fam(f), &s);
	assert_int_equal(through(f, 1, 148, 0, false), N);
	assert_int_equal(through(f, 2, 92, 0, false), N);
}

static void sessions_are_spared(struct fixture *f)
{
	static uint32_t ours[UDP_SHED_RECEIVERS_MAX + 1];
	for (uint32_t i = 0; i < ARRAY_LEN(ours); i++)
		ours[i] = 0x10203040 + i;
	struct udp_shed s = { .transport = true,
			      .receivers = ours,
			      .n_receivers = UDP_SHED_RECEIVERS_MAX };
	udp_shed(&f->to, fam(f), &s);
	assert_int_equal(through(f, 4, 1312, 0x10203040, false), N);
	assert_int_equal(through(f, 4, 32, ours[UDP_SHED_RECEIVERS_MAX - 1], false), N);
	assert_in_range(through(f, 4, 1312, 0x40302010, false), 1, FEW_MAX);
	assert_int_equal(through(f, 1, 148, 0, false), N);
	/* too many to name: none is touched */
	s.n_receivers++;
	udp_shed(&f->to, fam(f), &s);
	assert_int_equal(through(f, 4, 1312, 0x40302010, false), N);
}

/* How many of N datagrams of that session and counter come through. */
static unsigned counted(struct fixture *f, size_t len, uint32_t receiver, uint64_t counter)
{
	static uint8_t b[4000];
	unsigned n = 0;
	b[0] = 4;
	for (int i = 0; i < 4; i++)
		b[4 + i] = (uint8_t)(receiver >> (8 * i));
	for (int i = 0; i < 8; i++)
		b[8 + i] = (uint8_t)(counter >> (8 * i));
	for (int i = 0; i < N; i++) {
		uint8_t first;
		(void)send(f->from, b, len, 0);
		n += recv(f->to.fd, &first, 1, 0) == 1;
	}
	return n;
}

static void replays_are_thinned_out(struct fixture *f)
{
	const uint32_t other = 0x0badcafe;
	struct udp_shed_floor floors[UDP_SHED_FLOORS_MAX];
	for (uint32_t i = 0; i < UDP_SHED_FLOORS_MAX; i++)
		floors[i] = (struct udp_shed_floor){ 0x10203040 + i, 0x300aabbcc };
	uint32_t last = floors[UDP_SHED_FLOORS_MAX - 1].receiver;
	struct udp_shed s = { .floors = floors, .n_floors = UDP_SHED_FLOORS_MAX };
	udp_shed(&f->to, fam(f), &s);
	assert_in_range(counted(f, 100, last, 0x300aabbcb), 1, FEW_MAX);
	assert_in_range(counted(f, 1312, floors[0].receiver, 0x300000000), 1, FEW_MAX);
	assert_int_equal(counted(f, 100, last, 0x300aabbcc), N);
	assert_int_equal(counted(f, 100, last, 0x3ff000000), N);
	assert_int_equal(counted(f, 100, last, 0x400000000), N);
	assert_int_equal(counted(f, 100, other, 7), N);
	/* joined by the kernel: later parts may be new */
	assert_int_equal(counted(f, 2 * 1312, last, 7), N);
	assert_int_equal(through(f, 1, 148, 0, false), N);
	/* and strangers too */
	s.transport = true;
	s.receivers = &last;
	s.n_receivers = 1;
	udp_shed(&f->to, fam(f), &s);
	assert_in_range(counted(f, 100, other, 7), 1, FEW_MAX);
	assert_in_range(counted(f, 2 * 1312, other, 7), 1, FEW_MAX);
	assert_in_range(counted(f, 100, last, 0x300000007), 1, FEW_MAX);
	assert_int_equal(counted(f, 100, last, 0x300aabbcc), N);
}

static void for_family(int family, void (*test)(struct fixture *f))
{
	struct fixture f;
	if (begin(&f, family))
		test(&f);
	else
		print_message("no loopback address of family %d\n", family);
	end(&f);
}

static void test_replays(void **state)
{
	(void)state;
	for_family(AF_INET, replays_are_thinned_out);
	for_family(AF_INET6, replays_are_thinned_out);
}

static void test_handshakes(void **state)
{
	(void)state;
	for_family(AF_INET, handshakes_are_thinned_out);
	for_family(AF_INET6, handshakes_are_thinned_out);
}

static void test_peers(void **state)
{
	(void)state;
	for_family(AF_INET, a_peer_is_spared);
	for_family(AF_INET6, a_peer_is_spared);
}

static void test_sessions(void **state)
{
	(void)state;
	for_family(AF_INET, sessions_are_spared);
	for_family(AF_INET6, sessions_are_spared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_sessions), cmocka_unit_test(test_replays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
