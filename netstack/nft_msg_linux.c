/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_msg_linux.h"

#include "base/alloc.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_BYTES 32768 /* a dump's piece, as the kernel makes them at most */
#define ANSWER_WAIT_S 2	   /* for the kernel's answer, which is there at once */

int nft_sock_open(struct nft_sock *s)
{
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	int yes = 1;
	*s = (struct nft_sock){ .nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC) };
	if (!s->nl)
		return errno;
	if (mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;
		nft_sock_close(s);
		return err;
	}
	/* A refusal need not bring back the message; of a large one it would not fit. */
	mnl_socket_setsockopt(s->nl, NETLINK_CAP_ACK, &yes, sizeof(yes));
	setsockopt(mnl_socket_get_fd(s->nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	s->port = mnl_socket_get_portid(s->nl);
	return 0;
}

void nft_sock_close(struct nft_sock *s)
{
	if (s->nl)
		mnl_socket_close(s->nl);
	s->nl = NULL;
}

static struct nlmsghdr *put_head(void *at, uint16_t type, uint8_t fam, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = seq;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = fam;
	g->version = NFNETLINK_V0;
	return h;
}

static uint16_t nft_type(uint16_t type)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

/* ---- questions ---- */

struct nlmsghdr *nft_ask_begin(struct nft_sock *s, uint8_t buf[static NFT_ASK_BYTES], uint16_t type,
			       uint8_t fam, bool dump)
{
	return put_head(buf, nft_type(type), fam, dump ? NLM_F_DUMP : NLM_F_ACK, s->seq++);
}

int nft_ask(struct nft_sock *s, struct nlmsghdr *q, mnl_cb_t fn, void *arg)
{
	_Alignas(struct nlmsghdr) uint8_t buf[ANSWER_BYTES];
	if (mnl_socket_sendto(s->nl, q, q->nlmsg_len) < 0)
		return errno;
	for (int rc = MNL_CB_OK; rc > MNL_CB_STOP;) {
		ssize_t n = mnl_socket_recvfrom(s->nl, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		rc = mnl_cb_run(buf, (size_t)n, q->nlmsg_seq, s->port, fn, arg);
		if (rc < 0)
			return errno;
	}
	return 0;
}

const struct nlattr *nft_attr(const struct nlmsghdr *h, uint16_t type)
{
	const uint8_t *end = mnl_nlmsg_get_payload_tail(h);
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, sizeof(struct nfgenmsg));
	for (; mnl_attr_ok(a, (int)(end - (const uint8_t *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

uint64_t nft_attr_number(const struct nlmsghdr *h, uint16_t type, uint64_t otherwise)
{
	const struct nlattr *a = nft_attr(h, type);
	if (a && mnl_attr_get_payload_len(a) == sizeof(uint64_t))
		return be64toh(mnl_attr_get_u64(a));
	if (a && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		return ntohl(mnl_attr_get_u32(a));
	return otherwise;
}

static int on_generation(const struct nlmsghdr *h, void *arg)
{
	*(uint32_t *)arg = (uint32_t)nft_attr_number(h, NFTA_GEN_ID, 0);
	return MNL_CB_OK;
}

int nft_generation(struct nft_sock *s, uint32_t *gen)
{
	NFT_ASK_BUFFER(buf);
	*gen = 0;
	return nft_ask(s, nft_ask_begin(s, buf, NFT_MSG_GETGEN, AF_UNSPEC, false), on_generation,
		       gen);
}

/* ---- batches ---- */

static void *reserve(struct nft_batch *b)
{
	size_t need = b->len + MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg) + NFT_MSG_ROOM;
	if (b->cap < need) {
		b->cap = need + b->cap;
		b->buf = xrealloc(b->buf, 1, b->cap);
	}
	return b->buf + b->len;
}

static void close_last(struct nft_batch *b)
{
	if (b->last)
		b->len += MNL_ALIGN(b->last->nlmsg_len);
	b->last = NULL;
}

static void put_edge(struct nft_batch *b, struct nft_sock *s, uint16_t type)
{
	close_last(b);
	b->last = put_head(reserve(b), type, AF_UNSPEC, 0, s->seq++);
	struct nfgenmsg *g = mnl_nlmsg_get_payload(b->last);
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

void nft_batch_init(struct nft_batch *b, struct nft_sock *s, uint32_t gen)
{
	*b = (struct nft_batch){ 0 };
	put_edge(b, s, NFNL_MSG_BATCH_BEGIN);
	mnl_attr_put_u32(b->last, NFNL_BATCH_GENID, htonl(gen));
	b->seq = s->seq;
}

void nft_batch_fini(struct nft_batch *b)
{
	free(b->buf);
	free(b->steps);
	*b = (struct nft_batch){ 0 };
}

struct nlmsghdr *nft_batch_add(struct nft_batch *b, struct nft_sock *s, uint16_t type, uint8_t fam,
			       uint16_t flags, struct nft_step step)
{
	if (b->n_steps == b->cap_steps) {
		b->cap_steps = b->cap_steps ? 2 * b->cap_steps : 64;
		b->steps = xrealloc(b->steps, b->cap_steps, sizeof(*b->steps));
	}
	b->steps[b->n_steps++] = step;
	close_last(b);
	return b->last = put_head(reserve(b), nft_type(type), fam, flags, s->seq++);
}

static void on_verdict(const struct nft_batch *b, const struct nlmsghdr *h, bool *acked,
		       struct nft_refusal *r)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	size_t i = h->nlmsg_seq - b->seq;
	if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(*e))
		return;
	if (e->error == 0) {
		*acked |= i == b->n_steps - 1;
	} else if (!r->err) {
		r->err = -e->error;
		if (i < b->n_steps)
			r->step = b->steps[i];
	}
}

/* All answers are there when sending returns; the one to the last message shows that it was so. */
static struct nft_refusal hear(const struct nft_batch *b, struct nft_sock *s)
{
	_Alignas(struct nlmsghdr) uint8_t buf[ANSWER_BYTES];
	struct nft_refusal r = { 0 };
	bool acked = false;
	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(s->nl), buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n <= 0)
			break;
		int left = (int)n;
		for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left))
			on_verdict(b, h, &acked, &r);
	}
	if (!r.err && !acked)
		r.err = EIO;
	return r;
}

/* The kernel takes a message in one piece, so it must fit the socket's buffer. */
static void make_room(struct nft_sock *s, size_t len)
{
	int fd = mnl_socket_get_fd(s->nl), size = (int)(len + 4096);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

struct nft_refusal nft_batch_commit(struct nft_batch *b, struct nft_sock *s)
{
	if (b->n_steps == 0)
		return (struct nft_refusal){ 0 };
	b->last->nlmsg_flags |= NLM_F_ACK;
	put_edge(b, s, NFNL_MSG_BATCH_END);
	close_last(b);
	make_room(s, b->len);
	if (mnl_socket_sendto(s->nl, b->buf, b->len) < 0)
		return (struct nft_refusal){ .err = errno };
	return hear(b, s);
}
