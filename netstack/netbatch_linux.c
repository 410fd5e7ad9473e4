/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/netbatch_linux.h"

#include "base/alloc.h"
#include "netstack/netmsg_linux.h"

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAX 128 /* bytes of one request; those of kroute_linux.c are under 90 */
#define ANSWER_MAX 8192
#define UNANSWERED 1 /* in the place of a code */

static int code_of(int err)
{
	switch (err) {
	case 0:
		return 0;
	case EEXIST:
		return -ERR_EXIST;
	case ENOENT:
	case ESRCH:
	case ENODEV:
	case EADDRNOTAVAIL:
		return -ERR_NOENT;
	case EPERM:
		return -ERR_PERM;
	case EACCES: /* IPv6 is off on the interface */
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
		return -ERR_UNSUPPORTED;
	case ENOMEM:
	case ENOBUFS:
		return -ERR_NOMEM;
	case EINVAL:
	case ERANGE:
		return -ERR_RANGE;
	case EBUSY:
		return -ERR_BUSY;
	case ENETDOWN:
		return -ERR_STATE;
	default:
		return -ERR_IO;
	}
}

/* ---- answers ---- */

struct answers {
	uint32_t first; /* sequence number of the first request */
	unsigned n;
	int *rc;
};

/* True with the answer to the last request. */
static bool take_answer(struct answers *a, struct nlmsghdr *h)
{
	uint32_t i = h->nlmsg_seq - a->first;
	if (h->nlmsg_type != NLMSG_ERROR || i >= a->n ||
	    nlmsg_datalen(h) < (int)sizeof(struct nlmsgerr))
		return false;
	const struct nlmsgerr *e = nlmsg_data(h);
	a->rc[i] = code_of(-e->error);
	return i == a->n - 1;
}

static bool take_answers(struct answers *a, void *data, int len)
{
	bool last = false;
	for (struct nlmsghdr *h = data; nlmsg_ok(h, len); h = nlmsg_next(h, &len))
		last |= take_answer(a, h);
	return last;
}

/* The kernel has done all requests, and its answers are there, when send returns: nothing waits.
 * False if answers were lost; none is left behind then that would fill the socket. */
static bool read_answers(int fd, struct answers *a)
{
	_Alignas(struct nlmsghdr) uint8_t data[ANSWER_MAX];
	bool lost = false;
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n =
		    recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (void *)&from, &from_len);
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return false;
		lost |= n < 0 && errno == ENOBUFS;
		/* Others with CAP_NET_ADMIN could send to us, too. */
		if (n >= 0 && from.nl_pid == 0 && take_answers(a, data, (int)n) && !lost)
			return true;
	}
}

/* ---- requests ---- */

static int send_all(int fd, const void *data, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;
	do
		n = sendto(fd, data, len, 0, (void *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : code_of(n < 0 ? errno : EIO);
}

/* Only a request that fails is answered, and the last one in any case. */
static uint32_t number(struct nl_sock *s, void *data, size_t len)
{
	int left = (int)len;
	struct nlmsghdr *h = data, *last = h;
	uint32_t first = 0;
	for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		h->nlmsg_seq = nl_socket_use_seq(s);
		h->nlmsg_flags |= NLM_F_REQUEST;
		if (h == data)
			first = h->nlmsg_seq;
		last = h;
	}
	last->nlmsg_flags |= NLM_F_ACK;
	return first;
}

static void exchange(struct nl_sock *s, void *data, size_t len, unsigned n, int *rc)
{
	struct answers a = { number(s, data, len), n, rc };
	int fd = nl_socket_get_fd(s);
	for (unsigned i = 0; i < n; i++)
		rc[i] = UNANSWERED;
	int sent = send_all(fd, data, len);
	bool complete = sent == 0 && read_answers(fd, &a);
	for (unsigned i = 0; i < n; i++)
		if (rc[i] == UNANSWERED)
			rc[i] = sent ? sent : complete ? 0 : -ERR_NOMEM;
}

/* ---- batches ---- */

void netbatch_init(struct netbatch *b, struct nl_sock *s)
{
	*b = (struct netbatch){ .s = s, .data = xcalloc(NETBATCH_MAX, REQUEST_MAX) };
}

void netbatch_fini(struct netbatch *b)
{
	free(b->data);
	*b = (struct netbatch){ 0 };
}

bool netbatch_full(const struct netbatch *b)
{
	return b->n == NETBATCH_MAX;
}

void netbatch_clear(struct netbatch *b)
{
	b->n = 0;
	b->len = 0;
}

/* The code it fails with before it is sent, or 0. */
static int check(struct nl_msg *msg)
{
	if (!msg)
		return -ERR_NOMEM;
	struct nlmsghdr *h = nlmsg_hdr(msg);
	int af = *(uint8_t *)nlmsg_data(h); /* first in the fixed part of them all */
	return h->nlmsg_len > REQUEST_MAX ? -ERR_TOOBIG : netmsg_fault(h->nlmsg_type, af);
}

void netbatch_add(struct netbatch *b, struct nl_msg *msg)
{
	int rc = check(msg);
	b->rc[b->n++] = rc;
	if (rc == 0) {
		struct nlmsghdr *h = nlmsg_hdr(msg);
		memcpy(b->data + b->len, h, h->nlmsg_len);
		b->len += NLMSG_ALIGN(h->nlmsg_len);
	}
	nlmsg_free(msg);
}

void netbatch_send(struct netbatch *b)
{
	int sent[NETBATCH_MAX];
	unsigned n = 0, k = 0;
	for (unsigned i = 0; i < b->n; i++)
		n += b->rc[i] == 0;
	if (n)
		exchange(b->s, b->data, b->len, n, sent);
	for (unsigned i = 0; i < b->n; i++)
		if (b->rc[i] == 0)
			b->rc[i] = sent[k++];
}

int netbatch_one(struct nl_sock *s, struct nl_msg *msg)
{
	int rc = check(msg);
	if (rc == 0)
		exchange(s, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, 1, &rc);
	nlmsg_free(msg);
	return rc;
}
