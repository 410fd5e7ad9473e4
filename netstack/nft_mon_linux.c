/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/nft_priv.h"

#include "base/alloc.h"
#include "base/bucket.h"
#include "netstack/nft_look_linux.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EVENT_BUFFER (1 << 20)
#define READ_BYTES 32768
#define READS_PER_WAKE 64

#define GATHER_MS 200 /* a firewall that reloads takes things away one after another */
#define BURST 10      /* calls as close as that; then one in REFILL */
#define REFILL (5000 * NS_PER_MS)

struct nft_monitor {
	struct loop *loop;
	const struct nft *n;
	void (*on_changed)(void *arg);
	void *arg;
	struct mnl_socket *nl;
	struct loop_fd watch;
	struct loop_timer call;
	struct bucket budget;
};

/* ---- which events are news ---- */

enum { EV_TABLE, EV_CHAIN, EV_RULE, EV_OTHER };

struct event {
	uint8_t fam;
	int kind;
	bool removed;
	const char *table, *chain; /* NULL: none */
};

static int kind_of(unsigned type)
{
	switch (type) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
		return EV_TABLE;
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
		return EV_CHAIN;
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		return EV_RULE;
	default: /* sets and what else a table can hold */
		return EV_OTHER;
	}
}

static const char *text(const struct nlmsghdr *h, uint16_t type)
{
	const struct nlattr *a = nft_attr(h, type);
	return a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(a) : NULL;
}

static struct event parse(const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	unsigned type = h->nlmsg_type & 0xff;
	struct event e = { .kind = kind_of(type) };
	if (mnl_nlmsg_get_payload_len(h) < sizeof(*g) || type == NFT_MSG_NEWGEN)
		return e;
	e.fam = g->nfgen_family;
	e.removed = type == NFT_MSG_DELTABLE || type == NFT_MSG_DELCHAIN || type == NFT_MSG_DELRULE;
	e.table = text(h, NFTA_TABLE_NAME); /* of the same number in all of them */
	if (e.kind == EV_CHAIN)
		e.chain = text(h, NFTA_CHAIN_NAME);
	else if (e.kind == EV_RULE)
		e.chain = text(h, NFTA_RULE_CHAIN);
	return e;
}

static bool concerns_place(const struct event *e, const struct nft_place *p)
{
	if (e->fam != p->fam || strcmp(e->table, p->table) != 0)
		return false;
	if (e->kind == EV_TABLE)
		return e->removed;
	if (!e->chain)
		return false;
	/* What others add to INPUT and FORWARD is their own business. */
	return strcmp(e->chain, p->chain) == 0 || (e->removed && strcmp(e->chain, p->base) == 0);
}

static bool concerns_us(const struct event *e)
{
	if (!e->table)
		return false;
	if (strcmp(e->table, NFT_OUR_TABLE) == 0)
		return true;
	for (size_t i = 0; i < NFT_ACCEPT_PLACES; i++)
		if (concerns_place(e, &nft_places[i]))
			return true;
	return false;
}

/* ---- telling ---- */

/* Putting things back as fast as another manager removes them would be a fight that only costs. */
static void call_soon(struct nft_monitor *m)
{
	if (loop_timer_armed(&m->call))
		return;
	mono_t now = loop_now(m->loop);
	mono_t due = bucket_reserve(&m->budget, now, REFILL, BURST);
	loop_timer_arm(&m->call, mono_add_ms(due, GATHER_MS));
}

static void on_call(struct loop_timer *t, mono_t now)
{
	struct nft_monitor *m = t->arg;
	(void)now;
	m->on_changed(m->arg);
}

static void on_messages(struct nft_monitor *m, const uint8_t *buf, size_t len)
{
	int left = (int)len;
	for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left)) {
		struct event e = parse(h);
		if (h->nlmsg_pid != nft_port(m->n) && concerns_us(&e))
			call_soon(m);
	}
}

static void on_readable(struct loop_fd *w, int events)
{
	struct nft_monitor *m = w->arg;
	_Alignas(struct nlmsghdr) uint8_t buf[READ_BYTES];
	(void)events;
	for (int i = 0; i < READS_PER_WAKE; i++) {
		ssize_t n = mnl_socket_recvfrom(m->nl, buf, sizeof(buf));
		if (n > 0)
			on_messages(m, buf, (size_t)n);
		else if (n == 0 || errno == EAGAIN)
			return;
		else if (errno != EINTR) /* messages were lost: see for ourselves */
			call_soon(m);
	}
}

/* ---- life ---- */

static int start(struct nft_monitor *m)
{
	int size = EVENT_BUFFER;
	m->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->nl)
		return errno;
	int fd = mnl_socket_get_fd(m->nl);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(m->nl, 1u << (NFNLGRP_NFTABLES - 1), MNL_SOCKET_AUTOPID) < 0)
		return errno;
	return loop_fd_start(m->loop, &m->watch, fd, LOOP_READ, on_readable, m) ? EIO : 0;
}

struct nft_monitor *nft_monitor_new(struct loop *l, const struct nft *n,
				    void (*on_changed)(void *arg), void *arg)
{
	struct nft_monitor *m = xcalloc(1, sizeof(*m));
	m->loop = l;
	m->n = n;
	m->on_changed = on_changed;
	m->arg = arg;
	loop_timer_init(l, &m->call, on_call, m);
	int err = start(m);
	if (err) {
		nft_monitor_free(m);
		errno = err;
		return NULL;
	}
	return m;
}

void nft_monitor_free(struct nft_monitor *m)
{
	if (!m)
		return;
	loop_timer_cancel(&m->call);
	loop_fd_stop(&m->watch);
	if (m->nl)
		mnl_socket_close(m->nl);
	free(m);
}
