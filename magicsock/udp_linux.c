/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/udp_linux.h"

#include "base/sockaddr.h"

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
static int open_first(enum ip_family fam, const uint16_t *ports, size_t n, uint32_t fwmark,
		      bool *marked)
{
	int fd = -1;
	for (size_t i = 0; i < n && fd < 0; i++)
		if (ports[i] != 0 || i == n - 1)
			fd = open_one(fam, ports[i], fwmark, marked);
	return fd;
}

static uint16_t port_of(int fd)
{
	return fd < 0 ? 0 : sockaddr_of_fd(fd, false).port;
}

int udp_open(struct udp_socks *s, const struct udp_opts *o)
{
	uint16_t ports4[] = { o->port, o->current, 0 };
	*s = (struct udp_socks){ .fd4 = -1, .fd6 = -1 };
	s->fd4 = open_first(IP_V4, ports4, 3, o->fwmark, &s->marked);
	int err = errno;
	s->port = port_of(s->fd4);
	uint16_t ports6[] = { s->fd4 < 0 ? o->port : s->port, 0 };
	bool marked6;
	if (!o->no_v6)
		s->fd6 = open_first(IP_V6, ports6, 2, o->fwmark, &marked6);
	s->port6 = port_of(s->fd6);
	errno = err;
	return s->fd4 < 0 ? -ERR_IO : 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void udp_close(struct udp_socks *s)
{
	close_one(&s->fd4);
	close_one(&s->fd6);
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
	case EIO:
		return UDP_NO_GSO;
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		return UDP_NO_SOCKET;
	}
	return UDP_ERROR;
}

enum udp_result udp_send(const struct udp_socks *s, struct ep to, struct span datagram)
{
	int fd = to.ip.fam == IP_V4 ? s->fd4 : to.ip.fam == IP_V6 ? s->fd6 : -1;
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
