/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/serve_tcp_io.h"

#include "base/alloc.h"
#include "base/sockaddr.h"
#include "tests/unit/dns/scripted.h"

#include <errno.h>
#include <fcntl.h>

static struct dns_tcp_server *server;
static struct ep at;
static struct {
	struct dns_tcp_query *v[4096];
	size_t n;
	struct ep from;
	bool echo, answer_inside;
} asked;

static void on_query(void *arg, struct dns_tcp_query *q, struct span msg, struct ep from)
{
	(void)arg;
	assert_true(asked.n < ARRAY_LEN(asked.v));
	asked.from = from;
	if (asked.answer_inside) {
		asked.n++;
		dns_tcp_answer(q, msg);
		return;
	}
	asked.v[asked.n++] = q;
}

static int setup(void **state)
{
	struct ip from = ip_v4(127, 0, 0, 1);

	(void)state;
	loop = loop_new();
	server = dns_tcp_server_new(loop, &from, 1, on_query, NULL);
	assert_int_equal(dns_tcp_server_listen(server, (struct ep){ .ip = from }, &at), 0);
	memset(&asked, 0, sizeof(asked));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_tcp_server_free(server);
	if (!asked.answer_inside)
		for (size_t i = 0; i < asked.n; i++)
			if (asked.v[i])
				dns_tcp_answer(asked.v[i], span_str("too late"));
	loop_free(loop);
	return 0;
}

/* ---- clients ------------------------------------------------------------------------------------ */

