/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fault/hostile_tls.h"

#include "base/conn_priv.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_HANDSHAKE 0x16

static struct conn_tls *tls;

void hostile_tls_init(void)
{
	char dir[] = "/tmp/hostile.XXXXXX", cert[64], key[64];
	const char *why = "cannot make a certificate";

	if (mkdtemp(dir)) {
		snprintf(cert, sizeof(cert), "%s/cert", dir);
		snprintf(key, sizeof(key), "%s/key", dir);
		if (conn_tls_make("hostile", cert, key) == 0)
			tls = conn_tls_load(cert, key, &why);
		unlink(cert);
		unlink(key);
		rmdir(dir);
	}
	if (!tls) {
		fprintf(stderr, "hostile: %s\n", why);
		exit(1);
	}
}

static void wait_for(int fd, int result)
{
	struct pollfd p = { fd, result == TLS_WANT_WRITE ? POLLOUT : POLLIN, 0 };

	if (result == TLS_END || result == TLS_BROKEN)
		_exit(0);
	poll(&p, 1, -1);
}

static void put_all(struct tls_session *s, int fd, struct span data)
{
	while (data.len) {
		int n = tls_session_write(s, data);

		if (n > 0)
			data = span_from(data, (size_t)n);
		else
			wait_for(fd, n);
	}
}

/* What came from the client, until no more is there. */
static void carry_in(struct tls_session *s, int inside)
{
	uint8_t bytes[16384];
	int n;

	while ((n = tls_session_read(s, mspan_of(bytes, sizeof(bytes)))) > 0)
		if (send(inside, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			_exit(0);
	if (n == TLS_END || n == TLS_BROKEN)
		_exit(0);
}

static void carry_out(struct tls_session *s, int fd, int inside)
{
	uint8_t bytes[16384];
	ssize_t n = recv(inside, bytes, sizeof(bytes), 0);

	if (n <= 0)
		_exit(0);
	put_all(s, fd, span_of(bytes, (size_t)n));
}

static _Noreturn void carry(int fd, int inside)
{
	struct tls_session *s;
	int n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	s = tls_session_new(tls, fd);
	if (!s)
		_exit(1);
	while ((n = tls_session_accept(s)) != 1)
		wait_for(fd, n);
	for (;;) {
		struct pollfd p[] = { { fd, POLLIN, 0 }, { inside, POLLIN, 0 } };

		poll(p, 2, -1);
		if (p[0].revents)
			carry_in(s, inside);
		if (p[1].revents)
			carry_out(s, fd, inside);
	}
}

int hostile_tls_front(int fd)
{
	uint8_t first;
	int pair[2];

	if (recv(fd, &first, 1, MSG_PEEK) != 1)
		return -1;
	if (first != TLS_HANDSHAKE)
		return fd;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	if (fork() == 0) {
		close(pair[0]);
		carry(fd, pair[1]);
	}
	close(pair[1]);
	close(fd);
	return pair[0];
}
