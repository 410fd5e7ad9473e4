/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"
#include "base/sockaddr.h"
#include "magicsock/udp_linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONTROL_LEN 64 /* one cmsg of an int, with room to spare */

/* Large enough for both families, without sockaddr_storage's 128 bytes a message. */
union addr {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct udp_batch {
	struct mmsghdr msgs[UDP_BATCH_MAX];
	struct iovec iov[UDP_BATCH_MAX];
	union addr addrs[UDP_BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH_MAX][CONTROL_LEN];
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
		struct msghdr *h = &b->msgs[i].msg_hdr;
		h->msg_iov = &b->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = &b->addrs[i];
	}
	return b;
}

void udp_batch_free(struct udp_batch *b)
{
	free(b);
}

static size_t at_most(size_t n)
{
	return n < UDP_BATCH_MAX ? n : UDP_BATCH_MAX;
}

/* ---- receive ------------------------------------------------------------------------------ */

static struct ep ep_of(const union addr *a)
{
	struct sockaddr_storage ss = { .ss_family = a->sa.sa_family };
	memcpy(&ss, a, sizeof(*a));
	return sockaddr_to_ep((const struct sockaddr *)&ss);
}

/* Size of each datagram of a run that the kernel joined (UDP_GRO); 0 if it is a single one. */
static uint16_t segment_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		int size;
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 && size <= UINT16_MAX ? (uint16_t)size : 0;
	}
	return 0;
}

static void take(struct udp_batch *b, size_t i, struct udp_msg *m)
{
	static const struct ep none;
	struct msghdr *h = &b->msgs[i].msg_hdr;
	bool cut = h->msg_flags & MSG_TRUNC;
	m->ep = cut ? none : ep_of(&b->addrs[i]);
	m->buf.len = cut ? 0 : b->msgs[i].msg_len;
	m->segment = cut ? 0 : segment_of(h);
}

int udp_recv_batch(struct udp_sock *s, struct udp_batch *b, struct udp_msg *msgs, size_t n)
{
	n = at_most(n);
	for (size_t i = 0; i < n; i++) {
		struct msghdr *h = &b->msgs[i].msg_hdr;
		b->iov[i] = (struct iovec){ msgs[i].buf.p, msgs[i].buf.len };
		h->msg_namelen = sizeof(b->addrs[i]);
		h->msg_control = b->control[i];
		h->msg_controllen = CONTROL_LEN;
	}
	int got = recvmmsg(s->fd, b->msgs, (unsigned)n, MSG_DONTWAIT, NULL);
	if (got < 0)
		return udp_recv_error(errno);
	for (int i = 0; i < got; i++)
		take(b, (size_t)i, &msgs[i]);
	return got;
}

/* ---- send --------------------------------------------------------------------------------- */

static void set_segment(struct udp_batch *b, size_t i, uint16_t segment)
{
	struct msghdr *h = &b->msgs[i].msg_hdr;
	h->msg_control = NULL;
	h->msg_controllen = 0;
	if (!segment)
		return;
	h->msg_control = b->control[i];
	h->msg_controllen = CMSG_SPACE(sizeof(segment));
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
}

static void give(struct udp_batch *b, size_t i, const struct udp_msg *m)
{
	struct sockaddr_storage ss;
	b->iov[i] = (struct iovec){ m->buf.p, m->buf.len };
	b->msgs[i].msg_hdr.msg_namelen = sockaddr_from_ep(m->ep, &ss);
	memcpy(&b->addrs[i], &ss, sizeof(b->addrs[i]));
	set_segment(b, i, m->segment);
}

enum udp_result udp_send_batch(struct udp_sock *s, struct udp_batch *b, const struct udp_msg *msgs,
			       size_t n, size_t *sent)
{
	*sent = 0;
	while (*sent < n) {
		size_t k = at_most(n - *sent);
		for (size_t i = 0; i < k; i++)
			give(b, i, &msgs[*sent + i]);
		int done = sendmmsg(s->fd, b->msgs, (unsigned)k, MSG_DONTWAIT);
		if (done < 0)
			return udp_result_of(errno);
		*sent += (size_t)done;
	}
	return UDP_SENT;
}