static int client_from(struct ip from)
{
	struct sockaddr_storage ss;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&ss, sockaddr_from_ep((struct ep){ from, 0 }, &ss)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, sockaddr_from_ep(at, &ss)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int client(void)
{
	return client_from(ip_v4(127, 0, 0, 1));
}

static void put(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static void put_message(int fd, const char *text)
{
	uint8_t head[2] = { 0, (uint8_t)strlen(text) };

	put(fd, head, 2);
	put(fd, text, strlen(text));
}

/* What has come in all; -1: closed. */
static ssize_t peek(int fd, void *out, size_t room)
{
	ssize_t n = recv(fd, out, room, MSG_PEEK);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		return -1;
	return n < 0 ? 0 : n;
}

static bool is_closed(int fd)
{
	char c;

	return peek(fd, &c, 1) < 0;
}

static bool take_message(int fd, const char *text)
{
	uint8_t b[512];
	size_t len = 2 + strlen(text);

	if (peek(fd, b, len) != (ssize_t)len)
		return false;
	assert_int_equal(recv(fd, b, len, 0), len);
	assert_int_equal(b[0] << 8 | b[1], strlen(text));
	assert_memory_equal(b + 2, text, len - 2);
	return true;
}

static void answer(size_t i, const char *text)
{
	dns_tcp_answer(asked.v[i], span_str(text));
	asked.v[i] = NULL;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void test_answers_in_any_order(void **state)
{
	int fd = client();

	(void)state;
	put_message(fd, "first");
	put_message(fd, "second");
	put_message(fd, "third");
	UNTIL(asked.n == 3);
	assert_true(ip_eq(asked.from.ip, ip_v4(127, 0, 0, 1)));
	assert_true(ep_eq(asked.from, sockaddr_of_fd(fd, false)));
	answer(2, "3");
	answer(0, "1");
	answer(1, ""); /* none */
	UNTIL(take_message(fd, "3"));
	UNTIL(take_message(fd, "1"));
	put_message(fd, "fourth");
	UNTIL(asked.n == 4);
	answer(3, "4");
	UNTIL(take_message(fd, "4"));
	close(fd);
}

static void test_strangers_get_no_byte(void **state)
{
	int fd = client_from(ip_v4(127, 0, 0, 2));

	(void)state;
	(void)!send(fd, "\0\5first", 7, MSG_NOSIGNAL);
	UNTIL(is_closed(fd));
	assert_int_equal(asked.n, 0);
	close(fd);
}

static void test_a_byte_at_a_time(void **state)
{
	int fd = client();

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		put(fd, &"\0\5first"[i], 1);
		settle(2);
	}
	UNTIL(asked.n == 1);
	answer(0, "1");
	UNTIL(take_message(fd, "1"));
	close(fd);
}

static void test_too_long_a_request_closes(void **state)
{
	static const uint8_t zeros[DNS_TCP_REQUEST_MAX];
	uint8_t head[2] = { DNS_TCP_REQUEST_MAX >> 8, DNS_TCP_REQUEST_MAX & 0xff };
	int fd = client();

	(void)state;
	put(fd, head, 2);
	put(fd, zeros, sizeof(zeros));
	UNTIL(asked.n == 1);
	head[1]++;
	put(fd, head, 2);
	UNTIL(is_closed(fd));
	assert_int_equal(asked.n, 1);
	close(fd);
}

static void test_the_pipeline_is_bounded(void **state)
{
	int fd = client();
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		put_message(fd, "q");
	UNTIL(asked.n == DNS_TCP_PIPELINE_MAX);
	settle(30);
	assert_int_equal(asked.n, DNS_TCP_PIPELINE_MAX);
	while (n < 100) {
		UNTIL(asked.n > n);
		assert_true(asked.n - n <= DNS_TCP_PIPELINE_MAX);
		answer(n++, "a");
		UNTIL(take_message(fd, "a"));
	}
	settle(30);
	assert_int_equal(asked.n, 100);
	close(fd);
}

static void test_answers_from_inside(void **state)
{
	int fd = client();

	(void)state;
	asked.answer_inside = true;
	for (int i = 0; i < 200; i++)
		put_message(fd, "q");
	for (int i = 0; i < 200; i++)
		UNTIL(take_message(fd, "q"));
	close(fd);
}

static void test_the_client_goes_first(void **state)
{
	int fd = client();

	(void)state;
	put_message(fd, "q");
	UNTIL(asked.n == 1);
	close(fd);
	settle(30);
	answer(0, "a");
	fd = client();
	put_message(fd, "q");
	UNTIL(asked.n == 2);
	dns_tcp_server_reset(server);
	UNTIL(is_closed(fd));
	close(fd);
	/* the second is answered when the server is gone: see teardown */
}

/* A message must come in whole in its time, whatever trickles in meanwhile. */
static void test_slow_loris(void **state)
{
	enum { MESSAGE_MS = 600 };
	mono_t begun = mono_now(), told = mono_add_s(begun, 60);
	dns_tcp_server_set_message_ms(server, MESSAGE_MS);
	int fd = client();

	(void)state;
	put(fd, "\x0f\xff", 2);
	while (!is_closed(fd)) {
		assert_false(mono_due(told, mono_now()));
		(void)!send(fd, "x", 1, MSG_NOSIGNAL);
		settle(50);
	}
	assert_true(mono_diff_ns(mono_now(), begun) >= MESSAGE_MS * NS_PER_MS);
	assert_int_equal(asked.n, 0);
	close(fd);
}

/* Answers that nobody reads do not pile up. */
static void test_a_client_that_does_not_read(void **state)
{
	static uint8_t big[65535];
	int fd = client();
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 2000 && !is_closed(fd); i++) {
		(void)!send(fd, "\0\1q", 3, MSG_NOSIGNAL);
		loop_turn(loop, 1);
		for (; n < asked.n; n++) {
			dns_tcp_answer(asked.v[n], span_of(big, sizeof(big)));
			asked.v[n] = NULL;
		}
		if (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == ECONNRESET)
			break;
	}
	/* what the kernel holds, and a little more */
	assert_true(n < 1500);
	close(fd);
}

static void test_connections_are_bounded(void **state)
{
	int fd[DNS_TCP_CONNS_MAX + 1], late;

	(void)state;
	for (size_t i = 0; i < DNS_TCP_CONNS_MAX; i++) {
		fd[i] = client();
		put_message(fd[i], "q");
		UNTIL(asked.n == i + 1);
	}
	/* all wait for answers: nobody makes room */
	late = client();
	UNTIL(is_closed(late));
	close(late);
	/* one that waits for nothing does */
	answer(5, "a");
	UNTIL(take_message(fd[5], "a"));
	fd[DNS_TCP_CONNS_MAX] = client();
	put_message(fd[DNS_TCP_CONNS_MAX], "q");
	UNTIL(asked.n == DNS_TCP_CONNS_MAX + 1);
	UNTIL(is_closed(fd[5]));
	assert_false(is_closed(fd[6]));
	for (size_t i = 0; i <= DNS_TCP_CONNS_MAX; i++)
		close(fd[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_answers_in_any_order),
		T(test_strangers_get_no_byte),
		T(test_a_byte_at_a_time),
		T(test_too_long_a_request_closes),
		T(test_the_pipeline_is_bounded),
		T(test_answers_from_inside),
		T(test_the_client_goes_first),
		T(test_slow_loris),
		T(test_a_client_that_does_not_read),
		T(test_connections_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
