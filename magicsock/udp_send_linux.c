/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending batches: each message is a datagram, or a run that the kernel splits (UDP_SEGMENT), or
 * that is split here where the kernel or the device cannot. */
#include "base/sockaddr.h"
#include "magicsock/udp_priv.h"

#include <errno.h>
#include <netinet/udp.h>

struct walk {
	const struct udp_msg *msgs;
	size_t n;
	struct udp_place at;
	size_t alone; /* this message goes datagram by datagram; n = none */
};

static void put_segment(struct msghdr *h, uint8_t *control, uint16_t segment)
{
	h->msg_control = NULL;
	h->msg_controllen = 0;
	if (!segment)
		return;
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(segment));
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
}

static bool is_run(const struct msghdr *h)
{
	return h->msg_controllen > 0;
}

/* Message i of the batch: what comes at w->at, up to the end of a run or of one datagram. */
static void put(struct udp_batch *b, size_t i, struct walk *w, bool split)
{
	const struct udp_msg *m = &w->msgs[w->at.msg];
	struct msghdr *h = &b->msgs[i].msg_hdr;
	struct sockaddr_storage ss;
	size_t len = m->buf.len - w->at.off;
	bool many = m->segment && m->segment < len;
	bool run = many && !split && w->at.msg != w->alone;
	if (many && !run)
		len = m->segment;
	b->iov[i] = (struct iovec){ m->buf.p + w->at.off, len };
	h->msg_namelen = sockaddr_from_ep(m->ep, &ss);
	memcpy(&b->addrs[i], &ss, sizeof(b->addrs[i]));
	put_segment(h, b->control[i], run ? m->segment : 0);
	w->at.off += len;
	if (w->at.off >= m->buf.len)
		w->at = (struct udp_place){ w->at.msg + 1, 0 };
	b->next[i] = w->at;
}

static unsigned fill(struct udp_batch *b, struct walk w, bool split)
{
	unsigned k = 0;
	while (k < UDP_BATCH_MAX && w.at.msg < w.n)
		put(b, k++, &w, split);
	return k;
}

/* A run was refused: may its datagrams be tried one by one? EIO is a device that cannot split
 * (datapath.md 7); for the size, the path may take the fragments of a datagram and no run of it. */
static bool try_alone(struct udp_sock *s, struct walk *w, int err)
{
	if (err == EIO)
		atomic_fetch_or_explicit(&s->gso_off, OFFLOAD_OFF_DEVICE, memory_order_relaxed);
	else if (err == EMSGSIZE || err == EINVAL)
		w->alone = w->at.msg;
	else
		return false;
	return true;
}

enum udp_result udp_send_batch_by(udp_sendmmsg send, struct udp_sock *s, struct udp_batch *b,
				  const struct udp_msg *msgs, size_t n, size_t *sent)
{
	struct walk w = { msgs, n, { 0, 0 }, n };
	enum udp_result r = UDP_SENT;
	while (w.at.msg < n && r == UDP_SENT) {
		bool split = atomic_load_explicit(&s->gso_off, memory_order_relaxed) != 0;
		int done = send(s->fd, b->msgs, fill(b, w, split), MSG_DONTWAIT);
		if (done > 0)
			w.at = b->next[done - 1];
		else if (!is_run(&b->msgs[0].msg_hdr) || !try_alone(s, &w, errno))
			r = udp_result_of(errno);
	}
	*sent = w.at.msg;
	return r;
}

static int send_now(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	return sendmmsg(fd, v, n, flags);
}

enum udp_result udp_send_batch(struct udp_sock *s, struct udp_batch *b, const struct udp_msg *msgs,
			       size_t n, size_t *sent)
{
	return udp_send_batch_by(send_now, s, b, msgs, n, sent);
}
