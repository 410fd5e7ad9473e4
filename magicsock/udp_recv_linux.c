/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receiving batches: each message is a datagram, or a run that the kernel joined. */
#include "base/counters.h"
#include "base/sockaddr.h"
#include "magicsock/udp_priv.h"

#include <errno.h>
#include <netinet/udp.h>

static struct counter drops = { .name = "magicsock_udp_rx_queue_drops" };

void udp_counters_register(void)
{
	counters_register(&drops, 1);
}

static struct ep ep_of(const union udp_addr *a)
{
	struct sockaddr_storage ss = { .ss_family = a->sa.sa_family };
	memcpy(&ss, a, sizeof(*a));
	return sockaddr_to_ep((const struct sockaddr *)&ss);
}

/* The kernel counts from the socket's birth and wraps. */
static void note_drops(struct udp_sock *s, uint32_t total)
{
	uint32_t before = atomic_exchange_explicit(&s->drops, total, memory_order_relaxed);
	counter_add(&drops, total - before);
}

static uint32_t value_of(const struct cmsghdr *c)
{
	uint32_t v;
	memcpy(&v, CMSG_DATA(c), sizeof(v));
	return v;
}

/* What the kernel says beside the bytes. Returns the size of each datagram of a run (UDP_GRO), 0 if
 * it is a single one. */
static uint32_t read_control(struct udp_sock *s, struct msghdr *h)
{
	uint32_t segment = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			segment = value_of(c);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			note_drops(s, value_of(c));
	}
	return segment;
}

static void take(struct udp_sock *s, struct udp_batch *b, size_t i, struct udp_msg *m)
{
	struct msghdr *h = &b->msgs[i].msg_hdr;
	uint32_t segment = read_control(s, h);
	if (h->msg_flags & MSG_TRUNC) {
		*m = (struct udp_msg){ .buf = mspan_of(m->buf.p, 0) };
		return;
	}
	m->ep = ep_of(&b->addrs[i]);
	m->buf.len = b->msgs[i].msg_len;
	m->segment = segment < m->buf.len ? (uint16_t)segment : 0;
}

int udp_recv_batch(struct udp_sock *s, struct udp_batch *b, struct udp_msg *msgs, size_t n)
{
	if (n > UDP_BATCH_MAX)
		n = UDP_BATCH_MAX;
	for (size_t i = 0; i < n; i++) {
		struct msghdr *h = &b->msgs[i].msg_hdr;
		b->iov[i] = (struct iovec){ msgs[i].buf.p, msgs[i].buf.len };
		h->msg_namelen = sizeof(b->addrs[i]);
		h->msg_control = b->control[i];
		h->msg_controllen = UDP_CONTROL_LEN;
	}
	int got = recvmmsg(s->fd, b->msgs, (unsigned)n, MSG_DONTWAIT, NULL);
	if (got < 0)
		return udp_recv_error(errno);
	for (int i = 0; i < got; i++)
		take(s, b, (size_t)i, &msgs[i]);
	return got;
}
