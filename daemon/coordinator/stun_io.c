/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/coordinator/stun_io.h"

#include "base/alloc.h"
#include "base/sockaddr.h"
#include "magicsock/stun_wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PER_WAKE 256
#define DATAGRAM_MAX 512

struct stun_server {
	struct loop_fd fd;
	const bool *off;
};

/* With 0.0.0.0 the kernel would answer from whatever address routing prefers: learn the one that
 * was asked and send from it. */
union pktinfo {
	struct cmsghdr align;
	uint8_t
	    bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void ask_for_pktinfo(int fd, bool v6)
{
	int on = 1;

	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

/* The interface need not be named, only the address. */
static void forget_interface(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex = 0;
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
	}
}

static size_t make_answer(struct span pkt, const struct sockaddr *from,
			  uint8_t out[static STUN_RESPONSE_MAX])
{
	struct stun_txid txid;
	struct ep ep = sockaddr_to_ep(from);

	if (!ep_is_set(ep) || stun_request_parse(pkt, &txid) < 0)
		return 0;
	return stun_response_build(&txid, ep, out);
}

/* False when nothing is left to read. */
static bool answer_one(struct stun_server *s)
{
	uint8_t in[DATAGRAM_MAX], out[STUN_RESPONSE_MAX];
	struct sockaddr_storage from;
	union pktinfo info;
	struct iovec iov = { in, sizeof(in) };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &info,
			    .msg_controllen = sizeof(info) };
	ssize_t n = recvmsg(s->fd.fd, &m, 0);

	if (n < 0)
		return errno != EAGAIN;
	if (*s->off || (m.msg_flags & MSG_TRUNC))
		return true;
	iov = (struct iovec){ out, make_answer(span_of(in, (size_t)n),
					       (const struct sockaddr *)&from, out) };
	forget_interface(&m);
	if (iov.iov_len && sendmsg(s->fd.fd, &m, MSG_DONTWAIT) < 0)
		return true; /* the client asks again */
	return true;
}

static void on_readable(struct loop_fd *w, int events)
{
	(void)events;
	for (int i = 0; i < PER_WAKE; i++)
		if (!answer_one(w->arg))
			return;
}

static int bind_udp(struct ep at)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_from_ep(at, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	ask_for_pktinfo(fd, ss.ss_family == AF_INET6);
	if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct stun_server *stun_server_new(struct loop *l, struct ep at, const bool *off)
{
	int fd = bind_udp(at);
	struct stun_server *s;

	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->off = off;
	if (loop_fd_start(l, &s->fd, fd, LOOP_READ, on_readable, s) < 0) {
		close(fd);
		free(s);
		errno = EIO;
		return NULL;
	}
	return s;
}

void stun_server_free(struct stun_server *s)
{
	int fd;

	if (!s)
		return;
	fd = s->fd.fd;
	loop_fd_stop(&s->fd);
	close(fd);
	free(s);
}
