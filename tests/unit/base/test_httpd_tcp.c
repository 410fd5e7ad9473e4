/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server needs that strangers reach by TCP: who is welcome, limits, refusals at the head. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/httpd.h"
#include "base/sockaddr.h"
#include "tests/lib/raw_client.h"
#include "tests/unit/base/io_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { MAX_BODY = 9000, OF_ONE = 4 };

static struct httpd *httpd;
static struct ep server;
static struct {
	int calls;
	struct ep from;
	struct httpd_req *held;
	size_t body;
	int heads;
} seen;

/* ---- clients ---- */

static struct ip local(uint8_t n)
{
	return ip_v4(127, 0, 0, n);
}

static void client_open(struct client *c, uint8_t from)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep((struct ep){ local(from), 0 }, &ss);

	client_init(c, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(bind(c->fd, (struct sockaddr *)&ss, len), 0);
	len = sockaddr_from_ep(server, &ss);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&ss, len), 0);
}

/* ---- the server ---- */

static void handler(void *arg, struct httpd_req *r)
{
	(void)arg;
	seen.calls++;
	seen.from = httpd_peer_ep(r);
	seen.body = httpd_body(r).len;
	if (strcmp(httpd_path(r), "/hold") == 0)
		seen.held = r;
	else if (strcmp(httpd_path(r), "/drop") == 0)
		httpd_drop(r);
	else
		httpd_reply(r, 200, "text/plain", span_str("answer\n"));
}

static bool welcome(void *arg, struct ep from)
{
	(void)arg;
	return !ip_eq(from.ip, local(66));
}

static struct httpd_refusal on_head(void *arg, const struct httpd_req *r)
{
	(void)arg;
	seen.heads++;
	if (strcmp(httpd_path(r), "/no") == 0)
		return (struct httpd_refusal){ 403, "not you\n" };
	if (strcmp(httpd_path(r), "/silent") == 0)
		return (struct httpd_refusal){ 403, NULL };
	return (struct httpd_refusal){ 0, NULL };
}

static void start(int turn_ms)
{
	struct httpd_opts o = { .max_body = MAX_BODY,
				.max_bodies = 3 * MAX_BODY,
				.max_connections = 16,
				.max_connections_of_one = OF_ONE,
				.turn_ms = turn_ms,
				.welcome = welcome,
				.head = on_head };
	int fd = httpd_listen_tcp((struct ep){ local(1), 0 }, NULL);

	assert_true(fd >= 0);
	server = sockaddr_of_fd(fd, false);
	httpd = httpd_new(loop, fd, &o, handler, NULL);
	assert_non_null(httpd);
}

static int setup(void **state)
{
	(void)state;
	io_start(NULL);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	httpd_free(httpd);
	httpd = NULL;
	io_stop();
	return 0;
}

/* ---- tests ---- */

static void test_address_of_the_client(void **state)
{
	struct client c;

	(void)state;
	start(0);
	client_open(&c, 2);
	client_send(&c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, "answer\n"));
	assert_true(ip_eq(seen.from.ip, local(2)));
	assert_true(ep_eq(seen.from, sockaddr_of_fd(c.fd, false)));
	client_close(&c);
}

static void test_not_welcome(void **state)
{
	struct client bad, good;

	(void)state;
	start(0);
	client_open(&bad, 66);
	client_open(&good, 2);
	client_send(&good, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&good, "answer\n") && client_closed(&bad));
	assert_int_equal(bad.in.len, 0);
	assert_int_equal(seen.calls, 1);
	client_close(&bad);
	client_close(&good);
}

static void test_refused_before_the_body(void **state)
{
	struct client c;

	(void)state;
	start(0);
	client_open(&c, 2);
	client_send(&c, "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n");
	UNTIL(client_has(&c, "not you\n") && client_closed(&c));
	assert_true(client_has(&c, "HTTP/1.1 403 Forbidden\r\n"));
	assert_true(client_has(&c, "text/plain; charset=utf-8\r\n"));
	assert_true(client_has(&c, "X-Content-Type-Options: nosniff\r\n"));
	client_close(&c);
	client_open(&c, 2);
	client_send(&c, "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_closed(&c));
	assert_int_equal(c.in.len, 0);
	assert_int_equal(seen.heads, 2);
	assert_int_equal(seen.calls, 0);
	client_close(&c);
}

static void test_dropped(void **state)
{
	struct client c;

	(void)state;
	start(1000);
	client_open(&c, 2);
	client_send(&c, "GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_closed(&c));
	assert_int_equal(c.in.len, 0);
	assert_int_equal(seen.calls, 1);
	client_close(&c);
}

/* More connections of one address are closed at once; another is served meanwhile. */
static void test_one_does_not_take_all(void **state)
{
	struct client many[20], other;
	int open = 0;

	(void)state;
	start(0);
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		client_open(&many[i], 2);
		send(many[i].fd, "GET /", 5, MSG_NOSIGNAL);
		settle(1);
	}
	client_open(&other, 3);
	client_send(&other, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&other, "answer\n"));
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		open += !client_closed(&many[i]);
		client_close(&many[i]);
	}
	assert_int_equal(open, OF_ONE);
	client_close(&other);
}

