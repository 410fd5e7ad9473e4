/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/udp_linux.h"

#include "base/sockaddr.h"
#include "magicsock/udp_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_int(int fd, int level, int name, int value)
{
	/* best effort: each has a fall-back or is only a matter of speed */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_buffers(int fd)
{
	int size = UDP_SOCKET_BUFFER;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, size);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		set_int(fd, SOL_SOCKET, SO_SNDBUF, size);
}

static int bind_any(int fd, enum ip_family fam, uint16_t port)
{
	struct ep any = { { .fam = fam }, port };
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(any, &ss);
	return bind(fd, (struct sockaddr *)&ss, len);
}

/* A bound socket, or -1 with errno. */
static int open_one(enum ip_family fam, uint16_t port, uint32_t fwmark, bool *marked)
{
	int domain = fam == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (fam == IP_V6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (fwmark)
		*marked = !setsockopt(fd, SOL_SOCKET, SO_MARK, &fwmark, sizeof(fwmark));
	if (bind_any(fd, fam, port)) {
		int err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	set_buffers(fd);
	return fd;
}

/* The first of the ports that can be had; 0 among them means any. */
static int open_first_fd(enum ip_family fam, const uint16_t *ports, size_t n, uint32_t fwmark,
			 bool *marked)
{
	int fd = -1;
	for (size_t i = 0; i < n && fd < 0; i++)
		if (ports[i] != 0 || i == n - 1)
			fd = open_one(fam, ports[i], fwmark, marked);
	return fd;
}

/* Whether one was had; errno tells of the last failure. */
static bool open_sock(struct udp_sock *s, enum ip_family fam, const uint16_t *ports, size_t n,
		      const struct udp_opts *o, bool *marked)
{
	s->fd = open_first_fd(fam, ports, n, o->fwmark, marked);
	if (s->fd < 0)
		return false;
	s->port = sockaddr_of_fd(s->fd, false).port;
	/* the kernel doubles what it is asked for, for its own need, and tells that */
	s->rcvbuf = udp_get_int(s->fd, SOL_SOCKET, SO_RCVBUF) / 2;
	s->sndbuf = udp_get_int(s->fd, SOL_SOCKET, SO_SNDBUF) / 2;
	udp_offload_start(s, o->no_offload);
	return true;
}

int udp_open(struct udp_socks *s, const struct udp_opts *o)
{
	uint16_t ports4[] = { o->port, o->current, 0 };
	*s = UDP_SOCKS_NONE;
	bool have4 = open_sock(&s->v4, IP_V4, ports4, 3, o, &s->marked);
	int err = errno;
	uint16_t ports6[] = { have4 ? s->v4.port : o->port, 0 };
	bool marked6;
	if (!o->no_v6)
		(void)open_sock(&s->v6, IP_V6, ports6, 2, o, &marked6);
	errno = err;
	return have4 ? 0 : -ERR_IO;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void udp_close(struct udp_socks *s)
{
	close_one(&s->v4.fd);
	close_one(&s->v6.fd);
}

enum udp_result udp_result_of(int err)
{
	switch (err) {
	case 0:
		return UDP_SENT;
	case EAGAIN:
	case ENOBUFS:
		return UDP_AGAIN;
	case EPERM:
		return UDP_LOST;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return UDP_UNREACHABLE;
	case EMSGSIZE:
		return UDP_TOOBIG;
	case EBADF:
	case EPIPE:
	case ENOTCONN:
		return UDP_CLOSED;
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		return UDP_NO_SOCKET;
	}
	return UDP_ERROR;
}

enum udp_result udp_send(const struct udp_socks *s, struct ep to, struct span datagram)
{
	int fd = to.ip.fam == IP_V4 ? s->v4.fd : to.ip.fam == IP_V6 ? s->v6.fd : -1;
	struct sockaddr_storage ss;
	if (fd < 0)
		return UDP_NO_SOCKET;
	socklen_t len = sockaddr_from_ep(to, &ss);
	if (sendto(fd, datagram.p, datagram.len, 0, (struct sockaddr *)&ss, len) < 0)
		return udp_result_of(errno);
	return UDP_SENT;
}

int udp_recv(int fd, struct mspan *room, struct ep *from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	ssize_t n = recvfrom(fd, room->p, room->len, MSG_TRUNC, (struct sockaddr *)&ss, &len);
	if (n < 0)
		return udp_recv_error(errno);
	if ((size_t)n > room->len)
		return 0;
	room->len = (size_t)n;
	*from = sockaddr_to_ep((struct sockaddr *)&ss);
	return 1;
}

/* ICMP errors of earlier sends show up on receive; they say nothing about the socket. */
int udp_recv_error(int err)
{
	if (err == EBADF || err == ENOTSOCK)
		return -ERR_CLOSED;
	return err == ENOMEM ? -ERR_IO : 0;
}
