/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hs_load: WireGuard initiations of strangers at a fixed rate, and what comes back.
 *
 *   hs_load --to IP:PORT --peer KEY --rate PER_SECOND --seconds N [--from IP] [--sources N]
 *
 *   --peer     the receiver's public key: base64, or nodekey: and hexadecimal digits
 *   --from     the first source address; --sources addresses from there on are used in turn. They
 * must be local here (ip route add local ...).
 *   --sources  default 1
 * Each initiation is whole and has a valid mac1, but its sender is nobody the receiver knows; each
 * of POOL goes out again and again. Only run it at a receiver of your own. One line of "name
 * value". */
#include "base/crypto/crypto.h"
#include "base/ip.h"
#include "base/mono.h"
#include "tests/load/flood_messages.h"
#include "wg/messages.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL 256
#define BATCH 64
#define SOURCES_MAX 65535
#define RECEIVE_ROOM (8 << 20)
#define LINGER_MS 300

struct options {
	struct ep to;
	struct node_key peer;
	struct ip from;
	unsigned sources, rate, seconds;
};

/* The source address of a datagram, for the kernel to obey. */
union source_control {
	char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

struct load {
	struct options o;
	int fd;
	uint8_t pool[POOL][FLOOD_DATAGRAM_MAX];
	uint64_t sent, refused, responses, cookies, others;
};

static void usage(const char *what)
{
	fprintf(stderr, "hs_load: %s\n", what);
	exit(2);
}

static void load_open(struct load *l)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int room = RECEIVE_ROOM;
	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		usage(strerror(errno));
	if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < POOL; i++)
		if (flood_message(FLOOD_INITIATION, &l->o.peer, l->pool[i]) == 0)
			usage("--peer is no usable key");
}

static void source_set(union source_control *c, struct msghdr *m, const struct options *o,
		       uint64_t i)
{
	uint32_t first;
	memcpy(&first, o->from.b, 4);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr =
				       htonl(ntohl(first) + (uint32_t)(i % o->sources)) };
	m->msg_control = c->room;
	m->msg_controllen = sizeof(c->room);
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	h->cmsg_level = IPPROTO_IP;
	h->cmsg_type = IP_PKTINFO;
	h->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(h), &info, sizeof(info));
}

/* The i-th datagram has the i-th source and the i-th initiation, each in turn. */
static void send_batch(struct load *l, unsigned n)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(l->o.to.port) };
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	union source_control control[BATCH];
	memcpy(&sa.sin_addr, l->o.to.ip.b, 4);
	memset(control, 0, sizeof(control));
	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){ l->pool[(l->sent + i) % POOL], WG_INITIATION_LEN };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &sa,
						.msg_namelen = sizeof(sa),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
		if (ip_is_set(l->o.from))
			source_set(&control[i], &m[i].msg_hdr, &l->o, l->sent + i);
	}
	int sent = sendmmsg(l->fd, m, n, 0);
	l->refused += sent < 0 ? n : n - (unsigned)sent;
	l->sent += n;
}

static void receive_all(struct load *l)
{
	uint8_t room[2048];
	ssize_t n;
	while ((n = recv(l->fd, room, sizeof(room), 0)) >= 0) {
		enum wg_kind kind = wg_classify(span_of(room, (size_t)n));
		l->responses += kind == WG_KIND_RESPONSE;
		l->cookies += kind == WG_KIND_COOKIE;
		l->others += kind != WG_KIND_RESPONSE && kind != WG_KIND_COOKIE;
	}
}

static void run(struct load *l)
{
	mono_t start = mono_now();
	int64_t past = 0;
	while (past < l->o.seconds * NS_PER_S) {
		uint64_t due = (uint64_t)((double)past * l->o.rate / NS_PER_S);
		if (due > l->sent)
			send_batch(l, due - l->sent < BATCH ? (unsigned)(due - l->sent) : BATCH);
		else
			poll(NULL, 0, 1);
		receive_all(l);
		past = mono_diff_ns(mono_now(), start);
	}
	poll(NULL, 0, LINGER_MS);
	receive_all(l);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static unsigned count(const char *text, unsigned max)
{
	uint64_t v;
	if (u64_decode(span_str(text), max, &v) || v == 0)
		usage("a number is out of its range");
	return (unsigned)v;
}

static void set_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 't':
		if (ep_decode(span_str(arg), &o->to) || o->to.ip.fam != IP_V4)
			usage("--to needs an IPv4 address and a port");
		break;
	case 'p':
		if (flood_key_decode(span_str(arg), &o->peer) < 0)
			usage("--peer: 44 characters of base64, or nodekey:");
		break;
	case 'f':
		if (ip_decode(span_str(arg), &o->from) || o->from.fam != IP_V4)
			usage("--from needs an IPv4 address");
		break;
	case 'n':
		o->sources = count(arg, SOURCES_MAX);
		break;
	case 'r':
		o->rate = count(arg, 1000000);
		break;
	case 's':
		o->seconds = count(arg, 600);
		break;
	default:
		usage("see the head of hs_load.c");
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "to", 1, NULL, 't' },	     { "peer", 1, NULL, 'p' }, { "from", 1, NULL, 'f' },
		{ "sources", 1, NULL, 'n' }, { "rate", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	static struct load l = { .o = { .sources = 1 } };
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(&l.o, c, optarg);
	if (crypto_init() || !ep_is_set(l.o.to) || node_key_is_zero(&l.o.peer) || !l.o.rate ||
	    !l.o.seconds || (l.o.sources > 1 && !ip_is_set(l.o.from)))
		usage("--to --peer --rate --seconds, and --from with --sources");
	load_open(&l);
	run(&l);
	printf("sent %llu refused %llu responses %llu cookies %llu others %llu\n",
	       (unsigned long long)l.sent, (unsigned long long)l.refused,
	       (unsigned long long)l.responses, (unsigned long long)l.cookies,
	       (unsigned long long)l.others);
	close(l.fd);
	return 0;
}