/* Three who take all they can: others still get in, with a connection each. */
static void test_few_do_not_take_all(void **state)
{
	struct client many[12], c[2];

	(void)state;
	start(0);
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		client_open(&many[i], (uint8_t)(2 + i / OF_ONE));
		client_send(&many[i], "GET /");
		settle(2);
	}
	for (size_t i = 0; i < 2; i++) {
		client_open(&c[i], 9);
		client_send(&c[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		settle(2);
	}
	UNTIL(client_has(&c[0], "answer\n") && client_closed(&c[1]));
	assert_false(client_has(&c[1], "answer\n"));
	client_close(&c[1]);
	client_open(&c[1], 10);
	client_send(&c[1], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c[1], "answer\n"));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		client_close(&many[i]);
	client_close(&c[0]);
	client_close(&c[1]);
}

/* A byte now and then is no sign of life. */
static void test_slow_head(void **state)
{
	struct client c;
	const char *rest = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
	mono_t limit = mono_add_s(mono_now(), 60);

	(void)state;
	start(300);
	client_open(&c, 2);
	while (!client_closed(&c) && !mono_due(limit, mono_now())) {
		send(c.fd, *rest ? rest : "y", 1, MSG_NOSIGNAL);
		rest += *rest != '\0';
		settle(20);
	}
	assert_true(c.closed);
	assert_int_equal(seen.calls, 0);
	client_close(&c);
}

static void test_slow_body(void **state)
{
	struct client c;
	mono_t limit = mono_add_s(mono_now(), 60);

	(void)state;
	start(300);
	client_open(&c, 2);
	client_send(&c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
	while (!client_closed(&c) && !mono_due(limit, mono_now())) {
		send(c.fd, "y", 1, MSG_NOSIGNAL);
		settle(20);
	}
	assert_true(c.closed);
	assert_int_equal(seen.calls, 0);
	client_close(&c);
}

/* The handler may take as long as it likes, and each request is given its own time. */
static void test_turns_begin_anew(void **state)
{
	struct client c;

	(void)state;
	start(5000);
	client_open(&c, 2);
	client_send(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(seen.held);
	settle(5500);
	assert_false(client_closed(&c));
	httpd_reply(seen.held, 200, NULL, span_str("late\n"));
	UNTIL(client_has(&c, "late\n"));
	client_send(&c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(client_has(&c, "answer\n"));
	assert_false(client_closed(&c));
	UNTIL(client_closed(&c)); /* nothing more comes */
	client_close(&c);
}

/* All bodies together have a cap: the large one too many is told to come again, small ones pass. */
static void test_bodies_together(void **state)
{
	struct client c[4], small;
	char body[MAX_BODY] = "";

	(void)state;
	start(0);
	memset(body, 'b', sizeof(body) - 1);
	for (int i = 0; i < 3; i++) {
		client_open(&c[i], (uint8_t)(2 + i));
		client_send(&c[i], "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
		client_send(&c[i], body); /* one byte is missing */
		settle(50);
	}
	client_open(&c[3], 5);
	client_send(&c[3], "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
	client_send(&c[3], body);
	client_send(&c[3], "e");
	UNTIL(client_has(&c[3], "503 Service Unavailable"));
	client_open(&small, 9);
	client_send(&small, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\ntiny");
	UNTIL(client_has(&small, "answer\n"));
	for (int i = 0; i < 3; i++) {
		client_send(&c[i], "e");
		UNTIL(client_has(&c[i], "answer\n"));
	}
	assert_int_equal(seen.calls, 4);
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	client_close(&small);
}

static void test_listen(void **state)
{
	struct ep here = { local(1), 0 }, v6 = { { IP_V6, { 0 } }, 0 };
	int fd = httpd_listen_tcp(here, "lo");

	(void)state;
	assert_true(fd >= 0);
	here = sockaddr_of_fd(fd, false);
	assert_int_not_equal(here.port, 0);
	assert_int_equal(httpd_listen_tcp(here, NULL), -ERR_BUSY);
	close(fd);
	fd = httpd_listen_tcp(here, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(httpd_listen_tcp((struct ep){ ip_v4(192, 0, 2, 1), 0 }, NULL), -ERR_NOENT);
	assert_int_equal(httpd_listen_tcp((struct ep){ .port = 1 }, NULL), -ERR_NOENT);
	v6.ip.b[15] = 1;
	fd = httpd_listen_tcp(v6, NULL);
	assert_true(fd >= 0 || fd == -ERR_NOENT || fd == -ERR_IO); /* hosts without IPv6 */
	if (fd >= 0)
		close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_address_of_the_client),
		T(test_not_welcome),
		T(test_refused_before_the_body),
		T(test_dropped),
		T(test_one_does_not_take_all),
		T(test_few_do_not_take_all),
		T(test_slow_head),
		T(test_slow_body),
		T(test_turns_begin_anew),
		T(test_bodies_together),
		cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
