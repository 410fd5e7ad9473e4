/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TUN device against a real kernel, in a network namespace. */
#include "tests/unit/netstack/netns.h"

#include <netlink/netlink.h>

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TUN "mesh0"

static struct tun tun; /* without offload: packets as they are */
static uint8_t bytes[1500];

static int setup(void **state)
{
	(void)state;
	netns_fresh();
	netns_write("/proc/sys/net/ipv6/conf/default/disable_ipv6",
		    "1"); /* no router solicitations */
	tun = netns_tun_without(TUN, TUN_STEPS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tun_close(&tun);
	return 0;
}

static void bring_up(void)
{
	struct nl_sock *s = netmsg_socket();
	unsigned index = if_nametoindex(TUN);
	struct kroute_route r = { .dst = pk_prefix("10.0.0.0/8"), .table = 254, .oif = index };
	assert_int_equal(kroute_addr_add(s, index, pk_prefix("100.64.0.1/32")), 0);
	assert_int_equal(kroute_link_set_up(s, index, true), 0);
	assert_int_equal(kroute_route_add(s, &r), 0);
	nl_socket_free(s);
}

static int udp_socket(struct sockaddr_in *a, const char *ip, uint16_t port)
{
	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, ip, &a->sin_addr);
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "0123456789abcdef", "a b", "a\n" };
	struct tun t = { .fd = -1 };
	struct tun_error err;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(tun_name_ok(bad[i]));
		assert_int_equal(tun_open(bad[i], 0, &t, &err), -ERR_RANGE);
		assert_int_equal(t.fd, -1);
	}
	assert_true(tun_name_ok("0123456789abcde") && tun_name_ok("mesh-0_a.b"));
	assert_string_equal(tun.name, TUN);
}

static int read_one(struct mspan *m)
{
	*m = mspan_of(bytes, sizeof(bytes));
	return tun_read(&tun, m);
}

static int write_one(struct span packet)
{
	return tun_write(&tun, NULL, &packet, 1);
}

static void packets_come_out(void **state)
{
	struct sockaddr_in to;
	struct mspan m;
	(void)state;
	bring_up();
	assert_int_equal(read_one(&m), 0);
	int fd = udp_socket(&to, "10.1.2.3", 9);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	for (size_t i = 0; i < 3; i++) {
		struct pkt p;
		assert_int_equal(read_one(&m), 1);
		pkt_decode(span_const(m), &p);
		assert_true(ip_eq(p.dst.ip, pk_ip("10.1.2.3")) && p.dst.port == 9);
		assert_true(span_eq_str(pkt_udp_data(&p, span_const(m)), "hello"));
	}
	assert_int_equal(read_one(&m), 0);
	close(fd);
}

static void packets_go_in(void **state)
{
	struct sockaddr_in at;
	char got[16];
	(void)state;
	bring_up();
	int fd = udp_socket(&at, "100.64.0.1", 7777);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	struct pk good = pk_udp("10.1.2.3", 5, "100.64.0.1", 7777);
	good.b[20 + 5] = 12;
	uint8_t not_ip[20] = { 0 };
	const struct span pieces[2] = { span_of(good.b, 25), span_of(good.b + 25, good.len - 25) };
	assert_int_equal(write_one(pk_span(&good)), 1);
	assert_int_equal(write_one(span_of(not_ip, sizeof(not_ip))), -ERR_RANGE);
	assert_int_equal(tun_write(&tun, NULL, pieces, 2), 1);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 4);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 4);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	close(fd);
}

static void a_link_that_is_down_drops(void **state)
{
	struct pk p = pk_udp("10.1.2.3", 5, "100.64.0.1", 7777);
	(void)state;
	assert_int_equal(write_one(pk_span(&p)), -ERR_RANGE);
}

static void taken_names(void **state)
{
	struct tun t;
	struct tun_error err;
	(void)state;
	assert_int_equal(tun_open(TUN, 0, &t, &err), -ERR_BUSY);
	assert_string_equal(err.text, "interface mesh0: another process has it. Stop that one, or "
				      "choose another name with --tun");
	assert_int_equal(tun_open("lo", 0, &t, &err), -ERR_EXIST);
	assert_non_null(strstr(err.text, "no TUN device"));
	assert_int_equal(tun_remove_orphan(TUN), 0);
	assert_int_not_equal(if_nametoindex(TUN), 0);
}

/* Deleted by hand, as with `ip link delete`. */
static void a_deleted_device_is_told(void **state)
{
	struct pk p = pk_udp("10.1.2.3", 5, "100.64.0.1", 7777);
	struct ifinfomsg {
		unsigned char family, pad;
		unsigned short type;
		int index;
		unsigned flags, change;
	} msg = { .index = (int)if_nametoindex(TUN) };
	struct nl_sock *s = netmsg_socket();
	(void)state;
	assert_true(nl_send_simple(s, 17 /* RTM_DELLINK */, 4 /* NLM_F_ACK */, &msg, sizeof(msg)) >
		    0);
	assert_int_equal(nl_wait_for_ack(s), 0);
	nl_socket_free(s);
	struct mspan m;
	assert_int_equal(read_one(&m), -ERR_CLOSED);
	assert_int_equal(write_one(pk_span(&p)), -ERR_CLOSED);
}

/* In a child: exit code is the error of tun_open, 100 if its text does not tell what to do. */
static int try_in_child(bool (*prepare)(void), const char *hint)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct tun t;
		struct tun_error err = { "" };
		if (!prepare())
			_exit(101);
		int rc = tun_open("mesh1", 0, &t, &err);
		_exit(strstr(err.text, hint) ? -rc : 100);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool become_nobody(void)
{
	return setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
}

/* In a chroot "/" is no mount point, but /dev is. */
static bool hide_dev_net(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ||
		mount("", "/dev", NULL, MS_REC | MS_PRIVATE, NULL) == 0) &&
	       mount("none", "/dev/net", "tmpfs", 0, NULL) == 0;
}

static void no_right_and_no_device(void **state)
{
	(void)state;
	assert_int_equal(try_in_child(become_nobody, "CAP_NET_ADMIN"), ERR_PERM);
	assert_int_equal(try_in_child(hide_dev_net, "modprobe tun"), ERR_NOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(names),
		T(packets_come_out),
		T(packets_go_in),
		T(a_link_that_is_down_drops),
		T(taken_names),
		T(a_deleted_device_is_told),
		T(no_right_and_no_device),
	};
	netns_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
